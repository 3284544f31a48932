"""The ledger: what `BaseStore` has no word for, as methods.

Each method makes one operation, as data, in the way of LangGraph's `store.base`: a store fulfils
two methods, `perform` and `aperform`, and a fence around it checks operations in one place.
"""

from __future__ import annotations

from abc import abstractmethod

from langgraph.store.base import BaseStore

from holdfast.ledger.jobs import JobCalls
from holdfast.ledger.journal import JournalCalls
from holdfast.ledger.memories import MemoryCalls
from holdfast.ledger.upkeep import UpkeepCalls
from holdfast.operations import Namespace

__all__ = ["Ledger", "LedgerStore"]


class Ledger(MemoryCalls, JournalCalls, JobCalls, UpkeepCalls):
    """A store that keeps versions, sources and a journal; our two stores are ledgers.

    Every method has an async twin with `a` before its name. Namespaces are stored labels, as for
    `BaseStore`; what `NamespaceTemplate` returns.
    """

    @abstractmethod
    def scoped(self, namespace: Namespace) -> LedgerStore:
        """Return this store and ledger, fenced to a namespace and what stands below it.

        Whatever reaches outside of it is refused with `OutOfScope`, and does nothing.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> nora = store.scoped(("memories", "nora"))
            >>> nora.put(("memories", "nora"), "tea", {"content": "likes tea"})
            >>> nora.get(("memories", "ines"), "tea")
            Traceback (most recent call last):
            holdfast.errors.OutOfScope: ('memories', 'ines') is outside of ('memories', 'nora')...

            >>> store.close()
        """


class LedgerStore(BaseStore, Ledger):
    """A LangGraph `BaseStore` that is a ledger too: what `open_store` and `scoped` return."""
