"""What both stores are: a LangGraph `BaseStore` and a ledger over plans of statements."""

from __future__ import annotations

import asyncio
import contextvars
import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from langgraph.store.base import Op, Result, TTLConfig

from holdfast.errors import ConfigurationError
from holdfast.flow import adrive, drive
from holdfast.ledger import LedgerStore
from holdfast.ledger.jobs import Listener
from holdfast.operations import LedgerOp, Namespace
from holdfast.stores import works
from holdfast.stores.noting import Notes
from holdfast.stores.plan.effects import (
    EmbedQuery,
    EmbedTexts,
    Examine,
    Scrub,
    Transaction,
    Work,
)
from holdfast.stores.plan.indexing import Indexing, Vector
from holdfast.stores.scoped import ScopedStore
from holdfast.stores.sweeping import Sweeper, interval, read_ttl

T = TypeVar("T")

THREADS = 8
"""How many calls of one store wait for its database at once, when they are awaited."""


class SqlStore(LedgerStore):
    """A store over an SQL database; a backend adds how a transaction runs.

    Args:
        index: LangGraph's `{"embed", "dims", "fields"}`; None finds by words alone.
        ttl: LangGraph's `{"default_ttl", "refresh_on_read", "sweep_interval_minutes"}`.
    """

    supports_ttl = True

    def __init__(self, index: Mapping[str, Any] | None, ttl: TTLConfig | None) -> None:
        self.indexing = Indexing(index)
        self.index_config = dict(index) if index is not None else None
        self.ttl_config = read_ttl(ttl)
        self._threads = _threads()
        self._process = os.getpid()
        self._sweeper = Sweeper(self.sweep_ttl)
        self._notes = Notes()

    # What a backend adds

    @abstractmethod
    def transact(self, transaction: Transaction) -> Any:
        """Run a plan in one transaction; return what it returns."""

    @abstractmethod
    def scrub(self) -> str | None:
        """Take the bytes of what was erased out of the files; return why that cannot be yet."""

    def examine(self) -> list[str]:
        """Let the database examine its own files; return what it finds wrong."""
        return []

    @abstractmethod
    def listen(self) -> Listener:
        """Return what waits for jobs to be put or ended, in this process or another."""

    @abstractmethod
    def close(self) -> None:
        """Close the store; closing twice is harmless."""

    # BaseStore

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction.

        Args:
            ops: Operations of LangGraph's store; reads see the state before the writes, and of
                two writes to one key the last counts.

        Raises:
            InputError: A value is no JSON data, or a filter cannot be read; nothing was written.
            StoreError: The store is busy, full, read-only, damaged, or closed.
        """
        return drive(works.items(works.listed(ops), self.indexing), self._do)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction, without blocking the loop; see `batch`."""
        return await adrive(works.items(works.listed(ops), self.indexing), self._ado)

    # Ledger

    def perform(self, op: LedgerOp[T]) -> T:
        """Do one operation of the ledger, in one transaction."""
        return cast("T", drive(self._work(op), self._do))

    async def aperform(self, op: LedgerOp[T]) -> T:
        """Do one operation of the ledger, without blocking the loop; see `perform`."""
        return cast("T", await adrive(self._work(op), self._ado))

    def _work(self, op: LedgerOp[T]) -> Work[Any]:
        default_ttl = (self.ttl_config or {}).get("default_ttl")
        return works.with_notes(op, self._notes, self.indexing, default_ttl)

    def write_notes(self) -> None:
        """Write down what was recalled and still waits to be counted."""
        drive(works.noted(self._notes.take()), self._do)

    def close_notes(self, whose: str) -> None:
        """Write down what was recalled, and take no more of it.

        Args:
            whose: What the store is called in the error of a later call.
        """
        drive(works.noted(self._notes.close(whose)), self._do)

    def scoped(self, namespace: Namespace) -> ScopedStore:
        """Return this store and ledger, fenced to a namespace; see `Ledger.scoped`."""
        return ScopedStore(self, namespace)

    # Time to live

    def sweep_ttl(self) -> int:
        """Erase memories whose time to live is over; return how many."""
        return drive(works.sweep(), self._do)

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> None:
        """Sweep in the background from now on; a store with a `ttl` does so by itself."""
        if sweep_interval_minutes is None:
            sweep_interval_minutes = (self.ttl_config or {}).get("sweep_interval_minutes")
        minutes = works.SWEEP_MINUTES if sweep_interval_minutes is None else sweep_interval_minutes
        self._sweeper.start(interval(minutes, "sweep_interval_minutes"))

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop sweeping; return whether it has come to rest."""
        return self._sweeper.stop(timeout)

    # Running

    def _do(self, asked: Any) -> Any:
        if isinstance(asked, Transaction):
            return self.transact(asked)
        if isinstance(asked, Scrub):
            return self.scrub()
        if isinstance(asked, Examine):
            return self.examine()
        if isinstance(asked, EmbedQuery):
            return Vector.of(self._embedder.query(asked.text))
        return _by_text(asked.texts, self._embedder.documents(asked.texts))

    async def _ado(self, asked: Any) -> Any:
        if isinstance(asked, EmbedQuery):
            return Vector.of(await self._embedder.aquery(asked.text))
        if isinstance(asked, EmbedTexts):
            return _by_text(asked.texts, await self._embedder.adocuments(asked.texts))
        loop = asyncio.get_running_loop()
        call = contextvars.copy_context().run
        if self._process != os.getpid():
            self._process, self._threads = os.getpid(), _threads()  # a fork has no threads
        return await loop.run_in_executor(self._threads, call, self._do, asked)

    @property
    def _embedder(self) -> Any:
        if self.indexing.embedder is None:
            raise ConfigurationError(
                "This store has no embedder; open it with index={'embed': ..., 'dims': ...}."
            )
        return self.indexing.embedder

    # Opening and closing

    async def aclose(self) -> None:
        """Close the store without blocking the loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="holdfast")


def _by_text(texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> dict[str, Vector]:
    return {text: Vector.of(vector) for text, vector in zip(texts, vectors, strict=True)}
