"""What the processes of these tests do to a store."""

import contextlib
import hashlib
import time
from dataclasses import replace
from random import Random

from fault_log import NS, Log, Step
from langgraph.store.base import GetOp

from holdfast.history import ChangeSet, Cursor, Provenance, Said, Source, Write
from holdfast.memory import Message

WHOLE = 10
"""How many memories of a process always hold one number, written together."""


def value_of(text, number=0):
    return {"kind": "Memory", "content": {"content": text, "number": number}}


NOBODY = contextlib.nullcontext()


class Planner:
    """Makes up the steps of one process, all their words its own."""

    def __init__(self, name, seed):
        self.name = name
        self.rng = Random(f"{name} {seed}")
        self.number = 0
        self._said = 0
        self._live = set()

    def next(self, store):
        """A step of some sort, most often a small one."""
        kind = self.rng.choice(["plain", "plain", "small", "small", "shared", "heavy"])
        return getattr(self, kind)(store)

    def plain(self, store):
        self.number += 1
        key = f"{self.name}-plain-{self.rng.randrange(8)}"
        return Step(self.number, {key: self._text(key)}, plain=True)

    def small(self, store):
        self.number += 1
        return Step(self.number, self._own(1), self._messages(1))

    def shared(self, store):
        """An update of what all processes update, of the version that was read, and one more."""
        self.number += 1
        key, beside = f"shared-{self.rng.randrange(4)}", f"{self.name}-beside"
        (record,) = store.records(NS, [key])
        expect = {key: record.version.revision if record else 0}
        writes = {key: self._text(key), beside: self._text(beside)}
        return Step(self.number, writes, expect=expect)

    def heavy(self, store):
        """Many memories, messages of two threads and a cursor."""
        self.number += 1
        whole = [f"{self.name}-whole-{i}" for i in range(WHOLE)]
        shared = [f"shared-{i}" for i in self.rng.sample(range(4), 2)]
        writes = {key: self._text(key) for key in (*whole, *shared)}
        said = {**self._messages(4), "shared": [self._text("shared")]}
        cursor = [self.name, self._said]
        return Step(self.number, {**writes, **self._own(6)}, said, cursor=cursor)

    def secret(self):
        """What will be forgotten: in a namespace, a thread and a run of its own."""
        self.number += 1
        name = f"{self.name}n{self.number}"
        keys = [f"secret-{i}" for i in range(5)]
        return Step(
            self.number,
            {key: f"{self._secret_word(key)} of the harbour" for key in keys},
            {name: [f"{self._secret_word(f'said{i}')} of the harbour" for i in range(3)]},
            cursor=[name, 3],
            namespace=(*NS, name),
            run=name,
        )

    def _secret_word(self, about):
        """A word that begins as no other does, so that an index cannot leave out its beginning."""
        text = f"{self.name} {about} {self.number}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def many(self, count):
        """Only memories, each new."""
        self.number += 1
        keys = [f"{self.name}-{self.number}-{i}" for i in range(count)]
        return Step(self.number, {key: self._text(key) for key in keys})

    def _own(self, count):
        writes = {}
        for i in self.rng.sample(range(20), count):
            key = f"{self.name}-own-{i}"
            gone = key in self._live and self.rng.random() < 0.3
            writes[key] = None if gone else self._text(key)
            (self._live.remove if gone else self._live.add)(key)
        return writes

    def texts(self, count):
        """Return what may be said."""
        return [self._text(f"said{i}") for i in range(count)]

    def _messages(self, count):
        self._said += count
        return {self.name: self.texts(count)}

    def _text(self, about):
        word = f"{self.name}{about}n{self.number}".replace("-", "")
        return f"{word} of the harbour"


def change_set(step):
    numbered = {key: value_of(text, step.number) for key, text in step.writes.items() if text}
    return ChangeSet(
        step.namespace,
        tuple(Write(key, numbered.get(key), step.expect.get(key)) for key in step.writes),
        tuple(
            Said(tuple(Message("user", text) for text in texts), thread)
            for thread, texts in step.said.items()
        ),
        (Cursor(*step.cursor),) if step.cursor else (),
        provenance=Provenance(run=step.run),
    )


def do(store, log, step, telling=NOBODY):
    """Do one step, with a line before and a line after."""
    log.begin(step)
    if step.plain:
        ((key, text),) = step.writes.items()
        store.put(NS, key, value_of(text, step.number))
        log.done(step)
        return
    with telling:
        receipt = store.commit(change_set(step))
    if receipt.conflicts:
        assert step.expect, receipt
        log.done(step, conflict=True)
        return
    assert {change.action for change in receipt.changes} <= {"inserted", "updated", "deleted"}
    assert {change.action for change in receipt.journal} <= {"inserted"}
    log.done(step, receipt.revision)


def forget(store, log, step, by, telling):
    """Erase what a step wrote."""
    log.begin(replace(step, forget=by))
    with telling:
        if by == "namespace":
            store.forget(step.namespace)
        else:
            store.forget(NS, source=Source(by, step.run))
    log.done(step)


# Processes


def mixed(orders, names):
    """Write and read all sorts of things until told to stop, in no great hurry."""
    planner, log = Planner(orders.name, orders.seed), Log(orders.log)
    with orders.open() as store:
        while not orders.stop.exists():
            do(store, log, planner.next(store))
            _see_whole_sets(store, planner.rng.choice(names))
            store.search(NS, query="harbour", limit=3)
            time.sleep(planner.rng.uniform(0, 0.02))


def _see_whole_sets(store, name):
    """See the number of one change set, or of none, in what a process always writes together."""
    items = store.batch([GetOp(NS, f"{name}-whole-{i}") for i in range(WHOLE)])
    numbers = {item and item.value["content"]["number"] for item in items}
    assert len(numbers) == 1, f"half a change set of {name} is seen: {numbers}"


# Those that will be killed. Each tells through a pipe when it begins what is to be cut off, with
# how many seconds that took the last time, and when it has ended.


class Telling:
    """What a victim tells: `with telling:` around what is to be cut off."""

    def __init__(self, pipe, usual):
        self._pipe = pipe
        self._last = usual

    def __enter__(self):
        self._pipe.send(self._last)
        self._begun = time.perf_counter()

    def __exit__(self, *error):
        self._last = time.perf_counter() - self._begun
        self._pipe.send(None)


def victim_of_commits(orders, pipe, usual):
    """Write all sorts of things; killed at any moment, also between two of them."""
    planner, log, telling = Planner(orders.name, orders.seed), Log(orders.log), Telling(pipe, usual)
    with orders.open() as store, telling:
        while True:
            do(store, log, planner.next(store))


def victim_of_heavy_commits(orders, pipe, usual):
    """Write change sets of many writes, one after the other."""
    planner, log, telling = Planner(orders.name, orders.seed), Log(orders.log), Telling(pipe, usual)
    with orders.open() as store:
        while True:
            do(store, log, planner.heavy(store), telling)


def victim_of_forgetting(orders, pipe, usual):
    """Write what is to be forgotten, and forget it."""
    planner, log, telling = Planner(orders.name, orders.seed), Log(orders.log), Telling(pipe, usual)
    with orders.open() as store:
        while True:
            step = planner.secret()
            do(store, log, step)
            by = planner.rng.choice(["run", "thread", "namespace"])
            forget(store, log, step, by, telling)


def victim_of_reindexing(orders, pipe, usual):
    """Embed what has no vector."""
    Log(orders.log)
    with orders.open() as store:
        with Telling(pipe, usual):
            store.reindex()
        time.sleep(60)


def victim_of_opening(orders, pipe, usual):
    """Open a store for the first time."""
    Log(orders.log)
    with Telling(pipe, usual):
        store = orders.open()
    time.sleep(60)
    store.close()


# Those that only share


COUNTED = [f"counted-{i}" for i in range(20)]


def count_up(orders, updates):
    """Read a memory, add one, and write it if it still is what was read; again where it is not."""
    rng = Random(f"{orders.name} {orders.seed}")
    with orders.open() as store:
        for _ in range(updates):
            key = rng.choice(COUNTED)
            while not _added_one(store, key):
                pass


def _added_one(store, key):
    (record,) = store.records(NS, [key])
    number = record.version.value["content"]["number"] if record else 0
    expect = record.version.revision if record else 0
    write = Write(key, value_of("counted", number + 1), expect)
    return not store.commit(ChangeSet(NS, (write,))).conflicts


def open_and_put(orders):
    """Open a store as soon as all may, and write one memory."""
    (orders.folder / f"{orders.name}.ready").touch()
    while not (orders.folder / "go").exists():
        time.sleep(0.001)
    with orders.open() as store:
        store.put(NS, orders.name, value_of(f"{orders.name} was here"))
