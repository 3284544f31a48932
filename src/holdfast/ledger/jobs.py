"""Calls about what is to be done later."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from holdfast.job import Job, Outcome, Ticket
from holdfast.ledger.calls import Calls
from holdfast.operations import CancelJob, Jobs, Namespace, Outcomes, RetryJob


class Listener(Protocol):
    """Waits until jobs may have changed; each is of one thread."""

    def wait(self, seconds: float) -> None:
        """Wait until jobs may have changed, `wake` is called, or some seconds are over."""

    def wake(self) -> None:
        """End a `wait` that goes on, or the next one; from any thread."""

    def close(self) -> None:
        """Let go of what it holds."""


class JobCalls(Calls):
    """What a ledger does with jobs; they are put by a change set (`ChangeSet.jobs`)."""

    def jobs(self, namespace: Namespace | None = None) -> list[Job]:
        """Return what is to be done later, the most urgent first.

        Args:
            namespace: Stored labels; what stands below counts as well. By default all that this
                store can reach.
        """
        return self.perform(Jobs(self._within(namespace)))

    async def ajobs(self, namespace: Namespace | None = None) -> list[Job]:
        """Return what is to be done later, awaiting; see `jobs`."""
        return await self.aperform(Jobs(self._within(namespace)))

    def cancel_job(self, namespace: Namespace, name: str) -> bool:
        """Take a job out of the queue; what a worker is doing of it will not be kept.

        Returns:
            Whether it was there.
        """
        return self.perform(CancelJob(namespace, name))

    async def acancel_job(self, namespace: Namespace, name: str) -> bool:
        """Take a job out of the queue, awaiting; see `cancel_job`."""
        return await self.aperform(CancelJob(namespace, name))

    def retry_job(self, namespace: Namespace, name: str) -> bool:
        """Let a job be tried at once that was given up, or that waits.

        Returns:
            Whether it was there, and not running.
        """
        return self.perform(RetryJob(namespace, name))

    async def aretry_job(self, namespace: Namespace, name: str) -> bool:
        """Let a job be tried at once, awaiting; see `retry_job`."""
        return await self.aperform(RetryJob(namespace, name))

    def outcome(self, ticket: Ticket) -> Outcome | None:
        """Return how a job ended, for 24 hours; None as long as it has not."""
        (found,) = self.perform(Outcomes(ticket.namespace, ((ticket.job, ticket.number),)))
        return found

    async def aoutcome(self, ticket: Ticket) -> Outcome | None:
        """Return how a job ended, awaiting; see `outcome`."""
        (found,) = await self.aperform(Outcomes(ticket.namespace, ((ticket.job, ticket.number),)))
        return found

    @abstractmethod
    def listen(self) -> Listener:
        """Return what waits until jobs are put or ended, in this process or another."""
