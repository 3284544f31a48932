"""How memories are written: a version for each, and everything that hangs on it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from holdfast.history import Provenance
from holdfast.memory import Action, is_standing
from holdfast.stores.plan.documents import document_rows, read_value
from holdfast.stores.plan.effects import Draw, Lock, Plan, Row, Sql, SqlMany
from holdfast.stores.plan.erasing import erase_items
from holdfast.stores.plan.indexing import Fields, Vector, fields_text
from holdfast.stores.plan.spaces import chunks, joined, now_text, spaces_made

Place = tuple[str, str]
"""A path and a key."""


@dataclass(slots=True)
class Prepared:
    """One memory to write, ready for the database: read, checked, and perhaps embedded.

    Args:
        namespace: Stored labels.
        key: Its key.
        value: JSON text; None deletes.
        fields: Which fields are indexed.
        texts: What of it is indexed.
        ttl: Minutes to live.
        expect: The revision that must be current; 0 for none; None for any.
        valid_from: Since when it is so.
        valid_to: Until when.
        importance: 1 to 5.
        supersedes: Keys of memories that are no longer so.
        provenance: Where it comes from.
        base: The number of the version it is made from, where that is not the current one.
        keep: Whether what stood beside the version before stays, where nothing is said of it.
        pin: Whether it is pinned from now on; None for as it is.
        stands: Whether it is of a kind that is pinned when it is new.
        state: What stood beside a deleted memory that is written again, as it was kept.
        vectors: One for each text; None where they are still to come.
    """

    namespace: tuple[str, ...]
    key: str
    value: str | None
    fields: Fields = None
    texts: list[str] = field(default_factory=list)
    ttl: float | None = None
    expect: int | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    importance: int | None = None
    supersedes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    base: int | None = None
    pin: bool | None = None
    stands: bool = False
    state: str | None = None
    keep: bool = False
    vectors: list[Vector] | None = None

    @property
    def place(self) -> Place:
        """Where it goes."""
        return joined(self.namespace), self.key


class Outcome(NamedTuple):
    """What became of one write: the value before, as JSON text, and why it was not made."""

    action: Action
    before: str | None = None
    reason: str | None = None


class Written(NamedTuple):
    """What became of all writes; no revision where nothing was written."""

    revision: int | None
    outcomes: list[Outcome]


def sealed(salt: str, value: str | None) -> str:
    """Return the digest of a version; without its salt it tells nothing of the value."""
    return hashlib.blake2b(f"{salt}\n{value}".encode(), digest_size=32).hexdigest()


def write_all(writes: Sequence[Prepared], embedder: str | None) -> Plan[Written]:
    """Write memories of any namespaces, all of them or none.

    Args:
        writes: Each place once.
        embedder: Whose vectors they have.
    """
    yield Lock(sorted(write.place for write in writes))
    standing = yield from stand(writes)
    if standing.conflict or not standing.changes:
        return Written(None, standing.outcomes)
    drawn = yield Draw(standing.numbers)
    yield from apply(standing, drawn, embedder)
    return Written(drawn[0], standing.outcomes)


def stand(writes: Sequence[Prepared]) -> Plan[Standing]:
    """Hold writes against what is there; the places must be locked."""
    now = now_text()
    spaces, there = yield from _standing(writes, now)
    outcomes = [_outcome(write, there.get(write.place)) for write in writes]
    changes = [
        _Change(write, spaces[write.place[0]], there.get(write.place), outcome.action)
        for write, outcome in zip(writes, outcomes, strict=True)
        if outcome.action not in ("unchanged", "conflict")
    ]
    return Standing(outcomes, changes, now)


def apply(standing: Standing, drawn: Sequence[int], embedder: str | None) -> Plan[None]:
    """Write what a change set comes to.

    Args:
        standing: The change set, held against what is there.
        drawn: As many numbers as it needs; the first is its revision.
        embedder: Whose vectors it has.
    """
    changes = standing.changes
    revision, numbers = drawn[0], iter(drawn[1:])
    rows = [_rows(change, numbers, revision, standing.now, embedder) for change in changes]
    yield SqlMany("put_version", [row["version"] for row in rows])
    yield SqlMany("put_origin", [origin for row in rows for origin in row["origins"]])
    yield SqlMany("put_supersession", [link for row in rows for link in row["supersedes"]])
    kept = [row["keeps"] for row in rows if row["keeps"]]
    if kept:
        yield SqlMany("keep_supersessions", kept)
    puts = [row for row in rows if row["item"]]
    gone = [{"id": row["id"], "revision": revision} for row in rows if not row["item"]]
    # From here on nobody else changes the words and vectors of these documents.
    yield SqlMany("put_document", [row["document"] for row in puts])
    yield SqlMany("drop_document", gone)
    old = [{"id": row["id"]} for row in rows if row["old"]]
    yield SqlMany("drop_words", old)
    yield SqlMany("drop_vectors", old)
    yield SqlMany("put_item", [row["item"] for row in puts])
    yield SqlMany("pin_item", [row["pin"] for row in puts if row["pin"]])
    yield SqlMany("delete_item", gone)
    yield SqlMany("put_words", [row["words"] for row in puts if row["words"]["tokens"]])
    yield SqlMany("put_vector", [vector for row in puts for vector in row["vectors"]])
    spaces = sorted({change.space for change in changes})
    yield SqlMany("raise_generation", [{"space": id, "revision": revision} for id in spaces])


@dataclass(slots=True)
class _Change:
    """One write, with what stands there now."""

    write: Prepared
    space: int
    before: Row | None
    action: Action

    @property
    def live(self) -> Row | None:
        """What stands there now, if it is not deleted."""
        return self.before if self.before and self.before["id"] is not None else None


@dataclass(slots=True)
class Standing:
    """Writes held against what is there.

    Args:
        outcomes: What becomes of each.
        changes: Those that change something.
        now: The time of the change set.
    """

    outcomes: list[Outcome]
    changes: list[_Change]
    now: str

    @property
    def conflict(self) -> bool:
        """Whether one of them met another version than it expected."""
        return any(outcome.action == "conflict" for outcome in self.outcomes)

    @property
    def numbers(self) -> int:
        """How many numbers its rows need, with that of the revision."""
        fresh = sum(change.action == "inserted" for change in self.changes)
        return 1 + len(self.changes) + fresh


def _standing(
    writes: Sequence[Prepared], now: str
) -> Plan[tuple[dict[str, int], dict[Place, Row]]]:
    """Return the spaces, made where they are missing, and the last version at each place.

    What has expired is erased on the way.
    """
    keys: dict[str, list[str]] = {}
    for write in writes:
        keys.setdefault(write.place[0], []).append(write.key)
    spaces: dict[str, int] = {}
    found: dict[Place, Row] = {}
    for path, named in keys.items():
        for part in chunks(named):
            rows = yield Sql("standing", {"path": path, "keys": part})
            if rows:
                spaces[path] = rows[0]["space"]
            found |= {(path, row["key"]): row for row in rows if row["version"] is not None}
    paths = {write.place[0] for write in writes if write.value is not None}
    spaces |= yield from spaces_made(paths - spaces.keys())
    expired = {p: row for p, row in found.items() if row["expires_at"] and row["expires_at"] <= now}
    if expired:
        yield from erase_items([(spaces[path], key) for path, key in expired])
    return spaces, {place: row for place, row in found.items() if place not in expired}


def _outcome(write: Prepared, row: Row | None) -> Outcome:
    live = row is not None and row["id"] is not None
    there = row["revision"] if row is not None and live else 0
    before = row["value"] if row is not None and live else None
    if write.expect is not None and write.expect != there:
        return Outcome("conflict", before, unmet(write.key, write.expect, there))
    if write.value is None:
        return Outcome("deleted" if live else "unchanged", before)
    return Outcome("updated" if live else "inserted", before)


def unmet(key: str, expected: int, there: int) -> str:
    """Return why something was not written: a memory has another revision than was expected."""
    found = f"revision {there}" if there else "nothing"
    wanted = f"revision {expected}" if expected else "nothing"
    return f"expected {wanted}, found {found} @ {key}"


def _rows(
    change: _Change, drawn: Iterator[int], revision: int, now: str, embedder: str | None
) -> dict[str, Any]:
    """Return the rows that one write comes to, table by table."""
    write, live = change.write, change.live
    version = next(drawn)
    id = live["id"] if live else next(drawn)
    recorded = max(now, change.before["recorded_at"]) if change.before else now
    base = write.base or (live["version"] if live else None)
    found = {
        "id": id,
        "old": live is not None,
        "version": _version(change, version, revision, base, recorded),
        "origins": [
            {"version": version, "sort": source.sort, "ref": source.ref}
            for source in write.provenance.sources()
        ],
        "supersedes": [
            {"version": version, "space": change.space, "key": key} for key in write.supersedes
        ],
        "keeps": {"version": version, "base": live["version"]} if live and write.keep else None,
        "item": None,
    }
    if write.value is None:
        return found
    state = _state(live) if live else {**_FRESH, "created_at": recorded, **_kept(write.state)}
    pinned = _pinned(write, live)
    found["pin"] = None if pinned is None else {"id": id, "pinned": int(pinned)}
    found["item"] = {
        "id": id,
        "space": change.space,
        "key": write.key,
        "version": version,
        "updated_at": recorded,
        "expires_at": expiry(now, write.ttl),
        **state,
    }
    found |= document_rows(
        id, change.space, "memory", write.texts, write.vectors, revision, embedder, recorded
    )
    return found


def _pinned(write: Prepared, live: Row | None) -> bool | None:
    """Return whether a memory is pinned from now on; None for as it was.

    Once it is of a kind that stands, whoever unpins it is not overruled by the next update.
    """
    if write.pin is None and write.stands:
        return True if live is None or not is_standing(read_value(live["value"]) or {}) else None
    return write.pin


_FRESH: dict[str, Any] = {"pinned": 0, "recalls": 0, "recalled_at": None, "strength": 0.0}


def _state(live: Row) -> dict[str, Any]:
    """Return what stands beside the value of a memory, whichever version it has."""
    return {name: live[name] for name in ("created_at", *_FRESH)}


def _kept(state: str | None) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(state) if state else {}
    return kept


def _version(
    change: _Change, id: int, revision: int, base: int | None, recorded: str
) -> dict[str, Any]:
    write, live = change.write, change.live
    salt = secrets.token_hex(16)
    return {
        "id": id,
        "space": change.space,
        "key": write.key,
        "revision": revision,
        "base": base,
        "value": write.value,
        "recorded_at": recorded,
        **_beside(write, live),
        "fields": fields_text(write.fields),
        "ttl": write.ttl if write.value is not None else None,
        "state": json.dumps(_state(live)) if live and write.value is None else None,
        "who": write.provenance.who,
        "model": write.provenance.model,
        "prompt": write.provenance.prompt,
        "salt": salt,
        "digest": sealed(salt, write.value),
    }


def _beside(write: Prepared, live: Row | None) -> dict[str, Any]:
    """Return what is told beside a value; what a write keeps and says nothing of is as before."""
    told = {name: getattr(write, name) for name in ("valid_from", "valid_to", "importance")}
    if not write.keep or live is None or write.value is None:
        return told
    return {name: live[name] if given is None else given for name, given in told.items()}


def expiry(now: str, ttl: float | None) -> str | None:
    """Return when a time to live in minutes ends."""
    if ttl is None:
        return None
    ends = datetime.fromisoformat(now) + timedelta(minutes=ttl)
    return ends.isoformat(timespec="microseconds")


def last_of_each(writes: Sequence[Prepared]) -> list[Prepared]:
    """Return the writes that count: of several to one place, the last."""
    return list({write.place: write for write in writes}.values())
