"""Where memories are kept: one folder a backend."""

from holdfast.stores.opening import open_store
from holdfast.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore", "open_store"]
