"""Records written back: all of them or none, with their own revisions, times and digests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from holdfast.dump import (
    DumpedErasure,
    DumpedItem,
    DumpedJob,
    DumpedMemory,
    DumpedMessage,
    DumpedThread,
    DumpedVersion,
)
from holdfast.errors import InputError, shown
from holdfast.ledger import Import, Namespace
from holdfast.memory import Message, same
from holdfast.stores.plan.committing import check_namespace, check_place, dumped
from holdfast.stores.plan.documents import document_rows
from holdfast.stores.plan.dumping import unpacked
from holdfast.stores.plan.effects import Draw, Lock, Plan, Sql, SqlMany
from holdfast.stores.plan.indexing import Indexing, Vector, fields_text
from holdfast.stores.plan.journal import message_row, message_text
from holdfast.stores.plan.spaces import joined, spaces_made
from holdfast.stores.plan.writing import sealed

BATCH = 200
"""How many records of a kind are written at once."""

D = TypeVar("D", DumpedMemory, DumpedThread, DumpedMessage, DumpedJob)

_FREE = "Import into a store that holds nothing of it, or forget it there first."


class _Placed(NamedTuple):
    """A record, where it stands in what is read, and where it goes."""

    said: str
    path: str
    key: str
    record: Any


class _Thread:
    """A thread that was read; its messages follow, in order."""

    def __init__(self, id: int, last: int) -> None:
        self.id = id
        self.last = last
        self.seen = 0


class Restoring:
    """The writing of one import.

    Args:
        namespace: Stored labels, below which everything goes.
        indexing: How the store indexes: words are made anew from the values.
        revision: Of the import itself.
    """

    def __init__(self, namespace: Namespace, indexing: Indexing, revision: int) -> None:
        self._namespace = namespace
        self._indexing = indexing
        self._revision = revision
        self._spaces: dict[str, int] = {}
        self._threads: dict[tuple[str, str], _Thread] = {}
        self._highest = 0

    def write(self, kind: type, batch: Sequence[tuple[str, Any]]) -> Plan[None]:
        """Write some records of one kind."""
        if kind is DumpedErasure:
            yield from self._erased([record for _, record in batch])
            return
        placed = [self._placed(said, record) for said, record in batch]
        new = {one.path for one in placed} - set(self._spaces)
        self._spaces |= yield from spaces_made(new)
        writers: dict[type, Callable[[list[_Placed]], Plan[None]]] = {
            DumpedMemory: self._memories,
            DumpedThread: self._new_threads,
            DumpedMessage: self._messages,
            DumpedJob: self._jobs,
        }
        yield from writers[kind](placed)

    def finish(self) -> Plan[None]:
        """Make what was written known: to those who keep vectors, and to who draws numbers."""
        rows = [{"space": id, "revision": self._revision} for id in sorted(self._spaces.values())]
        yield SqlMany("raise_generation", rows)
        yield Sql("advance", {"least": self._highest})

    def _placed(self, said: str, record: Any) -> _Placed:
        names = {DumpedThread: "thread", DumpedJob: "name"}
        key = getattr(record, names.get(type(record), "key"))
        namespace = (*self._namespace, *record.namespace)
        try:
            check_namespace(namespace)
            check_place(namespace, key)
        except ValueError as error:
            raise InputError(f"{said}: {error}") from None
        return _Placed(said, joined(namespace), key, record)

    def _free(self, placed: Sequence[_Placed], statement: str, what: str) -> Plan[None]:
        """Raise an error where something is there already."""
        spaces: dict[str, dict[str, _Placed]] = {}
        for one in placed:
            there = spaces.setdefault(one.path, {})
            if one.key in there:
                raise _taken(one, what)
            there[one.key] = one
        for path, there in spaces.items():
            where = {"space": self._spaces[path], "keys": list(there), "names": list(there)}
            rows = yield Sql(statement, where)
            if rows:
                raise _taken(there[next(iter(tuple(rows[0])))], what)

    # Memories

    def _memories(self, placed: list[_Placed]) -> Plan[None]:
        yield from self._free(placed, "taken", "memory")
        number = sum(len(one.record.versions) * 2 + 1 for one in placed)
        drawn = iter((yield Draw(number)))
        rows = [self._memory(one, drawn) for one in placed]
        versions = [version for row in rows for version in row["versions"]]
        self._highest = max(self._highest, *(version["revision"] for version in versions))
        yield SqlMany("put_version", versions)
        yield SqlMany("put_origin", [origin for row in rows for origin in row["origins"]])
        yield SqlMany("put_supersession", [link for row in rows for link in row["supersedes"]])
        live = [row for row in rows if row["item"]]
        yield SqlMany("put_document", [row["document"] for row in live])
        yield SqlMany("put_item", [row["item"] for row in live])
        yield SqlMany("set_state", [row["item"] for row in live])
        yield from _indexed(live)

    def _memory(self, one: _Placed, drawn: Iterator[int]) -> dict[str, Any]:
        memory: DumpedMemory = one.record
        space = self._spaces[one.path]
        found: dict[str, Any] = {"versions": [], "origins": [], "supersedes": [], "item": None}
        ids: dict[int, int] = {}
        last: dict[str, Any] | None = None
        for version in memory.versions:
            id = next(drawn)
            revision = version.revision if version.revision is not None else next(drawn)
            row = _version(version, one, id, space, revision, ids)
            if last and not (last["revision"], last["recorded_at"]) < (
                revision,
                max(row["recorded_at"], last["recorded_at"]),
            ):
                raise InputError(f"{one.said}: versions must rise in revision, got {revision!r}.")
            if last and row["recorded_at"] < last["recorded_at"]:
                raise InputError(f"{one.said}: revision {revision} is older than the one before.")
            ids[revision], last = id, row
            found["versions"].append(row)
            found["origins"] += [
                {"version": id, "sort": sort, "ref": ref}
                for sort, _, ref in (source.partition(":") for source in version.sources)
            ]
            found["supersedes"] += [
                {"version": id, "space": space, "key": key} for key in version.supersedes
            ]
        assert last is not None
        self._state(one, found, last, next(drawn))
        return found

    def _state(
        self, one: _Placed, found: dict[str, Any], last: dict[str, Any], id: int
    ) -> None:
        item: DumpedItem | None = one.record.item
        value = one.record.versions[-1].value
        if (item is None) != (value is None):
            raise InputError(
                f"{one.said}: a memory has an 'item' just when its last version has a value, "
                f"got {shown(item)} beside {shown(value)}."
            )
        if item is None or value is None:
            return
        space = self._spaces[one.path]
        found["item"] = {
            "id": id,
            "space": space,
            "key": one.key,
            "version": last["id"],
            "created_at": item.created_at,
            "updated_at": item.updated_at,
            "ttl": item.ttl,
            "expires_at": item.expires_at,
            "pinned": int(item.pinned),
            "recalls": item.recalls,
            "recalled_at": item.recalled_at,
        }
        texts = self._indexing.texts(value, item.fields)
        found |= self._document(one, id, "memory", texts, item.fields)

    def _document(
        self, one: _Placed, id: int, sort: str, texts: list[str], fields: Any
    ) -> dict[str, Any]:
        owner = one.record.item if sort == "memory" else one.record
        vectors = None if owner.embedder is None else _vectors(one, owner.vectors)
        place = (id, self._spaces[one.path], sort)
        return document_rows(*place, texts, vectors, fields, self._revision, owner.embedder)
