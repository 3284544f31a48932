"""Commits what a model changed, with the messages it came from, and an honest receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.store.base import BaseStore

from holdfast.flow import Flow, exclusively
from holdfast.history import ChangeSet, Write
from holdfast.ledger import Ledger
from holdfast.managers.known import KnownItems
from holdfast.memory import (
    Action,
    Change,
    Receipt,
    content_key,
    normalised,
    profile_key,
    same,
    unwrap,
    wrap,
)
from holdfast.namespace import decode_namespace
from holdfast.patch import merge
from holdfast.schema import Invalid, Schema
from holdfast.stores.plain import TRIES, Held, held, write

Puts = list[dict[str, Any]]


def commit(
    store: BaseStore,
    namespace: tuple[str, ...],
    changes: Sequence[Change],
    items: KnownItems,
    schemas: Sequence[Schema],
    *,
    one_each: bool,
    along: ChangeSet | None = None,
) -> Flow[tuple[Puts, Receipt]]:
    """Write the changes, all or none; return the puts, and what became of each change.

    What changed in the store while the model was thinking is not overwritten: an update is made
    again on the newer version, and a memory that was deleted meanwhile stays so. Where the store
    keeps history, what was read is compared with what is there in the writing transaction itself.

    Args:
        store: Where to.
        namespace: Stored labels.
        changes: From the draft, referring to items by the ids of `items`.
        items: What was known.
        schemas: The manager's, which validate an update that is made again.
        one_each: Whether there is one document of each kind, under a key of its own.
        along: What is committed with them, in a store with a ledger: the messages that they came
            from, a reader that has moved on, and where they come from.
    """
    if items.fresh_default:
        changes = _with_default(changes, items)
    changes = _with_standing(changes, schemas, one_each=one_each)
    changes = _rewritten(changes, items, one_each=one_each)
    wanted = along if along is not None and isinstance(store, Ledger) else ChangeSet(namespace)
    moves = wanted.journal or wanted.cursors
    if not moves and not any(_writes(change) for change in changes):
        return [], Receipt(tuple(changes), decode_namespace(namespace))
    # Where versions are compared this spares the flows of one process to try again.
    release = yield exclusively(store, namespace)
    try:
        for _ in range(TRIES):
            settled, writes = yield from _settle(
                store, namespace, changes, items, schemas, one_each=one_each
            )
            receipt: Receipt = yield from write(store, replace(wanted, writes=tuple(writes)))
            if not receipt.conflicts:
                break
    finally:
        release()
    done = _told(settled, receipt)
    labels = decode_namespace(namespace)
    lost = {change.key for change in receipt.conflicts}
    puts = [
        {"namespace": labels, "key": one.key, "value": one.value}
        for one in writes
        if one.value is not None and not lost
    ]
    return puts, replace(receipt, changes=done)


def _writes(change: Change) -> bool:
    return change.action in ("inserted", "updated", "deleted")


def _settle(
    store: BaseStore,
    namespace: tuple[str, ...],
    changes: Sequence[Change],
    items: KnownItems,
    schemas: Sequence[Schema],
    *,
    one_each: bool,
) -> Flow[tuple[tuple[Change, ...], list[Write]]]:
    """Return what comes of the changes in the face of what the store holds, and the writes."""
    keys = [_key(change, items, one_each=one_each) for change in changes]
    found = yield from held(store, namespace, keys)
    settled = tuple(
        _settled(change, key, now, items, schemas)
        for change, key, now in zip(changes, keys, found, strict=True)
    )
    writes: list[Write] = []
    for change, now in zip(settled, found, strict=True):
        if not _writes(change):
            continue
        there = now if now is not None and now.key == change.key else None
        value = None
        if change.action != "deleted":
            like = there.value if there and change.action == "updated" else None
            value = wrap(change.kind or "", change.after, like)
        expect = (there.revision if there else 0) if isinstance(store, Ledger) else None
        one = Write(change.key or "", value, expect, pin=change.standing or None)
        writes.append(replace(one, importance=change.importance, keep=True))
    return settled, writes


def _told(settled: Sequence[Change], receipt: Receipt) -> tuple[Change, ...]:
    """Return what became of each change, with the conflicts that were never won."""
    lost = {change.key: change for change in (*receipt.conflicts, *receipt.rejected)}
    return tuple(lost.get(c.key, c) if _writes(c) else c for c in settled)


def _rewritten(
    changes: Sequence[Change], items: KnownItems, *, one_each: bool
) -> tuple[Change, ...]:
    """Read "remove it, then write it anew" as what it comes to: an update, or nothing at all."""
    removed = {change.key: change for change in changes if change.action == "deleted"}
    rewritten: dict[str | None, Change] = {}
    kept: list[Change] = []
    for change in changes:
        key = _key(change, items, one_each=one_each) if change.action == "inserted" else None
        old = removed.get(key)
        if old is None or key in rewritten:
            kept.append(change)
            continue
        rewritten[key] = written_anew(change, old)
    return tuple(
        rewritten.get(change.key, change) if change.action == "deleted" else change
        for change in kept
    )


def written_anew(change: Change, removed: Change) -> Change:
    """Return what it comes to that a memory is removed, and written anew under its key."""
    as_before = same(normalised(removed.before), normalised(change.after))
    action: Action = "unchanged" if as_before else "updated"
    return replace(change, key=removed.key, action=action, before=removed.before)


def _key(change: Change, items: KnownItems, *, one_each: bool) -> str:
    """Return the key of a change: a new memory's follows from what it says, or from its kind.

    So the same conversation twice adds nothing, even when the look-up missed the first.
    """
    if change.action != "inserted" or change.key == items.fresh_default:
        return change.key or ""
    if one_each:
        return profile_key(change.kind or "")
    return content_key(change.kind or "", change.after)


def _settled(
    change: Change,
    key: str,
    now: Held | None,
    items: KnownItems,
    schemas: Sequence[Schema],
) -> Change:
    """Return what comes of a change in the face of what the store holds now."""
    if change.action == "inserted":
        return _inserted(change, key, now)
    known = items.stored.get(key)
    if change.action not in ("updated", "deleted") or known is None:
        return change
    if now is None:
        gone = replace(change, after=None, reason=f"it was deleted meanwhile @ {key}")
        return change if change.action == "deleted" else replace(gone, action="rejected")
    if same(now.value, known.value):
        return change
    if change.action == "deleted":
        reason = f"it was changed meanwhile, and left as it is @ {key}"
        return replace(change, action="rejected", reason=reason)
    return _made_again(change, unwrap(now.value)[1], schemas)


def _inserted(change: Change, key: str, now: Held | None) -> Change:
    if now is None:
        return replace(change, key=key)
    if same(normalised(unwrap(now.value)), normalised((change.kind, change.after))):
        return replace(change, action="unchanged", key=key, before=change.after)
    if key != content_key(change.kind or "", change.after):
        # Another run made the profile, or the default, meanwhile: there is never a second one.
        reason = f"a {change.kind} was made meanwhile; it was left as it is @ {key}"
        return replace(change, action="rejected", key=key, after=None, reason=reason)
    return change  # that key holds something else by now; the random one serves


def _made_again(change: Change, now: Mapping[str, Any], schemas: Sequence[Schema]) -> Change:
    """Make an update again on a newer version, without asking the model.

    Field by field, what only one side changed is taken; what both changed stays as it is, and is
    told. Nothing is placed by its number in a list: other things may stand there by now.
    """
    after, conflicts = merge(change.before, change.after, now)
    reason = None
    if conflicts:
        reason = f"changed meanwhile, and left as it is @ {change.key}{', '.join(conflicts)}"
    schema = next((schema for schema in schemas if schema.kind == change.kind), None)
    try:
        after = schema.take(after)[1] if schema else after
    except Invalid as invalid:
        reason = f"changed meanwhile; together with that it is not valid ({invalid}) @ {change.key}"
        after = now
    action: Action = "updated"
    if same(after, now):
        action, after = ("rejected", None) if reason else ("unchanged", after)
    return replace(change, action=action, before=dict(now), after=after, reason=reason)


def _with_standing(
    changes: Sequence[Change], schemas: Sequence[Schema], *, one_each: bool
) -> tuple[Change, ...]:
    """Let a new memory stand where it is a profile, or its schema says so.

    An update leaves it as it is: a person may have unpinned it.
    """
    kinds = {schema.kind for schema in schemas if one_each or schema.standing}
    return tuple(
        replace(change, standing=True)
        if change.action == "inserted" and change.kind in kinds
        else change
        for change in changes
    )


def _with_default(changes: Sequence[Change], items: KnownItems) -> tuple[Change, ...]:
    """Return the changes with the default as what it is to the store: new."""
    default = items.known[-1]
    made = [change for change in changes if change.key == default.id]
    others = tuple(change for change in changes if change.key != default.id)
    if any(change.action == "deleted" for change in made):
        return others
    after = next((c.after for c in made if c.action == "updated"), default.content)
    refused = tuple(change for change in made if change.action == "rejected")
    first = Change("inserted", default.id, default.kind, None, dict(after))
    return (first, *others, *refused)
