"""Memories in one SQLite file."""
