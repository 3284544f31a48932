"""The doctor: what is stored held against what it follows from, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.analysis import marked, tokens, value_text
from holdfast.errors import shown
from holdfast.history import Finding
from holdfast.journal import said
from holdfast.language import ENGLISH
from holdfast.operations import Doctor
from holdfast.stores.plan.documents import read_value, space_token
from holdfast.stores.plan.dumping import (
    PAGE,
    Count,
    Space,
    counted,
    next_keys,
    next_threads,
    walked,
)
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.indexing import Indexing, read_fields
from holdfast.stores.plan.journal import entry_of, message_text
from holdfast.stores.plan.spaces import joined, labels, time_of
from holdfast.stores.plan.writing import sealed

_STRAYS = {
    "stray_namespaces": ("namespace", "it stands in namespace {}, which does not exist"),
    "stray_items": ("current", "it stands at version {}, but has no version"),
    "stray_documents": ("document", "document {} is of no memory and no message"),
    "stray_messages": ("message", "it is of thread {}, which does not exist in its namespace"),
    "stray_words": ("words", "there are words of document {}, which has none"),
    "stray_vectors": ("vectors", "there are vectors of document {} that it does not claim"),
    "stray_origins": ("source", "a version that does not exist has the source {!r}"),
    "stray_sources": ("source", "it names message {!r}, which is not in the journal"),
    "stray_supersessions": (
        "supersession",
        "it supersedes {!r}, and one of the two does not exist",
    ),
    "stray_cursors": ("cursor", "reader {!r} stands in a thread that does not exist"),
    "cursors_ahead": ("cursor", "reader {!r} is further than the thread's last message"),
    "threads_behind": ("thread", "it has a message {}, a higher number than it has given out"),
    "seqs_twice": ("thread", "it has two messages with the number {}"),
}
"""Each statement of `examining.sql`: the sort of damage, and what to say of it."""


def examine(op: Doctor, indexing: Indexing) -> Plan[list[Finding]]:
    """Return what is not as it should be in a namespace and below."""
    spaces = yield from walked(op.namespace)
    count = yield from counted(spaces, op.progress)
    found: list[Finding] = []
    for space in spaces:
        found += yield from _memories(space, indexing, count)
        found += yield from _messages(space, count)
    where = {"spaces": [space.id for space in spaces], "whole": int(not op.namespace)}
    for statement, (what, detail) in _STRAYS.items():
        rows = yield Sql(statement, where)
        for row in rows:
            namespace = () if row["path"] is None else labels(row["path"])
            found.append(Finding(what, namespace, row["key"], detail.format(row["detail"])))
    return found


# Memories

_ITEM_TIMES = ("created_at", "updated_at", "recalled_at", "expires_at")


def _memories(space: Space, indexing: Indexing, count: Count) -> Plan[list[Finding]]:
    found: list[Finding] = []
    page = yield from next_keys(space, None)
    while page:
        where = {"space": space.id, "keys": page}
        rows = yield Sql("versions_whole", where)
        items = yield Sql("items_whole", where)
        index = yield from _index([row["id"] for row in items])
        by_key = {row["key"]: row for row in items}
        versions: dict[str, list[Row]] = {}
        for row in rows:
            versions.setdefault(row["key"], []).append(row)
        for key in page:
            place, last = _Place(space, key), versions[key][-1]
            found += _versions(place, versions[key])
            found += _current(place, last, by_key.get(key))
            if key in by_key:
                found += _times(place, "it", by_key[key], _ITEM_TIMES)
            value = _value(last["value"])
            if value is None and last["value"] is not None:
                found.append(place.finding("current", "its value cannot be read as JSON"))
            elif value is not None and key in by_key:
                found += index.of_memory(place, by_key[key], value, indexing)
        count.add(len(page))
        page = (yield from next_keys(space, page[-1])) if len(page) == PAGE else []
    return found


def _value(text: Any) -> dict[str, Any] | None:
    try:
        value = read_value(text)
    except (ValueError, TypeError):
        return None
    return value if isinstance(value, dict) else None


class _Place(NamedTuple):
    """Where something stands, to name it in a finding."""

    space: Space
    key: str

    def finding(self, what: str, detail: str) -> Finding:
        return Finding(what, self.space.namespace, self.key, detail)


def _times(place: _Place, what: str, row: Row, names: Sequence[str]) -> Iterator[Finding]:
    """Yield what is wrong with the times of a row: that they cannot be read."""
    for name in names:
        try:
            time_of(row[name])
        except (ValueError, TypeError):
            yield place.finding("time", f"{what}: {name} is no time, {shown(row[name])}")


def _versions(place: _Place, versions: Sequence[Row]) -> Iterator[Finding]:
    for row in versions:
        named = f"revision {row['revision']}"
        yield from _times(place, named, row, ("recorded_at", "valid_from", "valid_to"))
        if sealed(row["salt"] or "", row["value"]) != row["digest"]:
            yield place.finding("digest", f"{named} is not what its digest was made of")
        base = row["base_revision"]
        if row["base"] is not None and (base is None or base >= row["revision"]):
            yield place.finding("base", f"{named} is made from a version that is not before it")


def _current(place: _Place, last: Row, item: Row | None) -> Iterator[Finding]:
    named = f"its last version, revision {last['revision']},"
    if item is None:
        if last["value"] is not None:
            yield place.finding("current", f"{named} is no delete, but it is not there")
    elif item["version"] != last["id"]:
        yield place.finding("current", f"{named} is not the one that it stands at")
    elif last["value"] is None:
        yield place.finding("current", f"{named} is a delete, but it is there")


# The journal


def _messages(space: Space, count: Count) -> Plan[list[Finding]]:
    found: list[Finding] = []
    page = yield from next_threads(space, None)
    while page:
        for thread in page:
            found += yield from _thread(space, thread, count)
        last = page[-1]["name"]
        page = (yield from next_threads(space, last)) if len(page) == PAGE else []
    return found


def _thread(space: Space, thread: Row, count: Count) -> Plan[list[Finding]]:
    found: list[Finding] = []
    known = {"path": joined(space.namespace), "name": thread["name"]}
    after = -1
    while True:
        where = {"thread": thread["id"], "after": after, "limit": PAGE}
        rows = yield Sql("next_messages", where)
        index = yield from _index([row["id"] for row in rows])
        for row in rows:
            place = _Place(space, row["key"])
            try:
                message = entry_of({**row, **known}).message
            except (ValueError, TypeError) as error:
                found.append(place.finding("message", f"it cannot be read: {error}"))
                continue
            if said(message) != row["said"]:
                found.append(place.finding("message", "its words are not those it is known by"))
            found += index.of_message(place, row, message_text(message))
        count.add(len(rows))
        if len(rows) < PAGE:
            return found
        after = rows[-1]["seq"]


# By what it is found


def _index(ids: Sequence[int]) -> Plan[_Index]:
    words = yield Sql("words_of", {"ids": list(ids)})
    parts: dict[int, list[int]] = {}
    for row in (yield Sql("parts_of", {"ids": list(ids)})):
        parts.setdefault(row["document"], []).append(row["part"])
    return _Index({row["id"]: row for row in words}, parts)


class _Index(NamedTuple):
    """The words and vectors of some documents, as they are stored."""

    words: Mapping[int, Row]
    parts: Mapping[int, list[int]]

    def of_memory(
        self, place: _Place, row: Row, value: Mapping[str, Any], indexing: Indexing
    ) -> Iterator[Finding]:
        """Hold what a memory is found by against its value."""
        fields = read_fields(row["fields"])
        texts: Sequence[str] | None = indexing.texts(value, fields)
        if fields is None and indexing.embedder is None and not self._holds(row, texts, "memory"):
            # Opened without an index, the store does not know which fields its writer indexed.
            texts = None if self._is_of(row, value) else texts
        yield from self._of(place, row, texts, "memory")

    def of_message(self, place: _Place, row: Row, text: str) -> Iterator[Finding]:
        """Hold what a message is found by against its words."""
        yield from self._of(place, row, [text], "message")

    def _of(
        self, place: _Place, row: Row, texts: Sequence[str] | None, sort: str
    ) -> Iterator[Finding]:
        if row["sort"] != sort or row["found_in"] != place.space.id:
            yield place.finding("document", "its document is missing, or is of something else")
            return
        if not self._holds(row, texts, sort):
            yield place.finding(
                "words",
                "the words that it is found by are not those of its text; or the fields of the "
                "index are not those that it was stored with",
            )
        parts = self.parts.get(row["id"], [])
        wanted = len(parts) if texts is None else len(texts)
        if row["embedder"] is not None and parts != list(range(wanted)):
            yield place.finding(
                "vectors", f"it should have {wanted} vectors of {row['embedder']!r}, has {parts}"
            )

    def _holds(self, row: Row, texts: Sequence[str] | None, sort: str) -> bool:
        """Tell whether the stored words are those of some texts; without these, as many."""
        stored = self.words.get(row["id"])
        told = stored["tokens"].split(" ") if stored else []
        if stored and stored["space"] != space_token(sort, row["space"]):
            return False
        if texts is None:
            return bool(row["length"] == len(told))
        text = " ".join(texts)
        # As English, all texts were stored once; so they are found, if only by whole words.
        return any(
            told == words and (not words or row["length"] == len(words))
            for words in (tokens(text), tokens(text, ENGLISH))
        )

    def _is_of(self, row: Row, value: Mapping[str, Any]) -> bool:
        """Tell whether the stored words are all from a value, whichever fields were indexed."""
        stored = self.words.get(row["id"])
        told = stored["tokens"].split(" ") if stored else []
        whole = f"{value_text(value)} {json.dumps(value, ensure_ascii=False)}"
        return stored is None or set(told) <= set(tokens(whole, marked(told)))
