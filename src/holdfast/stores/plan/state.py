"""The state that is asked about: that of now, or that of an earlier time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import Item

from holdfast.analysis import tokens
from holdfast.history import instant
from holdfast.memory import unwrap
from holdfast.operations import NoLongerSo, Rank
from holdfast.ranking import Kept
from holdfast.stores.plan.corpora import Texts
from holdfast.stores.plan.documents import named_days, read_value
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.indexing import Indexing, read_fields
from holdfast.stores.plan.reading import item_of
from holdfast.stores.plan.spaces import chunks, now_text, space_of, spaces_below, time_of


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory, and what is kept beside its value."""

    item: Item
    kept: Kept


class State(ABC):
    """Where the ranker looks memories up."""

    @abstractmethod
    def memories(self, ids: Sequence[int]) -> Plan[dict[int, Memory]]:
        """Return memories by their numbers; those that are not there are left out."""


class Present(State):
    """What is so now."""

    def memories(self, ids: Sequence[int]) -> Plan[dict[int, Memory]]:
        """Return memories by their numbers."""
        found: dict[int, Memory] = {}
        now = now_text()
        for part in chunks(ids):
            for row in (yield Sql("recallable", {"ids": part, "now": now})):
                found[row["id"]] = Memory(item_of(row), _kept(row, now, bool(row["superseded"])))
        return found


def no_longer_so(op: NoLongerSo) -> Plan[list[str]]:
    """Return the keys of memories that are no longer so."""
    space = yield from space_of(op.namespace)
    found: list[str] = []
    for part in chunks(list(dict.fromkeys(op.keys))):
        where = {"space": space, "keys": part, "now": now_text()}
        rows = yield Sql("no_longer_so", where)
        found += [row["key"] for row in rows]
    return found


class Past(State):
    """What was so at a time."""

    def __init__(self, memories: Mapping[int, Memory]) -> None:
        self._memories = memories

    def memories(self, ids: Sequence[int]) -> Plan[dict[int, Memory]]:
        """Return memories by their numbers."""
        return {id: self._memories[id] for id in ids if id in self._memories}
        yield  # what the present must read, the past has read already


def _kept(row: Row, now: str, superseded: bool) -> Kept:
    value = read_value(row["value"]) or {}
    kind, content = unwrap(value)
    since = time_of(row["valid_from"] or row["updated_at"])
    assert since is not None
    ended = row["valid_to"] is not None and row["valid_to"] <= now
    return Kept(
        kind,
        since,
        row["importance"] or _own_importance(content),
        row["strength"],
        time_of(row["recalled_at"]),
        time_of(row["valid_from"]),
        time_of(row["valid_to"]),
        over=superseded or ended,
    )


def _own_importance(content: Mapping[str, Any]) -> int | None:
    """Return what a field of the schema says, where it says it in our scale."""
    given = content.get("importance")
    return given if type(given) is int and 1 <= given <= 5 else None


def state_at(op: Rank, indexing: Indexing) -> Plan[tuple[list[int], list[Texts], State]]:
    """Return the spaces that are asked, and what they held at a time.

    A message counts from when it was said, where that is known, a memory from when it was written.
    All is read anew, since nothing is held in memory of the past.
    """
    paths = yield from spaces_below(op.namespace)
    time = instant(op.as_of, "as_of")
    assert time is not None
    found: dict[int, Memory] = {}
    texts: list[Texts] = []
    for space in paths:
        where = {"spaces": [space], "time": time, "key": "", "any_key": 1, "now": now_text()}
        versions = yield Sql("as_of", where)
        memories = yield from _memories(space, versions, time)
        said = yield Sql("changed_texts", {"space": space, "generation": -1})
        rows = [row for row in said if row["thread"] is not None and _was_said(row, time)]
        rows += [
            _text(id, version, indexing) for id, version in zip(memories, versions, strict=True)
        ]
        held = Texts()
        held.refresh(0, rows)
        texts.append(held)
        found |= memories
    return list(paths), texts, Past(found)


def _memories(space: int, versions: Sequence[Row], time: str) -> Plan[dict[int, Memory]]:
    """Return memories as they stood, in the order of their versions.

    A version that still stands has the number of its memory, so that its vectors are found; any
    other has its own, which is no document's, since all are drawn from one row of numbers.
    """
    standing: dict[int, Row] = {}
    for part in chunks([row["key"] for row in versions]):
        rows = yield Sql("items_at", {"space": space, "keys": part})
        standing |= {row["version"]: row for row in rows}
    over: set[str] = set()
    of_id = {row["id"]: row["revision"] for row in versions}
    of_key = {row["key"]: row["revision"] for row in versions}
    for part in chunks([row["id"] for row in versions]):
        links = yield Sql("superseded_by_versions", {"ids": part})
        later = (link for link in links if of_id[link["version"]] >= of_key.get(link["key"], 0))
        over |= {link["key"] for link in later}
    found: dict[int, Memory] = {}
    for version in versions:
        item = standing.get(version["id"])
        recorded = version["recorded_at"]
        row = {
            **version,
            "created_at": item["created_at"] if item else recorded,
            "updated_at": recorded,
            "expires_at": None,
            "strength": 0.0,
            "recalled_at": None,
        }
        kept = _kept(row, time, version["key"] in over)
        found[item["id"] if item else version["id"]] = Memory(item_of(row), kept)
    return found


def _text(id: int, version: Row, indexing: Indexing) -> dict[str, Any]:
    value = read_value(version["value"]) or {}
    texts = indexing.texts(value, read_fields(version["fields"]))
    return {
        "id": id,
        "sort": "memory",
        "tokens": " ".join(tokens(" ".join(texts))) or None,
        "thread": None,
        "days": named_days(texts, version["recorded_at"]),
    }


def _was_said(row: Row, time: str) -> bool:
    """Tell whether a message was said by then; by when it was written down, where none knows."""
    try:
        said = datetime.fromisoformat(row["time"] or row["recorded_at"])
    except ValueError:
        said = datetime.fromisoformat(row["recorded_at"])
    known = said if said.tzinfo else said.replace(tzinfo=UTC)
    return known <= datetime.fromisoformat(time)
