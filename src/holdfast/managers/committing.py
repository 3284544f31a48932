"""Commits what a model changed: one batch of puts and deletes, and an honest receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langgraph.store.base import BaseStore, GetOp, PutOp

from holdfast.flow import Flow, StoreOps
from holdfast.managers.known import KnownItems
from holdfast.memory import Change, content_key, normalised, profile_key, unwrap, wrap
from holdfast.namespace import decode_namespace


def commit(
    store: BaseStore,
    namespace: tuple[str, ...],
    changes: Sequence[Change],
    items: KnownItems,
    *,
    one_each: bool,
) -> Flow[tuple[list[dict[str, Any]], tuple[Change, ...]]]:
    """Write the changes in one batch; return the puts and what became of each change.

    Args:
        store: Where to.
        namespace: Stored labels; new memories go here, others stay where they are.
        changes: From the draft, referring to items by the ids of `items`.
        items: What was known.
        one_each: Whether there is one document of each kind, under a key of its own.
    """
    if items.fresh_default:
        changes = _with_default(changes, items)
    keyed = yield from _keyed(store, namespace, changes, items, one_each=one_each)
    ops: list[PutOp] = []
    puts: list[dict[str, Any]] = []
    for change in keyed:
        item = items.stored.get(change.key or "")
        place = (item.namespace, item.key) if item else (namespace, change.key or "")
        if change.action == "deleted":
            ops.append(PutOp(*place, None))
        elif change.action in ("inserted", "updated"):
            value = wrap(change.kind or "", change.after, item.value if item else None)
            ops.append(PutOp(*place, value))
            labels = decode_namespace(place[0])
            puts.append({"namespace": labels, "key": place[1], "value": value})
    if ops:
        yield StoreOps(store, ops)
    return puts, keyed


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


def _keyed(
    store: BaseStore,
    namespace: tuple[str, ...],
    changes: Sequence[Change],
    items: KnownItems,
    *,
    one_each: bool,
) -> Flow[tuple[Change, ...]]:
    """Give each new memory its key; one that is there already, word for word, is unchanged.

    The key follows from kind and content, so that the same conversation twice adds nothing, even
    when the look-up missed the first.
    """
    new = [c for c in changes if c.action == "inserted" and c.key != items.fresh_default]
    if not new:
        return tuple(changes)
    keys = {
        id(change): profile_key(change.kind or "")
        if one_each
        else content_key(change.kind or "", change.after)
        for change in new
    }
    found = yield StoreOps(store, [GetOp(namespace, keys[id(change)]) for change in new])
    there = {keys[id(change)]: item for change, item in zip(new, found, strict=True) if item}
    keyed: list[Change] = []
    for change in changes:
        key = keys.get(id(change))
        if key is None:
            keyed.append(change)
        elif (item := there.get(key)) is None:
            keyed.append(replace(change, key=key))
        elif normalised(unwrap(item.value)) == normalised((change.kind, change.after)):
            keyed.append(replace(change, action="unchanged", key=key, before=change.after))
        elif one_each:
            # Another run made the profile meanwhile: there is never a second one.
            reason = f"a {change.kind} was made meanwhile; it was left as it is @ {key}"
            keyed.append(replace(change, action="rejected", key=key, after=None, reason=reason))
        else:
            keyed.append(change)  # that key holds something else by now; the random one serves
    return tuple(keyed)
