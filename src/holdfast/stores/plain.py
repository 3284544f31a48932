"""What the managers need of a store, of any `BaseStore`: a ledger is used where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.store.base import BaseStore, GetOp, PutOp

from holdfast.flow import Flow, Perform, StoreOps
from holdfast.history import ChangeSet
from holdfast.ledger import Ledger
from holdfast.memory import Change, Receipt, unwrap
from holdfast.namespace import decode_namespace
from holdfast.operations import Commit, Records

TRIES = 8
"""How often a change is made anew on what others wrote meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """A memory as a store holds it.

    Args:
        key: Its key.
        value: Its value.
        revision: Of its current version; None in a store without history.
    """

    key: str
    value: dict[str, Any]
    revision: int | None


class Lost(Exception):
    """Somebody else was faster; what was read is no longer so, and nothing was written."""


def fenced(store: BaseStore, namespace: tuple[str, ...]) -> BaseStore:
    """Return a store that reaches no further than a namespace, where it can be fenced."""
    return store.scoped(namespace) if isinstance(store, Ledger) else store


def held(
    store: BaseStore, namespace: tuple[str, ...], keys: Sequence[str]
) -> Flow[list[Held | None]]:
    """Read memories, each with its revision."""
    if isinstance(store, Ledger):
        records = yield Perform(store, Records(namespace, tuple(keys)))
        return [
            Held(record.version.key, record.version.value or {}, record.version.revision)
            if record
            else None
            for record in records
        ]
    items = yield StoreOps(store, [GetOp(namespace, key) for key in keys])
    return [Held(item.key, item.value, None) if item else None for item in items]


def write(store: BaseStore, changes: ChangeSet) -> Flow[Receipt]:
    """Commit a change set; a store without history gets its puts and deletes in one batch.

    There a place is not compared with what was expected: hold it with `exclusively` meanwhile.
    """
    if isinstance(store, Ledger):
        receipt: Receipt = yield Perform(store, Commit(changes))
        return receipt
    ops = [
        PutOp(
            changes.namespace,
            one.key,
            None if one.value is None else dict(one.value),
            one.index if one.index is None or one.index is False else list(one.index),
        )
        for one in changes.writes
    ]
    if ops:
        yield StoreOps(store, ops)
    done = tuple(
        Change("deleted", one.key, None)
        if one.value is None
        else Change("updated", one.key, *_told(one.value))
        for one in changes.writes
    )
    return Receipt(done, decode_namespace(changes.namespace))


def _told(value: Any) -> tuple[str, None, dict[str, Any]]:
    kind, content = unwrap(value)
    return kind, None, content
