"""Measures holdfast's two stores beside LangGraph's three, in one run and turn by turn.

    .venv/bin/python benchmarks/stores.py
    .venv/bin/python benchmarks/stores.py --sizes 1000 --rounds 2
    .venv/bin/python benchmarks/stores.py --stores langgraph-memory,langgraph-sqlite

Every store holds the same memories with the same vectors, which are made from texts by hashes, so
that no model is needed and the store is what is measured. PostgreSQL is the server that
HOLDFAST_TEST_POSTGRES names, or one that is started for the run; databases made on it are dropped.
A full run takes up to 40 minutes on two cores, and 5 GB of memory.

`store_data.py` is what the stores are filled with, `store_entries.py` how each is opened,
`store_turns.py` what is timed, `store_report.py` what becomes of the numbers. The results are
written to `benchmarks/results/stores.json` and `stores.md`.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine import load_average
from store_data import LAYOUTS, Corpus, SyntheticEmbedder
from store_entries import ENTRIES, LOADS_EXTENSIONS, Entry, Workshop
from store_report import FILTERED, PLAIN, as_markdown, held, summary
from store_turns import Bench, Turn, recall_of, rounds_of

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = (
    "holdfast",
    "langgraph",
    "langgraph-checkpoint",
    "langgraph-checkpoint-sqlite",
    "langgraph-checkpoint-postgres",
    "sqlite-vec",
    "numpy",
    "psycopg",
)


def tell(text: str) -> None:
    """Print progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def loaded(entries: Sequence[Entry], corpus: Corpus) -> dict[str, float]:
    """Fill every store; return the seconds that it took."""
    seconds = {}
    for entry in entries:
        start = time.perf_counter()
        entry.load(corpus)
        seconds[entry.title] = round(time.perf_counter() - start, 2)
        tell(f"  {entry.title} loaded in {seconds[entry.title]:.1f} s")
    return seconds


def answers(bench: Bench, entry: Entry) -> dict[str, Any]:
    """Return how right a store's answers are, without and with a filter."""
    return {
        PLAIN: asdict(recall_of(bench, entry, bench.plain)),
        FILTERED: asdict(recall_of(bench, entry, bench.filtered)),
    }


def timed(
    bench: Bench, entries: Sequence[Entry], rounds: int, threads: Sequence[int]
) -> dict[str, Any]:
    """Return the numbers by operation, count of threads, and store."""
    turns: dict[tuple[str, int, str], list[Turn]] = {}
    for operation, count, title, turn in rounds_of(bench, entries, rounds, threads):
        turns.setdefault((operation, count, title), []).append(turn)
    numbers: dict[str, Any] = {}
    for (operation, count, title), taken in turns.items():
        by_threads = numbers.setdefault(operation, {})
        by_threads.setdefault(str(count), {})[title] = summary(taken, count)
    return numbers


def measured(
    size: int, layout: str, given: argparse.Namespace, workshop: Workshop
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the numbers of one size and layout, and how each store commits."""
    tell(f"{size:,} memories in {layout}")
    embed = SyntheticEmbedder()
    bench = Bench(Corpus(size, layout, embed), embed)
    entries: list[Entry] = []
    try:
        for name in given.stores:
            entries.append(ENTRIES[name](workshop, embed))
        loading = loaded(entries, bench.corpus)
        # What is loaded stays: the collector need not look at millions of numbers in each turn.
        gc.collect()
        gc.freeze()
        right = {entry.title: answers(bench, entry) for entry in entries}
        tell("  recall measured")
        case = {
            "size": size,
            "layout": layout,
            "loading": loading,
            "recall": right,
            "timings": timed(bench, entries, given.rounds, given.threads),
        }
        return case, {entry.title: entry.commits for entry in entries}
    finally:
        gc.unfreeze()
        for entry in entries:
            entry.close()


def sync_ms() -> float:
    """Return the milliseconds in which this disk takes 4 kB for good."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def versions(given: argparse.Namespace, workshop: Workshop) -> dict[str, str]:
    """Return the versions of what runs here."""
    there = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    there |= {package: importlib.metadata.version(package) for package in PACKAGES}
    if any("postgres" in name for name in given.stores):
        import psycopg

        with psycopg.connect(workshop.server) as db:
            row = db.execute(
                "SELECT current_setting('server_version'), default_version "
                "FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
        there |= zip(("postgresql", "pgvector"), row or ("without pgvector", "-"), strict=True)
    return there


def command_line() -> str:
    """Return the command that was given, relative to the repository."""
    python = Path(sys.executable)
    shown = python.relative_to(ROOT) if python.is_relative_to(ROOT) else Path("python")
    return " ".join([shown.as_posix(), "benchmarks/stores.py", *sys.argv[1:]])


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""

    def numbers(text: str) -> list[int]:
        return [int(one) for one in text.split(",")]

    def names(known: Collection[str]) -> Callable[[str], list[str]]:
        def read(text: str) -> list[str]:
            unknown = [one for one in text.split(",") if one not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; use {','.join(known)}")
            return text.split(",")

        return read

    parser = argparse.ArgumentParser(description="The stores of holdfast and LangGraph.")
    parser.add_argument("--sizes", type=numbers, default=[1000, 10_000, 100_000])
    parser.add_argument(
        "--stores", type=names(ENTRIES), default=list(ENTRIES), help=",".join(ENTRIES)
    )
    parser.add_argument("--layouts", type=names(LAYOUTS), default=list(LAYOUTS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each store")
    parser.add_argument("--threads", type=numbers, default=[1, 8], help="how many call at once")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    return parser.parse_args()


def write(report: dict[str, Any], folder: Path) -> str:
    """Write the results; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(report, indent=2) + "\n"
    (folder / "stores.json").write_text(as_json, encoding="utf-8")
    page = as_markdown(report)
    (folder / "stores.md").write_text(page, encoding="utf-8")
    return page


def main() -> None:
    """Run the benchmark, and write the results; those of finished cases also when it is stopped."""
    given = arguments()
    # Killed without this, it would leave its PostgreSQL server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    start = time.perf_counter()
    load = load_average()
    cases: list[dict[str, Any]] = []
    page = ""
    with Workshop() as workshop:
        report: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "command": command_line(),
            "cores": os.cpu_count(),
            "rounds": given.rounds,
            "threads": given.threads,
            "versions": versions(given, workshop),
            "loads_extensions": LOADS_EXTENSIONS,
            "sync_ms": round(sync_ms(), 3),
        }
        for size in given.sizes:
            for layout in given.layouts:
                case, report["commits"] = measured(size, layout, given, workshop)
                cases.append(case)
                report["seconds"] = round(time.perf_counter() - start)
                report["load_average"] = [load, load_average()]
                page = write({**report, "aims": held(cases), "cases": cases}, given.results)
    print(page)


if __name__ == "__main__":
    main()
