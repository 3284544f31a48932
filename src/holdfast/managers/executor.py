"""Reflects later in this process and in workers: messages and a job, put in one transaction."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, shown
from holdfast.job import Job
from holdfast.jobs import telemetry
from holdfast.jobs.desk import Desk
from holdfast.jobs.futures import JobFuture
from holdfast.jobs.handling import Limits, Retry
from holdfast.jobs.running import Run
from holdfast.jobs.worker import LEASE
from holdfast.ledger import LedgerStore
from holdfast.managers.inputs import read_input
from holdfast.managers.reflecting import Reading, Reflect
from holdfast.managers.store_manager import MemoryStoreManager
from holdfast.namespace import (
    NamespaceTemplate,
    current_config,
    current_store,
    decode_namespace,
    thread_of,
)
from holdfast.stores.opening import open_store
from holdfast.stores.plan.checking import seconds
from holdfast.stores.plan.values import written

MAX_WAIT = 3600.0
"""Seconds for which a reflection is put off at most, by default."""


class _Left:
    """What stands for a `thread_id` that was left out."""


LEFT_OUT: Final = _Left()


class LocalReflectionExecutor:
    """Reflects later, in this process and in every `holdfast worker`; see `ReflectionExecutor`."""

    def __init__(
        self,
        reflector: Runnable[Any, Any],
        namespace: tuple[str, ...] | str | None = None,
        *,
        store: BaseStore | None = None,
        keep: Sequence[str] = (),
        max_wait: float = MAX_WAIT,
        work: bool = True,
        concurrency: int = 1,
        lease: float = LEASE,
        retry: Retry | None = None,
        limits: Limits | None = None,
        reader: str | None = None,
        reading: Reading | None = None,
    ) -> None:
        template = getattr(reflector, "namespace", None) if namespace is None else namespace
        if not isinstance(reflector, Runnable) or template is None:
            raise ConfigurationError(
                "ReflectionExecutor takes a memory manager, or any Runnable with a namespace: an "
                f"attribute of it, or the second argument; got {shown(reflector)}."
            )
        _check_settings(retry, limits, reader, reading, work=work)
        self.namespace = NamespaceTemplate(template)
        if isinstance(keep, str):
            raise ConfigurationError(f"keep must be a tuple of keys, got {keep!r}.")
        self.keep = tuple(keep)
        self._reflector = reflector
        own = reflector.own_store if isinstance(reflector, MemoryStoreManager) else None
        self._store = own if store is None else store
        self._max_wait = seconds(max_wait, "max_wait")
        self._work = work
        self._settings = {
            "concurrency": concurrency,
            "lease": lease,
            "retry": retry,
            "limits": limits,
        }
        self._reader = reader
        self._reading = reading
        self._lock = threading.Lock()
        self._desks: dict[tuple[int, tuple[str, ...]], tuple[BaseStore, Desk]] = {}
        self._process = os.getpid()
        self._is_shut = False
        # One thread, so that what is put first is first; only from within an event loop.
        self._putting = ThreadPoolExecutor(1, thread_name_prefix="holdfast-submit")

    # Putting

    def submit(
        self,
        payload: dict[str, Any],
        /,
        config: RunnableConfig | None = None,
        *,
        after_seconds: float = 0,
        thread_id: str | uuid.UUID | _Left | None = LEFT_OUT,
    ) -> JobFuture:
        """Let a conversation be reflected on later; what is said until then is reflected with it.

        When it returns, the messages and the job are stored. Within a running event loop they are
        stored right afterwards, in a thread, so that the loop is never blocked; see `asubmit`.

        Args:
            payload: `{"messages", "max_steps"?}` for a manager, or the input of another Runnable.
            config: A RunnableConfig; inside a graph it may be left out.
            after_seconds: How long to wait at least; each further submit for the same thread
                within that time puts it off anew, up to `max_wait` in all.
            thread_id: The conversation; by default that of the config. None is none: the messages
                stand for themselves, and are not merged with others.

        Returns:
            A future, whose result is the `Receipt`.

        Raises:
            ConfigurationError: A namespace variable or the store is missing, or it was shut down.
            InputError: The payload cannot be read; nothing was stored.
            StoreError: It could not be stored.
        """
        future = JobFuture()
        put = self._prepared(future, payload, config, after_seconds, thread_id)
        if not _in_a_loop():
            put()
            return future
        context = contextvars.copy_context()

        def later() -> None:
            try:
                context.run(put)
            except Exception as error:
                future.fail(error)

        self._putting.submit(later)
        return future

    async def asubmit(
        self,
        payload: dict[str, Any],
        /,
        config: RunnableConfig | None = None,
        *,
        after_seconds: float = 0,
        thread_id: str | uuid.UUID | _Left | None = LEFT_OUT,
    ) -> JobFuture:
        """Let a conversation be reflected on later, and await that it is stored; see `submit`."""
        future = JobFuture()
        put = self._prepared(future, payload, config, after_seconds, thread_id)
        context = contextvars.copy_context()
        await asyncio.get_running_loop().run_in_executor(self._putting, context.run, put)
        return future

    def _prepared(
        self,
        future: JobFuture,
        payload: Any,
        config: RunnableConfig | None,
        after: Any,
        thread_id: Any,
    ) -> Callable[[], None]:
        """Check a job, and return what puts it; until then nothing is stored, or waited for."""
        if self._is_shut:
            raise ConfigurationError("This ReflectionExecutor was shut down; make another one.")
        merged = current_config(config)
        after = seconds(after, "after_seconds")
        if not isinstance(thread_id, _Left):
            named = {**merged.get("configurable", {}), "thread_id": thread_id and str(thread_id)}
            merged = {**merged, "configurable": named}
        thread = thread_of(merged)
        store = current_store(self._store, merged)
        namespace = self.namespace(merged)
        kept = self._kept(merged, thread)
        handler = self._handler(store)
        if isinstance(handler, Run):
            changes = handler.put(namespace, payload, thread, kept, after=after)
        else:
            messages, max_steps = read_input(payload)
            if max_steps > 1:
                kept["max_steps"] = max_steps
            changes = handler.put(
                namespace, messages, thread, kept, after=after, max_wait=self._max_wait
            )
        for job in changes.jobs:
            written(job.payload, "What is kept of a reflection")
        merged.pop("run_id", None)  # it names the run that puts the job
        return lambda: self._desk(store).put(changes, merged, future)

    def _kept(self, config: RunnableConfig, thread: str | None) -> dict[str, Any]:
        """Return what a job keeps of a config: nothing that is secret, and nothing that is live."""
        given = config.get("configurable") or {}
        kept: dict[str, Any] = {}
        if named := {key: given[key] for key in self.keep if key in given}:
            kept["configurable"] = named
        if thread is not None:
            kept["thread_id"] = thread
        if trace := telemetry.current():
            kept["trace"] = trace
        return kept

    def _handler(self, store: BaseStore) -> Reflect | Run:
        if not isinstance(self._reflector, MemoryStoreManager):
            return Run(self._reflector, self._reader)
        apart = None if isinstance(store, LedgerStore) else store
        return Reflect(self._reflector, reader=self._reader, reading=self._reading, store=apart)

    def _desk(self, store: BaseStore) -> Desk:
        """Return where jobs of a store are put and done."""
        with self._lock:
            if self._process != os.getpid():
                self._process, self._desks = os.getpid(), {}  # a fork has no threads
                self._putting = ThreadPoolExecutor(1, thread_name_prefix="holdfast-submit")
            # A fence is made anew for each call; the store behind it is the same.
            place = (id(getattr(store, "whole", store)), getattr(store, "scope", ()))
            if place not in self._desks:
                durable = isinstance(store, LedgerStore) and not _in_memory(store)
                owned = not isinstance(store, LedgerStore)
                ledger = store if isinstance(store, LedgerStore) else open_store(":memory:")
                desk = Desk(
                    ledger,
                    self._handler(store),
                    store,
                    durable=durable,
                    owned=owned,
                    works=self._work or not durable,
                    settings=self._settings,
                )
                self._desks[place] = (store, desk)
            return self._desks[place][1]

    # Looking

    def search(
        self,
        query: str | None = None,
        *,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        namespace: str | tuple[str, ...] | None = None,
    ) -> list[dict[str, Any]]:
        """Return memories, best match first, each as a dict with `namespace`, `key`, `value`.

        Args:
            query: What to look for.
            filter: Fields that the stored values must have.
            limit: How many at most.
            offset: How many to skip.
            namespace: Where; by default the executor's own.
        """
        store, place = self._place(namespace)
        found = store.search(place, query=query, filter=filter, limit=limit, offset=offset)
        return [_told(item) for item in found]

    async def asearch(
        self,
        query: str | None = None,
        *,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        namespace: str | tuple[str, ...] | None = None,
    ) -> list[dict[str, Any]]:
        """Return memories, awaiting; see `search`."""
        store, place = self._place(namespace)
        found = await store.asearch(place, query=query, filter=filter, limit=limit, offset=offset)
        return [_told(item) for item in found]

    def _place(self, namespace: str | tuple[str, ...] | None) -> tuple[BaseStore, tuple[str, ...]]:
        config = current_config()
        template = self.namespace if namespace is None else NamespaceTemplate(namespace)
        return current_store(self._store, config), template(config)

    # Ending

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> list[Job]:
        """Take no more, and end.

        What is in a store of ours stays there: what was put here and is due is finished, what is
        due later, or waits to be tried again, is done by another executor or `holdfast worker`,
        and its future follows that. What is in memory alone is tried once more now, whenever it
        is due; what fails then, and all of it without `wait`, is lost, and that is logged.

        Args:
            wait: Whether to wait for work; without, what runs is handed back at once.
            cancel_futures: Whether what was put here and is not begun is cancelled.

        Returns:
            Jobs that are lost; none where the store keeps them.
        """
        self._is_shut = True
        self._putting.shutdown(wait=True)
        lost: list[Job] = []
        with self._lock:
            desks = [desk for _, desk in self._desks.values()]
            self._desks = {}
        for desk in desks:
            if cancel_futures:
                desk.cancel_all()
            if wait:
                desk.finish()
            lost += desk.close(wait=wait)
        return lost

    async def ashutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> list[Job]:
        """Take no more, and end, without blocking the loop; see `shutdown`."""
        return await asyncio.to_thread(self.shutdown, wait, cancel_futures=cancel_futures)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.ashutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown(wait=True)


def _check_settings(retry: Any, limits: Any, reader: Any, reading: Any, *, work: Any) -> None:
    """Raise ConfigurationError where a setting is of no form that is known."""
    for what, given, kind in (
        ("retry", retry, Retry),
        ("limits", limits, Limits),
        ("reading", reading, Reading),
        ("reader", reader, str),
    ):
        if given is not None and not isinstance(given, kind):
            raise ConfigurationError(f"{what} must be a {kind.__name__}, got {shown(given)}.")
    if reader == "":
        raise ConfigurationError("reader is empty; leave it out, or give it a name.")
    if not isinstance(work, bool):
        raise ConfigurationError(f"work must be True or False, got {shown(work)}.")


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_memory(store: Any) -> bool:
    return getattr(getattr(store, "whole", store), "path", None) == ":memory:"


def _told(item: Any) -> dict[str, Any]:
    return {**item.dict(), "namespace": decode_namespace(item.namespace)}
