"""What is done later: workers, what they do, and the seams to queues of others."""

from holdfast.jobs.handling import Duty, Handler, Limits, Retry
from holdfast.jobs.upkeep import Reindex, Sweep
from holdfast.jobs.worker import Worker

__all__ = ["Duty", "Handler", "Limits", "Reindex", "Retry", "Sweep", "Worker"]
