"""What the processes of the tests of reflection do: submit, work, end at the wrong moment."""

import contextlib
import json
import os
import re
import signal
import time
import uuid
from dataclasses import replace
from datetime import timedelta
from random import Random

from fault_clocks import Clock

from holdfast import ReflectionExecutor, create_memory_store_manager
from holdfast.jobs import Retry, Worker
from holdfast.managers.reflecting import Reflect
from holdfast.stores.plan import spaces
from holdfast.testing import ScriptedModel

USERS = 4
PACE = 0.1
"""Seconds that a submitter waits between two submits, at most."""

CALL = 0.1
"""Seconds that a model call takes."""

OFTEN = Retry(attempts=10_000)
"""Each kill, and each jump of a clock beyond a lease, is an attempt; that is not what is tested."""

_CONVERSATION = re.compile(r"<conversation>\n(.*)\n</conversation>", re.DOTALL)
_MESSAGE = re.compile(r"<message [^>]*>(.*?)</message>", re.DOTALL)


class Teller(ScriptedModel):
    """A chat model that makes one memory of each message of the conversation.

    A memory ends in the number of its call. Without that a message that was told twice would
    become the same memory twice, which has one key, and nobody would see it.
    """

    def __init__(self, orders, seconds):
        super().__init__(lambda request: self._told(request, orders, seconds))

    @staticmethod
    def _told(request, orders, seconds):
        asked = str(request.messages[-1].content)
        call = uuid.uuid4().hex[:8]
        texts = _MESSAGE.findall(_CONVERSATION.search(asked).group(1))
        note(orders, "calls", call)
        time.sleep(seconds)
        return [("Memory", {"content": f"{text} by {orders.name}, {call}"}) for text in texts]


def note(orders, what, said):
    """Add a line to a file of this process."""
    with (orders.folder / f"{orders.name}.{what}").open("a", encoding="utf-8") as file:
        file.write(f"{said}\n")


def noted(orders, name, what):
    """Return the lines of a file of some process."""
    path = orders.folder / f"{name}.{what}"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def manager_of(orders, seconds=CALL):
    """Return a manager whose memories are those of a user."""
    return create_memory_store_manager(Teller(orders, seconds), namespace=("faults", "{user}"))


def thread_of(number):
    """Return the config of a thread, which is always of the same user."""
    return {"configurable": {"thread_id": f"t{number}", "user": f"u{number % USERS}"}}


def said_in(number, text):
    """Return what a submit gets: a payload and the config of its thread."""
    return {"messages": [("user", text)]}, thread_of(number)


# Submitting


def submit(orders, submits, threads):
    """Submit messages to threads by chance, and wait until all of them are reflected on."""
    rng = Random(f"{orders.name} {orders.seed}")
    futures = []
    with (
        orders.open() as store,
        ReflectionExecutor(manager_of(orders), store=store, work=False) as executor,
    ):
        for number in range(submits):
            thread = rng.randrange(threads)
            text = f"{orders.name} says {number} in t{thread}"
            after = rng.choice([0, 0, 0.2])
            futures.append(executor.submit(*said_in(thread, text), after_seconds=after))
            note(orders, "submitted", json.dumps([f"u{thread % USERS}", f"t{thread}", text]))
            time.sleep(rng.uniform(0, PACE))
        (orders.folder / f"{orders.name}.done").touch()
        for future in futures:
            assert not future.result(timeout=300).conflicts


def submit_and_be_killed(orders, submits):
    """Submit, and be killed with no moment between."""
    store = orders.open()
    executor = ReflectionExecutor(manager_of(orders), store=store, work=False)
    for number in range(submits):
        text = f"{orders.name} says {number} in t0"
        executor.submit(*said_in(0, text))
        note(orders, "submitted", json.dumps(["u0", "t0", text]))
    executor.submit(*said_in(0, f"{orders.name} says the last in t0"))
    os.kill(os.getpid(), signal.SIGKILL)


# Working


def work(orders, lease, concurrency=2, seconds=CALL):
    """Work until the file `stop` or one of its own name is there."""
    own = orders.folder / f"{orders.name}.stop"
    with orders.open() as store:
        worker = worker_of(orders, store, lease, concurrency, seconds)
        worker.start()
        (orders.folder / f"{orders.name}.ready").touch()
        while not orders.stop.exists() and not own.exists():
            time.sleep(0.02)
        worker.stop()


def worker_of(orders, store, lease, concurrency=1, seconds=CALL):
    """Return a worker that notes how each run ended."""

    def ended(run):
        note(orders, "ended", type(run.error).__name__ if run.error else "done")

    handler = Reflect(manager_of(orders, seconds))
    return Worker(store, [handler], concurrency=concurrency, lease=lease, retry=OFTEN, ended=ended)


def work_while_the_clock_is_set(orders, submits, threads):
    """Let three workers work, each on a store of its own, while the clock is put back and forth."""
    spaces.datetime = Clock  # SQLite's stores ask no other clock
    rng = Random(orders.seed)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(orders.open())
        workers = []
        for number in range(3):
            one = replace(orders, name=f"w{number}")
            workers.append(worker_of(one, stack.enter_context(one.open()), 30.0))
        for worker in workers:
            worker.start()
        executor = ReflectionExecutor(manager_of(orders), store=store, work=False)
        for number in range(submits):
            Clock.ahead += timedelta(seconds=rng.choice([0, 0.5, 31, 31, 3_600, -40, -7_200]))
            thread = rng.randrange(threads)
            text = f"{orders.name} says {number} in t{thread}"
            executor.submit(*said_in(thread, text))
            note(orders, "submitted", json.dumps([f"u{thread % USERS}", f"t{thread}", text]))
            time.sleep(rng.uniform(0, 0.1))
        Clock.ahead = timedelta(days=2)  # everything is due
        until(lambda: not store.jobs())
        for worker in workers:
            worker.stop()
        executor.shutdown()


def until(true, seconds=60):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)
