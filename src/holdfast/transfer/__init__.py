"""Memories and conversations that come from elsewhere, or go there."""

from holdfast.transfer.importing import import_chatgpt, import_items, import_mem0
from holdfast.transfer.jsonl import export_store, import_store

__all__ = ["export_store", "import_chatgpt", "import_items", "import_mem0", "import_store"]
