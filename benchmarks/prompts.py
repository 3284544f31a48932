"""Measures what a gate before a prompt lets in, in a world where the score of each edit is known.

    .venv/bin/python benchmarks/prompts.py
    ... benchmarks/prompts.py --seeds 20 --results /tmp/tried

No LLM is asked. A prompt is a line and, below it, edits; each edit raises or lowers the score by
a known amount in the mean, on some trajectories more than on others, and every answer has a noise
of its own. Proposals are drawn from the edits; what comes of them is scored on a third, fresh set
of trajectories. Beside the gate stands the optimizer without it, which takes the first proposal,
as LangMem does. The results are written to `benchmarks/results/prompts.json` and `prompts.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holdfast import Gate, OptimizedPrompt, create_prompt_optimizer
from holdfast.evaluate.intervals import interval
from holdfast.optimize import AnnotatedTrajectory, Proposal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

START = "You help {name} with travels."
TRAJECTORIES, FRESH = 60, 200
GAINS = {"good": 0.15, "neutral": 0.0, "bad": -0.1}
SPREAD = 0.1
"""How much the effect of an edit differs between trajectories (standard deviation)."""
NOISE = 0.1
"""How much two answers to the same differ (standard deviation)."""

ONE, EIGHT = Gate(), Gate(candidates=8)
CASES: dict[str, tuple[Gate, tuple[str, ...]]] = {
    "a bad one": (ONE, ("bad",)),
    "a neutral one": (ONE, ("neutral",)),
    "a good one": (ONE, ("good",)),
    "one of good, neutral, bad, bad": (ONE, ("good", "neutral", "bad", "bad")),
    "8: a good one, 3 neutral, 4 bad": (EIGHT, ("good", *["neutral"] * 3, *["bad"] * 4)),
    "8: 4 neutral, 4 bad": (EIGHT, (*["neutral"] * 4, *["bad"] * 4)),
}
"""What is proposed, in an order drawn for each run: one of these, or all where there are 8."""

SMALLER = (0.02, 0.05, 0.1, 0.15)
"""Gains of a good edit, for what the gate can see."""


@dataclass(frozen=True)
class World:
    """What an agent scores, drawn from a seed: the same question twice has the same answer."""

    seed: int
    good: float = GAINS["good"]

    def trajectories(self, part: str, number: int) -> list[AnnotatedTrajectory]:
        """Return trajectories of a part; those of another part are others."""
        asked = (f"{part} question {n}" for n in range(number))
        return [AnnotatedTrajectory([("user", text), ("assistant", "...")]) for text in asked]

    def score(self, prompt: str, trajectory: AnnotatedTrajectory) -> float:
        """Return the grade of an answer, in tenths from 0 to 1."""
        return self.graded(str(prompt), trajectory.messages[0][1])

    @lru_cache(maxsize=2**18)  # noqa: B019  # worlds are few, and gone with the process
    def graded(self, prompt: str, question: str) -> float:
        """Return the grade of an answer to a question."""
        grade = self.drawn("base", question).uniform(0.3, 0.7)
        for edit in prompt.splitlines()[1:]:
            mean = {**GAINS, "good": self.good}[edit.split()[0]]
            grade += self.drawn(edit, question).gauss(mean, SPREAD)
        grade += self.drawn(prompt, "noise", question).gauss(0, NOISE)
        return round(min(1.0, max(0.0, grade)), 1)

    def drawn(self, *what: str) -> random.Random:
        """Return a generator of what is drawn for something."""
        return random.Random("|".join((str(self.seed), *what)))


class Proposing:
    """Proposes edits in their order."""

    def __init__(self, edits: Sequence[str]) -> None:
        self._edits = iter(edits)

    def flow(self, task: Any) -> Iterator[Any]:
        """Return a proposal as a flow."""
        return self._proposed(f"{task.prompt}\n{next(self._edits)}")

    def _proposed(self, prompt: str) -> Iterator[Any]:
        yield from ()
        return Proposal(prompt)


def run(world: World, gate: Gate | None, kinds: Sequence[str]) -> dict[str, Any]:
    """Return what came of one run."""
    edits = [f"{kind} edit {number}" for number, kind in enumerate(kinds)]
    world.drawn("order").shuffle(edits)
    optimizer = create_prompt_optimizer(
        Proposing(edits),  # type: ignore[arg-type]
        evaluate=None if gate is None else world.score,
        gate=gate,
    )
    trajectories = world.trajectories("known", TRAJECTORIES)
    better = optimizer.invoke({"trajectories": trajectories, "prompt": START})
    return {**told(world, better), "first": edits[0].split()[0]}


def told(world: World, better: OptimizedPrompt) -> dict[str, Any]:
    """Return what a prompt is worth on fresh trajectories, above the prompt before it."""
    fresh = world.trajectories("fresh", FRESH)
    gain = 0.0
    if better.changed:
        gain = statistics.fmean(world.score(better, t) - world.score(START, t) for t in fresh)
    return {
        "gain": gain,
        "taken": better.splitlines()[1].split()[0] if better.changed else None,
        "evaluations": 0 if better.scores is None else better.scores.evaluations,
    }


def measured(
    seeds: Sequence[int], cases: dict[str, tuple[Gate, tuple[str, ...]]] = CASES
) -> dict[str, dict[str, Any]]:
    """Return for each case what came of runs with the gate, and of runs without it."""
    found: dict[str, dict[str, Any]] = {}
    for name, (gate, kinds) in cases.items():
        ways = {"gate": gate, "no gate": None}
        found[name] = {
            way: summed([run(World(seed), used, kinds) for seed in seeds])
            for way, used in ways.items()
        }
    return found


def summed(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what came of several runs."""
    gains = [one["gain"] for one in runs]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    taken = {kind: sum(one["taken"] == kind for one in runs) / len(runs) for kind in GAINS}
    return {
        "runs": len(runs),
        "gain": interval(gains).to_dict(),
        "standard error": round(error, 6),
        "taken": taken,
        "evaluations": statistics.fmean(one["evaluations"] for one in runs),
    }


def seen(seeds: Sequence[int]) -> dict[str, float]:
    """Return how often a good edit is taken, by what it gains."""
    return {
        str(gain): statistics.fmean(
            run(World(seed, gain), ONE, ("good",))["taken"] == "good" for seed in seeds
        )
        for gain in SMALLER
    }


def as_markdown(whole: dict[str, Any]) -> str:
    """Return the results as a Markdown page."""
    lines = [
        "# A gate before a prompt",
        "",
        f"{whole['date']}, {whole['cores']} cores, Python {whole['python']}, holdfast "
        f"{whole['holdfast']}, `{whole['command']}`",
        "",
        f"{whole['seeds']} seeded runs of each row, no LLM. {TRAJECTORIES} trajectories, half of "
        "them held out; an edit raises the score of an answer (0 to 1) by "
        f"{GAINS['good']:+.2f} (good), {GAINS['neutral']:.0f} (neutral) or {GAINS['bad']:+.2f} "
        f"(bad) in the mean, and differs between trajectories by {SPREAD}; answers differ by "
        f"{NOISE}. The gain is that on {FRESH} fresh trajectories, with the 95 % interval of a "
        "bootstrap over runs. Without a gate the first proposal is taken. What is simulated "
        "stands in `benchmarks/prompts.py`.",
        "",
        "| proposed | gate | gain | standard error | good taken, % | neutral, % | bad, % | "
        "evaluations |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, ways in whole["cases"].items():
        for way, row in ways.items():
            mean, low, high = (f"{row['gain'][part]:+.4f}" for part in ("mean", "low", "high"))
            taken = (f"{100 * row['taken'][kind]:.1f}" for kind in GAINS)
            lines.append(
                f"| {name} | {'yes' if way == 'gate' else 'no'} | {mean} ({low} to {high}) | "
                f"{row['standard error']:.4f} | {' | '.join(taken)} | {row['evaluations']:.0f} |"
            )
    lines += [
        "",
        f"What it can see: how often a good edit is taken, {TRAJECTORIES // 2} trajectories held "
        "out.",
        "",
        "| the edit gains | taken, % |",
        "|---:|---:|",
        *(f"| {float(gain):+.2f} | {100 * share:.1f} |" for gain, share in whole["seen"].items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the simulation, and write the results."""
    parser = argparse.ArgumentParser(description="What a gate before a prompt lets in.")
    parser.add_argument("--seeds", type=int, default=200, help="how many runs of each case")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    given = parser.parse_args()
    whole = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": ".venv/bin/python benchmarks/prompts.py",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "holdfast": version("holdfast"),
        "seeds": given.seeds,
        "cases": measured(range(given.seeds)),
        "seen": seen(range(given.seeds)),
    }
    given.results.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(whole, indent=2) + "\n"
    (given.results / "prompts.json").write_text(as_json, encoding="utf-8")
    page = as_markdown(whole)
    (given.results / "prompts.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
