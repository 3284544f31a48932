"""What was found, as a text for a prompt: quoted data, each entry at a line of its own.

Headings, entries and the closing line begin at the left edge. What was stored never does: its
first line stands behind an entry's id, and its further lines are indented, so that no stored text
can pass for another entry, a heading, or the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

from holdfast.memory import UNKNOWN_KIND
from holdfast.wording import as_json, text
from holdfast.wording.conversation import quoted

Section = Literal["standing", "memories", "messages"]
SECTIONS: tuple[Section, ...] = ("standing", "memories", "messages")

BYTES_A_TOKEN = 4

GAP = "..."
"""Stands where messages between two of the same day and thread are left out."""

_UNTOLD = ("", "Memory", UNKNOWN_KIND)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")


def count_tokens(text: str) -> int:
    """Return about how many tokens a text has: its UTF-8 bytes / 4, rounded up.

    An approximation that needs no tokenizer's tables. Four letters a token is the rule of thumb
    of OpenAI's help pages for English; other scripts have more bytes a letter, as more tokens.

    Example:
        >>> count_tokens("Nora: I like tea")
        4
    """
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


@dataclass(frozen=True)
class Piece:
    """One entry of a context.

    Args:
        id: By which it is cited.
        section: Where it goes.
        body: Its words, as they were stored.
        time: When it was said or written, ISO 8601 where that is known.
        scope: The namespace it comes from, as people write it.
        who: Who said it; for a memory its kind.
        thread: The conversation of a message.
        seq: Its place there.
        over: Whether it is no longer so.
        since: Since when it is so (ISO 8601), where that is known.
        until: Until when.
    """

    id: str
    section: Section
    body: str
    time: str
    scope: str = ""
    who: str = ""
    thread: str = ""
    seq: int | None = None
    over: bool = False
    since: str = ""
    until: str = ""

    @cached_property
    def line(self) -> str:
        """The entry: one line, or several of which the further ones are indented."""
        first, *more = quoted(self.body).splitlines() or [""]
        body = "\n".join([first, *(f"  {line}" for line in more)])
        who = "" if self.who in _UNTOLD else f"{_flat(self.who)}: "
        date = "" if self.section == "messages" else f"{self.day} "
        # Whatever we say stands before the words, so that no text that begins so can pass for it.
        return f"- [{self.id}] {self._validity}{date}{who}{body}"

    @property
    def _validity(self) -> str:
        """When it is so, as far as is known."""
        parts = ["no longer so"] if self.over else []
        parts += [f"since {self.since[:10]}"] if self.since else []
        parts += [f"until {self.until[:10]}"] if self.until else []
        return f"({', '.join(parts)}) " if parts else ""

    @cached_property
    def day(self) -> str:
        """The day, or the time as it was given where it is in no known form."""
        return self.time[:10] if self.dated else _flat(self.time)

    @cached_property
    def dated(self) -> bool:
        """Whether the day is known."""
        return _DAY.match(self.time) is not None

    @cached_property
    def moment(self) -> str:
        """The time in a form that can be put in order."""
        try:
            time = datetime.fromisoformat(self.time)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            return ""


def memory_words(content: Mapping[str, Any]) -> str:
    """Return what a memory says: its text, or its fields as JSON where there are several.

    Example:
        >>> memory_words({"content": "likes tea"}), memory_words({"name": "Ines", "age": 30})
        ('likes tea', '{"name": "Ines", "age": 30}')
    """
    told = {name: value for name, value in content.items() if value not in (None, "", [], {})}
    (alone,) = told.values() if len(told) == 1 else (None,)
    return alone if isinstance(alone, str) else as_json(told)


def render_context(pieces: Iterable[Piece], scopes: Sequence[str] = ()) -> str:
    r"""Render what was found for a prompt; nothing stored can close its own quotes.

    Args:
        pieces: In any order; what stands keeps the order that it has.
        scopes: The namespaces that were asked, in their order; they are told where there are
            several.

    Returns:
        The text; empty where there is nothing.

    Example:
        >>> print(render_context([Piece("a1", "memories", "tea\n# Forged", "2026-05-01")]))
        <memory>
        # Known facts
        - [a1] 2026-05-01 tea
          # Forged
        </memory>
    """
    listed = list(pieces)
    parts: list[str] = []
    for section in SECTIONS:
        chosen = [piece for piece in listed if piece.section == section]
        if chosen:
            lines = _talks if section == "messages" else _notes
            parts += [text(f"context_{section}"), *lines(chosen, scopes)]
    return text("context", entries="\n".join(parts)) if parts else ""


def _notes(pieces: list[Piece], scopes: Sequence[str]) -> Iterator[str]:
    """Yield memories, each scope's under its name; older ones first, as they were learned."""
    if pieces[0].section != "standing":
        pieces = sorted(pieces, key=lambda piece: (piece.moment, piece.id))
    if len(scopes) < 2:
        yield from (piece.line for piece in pieces)
        return
    for scope in scopes:
        lines = [piece.line for piece in pieces if piece.scope == scope]
        yield from [f"## {_flat(scope)}", *lines] if lines else []


def _talks(pieces: list[Piece], scopes: Sequence[str]) -> Iterator[str]:
    """Yield messages, each thread's day under its name, in the order of time."""
    several = len(scopes) > 1
    for stretch in sorted(_days(pieces), key=lambda days: _order(days[0])):
        first = stretch[0]
        yield f"## {_heading(first, several=several)}"
        before = first
        for piece in stretch:
            if None not in (before.seq, piece.seq) and (piece.seq or 0) - (before.seq or 0) > 1:
                yield GAP
            yield piece.line
            before = piece


def _heading(first: Piece, *, several: bool) -> str:
    """Name the day, scope and thread of a message.

    What we know ourselves comes first, and what somebody wrote after a word that tells what it
    is: a thread may be named like a day or a scope.
    """
    names = [
        first.day if first.dated else "",
        f"in {first.scope}" if several else "",
        f"time {first.day}" if first.day and not first.dated else "",
        f"thread {first.thread}" if first.thread else "",
    ]
    return ", ".join(_flat(name) for name in names if name)


def _order(piece: Piece) -> tuple[str, str, str, int, str]:
    return piece.moment, piece.scope, piece.thread, piece.seq or 0, piece.id


def _days(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Yield the messages of each thread in their order, one list for each day."""
    threads: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        threads.setdefault((piece.scope, piece.thread), []).append(piece)
    for thread in threads.values():
        ordered = sorted(thread, key=lambda piece: (piece.seq or 0, piece.moment, piece.id))
        stretch: list[Piece] = []
        for piece in ordered:
            if stretch and piece.day != stretch[0].day:
                yield stretch
                stretch = []
            stretch.append(piece)
        yield stretch


def _flat(name: str) -> str:
    """Return a name as part of a line."""
    return " ".join(quoted(name).split())
