"""Undoing: the writes that take changes back, made against what is there now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.history import Provenance
from holdfast.memory import Change, Receipt, same, unwrap
from holdfast.namespace import decode_namespace
from holdfast.operations import Revert
from holdfast.patch import merge
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.indexing import Indexing, read_fields
from holdfast.stores.plan.past import undone
from holdfast.stores.plan.spaces import chunks, labels, now_text
from holdfast.stores.plan.values import dumped
from holdfast.stores.plan.writing import Prepared, Written


class Undoing(NamedTuple):
    """What a revert comes to: writes, and what cannot be undone."""

    writes: list[Prepared]
    refused: list[Change]


def revert(op: Revert, indexing: Indexing) -> Plan[Undoing]:
    """Return the writes that undo what an operation names."""
    found = Undoing([], [])
    chosen: dict[tuple[int, str], list[Row]] = {}
    for row in (yield from undone(op)):
        chosen.setdefault((row["space"], row["key"]), []).append(row)
    for (space, key), versions in chosen.items():
        line = yield from _line(space, key, chosen)
        last = line[-1]
        now, reasons = _without(versions, line)
        if reasons:
            reason = f"changed later, and left as it is @ {key}{', '.join(reasons)}"
            kind, content = unwrap(_state(last).value or {})
            found.refused.append(Change("rejected", key, kind, content, None, reason=reason))
        if now == _state(last):
            continue
        made_from = _base(now, versions, line) or last["id"]
        now = yield from _still(now, space, line, chosen)
        if now == _state(last):
            continue
        fields = now.beside["fields"]
        found.writes.append(
            Prepared(
                labels(last["path"]),
                key,
                None if now.value is None else dumped(now.value),
                texts=indexing.texts(now.value, fields) if now.value is not None else [],
                expect=last["revision"] if last["value"] is not None else 0,
                provenance=Provenance(who="person"),
                base=made_from,
                state=last["state"],
                **now.beside,
            )
        )
    return found


class _State:
    """What a memory is after a version of it: its value, and what was written with it."""

    def __init__(self, value: dict[str, Any] | None, beside: dict[str, Any]) -> None:
        self.value = value
        self.beside = beside if value is not None else _NOTHING

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _State) or self.beside != other.beside:
            return False
        return (self.value is None) == (other.value is None) and same(self.value, other.value)

    __hash__ = None  # type: ignore[assignment]


_NOTHING: dict[str, Any] = {
    "valid_from": None,
    "valid_to": None,
    "importance": None,
    "fields": None,
    "ttl": None,
    "supersedes": (),
}


Chosen = Mapping[tuple[int, str], Sequence[Row]]
"""The versions that are undone, by the memories that they are of."""


def _line(space: int, key: str, chosen: Chosen) -> Plan[list[Row]]:
    """Return all versions of a memory, oldest first, each with the keys that it supersedes.

    What was written anew before its next version is superseded no longer, unless that is undone.
    """
    rows = yield Sql("history", {"space": space, "key": key, "now": now_text()})
    links: dict[int, list[str]] = {}
    for part in chunks([row["id"] for row in rows]):
        for link in (yield Sql("superseded_by_versions", {"ids": part})):
            links.setdefault(link["version"], []).append(link["key"])
    anew: dict[str, set[int]] = {}
    for other in sorted({other for named in links.values() for other in named}):
        anew[other] = yield from _left(space, other, chosen)
    ends = [*(row["revision"] for row in rows[1:]), math.inf]
    return [
        {
            **row,
            "supersedes": tuple(
                other
                for other in links.get(row["id"], ())
                if not any(row["revision"] < revision < end for revision in anew[other])
            ),
        }
        for row, end in zip(rows, ends, strict=True)
    ]


def _left(space: int, key: str, chosen: Chosen) -> Plan[set[int]]:
    """Return the revisions of a memory that are not undone."""
    rows = yield Sql("history", {"space": space, "key": key, "now": now_text()})
    undone = {row["revision"] for row in chosen.get((space, key), ())}
    return {row["revision"] for row in rows} - undone


def _state(row: Row | None) -> _State:
    if row is None:
        return _State(None, _NOTHING)
    beside = {name: row[name] for name in _NOTHING}
    return _State(read_value(row["value"]), {**beside, "fields": read_fields(row["fields"])})


def _without(versions: Sequence[Row], line: Sequence[Row]) -> tuple[_State, list[str]]:
    """Return what a memory is without some of its versions, the latest of them undone first."""
    now = _state(line[-1])
    reasons: list[str] = []
    at = {row["revision"]: place for place, row in enumerate(line)}
    for version in versions:
        place = at[version["revision"]]
        made, before = _state(line[place]), _state(line[place - 1] if place else None)
        if made.value is None or before.value is None or now.value is None:
            if now == made:
                now = before
            elif now != before:
                reasons.append("")
            continue
        merged, conflicts = merge(made.value, before.value, now.value)
        beside = {
            name: before.beside[name] if now.beside[name] == made.beside[name] else now.beside[name]
            for name in _NOTHING
        }
        now = _State(dict(merged) if isinstance(merged, Mapping) else now.value, beside)
        reasons += conflicts
    return now, reasons


def _still(now: _State, space: int, line: Sequence[Row], chosen: Chosen) -> Plan[_State]:
    """Return a state that supersedes nothing which was written anew, and so is believed, since."""
    undone = {row["revision"] for row in chosen[space, line[-1]["key"]]}
    left: list[str] = []
    for key in now.beside["supersedes"]:
        written = yield from _left(space, key, chosen)
        linking = {row["revision"] for row in line if key in row["supersedes"]} - undone
        if max(written, default=0) <= max(linking, default=0):
            left.append(key)
    return _State(now.value, {**now.beside, "supersedes": tuple(left)})


def _base(now: _State, versions: Sequence[Row], line: Sequence[Row]) -> int | None:
    """Return the version that a restored memory is made from, so that it has its sources."""
    first = min(version["revision"] for version in versions)
    earlier = [row for row in line if row["revision"] < first]
    if earlier and now == _state(earlier[-1]):
        return int(earlier[-1]["id"])
    return None


def told(op: Revert, undoing: Undoing, written: Written) -> Receipt:
    """Return the receipt of a revert."""
    changes = []
    for write, outcome in zip(undoing.writes, written.outcomes, strict=True):
        before, after = read_value(outcome.before), read_value(write.value)
        kind = unwrap(after or before or {})[0]
        was, is_now = (None if value is None else unwrap(value)[1] for value in (before, after))
        changes.append(Change(outcome.action, write.key, kind, was, is_now, reason=outcome.reason))
    namespace = decode_namespace(op.namespace)
    return Receipt((*changes, *undoing.refused), namespace, revision=written.revision)
