"""How things are erased for good: every version that comes from them, and all that hangs on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from holdfast.errors import InputError
from holdfast.history import Erasure, Source
from holdfast.operations import Forget
from holdfast.stores.filters import matches
from holdfast.stores.plan.documents import document_rows, read_value
from holdfast.stores.plan.effects import Draw, Lock, Plan, Row, Sql, SqlMany
from holdfast.stores.plan.indexing import Indexing, read_fields
from holdfast.stores.plan.spaces import chunks, joined, now_text, spaces_below

SCRUB = "scrub"
"""The setting that says that bytes of what was erased may still be in the store's files."""


class _Targets(NamedTuple):
    """What is to be erased: ids of versions, and rows of messages."""

    versions: set[int]
    messages: list[Row]


def forget(op: Forget, indexing: Indexing) -> Plan[Erasure]:
    """Erase what an operation names; return the counts."""
    if sum(given is not None for given in (op.key, op.source, op.filter)) > 1:
        raise InputError("Give forget one of key, source and filter, or only a namespace.")
    spaces = yield from spaces_below(op.namespace)
    exact = [id for id, path in spaces.items() if path == joined(op.namespace)]
    scope = exact if op.key is not None else list(spaces)
    if not scope:
        return Erasure()
    yield Lock([(spaces[id], "") for id in scope])
    targets = yield from _targets(op, scope)
    versions = yield from _with_derived(targets)
    memories, restored, gone = yield from _erase_versions(versions, indexing)
    yield from _erase_messages(targets.messages)
    whole = op.key is None and op.source is None and op.filter is None
    if whole:
        yield from _erase_spaces(scope)
    names = (yield from _erase_names(op.source, scope)) if op.source is not None else 0
    yield Sql("erase_outcomes", {"spaces": scope})  # receipts name keys
    if versions or targets.messages or whole or names:
        yield Sql("put_setting", {"name": SCRUB, "value": now_text()})
    return Erasure(memories, restored, gone, len(targets.messages))


def _targets(op: Forget, scope: Sequence[int]) -> Plan[_Targets]:
    where = {"spaces": list(scope)}
    if op.key is not None:
        messages = yield Sql("messages_at", {"space": scope[0], "keys": [op.key]})
        rows = yield Sql("versions_at", {"space": scope[0], "key": op.key})
        # A source has a name; a key may be empty, since LangGraph refuses none.
        named = [Source("memory", op.key)] if op.key else []
        derived: set[int] = set()
        for source in named:
            derived |= yield from _from_source(source, scope)
        return _Targets({row["id"] for row in rows} | derived, list(messages))
    if op.source is not None:
        messages = []
        if op.source.sort == "thread":
            messages = yield Sql("messages_from_thread", {**where, "thread": op.source.ref})
        elif op.source.sort == "message":
            for space in scope:
                found = yield Sql("messages_at", {"space": space, "keys": [op.source.ref]})
                messages = [*messages, *found]
        versions = yield from _from_source(op.source, scope)
        return _Targets(versions, list(messages))
    chosen: set[int] = set()
    keys = yield Sql("keys_below", where)
    for row in keys:
        if op.filter is None or (yield from _passes(row, op.filter)):
            rows = yield Sql("versions_at", {"space": row["space"], "key": row["key"]})
            chosen |= {version["id"] for version in rows}
    messages = []
    if op.filter is None:
        messages = yield Sql("messages_in", where)
    return _Targets(chosen, list(messages))


def _passes(place: Row, wanted: Any) -> Plan[bool]:
    rows = yield Sql("items_at", {"space": place["space"], "keys": [place["key"]]})
    return bool(rows) and matches(read_value(rows[0]["value"]), wanted)


def _from_source(source: Source, scope: Sequence[int]) -> Plan[set[int]]:
    rows = yield Sql(
        "versions_from", {"sort": source.sort, "ref": source.ref, "spaces": list(scope)}
    )
    return {row["id"] for row in rows}


def _with_derived(targets: _Targets) -> Plan[set[int]]:
    """Return the versions together with all that were made from them, or from the messages."""
    found = set(targets.versions)
    for message in targets.messages:
        named = Source("message", message["key"])
        found |= yield from _from_source(named, [message["space"]])
    return (yield from with_descendants(found))


def with_descendants(versions: Iterable[int]) -> Plan[set[int]]:
    """Return versions with those made from them: of the same memory, or of others that name it."""
    found: set[int] = set()
    fresh = set(versions)
    while fresh:
        found |= fresh
        reached: set[int] = set()
        for part in chunks(sorted(fresh)):
            rows = yield Sql("descendants", {"ids": part})
            reached |= {row["id"] for row in rows}
        for part in chunks(sorted(reached - found | fresh)):
            rows = yield Sql("made_from", {"ids": part})
            reached |= {row["id"] for row in rows}
        fresh = reached - found
    return found


def _erase_versions(versions: set[int], indexing: Indexing) -> Plan[tuple[int, int, int]]:
    """Erase versions; return how many memories are gone or fell back, and how many versions.

    A delete stays as long as there are versions before it: nothing that was deleted comes back.
    """
    places: dict[tuple[int, str], list[int]] = {}
    for part in chunks(sorted(versions)):
        rows = yield Sql("places_of", {"ids": part})
        for row in rows:
            places.setdefault((row["space"], row["key"]), []).append(row["id"])
    gone: list[tuple[int, str]] = []
    restored = 0
    kept: set[int] = set()
    for (space, key), ids in places.items():
        items = yield Sql("items_at", {"space": space, "keys": [key]})
        rows = yield Sql("versions_at", {"space": space, "key": key})
        if any(row["id"] not in versions for row in rows):
            kept |= {row["id"] for row in rows if row["id"] in ids and row["value"] is None}
        left = [row for row in rows if row["id"] not in versions - kept]
        if not left:
            yield Sql("erase_supersessions_of", {"space": space, "key": key})
        if not items or items[0]["version"] not in ids:
            continue
        if left and left[-1]["value"] is not None:
            yield from _restore(items[0], space, left[-1], indexing)
            restored += 1
        else:
            gone.append((space, key))
            yield from _erase_items(items, space)
    for part in chunks(sorted(kept)):
        yield Sql("erase_origins", {"ids": part})
    for part in chunks(sorted(versions - kept)):
        yield from _erase_rows(part)
    return len(gone), restored, len(versions - kept)


def _erase_rows(ids: list[int]) -> Plan[None]:
    where = {"ids": ids, "now": now_text()}
    for name in ("seal_erased", "unbase", "erase_origins", "erase_supersessions", "erase_versions"):
        yield Sql(name, where)


def _restore(item: Row, space: int, version: Row, indexing: Indexing) -> Plan[None]:
    """Let an item fall back to a version; its words follow, its vectors are still to come."""
    (revision,) = yield Draw(1)
    id = item["id"]
    texts = indexing.texts(read_value(version["value"]) or {}, read_fields(version["fields"]))
    when = version["recorded_at"]
    rows = document_rows(id, space, "memory", texts, None, revision, None, when)
    yield Sql("put_document", rows["document"])
    yield Sql("drop_words", {"id": id})
    yield Sql("drop_vectors", {"id": id})
    yield Sql("set_version", {"id": id, "version": version["id"], "updated_at": item["updated_at"]})
    if rows["words"]["tokens"]:
        yield Sql("put_words", rows["words"])
    yield Sql("raise_generation", {"space": space, "revision": revision})


def _erase_items(items: Sequence[Row], space: int) -> Plan[None]:
    (revision,) = yield Draw(1)
    ids = [{"id": item["id"], "revision": revision} for item in items]
    for name in ("delete_item", "drop_document", "drop_words", "drop_vectors"):
        yield SqlMany(name, ids)
    yield SqlMany("erase_recalled", [{"space": space, "key": item["key"]} for item in items])
    yield Sql("raise_generation", {"space": space, "revision": revision})


def erase_items(places: Sequence[tuple[int, str]]) -> Plan[None]:
    """Erase memories whole, with all their versions: by number of the space, and key."""
    for space, key in places:
        items = yield Sql("items_at", {"space": space, "keys": [key]})
        rows = yield Sql("versions_at", {"space": space, "key": key})
        yield from _erase_items(items, space)
        yield Sql("erase_supersessions_of", {"space": space, "key": key})
        for part in chunks([row["id"] for row in rows]):
            yield from _erase_rows(part)


def _erase_messages(messages: Sequence[Row]) -> Plan[None]:
    if not messages:
        return
    (revision,) = yield Draw(1)
    ids = [{"id": row["id"], "revision": revision} for row in messages]
    for part in chunks([row["id"] for row in messages]):
        yield Sql("erase_messages", {"ids": part})
    for name in ("drop_document", "drop_words", "drop_vectors"):
        yield SqlMany(name, ids)
    places = [{"space": row["space"], "key": row["key"]} for row in messages]
    yield SqlMany("erase_recalled", places)
    threads = sorted({row["thread"] for row in messages})
    for part in chunks(threads):
        yield Sql("erase_empty_cursors", {"ids": part})
        yield Sql("erase_threads", {"ids": part})
    spaces = sorted({row["space"] for row in messages})
    yield SqlMany("raise_generation", [{"space": id, "revision": revision} for id in spaces])


def _erase_names(source: Source, scope: Sequence[int]) -> Plan[int]:
    """Erase the name of a thread of which no message is left; return how many there were."""
    if source.sort != "thread":
        return 0
    where = {"spaces": list(scope), "thread": source.ref}
    yield Sql("erase_jobs_about", where)
    yield Sql("erase_recalled_in", where)
    rows = yield Sql("threads_named", where)
    for part in chunks([row["id"] for row in rows]):
        yield Sql("erase_cursors", {"ids": part})
        yield Sql("erase_threads", {"ids": part})
    return len(rows)


def _erase_spaces(spaces: Sequence[int]) -> Plan[None]:
    """Erase what is left of namespaces: empty threads, traces of documents, and their names."""
    where = {"spaces": list(spaces)}
    threads = yield Sql("threads_in", where)
    for part in chunks([row["id"] for row in threads]):
        yield Sql("erase_cursors", {"ids": part})
        yield Sql("erase_threads", {"ids": part})
    for name in ("erase_jobs", "erase_spent"):
        yield Sql(name, where)
    yield Sql("erase_recalled_below", where)
    documents = yield Sql("gone_documents", where)
    for part in chunks([row["id"] for row in documents]):
        yield Sql("erase_documents", {"ids": part})
    yield Sql("drop_spaces", where)


def sweep(limit: int) -> Plan[int]:
    """Erase memories whose time to live is over; return how many."""
    where = {"now": now_text(), "limit": limit}
    rows = yield Sql("expired", where)
    found = {(row["space"], row["key"]) for row in rows}
    yield Lock(sorted((row["path"], row["key"]) for row in rows))
    # Whoever was waited for may have written some of them anew.
    rows = yield Sql("expired", where)
    over = [(row["space"], row["key"]) for row in rows if (row["space"], row["key"]) in found]
    yield from erase_items(over)
    return len(over)
