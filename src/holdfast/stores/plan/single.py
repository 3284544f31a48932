"""Operations of a ledger that are one plan in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast import operations
from holdfast.stores.plan import dumping, journal, past, queue, recalls, state
from holdfast.stores.plan.effects import Plan
from holdfast.stores.plan.reading import standing

PLANS: dict[type, Callable[[Any], Plan[Any]]] = {
    operations.Records: past.records,
    operations.History: past.history,
    operations.AsOf: past.as_of,
    operations.Diff: past.diff,
    operations.Sources: past.sources,
    operations.DerivedFrom: past.derived_from,
    operations.Journal: journal.read,
    operations.Neighbours: journal.neighbours,
    operations.Around: journal.around,
    operations.SearchJournal: journal.search,
    operations.Threads: journal.threads,
    operations.ReadCursor: journal.cursor,
    operations.Pin: past.pin,
    operations.Standing: standing,
    operations.Jobs: queue.jobs,
    operations.NextJob: queue.next_job,
    operations.ClaimJob: queue.claim,
    operations.RenewJobs: queue.renew,
    operations.SettleJob: queue.settle,
    operations.Outcomes: queue.outcomes,
    operations.CancelJob: queue.cancel,
    operations.RetryJob: queue.retry,
    operations.Spend: queue.spend,
    operations.Keys: dumping.keys,
    operations.Export: dumping.export,
    operations.RecalledIn: recalls.recalled_in,
    operations.NoLongerSo: state.no_longer_so,
}


WRITING = (
    operations.Pin,
    operations.ClaimJob,
    operations.RenewJobs,
    operations.SettleJob,
    operations.CancelJob,
    operations.RetryJob,
    operations.Spend,
)
"""Those of them that write."""
