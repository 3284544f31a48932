"""When a phrase was said, and the shape of the functions that read phrases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from holdfast.dates.interval import Interval, Reading
from holdfast.dates.language import Slots


@dataclass(frozen=True, slots=True)
class Now:
    """When and in what a phrase was said.

    Args:
        said: The day; None if it is not known.
        moment: The same, to the minute if that is known.
        ahead: Whether the sentence speaks of what is to come.
        before: What the expression before it in the text means.
    """

    said: date | None
    moment: datetime | None = None
    ahead: bool = False
    before: Interval | None = None

    @property
    def day(self) -> date:
        """The day it was said.

        Raises:
            ValueError: It is not known, so that the phrase means no day.
        """
        if self.said is None:
            raise ValueError("it is not known when this was said")
        return self.said


Meaning = Callable[[Slots, Now], Reading | None]
"""Reads a phrase; None, ValueError and OverflowError say that it means no day."""


def step(relative: str) -> int:
    """Return -1 for the last, 0 for this one, 1 for the next."""
    return {"last": -1, "this": 0, "next": 1}[relative.rsplit(maxsplit=1)[-1]]
