"""Memories from mem0: the history it keeps on this machine, or a JSON file of its answers."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from holdfast.errors import InputError, shown
from holdfast.transfer.reading import Text, checked, reading

Mem0Action = Literal["ADD", "UPDATE", "DELETE"]

_GIVE = "Give mem0's history.db, the folder it is in, or what get_all() returned, saved as JSON."
_MAGIC = b"SQLite format 3\x00"
_HISTORY = "SELECT * FROM history ORDER BY rowid"


@dataclass(frozen=True, slots=True)
class Mem0Event:
    """One thing that happened to a memory.

    Args:
        action: `ADD`, `UPDATE` or `DELETE`.
        text: What the memory says from then on; None when it was deleted.
        at: When, as ISO 8601 in UTC; None where mem0 did not write it down.
        actor: Whose words it came from, where mem0 knew.
        role: That one's role in the conversation, where mem0 knew.
    """

    action: Mem0Action
    text: str | None
    at: str | None
    actor: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Mem0Memory:
    """A memory of mem0, with all that is known to have happened to it.

    Args:
        id: mem0's id.
        events: What happened, in order; a history that was cut may begin with an `UPDATE`.
        user_id: Whose it is; None in a history, which does not tell.
        agent_id: Likewise.
        run_id: Likewise.
        metadata: What its writer added; empty in a history.
    """

    id: str
    events: tuple[Mem0Event, ...]
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)


def _utc(time: datetime) -> datetime:
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is out of range") from None


_Time = Annotated[datetime, AfterValidator(_utc)]


class _Row(BaseModel):
    memory_id: str
    new_memory: str | None
    event: Mem0Action
    created_at: _Time | None
    updated_at: _Time | None
    actor_id: str | None = None
    role: str | None = None


class _Item(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Text
    memory: Text
    created_at: _Time | None = None
    updated_at: _Time | None = None
    user_id: Text | None = None
    agent_id: Text | None = None
    run_id: Text | None = None
    actor_id: Text | None = None
    role: Text | None = None
    metadata: dict[str, Any] | None = None


def read_mem0(path: str | Path | None = None) -> Iterator[Mem0Memory]:
    """Read the memories of mem0, and what happened to each.

    Two sources are known. mem0's `history.db` tells every change, but not whose memory it is:
    user, agent and run are told only in the vector store, which mem0 by default keeps pickled,
    and unpickling a file runs whatever code stands in it. So the vector store is not read, and
    whoever imports a history names the namespace; a history of several users does not come
    apart again. The file is opened to be read only, and stays as it is.

    The other is what `get_all()` returned (`{"results": [...]}`, or the bare list of older
    versions), saved as JSON: each memory as it is now, with its user, agent, run and metadata.
    Each has one event, an `ADD` of its text when that was written last. Only what is in the
    file is read: mem0 returns a page of a hosted account at a time, and locally the first
    memories alone unless `top_k` (`limit` in 1.x) asks for more.

    Times that carry no offset are taken for UTC.

    Args:
        path: `history.db`, a folder with that file, or a JSON file. None looks where mem0
            writes by itself: in `$MEM0_DIR`, else in `~/.mem0`.

    Returns:
        The memories, in the order in which they first occur; all were checked before.

    Raises:
        InputError: The file or a memory in it cannot be read; the error names the place.

    Example:
        >>> import tempfile
        >>> answer = {"results": [{"id": "m1", "memory": "Likes tea", "user_id": "nora"}]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "memories.json")
        ...     _ = file.write_text(json.dumps(answer))
        ...     (memory,) = read_mem0(file)
        >>> memory.user_id, memory.events[0].action, memory.events[0].text
        ('nora', 'ADD', 'Likes tea')
    """
    if path is None:
        path = os.environ.get("MEM0_DIR") or Path("~/.mem0")
    file = Path(path).expanduser()
    with reading(str(file), _GIVE):
        file = file / "history.db" if file.is_dir() else file
    with reading(str(file), _GIVE), file.open("rb") as stream:
        is_history = stream.read(len(_MAGIC)) == _MAGIC
    return iter(_history(file) if is_history else _answer(file))


def _history(file: Path) -> list[Mem0Memory]:
    events: dict[str, list[Mem0Event]] = {}
    for number, given in enumerate(_rows(file), start=1):
        row = checked(_Row, given, f"{file}: row {number} of 'history'")
        if row.new_memory is None and row.event != "DELETE":
            raise InputError(
                f"{file}: row {number} of 'history' cannot be read: {row.event} of memory "
                f"{row.memory_id!r} without a text @ new_memory. Take it out of the file."
            )
        # created_at is the memory's, also in the rows of what happened to it later.
        at = (row.created_at or row.updated_at) if row.event == "ADD" else row.updated_at
        event = Mem0Event(row.event, row.new_memory, _iso(at), row.actor_id, row.role)
        events.setdefault(row.memory_id, []).append(event)
    return [Mem0Memory(memory_id, tuple(happened)) for memory_id, happened in events.items()]


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a history in the order they were written.

    mem0 itself sorts by its times, of which older versions left those of a `DELETE` empty.
    """
    try:
        address = f"{file.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(_HISTORY)
            return [dict(row) for row in found]
    except sqlite3.Error as error:
        raise InputError(
            f"{file}: not readable as mem0's history: {error}. {_GIVE} "
            "If mem0 is running, end it first."
        ) from None


def _answer(file: Path) -> list[Mem0Memory]:
    with reading(str(file), _GIVE):
        found = json.loads(file.read_bytes())
    listed = found.get("results") if isinstance(found, dict) else found
    if not isinstance(listed, list):
        raise InputError(f"{file}: no list of memories, but {shown(found)}. {_GIVE}")
    memories: dict[str, Mem0Memory] = {}
    for number, given in enumerate(listed, start=1):
        item = checked(_Item, given, f"{file}: memory {number}")
        if item.id in memories:
            raise InputError(
                f"{file}: memory {number} has the id {item.id!r} of one before it. "
                "Take one of them out of the file."
            )
        at = _iso(item.updated_at or item.created_at)
        event = Mem0Event("ADD", item.memory, at, item.actor_id, item.role)
        memories[item.id] = Mem0Memory(
            id=item.id,
            events=(event,),
            user_id=item.user_id,
            agent_id=item.agent_id,
            run_id=item.run_id,
            metadata=item.metadata or {},
        )
    return list(memories.values())


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
