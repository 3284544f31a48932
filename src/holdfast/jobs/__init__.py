"""What is done later: workers, what they do, and the seams to queues of others."""

from holdfast.jobs.carriers import Carrier, LangGraphCarrier
from holdfast.jobs.handling import Duty, Handler, Limits, Retry
from holdfast.jobs.remote import RemoteReflectionExecutor
from holdfast.jobs.running import Run
from holdfast.jobs.upkeep import Reindex, Sweep
from holdfast.jobs.worker import Worker

__all__ = [
    "Carrier",
    "Duty",
    "Handler",
    "LangGraphCarrier",
    "Limits",
    "Reindex",
    "RemoteReflectionExecutor",
    "Retry",
    "Run",
    "Sweep",
    "Worker",
]
