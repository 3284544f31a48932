"""Where an executor's jobs are put and done, for one store."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import StoreClosed, StoreError
from holdfast.history import ChangeSet
from holdfast.job import Job, Ticket
from holdfast.jobs import telemetry
from holdfast.jobs.attempting import Ended, stored_config
from holdfast.jobs.futures import Futures, JobFuture
from holdfast.jobs.handling import Handler
from holdfast.jobs.worker import FOREVER, Worker
from holdfast.ledger import LedgerStore
from holdfast.operations import RetryJob

LIVE = 10_000
"""How many configs of jobs are kept in memory; others are made from what is stored."""

log = logging.getLogger("holdfast")

_OPEN: set[Desk] = set()


class Desk:
    """One store's jobs, as an executor puts and does them.

    Args:
        ledger: Where jobs are put.
        handler: What does them.
        store: Where memories go.
        durable: Whether what is put outlives this process.
        owned: Whether the ledger is this desk's own, and is closed with it.
        works: Whether jobs are done in this process.
        settings: Of the worker.
    """

    def __init__(
        self,
        ledger: LedgerStore,
        handler: Handler,
        store: BaseStore,
        *,
        durable: bool,
        owned: bool,
        works: bool,
        settings: Mapping[str, Any],
    ) -> None:
        self.durable = durable
        self._owned = owned
        self._ledger = ledger
        self._store = store
        self._futures = Futures(ledger, self._is_here)
        self._lock = threading.Lock()
        self._live: OrderedDict[tuple[tuple[str, ...], str], RunnableConfig] = OrderedDict()
        self._mine: dict[tuple[tuple[str, ...], str], tuple[int, float]] = {}
        self._put_off: dict[tuple[tuple[str, ...], str], int] = {}
        self._closing = False
        self._worker: Worker | None = None
        if works:
            self._worker = Worker(
                ledger, [handler], config_of=self.config_of, ended=self._ended, **settings
            )
            self._worker.start()
        _OPEN.add(self)

    def put(self, changes: ChangeSet, config: RunnableConfig, future: JobFuture) -> None:
        """Put a job; the future follows it, and gets the error where it cannot be put."""
        (job,) = changes.jobs
        place = (changes.namespace, job.name)
        with self._lock:
            self._live[place] = config
            if len(self._live) > LIVE:
                self._live.popitem(last=False)
        with telemetry.submitting(job.handler):
            receipt = self._ledger.commit(changes)
        (number,) = receipt.tickets
        with self._lock:
            self._mine[place] = (number, time.monotonic() + job.after)
        self._futures.add(future, Ticket(*place, number))

    def config_of(self, job: Job) -> RunnableConfig:
        """Return the config of a job: as it was handed in, or made from what was stored."""
        with self._lock:
            live = self._live.get((job.namespace, job.name))
        return live if live is not None else stored_config(job, self._store)

    def _is_here(self, namespace: tuple[str, ...], name: str) -> bool:
        return self._worker is not None and self._worker.is_doing(namespace, name)

    def _ended(self, ended: Ended) -> None:
        job = ended.job
        place = (job.namespace, job.name)
        futures = self._futures.of(*place, job.ticket)
        is_last = ended.over or (self._closing and not self.durable)
        # Before it counts as ended, so that nobody who waits for the end lets go of them.
        for future in futures:
            if ended.over and ended.error is None:
                future.give(ended.result)
            elif is_last and ended.error is not None:
                future.fail(ended.error)
        with self._lock:
            number, _ = self._mine.get(place, (0, 0.0))
            if number > job.ticket:
                return  # it was put again meanwhile
            if self._mine.pop(place, None) and not ended.over:
                self._put_off[place] = number  # which `finish` does not wait for
            if ended.over:
                self._put_off.pop(place, None)
                self._live.pop(place, None)

    # Closing

    def cancel_all(self) -> None:
        """Withdraw what was put here and is not begun."""
        for future in self._futures.all():
            future.cancel()

    def finish(self) -> None:
        """Wait for what was put here: what is due, or all of it where it would be lost."""
        if self._worker is None:
            return
        self._closing = True
        if not self.durable:
            with self._lock:
                waiting = {place: number for place, (number, _) in self._mine.items()}
                waiting |= self._put_off
                self._mine = {place: (number, 0.0) for place, number in waiting.items()}
                self._put_off = {}
            with contextlib.suppress(StoreClosed):
                for place in waiting:
                    self._ledger.perform(RetryJob(*place))
        with contextlib.suppress(StoreClosed):  # then nobody does anything any more
            while self._is_busy():
                time.sleep(0.02)

    def _is_busy(self) -> bool:
        """Tell whether something is due that was put here, and did not end yet."""
        with self._lock:
            now = time.monotonic()
            due = {place: number for place, (number, at) in self._mine.items() if at <= now}
        for place, number in due.items():
            if self._ledger.outcome(Ticket(*place, number)) is None:
                return True
            with self._lock:
                if self._mine.get(place, (0, 0.0))[0] == number:
                    del self._mine[place]
        return False

    def close(self, *, wait: bool) -> list[Job]:
        """End; return what is left undone, which is lost where it is in memory alone.

        Args:
            wait: Whether what runs is waited for.
        """
        _OPEN.discard(self)
        if self._worker is not None:
            self._worker.stop(FOREVER if wait else 0.0)
        if self.durable:
            return []
        with self._lock:
            mine = {*self._mine, *self._put_off}
        left: list[Job] = []
        with contextlib.suppress(StoreClosed):
            left = [job for job in self._ledger.jobs() if (job.namespace, job.name) in mine]
        if left:
            log.warning(
                "%d reflections waited in memory alone and are lost, the first in %r; "
                "a store of ours, in a file or a database, keeps them.",
                len(left),
                left[0].namespace,
            )
        for future in self._futures.all():
            future.drop()  # also of what was running: nobody is left to end it
        if self._owned:
            cast("Any", self._ledger).close()
        return left


@atexit.register
def _close_all() -> None:
    """Hand back what is held, at the interpreter's exit; nothing is waited for."""
    for desk in list(_OPEN):
        with contextlib.suppress(StoreError):  # it was closed before
            desk.close(wait=False)
