"""What a process says that it is about to do, and what it was told is done.

A line is written before each change; a second one, with fsync, after the store has acknowledged
it. Whoever reads the files of all processes knows what a store must hold, and what it may.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

NS = ("faults",)
READER = "reflection"


@dataclass(frozen=True)
class Step:
    """One change: memories by key (None deletes), messages of a thread, or what is forgotten.

    `plain` ones go through `put` and `delete`. Where `forget` is set nothing is written: what
    the step of that number wrote is erased, by its run, its thread or its namespace.
    """

    number: int
    writes: dict = field(default_factory=dict)
    said: dict = field(default_factory=dict)
    expect: dict = field(default_factory=dict)
    cursor: list = field(default_factory=list)
    namespace: tuple = NS
    run: str | None = None
    plain: bool = False
    forget: str | None = None
    # What came of it:
    done: bool = False
    conflict: bool = False
    revision: int | None = None


class Log:
    """The file of one process."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def begin(self, step):
        """Say what is about to be done."""
        self._line({"begin": asdict(step)})

    def done(self, step, revision=None, conflict=False):
        """Say that the store has acknowledged it."""
        told = {"done": step.number, "revision": revision, "conflict": conflict}
        self._line(told)
        os.fsync(self._file)

    def _line(self, told):
        os.write(self._file, (json.dumps(told) + "\n").encode())


def read_log(path):
    """Return the steps of one process in order; the last may be one that was not acknowledged."""
    steps = []
    for line in Path(path).read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        told = json.loads(line)
        if "begin" in told:
            step = told["begin"]
            steps.append(Step(**{**step, "namespace": tuple(step["namespace"])}))
        else:
            last = asdict(steps[-1])
            assert last["number"] == told.pop("done")
            steps[-1] = Step(**{**last, **told, "done": True})
    assert all(step.done for step in steps[:-1])
    return steps
