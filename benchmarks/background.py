"""Measures what it costs to submit a reflection, and how long after it is due it begins.

    .venv/bin/python benchmarks/background.py
    ... benchmarks/background.py --waiting 1,1000 --stores SQLite --results /tmp/tried

Each case has its own store, in which a number of reflections wait for a time far away, spread over
up to a thousand namespaces. Then single messages are submitted to a `ReflectionExecutor` that does
no work, in turn to each of the stores, each to a thread of its own: that is a commit of the
message and of its job. Then a worker in another process waits, and messages are submitted with a
quiet period of 0.2 s, one by one; its handler notes when it is called, and reflects without a
model. What is told is how much later that is than the job's due time, both by the clock of this
machine.

PostgreSQL is the server that HOLDFAST_TEST_POSTGRES names, or one that is started for the run. The
results are written to `benchmarks/results/background.json` and `background.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from machine import load_average
from store_data import sentence
from store_entries import Workshop

from holdfast import (
    ReflectionExecutor,
    Ticket,
    create_memory_store_manager,
    open_store,
)
from holdfast.history import ChangeSet
from holdfast.job import Job
from holdfast.jobs import Duty, Worker
from holdfast.ledger import LedgerStore
from holdfast.managers.executor import LocalReflectionExecutor
from holdfast.managers.reflecting import Reflect
from holdfast.memory import Receipt

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

NAMESPACES = 1_000
SUBMITS = 500
WARM = 20
STARTS = 60
QUIET = 0.2
LATER = 3_600.0
"""Seconds after which what is submitted only to be timed would be due."""

FAR = 1e8
AIM = 5.0
"""Milliseconds that half of the submits take at most, however many jobs wait."""


class Timed:
    """Reflects, and says when it began."""

    def __init__(self) -> None:
        self._reflect = Reflect(create_memory_store_manager(None, namespace="{user}"))
        self.name = self._reflect.name

    def __call__(self, duty: Duty) -> Receipt | None:
        """Do a job."""
        began = time.time()
        assert isinstance(duty.job.due_at, datetime)
        print(json.dumps(began - duty.job.due_at.timestamp()), flush=True)
        return self._reflect(duty)


def work(where: str) -> None:
    """Work until the standard input ends."""
    with open_store(where) as store:
        worker = Worker(store, [Timed()])
        worker.start()
        print("ready", flush=True)
        sys.stdin.read()
        worker.stop()


def fill(store: LedgerStore, count: int) -> None:
    """Let jobs wait, as reflections do."""
    name = Timed().name
    spaces = min(count, NAMESPACES)
    for space in range(spaces):
        jobs = tuple(
            Job(f"{name} t{n}", {"thread_id": f"t{n}"}, handler=name, thread=f"t{n}", after=FAR)
            for n in range(space, count, spaces)
        )
        store.commit(ChangeSet((f"user{space}",), jobs=jobs))


def submit(
    executor: LocalReflectionExecutor, what: str, number: int, after: float
) -> Ticket | None:
    """Submit one message of eighteen words to a thread of its own."""
    config: Any = {"configurable": {"thread_id": f"{what}{number}", "user": f"user{number % 50}"}}
    payload = {"messages": [("user", sentence(f"{what} {number}"))]}
    return executor.submit(payload, config, after_seconds=after).ticket


def told(taken: list[float]) -> dict[str, float]:
    """Return the milliseconds in the middle, and those of which 95 % stay below."""
    cuts = statistics.quantiles(taken, n=100)
    return {"p50": round(1000 * cuts[49], 2), "p95": round(1000 * cuts[94], 2)}


def submitting(executors: Sequence[LocalReflectionExecutor]) -> list[dict[str, Any]]:
    """Return how long submits take, one store after the other in each turn.

    So whatever else the machine does is the same for each of them.
    """
    taken: list[list[float]] = [[] for _ in executors]
    for number in range(-WARM, SUBMITS):
        for executor, times in zip(executors, taken, strict=True):
            start = time.perf_counter()
            submit(executor, "timed", number, LATER)
            if number >= 0:
                times.append(time.perf_counter() - start)
    return [
        {"submit_ms": told(times), "submits_per_second": round(SUBMITS / sum(times))}
        for times in taken
    ]


def starting(executor: LocalReflectionExecutor, where: str) -> dict[str, Any]:
    """Return how long after they are due reflections begin."""
    command = [sys.executable, __file__, "--work", where]
    delays = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)  # by then it has looked for jobs, and waits
        for number in range(STARTS):
            submit(executor, "begun", number, QUIET)
            delays.append(float(process.stdout.readline()))
            time.sleep(0.1)
        process.stdin.close()
    return {"start_ms": told(delays)}


def measured(sort: str, sizes: Sequence[int], workshop: Workshop) -> list[dict[str, Any]]:
    """Return the numbers of one sort of store, with each number of jobs that wait."""
    manager = create_memory_store_manager(None, namespace="{user}")
    cases: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        places, executors = [], []
        for waiting in sizes:
            database = contextlib.nullcontext(workshop.file())
            place = stack.enter_context(database if sort == "SQLite" else workshop.database())
            store = stack.enter_context(open_store(place))
            start = time.perf_counter()
            fill(store, waiting)
            filled = round(time.perf_counter() - start, 1)
            cases.append({"store": sort, "waiting": waiting, "filled_seconds": filled})
            tell(f"{waiting:,} jobs wait in {sort}, put in {filled} s")
            executor = ReflectionExecutor(manager, store=store, work=False)
            executors.append(stack.enter_context(executor))
            places.append(place)
        for case, numbers in zip(cases, submitting(executors), strict=True):
            case.update(numbers)
        for case, executor, place in zip(cases, executors, places, strict=True):
            case.update(starting(executor, place))
            tell(str(case))
    return cases


def tell(text: str) -> None:
    """Print progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# The page


def as_markdown(whole: dict[str, Any]) -> str:
    """Return the results as a Markdown page."""
    versions = ", ".join(f"{name} {number}" for name, number in whole["versions"].items())
    lines = [
        "# Reflection in the background",
        "",
        f"{whole['date']}, {whole['cores']} cores, {versions}, `{whole['command']}`, load average "
        f"before and after: {whole['load_average'][0]} and {whole['load_average'][1]}.",
        "",
        "Milliseconds, in the middle (p50) and of which 95 % stay below (p95). `submit` puts one "
        f"message and its job, {SUBMITS} times, in turn to each store of a sort; the aim is "
        f"{AIM:.0f} ms in the middle, and no more where more jobs wait. `begins` is how long after "
        f"its due time a reflection begins in another process that waits for it, {STARTS} times. "
        "What is measured stands in `benchmarks/background.py`.",
        "",
        "| store | jobs that wait | submits a second | submit p50 | p95 | of that with the fewest "
        "| begins p50 | p95 |",
        "|---|" + "---:|" * 7,
    ]
    fewest: dict[str, float] = {}
    for one in whole["cases"]:
        took, begins = one["submit_ms"], one["start_ms"]
        least = fewest.setdefault(one["store"], took["p50"])
        lines.append(
            f"| {one['store']} | {one['waiting']:,} | {one['submits_per_second']} | "
            f"{took['p50']:.2f} | {took['p95']:.2f} | {took['p50'] / least:.2f} | "
            f"{begins['p50']:.1f} | {begins['p95']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def versions(workshop: Workshop, stores: str) -> dict[str, str]:
    """Return the versions of what runs here."""
    there = {
        "Python": platform.python_version(),
        "holdfast": version("holdfast"),
        "SQLite": sqlite3.sqlite_version,
    }
    if "PostgreSQL" in stores:
        import psycopg

        with psycopg.connect(workshop.server) as db:
            row = db.execute("SELECT current_setting('server_version')").fetchone()
        assert row is not None
        there["PostgreSQL"] = str(row[0])
    return there


def write(whole: dict[str, Any], folder: Path) -> str:
    """Write the results; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(whole, indent=2) + "\n"
    (folder / "background.json").write_text(as_json, encoding="utf-8")
    page = as_markdown(whole)
    (folder / "background.md").write_text(page, encoding="utf-8")
    return page


def main() -> None:
    """Run the benchmark, and write the results of the cases that are done."""
    parser = argparse.ArgumentParser(description="What it costs to submit a reflection.")
    parser.add_argument("--waiting", default="1,10000,100000", help="how many jobs wait")
    parser.add_argument("--stores", default="SQLite,PostgreSQL")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return
    load, page = load_average(), ""
    cases: list[dict[str, Any]] = []
    with Workshop() as workshop:
        whole: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "command": " ".join([".venv/bin/python benchmarks/background.py", *sys.argv[1:]]),
            "cores": os.cpu_count(),
            "versions": versions(workshop, given.stores),
        }
        for sort in given.stores.split(","):
            cases += measured(sort, [int(one) for one in given.waiting.split(",")], workshop)
            whole |= {"load_average": [load, load_average()], "cases": cases}
            page = write(whole, given.results)
    print(page)


if __name__ == "__main__":
    main()
