"""How items are read: one by one, page by page, and by what they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from langgraph.store.base import GetOp, Item, ListNamespacesOp, MatchCondition, SearchItem, SearchOp

from holdfast.operations import Standing
from holdfast.stores.filters import matches
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Nearest, Plan, Row, Sql
from holdfast.stores.plan.spaces import CHUNK, chunks, joined, labels, now_text, spaces_below
from holdfast.stores.plan.words import WordSearch

PAGE = 200

FEW = 100
"""How many rows are read at least before it is seen whether they fill a page."""


class Refresh(NamedTuple):
    """An item whose time to live starts anew because it was read."""

    id: int
    ttl: float


class Read(NamedTuple):
    """What a reading operation gives, and whose time to live starts anew by it."""

    result: Any
    refreshed: tuple[Refresh, ...] = ()


def get(op: GetOp) -> Plan[Read]:
    """Read one item."""
    where = {"path": joined(op.namespace), "key": op.key, "now": now_text()}
    rows = yield Sql("item", where)
    if not rows:
        return Read(None)
    return Read(Item(**_fields(rows[0])), _refreshed(rows, refresh=op.refresh_ttl))


def search(op: SearchOp, vector: Sequence[float] | None, embedder: str | None) -> Plan[Read]:
    """Read one page of the items below a prefix: best match first, or newest first.

    Args:
        op: What is looked for.
        vector: The question's, where the store has an embedder.
        embedder: Whose vectors.
    """
    spaces = yield from spaces_below(op.namespace_prefix)
    if not spaces or op.limit < 1:
        return Read([])
    wanted = _Page(op)
    if not op.query:
        yield from _newest(list(spaces), wanted)
    elif vector is not None and embedder is not None:
        yield from _by_meaning(list(spaces), op.query, vector, embedder, wanted)
    else:
        yield from _by_words(list(spaces), op.query, wanted)
    found = [SearchItem(**_fields(row), score=score) for row, score in wanted.rows]
    rows = [row for row, _ in wanted.rows]
    return Read(found, _refreshed(rows, refresh=op.refresh_ttl))


class _Page:
    """One page of a search, filled in order; what does not pass the filter does not count."""

    def __init__(self, op: SearchOp) -> None:
        self._filter = op.filter
        self._skip = op.offset
        self._limit = op.limit
        wanted = op.offset + op.limit
        # A filter lets some of what is found pass; a few too many cost less than to look again.
        self.needed = wanted * (16 if op.filter else 1)
        self.part = min(CHUNK, max(FEW, wanted))
        self.rows: list[tuple[Row, float | None]] = []

    @property
    def full(self) -> bool:
        return len(self.rows) >= self._limit

    @property
    def rest(self) -> tuple[int, int] | None:
        """How many rows to skip and to read, where every row counts."""
        return None if self._filter else (self._skip, self._limit)

    def take(self, row: Row, score: float | None) -> None:
        if self.full or (self._filter and not matches(read_value(row["value"]), self._filter)):
            return
        if self._skip:
            self._skip -= 1
        else:
            self.rows.append((row, score))

    def skipped(self) -> None:
        self._skip = 0


def _newest(spaces: Sequence[int], page: _Page) -> Plan[None]:
    name = "newest_in" if len(spaces) == 1 else "newest_below"
    where = {"space": spaces[0], "spaces": spaces, "now": now_text()}
    if page.rest:
        offset, limit = page.rest
        page.skipped()
        rows = yield Sql(name, {**where, "limit": limit, "offset": offset})
        for row in rows:
            page.take(row, None)
        return
    offset, limit = 0, PAGE
    while not page.full:
        rows = yield Sql(name, {**where, "limit": limit, "offset": offset})
        for row in rows:
            page.take(row, None)
        if len(rows) < limit:
            break
        offset, limit = offset + limit, limit * 4


def _by_words(spaces: Sequence[int], query: str, page: _Page) -> Plan[None]:
    asked = WordSearch(spaces, "memory", query)
    done, count = 0, page.needed
    while not page.full:
        ranked = yield from asked.top(count)
        yield from _taken(ranked[done:], page)
        if len(ranked) < count:
            break
        done, count = count, count * 4


def _by_meaning(
    spaces: Sequence[int], query: str, vector: Sequence[float], embedder: str, page: _Page
) -> Plan[None]:
    """Fill a page with the nearest; what has no vector yet stands among them by its words."""
    waiting = yield from _Waiting.among(spaces, query, embedder)
    count = page.needed
    seen: frozenset[int] = frozenset()
    while not page.full:
        near = yield Nearest(spaces, "memory", embedder, vector, count)
        ranked = [(id, min(1.0, max(0.0, score))) for id, score in near]
        pending = (yield from waiting.top(count)) if waiting else []
        ranked = sorted([*ranked, *pending], key=lambda one: -one[1])
        whole = max(len(near), len(pending)) < count
        ranked = ranked if whole else ranked[:count]
        # An index that finds more may put some of them in front of those that it gave before.
        yield from _taken([one for one in ranked if one[0] not in seen], page)
        seen |= {id for id, _ in ranked}
        if whole:
            return
        count *= 4


class _Waiting:
    """What has no vector of the embedder yet, found by its words."""

    def __init__(self, asked: WordSearch, embedder: str) -> None:
        self._asked = asked
        self._embedder = embedder

    @classmethod
    def among(cls, spaces: Sequence[int], query: str, embedder: str) -> Plan[_Waiting | None]:
        """Return how to find it; None where there is none."""
        (row,) = yield Sql("has_pending", {"spaces": spaces, "embedder": embedder})
        return cls(WordSearch(spaces, "memory", query), embedder) if row["pending"] else None

    def top(self, count: int) -> Plan[list[tuple[int, float]]]:
        """Return the best, best first."""
        number = count
        while True:
            ranked = yield from self._asked.top(number)
            found: set[int] = set()
            for part in chunks([id for id, _ in ranked]):
                where = {"ids": part, "embedder": self._embedder}
                found |= {row["id"] for row in (yield Sql("pending_among", where))}
            if len(found) >= count or len(ranked) < number:
                return [(id, score) for id, score in ranked if id in found][:count]
            number *= 4


def _taken(ranked: Sequence[tuple[int, float]], page: _Page) -> Plan[None]:
    for part in chunks(ranked, page.part):
        if page.full:
            return
        rows = yield Sql("items_by_id", {"ids": [id for id, _ in part], "now": now_text()})
        by_id = {row["id"]: row for row in rows}
        for id, score in part:
            if id in by_id:
                page.take(by_id[id], score)


def standing(op: Standing) -> Plan[list[Item]]:
    """Return the memories that are to be considered whatever is asked."""
    spaces = list((yield from spaces_below(op.namespace)))
    if not spaces:
        return []
    where = {"path": joined(op.namespace), "now": now_text(), "limit": op.limit}
    rows = yield Sql("pinned", {**where, "spaces": spaces})
    return [item_of(row) for row in rows]


def list_namespaces(op: ListNamespacesOp) -> Plan[Read]:
    """Return the namespaces that hold items and meet the conditions, cut to the depth asked for."""
    found: dict[tuple[str, ...], None] = {}
    rows = yield Sql("namespaces", {"now": now_text()})
    for row in rows:
        namespace = labels(row["path"])
        if all(fits(namespace, condition) for condition in op.match_conditions or ()):
            found.setdefault(namespace[: op.max_depth] if op.max_depth else namespace)
    return Read(sorted(found)[op.offset : op.offset + op.limit])


def fits(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    """Tell whether a namespace meets a condition of `list_namespaces`."""
    path = condition.path
    if len(path) > len(namespace):
        return False
    at = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return all(wanted in ("*", label) for wanted, label in zip(path, at, strict=False))


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "namespace": labels(row["path"]),
        "key": row["key"],
        "value": read_value(row["value"]),
        "created_at": datetime.fromisoformat(row["created_at"]),
        "updated_at": datetime.fromisoformat(row["updated_at"]),
    }


def item_of(row: Row) -> Item:
    """Return an item as it was read."""
    return Item(**_fields(row))


def _refreshed(rows: Sequence[Row], *, refresh: bool | None) -> tuple[Refresh, ...]:
    return tuple(_refreshes(rows)) if refresh else ()


def _refreshes(rows: Sequence[Row]) -> Iterator[Refresh]:
    for row in rows:
        if row["ttl"] is not None:
            yield Refresh(row["id"], row["ttl"])
