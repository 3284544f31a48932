"""Memories and conversations that come from elsewhere."""
