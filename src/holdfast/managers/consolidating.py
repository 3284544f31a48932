"""Consolidation: what is known is looked over while nobody speaks, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, shown
from holdfast.extract import Draft, Known, model_name
from holdfast.flow import Flow, FlowRunnable, Perform
from holdfast.history import ChangeSet, Cursor, Provenance, Write
from holdfast.job import Fence
from holdfast.jobs.handling import Duty, metered
from holdfast.ledger import Ledger, LedgerStore
from holdfast.managers.gathering import RUN, Believed, Gathered, gather, is_ours, repeated, windows
from holdfast.managers.store_manager import MemoryStoreManager
from holdfast.managers.superseding import Planned, Window, joined
from holdfast.memory import Change, Receipt, Usage
from holdfast.namespace import NamespaceTemplate, current_config, decode_namespace
from holdfast.operations import Commit, ReadCursor

WINDOW = 4_000
"""Tokens of memories that a model is shown at once."""

THREAD = "consolidation"
"""The thread at whose cursor it is noted up to which revision memories were looked over."""


@dataclass(frozen=True, slots=True)
class Consolidation:
    """What a consolidation did, or would do.

    Args:
        receipt: What became of each memory, and what it cost.
        run: The name of the run, which every version names that it wrote:
            `store.revert(namespace, source=Source("run", run))` undoes the whole.
        change_sets: What was written; of a dry run, what would be.
        dry_run: Whether nothing was written.
    """

    receipt: Receipt
    run: str
    change_sets: tuple[ChangeSet, ...] = ()
    dry_run: bool = False

    @property
    def writes(self) -> tuple[Write, ...]:
        """Every memory that was written, or would be; none of them is a delete."""
        return tuple(write for changes in self.change_sets for write in changes.writes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        written = [
            {"key": one.key, "value": one.value, "supersedes": list(one.supersedes)}
            for one in self.writes
        ]
        receipt = self.receipt.to_dict()
        return {"run": self.run, "dry_run": self.dry_run, "writes": written, "receipt": receipt}


def consolidate(
    manager: MemoryStoreManager,
    namespace: tuple[str, ...] | str | None = None,
    *,
    store: BaseStore | None = None,
    config: RunnableConfig | None = None,
    dry_run: bool = False,
    window: int = WINDOW,
) -> Consolidation:
    """Look over what is known: join repetitions, resolve contradictions, generalise.

    Memories in the same words are joined without a model. Then the manager's model is shown the
    memories of the namespace in windows, what is alike in one, and goes over each with the
    manager's `phases`, or where it has none with instructions of ours. Nothing is deleted: what the
    model removes is superseded by what it wrote or kept in the same window, so that it is found
    where the past is asked about; what nothing stands for stays. Each window is written at once;
    one of whose memories somebody else changed meanwhile is left as it is.

    Args:
        manager: Whose model, schemas and phases; one without a model only joins repetitions.
        namespace: Where, in labels as people wrote them, perhaps with variables; by default that
            of the manager. What stands below it is left alone.
        store: A store of ours; by default that of the manager, or of the running graph.
        config: A RunnableConfig, for the variables of the namespace.
        dry_run: Whether nothing is written: the result tells what would be.
        window: Tokens of memories that the model is shown at once.

    Returns:
        What was done, with the name of the run, by which the whole is undone.

    Raises:
        ConfigurationError: The store keeps no history, or an argument cannot work.

    Example:
        >>> from holdfast import Source, consolidate, create_memory_store_manager, open_store
        >>> store = open_store(":memory:")
        >>> store.put(("m",), "1", {"content": "Nora likes tea"})
        >>> store.put(("m",), "2", {"content": "Nora likes the tea."})
        >>> done = consolidate(create_memory_store_manager(None, namespace="m"), store=store)
        >>> [(change.action, change.key) for change in done.receipt.changes]
        [('superseded', '1')]
        >>> undone = store.revert(("m",), source=Source("run", done.run))
        >>> store.records(("m",), ["1"])[0].superseded_by
        ()
        >>> store.close()
    """
    order, merged = _order(manager, namespace, store, config, dry_run, window)
    return _Consolidating().invoke(order, merged)


async def aconsolidate(
    manager: MemoryStoreManager,
    namespace: tuple[str, ...] | str | None = None,
    *,
    store: BaseStore | None = None,
    config: RunnableConfig | None = None,
    dry_run: bool = False,
    window: int = WINDOW,
) -> Consolidation:
    """Look over what is known, awaiting; see `consolidate`."""
    order, merged = _order(manager, namespace, store, config, dry_run, window)
    return await _Consolidating().ainvoke(order, merged)


class Consolidate:
    """Consolidates the namespace of a job; a handler of jobs (see `holdfast.jobs.Handler`).

    It is noted up to which revision memories were looked over. The model is shown the windows in
    which there is something newer, and is not asked where there is none.

    Args:
        manager: Whose model, schemas and phases.
        window: Tokens of memories that the model is shown at once.

    Example:
        >>> from holdfast import ChangeSet, Job, Worker, create_memory_store_manager, open_store
        >>> from holdfast.managers.consolidating import Consolidate
        >>> store = open_store(":memory:")
        >>> nightly = Consolidate(create_memory_store_manager(None, namespace="notes"))
        >>> job = Job("consolidate", handler=nightly.name, every=24 * 3600)
        >>> put = store.commit(ChangeSet(("notes",), jobs=(job,)))
        >>> Worker(store, [nightly]).drain()
        1
        >>> store.close()
    """

    def __init__(self, manager: MemoryStoreManager, *, window: int = WINDOW) -> None:
        self._manager, self._window = _checked(manager, window)
        self.name = f"consolidate:{manager.reader}"

    def __call__(self, duty: Duty) -> Receipt:
        """Consolidate where the job was put."""
        job = duty.job
        fence = Fence(job.name, job.fence)
        order = _Order(
            self._manager, duty.store, job.namespace, self._window, fence, self.name, duty
        )
        return _Consolidating().invoke(order, duty.config).receipt


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be consolidated.

    Args:
        manager: By whose model.
        store: Where.
        namespace: Stored labels.
        window: Tokens of memories that the model is shown at once.
        fence: The claim on the job, where it is one.
        reader: Under which name it is noted how far memories were looked over; None for all anew.
        duty: The job, whose limits count.
        dry_run: Whether nothing is written.
    """

    manager: MemoryStoreManager
    store: LedgerStore
    namespace: tuple[str, ...]
    window: int
    fence: Fence | None = None
    reader: str | None = None
    duty: Duty | None = None
    dry_run: bool = False


def _order(
    manager: MemoryStoreManager,
    namespace: tuple[str, ...] | str | None,
    store: BaseStore | None,
    config: RunnableConfig | None,
    dry_run: bool,
    window: int,
) -> tuple[_Order, RunnableConfig]:
    _checked(manager, window)
    merged = current_config(config)
    labels = (manager.namespace if namespace is None else NamespaceTemplate(namespace))(merged)
    kept = manager.store_for(merged) if store is None else store
    if not isinstance(kept, LedgerStore):
        raise ConfigurationError(
            f"Consolidation needs a store that keeps history, since it deletes nothing; got "
            f"{shown(kept)}. open_store('memory.db') makes one."
        )
    return _Order(manager, kept, labels, window, dry_run=dry_run), merged


def _checked(manager: MemoryStoreManager, window: int) -> tuple[MemoryStoreManager, int]:
    if not isinstance(manager, MemoryStoreManager):
        raise ConfigurationError(
            "consolidate takes what create_memory_store_manager returns, with its model, schemas "
            f"and phases; got {shown(manager)}."
        )
    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise ConfigurationError(f"window must be a number of tokens from 1, got {window!r}.")
    return manager, window


class _Consolidating(FlowRunnable[_Order, Consolidation]):
    """A consolidation as a Runnable, so that its model calls are in one trace."""

    name = "consolidation"

    def flow(self, input: _Order, config: RunnableConfig) -> Flow[Consolidation]:
        """Return the work as a flow."""
        flow = _Run(input, f"{RUN}{config['run_id']}").flow()
        return flow if input.duty is None else metered(flow, input.duty)


class _Run:
    """One consolidation under way.

    Args:
        order: What is to be done.
        run: Its name.
    """

    def __init__(self, order: _Order, run: str) -> None:
        self._order = order
        self._run = run
        self._store: Ledger = order.store.scoped(order.namespace)
        self._changes: list[Change] = []
        self._sets: list[ChangeSet] = []
        self._usage = Usage()
        self._revision: int | None = None

    def flow(self) -> Flow[Consolidation]:
        """Do it."""
        order, manager = self._order, self._order.manager
        kinds = None if manager.allowed.inserts else [schema.kind for schema in manager.schemas]
        gathered = yield from gather(self._store, order.namespace, kinds)
        since = -1
        if order.reader is not None:
            since = yield Perform(self._store, ReadCursor(order.namespace, THREAD, order.reader))
        believed = yield from self._join(gathered.believed)
        if manager.later.passes:
            try:
                yield from self._look_over(believed, gathered, since)
            except Exception as error:
                if self._sets and not order.dry_run:
                    error.add_note(f"What run {self._run!r} wrote before is kept.")
                raise
        return Consolidation(self._receipt(), self._run, tuple(self._sets), order.dry_run)

    def _receipt(self) -> Receipt:
        labels = decode_namespace(self._order.namespace)
        return Receipt(tuple(self._changes), labels, self._usage, revision=self._revision)

    def _join(self, believed: Sequence[Believed]) -> Flow[list[Believed]]:
        """Join what is told twice in the same words; return what is so then."""
        groups = repeated(believed)
        plan = joined(groups, Provenance(who="assistant", run=self._run))
        revision = yield from self._write(plan)
        if revision is None:
            return list(believed)
        written = {write.key: write for write in plan.writes}
        gone = {key for key, _ in plan.seen}
        return [
            _written(one, written[one.key], revision) if one.key in written else one
            for one in believed
            if one.key not in gone
        ]

    def _look_over(
        self, believed: Sequence[Believed], gathered: Gathered, since: int
    ) -> Flow[None]:
        """Let the model go over each window in which there is something new."""
        order, later = self._order, self._order.manager.later
        new = {one.key for one in believed if since < 0 or _is_new(one, since)}
        ordered = sorted(believed, key=lambda one: one.key not in new)
        taken = set(gathered.taken)
        for window in windows(ordered, order.window):
            alone = len(window) == 1 and not later.own
            if not alone and any(one.key in new for one in window):
                plan = yield from self._ask(window, taken)
                yield from self._write(plan)
                taken |= {write.key for write in plan.writes}
        done = not any(change.action == "conflict" for change in self._changes)
        if order.reader is not None and done and gathered.newest > since:
            cursor = Cursor(THREAD, gathered.newest, order.reader)
            mark = ChangeSet(order.namespace, cursors=(cursor,), fence=order.fence)
            yield Perform(self._store, Commit(mark))

    def _ask(self, window: Sequence[Believed], taken: set[str]) -> Flow[Planned]:
        manager = self._order.manager
        known = (
            Known(one.key, one.kind, one.content, one.content, date=one.date.isoformat())
            for one in window
        )
        draft = Draft(known, manager.schemas)
        for extractor in manager.later.passes:
            self._usage += yield from extractor.flow(draft, ())
        provenance = Provenance(
            who="assistant",
            run=self._run,
            model=model_name(manager.model),
            prompt=manager.later.prompt,
        )
        one_each = not manager.allowed.inserts
        asked = Window(window, taken, manager.schemas, one_each=one_each, provenance=provenance)
        return asked.plan(draft.changes())

    def _write(self, plan: Planned) -> Flow[int | None]:
        """Write a plan, all of it or nothing, and tell it; return the revision, if it was written.

        In a dry run that is the revision there was.
        """
        if not plan.writes:
            self._changes += plan.changes
            return None
        order = self._order
        changes = ChangeSet(order.namespace, writes=plan.writes, seen=plan.seen, fence=order.fence)
        if not order.dry_run:
            receipt: Receipt = yield Perform(self._store, Commit(changes))
            if receipt.conflicts:
                self._changes += _lost(plan, receipt)
                return None
            self._revision = receipt.revision
        self._sets.append(changes)
        self._changes += plan.changes
        return self._revision or 0


def _is_new(one: Believed, since: int) -> bool:
    return one.version.revision > since and not is_ours(one.version)


def _written(one: Believed, write: Write, revision: int) -> Believed:
    """Return a memory as it is after it was written again; 0 for a revision that was not drawn."""
    version = replace(
        one.version,
        revision=revision or one.version.revision,
        importance=write.importance or one.version.importance,
    )
    return replace(one, record=replace(one.record, version=version))


def _lost(plan: Planned, receipt: Receipt) -> list[Change]:
    """Return what became of a plan that was not written, since others wrote meanwhile."""
    told = {change.key for change in receipt.changes}
    reason = "not written, since something it was seen with was changed meanwhile"
    others = (
        replace(change, action="rejected", after=None, reason=f"{reason} @ {change.key}")
        for change in plan.changes
        if change.action == "superseded" and change.key not in told
    )
    kept = (one for one in plan.changes if one.action in ("unchanged", "rejected"))
    return [*receipt.changes, *others, *kept]
