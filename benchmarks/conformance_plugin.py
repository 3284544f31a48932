"""A pytest plugin that writes what became of each test, one JSON line for each of its phases."""

from __future__ import annotations

import json
import os


def pytest_runtest_logreport(report):
    """Write one phase of one test, as soon as it is over, to the file of CONFORMANCE_RESULTS."""
    reason = report.longrepr[2] if report.skipped else ""
    line = {"test": report.nodeid, "outcome": report.outcome, "reason": reason}
    with open(os.environ["CONFORMANCE_RESULTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
