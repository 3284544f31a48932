"""What was recalled: counted with the memories, and kept with the thread for a while."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from holdfast.history import instant
from holdfast.operations import NoteRecall, RecalledIn
from holdfast.ranking.memories import SHOWN, recalled
from holdfast.stores.plan.effects import Lock, Plan, Sql, SqlMany
from holdfast.stores.plan.spaces import chunks, joined, now_text, space_of, time_of

KEPT = timedelta(days=90)
"""For how long it is known what was recalled in a thread."""


def note(noted: Sequence[NoteRecall]) -> Plan[None]:
    """Write down what was recalled, that of several calls together; what is gone is left out."""
    paths: dict[str, list[NoteRecall]] = {}
    for one in noted:
        paths.setdefault(joined(one.namespace), []).append(one)
    yield Lock(sorted({(path, key) for path, ones in paths.items() for key in _keys(ones)}))
    for path, ones in paths.items():
        rows = yield Sql("space", {"path": path})
        if rows:
            yield from _noted(rows[0]["id"], ones)


def _keys(noted: Iterable[NoteRecall]) -> list[str]:
    return list(dict.fromkeys(key for one in noted for key in one.keys))


def _noted(space: int, noted: Sequence[NoteRecall]) -> Plan[None]:
    there: set[str] = set()
    for part in chunks(_keys(noted)):
        for statement in ("taken_memories", "taken_messages"):
            rows = yield Sql(statement, {"space": space, "keys": part})
            there |= {row["key"] for row in rows}
    times: dict[tuple[str, bool], dict[str, int]] = {}
    receipts: dict[tuple[str, str], str] = {}
    for one in noted:
        at = one.at or now_text()
        for key in there.intersection(one.keys):
            counts = times.setdefault((at, one.used), {})
            counts[key] = counts.get(key, 0) + 1
            if one.thread is not None:
                receipts[one.thread, key] = max(at, receipts.get((one.thread, key), at))
    for (at, used), counts in sorted(times.items()):
        yield from count(space, counts, at, used=used)
    if receipts:
        rows = [
            {"space": space, "thread": thread, "key": key, "at": at}
            for (thread, key), at in receipts.items()
        ]
        yield SqlMany("put_recalled", rows)
        oldest = instant(datetime.now(UTC) - KEPT, "at")
        yield Sql("drop_recalled", {"space": space, "before": oldest})


def count(space: int, times: Mapping[str, int], at: str, *, used: bool) -> Plan[None]:
    """Count recalls of memories of one namespace, whose places must be locked."""
    worth = 1.0 if used else SHOWN
    rows = []
    latest = datetime.now(UTC)
    for part in chunks(list(times)):
        for row in (yield Sql("strengths", {"space": space, "keys": part})):
            before = time_of(row["recalled_at"])
            if before is not None:
                before = min(before, latest)  # a clock was ahead once; it is not to count for ever
            now = datetime.fromisoformat(at)
            strength, since = recalled(row["strength"], before, worth * times[row["key"]], now)
            last = instant(since, "at")
            rows.append(
                {
                    "id": row["id"],
                    "times": times[row["key"]],
                    "strength": strength,
                    "now": last,
                }
            )
    yield SqlMany("recall", rows)


def recalled_in(op: RecalledIn) -> Plan[dict[str, datetime]]:
    """Return what was recalled in a thread: keys, and when last."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("recalled_in", {"space": space, "thread": op.thread})
    return {row["key"]: datetime.fromisoformat(row["recalled_at"]) for row in rows}
