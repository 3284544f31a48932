"""Any Runnable as what does jobs: its input is kept as it is, and never merged with another."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
from langchain_core.runnables import Runnable

from holdfast.errors import InputError, shown
from holdfast.history import ChangeSet
from holdfast.job import Job
from holdfast.jobs.handling import Duty

_MESSAGE = "holdfast:message"


class Run:
    """Runs a Runnable on the input of a job; a handler of jobs.

    It may run twice for one job, where a worker is killed in its midst: what it does is up to it.

    Args:
        runnable: What to run.
        name: By which workers know it.
    """

    def __init__(self, runnable: Runnable[Any, Any], name: str | None = None) -> None:
        self._runnable = runnable
        self.name = f"run:{name or runnable.get_name()}"

    def put(
        self,
        namespace: tuple[str, ...],
        given: Any,
        thread: str | None,
        payload: Mapping[str, Any],
        *,
        after: float,
    ) -> ChangeSet:
        """Return the change set that lets it be run later, once for each that is put."""
        kept = {**payload, "input": _plain(given)}
        job = Job(f"{self.name} {uuid.uuid4().hex}", kept, handler=self.name, after=after)
        return ChangeSet(namespace, jobs=(job,))

    def __call__(self, duty: Duty) -> Any:
        """Run it."""
        return self._runnable.invoke(_restored(duty.job.payload["input"]), duty.config)


def _plain(value: Any) -> Any:
    """Return an input as JSON data; LangChain's messages are kept whole."""
    if isinstance(value, BaseMessage):
        return {_MESSAGE: message_to_dict(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InputError(f"A job's input must have texts as keys, got {shown(value)}.")
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {_MESSAGE}:
            return messages_from_dict([value[_MESSAGE]])[0]
        return {key: _restored(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_restored(inner) for inner in value]
    return value
