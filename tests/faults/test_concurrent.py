"""Many processes on one store: no update is lost, and nobody is in another's way."""

import time
from dataclasses import replace

import fault_writers as writers
from fault_log import NS
from fault_processes import see_no_error, start, wait_for
from langgraph.store.base import GetOp

PROCESSES = 8


def named(orders, count):
    """Return what each of several processes is told."""
    return [replace(orders, name=f"p{number}") for number in range(count)]


def test_no_update_is_lost(orders, pytestconfig):
    updates = pytestconfig.getoption("updates", default=40)
    counting = [start(writers.count_up, one, updates) for one in named(orders, PROCESSES)]
    sums = [0]
    with orders.open() as store:
        while any(process.is_alive() for process in counting):
            numbers = _numbers(store)
            sums.append(sum(numbers))
            time.sleep(0.02)
        wait_for(counting, orders.folder)
        assert sums == sorted(sums)
        assert sum(_numbers(store)) == PROCESSES * updates
        for key in writers.COUNTED:
            versions = store.history(NS, key)
            numbers = [version.value["content"]["number"] for version in versions]
            assert numbers == list(range(1, len(versions) + 1))
            assert [v.base for v in versions] == [None, *(v.revision for v in versions[:-1])]


def _numbers(store):
    items = store.batch([GetOp(NS, key) for key in writers.COUNTED])
    return [item.value["content"]["number"] for item in items if item]


def test_twenty_processes_open_a_new_store_at_once(orders):
    opening = [start(writers.open_and_put, one) for one in named(orders, 20)]
    deadline = time.monotonic() + 60
    while len(list(orders.folder.glob("*.ready"))) < len(opening):
        see_no_error(orders.folder)
        assert time.monotonic() < deadline
        time.sleep(0.005)
    (orders.folder / "go").touch()
    wait_for(opening, orders.folder)
    with orders.open() as store:
        assert {item.key for item in store.search(NS, limit=100)} == {f"p{n}" for n in range(20)}
        assert store.doctor() == []
        assert [item.key for item in store.search(NS, query="p7")] == ["p7"]
