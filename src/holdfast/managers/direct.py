"""Direct access to a manager's memories: get, search, put, delete, sync and async."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import NOT_PROVIDED, BaseStore, Item, NotProvided, SearchItem
from pydantic import BaseModel

from holdfast.errors import InputError
from holdfast.flow import Flow, FlowRunnable, Perform, StoreCall, arun, run
from holdfast.history import ChangeSet, Write
from holdfast.ledger import Ledger
from holdfast.memory import DEFAULT_KEY, unwrap
from holdfast.namespace import NamespaceTemplate, current_config, decode_namespace
from holdfast.operations import Commit
from holdfast.schema import Invalid, Schema
from holdfast.stores.plain import fenced


class DirectAccess(FlowRunnable[Any, list[dict[str, Any]]]):
    """Get, search, put and delete in the namespace of a manager."""

    schemas: tuple[Schema, ...]
    namespace: NamespaceTemplate

    @abstractmethod
    def store_for(self, config: RunnableConfig) -> BaseStore:
        """Return the store of this call."""

    @abstractmethod
    def default(self, config: RunnableConfig) -> tuple[Schema, Any] | None:
        """Return the default, if there is one."""

    def get_namespace(self, config: RunnableConfig | None = None) -> tuple[str, ...]:
        """Return the namespace of this call, in stored labels."""
        return self.namespace(config)

    def get(
        self,
        key: str,
        *,
        refresh_ttl: bool | None = None,
        config: RunnableConfig | None = None,
    ) -> Item | None:
        """Return one memory, its value as an instance of its schema; None when there is none.

        Args:
            key: Its key; `"default"` gives the manager's default as long as nothing is stored.
            refresh_ttl: Whether its time to live starts anew, where the store has one.
            config: A RunnableConfig, for the namespace and the store.
        """
        return run(self._get(key, refresh_ttl, current_config(config)))

    async def aget(
        self,
        key: str,
        *,
        refresh_ttl: bool | None = None,
        config: RunnableConfig | None = None,
    ) -> Item | None:
        """Return one memory, awaiting; see `get`."""
        return await arun(self._get(key, refresh_ttl, current_config(config)))

    def _get(self, key: str, refresh_ttl: bool | None, config: RunnableConfig) -> Flow[Item | None]:
        store, namespace = self._place(config)
        item = yield StoreCall(store, "get", (namespace, key), {"refresh_ttl": refresh_ttl})
        if item is not None:
            return Item(**self._seen(item))
        default = self._default_item(config) if key == DEFAULT_KEY else None
        return default and Item(**_fields(default))

    def search(
        self,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
        config: RunnableConfig | None = None,
    ) -> list[SearchItem]:
        """Return memories, best match first, their values as instances of their schemas.

        Args:
            query: What to look for; without it the store's own order holds.
            filter: Fields that the stored values must have.
            limit: How many at most.
            offset: How many to skip.
            refresh_ttl: Whether their time to live starts anew, where the store has one.
            config: A RunnableConfig, for the namespace and the store.
        """
        args = (query, filter, limit, offset, refresh_ttl)
        return run(self._search(*args, current_config(config)))

    async def asearch(
        self,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
        config: RunnableConfig | None = None,
    ) -> list[SearchItem]:
        """Return memories, awaiting; see `search`."""
        args = (query, filter, limit, offset, refresh_ttl)
        return await arun(self._search(*args, current_config(config)))

    def _search(
        self,
        query: str | None,
        filter: dict[str, Any] | None,
        limit: int,
        offset: int,
        refresh_ttl: bool | None,
        config: RunnableConfig,
    ) -> Flow[list[SearchItem]]:
        store, namespace = self._place(config)
        wanted = {
            "query": query,
            "filter": filter,
            "limit": limit,
            "offset": offset,
            "refresh_ttl": refresh_ttl,
        }
        items = yield StoreCall(store, "search", (namespace,), wanted)
        default = self._default_item(config) if not items and not offset else None
        found = [SearchItem(**self._seen(item), score=item.score) for item in items]
        return found or ([default] if default else [])

    def put(
        self,
        key: str,
        value: Mapping[str, Any] | BaseModel,
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
        config: RunnableConfig | None = None,
    ) -> None:
        """Store a value under a key.

        Args:
            key: Its key.
            value: A dict, stored as it is, or an instance of a schema of the manager.
            index: Which fields to index; False for none.
            ttl: Minutes to live, where the store has that.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: The value is neither.
        """
        run(self._put(key, value, index, ttl, current_config(config)))

    async def aput(
        self,
        key: str,
        value: Mapping[str, Any] | BaseModel,
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
        config: RunnableConfig | None = None,
    ) -> None:
        """Store a value under a key, awaiting; see `put`."""
        await arun(self._put(key, value, index, ttl, current_config(config)))

    def _put(
        self,
        key: str,
        value: Any,
        index: Literal[False] | list[str] | None,
        ttl: float | NotProvided | None,
        config: RunnableConfig,
    ) -> Flow[None]:
        store, namespace = self._place(config)
        standing = False
        for schema in self.schemas:
            if schema.holds(value):
                value = {"kind": schema.kind, "content": schema.dump(value)}
                standing = schema.standing
                break
        if not isinstance(value, Mapping):
            kinds = ", ".join(schema.kind for schema in self.schemas)
            raise InputError(f"A value must be a dict or an instance of {kinds}; got {value!r}.")
        if standing and isinstance(store, Ledger):
            fields = tuple(index) if isinstance(index, list) else index
            one = Write(key, value, index=fields, ttl=ttl, pin=True)
            yield Perform(store, Commit(ChangeSet(namespace, (one,))))
            return
        yield StoreCall(store, "put", (namespace, key, dict(value), index), {"ttl": ttl})

    def delete(self, key: str, config: RunnableConfig | None = None) -> None:
        """Remove one memory; removing what is not there is harmless."""
        run(self._delete(key, current_config(config)))

    async def adelete(self, key: str, config: RunnableConfig | None = None) -> None:
        """Remove one memory, awaiting; see `delete`."""
        await arun(self._delete(key, current_config(config)))

    def _delete(self, key: str, config: RunnableConfig) -> Flow[None]:
        store, namespace = self._place(config)
        yield StoreCall(store, "delete", (namespace, key))

    def _place(self, config: RunnableConfig) -> tuple[BaseStore, tuple[str, ...]]:
        namespace = self.namespace(config)
        return fenced(self.store_for(config), namespace), namespace

    def _default_item(self, config: RunnableConfig) -> SearchItem | None:
        default = self.default(config)
        if default is None:
            return None
        now = datetime.now(UTC)
        labels = decode_namespace(self.namespace(config))
        return SearchItem(labels, DEFAULT_KEY, default[1], created_at=now, updated_at=now)

    def _seen(self, item: Item) -> dict[str, Any]:
        """Return an item's fields as a caller sees them."""
        fields = _fields(item)
        return {
            **fields,
            "namespace": decode_namespace(item.namespace),
            "value": _instance(item.value, self.schemas),
        }


def _fields(item: Item) -> dict[str, Any]:
    names = ("namespace", "key", "value", "created_at", "updated_at")
    return {name: getattr(item, name) for name in names}


def _instance(value: Mapping[str, Any], schemas: Sequence[Schema]) -> Any:
    """Return a value as an instance of its schema; as it is stored when it fits none."""
    kind, content = unwrap(value)
    for schema in schemas:
        if schema.kind == kind and "kind" in value:
            try:
                return schema.validate(content)
            except Invalid:
                return value
    return value
