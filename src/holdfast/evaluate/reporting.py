"""From runs to a report: means with intervals, by category and overall, as JSON data."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sqlite3
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.evaluate.conversations import Conversation
from holdfast.evaluate.intervals import RESAMPLES, intervals
from holdfast.evaluate.metrics import NAMES
from holdfast.evaluate.running import DEPTH, TIMED, Run
from holdfast.evaluate.vectors import Vectors

OVERALL = "all questions"
BASELINE = "zsum"
"""The row that the others are compared with; the first one, where it was not run."""

_PACKAGES = ("holdfast", "langgraph", "langgraph-checkpoint", "numpy", "onnxruntime")


def report(
    runs: Sequence[Run],
    conversations: Sequence[Conversation],
    *,
    vectors: Vectors | None = None,
    rows_left_out: Mapping[str, str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what came out, as JSON data.

    Args:
        runs: Of the rows, over the same questions.
        conversations: That were asked about.
        vectors: That the rows shared.
        rows_left_out: Why, by the row's name.
        seed: Of the bootstrap.

    Returns:
        Under `groups`, for all questions and for each category: their number, and for each row
        each metric's mean and interval, and its difference to the baseline. Under `cost`, for each
        row: seconds and bytes of the index, milliseconds for a question. Beside them what was run,
        when, where, and what was left out.
    """
    names = [run.name for run in runs]
    baseline = BASELINE if BASELINE in names else names[0]
    categories = [outcome.category for outcome in runs[0].outcomes]
    every = range(len(categories))
    groups = {OVERALL: _group(runs, baseline, every, seed)}
    for category in sorted(set(categories)):
        chosen = [number for number in every if categories[number] == category]
        groups[category] = _group(runs, baseline, chosen, seed)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions(),
        "machine": {"system": platform.system(), "cpus": os.cpu_count()},
        "conversations": [conversation.id for conversation in conversations],
        "questions": len(categories),
        "left_out": _summed(conversation.left_out for conversation in conversations),
        "evidence_ignored": _summed(conversation.ignored for conversation in conversations),
        "rows_left_out": dict(rows_left_out or {}),
        "embedder": _told(vectors),
        "depth": DEPTH,
        "timed_depth": TIMED,
        "seed": seed,
        "resamples": RESAMPLES,
        "baseline": baseline,
        "groups": groups,
        "cost": {run.name: _cost(run) for run in runs},
    }


def _group(runs: Sequence[Run], baseline: str, chosen: Sequence[int], seed: int) -> dict[str, Any]:
    import numpy as np

    tables = {
        run.name: np.array(
            [[run.outcomes[number].metrics[name] for name in NAMES] for number in chosen]
        )
        for run in runs
    }
    apart = [table - tables[baseline] for table in tables.values()]
    found = intervals(np.hstack([*tables.values(), *apart]), seed=seed)
    parts = [found[start : start + len(NAMES)] for start in range(0, len(found), len(NAMES))]
    as_data = [
        {name: one.to_dict() for name, one in zip(NAMES, part, strict=True)} for part in parts
    ]
    return {
        "questions": len(chosen),
        "rows": dict(zip(tables, as_data, strict=False)),
        "differences": dict(zip(tables, as_data[len(tables) :], strict=True)),
    }


def _cost(run: Run) -> dict[str, float]:
    times = sorted(outcome.ms for outcome in run.outcomes)
    twentieths = statistics.quantiles(times, n=20, method="inclusive") if times[1:] else times
    return {
        "build_seconds": round(run.build_seconds, 3),
        "bytes": run.bytes,
        "p50_ms": round(statistics.median(times), 3),
        "p95_ms": round(twentieths[-1], 3),
    }


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in counts:
        found.update(one)
    return dict(sorted(found.items()))


def _told(vectors: Vectors | None) -> dict[str, Any] | None:
    if vectors is None:
        return None
    return {
        "fingerprint": vectors.fingerprint,
        "dims": vectors.dims,
        "texts_computed": vectors.computed,
        "seconds": round(vectors.seconds, 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of what the figures depend on."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_outcomes(runs: Sequence[Run], made: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write what each row made of each question to `ROW.jsonl`, and the report to `report.json`.

    Args:
        runs: Of the rows.
        made: The report.
        folder: Is made where it is not there yet.

    Returns:
        The files.
    """
    place = Path(folder).expanduser()
    place.mkdir(parents=True, exist_ok=True)
    texts = {"report.json": json.dumps(made, ensure_ascii=False, indent=2) + "\n"}
    for run in runs:
        lines = (json.dumps(one.to_dict(), ensure_ascii=False) for one in run.outcomes)
        texts[f"{run.name}.jsonl"] = "".join(f"{line}\n" for line in lines)
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8", errors="replace")
    return [place / name for name in texts]


def left_out_line(made: Mapping[str, Any]) -> str:
    """Return in a line how many questions were left out, and why.

    Example:
        >>> left_out_line({"left_out": {"without evidence": 4}, "evidence_ignored": {}})
        '4 questions left out (4 without evidence)'
    """
    line = f"{_counted(made['left_out'], 'question')} left out{_why(made['left_out'])}"
    ignored = made["evidence_ignored"]
    if not ignored:
        return line
    return f"{line}; {_counted(ignored, 'id')} in the evidence of others ignored{_why(ignored)}"


def _counted(counts: Mapping[str, int], one: str) -> str:
    number = sum(counts.values())
    return f"{number} {one}{'' if number == 1 else 's'}"


def _why(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f" ({told})" if told else ""
