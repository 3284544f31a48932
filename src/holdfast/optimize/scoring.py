"""Scores of prompts: a user's evaluator, called side by side, each score once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from holdfast.errors import ConfigurationError, shown
from holdfast.flow import Call, Flow, Together
from holdfast.trajectories import AnnotatedTrajectory

Variant = str | Mapping[str, str]
"""What an evaluator is given: a prompt, or for several prompts all of them by their names."""

Evaluator = Callable[[Any, AnnotatedTrajectory], Any]
"""Tells how well an agent does with a prompt where a trajectory had to be done; sync or async."""


class Scoring:
    """What prompts score on trajectories, as far as that is known.

    Args:
        evaluate: The user's evaluator.
        examples: The trajectories; scores are asked for by their numbers.
        repeats: How often each prompt meets each trajectory; its score there is the mean.
        at_once: How many calls run side by side.
    """

    def __init__(
        self,
        evaluate: Evaluator,
        examples: Sequence[AnnotatedTrajectory],
        *,
        repeats: int,
        at_once: int,
    ) -> None:
        self._evaluate = evaluate
        self._examples = examples
        self._repeats = repeats
        self._at_once = at_once
        self._known: dict[tuple[Hashable, int], float] = {}
        self._failed = False

    @property
    def evaluations(self) -> int:
        """How often the evaluator was called."""
        return len(self._known) * self._repeats

    def flow(self, variants: Sequence[Variant], numbers: Sequence[int]) -> Flow[list[list[float]]]:
        """Return for each variant its scores on the trajectories of these numbers, in order."""
        asked = {(_key(one), n): (one, n) for one in variants for n in numbers}
        missing = [pair for key, pair in asked.items() if key not in self._known]
        lanes = [self._lane(missing[n :: self._at_once]) for n in range(self._at_once)]
        if missing:
            yield Together(lanes[: len(missing)])
        return [[self._known[_key(one), n] for n in numbers] for one in variants]

    def _lane(self, pairs: Sequence[tuple[Variant, int]]) -> Flow[None]:
        """Score pairs one after the other; what runs beside it stops when it fails."""
        for variant, number in pairs:
            scores: list[float] = []
            while len(scores) < self._repeats and not self._failed:
                try:
                    scores.append((yield from self._once(variant, number)))
                except BaseException:
                    self._failed = True
                    raise
            if self._failed:
                return
            self._known[_key(variant), number] = math.fsum(scores) / len(scores)

    def _once(self, variant: Variant, number: int) -> Flow[float]:
        given = variant if isinstance(variant, str) else dict(variant)
        try:
            result = yield Call(self._evaluate, (given, self._examples[number]))
        except Exception as error:
            error.add_note(f"holdfast: the evaluator raised this for trajectories[{number}].")
            raise
        return score_of(result, number)


def _key(variant: Variant) -> Hashable:
    return variant if isinstance(variant, str) else tuple(variant.items())


def score_of(given: Any, number: int) -> float:
    """Return the score in what an evaluator returned.

    Args:
        given: A number, a bool, a dict with `score`, or an object with `.score`.
        number: Of the trajectory, for the error.

    Raises:
        ConfigurationError: It holds no finite number.

    Example:
        >>> score_of(0.5, 0), score_of(True, 0), score_of({"key": "kind", "score": False}, 0)
        (0.5, 1.0, 0.0)
    """
    found: Any = (
        given.get("score") if isinstance(given, Mapping) else getattr(given, "score", given)
    )
    try:
        # What cannot be a number by itself, a text, is none; numpy's and torch's are.
        score = float(found) if hasattr(found, "__float__") else math.nan
    except (TypeError, ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise ConfigurationError(
            f"The evaluator returned {shown(given)} for trajectories[{number}]. Return a finite "
            "number, a bool, a dict with 'score', or an object with .score."
        )
    return score
