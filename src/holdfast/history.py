"""What a store with a ledger keeps beside the items: versions, sources, messages. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from langgraph.store.base import NOT_PROVIDED, Item, NotProvided, SearchItem

from holdfast.errors import InputError
from holdfast.job import Fence, Job
from holdfast.memory import MESSAGE_KIND, Message, is_storable

Who = Literal["user", "assistant", "tool", "document", "person"]
SourceSort = Literal["message", "thread", "run", "document", "memory"]

SOURCE_SORTS: tuple[str, ...] = get_args(SourceSort)


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that memories may come from.

    Args:
        sort: `message` (its key in the journal), `thread`, `run`, `document`, or `memory` (its
            key), which it was made from.
        ref: The name of that thing, as whoever wrote the memory gave it.

    Raises:
        InputError: The sort is unknown, or the name is empty or no text that can be stored.

    Example:
        >>> Source.read("thread:monday")
        Source(sort='thread', ref='monday')
    """

    sort: SourceSort
    ref: str

    def __post_init__(self) -> None:
        if self.sort not in SOURCE_SORTS or not isinstance(self.ref, str) or not self.ref:
            raise InputError(
                f"A source is one of {', '.join(SOURCE_SORTS)} with a name, such as "
                f"Source('thread', 'monday'); got {self.sort!r}, {self.ref!r}."
            )
        if not is_storable(self.ref):
            raise InputError(
                f"A source's name can hold no NUL and no half of a character; got {self.ref!r}."
            )

    @classmethod
    def read(cls, text: str) -> Source:
        """Return the source that a text such as `thread:monday` names."""
        sort, _, ref = text.partition(":")
        return cls(cast("SourceSort", sort), ref)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version comes from.

    Args:
        who: Whose word it is.
        thread: The conversation.
        run: The run that wrote it.
        messages: Keys of journal messages it was drawn from; they must be there.
        documents: Names of documents it was drawn from.
        memories: Keys of memories it was made from.
        model: The model that wrote it.
        prompt: The version of the instructions that the model had.
    """

    who: Who | None = None
    thread: str | None = None
    run: str | None = None
    messages: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    model: str | None = None
    prompt: str | None = None

    def sources(self) -> tuple[Source, ...]:
        """Return each thing that it names."""
        named: tuple[tuple[SourceSort, tuple[str | None, ...]], ...] = (
            ("thread", (self.thread,)),
            ("run", (self.run,)),
            ("message", self.messages),
            ("document", self.documents),
            ("memory", self.memories),
        )
        found = (Source(sort, ref) for sort, refs in named for ref in refs if ref)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a memory; versions are only ever added.

    Args:
        namespace: Stored labels.
        key: The memory's key.
        revision: The number of the change set that wrote it; later ones have higher numbers.
        value: The stored value; None where this version is a delete.
        recorded_at: When it was written; never earlier than the version before it.
        base: The revision it was made from; None for a first one.
        valid_from: Since when it is so in the world, where somebody said.
        valid_to: Until when.
        importance: 1 (trivial) to 5 (vital), where somebody said.
        supersedes: Keys of memories that are no longer so because of this one.
        provenance: Where it comes from, by what its writer named.
        index: Which fields are indexed; False for none; None for the store's own.
        ttl: Minutes to live; None for ever.
    """

    namespace: tuple[str, ...]
    key: str
    revision: int
    value: dict[str, Any] | None
    recorded_at: datetime
    base: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    importance: int | None = None
    supersedes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    index: Literal[False] | tuple[str, ...] | None = None
    ttl: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return cast("dict[str, Any]", _json(asdict(self)))


@dataclass(frozen=True, slots=True)
class Record:
    """A memory as it stands, with what is kept beside its value.

    Args:
        version: Its current version.
        created_at: When its key was first written.
        pinned: Whether it stands: it was pinned, or written to stand.
        recalls: How often it was recalled.
        recalled_at: When last.
        expires_at: When its time to live ends, if it has one.
        superseded_by: Keys of current memories that say it is no longer so.
        strength: Its recalls, faded up to `recalled_at`, by half in 30 days.
    """

    version: Version
    created_at: datetime
    pinned: bool = False
    recalls: int = 0
    recalled_at: datetime | None = None
    expires_at: datetime | None = None
    superseded_by: tuple[str, ...] = ()
    strength: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return cast("dict[str, Any]", _json(asdict(self)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in the journal, verbatim.

    Args:
        namespace: Stored labels.
        key: Its key in the namespace.
        thread: Its conversation.
        seq: Its place there, from 1; what was committed later has a higher one.
        message: What was said.
        recorded_at: When it was written down.
        score: How well it matches, where it was searched for.
    """

    namespace: tuple[str, ...]
    key: str
    thread: str
    seq: int
    message: Message
    recorded_at: datetime
    score: float | None = None

    @property
    def content(self) -> dict[str, Any]:
        """The message as the content of a memory of kind `Message`."""
        return said_content(self.message, self.thread, self.seq)

    @property
    def value(self) -> dict[str, Any]:
        """The message as a stored value, as it stands in a store without a journal."""
        return {"kind": MESSAGE_KIND, "thread": self.thread, "content": self.content}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return cast("dict[str, Any]", _json(asdict(self)))


@dataclass(frozen=True, slots=True)
class Found:
    """What answers a question: a memory, or a message of the journal.

    Args:
        score: The sum of its signals, each times its weight, as a share of all weights: 0 to 1.
        signals: Each by its name, before its weight; see `Ranking`.
        weights: What they were weighed by.
        item: The memory.
        entry: The message.
        over: Whether it is no longer so, as far as is known.
        valid_from: Since when it is so in the world, where somebody said; that may be ahead.
        valid_to: Until when.
        same: Namespaces and keys of others that say the same, in whose place it stands too.
    """

    score: float
    signals: dict[str, float]
    weights: dict[str, float]
    item: Item | None = None
    entry: Entry | None = None
    over: bool = False
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    same: tuple[tuple[tuple[str, ...], str], ...] = ()

    def as_item(self) -> SearchItem:
        """Return it as an item of a store, with its score; a message as one of kind `Message`."""
        if self.entry is None:
            assert self.item is not None
            one = self.item
            place = (one.namespace, one.key, one.value, one.created_at, one.updated_at)
        else:
            said = self.entry
            place = (said.namespace, said.key, said.value, said.recorded_at, said.recorded_at)
        return SearchItem(*place, self.score)


@dataclass(frozen=True, slots=True)
class Write:
    """One memory to put or delete in a change set.

    Args:
        key: Its key.
        value: The value to store; None deletes.
        expect: The revision that must be current, 0 for "nothing is there"; None for any.
        index: Which fields to index; False for none; None for the store's own.
        ttl: Minutes to live; None for ever; left out, the store's default.
        valid_from: Since when it is so in the world.
        valid_to: Until when.
        importance: 1 (trivial) to 5 (vital).
        supersedes: Keys of memories that are no longer so because of this one; they must be there.
        provenance: Where it comes from; by default that of the change set.
        keep: Whether importance, validity and what it supersedes stay as with the version before,
            where this write says nothing of them; managers write so.
        pin: Whether it stands, so that a recall considers it whatever is asked; None leaves a
            memory that is there as it is, and lets a new one stand where its kind does.
    """

    key: str
    value: Mapping[str, Any] | None
    expect: int | None = None
    index: Literal[False] | tuple[str, ...] | None = None
    ttl: float | NotProvided | None = NOT_PROVIDED
    valid_from: datetime | str | None = None
    valid_to: datetime | str | None = None
    importance: int | None = None
    supersedes: tuple[str, ...] = ()
    provenance: Provenance | None = None
    pin: bool | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of conversation to keep; what the journal has already is not kept again.

    Args:
        messages: In order.
        thread: Its name; None names it by a digest of these messages.
        read_by: A reader who has read them, so that its cursor moves to their end, where it had
            read all that was said before.
    """

    messages: tuple[Message, ...]
    thread: str | None = None
    read_by: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader of a thread has come.

    Args:
        thread: The thread's name.
        seq: The last message it has read.
        reader: The reader's name.
    """

    thread: str
    seq: int
    reader: str = "reflection"


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What belongs together, and is committed whole or not at all.

    Args:
        namespace: Stored labels, of everything in it.
        writes: Memories; of several writes to one key the last counts, and expects what an
            earlier one expects.
        journal: Messages. They are sources of every write that names no provenance of its own.
        cursors: Readers that have moved on; a cursor never moves back.
        recalled: Keys of memories that were recalled and used.
        jobs: What is to be done later.
        finished: Names of jobs that are done.
        provenance: Of every write that names none of its own.
        fence: The claim on the job that this comes of; refused where another has it by now.
        seen: Keys of memories that this was decided upon and does not write, each with the
            revision that was read; where one has another by now, nothing is written.
    """

    namespace: tuple[str, ...]
    writes: tuple[Write, ...] = ()
    journal: tuple[Said, ...] = ()
    cursors: tuple[Cursor, ...] = ()
    recalled: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    finished: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    fence: Fence | None = None
    seen: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased: counts, never contents.

    Args:
        memories: Memories that are gone.
        restored: Memories that fell back to an earlier version.
        versions: Versions that are gone.
        messages: Messages that are gone.
        complete: Whether no byte of it is left in the store's files.
        reason: If not, why, and what ends it.
    """

    memories: int = 0
    restored: int = 0
    versions: int = 0
    messages: int = 0
    complete: bool = True
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def said_content(message: Message, thread: str, seq: int) -> dict[str, Any]:
    """Return what is kept of a message."""
    content: dict[str, Any] = {
        "role": message.role,
        "text": message.text,
        "speaker": message.speaker,
        "time": message.time,
        "thread": thread,
        "seq": seq,
    }
    if message.id:
        content["id"] = message.id
    if message.calls:
        content["calls"] = [{"tool": tool, "arguments": args} for tool, args in message.calls]
    return content


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a store that is not as it should be.

    Args:
        what: The sort of damage, in one word: `database`, `namespace`, `current`, `document`,
            `words`, `vectors`, `digest`, `time`, `base`, `source`, `supersession`, `thread`,
            `message` or `cursor`.
        namespace: Stored labels of where it is; `()` where that cannot be told.
        key: Of the memory, message or thread, where it is of one.
        detail: What is wrong, in a sentence.
    """

    what: str
    namespace: tuple[str, ...]
    key: str | None
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def instant(given: datetime | str | None, what: str) -> str | None:
    """Return a time in the one form in which it is stored: UTC, to the microsecond.

    Raises:
        InputError: It is no time.

    Example:
        >>> instant("2026-05-01", "valid_from")
        '2026-05-01T00:00:00.000000+00:00'
    """
    if given is None:
        return None
    try:
        time = datetime.fromisoformat(given) if isinstance(given, str) else given
        known = time if time.tzinfo else time.replace(tzinfo=UTC)
        return known.astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, AttributeError, OverflowError):
        raise InputError(
            f"{what} must be a datetime or an ISO 8601 text, such as '2026-05-01'; got {given!r}."
        ) from None


def moment(text: str | None) -> datetime | None:
    """Return a time that somebody gave, without its zone; None where it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None) if text else None
    except ValueError:
        return None


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    return value
