"""What the commands show: tables on a terminal, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

LONG = 50
"""From how many steps on a progress bar is worth its line."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def console(*, to_errors: bool = False) -> Console:
    """Return the console to print on."""
    return Console(stderr=to_errors, highlight=False, soft_wrap=False)


def plain(text: str) -> Text:
    """Return a text as it is: no markup, and no codes that would command the terminal."""
    return Text(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def amount(number: int, one: str, several: str) -> str:
    """Return a number with the word for what it counts.

    Example:
        >>> amount(1, "memory", "memories"), amount(2, "memory", "memories")
        ('1 memory', '2 memories')
    """
    return f"{number} {one if number == 1 else several}"


def show_text(text: str) -> None:
    """Print a text as it is, for a file or a prompt."""
    if text:
        console().print(plain(text), soft_wrap=True)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=not unicode, indent=2, default=str))


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below headings; the last column takes the room that is left."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings[:-1]:
        table.add_column(heading, no_wrap=True)
    table.add_column(headings[-1], ratio=1, overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console().print(table)


def tracked(title: str) -> Callable[[Sequence[T]], Iterable[T]]:
    """Return a wrapper that shows a progress bar while a long sequence is gone through."""

    def track(steps: Sequence[T]) -> Iterable[T]:
        if len(steps) < LONG:
            yield from steps
            return
        with _bar(title) as progress:
            yield from progress.track(steps, total=len(steps))

    return track


@contextmanager
def counted(title: str) -> Iterator[Callable[[int, int], None]]:
    """Lend a function that shows, from how many are done and how many there are, a progress bar."""
    bar = _bar(title)
    task = bar.add_task("", total=None)

    def show(done: int, total: int) -> None:
        if total >= LONG:
            bar.start()
            bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:  # stopping prints a line, also where nothing was shown
            bar.stop()


def _bar(title: str) -> Progress:
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(to_errors=True), transient=True)
