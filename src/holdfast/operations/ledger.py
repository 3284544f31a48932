"""What a ledger can be asked to do with memories, conversations, and itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langgraph.store.base import Item

from holdfast.history import (
    ChangeSet,
    Entry,
    Erasure,
    Finding,
    Found,
    Record,
    Source,
    Version,
)
from holdfast.memory import Receipt
from holdfast.operations.base import LedgerOp, Namespace
from holdfast.ranking.weights import ASSISTANT, PEOPLE, Ranking


@dataclass(frozen=True, slots=True)
class Commit(LedgerOp[Receipt]):
    """See `Ledger.commit`."""

    changes: ChangeSet

    @property
    def namespace(self) -> Namespace:  # type: ignore[override]
        """Where."""
        return self.changes.namespace


@dataclass(frozen=True, slots=True)
class Records(LedgerOp[list[Record | None]]):
    """See `Ledger.records`."""

    namespace: Namespace
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoLongerSo(LedgerOp[list[str]]):
    """Give those of some keys whose memories are superseded, or whose time is over."""

    namespace: Namespace
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History(LedgerOp[list[Version]]):
    """See `Ledger.history`."""

    namespace: Namespace
    key: str


@dataclass(frozen=True, slots=True)
class AsOf(LedgerOp[list[Version]]):
    """See `Ledger.as_of`."""

    namespace: Namespace
    time: str
    key: str | None = None
    valid_at: str | None = None


@dataclass(frozen=True, slots=True)
class Diff(LedgerOp[list[dict[str, Any]]]):
    """See `Ledger.diff`."""

    namespace: Namespace
    key: str
    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Revert(LedgerOp[Receipt]):
    """See `Ledger.revert`."""

    namespace: Namespace
    key: str | None = None
    revision: int | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Sources(LedgerOp[list[Entry]]):
    """See `Ledger.sources`."""

    namespace: Namespace
    key: str
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class DerivedFrom(LedgerOp[list[Version]]):
    """See `Ledger.derived_from`."""

    namespace: Namespace
    source: Source


@dataclass(frozen=True, slots=True)
class Journal(LedgerOp[list[Entry]]):
    """See `Ledger.journal`."""

    namespace: Namespace
    thread: str | None = None
    after: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Neighbours(LedgerOp[list[Entry]]):
    """See `Ledger.neighbours`."""

    namespace: Namespace
    key: str
    before: int = 2
    after: int = 1


@dataclass(frozen=True, slots=True)
class Around(LedgerOp[list[Entry]]):
    """Read messages with those right before and after each, in one go.

    Args:
        namespace: Stored labels, of exactly this namespace.
        keys: Of messages; what is none has no neighbours.
        before: How many before each, in its thread.
        after: How many after.

    They come by threads, in their order, each once also where stretches overlap.
    """

    namespace: Namespace
    keys: tuple[str, ...]
    before: int = 2
    after: int = 1


@dataclass(frozen=True, slots=True)
class SearchJournal(LedgerOp[list[Entry]]):
    """See `Ledger.search_journal`."""

    namespace: Namespace
    query: str
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Rank(LedgerOp[list[Found]]):
    """Rank memories and messages for a question; see `holdfast.recall`.

    Args:
        namespace: Stored labels; what stands below counts as well.
        question: In plain words.
        limit: How many to return at most.
        people: Weights where people talk to each other.
        assistant: Weights where an assistant answers.
        sorts: What to rank: `memory`, `message`, or both.
        today: When it is asked (ISO 8601), for "yesterday" and "last May" in the question, and for
            how long ago things were; None means now, and takes of the question only what needs no
            such day.
        as_of: The state at an earlier time (ISO 8601); None for that of now.
        past: Whether memories that are no longer so count; None decides by the question.
    """

    namespace: Namespace
    question: str
    limit: int = 10
    people: Ranking = PEOPLE
    assistant: Ranking = ASSISTANT
    sorts: tuple[str, ...] = ("memory", "message")
    today: str | None = None
    as_of: str | None = None
    past: bool | None = None


@dataclass(frozen=True, slots=True)
class NoteRecall(LedgerOp[None]):
    """See `Ledger.note_recall`."""

    namespace: Namespace
    keys: tuple[str, ...]
    thread: str | None = None
    at: str | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class RecalledIn(LedgerOp[dict[str, datetime]]):
    """See `Ledger.recalled_in`."""

    namespace: Namespace
    thread: str


@dataclass(frozen=True, slots=True)
class Threads(LedgerOp[dict[str, int]]):
    """See `Ledger.threads`."""

    namespace: Namespace


@dataclass(frozen=True, slots=True)
class ReadCursor(LedgerOp[int]):
    """See `Ledger.cursor`."""

    namespace: Namespace
    thread: str
    reader: str


@dataclass(frozen=True, slots=True)
class Pin(LedgerOp[bool]):
    """See `Ledger.pin`."""

    namespace: Namespace
    key: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Standing(LedgerOp[list[Item]]):
    """See `Ledger.standing`."""

    namespace: Namespace
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Forget(LedgerOp[Erasure]):
    """See `Ledger.forget`."""

    namespace: Namespace
    key: str | None = None
    source: Source | None = None
    filter: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reindex(LedgerOp[int]):
    """See `Ledger.reindex`."""

    namespace: Namespace
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Doctor(LedgerOp[list[Finding]]):
    """See `Ledger.doctor`."""

    namespace: Namespace
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Keys(LedgerOp[list[tuple[Namespace, str]]]):
    """See `Ledger.keys`."""

    namespace: Namespace
    beginning: str = ""
    messages: bool = False
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Export(LedgerOp[int]):
    """Hand out all that is in a namespace and below, as of one moment; give the number of records.

    Args:
        namespace: Stored labels; those of the records are told from here on.
        take: Called with each record, JSON data in the form of `holdfast.dump`.
        progress: Called with how many memories and messages are done and how many there are.
    """

    namespace: Namespace
    take: Callable[[dict[str, Any]], None]
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Import(LedgerOp[int]):
    """Write records in one transaction, all or none; give their number.

    Args:
        namespace: Stored labels, below which the records go.
        records: Pairs of where a record stands, for errors, and the record, one of
            `holdfast.dump`. They may be gone through more than once.
    """

    namespace: Namespace
    records: Iterable[tuple[str, Any]]
