"""A pytest plugin that writes what became of each test to CONFORMANCE_RESULTS, as JSON lines."""

from __future__ import annotations

import json
import os


def pytest_runtest_logreport(report):
    """Write one phase of one test, as soon as it is over."""
    reason = report.longrepr[2] if report.skipped else ""
    _write({"test": report.nodeid, "outcome": report.outcome, "reason": reason})


def pytest_sessionfinish(exitstatus):
    """Write how the session ended: a process may yet break down while it ends."""
    _write({"exitstatus": int(exitstatus)})


def _write(line):
    with open(os.environ["CONFORMANCE_RESULTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
