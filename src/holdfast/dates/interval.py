"""What an expression of time means: days from one to another, and where it was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from holdfast.errors import InputError


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Days from one to another, both of them included.

    What has no beginning ("before 2020") starts at `date.min`; what has no end goes to `date.max`.

    Args:
        start: The first day.
        end: The last day, not before the first.

    Raises:
        InputError: The last day is before the first.

    Example:
        >>> may = Interval(date(2023, 5, 1), date(2023, 5, 31))
        >>> may.days, may.overlaps(Interval(date(2023, 5, 31), date(2023, 6, 2)))
        (31, True)
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InputError(
                f"An interval cannot end on {self.end}, before its start on {self.start}; "
                "give the earlier day first."
            )

    @property
    def days(self) -> int:
        """How many days it holds; at least one."""
        return (self.end - self.start).days + 1

    def overlaps(self, other: Interval) -> bool:
        """Return whether some day is in both."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of time in a text, and what it means.

    Args:
        text: Its words as they stand, with the preposition: "in May", not "May".
        start: Where in the text it starts.
        end: Where in the text it ends (the place after its last character).
        interval: The days that it most likely means.
        ambiguous: Whether another reader could name other days: because it can be read in
            several ways ("last Friday" said on a Sunday), or because its borders are vague
            ("early May", "a few days ago"). Do not leave out what lies outside of such an interval.
        alternatives: The other days that it may mean, likelier ones first; without `interval`, and
            empty where only the borders are vague.
    """

    text: str
    start: int
    end: int
    interval: Interval
    ambiguous: bool
    alternatives: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression means, before it is known how much of the text it takes.

    Args:
        interval: The likeliest meaning.
        alternatives: Other meanings, likelier ones first.
        vague: Whether the borders are vague.
    """

    interval: Interval
    alternatives: tuple[Interval, ...] = ()
    vague: bool = False

    @property
    def ambiguous(self) -> bool:
        """Whether it may be meant otherwise."""
        return self.vague or bool(self.alternatives)

    def moved(self, move: Callable[[Interval], Interval], vague: bool = False) -> Reading:
        """Return the reading with each of its meanings moved in the same way."""
        return readings(
            [move(self.interval), *map(move, self.alternatives)], vague=vague or self.vague
        )


def readings(likeliest_first: list[Interval], vague: bool = False) -> Reading:
    """Return several meanings as one reading, each meaning once."""
    first, *others = dict.fromkeys(likeliest_first)
    return Reading(first, tuple(others), vague)
