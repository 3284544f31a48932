"""What a worker does with a job, and when it tries again, waits, or gives up."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Protocol

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, HoldfastError, InputError, cut
from holdfast.flow import Ask, Flow, Perform, T, Together
from holdfast.job import Job
from holdfast.ledger import LedgerStore
from holdfast.memory import Usage
from holdfast.operations import Spend

_HOPELESS = (ConfigurationError, InputError)
"""Errors that another attempt meets again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What models may cost in a namespace on a day (UTC); over it, its jobs wait for the next day.

    Calls are counted before they are made, so that there are never more. What a call costs in
    tokens is known afterwards: calls that are under way when the limit is met are still counted.

    Args:
        calls: Model calls at most; None for any number.
        tokens: Tokens after which no more calls are made; None for any number.

    Raises:
        ConfigurationError: A limit is no number from 1 on.
    """

    calls: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        for what, given in (("calls", self.calls), ("tokens", self.tokens)):
            known = isinstance(given, int) and not isinstance(given, bool) and given > 0
            if given is not None and not known:
                raise ConfigurationError(f"Limits({what}=) must be a number from 1, got {given!r}.")

    def __str__(self) -> str:
        parts = ((self.calls, "model calls"), (self.tokens, "tokens"))
        return " and ".join(f"{number} {what}" for number, what in parts if number is not None)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a job is tried, and how long it waits in between.

    Args:
        attempts: How often at most; then it is given up, and is dead until somebody retries it.
        first: Seconds between the first two attempts; each further wait is four times as long.
        most: Seconds that a wait has at most.

    Raises:
        ConfigurationError: A number is out of range.
    """

    attempts: int = 5
    first: float = 2.0
    most: float = 600.0

    def __post_init__(self) -> None:
        waits = all(isinstance(n, int | float) and 0 <= n < 1e9 for n in (self.first, self.most))
        if not isinstance(self.attempts, int) or self.attempts < 1 or not waits:
            raise ConfigurationError(
                f"{self!r}: attempts are a number from 1 on, and waits seconds from 0 to 1e9."
            )

    def wait(self, attempts: int) -> float:
        """Return the seconds until the next attempt; a little by chance, so that not all meet."""
        longest = min(self.most, self.first * 4.0 ** min(attempts - 1, 30))
        return longest * random.uniform(0.75, 1.0)

    def is_over(self, job: Job, error: BaseException) -> bool:
        """Tell whether a job is given up after an error."""
        return isinstance(error, _HOPELESS) or job.attempts >= self.attempts


class LimitReached(HoldfastError):
    """A namespace has spent what its limits leave it for this day; its jobs wait.

    Args:
        message: Which limit, and where.
        seconds: Until the next day.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Duty:
    """One job, as it is handed to its handler.

    Args:
        store: Where it was put.
        job: What is to be done.
        config: The RunnableConfig for it.
        limits: What it may cost.
    """

    store: LedgerStore
    job: Job
    config: RunnableConfig = field(default_factory=RunnableConfig)
    limits: Limits | None = None


class Handler(Protocol):
    """What does the jobs of one name.

    It may be called twice for one job, on two machines at once, where a worker slept through its
    lease: what it commits must name the job's fence (`ChangeSet.fence`), or do no harm if done
    twice.
    """

    @property
    def name(self) -> str:
        """The `Job.handler` that it takes."""

    def __call__(self, duty: Duty) -> Any:
        """Do a job; return what it did: a `Receipt` is kept, without its contents.

        Raises:
            Exception: Whatever went wrong: the job is tried again later, or given up.
        """


def said_of(error: BaseException) -> str:
    """Return an error in one short line, as a job keeps it.

    Example:
        >>> said_of(TimeoutError("no answer"))
        'TimeoutError: no answer'
    """
    line = next((line for line in str(error).splitlines() if line.strip()), "")
    return cut(f"{type(error).__name__}: {line}" if line else type(error).__name__, 300)


def metered(flow: Flow[T], duty: Duty) -> Flow[T]:
    """Run a flow whose model calls are counted, and made only within the limits.

    Raises:
        LimitReached: A call was not made, since the limits leave no room for it.
    """
    limits = duty.limits
    if limits is None:
        return (yield from flow)
    given = None
    try:
        effect = next(flow)
        while True:
            try:
                if isinstance(effect, Ask):
                    yield from _reserve(duty, limits)
                if isinstance(effect, Together):
                    effect = Together([metered(flow, duty) for flow in effect.flows])
                given = yield effect
                if isinstance(effect, Ask):
                    yield from _note_tokens(duty, given)
            except BaseException as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(given)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


def _reserve(duty: Duty, limits: Limits) -> Flow[None]:
    namespace = duty.job.namespace
    op = Spend(namespace, 1, most_calls=limits.calls, most_tokens=limits.tokens)
    seconds: float = yield Perform(duty.store, op)
    if seconds:
        raise LimitReached(f"waits for tomorrow (UTC): {limits} a day are spent", seconds)


def _note_tokens(duty: Duty, answer: BaseMessage) -> Flow[None]:
    tokens = Usage().plus(getattr(answer, "usage_metadata", None)).total_tokens
    if tokens:
        yield Perform(duty.store, Spend(duty.job.namespace, tokens=tokens))
