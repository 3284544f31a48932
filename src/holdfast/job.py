"""What is to be done later, as values: jobs, who holds one, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from holdfast.memory import Change, Receipt, Usage

JobState = Literal["waiting", "running", "dead"]
"""What a job in the queue is: `waiting` until it is due, `running`, or `dead`: given up."""

JobEnd = Literal["done", "dead", "cancelled"]
"""How a job ended."""

Settled = Literal["done", "again", "dead"]
"""What became of one run of a job: it is done, is to be run again, or is given up."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done later.

    A job of a name that waits already is the same job: it is put off to the later time, by
    `max_wait` from when it was first put at most, and gets the newer payload. One that is running
    is run once more afterwards; one that was given up is tried again.

    Args:
        name: Its name in the namespace.
        payload: What whoever does it must know, as JSON data.
        due_at: When, at the earliest; by default `after` seconds from now.
        namespace: Stored labels, where it was read back.
        handler: Which handler of a worker does it, such as `reflect`; one without is done by no
            worker of ours.
        thread: The conversation that it is about; it is gone when that is forgotten.
        after: Seconds from now, by the clock of the store.
        max_wait: Seconds for which it is put off at most, however often it is put again.
        every: Seconds after which it is done again, each time; None for once.

    Attributes of a job that was read back:
        state: `waiting`, `running`, or `dead`.
        first_at: When it was first put.
        wake_at: When it is next looked at: it is due, or its lease ends.
        attempts: How often it was begun and not ended.
        error: What the last attempt met, or what it waits for.
        worker: Who has it, or had it last.
        fence: The number of its last claim.
        ticket: The number of when it was last put.
    """

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | str | None = None
    namespace: tuple[str, ...] = ()
    handler: str = ""
    thread: str | None = None
    after: float = 0.0
    max_wait: float | None = None
    every: float | None = None
    state: JobState = "waiting"
    first_at: datetime | None = None
    wake_at: datetime | None = None
    attempts: int = 0
    error: str | None = None
    worker: str | None = None
    fence: int = 0
    ticket: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Fence:
    """A claim on a job, named by a change set that comes of it.

    The change set is refused where somebody else has claimed the job since: a worker that slept
    through its lease counts nothing twice.

    Args:
        job: The job's name.
        number: Which claim, as in `Job.fence`.
    """

    job: str
    number: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One time that a job was put, by which its end is asked for.

    Args:
        namespace: Stored labels.
        job: The job's name.
        number: Which time; later ones have higher numbers.
    """

    namespace: tuple[str, ...]
    job: str
    number: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended; kept for 24 hours.

    Args:
        end: `done`, `dead` or `cancelled`.
        receipt: What it did, without contents; None where it was not done.
        error: Why it was given up.
    """

    end: JobEnd
    receipt: Receipt | None = None
    error: str | None = None


def without_contents(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as JSON data that says nothing of what was remembered.

    Example:
        >>> change = Change("inserted", "k1", "Memory", after={"content": "tea"}, reason="tea @ x")
        >>> without_contents(Receipt((change,), ("memories",)))["changes"]
        [['inserted', 'k1', 'Memory']]
    """
    return {
        "changes": [[c.action, c.key, c.kind] for c in receipt.changes],
        "journal": [[c.action, c.key, c.kind] for c in receipt.journal],
        "namespace": None if receipt.namespace is None else list(receipt.namespace),
        "usage": asdict(receipt.usage),
        "revision": receipt.revision,
        "run": receipt.run,
    }


def read_receipt(data: Mapping[str, Any]) -> Receipt:
    """Return what `without_contents` was given, without the contents."""
    namespace = data.get("namespace")
    return Receipt(
        tuple(Change(*change) for change in data.get("changes", ())),
        None if namespace is None else tuple(namespace),
        Usage(**data.get("usage", {})),
        tuple(Change(*change) for change in data.get("journal", ())),
        data.get("revision"),
        run=data.get("run"),
    )
