"""One attempt at a job: it is handed to its handler, and what becomes of it is written down."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from holdfast.errors import ClaimLost, ConfigurationError, StoreBusy, StoreError, shown
from holdfast.job import Job, Settled, without_contents
from holdfast.jobs.handling import Duty, Handler, LimitReached, Limits, Retry, said_of
from holdfast.ledger import LedgerStore
from holdfast.memory import Receipt
from holdfast.operations import SettleJob

SETTLING = (0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to write down what became of a job, while others hold the store."""

log = logging.getLogger("holdfast")


@dataclass(frozen=True, slots=True)
class Ended:
    """One run of a job that came to its end.

    Args:
        job: The job, as it was claimed.
        result: What its handler returned.
        error: What it raised.
        over: Whether the job is not tried again.
    """

    job: Job
    result: Any = None
    error: BaseException | None = None
    over: bool = True


class Attempts:
    """Does claimed jobs, each in the thread that calls.

    Args:
        store: Whose jobs.
        handlers: What does them, by name.
        retry: How often a job is tried.
        limits: What models may cost in each namespace on each day.
        config_of: Returns the RunnableConfig for a job; by default one made from what was stored.
    """

    def __init__(
        self,
        store: LedgerStore,
        handlers: dict[str, Handler],
        retry: Retry,
        limits: Limits | None,
        config_of: Callable[[Job], RunnableConfig] | None,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._retry = retry
        self._limits = limits
        self._config_of = config_of or (lambda job: stored_config(job, store))

    def run(self, job: Job) -> Ended:
        """Do a job, and write down what became of it."""
        if job.attempts > self._retry.attempts:
            error = ConfigurationError(f"its worker ended {job.attempts - 1} times in its midst")
            return self._failed(job, error)
        config = self._config_of(job)
        try:
            result = self._handlers[job.handler](Duty(self._store, job, config, self._limits))
        except LimitReached as limit:
            self.settle(job, "again", wait=limit.seconds, note=str(limit))
            return Ended(job, error=limit, over=False)
        except ClaimLost as error:
            log.warning("%s", error)
            return Ended(job, error=error, over=False)
        except BaseException as error:
            return self._failed(job, error)
        told = result if isinstance(result, Receipt) else None
        held = self.settle(job, "done", receipt=told)
        return Ended(job, result, over=held)

    def _failed(self, job: Job, error: BaseException) -> Ended:
        over = self._retry.is_over(job, error)
        note = said_of(error)
        about = (job.attempts, job.name, job.namespace)
        log.warning("Attempt %d of job %r in %r failed: %s", *about, note)
        if over:
            held = self.settle(job, "dead", note=note)
        else:
            wait = self._retry.wait(job.attempts)
            held = self.settle(job, "again", wait=wait, note=note, counted=True)
        return Ended(job, error=error, over=over and held)

    def settle(
        self,
        job: Job,
        end: Settled,
        *,
        wait: float = 0.0,
        note: str | None = None,
        counted: bool = False,
        receipt: Receipt | None = None,
    ) -> bool:
        """Write down what became of a job; tell whether it was still this worker's."""
        kept = None if receipt is None else without_contents(receipt)
        place = (job.namespace, job.name, job.fence)
        op = SettleJob(*place, end, wait, note, counted, kept)
        try:
            for pause in (*SETTLING, None):
                try:
                    self._store.perform(op)
                    break
                except StoreBusy:
                    if pause is None:
                        raise
                    time.sleep(pause)
        except ClaimLost as error:
            log.warning("%s", error)
            return False
        except StoreError as error:
            log.warning("What became of job %r is not written down: %s", job.name, error)
            return False
        return True


def stored_config(job: Job, store: BaseStore) -> RunnableConfig:
    """Return the config of a job, made from what was stored with it."""
    kept = dict(job.payload.get("configurable") or {})
    kept[CONFIG_KEY_RUNTIME] = Runtime(store=store)
    if thread := job.payload.get("thread_id"):
        kept["thread_id"] = thread
    about = {"holdfast_job": job.name, "holdfast_trace": job.payload.get("trace")}
    return RunnableConfig(configurable=kept, metadata={name: v for name, v in about.items() if v})


def by_name(handlers: Sequence[Handler]) -> dict[str, Handler]:
    """Return handlers by their names.

    Raises:
        ConfigurationError: There is none, one is no handler, or two have one name.
    """
    found: dict[str, Handler] = {}
    if callable(handlers) or not isinstance(handlers, Iterable):
        raise ConfigurationError(f"A worker takes a list of handlers, got {shown(handlers)}.")
    for handler in handlers:
        name = getattr(handler, "name", None)
        # A manager has a name and can be called, too, but not with a job.
        fits = callable(handler) and not isinstance(handler, Runnable)
        if not fits or not isinstance(name, str):
            raise ConfigurationError(
                f"A worker takes handlers, got {shown(handler)}. For a memory manager, or another "
                "Runnable, give handlers_of(it), from holdfast.managers.handlers."
            )
        if name in found:
            raise ConfigurationError(
                f"Two handlers of a worker have the name {name!r}; give one of them another name "
                "(reader=...), or leave it out."
            )
        found[name] = handler
    if not found:
        raise ConfigurationError("A worker needs handlers; got none.")
    return found
