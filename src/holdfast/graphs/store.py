"""The store of a LangGraph server: ours, set up by the environment."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast.errors import ConfigurationError, shown
from holdfast.home import default_store, make_folder
from holdfast.stores.base import SqlStore
from holdfast.stores.opening import file_of, is_postgres, open_store

STORE, EMBED, DIMS = "HOLDFAST_STORE", "HOLDFAST_EMBED", "HOLDFAST_DIMS"


class _Shared:
    """One open store for all threads of a process, closed when the last has left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._store: SqlStore | None = None

    def enter(self) -> SqlStore:
        with self._lock:
            if self._store is None:
                self._store = store_from_environment()
            self._users += 1
            return self._store

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._store is not None:
                store, self._store = self._store, None
                store.close()


_SHARED = _Shared()


@asynccontextmanager
async def server_store() -> AsyncIterator[SqlStore]:
    """Open the server's store; the factory that `langgraph.json` names.

    A server calls it once in each of its threads that asks for the store, on an event loop that
    must not be blocked, and takes what it is given as it is. So all threads get one store, which
    is opened and closed in a thread of its own.

    Raises:
        ConfigurationError: A variable of the environment cannot be read.
        StoreError: The store cannot be opened, is damaged, or was written by a newer holdfast.

    Example:
        >>> os.environ["HOLDFAST_STORE"] = ":memory:"
        >>> async def look():
        ...     async with server_store() as store:
        ...         return await store.asearch(("memories",))
        >>> asyncio.run(look())
        []
        >>> del os.environ["HOLDFAST_STORE"]
    """
    store = await asyncio.to_thread(_SHARED.enter)
    try:
        yield store
    finally:
        await asyncio.to_thread(_SHARED.leave)


def store_from_environment(environment: Mapping[str, str] | None = None) -> SqlStore:
    """Open the store that the environment names.

    Args:
        environment: `HOLDFAST_STORE` is a file or `postgresql://...`, by default `memory.db` in
            the user's data folder; folders are made. `HOLDFAST_EMBED` is `provider:model` or
            `local:...`, with the length of its vectors in `HOLDFAST_DIMS`; without them words
            find. None is that of this process.

    Raises:
        ConfigurationError: One of the last two is missing, or is no number.
        InputError: The folder cannot be made.
        StoreError: The store cannot be opened, is damaged, or was written by a newer holdfast.

    Example:
        >>> with store_from_environment({"HOLDFAST_STORE": ":memory:"}) as store:
        ...     store.put(("notes",), "tea", {"content": "likes tea"})
        ...     [item.key for item in store.search(("notes",))]
        ['tea']
    """
    given = os.environ if environment is None else environment
    index = _index(given)
    address = given.get(STORE) or default_store()
    if not is_postgres(address) and (file := file_of(address)) != ":memory:":
        make_folder(Path(file).parent, f" of {STORE}")
    return open_store(address, index=index)


def _index(given: Mapping[str, str]) -> dict[str, Any] | None:
    embed, dims = given.get(EMBED), given.get(DIMS)
    if not embed and not dims:
        return None
    if not embed or not dims or not dims.isdecimal():
        raise ConfigurationError(
            f"Set both {EMBED}, such as openai:text-embedding-3-small, and {DIMS}, how many "
            f"numbers its vectors have, such as 1536; got {shown(embed)} and {shown(dims)}."
        )
    return {"embed": embed, "dims": int(dims)}
