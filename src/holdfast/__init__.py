"""Long-term memory for LLM agents: kept, versioned, traceable, and found again.

Names load when they are first used, so that `import holdfast` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.errors import ConfigurationError, HoldfastError
    from holdfast.managers.memory_manager import create_memory_enricher, create_memory_manager
    from holdfast.managers.store_manager import (
        MemoryStoreManager,
        create_memory_store_enricher,
        create_memory_store_manager,
    )
    from holdfast.memory import (
        Change,
        ExtractedMemory,
        Memory,
        MemoryPhase,
        Receipt,
        RemoveDoc,
    )
    from holdfast.namespace import NamespaceTemplate, decode_label, encode_label
    from holdfast.retrieval.asking import Recalled, arecall, recall
    from holdfast.stores.opening import open_store
    from holdfast.stores.sqlite.store import SqliteStore

__version__ = "0.1.0"

_ROOMS = {
    "holdfast.errors": ("ConfigurationError", "HoldfastError"),
    "holdfast.managers.memory_manager": ("create_memory_enricher", "create_memory_manager"),
    "holdfast.managers.store_manager": (
        "MemoryStoreManager",
        "create_memory_store_enricher",
        "create_memory_store_manager",
    ),
    "holdfast.memory": (
        "Change",
        "ExtractedMemory",
        "Memory",
        "MemoryPhase",
        "Receipt",
        "RemoveDoc",
    ),
    "holdfast.namespace": ("NamespaceTemplate", "decode_label", "encode_label"),
    "holdfast.retrieval.asking": ("Recalled", "arecall", "recall"),
    "holdfast.stores.opening": ("open_store",),
    "holdfast.stores.sqlite.store": ("SqliteStore",),
}
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Change",
    "ConfigurationError",
    "ExtractedMemory",
    "HoldfastError",
    "Memory",
    "MemoryPhase",
    "MemoryStoreManager",
    "NamespaceTemplate",
    "Recalled",
    "Receipt",
    "RemoveDoc",
    "SqliteStore",
    "arecall",
    "create_memory_enricher",
    "create_memory_manager",
    "create_memory_store_enricher",
    "create_memory_store_manager",
    "decode_label",
    "encode_label",
    "open_store",
    "recall",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
