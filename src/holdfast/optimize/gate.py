"""A gate before a prompt: a proposal replaces it only where it scores higher on what it never met.

Proposals are made from a part of the trajectories, the training part. Several of them are raced
there by successive halving: all meet a few trajectories, the better half meets more, and so on.
The winner is then held against the prompt as it is, on the part that was held out, pair by pair.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from holdfast.errors import ConfigurationError, InputError, ModelAnswerError
from holdfast.evaluate.intervals import p_value
from holdfast.flow import AT_ONCE, Flow, Together
from holdfast.memory import Usage
from holdfast.optimize.proposing import Proposal, Proposer, Task, checked, proposal_of
from holdfast.optimize.scoring import Evaluator, Scoring, Variant
from holdfast.trajectories import Trajectory

log = logging.getLogger("holdfast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How proposals are held against the prompt, where there is an evaluator.

    Args:
        candidates: How many proposals are made, side by side. Each is made from all of the
            training part, in an order of its own, for a model that answers alike to the like.
        held_out: Which share of the trajectories decides; proposals are not made from them.
        min_gain: By how much a proposal must score higher on them, in the mean.
        confidence: How sure it must be that it scores higher at all. At 0.95, of the proposals
            that change nothing one in twenty is taken. As few pairs cannot be surer, at least 5
            trajectories must be held out at 0.95, 4 at 0.9, 7 at 0.99.
        budget: How often the evaluator may be called for one prompt; None lets the last two
            candidates of a race meet all, or nearly all, of the training part.
        repeats: How often each prompt meets each trajectory. Scores are computed once; more
            than once is for an evaluator whose scores vary, and its mean counts.
        at_once: How many evaluations run side by side, 1 to 8. A plain function is called in as
            many threads.
        seed: Of the split and of everything else that is drawn.

    Raises:
        ConfigurationError: A value is outside of what it may be.

    Source: halving is that of Karnin, Koren and Somekh, "Almost Optimal Exploration in
    Multi-Armed Bandits" (2013), figure 1; the test is `holdfast.evaluate.intervals.p_value`.

    Example:
        >>> gate = Gate(candidates=4, min_gain=0.02)
        >>> [len(part) for part in gate.split(20)]
        [10, 10]
    """

    candidates: int = 1
    held_out: float = 0.5
    min_gain: float = 0.0
    confidence: float = 0.95
    budget: int | None = None
    repeats: int = 1
    at_once: int = AT_ONCE
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"candidates": None, "repeats": None, "at_once": AT_ONCE, "budget": None}
        for name, most in counts.items():
            value = getattr(self, name)
            if name == "budget" and value is None:
                continue
            if not _is_int(value) or value < 1 or (most is not None and value > most):
                to = "on" if most is None else f"to {most}"
                raise ConfigurationError(f"{name} must be a number from 1 {to}, got {value!r}.")
        # What the test draws cannot tell p-values below 0.0001 from each other.
        for name, greatest in {"held_out": 0.99, "confidence": 0.999}.items():
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value <= greatest:
                raise ConfigurationError(
                    f"{name} must be above 0 and at most {greatest}, got {value!r}."
                )
        if not _is_number(self.min_gain) or self.min_gain < 0:
            raise ConfigurationError(f"min_gain must be 0 or more, got {self.min_gain!r}.")
        if not _is_int(self.seed):
            raise ConfigurationError(f"seed must be a whole number, got {self.seed!r}.")

    def split(self, number: int, given: int | None = None) -> tuple[list[int], list[int]]:
        """Return the numbers of trajectories to learn from, and of those held out.

        Args:
            number: How many trajectories there are, each once.
            given: How many there were, with those that are the same.

        Raises:
            InputError: There are so few that nothing could be shown on those held out.
        """
        if number < self.fewest:
            same = f" that differ, of {given}" if given and given > number else ""
            raise InputError(
                f"There are {number} trajectories{same}, too few to decide on a prompt: held_out="
                f"{self.held_out} and confidence={self.confidence} it takes {self.fewest}, "
                f"{self._least()} of them held out. Give more, or set other values in Gate(...)."
            )
        drawn = list(range(number))
        random.Random(self.seed).shuffle(drawn)
        held = self._held(number)
        return drawn[held:], sorted(drawn[:held])

    def _least(self) -> int:
        """Return how many pairs it takes to be as sure as wanted, were all of them for it."""
        return next(n for n in range(1, 10_000) if 0.5**n <= self.allowed)

    @property
    def fewest(self) -> int:
        """How many trajectories it takes, some of them to learn from."""
        number = self._least() + 1
        while self._held(number) < self._least():
            number += 1
        return number

    def _held(self, number: int) -> int:
        """Return how many of some trajectories are held out; one at least is to learn from."""
        return min(number - 1, math.ceil(number * self.held_out))

    @property
    def allowed(self) -> float:
        """The greatest p-value that passes."""
        return 1 - self.confidence

    def pairs_to_race(self, training: int, held_out: int) -> int:
        """Return how many scores a race may ask for, so that the held-out part stays within it.

        Raises:
            ConfigurationError: The budget does not suffice for one trajectory each.
        """
        rounds = _rounds(self.candidates)
        least = self.candidates * rounds
        if self.budget is None:
            return max(least, training * (rounds + 1))
        left = self.budget // self.repeats - 2 * held_out
        if left < least:
            raise ConfigurationError(
                f"budget={self.budget} is too small: {held_out} held-out trajectories and "
                f"{self.candidates} candidates, {self.repeats} times each, take at least "
                f"{(2 * held_out + least) * self.repeats} evaluations."
            )
        return left


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _rounds(candidates: int) -> int:
    """Return how often candidates are halved until one is left."""
    return (candidates - 1).bit_length()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposal that was held against others.

    Args:
        prompt: Its text.
        score: Its mean over the training trajectories that it met; None where there was no race.
        trajectories: How many of them it met.
    """

    prompt: str
    score: float | None = None
    trajectories: int = 0


@dataclass(frozen=True, slots=True)
class Scores:
    """What a gate found.

    Args:
        accepted: Whether the proposal replaced the prompt.
        before: The mean score of the prompt as it was, on the held-out trajectories; None where
            there was no proposal to hold against it.
        after: That of the best proposal.
        p_value: How likely it would score as far above, were the two of a kind.
        evaluations: How often the evaluator was called.
        candidates: All proposals that differed from the prompt and from each other.
        held_out: The numbers of the trajectories that decided.
    """

    accepted: bool = False
    before: float | None = None
    after: float | None = None
    p_value: float | None = None
    evaluations: int = 0
    candidates: tuple[Candidate, ...] = ()
    held_out: tuple[int, ...] = ()

    @property
    def told(self) -> dict[str, float]:
        """The scores before and after, as far as there are any."""
        both = {"before": self.before, "after": self.after}
        return {name: value for name, value in both.items() if value is not None}

    @property
    def gain(self) -> float | None:
        """By how much the best proposal scored higher; negative where it scored lower."""
        return None if self.before is None or self.after is None else self.after - self.before

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**asdict(self), "gain": self.gain}


class Gating:
    """One run of a gate over some trajectories; scores that one prompt needed serve the next.

    Args:
        gate: The settings.
        evaluate: The user's evaluator.
        trajectories: All of them.

    Raises:
        InputError: There are too few.
        ConfigurationError: The budget is too small.
    """

    def __init__(self, gate: Gate, evaluate: Evaluator, trajectories: Sequence[Trajectory]) -> None:
        self._gate = gate
        self.trajectories = trajectories
        # The same one twice would be learned from and held out, or count as two.
        first: dict[str, int] = {}
        for number, one in enumerate(trajectories):
            first.setdefault(one.rendered(), number)
        distinct = list(first.values())
        training, held_out = gate.split(len(distinct), len(trajectories))
        self._training = [distinct[number] for number in training]
        self._held_out = [distinct[number] for number in held_out]
        self._pairs = gate.pairs_to_race(len(self._training), len(self._held_out))
        examples = [one.annotated() for one in trajectories]
        self._scoring = Scoring(evaluate, examples, repeats=gate.repeats, at_once=gate.at_once)

    @property
    def training(self) -> list[Trajectory]:
        """The trajectories that proposals may be made from, in their order."""
        return [self.trajectories[number] for number in sorted(self._training)]

    def flow(
        self,
        proposer: Proposer,
        task: Callable[[Sequence[Trajectory]], Task],
        placed: Callable[[str], Variant],
    ) -> Flow[tuple[Proposal, Scores]]:
        """Return what may replace a prompt, and what it scored.

        Args:
            proposer: Makes the proposals.
            task: Returns the task for trajectories to learn from.
            placed: Returns what the evaluator is given for a text of the prompt.
        """
        known = self._scoring.evaluations
        before = task(self.training).prompt
        made = yield from self._proposals(proposer, task)
        usage = sum((one.usage for one in made), Usage())
        distinct: dict[str, Proposal] = {}
        for one in made:
            if one.prompt is not None and one.prompt != before:
                distinct.setdefault(one.prompt, one)
        if not distinct:
            kept = next((one for one in made if not one.refused), made[0])
            return replace(kept, prompt=None, usage=usage), Scores(held_out=tuple(self._held_out))
        candidates, best = yield from self._race(list(distinct), placed)
        scores = yield from self._decided(placed(before), placed(candidates[best].prompt))
        scores = replace(
            scores, candidates=candidates, evaluations=self._scoring.evaluations - known
        )
        if scores.accepted:
            return replace(distinct[candidates[best].prompt], usage=usage), scores
        reason = _why_not(scores, self._gate)
        log.info("A proposal for a prompt was not taken. %s", reason)
        return Proposal(None, reason, usage), scores

    def _proposals(
        self, proposer: Proposer, task: Callable[[Sequence[Trajectory]], Task]
    ) -> Flow[list[Proposal]]:
        """Return proposals; one whose model came to nothing does not end the others."""
        tasks = []
        for number in range(self._gate.candidates):
            order = self.training
            if number:
                random.Random(f"{self._gate.seed} {number}").shuffle(order)
            tasks.append(task(order))
        flows = [_proposal(proposal_of(proposer, one), one) for one in tasks]
        made: list[Proposal | ModelAnswerError] = yield Together(flows)
        usable = [one for one in made if isinstance(one, Proposal)]
        failed = [one for one in made if isinstance(one, ModelAnswerError)]
        if failed and not usable:
            raise failed[0]
        return usable

    def _race(
        self, prompts: Sequence[str], placed: Callable[[str], Variant]
    ) -> Flow[tuple[tuple[Candidate, ...], int]]:
        """Return the candidates with their scores, and the number of the best."""
        found = [Candidate(prompt) for prompt in prompts]
        left, rounds, met = list(range(len(found))), _rounds(len(found)), 0
        for _ in range(rounds):
            met = min(len(self._training), met + self._pairs // (len(left) * rounds))
            variants = [placed(prompts[number]) for number in left]
            rows = yield from self._scoring.flow(variants, self._training[:met])
            for number, row in zip(left, rows, strict=True):
                found[number] = Candidate(prompts[number], math.fsum(row) / met, met)
            left.sort(key=lambda number: -(found[number].score or 0.0))
            left = left[: (len(left) + 1) // 2]
        return tuple(found), left[0]

    def _decided(self, before: Variant, after: Variant) -> Flow[Scores]:
        """Return what two prompts score on the held-out part, and whether the second is taken."""
        rows = yield from self._scoring.flow([before, after], self._held_out)
        was, has = rows
        likely = p_value(has, was, seed=self._gate.seed)
        gain = math.fsum(a - b for a, b in zip(has, was, strict=True)) / len(was)
        return Scores(
            # Sums of decimal fractions miss in the last digit.
            accepted=likely <= self._gate.allowed + 1e-12 and gain >= self._gate.min_gain - 1e-12,
            before=math.fsum(was) / len(was),
            after=math.fsum(has) / len(has),
            p_value=likely,
            held_out=tuple(self._held_out),
        )


def _proposal(flow: Flow[Proposal], task: Task) -> Flow[Proposal | ModelAnswerError]:
    try:
        proposal = yield from flow
    except ModelAnswerError as error:
        return error
    return checked(proposal, task)


def _why_not(scores: Scores, gate: Gate) -> str:
    return (
        f"It scored {scores.after:.3f}, the prompt as it is {scores.before:.3f}, on "
        f"{len(scores.held_out)} held-out trajectories (p = {scores.p_value:.3f}); that is not "
        f"surely higher by {gate.min_gain:g} or more at confidence {gate.confidence:g}."
    )
