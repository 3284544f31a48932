"""A worker: claims jobs that are due, runs them, keeps its leases, and hands back what it holds."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, StoreClosed, StoreError
from holdfast.job import Job
from holdfast.jobs import telemetry
from holdfast.jobs.attempting import Attempts, Ended, by_name
from holdfast.jobs.handling import Handler, Limits, Retry
from holdfast.ledger import LedgerStore
from holdfast.ledger.jobs import Listener
from holdfast.operations import ClaimJob, Namespace, NextJob, RenewJobs

LEASE = 60.0
"""Seconds after which the job of a worker that is silent may be taken over."""

IDLE = 30.0
"""Seconds after which a worker looks for jobs though nobody woke it."""

FOREVER = threading.TIMEOUT_MAX / 2
"""Seconds, where something is waited for however long it takes."""

PAUSE = 5.0
"""Seconds until a store that failed is asked again."""

log = logging.getLogger("holdfast")


class Worker:
    """Does the jobs of a store, in threads of its own, as long as it runs.

    Any number of workers may serve one store, in any number of processes. The interpreter can
    exit at any time: what a worker held is taken over when its lease ends.

    Args:
        store: Whose jobs; a fenced one gives those inside of its fence.
        handlers: What it can do.
        concurrency: How many jobs it does at once.
        lease: Seconds after which another worker may take over what this one has, if it is
            silent; it renews its leases three times as often.
        retry: How often a job is tried.
        limits: What models may cost in each namespace on each day.
        config_of: Returns the RunnableConfig for a job; by default one made from what was stored.
        ended: Called with the end of each run.

    Raises:
        ConfigurationError: There is no handler, two have one name, or a number is out of range.

    Example:
        >>> from holdfast import ChangeSet, Job, open_store
        >>> from holdfast.jobs import Reindex, Sweep, Worker
        >>> store = open_store(":memory:")
        >>> put = store.commit(ChangeSet(("upkeep",), jobs=(Job("sweep", handler="sweep"),)))
        >>> Worker(store, [Sweep()]).drain()
        1
        >>> store.jobs()
        []
        >>> store.close()
    """

    def __init__(
        self,
        store: LedgerStore,
        handlers: Sequence[Handler],
        *,
        concurrency: int = 1,
        lease: float = LEASE,
        retry: Retry | None = None,
        limits: Limits | None = None,
        config_of: Callable[[Job], RunnableConfig] | None = None,
        ended: Callable[[Ended], None] | None = None,
    ) -> None:
        self._handlers = by_name(handlers)
        if not isinstance(concurrency, int) or concurrency < 1 or not lease > 0:
            raise ConfigurationError(
                "concurrency must be a number from 1 and lease seconds above 0, got "
                f"{concurrency!r} and {lease!r}."
            )
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._store = store
        self._scope: Namespace = store.scope
        self._concurrency = concurrency
        self._lease = lease
        self._attempts = Attempts(store, self._handlers, retry or Retry(), limits, config_of)
        self._tell = ended
        self._changed = threading.Condition()
        self._running: dict[tuple[Namespace, str], Job] = {}
        self._stopping = False
        self._turn = 0
        self._done = 0
        self._rounds = 0
        self._idle_in = 0  # the last round that found nothing to do
        self._renewed = time.monotonic()
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    # Running

    def start(self) -> None:
        """Begin, in the background; to start one that runs changes nothing."""
        if self._thread is None or not self._thread.is_alive():
            name = f"holdfast-{self.name}"
            self._stopping = False
            self._listener = self._store.listen()
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Let it look for jobs now."""
        if self._listener is not None:
            self._listener.wake()

    def stop(self, grace: float = 10.0) -> list[Job]:
        """End: take nothing new, wait for what runs, then hand back what is not done.

        It may be started again.

        Args:
            grace: Seconds to wait for what runs.

        Returns:
            What was handed back; another worker begins it anew.
        """
        self._stopping = True
        self.wake()
        with self._changed:
            self._changed.wait_for(lambda: not self._running, grace)
            left, self._running = list(self._running.values()), {}
            self._changed.notify_all()
        for job in left:
            self._attempts.settle(job, "again", note="handed back by a worker that was stopped")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(min(grace + 1, FOREVER))
        return left

    def drain(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Do all that is due by now and what becomes due meanwhile, then end.

        Args:
            progress: Called with how many jobs are done, and how many there were.

        Returns:
            How many runs of jobs came to their end.
        """
        before = self._done
        due = 0
        if progress is not None:
            now = datetime.now(UTC)
            waiting = self._store.jobs()
            due = sum(job.wake_at is not None and job.wake_at <= now for job in waiting)
        with self._changed:
            begun = self._rounds
        self.start()
        self.wake()
        with self._changed:
            # A round that began before may have looked before what is due was put.
            while self._idle_in <= begun and self._thread is not None and self._thread.is_alive():
                self._changed.wait(0.2)
                if progress is not None:
                    done = self._done - before
                    progress(done, max(due, done + len(self._running)))
        self.stop(FOREVER)
        return self._done - before

    # The dispatcher

    def _work(self) -> None:
        listener = self._listener
        assert listener is not None
        try:
            while not self._stopping:
                try:
                    seconds = self._round()
                except StoreClosed:
                    return
                except StoreError as error:
                    log.warning("Jobs cannot be looked for, it is tried again: %s", error)
                    seconds = PAUSE
                if seconds > 0 and not self._stopping:
                    listener.wait(seconds)
            self._keep_leases()
        finally:
            listener.close()
            with self._changed:
                self._changed.notify_all()

    def _keep_leases(self) -> None:
        """Renew the leases of what still runs while the worker is being stopped."""
        while self._running:
            self._renew()
            with self._changed:
                self._changed.wait_for(lambda: not self._running, self._lease / 3)

    def _round(self) -> float:
        """Renew leases, and begin what is due; return the seconds to wait."""
        with self._changed:
            self._rounds += 1
        self._renew()
        until_due: float | None = None
        while len(self._running) < self._concurrency and not self._stopping:
            until_due = self._store.perform(NextJob(self._scope, tuple(self._handlers)))
            job = self._claim() if until_due is not None and until_due <= 0 else None
            if job is None:
                break
            self._begin(job)
        free = len(self._running) < self._concurrency
        due = until_due if free and until_due is not None else IDLE
        with self._changed:
            if not self._running and (until_due is None or until_due > 0):
                self._idle_in = self._rounds
            self._changed.notify_all()
        # What is due and was not to be had is another worker's, or not for this one's fence.
        return min(IDLE, self._lease / 3, due if due > 0 else 0.5)

    def _renew(self) -> None:
        now = time.monotonic()
        held = self._held()
        if not held or now - self._renewed < self._lease / 4:
            self._renewed = now if not held else self._renewed
            return
        self._renewed = now
        for job in self._store.perform(RenewJobs(self._scope, held, self._lease)):
            if job in self._held():  # and did not end in this moment
                log.warning("Job %r in %r is another worker's by now.", job.name, job.namespace)

    def _held(self) -> tuple[Job, ...]:
        with self._changed:
            return tuple(self._running.values())

    def is_doing(self, namespace: Namespace, name: str) -> bool:
        """Tell whether a job runs here, or has ended and its end is still to be told."""
        with self._changed:
            return (namespace, name) in self._running

    def _claim(self) -> Job | None:
        names = tuple(self._handlers)
        self._turn = (self._turn + 1) % len(names)
        turned = names[self._turn :] + names[: self._turn]
        held = tuple(job.fence for job in self._held())
        return self._store.perform(ClaimJob(self._scope, turned, self.name, self._lease, held))

    def _begin(self, job: Job) -> None:
        with self._changed:
            stopped = self._stopping
            if not stopped:
                self._running[job.namespace, job.name] = job
        if stopped:
            self._attempts.settle(job, "again")
            return
        run = threading.Thread(target=self._run, args=(job,), name=f"{self.name}-run", daemon=True)
        run.start()

    # One job

    def _run(self, job: Job) -> None:
        ended = Ended(job, over=False)
        try:
            with telemetry.running(job) as span:
                ended = self._attempts.run(job)
                telemetry.ended(span, job, ended.result, ended.error, over=ended.over)
        except BaseException as error:
            about = (job.name, job.namespace)
            log.exception("Job %r in %r is tried again, when its lease ends.", *about)
            ended = Ended(job, error=error, over=False)
        finally:
            try:
                if self._tell is not None:
                    self._tell(ended)
            finally:
                with self._changed:
                    if self._running.get((job.namespace, job.name)) is job:
                        del self._running[job.namespace, job.name]
                    self._done += 1
                    self._changed.notify_all()
                self.wake()
