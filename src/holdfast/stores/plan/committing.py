"""Change sets: read and checked before anything is written, then committed whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from langgraph.store.base import InvalidNamespaceError, NotProvided, PutOp

from holdfast.errors import InputError, shown
from holdfast.history import ChangeSet, Provenance, Write, instant
from holdfast.memory import Change, Receipt, is_standing, unwrap
from holdfast.namespace import RESERVED_ROOT, decode_namespace
from holdfast.stores.plan import journal, queue
from holdfast.stores.plan.checking import check_changes
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Draw, Lock, Plan, Sql
from holdfast.stores.plan.indexing import Fields, Indexing, Vector, is_paths
from holdfast.stores.plan.recalls import count
from holdfast.stores.plan.spaces import (
    chunks,
    joined,
    now_text,
    space_of,
    spaces_made,
)
from holdfast.stores.plan.values import check_namespace, check_place, written
from holdfast.stores.plan.writing import Outcome, Prepared, apply, last_of_each, stand, unmet


class Ready(NamedTuple):
    """A change set that was read and checked."""

    changes: ChangeSet
    writes: list[Prepared]
    stretches: list[journal.Stretch]

    def texts(self) -> list[str]:
        """Return every text that is to be embedded."""
        found = [text for write in self.writes for text in write.texts]
        spoken = (message for stretch in self.stretches for message in stretch.messages)
        return [*found, *(journal.message_text(message) for message in spoken)]

    def embedded(self, vectors: Mapping[str, Vector]) -> None:
        """Take the vectors of the texts."""
        for write in self.writes:
            write.vectors = [vectors[text] for text in write.texts]
        for stretch in self.stretches:
            texts = map(journal.message_text, stretch.messages)
            stretch.vectors = [vectors[text] for text in texts]


def prepare_put(op: PutOp, indexing: Indexing) -> Prepared:
    """Return LangGraph's operation, read and checked."""
    check_place(op.namespace, op.key)
    if op.value is not None and not isinstance(op.value, Mapping):
        raise InputError(f"A value must be a dict, got {shown(op.value)} for {op.key!r}.")
    value = None if op.value is None else written(op.value, f"The value of {op.key!r}")
    if op.index is not None and op.index is not False and not is_paths(op.index):
        raise InputError(
            f"index of {op.key!r} must be False, None or a list of paths, got {shown(op.index)}."
        )
    fields: Fields = False if op.index is False else op.index or None
    texts = indexing.texts(op.value, fields) if op.value is not None else []
    ttl = _minutes(op.ttl, op.key)
    stands = op.value is not None and is_standing(op.value)
    return Prepared(tuple(op.namespace), op.key, value, fields, texts, ttl, stands=stands)


def _minutes(ttl: Any, key: str) -> float | None:
    if ttl is None or isinstance(ttl, NotProvided):
        return None
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 <= ttl < 1e9:
        raise InputError(f"The ttl of {key!r} must be minutes from 0 on, got {ttl!r}.")
    return float(ttl)


def prepare(changes: ChangeSet, indexing: Indexing, default_ttl: float | None) -> Ready:
    """Return a change set, read and checked."""
    if not isinstance(changes, ChangeSet):
        raise InputError(f"commit takes a ChangeSet, got {shown(changes)}.")
    namespace = check_namespace(changes.namespace)
    if namespace[:1] == (RESERVED_ROOT,):
        raise InvalidNamespaceError(f"LangGraph keeps the root label {RESERVED_ROOT!r} to itself.")
    check_changes(changes)
    writes = [_prepared(write, changes, indexing, default_ttl) for write in changes.writes]
    for job in changes.jobs:
        check_place(namespace, job.name)
        written(job.payload, f"The payload of job {job.name!r}")
        instant(job.due_at, "due_at")
    stretches = [journal.Stretch(namespace, said) for said in changes.journal]
    return Ready(
        replace(changes, namespace=namespace),
        last_of_each(_expecting(writes)),
        [stretch for stretch in stretches if stretch.said.messages],
    )


def _expecting(writes: Sequence[Prepared]) -> list[Prepared]:
    """Let the last write to a key expect what an earlier one to it expects.

    Raises:
        InputError: Two of them expect different revisions, of which one cannot be there.
    """
    expected: dict[str, int] = {}
    for write in writes:
        if write.expect is None:
            continue
        if expected.setdefault(write.key, write.expect) != write.expect:
            raise InputError(
                f"Two writes to {write.key!r} in one change set expect different revisions, "
                f"{expected[write.key]} and {write.expect}."
            )
    return [replace(write, expect=expected.get(write.key)) for write in writes]


def _prepared(
    write: Write, changes: ChangeSet, indexing: Indexing, default_ttl: float | None
) -> Prepared:
    ttl = default_ttl if isinstance(write.ttl, NotProvided) else write.ttl
    index: Any = list(write.index) if isinstance(write.index, tuple) else write.index
    op = PutOp(changes.namespace, write.key, write.value, index, ttl=ttl)
    prepared = prepare_put(op, indexing)
    known = type(write.importance) is int and write.importance in range(1, 6)
    if write.importance is not None and not known:
        raise InputError(f"importance must be 1 to 5, got {write.importance!r} for {write.key!r}.")
    if not all(write.supersedes) or write.key in write.supersedes:
        raise InputError(
            f"supersedes must be keys of other memories, got {shown(write.supersedes)} for "
            f"{write.key!r}."
        )
    prepared.expect = write.expect
    prepared.importance = write.importance
    prepared.valid_from = instant(write.valid_from, "valid_from")
    prepared.valid_to = instant(write.valid_to, "valid_to")
    if prepared.valid_from and prepared.valid_to and prepared.valid_to < prepared.valid_from:
        raise InputError(
            f"valid_to of {write.key!r} must not be before valid_from, {shown(write.valid_from)}; "
            f"got {shown(write.valid_to)}."
        )
    prepared.supersedes = write.supersedes
    prepared.keep = write.keep
    prepared.pin = write.pin
    prepared.provenance = write.provenance or changes.provenance
    return prepared


def commit(ready: Ready, embedder: str | None) -> Plan[Receipt]:
    """Commit a change set: all of it, or nothing."""
    changes, path = ready.changes, joined(ready.changes.namespace)
    threads = {stretch.thread for stretch in ready.stretches} | {c.thread for c in changes.cursors}
    fence = {changes.fence.job} if changes.fence else set()
    jobs = {job.name for job in changes.jobs} | set(changes.finished) | fence
    keys = {*changes.recalled, *(f"thread {name}" for name in threads), *map("job {}".format, jobs)}
    keys |= {key for key, _ in changes.seen}
    yield Lock(sorted({*(write.place for write in ready.writes), *((path, key) for key in keys)}))
    yield from queue.check_fence(path, changes.fence)
    standing = yield from stand(ready.writes)
    namespace = decode_namespace(changes.namespace)
    moved = yield from _moved(changes)
    if standing.conflict or moved:
        return Receipt((*_refused(ready.writes, standing.outcomes), *moved), namespace)
    drawn = yield Draw(standing.numbers)
    revision = drawn[0]
    told: list[Change] = []
    tickets: tuple[int, ...] = ()
    if ready.stretches or changes.cursors or changes.jobs or changes.finished:
        space = (yield from spaces_made([path]))[path]
        for stretch in ready.stretches:
            told += yield from journal.append(space, stretch, revision, embedder)
        yield from journal.move_cursors(space, changes.cursors)
        tickets = yield from queue.schedule(space, changes)
    _name_sources(ready, told)
    yield from _check_named(ready, told)
    yield from apply(standing, drawn, embedder)
    yield from _recalled(path, changes.recalled)
    done = tuple(map(_change, ready.writes, standing.outcomes))
    wrote = bool(standing.changes) or any(change.action == "inserted" for change in told)
    noted = revision if wrote else None
    return Receipt(done, namespace, journal=tuple(told), revision=noted, tickets=tickets)


def _moved(changes: ChangeSet) -> Plan[tuple[Change, ...]]:
    """Return a conflict for each memory that is not as it was seen; the places must be locked."""
    if not changes.seen:
        return ()
    space = yield from space_of(changes.namespace)
    there: dict[str, int] = {}
    for part in chunks([key for key, _ in changes.seen]):
        rows = yield Sql("records", {"space": space, "keys": part, "now": now_text()})
        there |= {row["key"]: row["revision"] for row in rows}
    return tuple(
        Change("conflict", key, None, reason=unmet(key, seen, there.get(key, 0)))
        for key, seen in changes.seen
        if there.get(key, 0) != seen
    )


def _name_sources(ready: Ready, told: Sequence[Change]) -> None:
    """Make the messages of a change set the sources of the writes that name none of their own."""
    messages = tuple(dict.fromkeys(change.key for change in told if change.key))
    thread = ready.stretches[0].thread if ready.stretches else None
    last = {write.key: write for write in ready.changes.writes}
    own = {key for key, write in last.items() if write.provenance is not None}
    for write in ready.writes:
        if write.key not in own:
            named: Provenance = write.provenance
            write.provenance = replace(
                named,
                thread=named.thread or thread,
                messages=tuple(dict.fromkeys((*named.messages, *messages))),
            )


def _check_named(ready: Ready, told: Sequence[Change]) -> Plan[None]:
    """Refuse writes that name memories or messages which are not in their namespace.

    A name with a slip in it would say nothing, and what was forgotten meanwhile is not to live on.
    """
    puts = {write.key for write in ready.writes if write.value is not None}
    kept = {change.key for change in told}
    older = {key for write in ready.writes for key in write.supersedes} - puts
    spoken = {key for write in ready.writes for key in write.provenance.messages} - kept
    if not older and not spoken:
        return
    space = yield from space_of(ready.changes.namespace)
    for part in chunks(sorted(older)):
        there = yield Sql("taken_memories", {"space": space, "keys": part})
        older -= {row["key"] for row in there}
    for part in chunks(sorted(spoken)):
        there = yield Sql("taken_messages", {"space": space, "keys": part})
        spoken -= {row["key"] for row in there}
    for missing, what in ((older, "supersedes names memories"), (spoken, "messages are named")):
        if missing:
            raise InputError(
                f"{what} that are not in {ready.changes.namespace!r}: {shown(sorted(missing))}. "
                "They never were there, or were forgotten; nothing was written. Leave them out."
            )


def _recalled(path: str, keys: Sequence[str]) -> Plan[None]:
    if not keys:
        return
    rows = yield Sql("space", {"path": path})
    if rows:
        times = {key: keys.count(key) for key in dict.fromkeys(keys)}
        yield from count(rows[0]["id"], times, now_text(), used=True)


def _change(write: Prepared, outcome: Outcome) -> Change:
    before, after = read_value(outcome.before), read_value(write.value)
    kind = unwrap(after or before or {})[0]
    return Change(
        outcome.action,
        write.key,
        kind,
        None if before is None else unwrap(before)[1],
        None if after is None else unwrap(after)[1],
        write.importance,
        outcome.reason,
        write.pin,
    )


def _refused(writes: Sequence[Prepared], outcomes: Sequence[Outcome]) -> tuple[Change, ...]:
    """Return what became of each write of a set of which nothing was written."""
    reason = "not written, since another write of this change set met a conflict"
    return tuple(
        _change(write, outcome)
        if outcome.action == "conflict"
        else replace(_change(write, outcome), action="rejected", reason=f"{reason} @ {write.key}")
        for write, outcome in zip(writes, outcomes, strict=True)
    )
