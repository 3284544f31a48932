"""What a plan asks of the database that it runs on; a backend knows how to do each.

A plan is a generator, like a flow: it yields one of these, and is sent the result. So what is
decided between two statements is written once, for every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sql:
    """Run a named statement; be sent its rows.

    Args:
        name: As in the `.sql` files.
        params: By name; a statement takes of them what it knows.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SqlMany:
    """Run a named statement once for each of many sets of parameters; be sent nothing."""

    name: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Draw:
    """Be sent a list of fresh numbers, rising, never given before."""

    count: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Wait until no other transaction writes to these places (path and key)."""

    places: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Nearest:
    """Be sent the documents whose vectors are nearest: pairs of id and cosine, best first.

    Args:
        spaces: Ids of the spaces to look in.
        sort: `memory` or `message`.
        embedder: Whose vectors.
        vector: Of the question.
        count: How many documents at most; fewer are sent only when there are no more.
    """

    spaces: Sequence[int]
    sort: str
    embedder: str
    vector: Sequence[float]
    count: int


@dataclass(frozen=True, slots=True)
class Notify:
    """Wake whoever waits for jobs, in any process, once this transaction is committed."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Be sent the texts of spaces as this transaction sees them, as `corpora.Texts`, in order.

    Args:
        spaces: Numbers of spaces.
    """

    spaces: Sequence[int]


Effect = Sql | SqlMany | Draw | Lock | Nearest | Notify | Refreshed
Plan = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Run a plan in one transaction; be sent what it returns.

    Args:
        plan: What is to be done.
        writes: Whether it writes.
        single: Whether it is a single statement that reads, which is a transaction by itself.
    """

    plan: Callable[[], Plan[Any]]
    writes: bool
    single: bool = False


@dataclass(frozen=True, slots=True)
class EmbedTexts:
    """Embed texts as documents; be sent a vector for each."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class EmbedQuery:
    """Embed a question; be sent its vector."""

    text: str


@dataclass(frozen=True, slots=True)
class Scrub:
    """Take the bytes of what was erased out of the files; be sent why not, or None."""


@dataclass(frozen=True, slots=True)
class Examine:
    """Let the database examine its own files; be sent a text for each thing that is wrong."""


Work = Generator[Transaction | EmbedTexts | EmbedQuery | Scrub | Examine, Any, T]
"""What a call of a store comes to: texts embedded outside of transactions, then transactions."""
