"""The queue: jobs put, claimed, settled, cancelled, and how they ended."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import cast

from holdfast.errors import ClaimLost
from holdfast.history import ChangeSet, instant
from holdfast.job import Fence, Job, Outcome, read_receipt
from holdfast.operations import (
    CancelJob,
    ClaimJob,
    Jobs,
    NextJob,
    Outcomes,
    RenewJobs,
    RetryJob,
    SettleJob,
    Spend,
)
from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Draw, Lock, Notify, Plan, Row, Sql, SqlMany
from holdfast.stores.plan.spaces import (
    below,
    joined,
    labels,
    now_text,
    space_of,
    spaces_below,
    spaces_made,
    time_of,
)
from holdfast.stores.plan.values import dumped

KEPT = 24 * 3600.0
"""For how many seconds is kept how a job ended."""


def clock() -> Plan[str]:
    """Return the time by the clock of the store, which all of its workers share."""
    (row,) = yield Sql("clock", {"now": now_text()})
    return str(row["now"])


def later(time: str, seconds: float) -> str:
    """Return a stored time some seconds later."""
    moved = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moved.isoformat(timespec="microseconds")


def seconds_until(time: str, now: str) -> float:
    """Return how many seconds one stored time is after another."""
    return (datetime.fromisoformat(time) - datetime.fromisoformat(now)).total_seconds()


# Putting


def schedule(space: int, changes: ChangeSet) -> Plan[tuple[int, ...]]:
    """Put the jobs of a change set, and drop those that are finished; return the tickets."""
    yield SqlMany("drop_job", [{"space": space, "name": name} for name in changes.finished])
    if not changes.jobs:
        return ()
    tickets = yield Draw(len(changes.jobs))
    for job, ticket in zip(changes.jobs, tickets, strict=True):
        where = {"space": space, "name": job.name, "now": now_text()}
        (row,) = yield Sql("job_and_time", where)
        there = None if row["name"] is None else row
        yield Sql("put_job", _put(space, job, ticket, there, row["now"]))
    yield Notify()
    return tuple(tickets)


def _put(space: int, job: Job, ticket: int, there: Row | None, now: str) -> dict[str, object]:
    first, due = now, instant(job.due_at, "due_at") or later(now, job.after)
    if there is not None and there["state"] != "dead" and there["ticket"] > there["taken"]:
        first = there["first_at"] or now
    if job.max_wait is not None:
        due = min(due, later(first, job.max_wait))
    if there is not None and there["state"] == "waiting" and there["attempts"]:
        due = max(due, there["wake_at"] or due)  # what just failed is not tried at once
    return {
        "space": space,
        "name": job.name,
        "handler": job.handler,
        "thread": job.thread,
        "payload": dumped(job.payload),
        "due_at": due,
        "first_at": first,
        "every": job.every,
        "ticket": ticket,
    }


def check_fence(path: str, fence: Fence | None) -> Plan[None]:
    """Refuse a change set of a job that somebody else has by now.

    Raises:
        ClaimLost: Its claim is not the last one, or is over.
    """
    if fence is None:
        return
    row = yield from _held(labels(path), fence.job, fence.number)
    if row["attempts"] > 1:
        # A long job whose workers are killed again and again comes to its end, window by window.
        yield Sql("progressed_job", {"space": row["space"], "name": fence.job})


def _held(namespace: tuple[str, ...], name: str, fence: int) -> Plan[Row]:
    space = yield from space_of(namespace)
    rows = yield Sql("job", {"space": space, "name": name})
    if not rows or rows[0]["state"] != "running" or rows[0]["fence"] != fence:
        raise ClaimLost(
            f"Job {name!r} in {namespace!r} was claimed as number {fence}, and that is over: it "
            "was taken over, handed back or cancelled meanwhile. Nothing was written."
        )
    return cast("Row", rows[0])


# Claiming


def next_job(op: NextJob) -> Plan[float | None]:
    """Return the seconds until something is due; less than 0 where it is already."""
    now = yield from clock()
    times: list[str] = []
    asked = "next_job_below" if op.namespace else "next_job"
    for handler in op.handlers:
        rows = yield Sql(asked, {**below(op.namespace), "handler": handler})
        times += [row["wake_at"] for row in rows if row["wake_at"] is not None]
    return seconds_until(min(times), now) if times else None


def claim(op: ClaimJob) -> Plan[Job | None]:
    """Take the job that is due for longest."""
    now = yield from clock()
    where = {**below(op.namespace), "now": now, "held": list(op.held)}
    for handler in op.handlers:
        rows = yield Sql("due_job", {**where, "handler": handler})
        if rows:
            place = {"space": rows[0]["space"], "name": rows[0]["name"]}
            # Never given before: a job that ends and is put again must not meet an old claim.
            (fence,) = yield Draw(1)
            claimed = {"worker": op.worker, "fence": fence, "until": later(now, op.lease)}
            (row,) = yield Sql("claim_job", {**place, **claimed})
            return _job(row, rows[0]["path"])
    return None


def renew(op: RenewJobs) -> Plan[list[Job]]:
    """Let leases begin anew; return what is another's by now."""
    until = later((yield from clock()), op.lease)
    lost: list[Job] = []
    for job in op.jobs:
        inside = job.namespace[: len(op.namespace)] == op.namespace
        space = (yield from space_of(job.namespace)) if inside else None
        where = {"space": space, "name": job.name, "fence": job.fence, "until": until}
        if space is None or not (yield Sql("renew_job", where)):
            lost.append(job)
    return lost


def settle(op: SettleJob) -> Plan[None]:
    """Write down what became of a claimed job."""
    row = yield from _held(op.namespace, op.name, op.fence)
    now = yield from clock()
    place = {"space": row["space"], "name": row["name"]}
    if op.end != "again":
        receipt = None if op.receipt is None else json.dumps(op.receipt)
        ended = {"ticket": row["taken"], "ended": op.end, "receipt": receipt, "error": op.note}
        yield Sql("put_outcome", {**place, **ended, "ended_at": now})
        yield Sql("drop_outcomes", {"before": later(now, -KEPT)})
    left = _left(op, row, now)
    if left is None:
        yield Sql("drop_job", place)
    else:
        yield Sql("settle_job", {**place, **left})
    yield Notify()


def _left(op: SettleJob, row: Row, now: str) -> dict[str, object] | None:
    """Return what is left of a job that ran; None where it is gone."""
    same = {"due_at": row["due_at"], "first_at": row["first_at"], "waiting": row["waiting"]}
    anew = {**same, "state": "waiting", "wake_at": row["due_at"], "attempts": 0, "error": None}
    if op.end == "again":
        attempts = row["attempts"] - (0 if op.counted else 1)
        again = {"state": "waiting", "wake_at": later(now, op.wait), "error": op.note}
        return {**same, **again, "attempts": attempts}
    if row["ticket"] > row["taken"]:
        return anew  # it was put again while it ran
    if row["every"] is not None:
        due = later(now, row["every"])
        failed = op.note if op.end == "dead" else None
        return {**anew, "due_at": due, "wake_at": due, "first_at": due, "error": failed}
    if op.end == "dead":
        gone = {"state": "dead", "wake_at": None, "error": op.note}
        return {**same, **gone, "attempts": row["attempts"]}
    return None


# Cancelling, and trying again


def cancel(op: CancelJob) -> Plan[bool]:
    """Withdraw one ticket that was not begun, or the whole job."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("job", {"space": space, "name": op.name})
    if not rows:
        return False
    (row,) = rows
    place = {"space": space, "name": op.name}
    if op.ticket is None:
        now = yield from clock()
        ended = {"ticket": row["ticket"], "ended": "cancelled", "receipt": None, "error": None}
        yield Sql("put_outcome", {**place, **ended, "ended_at": now})
        yield Sql("drop_job", place)
        yield Notify()
        return True
    if op.ticket <= row["taken"] or op.ticket > row["ticket"]:
        return False
    waiting = row["waiting"] - 1
    if waiting <= 0 and row["state"] == "waiting" and not row["attempts"]:
        yield Sql("drop_job", place)
    else:
        ticket = row["ticket"] if waiting > 0 else row["taken"]
        yield Sql("withdraw_job", {**place, "waiting": max(waiting, 0), "ticket": ticket})
    return True


def retry(op: RetryJob) -> Plan[bool]:
    """Let a job that waits or was given up be tried at once."""
    space = yield from space_of(op.namespace)
    rows = yield Sql("job", {"space": space, "name": op.name})
    if not rows or rows[0]["state"] == "running":
        return False
    (row,) = rows
    now = yield from clock()
    kept = {"first_at": row["first_at"], "waiting": row["waiting"], "due_at": now, "wake_at": now}
    fresh = {"state": "waiting", "attempts": 0, "error": None}
    yield Sql("settle_job", {"space": space, "name": op.name, **kept, **fresh})
    yield Notify()
    return True


# Looking


def outcomes(op: Outcomes) -> Plan[list[Outcome | None]]:
    """Return how jobs ended; a job that is gone without a trace was cancelled, or forgotten."""
    space = yield from space_of(op.namespace)
    found: list[Outcome | None] = []
    for name, ticket in op.tickets:
        place = {"space": space, "name": name, "ticket": ticket}
        rows = yield Sql("outcome", place)
        if rows:
            receipt = rows[0]["receipt"]
            kept = None if receipt is None else read_receipt(json.loads(receipt))
            found.append(Outcome(rows[0]["ended"], kept, rows[0]["error"]))
            continue
        there = yield Sql("job_there", place)
        gone = not there or there[0]["ticket"] < ticket
        found.append(Outcome("cancelled") if gone else None)
    return found


def jobs(op: Jobs) -> Plan[list[Job]]:
    """Return what is to be done later."""
    spaces = yield from spaces_below(op.namespace)
    rows = yield Sql("jobs", {"spaces": list(spaces)})
    return [_job(row, row["path"]) for row in rows]


def _job(row: Row, path: str) -> Job:
    return Job(
        row["name"],
        read_value(row["payload"]) or {},
        time_of(row["due_at"]),
        labels(path),
        handler=row["handler"],
        thread=row["thread"],
        every=row["every"],
        state=row["state"],
        first_at=time_of(row["first_at"]),
        wake_at=time_of(row["wake_at"]),
        attempts=row["attempts"],
        error=row["error"],
        worker=row["worker"],
        fence=row["fence"],
        ticket=row["ticket"],
    )


# Money


def spend(op: Spend) -> Plan[float]:
    """Note what models cost on this day, where there is room for it."""
    path = joined(op.namespace)
    yield Lock([(path, "spent")])
    now = yield from clock()
    spaces = yield from spaces_made([path])
    where = {"space": spaces[path], "day": now[:10]}
    rows = yield Sql("spent", where)
    calls, tokens = (rows[0]["calls"], rows[0]["tokens"]) if rows else (0, 0)
    over = op.most_calls is not None and calls + op.calls > op.most_calls
    if op.calls and (over or (op.most_tokens is not None and tokens >= op.most_tokens)):
        midnight = datetime.fromisoformat(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return seconds_until((midnight + timedelta(days=1)).isoformat(), now)
    if not rows:
        yield Sql("drop_spent", {"before": later(now, -30 * 24 * 3600)[:10]})
    yield Sql("spend", {**where, "calls": op.calls, "tokens": op.tokens})
    return 0.0
