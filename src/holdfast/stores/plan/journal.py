"""The journal: messages written once, in the order of their commits, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.history import Cursor, Entry, Said
from holdfast.journal import identities, is_said, once, said
from holdfast.memory import MESSAGE_KIND, Change, Message, storable
from holdfast.operations import Around, Journal, Neighbours, ReadCursor, SearchJournal, Threads
from holdfast.stores.plan.documents import document_rows
from holdfast.stores.plan.effects import Draw, Plan, Row, Sql, SqlMany
from holdfast.stores.plan.indexing import Vector
from holdfast.stores.plan.spaces import chunks, labels, now_text, space_of, spaces_below
from holdfast.stores.plan.words import WordSearch


@dataclass(slots=True)
class Stretch:
    """A stretch of conversation to keep, ready for the database.

    Args:
        namespace: Stored labels.
        said: What was handed in.
        vectors: For each message that says something, where there is an embedder.
    """

    namespace: tuple[str, ...]
    said: Said
    vectors: list[Vector] | None = None

    @property
    def messages(self) -> list[Message]:
        """Those that say something, with texts that every encoding has."""
        spoken = (m for m in self.said.messages if m.text or m.calls)
        return [_cleaned(message) for message in spoken]

    @property
    def thread(self) -> str:
        """The thread's name."""
        return self.said.thread or once(self.messages)


def _cleaned(message: Message) -> Message:
    """Return a message without what a text column cannot hold."""
    return replace(
        message,
        role=storable(message.role),
        text=storable(message.text),
        speaker=None if message.speaker is None else storable(message.speaker),
        time=None if message.time is None else storable(message.time),
        id=None if message.id is None else storable(message.id),
        calls=tuple((storable(tool), storable(given)) for tool, given in message.calls),
    )


def message_text(message: Message) -> str:
    """Return the words by which a message is found."""
    calls = (part for call in message.calls for part in call)
    return " ".join(part for part in (message.speaker, message.text, *calls) if part)


def append(
    space: int, stretch: Stretch, revision: int, embedder: str | None
) -> Plan[tuple[Change, ...]]:
    """Keep what is not kept yet; return what became of each message, in their order."""
    name = stretch.thread
    thread, last = yield from _thread(space, name)
    messages = stretch.messages
    scope = name if stretch.said.thread else ""
    keys = yield from _keys(thread, last, messages, name, scope)
    there: dict[str, Row] = {}
    for part in chunks(list(dict.fromkeys(keys))):
        rows = yield Sql("messages_at", {"space": space, "keys": part})
        there |= {row["key"]: row for row in rows}
    fresh = {}
    for number, (key, message) in enumerate(zip(keys, messages, strict=True)):
        if key not in there and key not in fresh:
            fresh[key] = (message, number)
    seqs: dict[str, int] = {}
    if fresh:
        seqs = yield from _put(space, thread, stretch, fresh, revision, embedder)
    if stretch.said.read_by is not None:
        yield from _read_on(space, name, thread, stretch.said.read_by, (last, last + len(fresh)))
    return _changes(stretch, keys, there, seqs)


def _read_on(space: int, name: str, thread: int, reader: str, ends: tuple[int, int]) -> Plan[None]:
    """Move a reader from the end before to the new one, where nothing in front is unread."""
    before, now = ends
    rows = yield Sql("cursor", {"space": space, "thread": name, "reader": reader})
    if (rows[0]["seq"] if rows else 0) >= before:
        yield Sql("put_cursor", {"thread": thread, "reader": reader, "seq": now})


def _thread(space: int, name: str) -> Plan[tuple[int, int]]:
    """Return the thread's number, and that of its last message; it is made if there is none."""
    rows = yield Sql("thread", {"space": space, "name": name})
    if not rows:
        (id,) = yield Draw(1)
        yield SqlMany("make_thread", [{"id": id, "space": space, "name": name}])
        rows = yield Sql("thread", {"space": space, "name": name})
    # Its row is locked until the commit, so that what is drawn from it is in order of commits.
    (row,) = yield Sql("draw_seq", {"thread": rows[0]["id"], "count": 0})
    return int(rows[0]["id"]), int(row["last"])


def _keys(
    thread: int, last: int, messages: Sequence[Message], name: str, scope: str
) -> Plan[list[str]]:
    spoken = [said(message) for message in messages if is_said(message)]
    rows = yield Sql("thread_end", {"thread": thread, "limit": len(spoken)})
    end = [(row["key"], row["said"]) for row in reversed(rows)]
    # Nothing was said more often than there were messages; counting those that are still there
    # would give the key of one that is left to another, after one before it was erased.
    often = dict.fromkeys(spoken, last)
    return identities(messages, end, often, name, scope)


def _put(
    space: int,
    thread: int,
    stretch: Stretch,
    fresh: dict[str, tuple[Message, int]],
    revision: int,
    embedder: str | None,
) -> Plan[dict[str, int]]:
    (row,) = yield Sql("draw_seq", {"thread": thread, "count": len(fresh)})
    first = row["last"] - len(fresh) + 1
    ids = yield Draw(len(fresh))
    now = max(now_text(), row["recorded_at"] or "")  # the clock may have been put back
    seqs = {key: first + place for place, key in enumerate(fresh)}
    found = []
    kept = []
    for id, (key, (message, number)) in zip(ids, fresh.items(), strict=True):
        vectors = None if stretch.vectors is None else [stretch.vectors[number]]
        text = [message_text(message)]
        when = message.time or now
        found.append(document_rows(id, space, "message", text, vectors, revision, embedder, when))
        kept.append(message_row(id, space, thread, seqs[key], key, message, now))
    yield SqlMany("put_document", [rows["document"] for rows in found])
    yield SqlMany("put_message", kept)
    yield SqlMany("put_words", [rows["words"] for rows in found if rows["words"]["tokens"]])
    yield SqlMany("put_vector", [vector for rows in found for vector in rows["vectors"]])
    yield Sql("raise_generation", {"space": space, "revision": revision})
    return seqs


def message_row(
    id: int, space: int, thread: int, seq: int, key: str, message: Message, now: str
) -> dict[str, object]:
    """Return the row of a message."""
    return {
        "id": id,
        "space": space,
        "thread": thread,
        "seq": seq,
        "key": key,
        "said": said(message),
        "role": message.role,
        "text": message.text,
        "speaker": message.speaker,
        "time": message.time,
        "own_id": message.id,
        "calls": json.dumps(message.calls),
        "recorded_at": now,
    }


def _changes(
    stretch: Stretch, keys: Sequence[str], there: dict[str, Row], seqs: dict[str, int]
) -> tuple[Change, ...]:
    changes: list[Change] = []
    rest = iter(zip(keys, stretch.messages, strict=True))
    told: set[str] = set()
    for number, given in enumerate(stretch.said.messages):
        if not (given.text or given.calls):
            reason = f"nothing was said @ messages/{number}"
            changes.append(Change("rejected", None, MESSAGE_KIND, reason=reason))
            continue
        key, message = next(rest)
        if key in there:
            content = entry_of(there[key]).content
            changes.append(Change("unchanged", key, MESSAGE_KIND, content, content))
            continue
        entry = Entry(
            stretch.namespace, key, stretch.thread, seqs[key], message, datetime.now().astimezone()
        )
        content = entry.content
        if key in told:
            changes.append(Change("unchanged", key, MESSAGE_KIND, content, content))
        else:
            changes.append(Change("inserted", key, MESSAGE_KIND, None, content))
        told.add(key)
    return tuple(changes)


def entry_of(row: Row, score: float | None = None) -> Entry:
    """Return a message as it was read."""
    message = Message(
        row["role"],
        row["text"],
        row["speaker"],
        row["time"],
        row["own_id"],
        tuple((tool, given) for tool, given in json.loads(row["calls"])),
    )
    recorded = datetime.fromisoformat(row["recorded_at"])
    return Entry(labels(row["path"]), row["key"], row["name"], row["seq"], message, recorded, score)


def move_cursors(space: int, cursors: Sequence[Cursor]) -> Plan[None]:
    """Move readers on; none moves back."""
    for cursor in cursors:
        thread, _ = yield from _thread(space, cursor.thread)
        yield Sql("put_cursor", {"thread": thread, "reader": cursor.reader, "seq": cursor.seq})


# Reading


def read(op: Journal) -> Plan[list[Entry]]:
    """Return messages of one thread in order, or the newest of all."""
    where = {"after": op.after, "limit": op.limit}
    if op.thread is None:
        spaces = yield from spaces_below(op.namespace)
        rows = yield Sql("newest_messages", {**where, "spaces": list(spaces)})
    else:
        space = yield from space_of(op.namespace)
        rows = yield Sql("messages_of", {**where, "space": space, "thread": op.thread})
    return [entry_of(row) for row in rows]


def neighbours(op: Neighbours) -> Plan[list[Entry]]:
    """Return a message with those around it."""
    return (yield from around(Around(op.namespace, (op.key,), op.before, op.after)))


def around(op: Around) -> Plan[list[Entry]]:
    """Return messages with those around each."""
    space = yield from space_of(op.namespace)
    threads: dict[int, list[int]] = {}
    for part in chunks(list(dict.fromkeys(op.keys))):
        for row in (yield Sql("messages_at", {"space": space, "keys": part})):
            threads.setdefault(row["thread"], []).append(row["seq"])
    found: list[Entry] = []
    for thread, seqs in threads.items():
        for first, last in stretches(seqs, op.before, op.after):
            where = {"thread": thread, "first": first, "last": last}
            found += [entry_of(row) for row in (yield Sql("messages_around", where))]
    return found


def stretches(seqs: Iterable[int], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each stretch; those that overlap or touch are one.

    Example:
        >>> list(stretches([3, 9, 6], 1, 1))
        [(2, 10)]
    """
    open_: tuple[int, int] | None = None
    for seq in sorted(seqs):
        first, last = seq - before, seq + after
        if open_ and first > open_[1] + 1:
            yield open_
            open_ = None
        open_ = (open_[0] if open_ else first, last)
    if open_:
        yield open_


def search(op: SearchJournal) -> Plan[list[Entry]]:
    """Return messages by their words, best first."""
    spaces = yield from spaces_below(op.namespace)
    if not spaces or not op.query.strip() or op.limit < 1:
        return []
    asked = WordSearch(list(spaces), "message", op.query)
    ranked = yield from asked.top(op.offset + op.limit)
    page = ranked[op.offset :]
    found: dict[int, Row] = {}
    for part in chunks([id for id, _ in page]):
        rows = yield Sql("messages_by_id", {"ids": part})
        found |= {row["id"]: row for row in rows}
    return [entry_of(found[id], score) for id, score in page if id in found]


def threads(op: Threads) -> Plan[dict[str, int]]:
    """Return the threads of a namespace with their last numbers."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("threads", {"space": space})
    return {row["name"]: row["last"] for row in rows}


def cursor(op: ReadCursor) -> Plan[int]:
    """Return how far a reader has come."""
    space = yield from space_of(op.namespace)
    where = {"space": space, "thread": op.thread, "reader": op.reader}
    rows = yield Sql("cursor", where)
    return int(rows[0]["seq"]) if rows else 0
