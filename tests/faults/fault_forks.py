"""Processes that fork while they have a store open."""

import asyncio
import os
import sqlite3
import threading
import time
import traceback
from contextlib import closing

import pytest
from fault_log import NS
from fault_writers import value_of
from langgraph.store.base import PutOp

from holdfast.errors import StoreError
from holdfast.stores.opening import open_store

CHILDREN = 8


def fork(orders, name, work):
    """Fork a child that does some work; return its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        (orders.folder / f"{name}.error").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def wait(children):
    """Wait until all have ended well."""
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def until(true):
    """Wait until something is so, for a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def fork_while_threads_work(orders):
    """Fork children that write, before and after their parent has closed the store."""
    store = orders.open()
    ended = threading.Event()
    done = []

    def read():
        while not ended.is_set():
            store.search(NS, query="harbour", limit=50)

    def write():
        while not ended.is_set():
            store.put(NS, f"parent-{len(done)}", value_of("from the harbour"))
            done.append(True)

    def work(name):
        store.put(NS, f"{name}-before", value_of(name))
        until((orders.folder / "closed").exists)
        store.put(NS, f"{name}-after", value_of(name))
        assert store.get(NS, f"{name}-before") is not None

    threads = [threading.Thread(target=task, daemon=True) for task in (read, read, write)]
    for thread in threads:
        thread.start()
    children = []
    for number in range(CHILDREN):
        time.sleep(0.005)
        name = f"child-{number}"
        children.append(fork(orders, name, lambda name=name: work(name)))
    until(lambda: len(store.search(NS, query="child", limit=100)) == CHILDREN)
    ended.set()
    for thread in threads:
        thread.join()
    store.close()
    (orders.folder / "closed").touch()
    wait(children)
    (orders.folder / "count").write_text(str(len(done)))


def fork_after_awaiting(orders):
    """Fork after calls that were awaited; the child awaits as well."""
    with orders.open() as store:
        asyncio.run(_put_several(store, "parent"))
        children = [
            fork(orders, name, lambda name=name: asyncio.run(_put_several(store, name)))
            for name in ("one", "two")
        ]
        wait(children)
        asyncio.run(_put_several(store, "parent-again"))


async def _put_several(store, name):
    async with asyncio.timeout(30):
        await asyncio.gather(*(store.aput(NS, f"{name}-{n}", value_of(name)) for n in range(10)))


def fork_in_the_middle(orders):
    """Fork while a thread is in a long transaction: the child is told that it cannot be helped."""
    store = open_store(orders.url, busy_timeout=0.05)
    many = [PutOp(NS, f"many-{n}", value_of("of the harbour")) for n in range(4_000)]
    writing = threading.Thread(target=store.batch, args=(many,), daemon=True)
    writing.start()
    until(lambda: _is_written(orders.url))

    def work():
        for use in (lambda: store.get(NS, "many-1"), orders.open):
            with pytest.raises(StoreError, match="was forked while a call"):
                use()

    children = [fork(orders, "torn", work)]
    writing.join()
    wait(children)
    store.put(NS, "after", value_of("after"))
    store.close()


def _is_written(path):
    """Tell whether somebody is in the middle of writing to a file."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def fork_with_a_store_in_memory(orders):
    """Fork with a store that has no file: parent and child each go on with their own."""
    with open_store(":memory:") as store:
        store.put(NS, "tea", value_of("tea"))

        def work():
            assert store.get(NS, "tea").value == value_of("tea")
            store.put(NS, "child", value_of("child"))
            assert len(store.search(NS)) == 2

        wait([fork(orders, "memory", work)])
        assert [item.key for item in store.search(NS)] == ["tea"]
