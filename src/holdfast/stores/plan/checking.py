"""What a ledger is asked, checked before anything is read or written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, get_args

from langgraph.store.base import ListNamespacesOp

from holdfast.errors import InputError, shown
from holdfast.history import ChangeSet, Cursor, Provenance, Said, Source, Who, Write, instant
from holdfast.job import Fence, Job, Settled
from holdfast.memory import Message, is_storable
from holdfast.operations import AsOf, LedgerOp, Rank, SearchJournal
from holdfast.ranking.weights import Ranking

MOST = (1 << 63) - 1
"""The highest number that a database counts with."""

LONGEST = 1e9
"""The longest time to wait, in seconds: some thirty years."""

_TEXTS = ("key", "reader", "beginning", "name", "worker", "note")
_NUMBERS = ("revision", "after", "limit", "offset", "before", "a", "b")
_COUNTS = ("fence", "ticket", "calls", "tokens", "most_calls", "most_tokens")
_ENDS = get_args(Settled)
_LEAVE_OUT = "Leave it out where there is none."
_PARTS = {
    "writes": Write,
    "journal": Said,
    "cursors": Cursor,
    "recalled": str,
    "jobs": Job,
    "finished": str,
}


def check_op(op: LedgerOp[Any]) -> None:
    """Raise InputError where an operation names something in no form that a store knows."""
    for field in fields(op):  # type: ignore[arg-type]
        given = getattr(op, field.name)
        if given is None and field.default is None:
            continue
        _check_field(field.name, given)
    if isinstance(op, AsOf) and not op.time:
        raise InputError("time must be a datetime or an ISO 8601 text, got None.")
    if isinstance(op, Rank | SearchJournal):
        _check_asked(op)


def _check_field(name: str, given: Any) -> None:
    if name in _TEXTS:
        _check_text(given, name)
    elif name in (*_NUMBERS, *_COUNTS):
        _check_number(given, name)
    elif name in _FIELDS:
        _FIELDS[name](given)


def _check_used(given: Any) -> None:
    if not isinstance(given, bool):
        raise InputError(f"used must be True or False, got {shown(given)}.")


def _check_source(given: Any) -> None:
    if not isinstance(given, Source):
        raise InputError(f"A source is a Source('thread', 'monday'), got {shown(given)}.")


def _check_end(given: Any) -> None:
    if given not in _ENDS:
        raise InputError(f"end is one of {', '.join(_ENDS)}, got {shown(given)}.")


def _check_each(given: Any, what: str, kind: type) -> None:
    if not isinstance(given, tuple) or not all(isinstance(one, kind) for one in given):
        raise InputError(f"{what} must be a tuple of {kind.__name__}, got {shown(given)}.")


def _check_tickets(given: Any) -> None:
    _check_each(given, "tickets", tuple)
    for one in given:
        if len(one) != 2:
            raise InputError(f"tickets are pairs such as ('reflect monday', 7), got {shown(one)}.")
        _check_text(one[0], "The name of a job")
        _check_number(one[1], "The number of a ticket")


def _check_asked(op: Rank | SearchJournal) -> None:
    asked = op.query if isinstance(op, SearchJournal) else op.question
    if not isinstance(asked, str):
        raise InputError(f"What is looked for must be a text, got {shown(asked)}.")
    if isinstance(op, SearchJournal):
        return
    for weights in (op.people, op.assistant):
        if not isinstance(weights, Ranking):
            raise InputError(f"Weights are a Ranking(...), got {shown(weights)}.")
    instant(op.today, "today")
    instant(op.as_of, "as_of")
    if op.past is not None and not isinstance(op.past, bool):
        raise InputError(f"past must be True, False or None, got {shown(op.past)}.")
    if not isinstance(op.sorts, tuple) or not set(op.sorts) <= {"memory", "message"}:
        raise InputError(f"sorts are 'memory', 'message' or both, got {shown(op.sorts)}.")


def check_page(limit: Any, offset: Any) -> None:
    """Raise InputError where a page of a search is of no size, or begins nowhere."""
    _check_number(limit, "limit")
    _check_number(offset, "offset")


def check_listing(op: ListNamespacesOp) -> None:
    """Raise InputError where namespaces are to be listed in a way that cannot be."""
    if op.max_depth is not None:
        _check_number(op.max_depth, "max_depth")
    for condition in op.match_conditions or ():
        _check_texts(condition.path, "The path of a condition")


def check_changes(changes: ChangeSet) -> None:
    """Raise InputError where a part of a change set is not of its form."""
    for name, kind in _PARTS.items():
        given = getattr(changes, name)
        if not isinstance(given, tuple | list) or not all(isinstance(one, kind) for one in given):
            raise InputError(
                f"{name} of a change set must be a tuple of {kind.__name__}, got {shown(given)}."
            )
    for said in changes.journal:
        _check_said(said)
    for cursor in changes.cursors:
        _check_cursor(cursor)
    for write in changes.writes:
        _check_write(write)
    _check_provenance(changes.provenance)
    for job in changes.jobs:
        if job.namespace not in ((), [], changes.namespace, tuple(changes.namespace)):
            raise InputError(
                f"Job {shown(job.name)} names the namespace {shown(job.namespace)}, but goes to "
                f"that of its change set, {changes.namespace!r}. Leave it out, or commit it there."
            )
        _check_name(job.name, "The name of a job", "Give what it is called, such as 'reflect'.")
    _check_fence(changes.fence)
    check_jobs(changes.jobs)
    _check_seen(changes.seen)
    _check_texts(changes.recalled, "recalled")
    _check_texts(changes.finished, "finished")


def _check_seen(seen: Sequence[tuple[str, int]]) -> None:
    pairs = isinstance(seen, tuple | list)
    if not pairs or not all(isinstance(one, tuple | list) and len(one) == 2 for one in seen):
        raise InputError(
            f"seen must be a tuple of keys with revisions, as (('tea', 7),); got {shown(seen)}."
        )
    for key, revision in seen:
        _check_text(key, "A key of seen")
        _check_number(revision, f"The revision of {key!r} in seen")


def _check_fence(fence: Any) -> None:
    if fence is None:
        return
    if not isinstance(fence, Fence):
        raise InputError(f"fence must be a Fence('job', 1), got {shown(fence)}.")
    _check_text(fence.job, "The name of a job")
    _check_number(fence.number, "The number of a claim")


def _check_said(said: Said) -> None:
    spoken = isinstance(said.messages, tuple | list)
    if not spoken or not all(isinstance(message, Message) for message in said.messages):
        raise InputError(f"messages must be a tuple of Message, got {shown(said.messages)}.")
    for message in said.messages:
        _check_message(message)
    if said.thread is not None:
        _check_name(said.thread, "The name of a thread", _LEAVE_OUT)
    if said.read_by is not None:
        _check_name(said.read_by, "The name of a reader", _LEAVE_OUT)


def _check_message(message: Message) -> None:
    for what in ("role", "text", "speaker", "time", "id"):
        given = getattr(message, what)
        if not isinstance(given, str) and (given is not None or what in ("role", "text")):
            more = " or a datetime" if what == "time" else ""
            raise InputError(f"{what} of a message must be a text{more}, got {shown(given)}.")
    if not isinstance(message.calls, tuple | list) or not all(map(_is_call, message.calls)):
        raise InputError(
            "calls of a message must be a tuple of pairs of texts, such as "
            f"(('search', '{{}}'),); got {shown(message.calls)}."
        )


def _is_call(given: Any) -> bool:
    pair = isinstance(given, tuple | list) and len(given) == 2
    return pair and all(isinstance(part, str) for part in given)


def _check_cursor(cursor: Cursor) -> None:
    if not isinstance(cursor.thread, str) or not cursor.thread:
        raise InputError(f"A cursor needs the name of a thread, got {cursor!r}.")
    _check_text(cursor.thread, "The name of a cursor's thread")
    _check_number(cursor.seq, "seq of a cursor")
    _check_text(cursor.reader, "reader of a cursor")


def _check_write(write: Write) -> None:
    _check_texts(write.supersedes, f"supersedes of {write.key!r}")
    if write.expect is not None:
        _check_number(write.expect, f"expect of {write.key!r}")
    if write.pin is not None and not isinstance(write.pin, bool):
        raise InputError(f"pin of {write.key!r} must be True or False, got {shown(write.pin)}.")
    if write.provenance is not None:
        _check_provenance(write.provenance)


def _check_provenance(named: Provenance) -> None:
    if not isinstance(named, Provenance):
        raise InputError(f"provenance must be a Provenance, got {shown(named)}.")
    if named.who is not None and named.who not in get_args(Who):
        raise InputError(
            f"who of a provenance is one of {', '.join(get_args(Who))}, or None; got "
            f"{shown(named.who)}."
        )
    for what in ("model", "prompt"):
        if getattr(named, what) is not None:
            _check_text(getattr(named, what), f"{what} of a provenance")
    for what in ("thread", "run"):
        if getattr(named, what) is not None:
            _check_name(getattr(named, what), f"{what} of a provenance", _LEAVE_OUT)
    for what in ("messages", "documents", "memories"):
        _check_texts(getattr(named, what), f"{what} of a provenance")
        for one in getattr(named, what):
            _check_name(one, f"{what} of a provenance", _LEAVE_OUT)


def _check_texts(given: Sequence[Any], what: str) -> None:
    if not isinstance(given, tuple | list):
        raise InputError(f"{what} must be a tuple of texts, got {shown(given)}.")
    for one in given:
        _check_text(one, what)


def _check_text(given: Any, what: str) -> None:
    """Refuse what no key can be: no text, half of a surrogate pair, a zero byte."""
    if not isinstance(given, str) or not is_storable(given):
        raise InputError(
            f"{what} must be a text without NUL or half of a character, got {shown(given)}."
        )


def _check_name(given: Any, what: str, else_: str) -> None:
    """Refuse what names nothing: it would be lost, or be taken for no name at all."""
    _check_text(given, what)
    if not given:
        raise InputError(f"{what} is empty, got {shown(given)}. {else_}")


def _check_number(given: Any, what: str) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST:
        raise InputError(f"{what} must be a whole number from 0 on, got {shown(given)}.")


def check_jobs(given: Sequence[Job]) -> None:
    """Raise InputError where a job says something that is none of its form."""
    for job in given:
        for what, text in (("handler", job.handler), ("thread", job.thread)):
            if not (isinstance(text, str) or (what == "thread" and text is None)):
                raise InputError(f"{what} of job {job.name!r} must be a text, got {shown(text)}.")
        seconds(job.after, f"after of job {job.name!r}")
        for what, given_seconds in (("max_wait", job.max_wait), ("every", job.every)):
            if given_seconds is not None:
                seconds(given_seconds, f"{what} of job {job.name!r}")
        if job.every is not None and job.every < 1:
            raise InputError(
                f"every of job {job.name!r} must be 1 second at least, got {job.every!r}."
            )


def seconds(given: object, what: str) -> float:
    """Return a number of seconds.

    Raises:
        InputError: It is none, or none that anybody could wait for.
    """
    known = isinstance(given, int | float) and not isinstance(given, bool)
    if not known or not 0 <= given <= LONGEST:  # type: ignore[operator]
        raise InputError(f"{what} must be a number of seconds from 0 to 1e9, got {shown(given)}.")
    return float(given)  # type: ignore[arg-type]


_FIELDS: dict[str, Callable[[Any], object]] = {
    "keys": lambda given: _check_texts(given, "keys"),
    "handlers": lambda given: _check_texts(given, "handlers"),
    "thread": lambda given: _check_text(given, "The name of a thread"),
    "used": _check_used,
    "source": _check_source,
    "lease": lambda given: seconds(given, "lease"),
    "wait": lambda given: seconds(given, "wait"),
    "held": lambda given: _check_each(given, "held", int),
    "jobs": lambda given: _check_each(given, "jobs", Job),
    "tickets": _check_tickets,
    "end": _check_end,
}
"""How a field of an operation is checked, by its name."""
