"""From an address to a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from holdfast.errors import ConfigurationError
from holdfast.stores.sqlite.store import SqliteStore

_FORMS = "'memory.db', 'sqlite:///path/to/memory.db' or ':memory:'"


def open_store(url: str | Path = "memory.db", *, busy_timeout: float = 10.0) -> SqliteStore:
    """Open a store, making its file if there is none.

    Args:
        url: A path, `sqlite:///path`, or `:memory:` for one that ends with the process.
        busy_timeout: Seconds to wait while another process writes.

    Returns:
        A LangGraph `BaseStore`, sync and async, to be used with `with` or closed by `close()`.

    Raises:
        ConfigurationError: The address is of no known form.
        StoreError: The file cannot be opened, is damaged, or was written by a newer holdfast.

    Example:
        >>> with open_store(":memory:") as store:
        ...     store.put(("memories", "nora"), "tea", {"content": "likes tea"})
        ...     [item.key for item in store.search(("memories",), query="tea")]
        ['tea']
    """
    return SqliteStore(file_of(url), busy_timeout=busy_timeout)


def file_of(url: str | Path) -> str:
    """Return the file that an address names, without opening it.

    Raises:
        ConfigurationError: The address is of no known form.

    Example:
        >>> file_of("sqlite:///my%20memory.db")
        'my memory.db'
    """
    if not isinstance(url, str | Path):
        raise ConfigurationError(f"The store's address must be a text, got {url!r}; use {_FORMS}.")
    address = str(url)
    if address.startswith("file:"):
        raise ConfigurationError(
            f"{address!r} is SQLite's own form of address, which may name a store that vanishes; "
            f"use {_FORMS}."
        )
    if address == ":memory:" or "://" not in address:
        path = address
    elif address.startswith("sqlite:///"):
        path = unquote(address.removeprefix("sqlite:///"))
    else:
        scheme = address.partition("://")[0]
        raise ConfigurationError(
            f"No store is known for {scheme!r} addresses; this version opens {_FORMS}."
        )
    if not path:
        raise ConfigurationError(f"The store's address {address!r} names no file; use {_FORMS}.")
    return path
