"""Everything in a namespace as records that no database's own numbers stand in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from holdfast.history import instant
from holdfast.operations import Export, Keys, Namespace
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.indexing import Vector, read_fields
from holdfast.stores.plan.spaces import is_over, labels, now_text, spaces_below
from holdfast.stores.plan.values import dumped

PAGE = 200
"""How many memories or messages are read at once."""

_BEYOND = "\U0010ffff"


class Space(NamedTuple):
    """A namespace that is gone through.

    Args:
        id: Its number.
        namespace: Its labels.
    """

    id: int
    namespace: Namespace


class Count:
    """How far a walk over memories and messages has come.

    Args:
        total: How many there are.
        progress: Called with how many are done and how many there are.
    """

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def add(self, number: int) -> None:
        """Count what was done."""
        self._done += number
        if self._progress is not None and number:
            self._progress(self._done, max(self._total, self._done))


def counted(spaces: Sequence[Space], progress: Callable[[int, int], None] | None) -> Plan[Count]:
    """Return a count of the memories and messages of some spaces."""
    if progress is None:
        return Count(0, None)
    where = {"spaces": [space.id for space in spaces]}
    (memories,) = yield Sql("count_memories", where)
    (messages,) = yield Sql("count_messages", where)
    return Count(memories["number"] + messages["number"], progress)


def walked(namespace: Namespace) -> Plan[list[Space]]:
    """Return a namespace and what stands below it, in the order of their paths."""
    spaces = yield from spaces_below(namespace)
    return [Space(id, labels(path)) for id, path in sorted(spaces.items(), key=lambda s: s[1])]


def next_keys(space: Space, after: str | None) -> Plan[list[str]]:
    """Return the next page of keys of memories, also of deleted ones."""
    where = {"start": after or "", "first": int(after is None), "limit": PAGE}
    rows = yield Sql("next_keys", {"space": space.id, **where})
    return [row["key"] for row in rows]


def next_threads(space: Space, after: str | None) -> Plan[list[Row]]:
    """Return the next page of threads."""
    where = {"start": after or "", "first": int(after is None), "limit": PAGE}
    rows: list[Row] = yield Sql("next_threads", {"space": space.id, **where})
    return rows


def keys(op: Keys) -> Plan[list[tuple[Namespace, str]]]:
    """Return where there is a key that begins with a text."""
    spaces = yield from spaces_below(op.namespace)
    where = {"start": op.beginning, "beyond": op.beginning + _BEYOND, "limit": op.limit}
    where |= {"now": now_text()}
    name = "keys_of_messages" if op.messages else "keys_of_memories"
    rows = yield Sql(name, {"spaces": list(spaces), **where})
    return [(labels(row["path"]), row["key"]) for row in rows]


def export(op: Export) -> Plan[int]:
    """Hand out everything in a namespace and below; return the number of records."""
    spaces = yield from walked(op.namespace)
    count = yield from counted(spaces, op.progress)
    number = 0
    for space in spaces:
        told = list(space.namespace[len(op.namespace) :])
        number += yield from _memories(space, told, op.take, count)
        number += yield from _threads(space, told, op.take, count)
        rows = yield Sql("jobs_of", {"space": space.id})
        for row in rows:
            op.take(_job(row, told))
        number += len(rows)
    if not op.namespace:
        number += yield from _erased(op.take)
    return number


Take = Callable[[dict[str, Any]], None]


def _memories(space: Space, told: list[str], take: Take, count: Count) -> Plan[int]:
    number = 0
    page = yield from next_keys(space, None)
    while page:
        where = {"space": space.id, "keys": page}
        rows = yield Sql("versions_whole", where)
        items = yield Sql("items_whole", where)
        sources, links = yield from _origins([row["id"] for row in rows])
        vectors = yield from _vectors([row["id"] for row in items])
        versions: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            version = _version(row, sources.get(row["id"], []), links.get(row["id"], []))
            versions.setdefault(row["key"], []).append(version)
        state = {row["key"]: _item(row, vectors.get(row["id"], [])) for row in items}
        over = {row["key"] for row in items if is_over(row)}
        told_of = [key for key in page if key not in over]
        for key in told_of:
            memory = {"record": "memory", "namespace": told, "key": key}
            take({**memory, "versions": versions[key], "item": state.get(key)})
        number += len(told_of)
        count.add(len(page))
        page = (yield from next_keys(space, page[-1])) if len(page) == PAGE else []
    return number


def _origins(ids: Sequence[int]) -> Plan[tuple[dict[int, list[str]], dict[int, list[str]]]]:
    sources: dict[int, list[str]] = {}
    links: dict[int, list[str]] = {}
    for row in (yield Sql("origins_of", {"ids": list(ids)})):
        sources.setdefault(row["version"], []).append(f"{row['sort']}:{row['ref']}")
    for row in (yield Sql("superseded_by_versions", {"ids": list(ids)})):
        links.setdefault(row["version"], []).append(row["key"])
    return sources, links


def _vectors(ids: Sequence[int]) -> Plan[dict[int, list[str]]]:
    found: dict[int, list[str]] = {}
    for row in (yield Sql("vectors_whole", {"ids": list(ids)})):
        found.setdefault(row["document"], []).append(packed(row["vector"]))
    return found


def _version(row: Row, sources: list[str], supersedes: list[str]) -> dict[str, Any]:
    value = read_value(row["value"])
    # A store of before may hold other JSON than would be written today, and the digest is of it.
    text = row["value"] if value is not None and dumped(value) != row["value"] else None
    version = {
        "revision": row["revision"],
        "base": row["base_revision"],
        "text": text,
        "recorded_at": instant(row["recorded_at"], "recorded_at"),
        "valid_from": row["valid_from"],
        "valid_to": row["valid_to"],
        "importance": row["importance"],
        "fields": read_fields(row["fields"]),
        "ttl": row["ttl"],
        "state": _state(json.loads(row["state"])) if row["state"] else None,
        "who": row["who"],
        "model": row["model"],
        "prompt": row["prompt"],
        "sources": sources,
        "supersedes": supersedes,
        "salt": row["salt"] or "",
        "digest": row["digest"],
    }
    return {"value": value, **_said(version)}


def _item(row: Row, vectors: list[str]) -> dict[str, Any]:
    item = {
        **_state(row),
        "updated_at": instant(row["updated_at"], "updated_at"),
        "expires_at": row["expires_at"],
        "embedder": row["embedder"],
        "vectors": vectors,
    }
    return _said(item)


def _state(row: Row) -> dict[str, Any]:
    state = {
        "created_at": instant(row["created_at"], "created_at"),
        "pinned": bool(row["pinned"]),
        "recalls": row["recalls"],
        "recalled_at": row["recalled_at"],
        "strength": row["strength"] or None,
    }
    return _said(state)


def _threads(space: Space, told: list[str], take: Take, count: Count) -> Plan[int]:
    number = 0
    page = yield from next_threads(space, None)
    while page:
        cursors: dict[int, dict[str, int]] = {}
        for row in (yield Sql("cursors_of", {"ids": [thread["id"] for thread in page]})):
            cursors.setdefault(row["thread"], {})[row["reader"]] = row["seq"]
        for thread in page:
            record = {"record": "thread", "namespace": told, "thread": thread["name"]}
            take({**record, "last": thread["last"], "cursors": cursors.get(thread["id"], {})})
            number += 1 + (yield from _messages(thread, told, take, count))
        last = page[-1]["name"]
        page = (yield from next_threads(space, last)) if len(page) == PAGE else []
    return number


def _messages(thread: Row, told: list[str], take: Take, count: Count) -> Plan[int]:
    number, after = 0, -1
    while True:
        where = {"thread": thread["id"], "after": after, "limit": PAGE}
        rows = yield Sql("next_messages", where)
        vectors = yield from _vectors([row["id"] for row in rows])
        for row in rows:
            take(_message(row, thread["name"], told, vectors.get(row["id"], [])))
        number += len(rows)
        count.add(len(rows))
        if len(rows) < PAGE:
            return number
        after = rows[-1]["seq"]


def _message(row: Row, thread: str, told: list[str], vectors: list[str]) -> dict[str, Any]:
    calls = json.loads(row["calls"])
    message = {
        "thread": thread,
        "seq": row["seq"],
        "key": row["key"],
        "role": row["role"],
        "text": row["text"],
        "speaker": row["speaker"],
        "time": row["time"],
        "id": row["own_id"],
        "calls": [{"tool": tool, "arguments": given} for tool, given in calls],
        "recorded_at": instant(row["recorded_at"], "recorded_at"),
        "embedder": row["embedder"],
        "vectors": vectors,
    }
    return {"record": "message", "namespace": told, **_said(message)}


def _job(row: Row, told: list[str]) -> dict[str, Any]:
    return {
        "record": "job",
        "namespace": told,
        "name": row["name"],
        "payload": read_value(row["payload"]),
        "due_at": row["due_at"],
        "handler": row["handler"],
        "thread": row["thread"],
        "every": row["every"],
        "first_at": row["first_at"],
        "attempts": row["attempts"],
        "error": row["error"],
        "dead": row["state"] == "dead",
    }


def _erased(take: Take) -> Plan[int]:
    number, after = 0, -1
    while True:
        rows = yield Sql("next_erased", {"after": after, "limit": PAGE})
        for row in rows:
            told = {"digest": row["digest"], "erased_at": row["erased_at"]}
            take({"record": "erased", **told})
        number += len(rows)
        if len(rows) < PAGE:
            return number
        after = rows[-1]["version"]


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what says something: what is left out is read back as nothing."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def packed(vector: Any) -> str:
    """Return a vector, as a database gave it, as float32 in base64."""
    import numpy as np

    raw = vector if isinstance(vector, bytes) else np.asarray(vector, "<f4").tobytes()
    return base64.b64encode(raw).decode()


def unpacked(text: str) -> Vector:
    """Return a vector from float32 in base64.

    Raises:
        ValueError: It is none.
    """
    import numpy as np

    numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    if not numbers.size or not np.isfinite(numbers).all():
        raise ValueError("a vector must be finite numbers")
    return Vector(numbers.tolist())
