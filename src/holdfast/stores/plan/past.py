"""Versions read back: history, the state at a time, differences, sources, and undoing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import jsonpatch

from holdfast.errors import InputError
from holdfast.history import Entry, Provenance, Record, Source, Version
from holdfast.operations import AsOf, DerivedFrom, Diff, History, Pin, Records, Revert, Sources
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Plan, Row, Sql
from holdfast.stores.plan.erasing import with_descendants
from holdfast.stores.plan.indexing import Fields, read_fields
from holdfast.stores.plan.journal import entry_of
from holdfast.stores.plan.spaces import (
    chunks,
    joined,
    labels,
    now_text,
    space_of,
    spaces_below,
    time_of,
)


def records(op: Records) -> Plan[list[Record | None]]:
    """Return memories with what is kept beside their values."""
    space = yield from space_of(op.namespace)
    if space is None:
        return [None] * len(op.keys)
    found: dict[str, Record] = {}
    for part in chunks(list(dict.fromkeys(op.keys))):
        where = {"space": space, "keys": part, "now": now_text()}
        rows = yield Sql("records", where)
        versions = yield from _versions([row["version"] for row in rows])
        links = yield Sql("superseding", where)
        for row in rows:
            newer = tuple(x["new"] for x in links if x["old"] == row["key"])
            found[row["key"]] = _record(row, versions[row["version"]], newer)
    return [found.get(key) for key in op.keys]


def _record(row: Row, version: Version, newer: tuple[str, ...]) -> Record:
    created = time_of(row["created_at"])
    assert created is not None
    return Record(
        version,
        created,
        bool(row["pinned"]),
        row["recalls"],
        time_of(row["recalled_at"]),
        time_of(row["expires_at"]),
        newer,
        row["strength"],
    )


def history(op: History) -> Plan[list[Version]]:
    """Return every version of a memory."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("history", {"space": space, "key": op.key, "now": now_text()})
    return (yield from _with_provenance(rows))


def as_of(op: AsOf) -> Plan[list[Version]]:
    """Return what was there at a time."""
    if op.key is None:
        spaces = list((yield from spaces_below(op.namespace)))
    else:
        space = yield from space_of(op.namespace)
        spaces = [] if space is None else [space]
    where = {"spaces": spaces, "time": op.time, "key": op.key or "", "any_key": int(op.key is None)}
    rows = yield Sql("as_of", {**where, "now": now_text()})
    valid = [row for row in rows if _is_valid(row, op.valid_at)]
    return (yield from _with_provenance(valid))


def _is_valid(row: Row, at: str | None) -> bool:
    if at is None:
        return True
    begun = row["valid_from"] is None or row["valid_from"] <= at
    return begun and (row["valid_to"] is None or at < row["valid_to"])


def diff(op: Diff) -> Plan[list[dict[str, Any]]]:
    """Return the JSON Patch from one revision to another."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("history", {"space": space, "key": op.key, "now": now_text()})
    before, after = (_value_at(rows, revision, op) for revision in (op.a, op.b))
    return list(jsonpatch.make_patch(before, after))


def _value_at(rows: Sequence[Row], revision: int, op: Diff | Sources) -> Any:
    if revision == 0:
        return {}
    for row in rows:
        if row["revision"] == revision:
            return read_value(row["value"]) or {}
    if not rows:
        raise InputError(
            f"There is no memory {op.key!r} in {op.namespace!r}: it never was there, it has "
            "expired, or it was forgotten. Check the key and the namespace."
        )
    there = ", ".join(str(row["revision"]) for row in rows)
    raise InputError(f"Memory {op.key!r} has no revision {revision!r}; there are: {there}.")


def sources(op: Sources) -> Plan[list[Entry]]:
    """Return the messages that a memory comes from."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("history", {"space": space, "key": op.key, "now": now_text()})
    chosen = rows[-1:] if op.revision is None else [r for r in rows if r["revision"] == op.revision]
    if op.revision is not None and not chosen:
        _value_at(rows, op.revision, op)
    keys = yield from _message_keys([row["id"] for row in chosen])
    found: list[Entry] = []
    for part in chunks(sorted(keys)):
        messages = yield Sql("messages_at", {"space": space, "keys": part})
        found += [entry_of(row) for row in messages]
    return sorted(found, key=lambda entry: (entry.recorded_at, entry.thread, entry.seq))


def _message_keys(versions: Sequence[int]) -> Plan[set[str]]:
    """Return the messages named by versions, by those they were made from, and so on."""
    keys: set[str] = set()
    seen: set[int] = set()
    fresh = set(versions)
    while fresh:
        line: set[int] = set()
        for part in chunks(sorted(fresh)):
            rows = yield Sql("ancestors", {"ids": part})
            line |= {row["id"] for row in rows}
        seen |= line
        fresh = set()
        for part in chunks(sorted(line)):
            origins = yield Sql("origins_of", {"ids": part})
            keys |= {row["ref"] for row in origins if row["sort"] == "message"}
            rows = yield Sql("made_of", {"ids": part})
            fresh |= {row["id"] for row in rows}
        fresh -= seen
    return keys


def derived_from(op: DerivedFrom) -> Plan[list[Version]]:
    """Return every version that comes from a source."""
    spaces = list((yield from spaces_below(op.namespace)))
    ids = yield from from_source(op.source, spaces)
    found = yield from with_descendants(ids)
    rows: list[Row] = []
    now = now_text()
    for part in chunks(sorted(found)):
        rows += yield Sql("versions_by_id", {"ids": part, "now": now})
    return (yield from _with_provenance(sorted(rows, key=lambda row: row["revision"])))


def from_source(source: Source, spaces: Sequence[int]) -> Plan[list[int]]:
    """Return the versions that name a source, or a message of that thread."""
    named = [(source.sort, source.ref, list(spaces))]
    if source.sort == "thread":
        messages = yield Sql("messages_from_thread", {"spaces": list(spaces), "thread": source.ref})
        named += [("message", row["key"], [row["space"]]) for row in messages]
    found: dict[int, None] = {}
    for sort, ref, scope in named:
        where = {"sort": sort, "ref": ref, "spaces": scope}
        rows = yield Sql("versions_from", where)
        found |= dict.fromkeys(row["id"] for row in rows)
    return list(found)


def pin(op: Pin) -> Plan[bool]:
    """Pin a memory, or unpin it."""
    space = yield from space_of(op.namespace)
    where = {"space": space, "key": op.key, "pinned": int(op.pinned), "now": now_text()}
    rows = yield Sql("pin", where)
    return bool(rows)


def undone(op: Revert) -> Plan[list[Row]]:
    """Return the versions that a revert is to undo, those of later revisions first."""
    if op.revision is not None and op.source is not None:
        raise InputError("Give revert a revision or a source, not both.")
    if op.key is None and op.revision is None and op.source is None:
        raise InputError("Give revert a key, a revision or a source; it would undo everything.")
    spaces = yield from spaces_below(op.namespace)
    scope = [id for id, path in spaces.items() if op.key is None or path == joined(op.namespace)]
    now = now_text()
    if op.revision is None and op.source is None:
        where = {"space": scope[0] if scope else None, "key": op.key, "now": now}
        rows = yield Sql("history", where)
        return list(rows[-1:])
    if op.source is not None:
        ids = yield from from_source(op.source, scope)
    else:
        named = yield Sql("versions_of_revision", {"revision": op.revision, "spaces": scope})
        ids = [row["id"] for row in named]
    found: list[Row] = []
    for part in chunks(ids):
        rows = yield Sql("versions_by_id", {"ids": part, "now": now})
        found += [row for row in rows if op.key is None or row["key"] == op.key]
    return sorted(found, key=lambda row: -row["revision"])


def _versions(ids: Sequence[int]) -> Plan[dict[int, Version]]:
    rows = yield Sql("versions_by_id", {"ids": list(ids), "now": now_text()})
    versions = yield from _with_provenance(rows)
    return {row["id"]: version for row, version in zip(rows, versions, strict=True)}


def _with_provenance(rows: Iterable[Row]) -> Plan[list[Version]]:
    listed = list(rows)
    origins: dict[int, list[Row]] = {}
    links: dict[int, list[str]] = {}
    for part in chunks([row["id"] for row in listed]):
        for origin in (yield Sql("origins_of", {"ids": part})):
            origins.setdefault(origin["version"], []).append(origin)
        for link in (yield Sql("superseded_by_versions", {"ids": part})):
            links.setdefault(link["version"], []).append(link["key"])
    return [version_of(row, origins.get(row["id"], ()), links.get(row["id"], ())) for row in listed]


def version_of(
    row: Mapping[str, Any], origins: Sequence[Row], supersedes: Sequence[str]
) -> Version:
    """Return a version from its rows."""
    recorded = time_of(row["recorded_at"])
    assert recorded is not None
    named: dict[str, list[str]] = {}
    for origin in origins:
        named.setdefault(origin["sort"], []).append(origin["ref"])
    provenance = Provenance(
        row["who"],
        next(iter(named.get("thread", ())), None),
        next(iter(named.get("run", ())), None),
        tuple(named.get("message", ())),
        tuple(named.get("document", ())),
        tuple(named.get("memory", ())),
        row["model"],
        row["prompt"],
    )
    return Version(
        labels(row["path"]),
        row["key"],
        row["revision"],
        read_value(row["value"]),
        recorded,
        row["base_revision"],
        time_of(row["valid_from"]),
        time_of(row["valid_to"]),
        row["importance"],
        tuple(supersedes),
        provenance,
        _index(read_fields(row["fields"])),
        row["ttl"],
    )


def _index(fields: Fields) -> Literal[False] | tuple[str, ...] | None:
    return fields if fields is None or fields is False else tuple(fields)
