"""What all parts of the suite share: how a store is opened, and what it may lack."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar

import pytest
from langgraph.store.base import BaseStore, Item

from holdfast.errors import ConfigurationError
from holdfast.testing.store_conformance.embedder import WordVectors

T = TypeVar("T")

CAPABILITIES = ("filters", "words", "vectors", "ttl", "ledger")
"""What a store may lack without breaking LangGraph's contract."""

REFUSALS = (ValueError, TypeError, NotImplementedError)
"""How a store says that it does not know what it was asked for."""

NS = ("suite", "one")
"""The namespace of tests that need just one."""


class MakeStore(Protocol):
    """Opens a new, empty store."""

    def __call__(
        self, index: dict[str, Any] | None = None, ttl: dict[str, Any] | None = None
    ) -> BaseStore:
        """Return a store.

        Args:
            index: `dims`, `embed`, `fields`, as LangGraph's `IndexConfig`.
            ttl: `default_ttl`, `refresh_on_read`, `omit_expired`, as LangGraph's `TTLConfig`.

        Raises:
            NotImplementedError: The store takes no such setting; what needs it is skipped.
        """


class Suite:
    """Base of all parts.

    Attributes:
        required: Capabilities whose absence is a failure; otherwise what needs them is skipped.
        large_batch: How many puts the very large batch has. 70,000 finds out who counts in 16
            bits, and takes a while.
    """

    required: ClassVar[tuple[str, ...]] = ()
    large_batch: ClassVar[int] = 15_000

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Open new, empty stores and close them after the test; to be overridden."""
        raise ConfigurationError(
            f"{type(self).__name__} does not say how to open its store; give it a fixture "
            "`make_store` that returns a function (index=None, ttl=None) -> store."
        )

    @pytest.fixture
    def store(self, make_store: MakeStore) -> BaseStore:
        """A new, empty store without an index."""
        return make_store()

    def with_index(
        self, make_store: MakeStore, embedder: WordVectors, **settings: Any
    ) -> BaseStore:
        """Open a store with an index; skip where it takes none."""
        try:
            return make_store(index={"dims": embedder.dims, "embed": embedder, **settings})
        except NotImplementedError as error:
            self.lacks("vectors", f"no vectors: {error}")

    def with_ttl(self, make_store: MakeStore, **config: Any) -> BaseStore:
        """Open a store with a TTL configuration; skip where it takes none."""
        try:
            store = make_store(ttl=config)
        except NotImplementedError as error:
            self.lacks("ttl", f"no TTL: {error}")
        if not store.supports_ttl:
            self.lacks("ttl", "no TTL: supports_ttl is False")
        return store

    def run(self, awaited: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; to be overridden for stores that belong to one event loop."""
        return asyncio.run(awaited)

    def lacks(self, capability: str, why: str) -> NoReturn:
        """Skip a test for lack of a capability, or fail it where that is required."""
        if capability in self.required:
            pytest.fail(f"{capability!r} is required, but: {why}")
        pytest.skip(why)


def keys(items: list[Any]) -> list[str]:
    """Return the keys of items, in order."""
    return [item.key for item in items]


def held(item: Item | None) -> Any:
    """Return the value of an item; None when there is no item."""
    return item.value if item is not None else None
