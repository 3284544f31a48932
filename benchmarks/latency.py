"""Measures what a recall costs among many messages of one namespace: time, memory and disk.

    .venv/bin/python benchmarks/latency.py
    ... benchmarks/latency.py --sizes 10000 --stores sqlite --results /tmp/tried

Messages are made by seeded hashes, eighteen words each, in threads of a hundred that two people
speak in. Each case runs in a process of its own: the journal is filled, then `holdfast.recall` is
asked for ten, first anew, then again and again, then after a message was written each time. Vectors
and those of the questions are made before (384 numbers, see `store_data.py`), so that no time of an
embedder counts. What is written one by one are commits of a single message.

PostgreSQL is the server that HOLDFAST_TEST_POSTGRES names, or one that is started for the run. The
results are written to `benchmarks/results/latency.json` and `latency.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import load_average
from store_data import DIMS, SyntheticEmbedder, sentence
from store_entries import Workshop

from holdfast import open_store, recall
from holdfast.history import ChangeSet, Said
from holdfast.ledger import LedgerStore
from holdfast.memory import Message

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

NAMESPACE = ("memories", "nora")
THREAD = 100
TOGETHER = 1_000
ASKED = 200
WRITTEN = 200
AIMS = {10_000: 30.0, 100_000: 80.0}
"""Milliseconds within which 95 % of the recalls are to come, on SQLite; twice on PostgreSQL."""

WRITE_AIM = 2.0


@dataclass(frozen=True, slots=True)
class Case:
    """One store of one size, with vectors or with words alone."""

    store: str
    size: int
    vectors: bool

    @property
    def title(self) -> str:
        """What it is called on the page."""
        return (
            f"{self.store}, {self.size:,} messages, {'with vectors' if self.vectors else 'words'}"
        )


def message(number: int) -> Message:
    """Return a message of a conversation that goes on for months."""
    when = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number)
    speaker = "Nora" if number % 2 else "Ines"
    return Message("user", sentence(f"message {number}"), speaker, when.isoformat())


def question(number: int) -> str:
    """Return a question of eight words."""
    return f"What did Nora say about {sentence(f'question {number}', 8)}?"


def told(number: int) -> str:
    """Return the text of a message as it is embedded."""
    one = message(number)
    return f"{one.speaker} {one.text}"


def said(first: int, count: int) -> ChangeSet:
    """Return a change set of messages, each in its thread."""
    threads: dict[str, list[Message]] = {}
    for number in range(first, first + count):
        threads.setdefault(f"t{number // THREAD}", []).append(message(number))
    return ChangeSet(NAMESPACE, journal=tuple(Said(tuple(m), t) for t, m in threads.items()))


def timed(work: Callable[[int], object], times: int) -> dict[str, float]:
    """Return the milliseconds of some work: in the middle, and that of which 95 % stay below."""
    taken = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        taken.append(1000 * (time.perf_counter() - start))
    cuts = statistics.quantiles(taken, n=100)
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2)}


def measured(case: Case, where: str, size_of: Callable[[LedgerStore], int]) -> dict[str, Any]:
    """Return the numbers of one case."""
    embed = SyntheticEmbedder()
    index: Any = {"embed": embed, "dims": DIMS} if case.vectors else None
    total = case.size + WRITTEN + ASKED
    if case.vectors:
        embed.keep(told(number) for number in range(total))
    start = time.perf_counter()
    with open_store(where, index=index) as store:
        for first in range(0, case.size, TOGETHER):
            if case.vectors:
                embed.prepare(told(n) for n in range(first, first + TOGETHER))
            store.commit(said(first, TOGETHER))
        loaded = time.perf_counter() - start
    if case.vectors:
        embed.prepare([*map(told, range(case.size, total)), *map(question, range(3 * ASKED))])

    with open_store(where, index=index) as store:
        questions = [question(number) for number in range(3 * ASKED)]
        single = [said(case.size + number, 1) for number in range(WRITTEN + ASKED)]

        def ask(number: int) -> None:
            recall(questions[number], NAMESPACE, store=store, k=10, record=False)

        writing = timed(lambda number: store.commit(single[number]), WRITTEN)
        before = resident()
        start = time.perf_counter()
        ask(0)
        first_ms = 1000 * (time.perf_counter() - start)
        asked = timed(ask, ASKED)

        after: list[float] = []
        for number in range(ASKED):
            store.commit(single[WRITTEN + number])
            start = time.perf_counter()
            ask(ASKED + number)
            after.append(1000 * (time.perf_counter() - start))
        cuts = statistics.quantiles(after, n=100)
        return {
            "store": case.store,
            "size": case.size,
            "vectors": case.vectors,
            "loaded_seconds": round(loaded, 1),
            "write_ms": writing,
            "first_ms": round(first_ms),
            "recall_ms": asked,
            "after_a_write_ms": {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2)},
            "memory_mb": round((resident() - before) / 1e6, 1),
            "disk_mb": round(size_of(store) / 1e6, 1),
        }


def resident() -> int:
    """Return the bytes of memory that this process has had at most."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextlib.contextmanager
def opened(case: Case) -> Iterator[tuple[str, Callable[[LedgerStore], int]]]:
    """Give a place for a store, and what tells its size on disk."""
    with Workshop() as workshop:
        if case.store == "SQLite":
            file = workshop.file()
            folder = Path(file).parent
            yield file, lambda store: sum(one.stat().st_size for one in folder.iterdir())
            return
        with workshop.database() as address:

            def size(store: LedgerStore) -> int:
                import psycopg

                with psycopg.connect(address) as db:
                    row = db.execute("SELECT pg_database_size(current_database())").fetchone()
                assert row is not None
                return int(row[0]) - empty

            with open_store(address, index={"embed": SyntheticEmbedder(), "dims": DIMS}):
                pass
            empty = 0
            empty = size(None)  # type: ignore[arg-type]
            yield address, size


# The page


def as_markdown(whole: dict[str, Any]) -> str:
    """Return the results as a Markdown page."""
    lines = [
        "# What a recall costs",
        "",
        f"{whole['date']}, {whole['cores']} cores, Python {whole['python']}, holdfast "
        f"{whole['holdfast']}, `{whole['command']}`, load average before and after: "
        f"{whole['load_average'][0]} and {whole['load_average'][1]}.",
        "",
        "Ten of one namespace, in milliseconds, the time of an embedder not counted: in the middle "
        "(p50), and that of which 95 % stay below (p95). `first` reads the namespace into memory; "
        "`after a write` is the recall right after each of many single messages; `write` is the "
        "commit of one message. What is measured stands in `benchmarks/latency.py`.",
        "",
        "| store | messages | | recall p50 | p95 | aim | after a write p50 | p95 | first | "
        "write p50 | p95 | memory MB | disk MB |",
        "|---|---:|---|" + "---:|" * 10,
    ]
    for one in whole["cases"]:
        recalled, after, write = one["recall_ms"], one["after_a_write_ms"], one["write_ms"]
        aim = AIMS.get(one["size"], 0) * (1 if one["store"] == "SQLite" else 2)
        lines.append(
            f"| {one['store']} | {one['size']:,} | {'vectors' if one['vectors'] else 'words'} | "
            f"{recalled['p50']:.1f} | {recalled['p95']:.1f} | {f'{aim:.0f}' if aim else ''} | "
            f"{after['p50']:.1f} | {after['p95']:.1f} | {one['first_ms']} | {write['p50']:.2f} | "
            f"{write['p95']:.2f} | {one['memory_mb']:.0f} | {one['disk_mb']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def run_apart(case: Case) -> dict[str, Any]:
    """Measure one case in a process of its own."""
    told = json.dumps([case.store, case.size, case.vectors])
    command = [sys.executable, __file__, "--case", told]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(time.strftime("%H:%M:%S"), case.title, found, file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Run the benchmark, and write the results."""
    parser = argparse.ArgumentParser(description="What a recall costs among many messages.")
    parser.add_argument("--sizes", default="10000,100000", help="how many messages")
    parser.add_argument("--stores", default="SQLite,PostgreSQL")
    parser.add_argument("--words", action="store_true", help="without vectors only")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        case = Case(*json.loads(given.case))
        with opened(case) as (where, size_of):
            print(json.dumps(measured(case, where, size_of)))
        return
    load = load_average()
    wanted = [
        Case(store, int(size), vectors)
        for vectors in ([False] if given.words else [False, True])
        for size in given.sizes.split(",")
        for store in given.stores.split(",")
    ]
    cases: list[dict[str, Any]] = []
    for case in wanted:
        cases.append(run_apart(case))
        write(cases, load, given.results)
    print((given.results / "latency.md").read_text(encoding="utf-8"))


def write(cases: list[dict[str, Any]], load: float | None, folder: Path) -> None:
    """Write the results of the cases that are done; so a run may be stopped."""
    whole = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": ".venv/bin/python benchmarks/latency.py",
        "cores": os.cpu_count(),
        "load_average": [load, load_average()],
        "python": platform.python_version(),
        "holdfast": version("holdfast"),
        "cases": cases,
    }
    folder.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(whole, indent=2) + "\n"
    (folder / "latency.json").write_text(as_json, encoding="utf-8")
    (folder / "latency.md").write_text(as_markdown(whole), encoding="utf-8")


if __name__ == "__main__":
    main()
