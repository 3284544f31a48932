"""What one line of an export holds: a memory with its versions, a thread, a message.

Nothing in it is a number that only one database knows: what belongs together is told by
namespace, key and revision. Namespaces are told from the one that was exported.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from holdfast.history import SOURCE_SORTS, Source, instant


def _time(text: str) -> str:
    return instant(text, "a time") or ""


def _source(text: str) -> str:
    sort, _, ref = text.partition(":")
    if sort not in SOURCE_SORTS or not ref:
        Source.read(text)  # tells what a source is
    return text


Time = Annotated[str, AfterValidator(_time)]
Number = Annotated[NonNegativeInt, Field(lt=1 << 53)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DumpedState(_Part):
    """What stands beside the value of a memory, whichever version it has.

    Args:
        created_at: When its key was first written.
        pinned: Whether somebody pinned it.
        recalls: How often it was recalled.
        recalled_at: When last.
        strength: Recalls, faded up to then; by default all of them.
    """

    created_at: Time
    pinned: bool = False
    recalls: Number = 0
    recalled_at: Time | None = None
    strength: float | None = None


class DumpedVersion(_Part):
    """One version of a memory.

    Args:
        revision: Its number; None draws a new one where it is imported, and makes it from the
            version before it.
        base: The revision it was made from.
        value: The stored value; None where this version is a delete.
        text: The value as it is stored, where that is other JSON than is written today.
        recorded_at: When it was written.
        valid_from: Since when it is so in the world.
        valid_to: Until when.
        importance: 1 to 5.
        fields: Which fields are indexed; False for none, None for the store's own.
        ttl: Minutes to live.
        state: Of a delete: what stood beside the value that it deleted.
        who: Whose word it is.
        model: The model that wrote it.
        prompt: The version of the instructions that the model had.
        sources: Where it comes from, such as `thread:monday`.
        supersedes: Keys of memories that are no longer so because of this one.
        salt: Part of what the digest is of.
        digest: Of salt and value; None for both makes new ones.
    """

    revision: Number | None = None
    base: Number | None = None
    value: dict[Any, Any] | None
    text: str | None = None
    recorded_at: Time
    valid_from: Time | None = None
    valid_to: Time | None = None
    importance: Annotated[int, Field(ge=1, le=5)] | None = None
    fields: Literal[False] | list[str] | None = None
    ttl: Annotated[float, Field(ge=0, lt=1e9)] | None = None
    state: DumpedState | None = None
    who: str | None = None
    model: str | None = None
    prompt: str | None = None
    sources: list[Annotated[str, AfterValidator(_source)]] = []
    supersedes: list[str] = []
    salt: str | None = None
    digest: str | None = None


class DumpedItem(DumpedState):
    """What stands beside a memory's versions while it is not deleted; see `DumpedState` as well.

    Args:
        updated_at: When it was written last.
        expires_at: When its time to live is over.
        embedder: Whose vectors it has; None where they are still to come.
        vectors: One for each text, as float32 in base64.
    """

    updated_at: Time
    expires_at: Time | None = None
    embedder: str | None = None
    vectors: list[str] = []


class DumpedMemory(_Part):
    """A memory: all of its versions, oldest first, and its state.

    Args:
        namespace: Labels from the exported namespace on.
        key: Its key.
        versions: Oldest first; each once.
        item: Its state; None where its last version is a delete.
    """

    record: Literal["memory"] = "memory"
    namespace: list[str]
    key: str
    versions: Annotated[list[DumpedVersion], Field(min_length=1)]
    item: DumpedItem | None = None


class DumpedThread(_Part):
    """A thread of the journal; its messages follow it.

    Args:
        namespace: Labels from the exported namespace on.
        thread: Its name.
        last: The highest number that a message of it ever had.
        cursors: How far each reader has come.
    """

    record: Literal["thread"] = "thread"
    namespace: list[str]
    thread: str
    last: Number
    cursors: dict[str, Number] = {}


class DumpedCall(_Part):
    """A tool that a message calls.

    Args:
        tool: Its name.
        arguments: What it is given, as text.
    """

    tool: str
    arguments: str


class DumpedMessage(_Part):
    """One message of the journal.

    Args:
        namespace: Labels from the exported namespace on.
        thread: The name of its thread.
        seq: Its place there.
        key: Its key in the namespace.
        role: Who speaks: `user`, `assistant`, `system` or `tool`.
        text: Its words.
        speaker: Who spoke, by name.
        time: When it was said.
        id: Its own id.
        calls: Tools that it calls.
        recorded_at: When it was written down.
        embedder: Whose vector it has; None where that is still to come.
        vectors: Its vector, as float32 in base64.
    """

    record: Literal["message"] = "message"
    namespace: list[str]
    thread: str
    seq: PositiveInt
    key: str
    role: str
    text: str
    speaker: str | None = None
    time: str | None = None
    id: str | None = None
    calls: list[DumpedCall] = []
    recorded_at: Time
    embedder: str | None = None
    vectors: list[str] = []


class DumpedJob(_Part):
    """Something to be done later.

    Args:
        namespace: Labels from the exported namespace on.
        name: Its name there.
        payload: What whoever does it must know.
        due_at: When, at the earliest.
        handler: Which handler of a worker does it.
        thread: The conversation that it is about.
        every: Seconds after which it is done again.
        first_at: When it was first put.
        attempts: How often it was begun and not ended.
        error: What the last attempt met.
        dead: Whether it was given up.
    """

    record: Literal["job"] = "job"
    namespace: list[str]
    name: str
    payload: dict[Any, Any]
    due_at: Time
    handler: str = ""
    thread: str | None = None
    every: float | None = None
    first_at: Time | None = None
    attempts: Number = 0
    error: str | None = None
    dead: bool = False


class DumpedErasure(_Part):
    """What is left of an erased version; only in the export of a whole store.

    Args:
        digest: Of the version.
        erased_at: When it was erased.
    """

    record: Literal["erased"] = "erased"
    digest: str
    erased_at: Time


Dumped = DumpedMemory | DumpedThread | DumpedMessage | DumpedJob | DumpedErasure

KINDS: dict[str, type[Dumped]] = {
    "memory": DumpedMemory,
    "thread": DumpedThread,
    "message": DumpedMessage,
    "job": DumpedJob,
    "erased": DumpedErasure,
}
"""The kinds of records by their names."""
