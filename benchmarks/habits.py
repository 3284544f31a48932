"""Measures what importance and strength are worth, in a year of a user whose habits change.

    .venv/bin/python benchmarks/habits.py
    ... benchmarks/habits.py --users 3 --days 120 --results /tmp/tried

What is simulated stands in `holdfast.evaluate.habits`. A score is the mean of 1/rank of the memory
that answers (MRR), and how often it comes first. The results are written to
`benchmarks/results/habits.json` and `habits.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from holdfast.evaluate.habits import WARM_UP, measured

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def as_markdown(whole: dict[str, Any]) -> str:
    """Return the results as a Markdown page."""
    lines = [
        "# Habits that change",
        "",
        f"{whole['date']}, {whole['cores']} cores, Python {whole['python']}, holdfast "
        f"{whole['holdfast']}, `{whole['command']}`",
        "",
        f"{whole['users']} users, {whole['days']} days each, of which the first {WARM_UP} do not "
        "count; the 95 % interval of a bootstrap over questions in brackets. What is simulated "
        "stands in `src/holdfast/evaluate/habits.py`.",
        "",
        "| ranked by words and | MRR | needed one first, % | MRR above neither |",
        "|---|---:|---:|---:|",
    ]
    for name, row in whole["rankings"].items():
        cells = [_cell(row["MRR"], 1), _cell(row["first"], 100)]
        above = "" if name == "neither" else _cell(row["MRR above neither"], 1)
        lines.append(f"| {name} | {' | '.join(cells)} | {above} |")
    return "\n".join(lines) + "\n"


def _cell(found: Any, unit: int) -> str:
    digits = 1 if unit == 100 else 3
    mean, low, high = (f"{unit * found[part]:.{digits}f}" for part in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def main() -> None:
    """Run the simulation, and write the results."""
    parser = argparse.ArgumentParser(description="A year of a user whose habits change.")
    parser.add_argument("--users", type=int, default=20, help="how many users")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    given = parser.parse_args()
    whole = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": ".venv/bin/python benchmarks/habits.py",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "holdfast": version("holdfast"),
        "users": given.users,
        "days": given.days,
        "rankings": measured(range(given.users), given.days),
    }
    given.results.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(whole, indent=2) + "\n"
    (given.results / "habits.json").write_text(as_json, encoding="utf-8")
    page = as_markdown(whole)
    (given.results / "habits.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
