"""A process whose clock is put back and forth while it writes."""

from datetime import datetime, timedelta
from random import Random

from fault_log import NS, Log
from fault_writers import Planner, do

from holdfast.history import ChangeSet, Said, Write
from holdfast.memory import Message
from holdfast.stores.plan import spaces


class Clock(datetime):
    """The time as this machine's clock has it, which somebody sets."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.ahead


def write_while_the_clock_is_set(orders):
    """Write the same few memories again and again, mostly with a clock that went back."""
    spaces.datetime = Clock  # the stores ask no other clock
    planner, log, rng = Planner(orders.name, orders.seed), Log(orders.log), Random(orders.seed)
    with orders.open() as store:
        for _ in range(60):
            Clock.ahead += timedelta(seconds=rng.choice([0, 0.001, 5, 3_600, -1, -40, -7_200]))
            do(store, log, planner.small(store))
            do(store, log, planner.shared(store))
        for step in range(4):
            Clock.ahead = timedelta(hours=-step)
            said = Said((Message("user", f"step {step}"),), "back")
            store.commit(ChangeSet((*NS, "back"), (Write("k", {"step": step}),), (said,)))
        assert [entry.seq for entry in store.sources((*NS, "back"), "k")] == [1, 2, 3, 4]
        assert [e.seq for e in store.journal((*NS, "back"))] == [4, 3, 2, 1]
        store.forget((*NS, "back"))
        (first,) = store.history(NS, "shared-0")[:1]
        Clock.ahead = timedelta(days=-400)
        store.put(NS, "ended", {"content": "tea"}, ttl=60)
        assert store.get(NS, "ended") is not None
        Clock.ahead = timedelta()
        assert store.get(NS, "ended") is None
        assert store.history(NS, "shared-0")[0] == first
        store.sweep_ttl()
