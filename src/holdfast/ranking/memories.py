"""What speaks for a memory beside its words: how much it matters, and how firmly it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.dates import Expression
from holdfast.ranking.ranker import Asked, Placed
from holdfast.ranking.weights import Ranking

FADING = timedelta(days=30)
"""After which time a recall counts half."""

SHOWN = 0.1
"""What a recall counts that is not known to have been of use; one that was counts 1.

If both counted the same, whatever comes first once would stay first by being recalled.
"""

FIRM = 3.0
"""How many fresh recalls make a memory half as firm as it can be."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept beside a memory's value.

    Args:
        kind: The name of its schema.
        since: Since when it is so, or else when it was written.
        importance: 1 (trivial) to 5 (vital), where somebody said.
        strength: Its recalls, faded up to `recalled_at`.
        recalled_at: When it was last recalled.
        valid_from: Since when it is so, where somebody said.
        valid_to: Until when.
        over: Whether it is no longer so.
    """

    kind: str
    since: datetime
    importance: int | None = None
    strength: float = 0.0
    recalled_at: datetime | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    over: bool = False

    def meets(self, time: Expression) -> bool:
        """Tell whether it is so on a day of some interval, as far as somebody said when it is."""
        if self.valid_from is None and self.valid_to is None:
            return False
        begun = self.valid_from is None or self.valid_from.date() <= time.interval.end
        return begun and (self.valid_to is None or time.interval.start < self.valid_to.date())


def faded(strength: float, since: datetime, now: datetime) -> float:
    """Return what is left of a strength: half of it after each `FADING`.

    Example:
        >>> faded(8.0, datetime(2026, 1, 1), datetime(2026, 3, 2))
        2.0
    """
    passed = max(now - since, timedelta(0))
    return float(strength * 0.5 ** (passed / FADING))


def recalled(
    strength: float, since: datetime | None, times: float, now: datetime
) -> tuple[float, datetime]:
    """Return the strength after some more recalls, and as of when.

    One number tells how often and how recently: each recall counts one, and fades.

    Source: Anderson and Schooler, "Reflections of the Environment in Memory" (1991): what was
    needed often and lately is likely to be needed. They find a power of time; an exponential is
    taken here, since a sum of those can be kept without the single times.

    Args:
        strength: Before.
        since: As of when that was; None for never.
        times: How often it was recalled, each time by what it counts.
        now: When.
    """
    if since is None:
        return float(times), now
    if now < since:
        return strength + faded(times, now, since), since
    return faded(strength, since, now) + times, now


def weighed(placed: Placed, kept: Kept, now: datetime, asked: Asked) -> Placed:
    """Return a memory with the signals that are kept beside its value.

    Args:
        placed: As its words and vectors place it.
        kept: What is kept beside its value.
        now: When it is asked.
        asked: The question.
    """
    weights = placed.weights
    met = [0.5 if time.ambiguous else 1.0 for time in asked.times if kept.meets(time)]
    signals = placed.signals | {
        "when": max([placed.signals.get("when", 0.0), *met]),
        "importance": 0.0 if kept.importance is None else (kept.importance - 3) / 2,
        "strength": _firmness(kept, now),
        "recency": recency(now - kept.since, kept.kind, weights) if asked.now else 0.0,
    }
    return placed._replace(signals=signals, score=weights.score(signals))


def recency(age: timedelta, kind: str, weights: Ranking) -> float:
    """Return 1 for what is of today, a half after the half-life of its kind."""
    days = max(age / timedelta(days=1), 0.0)
    return float(0.5 ** (days / weights.half_life_of(kind)))


def _firmness(kept: Kept, now: datetime) -> float:
    if kept.recalled_at is None:
        return 0.0
    left = faded(kept.strength, kept.recalled_at, now)
    return left / (left + FIRM)
