"""Records written back: all of them or none, with their own revisions, times and digests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.dump import (
    Dumped,
    DumpedErasure,
    DumpedItem,
    DumpedJob,
    DumpedMemory,
    DumpedMessage,
    DumpedState,
    DumpedThread,
    DumpedVersion,
)
from holdfast.errors import InputError
from holdfast.memory import Message, same
from holdfast.operations import Import, Namespace
from holdfast.stores.plan.documents import document_rows
from holdfast.stores.plan.dumping import unpacked
from holdfast.stores.plan.effects import Draw, Lock, Plan, Sql, SqlMany
from holdfast.stores.plan.indexing import Fields, Indexing, Vector, fields_text
from holdfast.stores.plan.journal import message_row, message_text
from holdfast.stores.plan.spaces import joined, spaces_made
from holdfast.stores.plan.values import check_namespace, check_place, dumped
from holdfast.stores.plan.writing import sealed

BATCH = 200
"""How many records of a kind are written at once."""


def restore(op: Import, indexing: Indexing) -> Plan[int]:
    """Write records below a namespace; return their number.

    Raises:
        InputError: A record cannot be written, or stands in the way of one that is there.
    """
    (revision,) = yield Draw(1)
    restoring = _Restoring(op.namespace, indexing, revision)
    number = 0
    batch: list[tuple[str, Dumped]] = []
    for said, record in op.records:
        if batch and (type(batch[0][1]) is not type(record) or len(batch) == BATCH):
            yield from restoring.write(batch)
            batch = []
        batch.append((said, record))
        number += 1
    if batch:
        yield from restoring.write(batch)
    yield from restoring.finish()
    return number


class _Placed(NamedTuple):
    """A record, where it stands in what is read, and where it goes."""

    said: str
    path: str
    key: str
    record: Any


class _Thread:
    """A thread whose messages follow, in order."""

    def __init__(self, id: int, last: int) -> None:
        self.id = id
        self.last = last
        self.seen = 0


class _Restoring:
    """The writing of one import."""

    def __init__(self, namespace: Namespace, indexing: Indexing, revision: int) -> None:
        self._namespace = namespace
        self._indexing = indexing
        self._revision = revision
        self._spaces: dict[str, int] = {}
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._highest = 0

    def write(self, batch: Sequence[tuple[str, Dumped]]) -> Plan[None]:
        """Write some records of one kind."""
        kind = type(batch[0][1])
        if kind is DumpedErasure:
            yield from self._erasures(batch)
            return
        placed = [self._placed(said, record) for said, record in batch]
        new = {one.path for one in placed} - set(self._spaces)
        # Whoever writes there waits, so that what they draw afterwards is higher.
        yield Lock([(path, "") for path in sorted(new)])
        self._spaces |= yield from spaces_made(new)
        writers: dict[type[Any], Callable[[list[_Placed]], Plan[None]]] = {
            DumpedMemory: self._memories,
            DumpedThread: self._new_threads,
            DumpedMessage: self._messages,
            DumpedJob: self._jobs,
        }
        yield from writers[kind](placed)

    def finish(self) -> Plan[None]:
        """Tell what was written to those who keep vectors, and to who draws numbers."""
        rows = [{"space": id, "revision": self._revision} for id in sorted(self._spaces.values())]
        yield SqlMany("raise_generation", rows)
        yield Sql("advance", {"least": self._highest})

    def _placed(self, said: str, record: Any) -> _Placed:
        names: dict[type[Any], str] = {DumpedThread: "thread", DumpedJob: "name"}
        key = getattr(record, names.get(type(record), "key"))
        namespace = (*self._namespace, *record.namespace)
        try:
            check_place(check_namespace(namespace), key)
        except ValueError as error:
            raise InputError(f"{said}: {error}") from None
        return _Placed(said, joined(namespace), key, record)

    def _free(self, placed: Sequence[_Placed], what: str, statement: str) -> Plan[None]:
        """Raise an error where something is there already."""
        paths: dict[str, dict[str, _Placed]] = {}
        for one in placed:
            if paths.setdefault(one.path, {}).setdefault(one.key, one) is not one:
                raise _taken(one, what)
        for path, wanted in paths.items():
            rows = yield Sql(statement, {"space": self._spaces[path], "keys": list(wanted)})
            for row in rows:
                raise _taken(wanted[row["key"]], what)

    # Memories

    def _memories(self, placed: list[_Placed]) -> Plan[None]:
        yield from self._free(placed, "memory", "taken_memories")
        drawn = iter((yield Draw(sum(2 * len(one.record.versions) + 1 for one in placed))))
        rows = [self._memory(one, drawn) for one in placed]
        versions = [version for row in rows for version in row["versions"]]
        self._highest = max(self._highest, *(version["revision"] for version in versions))
        yield SqlMany("put_version", versions)
        yield SqlMany("put_origin", [origin for row in rows for origin in row["origins"]])
        yield SqlMany("put_supersession", [link for row in rows for link in row["supersedes"]])
        live = [row for row in rows if "item" in row]
        yield SqlMany("put_document", [row["document"] for row in live])
        yield SqlMany("put_item", [row["item"] for row in live])
        yield from _found_by(live)

    def _memory(self, one: _Placed, drawn: Iterator[int]) -> dict[str, Any]:
        """Return the rows of a memory, table by table."""
        memory: DumpedMemory = one.record
        space = self._spaces[one.path]
        rows: list[dict[str, Any]] = []
        ids: dict[int, int] = {}
        for version in memory.versions:
            row = {"id": next(drawn), "space": space, **_version(version, one, ids)}
            row["revision"] = version.revision
            if version.revision is None:
                row["revision"] = next(drawn)
                row["base"] = rows[-1]["id"] if rows and rows[-1]["value"] is not None else None
            if rows:
                _check_order(rows[-1], row, one)
            ids[row["revision"]] = row["id"]
            rows.append(row)
        found: dict[str, Any] = {
            "versions": rows,
            "origins": [
                {"version": row["id"], "sort": sort, "ref": ref}
                for row, version in zip(rows, memory.versions, strict=True)
                for sort, _, ref in (source.partition(":") for source in version.sources)
            ],
            "supersedes": [
                {"version": row["id"], "space": space, "key": key}
                for row, version in zip(rows, memory.versions, strict=True)
                for key in version.supersedes
            ],
        }
        value, item = memory.versions[-1].value, memory.item
        if (item is None) != (value is None):
            raise InputError(
                f"{one.said}: a memory has an 'item' just when its last version has a value."
            )
        if item is not None and value is not None:
            id = next(drawn)
            found["item"] = _item(item, one, space, id, rows[-1]["id"])
            fields = memory.versions[-1].fields
            texts = self._indexing.texts(value, fields)
            found |= self._document(one, id, "memory", texts, item, fields)
        return found

    def _document(
        self,
        one: _Placed,
        id: int,
        sort: str,
        texts: Sequence[str],
        owner: DumpedItem | DumpedMessage,
        fields: Fields,
    ) -> dict[str, Any]:
        vectors = None if owner.embedder is None else _vectors(one, owner.vectors)
        # Which fields the store's own are, only a store that is opened with an index knows.
        known = fields is not None or sort == "message" or self._indexing.embedder is not None
        if known and vectors is not None and len(vectors) != len(texts):
            vectors = None  # some were lost; `reindex` makes them anew
        space, revision = self._spaces[one.path], self._revision
        if isinstance(owner, DumpedMessage):
            said = owner.time or owner.recorded_at
        else:
            said = owner.updated_at
        return document_rows(id, space, sort, texts, vectors, revision, owner.embedder, said)

    # The journal

    def _new_threads(self, placed: list[_Placed]) -> Plan[None]:
        yield from self._free(placed, "thread", "taken_threads")
        ids = yield Draw(len(placed))
        for id, one in zip(ids, placed, strict=True):
            self._threads[one.path, one.key] = _Thread(id, one.record.last)
        rows = [
            {"id": id, "space": self._spaces[one.path], "name": one.key, "last": one.record.last}
            for id, one in zip(ids, placed, strict=True)
        ]
        yield SqlMany("make_thread", rows)
        yield SqlMany("move_seq", rows)
        cursors = [
            {"thread": id, "reader": reader, "seq": seq}
            for id, one in zip(ids, placed, strict=True)
            for reader, seq in one.record.cursors.items()
        ]
        yield SqlMany("put_cursor", cursors)

    def _messages(self, placed: list[_Placed]) -> Plan[None]:
        yield from self._free(placed, "message", "taken_messages")
        ids = yield Draw(len(placed))
        rows, found = [], []
        for id, one in zip(ids, placed, strict=True):
            record: DumpedMessage = one.record
            calls = tuple((call.tool, call.arguments) for call in record.calls)
            spoken = (record.role, record.text, record.speaker, record.time, record.id, calls)
            message = Message(*spoken)
            thread = self._thread(one)
            place = (id, self._spaces[one.path], thread, record.seq, one.key)
            rows.append(message_row(*place, message, record.recorded_at))
            text = [message_text(message)]
            found.append(self._document(one, id, "message", text, record, None))
        yield SqlMany("put_document", [row["document"] for row in found])
        yield SqlMany("put_message", rows)
        yield from _found_by(found)

    def _thread(self, one: _Placed) -> int:
        """Return the number of a message's thread, which was read before."""
        record: DumpedMessage = one.record
        thread = self._threads.get((one.path, record.thread))
        if thread is None:
            raise InputError(
                f"{one.said}: the record of the thread {record.thread!r} must stand before its "
                "messages."
            )
        if not thread.seen < record.seq <= thread.last:
            raise InputError(
                f"{one.said}: the messages of a thread have rising numbers up to its last, "
                f"{thread.last}; got {record.seq} after {thread.seen}."
            )
        thread.seen = record.seq
        return thread.id

    # The rest

    def _jobs(self, placed: list[_Placed]) -> Plan[None]:
        yield from self._free(placed, "job", "taken_jobs")
        rows = [self._job(one) for one in placed]
        yield SqlMany("put_job", rows)
        yield SqlMany("settle_job", rows)

    def _job(self, one: _Placed) -> dict[str, Any]:
        job = one.record
        return {
            "space": self._spaces[one.path],
            "name": one.key,
            "payload": _text(one, job.payload),
            "due_at": job.due_at,
            "first_at": job.first_at or job.due_at,
            "handler": job.handler,
            "thread": job.thread,
            "every": job.every,
            "ticket": 0,
            "waiting": 1,
            "attempts": job.attempts,
            "error": job.error,
            "state": "dead" if job.dead else "waiting",
            "wake_at": None if job.dead else job.due_at,
        }

    def _erasures(self, batch: Sequence[tuple[str, Any]]) -> Plan[None]:
        if self._namespace:
            raise InputError(
                f"{batch[0][0]}: what is left of erased versions belongs to a whole store, not "
                f"below {self._namespace!r}. Take the records 'erased' out of the file."
            )
        ids = yield Draw(len(batch))
        rows = [
            {"version": id, "digest": record.digest, "erased_at": record.erased_at}
            for id, (_, record) in zip(ids, batch, strict=True)
        ]
        yield SqlMany("put_erased", rows)


def _found_by(documents: Sequence[dict[str, Any]]) -> Plan[None]:
    """Write the words and vectors by which documents are found."""
    yield SqlMany("put_words", [row["words"] for row in documents if row["words"]["tokens"]])
    yield SqlMany("put_vector", [vector for row in documents for vector in row["vectors"]])


def _taken(one: _Placed, what: str) -> InputError:
    return InputError(
        f"{one.said}: there is a {what} {one.key!r} in {tuple(one.path.split('.'))!r} already. "
        "Import into a store that holds nothing of it, or forget it there first."
    )


def _check_order(before: dict[str, Any], after: dict[str, Any], one: _Placed) -> None:
    for what in ("revision", "recorded_at"):
        same_moment = what == "recorded_at" and after[what] == before[what]
        if after[what] <= before[what] and not same_moment:
            raise InputError(
                f"{one.said}: the versions of a memory must rise in {what}, got {after[what]!r} "
                f"after {before[what]!r}."
            )


def _version(version: DumpedVersion, one: _Placed, ids: Mapping[int, int]) -> dict[str, Any]:
    """Return the row of a version, all but its numbers.

    Args:
        version: What was read.
        one: The memory.
        ids: Those of the versions before it, by revision.
    """
    if version.base is not None and version.base not in ids:
        raise InputError(
            f"{one.said}: the base {version.base} is no revision of it that comes before."
        )
    text = None if version.value is None else _text(one, version.value)
    if version.text is not None:
        text = _as_written(one, version)
    if (version.salt is None) != (version.digest is None):
        raise InputError(f"{one.said}: give 'salt' and 'digest', or neither for new ones.")
    salt = secrets.token_hex(16) if version.salt is None else version.salt
    digest = sealed(salt, text)
    if version.digest not in (None, digest):
        raise InputError(
            f"{one.said}: a version is not what its digest was made of, so the file was changed. "
            "To import it as it is, take 'salt' and 'digest' out of that version."
        )
    return {
        "key": one.key,
        "base": None if version.base is None else ids[version.base],
        "value": text,
        "recorded_at": version.recorded_at,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "importance": version.importance,
        "fields": fields_text(version.fields),
        "ttl": version.ttl,
        "state": json.dumps(_state(version.state)) if version.state else None,
        "who": version.who,
        "model": version.model,
        "prompt": version.prompt,
        "salt": salt,
        "digest": digest,
    }


def _as_written(one: _Placed, version: DumpedVersion) -> str:
    try:
        said = json.loads(version.text or "")
    except (ValueError, RecursionError):
        said = None
    if version.text is None or version.value is None or not same(said, version.value):
        raise InputError(f"{one.said}: 'text' must be the JSON of 'value'.")
    return version.text


def _text(one: _Placed, value: dict[Any, Any]) -> str:
    try:
        return dumped(value)
    except InputError as error:
        raise InputError(f"{one.said}: {error}") from None


def _vectors(one: _Placed, packed: Sequence[str]) -> list[Vector]:
    try:
        return [unpacked(text) for text in packed]
    except ValueError as error:
        raise InputError(f"{one.said}: {error}; vectors are float32 in base64.") from None


def _item(item: DumpedItem, one: _Placed, space: int, id: int, version: int) -> dict[str, Any]:
    return {
        "id": id,
        "space": space,
        "key": one.key,
        "version": version,
        "updated_at": item.updated_at,
        "expires_at": item.expires_at,
        **_state(item),
    }


def _state(item: DumpedState) -> dict[str, Any]:
    return {
        "created_at": item.created_at,
        "pinned": int(item.pinned),
        "recalls": item.recalls,
        "recalled_at": item.recalled_at,
        "strength": float(item.recalls) if item.strength is None else item.strength,
    }
