"""How much the generated tests do, where more is asked for than in every run."""

import os
import platform
import sqlite3
from datetime import UTC, datetime
from pathlib import Path


def pytest_addoption(parser):
    group = parser.getgroup("amounts")
    group.addoption("--scope-calls", type=int, default=5_000, help="calls of one tenant")
    group.addoption("--scope-seed", default="scope", help="for other calls")
    group.addoption("--model-examples", type=int, default=20, help="runs beside the model")
    group.addoption("--result", help="a file that tells what a long run did, in Markdown")


def pytest_terminal_summary(terminalreporter, config):
    file = config.getoption("--result")
    if file and not hasattr(config, "workerinput"):
        Path(file).write_text(_told(terminalreporter.stats, config), encoding="utf-8")


def _told(stats, config):
    """Return what a run did: for each test file how many passed, failed and took how long."""
    done = [report for name in ("passed", "failed", "skipped") for report in stats.get(name, ())]
    files = {}
    for report in done:
        if report.when == "call" or report.outcome != "passed":
            files.setdefault(report.nodeid.split("::")[0], []).append(report)
    lines = ["| tests | passed | failed | skipped | minutes |", "|---|---|---|---|---|"]
    for name, reports in sorted(files.items()):
        counts = [sum(r.outcome == o for r in reports) for o in ("passed", "failed", "skipped")]
        minutes = sum(report.duration for report in reports) / 60
        lines.append(f"| `{name}` | {' | '.join(map(str, counts))} | {minutes:.1f} |")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    sqlite = f"SQLite {sqlite3.sqlite_version}"
    here = ("--result", "--basetemp")
    options = " ".join(arg for arg in config.invocation_params.args if not arg.startswith(here))
    return (
        f"# Long runs\n\n{datetime.now(UTC).date()}, {machine}, {sqlite}.\n"
        f"Command: `python -m pytest {options}`\n\n" + "\n".join(lines) + "\n"
    )
