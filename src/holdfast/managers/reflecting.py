"""Reflecting on a conversation later: from where a reader stopped, in windows, each told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import StoreBusy
from holdfast.flow import Flow, FlowRunnable, Perform
from holdfast.history import ChangeSet, Cursor, Entry, Said
from holdfast.job import Fence, Job
from holdfast.jobs.handling import Duty, metered
from holdfast.journal import once
from holdfast.ledger import Ledger
from holdfast.managers.keeping import keep
from holdfast.managers.store_manager import MemoryStoreManager
from holdfast.memory import MESSAGE_KIND, Change, Message, Receipt
from holdfast.namespace import decode_namespace
from holdfast.operations import Commit, Journal, ReadCursor, Threads
from holdfast.stores.plain import fenced
from holdfast.wording.context import count_tokens

WINDOW = 4_000
"""Tokens of new messages that a model is shown at once."""

EARLIER = 6
"""How many messages before them it is shown, to understand them."""

PAGE = 500
"""How many messages are read at once."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a conversation is read.

    Args:
        window: Tokens of new messages that a model is shown at once; one long message may be more.
        earlier: How many messages before them it is shown.
    """

    window: int = WINDOW
    earlier: int = EARLIER


class Reflect:
    """Reflects on a thread; a handler of jobs (see `holdfast.jobs.Handler`).

    The cursor moves in the transaction that writes the memories, and every transaction names the
    claim on the job. So to do a job twice has the effect of doing it once.

    Args:
        manager: Whose memories.
        reader: Under which name it is noted how far it has come.
        reading: How the conversation is read.
        store: Where memories go, where that is another store than that of the journal: then a
            window whose memories are written and whose cursor is not may be told twice.
    """

    def __init__(
        self,
        manager: MemoryStoreManager,
        *,
        reader: str | None = None,
        reading: Reading | None = None,
        store: BaseStore | None = None,
    ) -> None:
        self._manager = manager
        self._reader = reader or manager.reader
        self._reading = reading or Reading()
        self._store = store
        self.name = f"reflect:{self._reader}"

    def put(
        self,
        namespace: tuple[str, ...],
        messages: Sequence[Message],
        thread: str | None,
        payload: dict[str, Any],
        *,
        after: float,
        max_wait: float,
    ) -> ChangeSet:
        """Return the change set that keeps messages, and lets them be reflected on later."""
        named = thread or once([message for message in messages if message.text or message.calls])
        job = Job(
            f"{self.name} {named}",
            payload,
            handler=self.name,
            thread=named,
            after=after,
            max_wait=max(max_wait, after),
        )
        said = (Said(tuple(messages), thread),) if messages else ()
        return ChangeSet(namespace, journal=said, jobs=(job,))

    def __call__(self, duty: Duty) -> Receipt | None:
        """Reflect on what is new in the job's thread."""
        return _Reflection(self._manager, self._reader, self._reading, self._store).invoke(
            duty, duty.config
        )


class _Reflection(FlowRunnable[Duty, Receipt]):
    """One reflection, as a Runnable, so that its model calls are in one trace."""

    name = "reflection"

    def __init__(
        self,
        manager: MemoryStoreManager,
        reader: str,
        reading: Reading,
        store: BaseStore | None,
    ) -> None:
        self._manager = manager
        self._reader = reader
        self._reading = reading
        self._store = store

    def flow(self, input: Duty, config: RunnableConfig) -> Flow[Receipt]:
        """Return the work for one job as a flow."""
        return metered(self._reflect(input, config), input)

    def _reflect(self, duty: Duty, config: RunnableConfig) -> Flow[Receipt]:
        job = duty.job
        thread = job.thread or ""
        seq: int = yield Perform(duty.store, ReadCursor(job.namespace, thread, self._reader))
        # What is said from now on is another run's, which waits for its own quiet period.
        ends: dict[str, int] = yield Perform(duty.store, Threads(job.namespace))
        end = ends.get(thread, 0)
        whole = Receipt(namespace=decode_namespace(job.namespace))
        while True:
            first = max(0, seq - self._reading.earlier)
            page = Journal(job.namespace, thread, first, self._reading.earlier + PAGE)
            entries: list[Entry] = yield Perform(duty.store, page)
            earlier = [entry.message for entry in entries if entry.seq <= seq]
            fresh = [entry for entry in entries if seq < entry.seq <= end]
            window = _window(fresh, self._reading.window)
            if not window:
                return whole
            receipt = yield from self._one(duty, earlier, window, config)
            whole = _together(whole, receipt)
            seq = window[-1].seq

    def _one(
        self,
        duty: Duty,
        earlier: Sequence[Message],
        window: Sequence[Entry],
        config: RunnableConfig,
    ) -> Flow[Receipt]:
        """Reflect on one window; its memories and the cursor are committed together."""
        job, manager = duty.job, self._manager
        messages = [entry.message for entry in window]
        keys = tuple(entry.key for entry in window)
        moved = Cursor(job.thread or "", window[-1].seq, self._reader)
        along = ChangeSet(
            job.namespace,
            cursors=(moved,),
            provenance=replace(
                manager.provenance(config, messages), thread=job.thread, messages=keys
            ),
            fence=Fence(job.name, job.fence),
        )
        store = fenced(self._store or duty.store, job.namespace)
        if manager.model is None:
            return (yield from self._kept(duty, store, window, along))
        steps = job.payload.get("max_steps") or 1
        puts = yield from manager.remember(
            store, messages, config, along, earlier=earlier, max_steps=steps
        )
        if puts.receipt.conflicts:
            raise StoreBusy(
                f"Others changed the memories of {job.namespace!r} each time that they were to be "
                "written; nothing was, and it is tried again."
            )
        if not isinstance(store, Ledger):
            yield Perform(duty.store, Commit(along))
        return puts.receipt

    def _kept(
        self, duty: Duty, store: BaseStore, window: Sequence[Entry], along: ChangeSet
    ) -> Flow[Receipt]:
        """Return what is kept where no model is asked: the messages, word for word."""
        yield Perform(duty.store, Commit(along))
        if not isinstance(store, Ledger):
            said = Said(tuple(entry.message for entry in window), duty.job.thread)
            kept = yield from keep(store, duty.job.namespace, said)
            receipt: Receipt = kept.receipt
            return receipt
        told = (Change("inserted", e.key, MESSAGE_KIND, None, e.content) for e in window)
        return Receipt(tuple(told), decode_namespace(duty.job.namespace))


def _window(entries: Sequence[Entry], tokens: int) -> list[Entry]:
    """Return the first entries whose words fit; at least one, if there is one."""
    sizes = accumulate(count_tokens(entry.message.text) for entry in entries)
    fits = sum(size <= tokens for size in sizes)
    return list(entries[: max(fits, 1)])


def _together(one: Receipt, other: Receipt) -> Receipt:
    """Return one receipt for two windows."""
    return replace(
        other,
        changes=(*one.changes, *other.changes),
        usage=one.usage + other.usage,
        revision=other.revision or one.revision,
    )
