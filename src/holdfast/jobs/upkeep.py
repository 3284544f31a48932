"""Jobs that keep a store in order; they need no model."""

from __future__ import annotations

from holdfast.errors import ConfigurationError
from holdfast.jobs.handling import Duty
from holdfast.memory import Receipt
from holdfast.stores.base import SqlStore


class Reindex:
    """Embeds what has no vector of the store's embedder yet.

    In a job's namespace and below, or wherever the store reaches: payload `{"all": True}`.
    """

    name = "reindex"

    def __call__(self, duty: Duty) -> Receipt | None:
        """Do a job; to do it twice does no harm."""
        whole = duty.job.payload.get("all") is True
        duty.store.reindex(duty.store.scope if whole else duty.job.namespace)
        return None


class Sweep:
    """Erases memories whose time to live is over, in the whole store."""

    name = "sweep"

    def __call__(self, duty: Duty) -> Receipt | None:
        """Do a job; to do it twice does no harm."""
        if not isinstance(duty.store, SqlStore):
            raise ConfigurationError("A sweep is for a whole store, not for a fenced one.")
        duty.store.sweep_ttl()
        return None
