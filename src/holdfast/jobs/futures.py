"""Futures of jobs: they follow what becomes of a job, whichever process does it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from typing import Any

from holdfast.errors import JobFailed, StoreClosed, StoreError
from holdfast.job import Outcome, Ticket
from holdfast.ledger import LedgerStore
from holdfast.memory import Receipt
from holdfast.operations import CancelJob, Outcomes

LONGEST = 1.0
"""Seconds between two looks at jobs, where nobody told of a change."""

FIRST = 0.05
"""Seconds until the first look; most who submit let go of the future before, and none is needed."""

SHARE = 10
"""How many times as long as a look took the next one waits at least."""


class JobFuture(Future[Any]):
    """What becomes of a job, as a `concurrent.futures.Future`.

    Its result is what the job did: a `Receipt`, without contents where another process did it.
    Its exception is what the job was given up for: in this process as it was raised, else a
    `JobFailed`. `cancel()` works until the work was begun, in whichever process.

    Attributes:
        ticket: By which `Ledger.outcome` tells how the job ended; None until it is put.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ticket: Ticket | None = None
        self._withdraw: Callable[[Ticket], bool] | None = None
        self._telling = threading.Lock()
        self._told = False

    def was_put(self, ticket: Ticket, withdraw: Callable[[Ticket], bool]) -> None:
        """Take the ticket of the job; where it was cancelled before, it is withdrawn now."""
        self.ticket, self._withdraw = ticket, withdraw
        if self.cancelled():
            withdraw(ticket)

    def cancel(self) -> bool:
        """Withdraw the job, where nobody has begun it; tell whether that was so."""
        if self.done():
            return self.cancelled()
        withdrawn = self.ticket is None or self._withdraw is None or self._withdraw(self.ticket)
        return withdrawn and self.drop()

    def drop(self) -> bool:
        """Be cancelled, whatever becomes of the job; tell whether it was still open."""
        if not super().cancel():
            return False
        with self._telling, contextlib.suppress(InvalidStateError, RuntimeError):
            if not self._told:
                self._told = True
                self.set_running_or_notify_cancel()  # which lets go of whoever waits for several
        return True

    async def acancel(self) -> bool:
        """Withdraw the job without blocking the loop, as `cancel` does for some milliseconds."""
        return await asyncio.to_thread(self.cancel)

    def settle(self, outcome: Outcome) -> None:
        """Take how the job ended."""
        if outcome.end == "cancelled":
            self.drop()
        elif outcome.end == "dead":
            name = self.ticket.job if self.ticket else ""
            self.fail(
                JobFailed(
                    f"Job {name!r} was given up: {outcome.error}. What it is about is in the "
                    "store; mend the cause, and `holdfast jobs retry` it."
                )
            )
        else:
            self.give(outcome.receipt or Receipt())

    def give(self, result: Any) -> None:
        """Take what the job did."""
        with contextlib.suppress(InvalidStateError):
            self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Take what the job was given up for."""
        with contextlib.suppress(InvalidStateError):
            self.set_exception(error)


class Futures:
    """The futures of one store that are still open; those that nobody holds are let go of.

    Args:
        store: Whose jobs.
        is_here: Whether a job, by namespace and name, runs in this process: then its end is told
            as it is, with contents, and not read from the store.
    """

    def __init__(
        self,
        store: LedgerStore,
        is_here: Callable[[tuple[str, ...], str], bool] = lambda namespace, name: False,
    ) -> None:
        self._store = store
        self._is_here = is_here
        self._lock = threading.Lock()
        self._open: dict[Ticket, weakref.ref[JobFuture]] = {}
        self._watching = False

    def add(self, future: JobFuture, ticket: Ticket) -> None:
        """Follow a future from now on."""
        future.was_put(ticket, self._withdraw)
        with self._lock:
            self._open[ticket] = weakref.ref(future)
            begin, self._watching = not self._watching, True
        if begin:
            watch = threading.Thread(target=self._watch, name="holdfast-futures", daemon=True)
            watch.start()

    def of(self, namespace: tuple[str, ...], job: str, up_to: int) -> list[JobFuture]:
        """Return the open futures of a job, of tickets up to a number."""
        return [
            future
            for ticket, future in self._held()
            if (ticket.namespace, ticket.job) == (namespace, job) and ticket.number <= up_to
        ]

    def all(self) -> list[JobFuture]:
        """Return every open future."""
        return [future for _, future in self._held()]

    def _held(self) -> Iterator[tuple[Ticket, JobFuture]]:
        with self._lock:
            found = [(ticket, ref()) for ticket, ref in self._open.items()]
            held = [(t, future) for t, future in found if future is not None and not future.done()]
            self._open = {ticket: self._open[ticket] for ticket, _ in held}
        return iter(held)

    def _withdraw(self, ticket: Ticket) -> bool:
        return self._store.perform(CancelJob(ticket.namespace, ticket.job, ticket.number))

    def _watch(self) -> None:
        """Look how jobs ended, as long as anybody waits for one."""
        time.sleep(FIRST)
        listener = self._store.listen()
        try:
            while self._goes_on():
                began = time.monotonic()
                try:
                    self._look()
                except StoreClosed as error:
                    self._lost(error)
                except StoreError:
                    listener.wait(LONGEST)
                time.sleep(min(LONGEST, SHARE * (time.monotonic() - began)))
                if self.all():
                    listener.wait(LONGEST)
        finally:
            listener.close()

    def _goes_on(self) -> bool:
        held = self.all()
        with self._lock:
            self._watching = bool(held) or bool(self._open)
            return self._watching

    def _look(self) -> None:
        named: dict[tuple[str, ...], list[tuple[Ticket, JobFuture]]] = defaultdict(list)
        for ticket, future in self._held():
            named[ticket.namespace].append((ticket, future))
        for namespace, pairs in named.items():
            asked = tuple((ticket.job, ticket.number) for ticket, _ in pairs)
            found = self._store.perform(Outcomes(namespace, asked))
            for (ticket, future), outcome in zip(pairs, found, strict=True):
                if outcome is not None and not self._is_here(namespace, ticket.job):
                    future.settle(outcome)

    def _lost(self, error: StoreClosed) -> None:
        """Tell those who wait that nobody can look any more; the jobs are still in the store."""
        for future in self.all():
            future.fail(error)
