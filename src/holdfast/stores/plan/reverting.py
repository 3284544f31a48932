"""Undoing: the writes that take changes back, made against what is there now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.history import Provenance
from holdfast.memory import Change, Receipt, same, unwrap
from holdfast.namespace import decode_namespace
from holdfast.operations import Revert
from holdfast.patch import merge
from holdfast.stores.plan.committing import dumped
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.indexing import Indexing, read_fields
from holdfast.stores.plan.past import undone
from holdfast.stores.plan.spaces import labels
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
        line = yield Sql("history", {"space": space, "key": key})
        value, reasons = _without(versions, line)
        last = line[-1]
        now = read_value(last["value"])
        if reasons:
            reason = f"changed later, and left as it is @ {key}{', '.join(reasons)}"
            kind, content = unwrap(now or {})
            found.refused.append(Change("rejected", key, kind, content, None, reason=reason))
        if _as_now(value, now):
            continue
        kept = _base(value, versions, line) or last
        links = yield Sql("superseded_by_versions", {"ids": [kept["id"]]})
        items = yield Sql("items_at", {"space": space, "keys": [key]})
        documents = yield Sql("document", {"id": items[0]["id"] if items else None})
        fields = read_fields(documents[0]["fields"]) if documents else None
        found.writes.append(
            Prepared(
                labels(last["path"]),
                key,
                None if value is None else dumped(value),
                fields,
                indexing.texts(value, fields) if value is not None else [],
                ttl=items[0]["ttl"] if items else None,
                expect=last["revision"] if items else 0,
                provenance=Provenance(who="person"),
                supersedes=tuple(row["key"] for row in links) if value is not None else (),
                **_kept(kept),
            )
        )
    return found


def _without(
    versions: Sequence[Row], line: Sequence[Row]
) -> tuple[dict[str, Any] | None, list[str]]:
    """Return a memory's value without some of its versions, the latest of them undone first."""
    now = read_value(line[-1]["value"])
    reasons: list[str] = []
    for version in versions:
        made, before = read_value(version["value"]), _before(version, line)
        if made is None or before is None or now is None:
            if _as_now(now, made):
                now = before
            elif not _as_now(now, before):
                reasons.append("")
            continue
        merged, conflicts = merge(made, before, now)
        now = dict(merged) if isinstance(merged, Mapping) else now
        reasons += conflicts
    return now, reasons


def _before(version: Row, line: Sequence[Row]) -> dict[str, Any] | None:
    earlier = [row for row in line if row["revision"] < version["revision"]]
    return read_value(earlier[-1]["value"]) if earlier else None


def _as_now(one: Any, other: Any) -> bool:
    return (one is None) == (other is None) and same(one, other)


def _kept(base: Row) -> dict[str, Any]:
    """Return what a new version takes over from the one that it is made from."""
    names = ("valid_from", "valid_to", "importance")
    return {"base": base["id"], **{name: base[name] for name in names}}


def _base(value: Any, versions: Sequence[Row], line: Sequence[Row]) -> Row | None:
    """Return the version that a restored value is made from, so that it has its sources."""
    first = min(version["revision"] for version in versions)
    earlier = [row for row in line if row["revision"] < first]
    if earlier and _as_now(value, read_value(earlier[-1]["value"])):
        return earlier[-1]
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
