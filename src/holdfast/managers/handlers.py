"""What a worker can do with what a user names: a manager, another Runnable, or a handler."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import Runnable

from holdfast.errors import ConfigurationError, shown
from holdfast.jobs.handling import Handler
from holdfast.jobs.running import Run
from holdfast.managers.consolidating import Consolidate
from holdfast.managers.reflecting import Reflect
from holdfast.managers.store_manager import MemoryStoreManager


def handlers_of(given: Any) -> list[Handler]:
    """Return the handlers that a manager, a Runnable, a handler, or a list of them stands for.

    Raises:
        ConfigurationError: It is none of them.

    Example:
        >>> from holdfast import create_memory_store_manager
        >>> manager = create_memory_store_manager(None, namespace=("notes",))
        >>> [handler.name for handler in handlers_of(manager)]
        ['reflect:reflection', 'consolidate:reflection']
    """
    if isinstance(given, list | tuple):
        return [handler for one in given for handler in handlers_of(one)]
    if isinstance(given, MemoryStoreManager):
        return [Reflect(given), Consolidate(given)]
    if isinstance(given, Runnable):
        return [Run(given)]
    if callable(given) and isinstance(getattr(given, "name", None), str):
        return [given]
    raise ConfigurationError(
        f"A worker takes a memory manager, another Runnable, or a handler; got {shown(given)}."
    )
