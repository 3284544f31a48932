"""What a ledger can be asked to do with what is to be done later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.job import Job, Outcome, Settled
from holdfast.operations.base import LedgerOp, Namespace


@dataclass(frozen=True, slots=True)
class Jobs(LedgerOp[list[Job]]):
    """See `Ledger.jobs`."""

    namespace: Namespace


@dataclass(frozen=True, slots=True)
class NextJob(LedgerOp[float | None]):
    """Give the seconds until the next job of some handlers is due; None where there is none."""

    namespace: Namespace
    handlers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClaimJob(LedgerOp[Job | None]):
    """Take the job that is due for longest, so that no other worker does; None where none is.

    Args:
        namespace: Stored labels; what stands below counts as well.
        handlers: Whose jobs; those of the first come first.
        worker: Who takes it.
        lease: Seconds after which another may take it over.
        held: Fences of what the worker is doing: where the clock was set, it still has that.
    """

    namespace: Namespace
    handlers: tuple[str, ...]
    worker: str
    lease: float
    held: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RenewJobs(LedgerOp[list[Job]]):
    """Let leases begin anew; give the jobs that are another's by now."""

    namespace: Namespace
    jobs: tuple[Job, ...]
    lease: float


@dataclass(frozen=True, slots=True)
class SettleJob(LedgerOp[None]):
    """Say what became of a job that was claimed; see `holdfast.job.Settled`.

    Args:
        namespace: Stored labels, of exactly this namespace.
        name: The job's.
        fence: Which claim.
        end: What became of it.
        wait: Seconds until it is tried again.
        note: What the attempt met, or what is waited for.
        counted: Whether the attempt counts as one.
        receipt: What was done, as JSON data without contents.
    """

    namespace: Namespace
    name: str
    fence: int
    end: Settled
    wait: float = 0.0
    note: str | None = None
    counted: bool = True
    receipt: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcomes(LedgerOp[list[Outcome | None]]):
    """Give for each ticket how its job ended; None where that is still to come.

    Args:
        namespace: Stored labels, of exactly this namespace.
        tickets: Names of jobs, and numbers of tickets.
    """

    namespace: Namespace
    tickets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class CancelJob(LedgerOp[bool]):
    """See `Ledger.cancel_job`."""

    namespace: Namespace
    name: str
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class RetryJob(LedgerOp[bool]):
    """See `Ledger.retry_job`."""

    namespace: Namespace
    name: str


@dataclass(frozen=True, slots=True)
class Spend(LedgerOp[float]):
    """Note what models cost on this day (UTC); give 0.

    Where a limit leaves no room for it, nothing is noted, and it gives the seconds until the next
    day begins.

    Args:
        namespace: Stored labels, of exactly this namespace.
        calls: Calls of models.
        tokens: Tokens that they took.
        most_calls: How many calls a day may have at most.
        most_tokens: After how many tokens a day has no more calls.
    """

    namespace: Namespace
    calls: int = 0
    tokens: int = 0
    most_calls: int | None = None
    most_tokens: int | None = None
