"""How much each signal counts: data, set by hand, for two kinds of conversation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isnan

from holdfast.errors import ConfigurationError

SIGNALS = ("words", "surroundings", "session", "who", "when", "statement", "substance", "meaning")
"""The signals, as `Recalled.signals` names them."""


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
            a half where what it names is ambiguous.
        statement: 1 for what is said in the first person, -1 for what ends as a question; both
            together cancel out.
        substance: How long the text is, 0 to 1: a bare greeting is near 0.
        meaning: Cosine of the vectors, less the mean of all texts asked: -1 to 1, mostly 0 to .6.
        length: How much BM25 holds a text's length against it, 0 to 1 (its parameter b).

    Raises:
        ConfigurationError: A weight is no number, or `length` is not from 0 to 1.

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
    length: float = 0.4

    def __post_init__(self) -> None:
        for field in fields(self):
            weight = getattr(self, field.name)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or isnan(weight):
                raise ConfigurationError(f"Ranking({field.name}=) is a number, got {weight!r}.")
            if weight < 0:
                raise ConfigurationError(f"Ranking({field.name}=) is 0 or more, got {weight!r}.")
        if self.length > 1:
            raise ConfigurationError(f"Ranking(length=) is from 0 to 1, got {self.length!r}.")

    @property
    def total(self) -> float:
        """The sum of all weights; 1 where all signals are off."""
        return sum(getattr(self, name) for name in SIGNALS) or 1.0


PEOPLE = Ranking()
"""For chats between people: short turns, in which what is meant is often said one turn before."""

ASSISTANT = Ranking(
    surroundings=0.3, session=0.0, who=0.0, statement=0.02, substance=0.0, length=0.75
)
"""For chats with an assistant: long messages that stand for themselves, sessions of one subject."""
