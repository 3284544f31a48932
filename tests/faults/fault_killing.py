"""Four processes work on a store, and others that do so as well are killed."""

import contextlib
import signal
import time
from dataclasses import replace
from random import Random

import fault_writers as writers
from fault_processes import processes, see_no_error, start, wait_for

USUAL = {
    "commits": 0.3,
    "heavy_commits": 0.01,
    "forgetting": 0.03,
    "reindexing": 0.06,
    "opening": 0.15,
}
"""Seconds that what is to be cut off takes, as far as nothing better is known."""

REPEATED = ("heavy_commits", "forgetting")

TRIES = 8
"""How many processes are killed at most until one was in the middle of what it is killed in."""

BEFORE, AFTER = 4, 3
"""How many changes of each other process are acknowledged before and after the kill, at least."""

OTHERS = ("a", "b", "c", "d")


def kill_one(scenario, orders):
    """Let four processes work, and kill others until one was in the middle of its work."""
    rng = Random(orders.seed)
    first = Victim(scenario, orders, "v0") if scenario == "opening" else None
    working = [start(writers.mixed, replace(orders, name=name), OTHERS) for name in OTHERS]
    try:
        if first is not None:
            first.kill(rng)
        else:
            _go_on(orders.folder, BEFORE)
            _kill_in_the_middle(scenario, orders, rng)
        _go_on(orders.folder, AFTER)
    finally:
        orders.stop.touch()
        wait_for(working, orders.folder)


def _kill_in_the_middle(scenario, orders, rng):
    for number in range(TRIES):
        victim = Victim(scenario, orders, f"v{number}")
        victim.kill(rng)
        if victim.was_cut_off:
            return
    raise AssertionError("none of them was killed in the middle of its work")


class Victim:
    """A process that will be killed."""

    def __init__(self, scenario, orders, name):
        task = getattr(writers, f"victim_of_{scenario}")
        self._told, pipe = processes.Pipe(duplex=False)
        self._process = start(task, replace(orders, name=name), pipe, USUAL[scenario])
        self._skips = scenario in REPEATED
        pipe.close()

    def kill(self, rng):
        """Kill it at a random moment of what it does, also not of the first."""
        for _ in range(rng.randrange(4) if self._skips else 0):
            self._next()
        usual = self._next()
        while usual is None:
            usual = self._next()
        time.sleep(rng.uniform(0, usual))
        self._process.kill()
        self._process.join()
        assert self._process.exitcode == -signal.SIGKILL
        last = usual
        with contextlib.suppress(EOFError):
            while True:
                last = self._told.recv()
        self.was_cut_off = last is not None

    def _next(self):
        """Return how long what it begins may take; None when it has ended something."""
        assert self._told.poll(60), "it does nothing"
        return self._told.recv()


def _go_on(folder, count):
    """Wait until every other process has had so many more changes acknowledged."""
    before = {name: _done(folder, name) for name in OTHERS}
    deadline = time.monotonic() + 60
    while any(_done(folder, name) < done + count for name, done in before.items()):
        assert time.monotonic() < deadline, "one of them is locked out"
        see_no_error(folder)
        time.sleep(0.01)


def _done(folder, name):
    log = folder / f"{name}.log"
    return log.read_bytes().count(b'{"done"') if log.exists() else 0
