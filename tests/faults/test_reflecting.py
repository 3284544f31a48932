"""Reflection in the background, while workers are killed, stopped and put into another time.

Each message that was submitted becomes one memory, whatever happens to who submits and who works.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import fault_reflecting as reflecting
import pytest
from fault_processes import processes, see_no_error, start, wait_for
from fault_reflected import check_reflected
from fault_reflecting import noted, said_in, until

from holdfast import ReflectionExecutor

SUBMITTERS = ("s0", "s1", "s2")
LEASE = 1.5
HERE = Path(__file__).parent


@contextlib.contextmanager
def working(orders, *names, **settings):
    """Start workers, and let them end at the end."""
    settings = {"lease": LEASE, **settings}
    started = [
        start(reflecting.work, replace(orders, name=name), *settings.values()) for name in names
    ]
    try:
        yield started
    finally:
        orders.stop.touch()
        wait_for(started, orders.folder)
        orders.stop.unlink()


def test_each_message_is_reflected_on_once_while_workers_are_killed(orders, pytestconfig):
    submits = pytestconfig.getoption("submits", default=150)
    threads, every = (40, 1.0) if submits >= 1_000 else (12, 0.5)
    submitting = [
        start(reflecting.submit, replace(orders, name=name), submits // 3, threads)
        for name in SUBMITTERS
    ]
    with orders.open() as store:
        killed = _kill_workers_until_all_is_done(store, orders, submitting, every)
        wait_for(submitting, orders.folder)
        check_reflected(store, orders.folder)
        windows = _windows(store)
    calls = sum(len(noted(orders, path.stem, "calls")) for path in orders.folder.glob("w*.calls"))
    assert killed >= 3
    assert calls > windows, "no worker was killed in the midst of its work"


def _kill_workers_until_all_is_done(store, orders, submitting, every):
    """Let two workers work, and kill one of them every so often; return how many were killed."""
    rng, count = Random(orders.seed), 2
    workers = [_worker(orders, number) for number in range(count)]
    deadline = time.monotonic() + 300
    try:
        while any(process.is_alive() for process in submitting):
            assert time.monotonic() < deadline, store.jobs()
            see_no_error(orders.folder)
            time.sleep(every * rng.uniform(0.5, 1.5))
            place = rng.randrange(len(workers))
            workers[place].kill()
            workers[place].join()
            assert workers[place].exitcode == -signal.SIGKILL
            workers[place] = _worker(orders, count)
            count += 1
    finally:
        orders.stop.touch()
        wait_for(workers, orders.folder)
    return count - 2


def _worker(orders, number):
    return start(reflecting.work, replace(orders, name=f"w{number}"), LEASE)


def _windows(store):
    """Return how many reflections there were whose memories are kept."""
    runs = set()
    for namespace in store.list_namespaces(prefix=("faults",)):
        for item in store.search(namespace, limit=100_000):
            runs.add(item.value["content"]["content"].rpartition(", ")[2])
    return len(runs)


def test_who_slept_through_a_lease_writes_nothing_and_lives_on(orders):
    with orders.open() as store, working(orders, "asleep", concurrency=1, seconds=0.4) as workers:
        executor = ReflectionExecutor(reflecting.manager_of(orders), store=store, work=False)
        first = _submitted(orders, executor, 0, "before in t0")
        until(lambda: noted(orders, "asleep", "calls"))
        os.kill(workers[0].pid, signal.SIGSTOP)
        try:
            with working(orders_of(orders, "second"), "awake", concurrency=1):
                assert first.result(timeout=30).inserted
        finally:
            os.kill(workers[0].pid, signal.SIGCONT)
        until(lambda: noted(orders, "asleep", "ended"))
        second = _submitted(orders, executor, 1, "afterwards in t1")
        assert second.result(timeout=30).inserted
        until(lambda: len(noted(orders, "asleep", "ended")) > 1)  # noted after it is written down
        assert noted(orders, "asleep", "ended") == ["ClaimLost", "done"]
        assert _by(store) == {"before in t0": "awake", "afterwards in t1": "asleep"}
        check_reflected(store, orders.folder)


def orders_of(orders, name):
    """Return orders of another folder, where another file says when to stop."""
    folder = orders.folder / name
    folder.mkdir()
    return replace(orders, folder=folder)


def _submitted(orders, executor, thread, text):
    """Submit a message, and note it as the submitters do."""
    future = executor.submit(*said_in(thread, text))
    reflecting.note(orders, "submitted", json.dumps([f"u{thread}", f"t{thread}", text]))
    return future


def _by(store):
    """Return which worker made the memory of each message."""
    told = [item.value["content"]["content"] for item in store.search(("faults",), limit=100)]
    return {text.partition(" by ")[0]: text.partition(" by ")[2].partition(",")[0] for text in told}


@pytest.mark.parametrize("seed", range(2))
def test_nothing_counts_twice_when_the_clock_is_put_back_and_forth(seed, sqlite):
    orders = replace(sqlite, seed=seed)
    process = start(reflecting.work_while_the_clock_is_set, orders, 25, 4)
    wait_for([process], orders.folder)
    with orders.open() as store:
        check_reflected(store, orders.folder)
    ended = [end for n in range(3) for end in noted(orders, f"w{n}", "ended")]
    assert "ClaimLost" in ended, "no lease was over before its time"


def test_a_script_with_work_left_ends_at_once_and_the_work_is_done_later(orders):
    end_with_work_left(orders, closes=False)


def test_so_does_one_that_has_closed_its_store(sqlite):
    end_with_work_left(sqlite, closes=True)


def end_with_work_left(orders, *, closes):
    """Let a script end, and a worker do what it left."""
    told = json.dumps([orders.url, str(orders.folder), orders.settings, closes])
    path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    script = subprocess.run(
        [sys.executable, HERE / "fault_ending.py", told],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ended = time.time()
    # Where the store was closed before, it is told that the job is not handed back.
    told = "What became of job 'reflect:reflection t2' is not written down" if closes else ""
    assert script.returncode == 0
    assert script.stderr.startswith(told)
    assert script.stderr.count("\n") == closes
    assert ended - float(script.stdout) < 2.0
    with orders.open() as store:
        (waiting,) = (job for job in store.jobs() if job.thread == "t1")
        assert store.retry_job(waiting.namespace, waiting.name)
        with working(orders, "later"):
            until(lambda: not store.jobs())
        assert _by(store) == {"later in t1": "later", "now in t2": "later"}


def test_who_is_killed_right_after_a_submit_has_lost_nothing(orders):
    process = processes.Process(target=reflecting.submit_and_be_killed, args=(orders, 5))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    with orders.open() as store, working(orders, "later"):
        until(lambda: not store.jobs())
        check_reflected(store, orders.folder, [("u0", "t0", "p says the last in t0")])
        assert len(_by(store)) == 6
