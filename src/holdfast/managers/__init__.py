"""The write path: a conversation goes in, memories come out, or are kept."""

from holdfast.managers.creating import (
    create_memory_store_enricher,
    create_memory_store_manager,
)
from holdfast.managers.memory_manager import (
    MemoryManager,
    create_memory_enricher,
    create_memory_manager,
)
from holdfast.managers.store_manager import MemoryStoreManager

__all__ = [
    "MemoryManager",
    "MemoryStoreManager",
    "create_memory_enricher",
    "create_memory_manager",
    "create_memory_store_enricher",
    "create_memory_store_manager",
]
