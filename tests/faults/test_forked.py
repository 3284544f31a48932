"""A process forks with an open store: both go on, and nothing that was acknowledged is lost."""

import fault_forks as forks
from fault_log import NS
from fault_processes import run


def test_what_forked_children_write_stays_when_their_parent_has_closed_the_store(orders):
    run(forks.fork_while_threads_work, orders)
    count = int((orders.folder / "count").read_text())
    children = range(forks.CHILDREN)
    with orders.open() as store:
        assert {item.key for item in store.search(NS, limit=100_000)} == {
            *(f"parent-{n}" for n in range(count)),
            *(f"child-{n}-{when}" for n in children for when in ("before", "after")),
        }
        assert store.doctor() == []


def test_a_forked_child_may_await(orders):
    run(forks.fork_after_awaiting, orders)
    with orders.open() as store:
        assert len(store.search(NS, limit=100)) == 40


def test_a_child_forked_in_the_middle_of_a_long_call_is_told_so(sqlite):
    run(forks.fork_in_the_middle, sqlite)
    with sqlite.open() as store:
        assert len(store.search(NS, limit=10_000)) == 4_001
        assert store.doctor() == []


def test_a_store_in_memory_is_copied(sqlite):
    run(forks.fork_with_a_store_in_memory, sqlite)
