"""What a memory, a message, a change and a receipt are: pure values.

Nothing in here knows of models, stores or LangChain.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Required

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

Action = Literal[
    "inserted", "updated", "deleted", "superseded", "unchanged", "rejected", "conflict"
]

MESSAGE_KIND = "Message"
"""The kind under which a message is kept verbatim on a plain store."""

DEFAULT_KEY = "default"
"""The key under which a manager's default is stored."""

STANDING_KINDS = ("Rule",)
"""Kinds of memories that stand, whoever wrote them: see `Rule`."""

UNKNOWN_KIND = "__any__"
"""The kind of a stored value that does not say what it is."""


_SURROGATE = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(sort_keys=True, default=str)
_CONTENT = uuid.UUID("6f0d5d0e-6a5c-5d0a-9a43-6d1f6f1a7c55")


class Memory(BaseModel):
    """One thing worth remembering. Call once for each; several calls in one answer are fine."""

    content: str = Field(
        description="The memory, complete in itself: who, what and when, in plain words."
    )


class Rule(BaseModel):
    """How to act from now on: what was asked for or corrected, or has worked. One call a rule."""

    model_config = ConfigDict(json_schema_extra={"standing": True})

    rule: str = Field(description="What to do, or not to do, complete in itself.")
    when: str | None = Field(None, description="In which cases; left out where always.")
    why: str | None = Field(None, description="The reason, where one was given.")


class RemoveDoc(BaseModel):
    """Stands in a manager's result for a memory that was deleted."""

    json_doc_id: str = Field(description="The id of the memory to remove.")


class ExtractedMemory(NamedTuple):
    """A memory as a manager returns it: its id and its content.

    `content` is an instance of the schema, a dict where the schema is a dict or unknown, or
    `RemoveDoc` for a memory that was deleted.
    """

    id: str
    content: Any


class MessagesState(TypedDict):
    """Input of whatever reads a conversation."""

    messages: Iterable[Any]


class MemoryState(TypedDict, total=False):
    """Input of a memory manager."""

    messages: Required[Iterable[Any]]
    existing: Iterable[Any]
    max_steps: int


class MemoryStoreManagerInput(TypedDict, total=False):
    """Input of a memory store manager."""

    messages: Required[Iterable[Any]]
    max_steps: int


class MemoryPhase(TypedDict, total=False):
    """One further pass of a store manager over what it knows after the first."""

    instructions: str
    include_messages: bool
    enable_inserts: bool
    enable_updates: bool
    enable_deletes: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, whatever form it came in.

    Args:
        role: `user`, `assistant`, `system` or `tool`.
        text: Its words; blocks that are not text are named, not dumped.
        speaker: Who spoke, where the message says so.
        time: ISO 8601, where the message carries one; a datetime becomes that text.
        id: The message's own id, where it has one.
        calls: Tools that the message calls, as (name, arguments in JSON).
    """

    role: str
    text: str
    speaker: str | None = None
    time: str | None = None
    id: str | None = None
    calls: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.time, datetime):
            object.__setattr__(self, "time", self.time.isoformat())


class Failure(NamedTuple):
    """Why something a model asked for cannot be done, and where."""

    reason: str
    path: str

    def __str__(self) -> str:
        return f"{self.reason} @ {self.path}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and calls spent on models."""

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0

    def plus(self, reported: Mapping[str, Any] | None) -> Usage:
        """Return this with one more model call, adding the tokens that it reported, if any."""
        spent = reported or {}
        return Usage(
            self.model_calls + 1,
            self.input_tokens + spent.get("input_tokens", 0),
            self.output_tokens + spent.get("output_tokens", 0),
            self.total_tokens + spent.get("total_tokens", 0),
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.model_calls + other.model_calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one memory, or of one thing the model asked for.

    Args:
        action: What happened.
        key: The memory's id; None where a rejected request named none that exists.
        kind: The name of its schema.
        before: Its content before, as JSON data; None for an insert.
        after: Its content after, as JSON data; None for a delete.
        importance: 1 (trivial) to 5 (vital), where the model gave one.
        reason: For a rejected request, every `reason @ path`.
        standing: Whether it is to be considered whatever is asked, where somebody said so.
    """

    action: Action
    key: str | None
    kind: str | None
    before: Any = None
    after: Any = None
    importance: int | None = None
    reason: str | None = None
    standing: bool | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a call did, change by change, and what it cost.

    Args:
        changes: What became of each memory.
        namespace: Where, in labels as people wrote them.
        usage: What it cost.
        journal: What became of each message, where the store keeps a journal.
        revision: The number of the change set in its store; None when nothing was written, or the
            store keeps no history.
        tickets: Numbers of the jobs that were put with it, in their order.
        run: The run that wrote it, where one did: `store.revert(namespace, source=Source("run",
            run))` undoes the whole, also where it took several change sets.

    Example:
        >>> receipt = Receipt((Change("inserted", "k1", "Memory", after={"content": "tea"}),))
        >>> [change.after["content"] for change in receipt.inserted]
        ['tea']
        >>> receipt.to_dict()["usage"]["model_calls"]
        0
    """

    changes: tuple[Change, ...] = ()
    namespace: tuple[str, ...] | None = None
    usage: Usage = field(default_factory=Usage)
    journal: tuple[Change, ...] = ()
    revision: int | None = None
    tickets: tuple[int, ...] = ()
    run: str | None = None

    def _of(self, action: Action) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action == action)

    @property
    def inserted(self) -> tuple[Change, ...]:
        """Memories that are new."""
        return self._of("inserted")

    @property
    def updated(self) -> tuple[Change, ...]:
        """Memories whose content changed."""
        return self._of("updated")

    @property
    def deleted(self) -> tuple[Change, ...]:
        """Memories that were removed."""
        return self._of("deleted")

    @property
    def superseded(self) -> tuple[Change, ...]:
        """Memories that are no longer so because of another; the reason names its key."""
        return self._of("superseded")

    @property
    def unchanged(self) -> tuple[Change, ...]:
        """Requests that would have changed nothing: the memory says the same already."""
        return self._of("unchanged")

    @property
    def rejected(self) -> tuple[Change, ...]:
        """Requests of the model that could not be done, each with its reason."""
        return self._of("rejected")

    @property
    def conflicts(self) -> tuple[Change, ...]:
        """Writes that met another version than they expected; nothing of their set was written."""
        return self._of("conflict")

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON data, for what must travel between processes."""
        return asdict(self)


class Remembered(list[Any]):
    """A list that a manager returns; in this process it also carries the `receipt`."""

    def __init__(self, items: Iterable[Any], receipt: Receipt) -> None:
        super().__init__(items)
        self.receipt = receipt


def normalised(value: Any) -> Any:
    """Return JSON data with every text in NFC and runs of white space as one space.

    Two memories whose normalised contents are equal say the same.

    Example:
        >>> normalised({"content": " likes   tea "})
        {'content': 'likes tea'}
    """
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFC", value).split())
    if isinstance(value, Mapping):
        return {key: normalised(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normalised(inner) for inner in value]
    return value


def clean(text: str) -> str:
    r"""Return a text with half surrogate pairs (a cut emoji) replaced: no encoding has them.

    Example:
        >>> clean("cut \ud83d") == "cut \N{REPLACEMENT CHARACTER}"
        True
    """
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def storable(text: str) -> str:
    r"""Return a text as every database can hold it: no half pairs, and no NUL.

    Example:
        >>> storable("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
        True
    """
    return clean(text).replace("\x00", "\N{REPLACEMENT CHARACTER}")


def is_storable(text: str) -> bool:
    r"""Tell whether every database can hold a text as it is, so that no two become one.

    Example:
        >>> is_storable("monday"), is_storable("mon\x00day"), is_storable("cut \ud83d")
        (True, False, False)
    """
    return storable(text) == text


def same(one: Any, other: Any) -> bool:
    """Tell whether two pieces of JSON data are the same; true and 1 are not.

    Example:
        >>> same({"a": 1, "b": 2}, {"b": 2, "a": 1}), same(1, True)
        (True, False)
    """
    return one is other or _canonical(one) == _canonical(other)


def _canonical(value: Any) -> str:
    return _ENCODER.encode(value)


def read_importance(given: Any) -> int | None:
    """Return the importance as 1 to 5; it is a hint, so a wild value is no reason to refuse.

    Example:
        >>> read_importance(9), read_importance("4.0"), read_importance("high")
        (5, 4, None)
    """
    digits = re.fullmatch(r"\s*(\d+)(?:\.\d*)?\s*", str(given))
    return min(5, max(1, int(digits[1]))) if digits else None


def said(kind: str, content: Any) -> str:
    """Return what a memory says as one text: equal for two that say the same.

    Example:
        >>> said("Memory", {"content": "tea"}) == said("Memory", {"content": " tea"})
        True
    """
    return _canonical([kind, normalised(content)])


def content_key(kind: str, content: Any) -> str:
    """Return the key of a memory that follows from what it says, so that twice is once.

    Example:
        >>> content_key("Memory", {"content": "tea"}) == content_key("Memory", {"content": " tea"})
        True
    """
    return str(uuid.uuid5(_CONTENT, said(kind, content)))


def profile_key(kind: str) -> str:
    """Return the key of the one document of a kind.

    Example:
        >>> profile_key("Profile")
        'profile-Profile'
    """
    return f"profile-{kind}"


def unwrap(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Read a stored value that anyone may have written: return its kind and its content.

    `{"kind", "content": {...}}` is ours; `{"content": "text"}`, with or without a kind, is what
    the memory tools write; any other mapping is taken whole, as content of an unknown kind.

    Example:
        >>> unwrap({"content": "likes tea"})
        ('Memory', {'content': 'likes tea'})
    """
    content = value.get("content")
    kind = value.get("kind")
    if isinstance(content, str) and set(value) <= {"kind", "content"}:
        return (kind if isinstance(kind, str) else "Memory"), {"content": content}
    if isinstance(content, Mapping) and isinstance(kind, str):
        return kind, dict(content)
    return UNKNOWN_KIND, dict(value)


def is_standing(value: Mapping[str, Any]) -> bool:
    """Tell whether a stored value is of a kind that stands.

    Example:
        >>> is_standing({"kind": "Rule", "content": {"rule": "Answer in English."}})
        True
    """
    return unwrap(value)[0] in STANDING_KINDS


def wrap(kind: str, content: Mapping[str, Any], like: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the value to store: ours, or in the form that its writer used (`like`).

    Example:
        >>> wrap("Memory", {"content": "likes tea"}, like={"content": "likes coffee"})
        {'content': 'likes tea'}
        >>> merry = {"content": "likes tea", "mood": "merry"}
        >>> wrap(UNKNOWN_KIND, {**merry, "mood": "sad"}, like=merry)
        {'content': 'likes tea', 'mood': 'sad'}
    """
    if like is None:
        return {"kind": kind, "content": dict(content)}
    if kind == UNKNOWN_KIND:
        return dict(content)
    if isinstance(like.get("content"), str) and isinstance(content.get("content"), str):
        return {**like, "content": content["content"]}
    return {**like, "kind": kind, "content": dict(content)}
