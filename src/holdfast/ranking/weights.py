"""How much each signal counts: data, set by hand, for two kinds of conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from holdfast.errors import ConfigurationError, shown

SIGNALS = (
    *("words", "surroundings", "session", "who", "when", "statement", "substance", "meaning"),
    *("recency", "importance", "strength"),
)
"""The signals, as `Recalled.signals` names them."""

MOST = 1e6
"""The highest weight: sums of weights and their shares stay far from where floats end."""

LEAST_DAYS = 1e-6
MOST_DAYS = 1e9


@dataclass(frozen=True, slots=True)
class Ranking:
    """How much each signal counts in recall; 0 switches a signal off.

    A score is the sum of all signals, each times its weight, as a share of all weights. `words`,
    `surroundings` and `session` are shares of the best that the question's words could reach, so
    one unit of weight means the same for all of them and in every namespace.

    Args:
        words: The question's words in the text, by BM25: 0 to 1.
        surroundings: The question's words in the text and in those said right around it (two
            before, one after): 0 to 1.
        session: The question's words in all that was said on that occasion, above the occasion
            that has least of them: 0 to 1.
        who: 1 where the speaker is named in the question.
        when: 1 for what was said on a day that the question names ("last May", "on 3 June 2023"),
            or names such a day itself ("yesterday", said a day later); a half where what the
            question names is ambiguous.
        statement: 1 for what is said in the first person, -1 for what ends as a question; both
            together cancel out.
        substance: How long the text is, 0 to 1: a bare greeting is near 0.
        meaning: Cosine of the vectors, less the mean of all texts asked: -1 to 1, mostly 0 to .6.
        recency: Where the question asks for the state now, 1 for what is newest, and half of that
            after each half-life; else 0.
        importance: -1 (trivial) to 1 (vital) for a memory whose importance was given; else 0.
        strength: How often and how recently a memory was recalled and of use: 0 for never, a half
            for three times just now; each fades by half in 30 days, and counts a tenth where
            nobody said that it was of use.
        length: How much BM25 holds a text's length against it, 0 to 1 (its parameter b).
        half_life: Days after which the recency of a memory is half, from 1e-6 to 1e9.
        half_lives: The same for single kinds: names of schemas, or `Message`.
        merge: Whether texts in the same words take one place; see `holdfast.ranking.likeness`.

    Raises:
        ConfigurationError: A weight is no number from 0 to 1e6, or another setting has no sense.

    Example:
        >>> Ranking(meaning=0).meaning
        0
    """

    words: float = 1.0
    surroundings: float = 0.6
    session: float = 0.3
    who: float = 0.05
    when: float = 0.1
    statement: float = 0.03
    substance: float = 0.1
    meaning: float = 0.8
    recency: float = 0.05
    importance: float = 0.03
    strength: float = 0.1
    length: float = 0.4
    half_life: float = 180.0
    half_lives: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"Message": 60.0}), hash=False
    )
    merge: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.half_lives, Mapping):
            raise ConfigurationError(
                f"Ranking(half_lives=) is a dict of days by kind, got {shown(self.half_lives)}."
            )
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        days = given.pop("half_lives")
        if not isinstance(given.pop("merge"), bool):
            raise ConfigurationError(f"Ranking(merge=) is True or False, got {shown(self.merge)}.")
        for kind in days:
            if not isinstance(kind, str):
                raise ConfigurationError(
                    "The keys of Ranking(half_lives=) are names of kinds, such as 'Message'; got "
                    f"{shown(kind)}."
                )
        given |= {f"half_lives[{shown(kind)}]": days[kind] for kind in days}
        for name, number in given.items():
            _check(name, number)
        if self.length > 1:
            raise ConfigurationError(f"Ranking(length=) is from 0 to 1, got {self.length!r}.")
        object.__setattr__(self, "half_lives", MappingProxyType(dict(self.half_lives)))

    @property
    def total(self) -> float:
        """The sum of all weights; 1 where all signals are off."""
        return float(sum(getattr(self, name) for name in SIGNALS)) or 1.0

    def score(self, signals: Mapping[str, float]) -> float:
        """Return the sum of signals, each times its weight, as a share of all weights."""
        reached = sum(getattr(self, name) * signal for name, signal in signals.items())
        return float(max(0.0, reached / self.total))

    def half_life_of(self, kind: str) -> float:
        """Return after how many days something of a kind is half as recent."""
        return self.half_lives.get(kind, self.half_life)


def _check(name: str, number: Any) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ConfigurationError(f"Ranking({name}=) is a number, got {shown(number)}.")
    least, most = (LEAST_DAYS, MOST_DAYS) if name.startswith("half") else (0, MOST)
    if not least <= number <= most:  # so that NaN is refused as well
        raise ConfigurationError(
            f"Ranking({name}=) is from {least:g} to {most:g}, got {shown(number)}."
        )


PEOPLE = Ranking()
"""For chats between people: short turns, in which what is meant is often said one turn before."""

ASSISTANT = Ranking(
    surroundings=0.3, session=0.0, who=0.0, statement=0.02, substance=0.0, length=0.75
)
"""For chats with an assistant: long messages that stand for themselves, sessions of one subject."""
