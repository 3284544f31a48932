"""Workers whose store is out of reach for a while."""

import contextlib
import sqlite3
import threading
import time
from dataclasses import replace

import pytest
from fault_reflecting import until

from holdfast import ChangeSet, Job
from holdfast.jobs import Worker
from holdfast.stores.postgres import listening

NS = ("faults",)


class Slow:
    """A handler that says when it has begun, and ends when it is told to."""

    name = "slow"

    def __init__(self):
        self.runs = 0
        self.goes_on = threading.Event()

    def __call__(self, duty):
        self.runs += 1
        assert self.goes_on.wait(30)


@pytest.fixture
def hasty(orders):
    """Orders of a store that waits for others only for a moment."""
    if orders.url.endswith(".db"):
        return replace(orders, settings={"busy_timeout": 0.1})
    options = f"{'&' if '?' in orders.url else '?'}options=-c%20lock_timeout%3D100ms"
    return replace(orders, url=orders.url + options)


@contextlib.contextmanager
def nobody_else_writes(orders, postgres_admin):
    """Hold the jobs of a store, as somebody does who writes for long."""
    if orders.url.endswith(".db"):
        with contextlib.closing(sqlite3.connect(orders.url, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
        return
    with postgres_admin.transaction():
        postgres_admin.execute(f"LOCK TABLE {orders.settings['schema']}.jobs IN EXCLUSIVE MODE")
        yield


def test_a_worker_takes_up_again_what_it_could_not_write_down(hasty, postgres_admin, caplog):
    handler = Slow()
    with hasty.open() as store:
        worker = Worker(store, [handler], lease=0.6)
        worker.start()
        store.commit(ChangeSet(NS, jobs=(Job("one", handler="slow"),)))
        until(lambda: handler.runs)
        with nobody_else_writes(hasty, postgres_admin):
            handler.goes_on.set()
            until(lambda: "not written down" in caplog.text)
        until(lambda: not store.jobs(), 15)
        assert handler.runs == 2
        worker.stop()


def test_who_listens_hears_again_when_the_connection_was_lost(
    postgres, postgres_admin, monkeypatch
):
    monkeypatch.setattr(listening, "AGAIN", 0.3)
    with postgres.open() as store:
        listener = store.listen()
        until(lambda: _ended(postgres_admin) or listener.wait(0.05))
        listener.wait(10)  # hears that the connection broke
        store.commit(ChangeSet(NS, jobs=(Job("one", handler="slow"),)))
        began = time.monotonic()
        listener.wait(10)  # what nobody heard is looked for as soon as there is a connection
        assert time.monotonic() - began < 5
        threading.Timer(0.3, store.cancel_job, (NS, "one")).start()
        began = time.monotonic()
        listener.wait(10)
        assert 0.1 < time.monotonic() - began < 5
        listener.close()


def _ended(postgres_admin):
    """End the connections that listen; tell whether there was one."""
    found = postgres_admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'"
    )
    return found.fetchall()
