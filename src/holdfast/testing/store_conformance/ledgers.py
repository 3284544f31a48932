"""What the parts about the ledger share: beyond LangGraph's contract, see `holdfast.ledger`."""

from __future__ import annotations

from typing import Any, cast

import pytest
from langgraph.store.base import BaseStore

from holdfast.history import ChangeSet, Said, Source, Write
from holdfast.ledger import Ledger
from holdfast.memory import Message, Receipt
from holdfast.testing.store_conformance.suite import NS, Suite

TALK = (
    Message("user", "I take the ferry to Lisbon", id="m1"),
    Message("assistant", "Noted: the ferry", id="m2"),
    Message("user", "And I like green tea", id="m3"),
)


class LedgerStore(BaseStore, Ledger):
    """A store that is a ledger as well, for the types of these tests."""


class LedgerSuite(Suite):
    """Base of the parts about the ledger."""

    @pytest.fixture
    def ledger(self, store: BaseStore) -> LedgerStore:
        """A new, empty store with a ledger."""
        return self.as_ledger(store)

    def as_ledger(self, store: BaseStore) -> LedgerStore:
        """Return a store as the ledger it is; skip where it is none."""
        if not isinstance(store, Ledger):
            self.lacks("ledger", "no ledger: the store is no holdfast.ledger.Ledger")
        return cast("LedgerStore", store)


def write(ledger: Ledger, *writes: Write, **further: Any) -> Receipt:
    """Commit writes to the namespace of these tests."""
    return ledger.commit(ChangeSet(NS, writes, **further))


def say(ledger: Ledger, *messages: Message, thread: str | None = "monday") -> Receipt:
    """Keep messages in the journal."""
    return ledger.commit(ChangeSet(NS, journal=(Said(messages, thread),)))


def actions(receipt: Receipt) -> list[str]:
    """Return what became of each write."""
    return [change.action for change in receipt.changes]


def revision(ledger: Ledger, key: str) -> int:
    """Return the current revision of a memory that is there."""
    (record,) = ledger.records(NS, [key])
    assert record is not None
    return record.version.revision


def values(ledger: Ledger, key: str) -> list[dict[str, Any] | None]:
    """Return the values of every version of a memory, oldest first."""
    return [version.value for version in ledger.history(NS, key)]


MONDAY = Source("thread", "monday")
