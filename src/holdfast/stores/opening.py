"""From an address to a store."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from langgraph.store.base import TTLConfig

from holdfast.errors import ConfigurationError
from holdfast.stores.base import SqlStore

_FORMS = "'memory.db', 'sqlite:///path/to/memory.db', ':memory:' or 'postgresql://...'"


def open_store(
    url: str | Path = "memory.db",
    *,
    index: Mapping[str, Any] | None = None,
    ttl: TTLConfig | None = None,
    **settings: Any,
) -> SqlStore:
    """Open a store, making its file or tables if there are none.

    Args:
        url: A path, `sqlite:///path`, `:memory:` for one that ends with the process, or
            `postgresql://...`.
        index: LangGraph's `{"embed", "dims", "fields"}`; None finds by words alone. `embed` is an
            `Embeddings`, a function, `"provider:model"`, or `"local:..."`.
        ttl: LangGraph's `{"default_ttl", "refresh_on_read", "sweep_interval_minutes"}`.
        settings: Of that kind of store: see `SqliteStore` and `PostgresStore`.

    Returns:
        A LangGraph `BaseStore` and a `Ledger`, sync and async, to be used with `with` or closed
        by `close()`.

    Raises:
        ConfigurationError: The address is of no known form, or a setting cannot work.
        StoreError: The store cannot be opened, is damaged, or was written by a newer holdfast.

    Example:
        >>> with open_store(":memory:") as store:
        ...     store.put(("memories", "nora"), "tea", {"content": "likes tea"})
        ...     [item.key for item in store.search(("memories",), query="tea")]
        ['tea']
    """
    if is_postgres(url):
        from holdfast.stores.postgres.store import PostgresStore

        _check_settings(settings, PostgresStore)
        return PostgresStore(str(url), index=index, ttl=ttl, **settings)
    from holdfast.stores.sqlite.store import SqliteStore

    file = file_of(url)
    _check_settings(settings, SqliteStore)
    return SqliteStore(file, index=index, ttl=ttl, **settings)


def _check_settings(given: Mapping[str, Any], kind: type[SqlStore]) -> None:
    known = set(inspect.signature(kind).parameters) - {"path", "url", "index", "ttl"}
    for name in given:
        if name not in known:
            raise ConfigurationError(
                f"{kind.__name__} has no setting {name!r}; besides index and ttl there are "
                f"{', '.join(sorted(known))}."
            )


def is_postgres(url: str | Path) -> bool:
    """Tell whether an address is that of a PostgreSQL database.

    Example:
        >>> is_postgres("postgresql://localhost/memory")
        True
    """
    return isinstance(url, str) and url.startswith(("postgresql://", "postgres://"))


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
