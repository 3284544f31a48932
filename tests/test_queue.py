"""What a queue of jobs does, on either store: put, claimed, settled, withdrawn, spent."""

import os
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from holdfast import ChangeSet, Fence, Job, Said, Source, Ticket, Write, open_store
from holdfast.errors import ClaimLost, InputError
from holdfast.job import without_contents
from holdfast.memory import Change, Message, Receipt, Usage
from holdfast.operations import ClaimJob, NextJob, RenewJobs, SettleJob, Spend
from holdfast.stores import bell

NS = ("memories", "nora")


@pytest.fixture
def store(opened):
    return opened()


def put(store, name="reflect monday", namespace=NS, **settings):
    job = Job(name, settings.pop("payload", {}), handler="reflect", **settings)
    (ticket,) = store.commit(ChangeSet(namespace, jobs=(job,))).tickets
    return Ticket(namespace, name, ticket)


def claim(store, worker="w1", lease=60.0, scope=(), held=()):
    return store.perform(ClaimJob(scope, ("reflect",), worker, lease, held))


def settle(store, job, end="done", **settings):
    store.perform(SettleJob(job.namespace, job.name, job.fence, end, **settings))


def until(store):
    return store.perform(NextJob((), ("reflect",)))


def test_a_job_is_claimed_by_one_worker_and_ends_with_a_receipt(store):
    ticket = put(store, payload={"max_steps": 2}, thread="monday")
    job = claim(store)
    assert (job.name, job.payload, job.thread) == ("reflect monday", {"max_steps": 2}, "monday")
    assert (job.state, job.attempts, job.worker) == ("running", 1, "w1")
    assert claim(store, "w2") is None
    assert store.outcome(ticket) is None
    change = Change("inserted", "k1", "Memory", after={"content": "a secret"})
    receipt = Receipt((change,), NS, Usage(2, 3, 4, 7), revision=9)
    settle(store, job, receipt=without_contents(receipt))
    outcome = store.outcome(ticket)
    assert outcome.end == "done"
    assert outcome.receipt == Receipt(
        (Change("inserted", "k1", "Memory"),), NS, Usage(2, 3, 4, 7), revision=9
    )
    assert store.jobs() == []


def test_what_is_put_within_the_quiet_period_is_one_job_put_off(store):
    first = put(store, after=0.4, payload={"n": 1})
    second = put(store, after=5.0, payload={"n": 2}, max_wait=0.6)
    assert first.number < second.number
    (job,) = store.jobs()
    assert job.payload == {"n": 2}
    assert 0.0 < (job.due_at - job.first_at).total_seconds() <= 0.6
    assert claim(store) is None
    time.sleep(until(store) + 0.01)
    settle(store, claim(store))
    assert [store.outcome(ticket).end for ticket in (first, second)] == ["done", "done"]


def test_put_while_it_runs_it_is_done_once_more(store):
    first = put(store)
    job = claim(store)
    second = put(store)
    assert claim(store, "w2") is None  # one at a time
    settle(store, job)
    assert store.outcome(first).end == "done"
    assert store.outcome(second) is None
    settle(store, claim(store, "w2"))
    assert store.outcome(second).end == "done"


def test_the_job_of_a_silent_worker_is_taken_over_and_its_commits_are_refused(store):
    put(store)
    slept = claim(store, lease=0.05)
    time.sleep(0.1)
    assert claim(store, "w1", held=(slept.fence,)) is None  # it is still doing it
    again = claim(store, "w2")
    assert again.fence != slept.fence
    for job, stays in ((slept, False), (again, True)):
        changes = ChangeSet(NS, (Write("k", {"by": job.worker}),), fence=Fence(job.name, job.fence))
        if stays:
            store.commit(changes)
        else:
            with pytest.raises(ClaimLost, match="taken over"):
                store.commit(changes)
    assert store.get(NS, "k").value == {"by": "w2"}
    assert store.perform(RenewJobs((), (slept, again), 60.0)) == [slept]
    with pytest.raises(ClaimLost):
        settle(store, slept)
    settle(store, again)


def test_an_old_claim_is_not_taken_for_that_of_a_new_job_of_the_name(store):
    put(store)
    old = claim(store)
    store.cancel_job(NS, old.name)
    put(store)
    new = claim(store, "w2")
    assert new.fence != old.fence
    with pytest.raises(ClaimLost):
        store.commit(ChangeSet(NS, (Write("k", {"n": 1}),), fence=Fence(old.name, old.fence)))


def test_what_failed_waits_and_is_given_up_with_its_error(store):
    ticket = put(store)
    settle(store, claim(store), "again", wait=0.1, note="RateLimited: 429")
    (job,) = store.jobs()
    assert (job.state, job.attempts, job.error) == ("waiting", 1, "RateLimited: 429")
    assert claim(store) is None
    put(store)  # does not shorten the wait
    assert claim(store) is None
    time.sleep(0.15)
    job = claim(store)
    assert job.attempts == 2
    settle(store, job, "dead", note="RateLimited: 429")
    assert store.outcome(ticket).end == "dead"
    assert store.outcome(ticket).error == "RateLimited: 429"
    (job,) = store.jobs()
    assert (job.state, job.wake_at) == ("dead", None)
    assert until(store) is None
    assert store.retry_job(NS, job.name)
    assert claim(store).attempts == 1


def test_what_a_job_has_committed_lets_its_attempts_begin_anew(store):
    put(store)
    for _ in range(3):
        job = claim(store)
        settle(store, job, "again", note="killed")
    job = claim(store)
    assert job.attempts == 4
    store.commit(ChangeSet(NS, (Write("k", {"n": 1}),), fence=Fence(job.name, job.fence)))
    settle(store, job, "again", note="killed")
    assert store.jobs()[0].attempts == 1


def test_put_again_a_dead_job_lives(store):
    put(store)
    settle(store, claim(store), "dead", note="x")
    ticket = put(store)
    job = claim(store)
    assert job.attempts == 1
    settle(store, job)
    assert store.outcome(ticket).end == "done"


def test_handing_back_counts_as_no_attempt(store):
    put(store)
    settle(store, claim(store), "again", counted=False)
    assert store.jobs()[0].attempts == 0
    assert claim(store, "w2").attempts == 1


def test_a_job_is_withdrawn_by_its_last_ticket_and_only_until_it_is_begun(store):
    from holdfast.operations import CancelJob

    first, second = put(store), put(store)

    def withdraw(ticket):
        return store.perform(CancelJob(NS, ticket.job, ticket.number))

    assert withdraw(first)
    assert len(store.jobs()) == 1
    assert withdraw(second)
    assert store.jobs() == []
    begun = put(store)
    job = claim(store)
    assert not withdraw(begun)
    later = put(store)
    assert withdraw(later)
    settle(store, job)
    assert store.jobs() == []
    assert store.outcome(begun).end == "done"


def test_cancelled_by_name_a_job_is_gone_and_who_waits_is_told(store):
    ticket = put(store)
    job = claim(store)
    assert store.cancel_job(NS, job.name)
    assert store.outcome(ticket).end == "cancelled"
    assert not store.cancel_job(NS, job.name)
    with pytest.raises(ClaimLost):
        settle(store, job)


def test_jobs_done_every_so_often_come_again(store):
    put(store, every=1)
    settle(store, claim(store))
    assert claim(store) is None
    time.sleep(1.05)
    assert claim(store) is not None


def test_a_fenced_store_gives_its_own_jobs_alone(store):
    put(store, namespace=("memories", "ines"))
    mine = store.scoped(NS)
    assert claim(mine, scope=NS) is None
    assert mine.perform(NextJob(NS, ("reflect",))) is None
    put(store)
    assert mine.perform(NextJob(NS, ("reflect",))) <= 0
    assert claim(mine, scope=NS).namespace == NS
    assert [job.namespace for job in mine.jobs()] == [NS]


def test_who_listens_is_woken_by_another_connection(opened):
    here, there = opened(), opened()
    listener = here.listen()
    listener.wait(0.05)
    threading.Timer(0.3, put, (there,)).start()
    began = time.monotonic()
    listener.wait(10)
    assert 0.2 < time.monotonic() - began < 5
    listener.close()


def test_who_listens_hears_what_was_put_before_it_first_waits(opened):
    here, there = opened(), opened()
    listener = here.listen()
    put(there)
    began = time.monotonic()
    listener.wait(10)
    assert time.monotonic() - began < 5
    listener.close()


def test_a_wake_ends_a_wait_at_once(opened):
    """A worker that is stopped, or has a job ended, does not wait for the clock."""
    listener = opened().listen()
    listener.wait(0.05)
    took = []
    for _ in range(5):
        waker = threading.Timer(0.05, listener.wake)
        waker.start()
        begun = time.monotonic()
        listener.wait(10)
        took.append(time.monotonic() - begun)
        waker.join()
    listener.close()
    listener.wake()
    assert min(took) < 0.3


def test_who_listens_hears_two_commits_within_one_tick_of_a_coarse_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(bell, "TICK", 1_000_000_000)  # however busy this machine is
    with open_store(tmp_path / "x.db") as here, open_store(tmp_path / "x.db") as there:
        log = tmp_path / "x.db-wal"
        for _ in range(2):
            put(there)
        with closing(sqlite3.connect(tmp_path / "x.db")) as db:
            db.execute("PRAGMA wal_checkpoint")  # the log is written from its beginning again
        os.utime(log)
        before = os.stat(log)
        listener = here.listen()
        put(there)
        assert os.stat(log).st_size == before.st_size
        os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
        began = time.monotonic()
        listener.wait(8)
        assert time.monotonic() - began < 4


def test_limits_of_a_day_leave_the_seconds_until_the_next(store):
    def spend(**given):
        return store.perform(Spend(NS, most_calls=2, most_tokens=100, **given))

    assert [spend(calls=1), spend(calls=1)] == [0, 0]
    assert 0 < spend(calls=1) <= 24 * 3600
    store.forget(NS)
    assert [spend(calls=1), spend(tokens=100)] == [0, 0]
    assert spend(calls=1) > 0
    assert store.perform(Spend(("memories", "ines"), 1, most_calls=1)) == 0


def test_what_is_forgotten_leaves_no_job_and_no_receipt(store):
    talk = (Said((Message("user", "tea"),), "monday"),)
    store.commit(ChangeSet(NS, journal=talk))
    about, other = put(store, thread="monday"), put(store, "reflect a monday", thread="a monday")
    store.forget(NS, source=Source("thread", "monday"))
    assert store.outcome(about).end == "cancelled"
    assert [job.name for job in store.jobs()] == ["reflect a monday"]
    settle(store, claim(store), receipt={"changes": [["inserted", "tea", "Memory"]]})
    assert store.outcome(other).receipt.changes
    store.forget(NS)
    assert store.outcome(other).receipt is None
    assert store.list_namespaces() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"after": -1},
        {"after": float("nan")},
        {"max_wait": "1"},
        {"every": True},
        {"every": 0.5},
        {"thread": 7},
    ],
)
def test_a_job_that_cannot_be_is_refused(store, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        put(store, **wrong)
    assert store.jobs() == []


def test_jobs_travel_with_an_export(opened, tmp_path):
    from holdfast import export_store, import_store

    store, copy = opened("x"), opened("y")
    put(store, thread="monday", payload={"n": 1}, every=3600)
    export_store(store, tmp_path / "all.jsonl")
    import_store(copy, tmp_path / "all.jsonl")
    (job,) = copy.jobs()
    assert (job.handler, job.thread, job.payload, job.every) == (
        "reflect",
        "monday",
        {"n": 1},
        3600,
    )
    assert claim(copy).name == job.name
