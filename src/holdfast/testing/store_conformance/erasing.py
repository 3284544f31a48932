"""The ledger: fences that nothing crosses, and forgetting for good."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from holdfast.errors import EmbedderFailed, OutOfScope
from holdfast.history import ChangeSet, Provenance, Said, Source, Write
from holdfast.testing.store_conformance.embedder import WordVectors
from holdfast.testing.store_conformance.ledgers import (
    MONDAY,
    TALK,
    LedgerStore,
    LedgerSuite,
    say,
    values,
    write,
)
from holdfast.testing.store_conformance.suite import NS, MakeStore, held, keys

OUTSIDE = [("suite", "other"), ("suite",), (), ("suite", "one more"), ("suit", "one")]

# What a fenced store must refuse, each given a namespace outside of the fence.
CROSSINGS: dict[str, Callable[[LedgerStore, Any], Any]] = {
    "get": lambda store, ns: store.get(ns, "k"),
    "put": lambda store, ns: store.put(ns or ("x",), "k", {"n": 9}),
    "delete": lambda store, ns: store.delete(ns, "k"),
    "search": lambda store, ns: store.search(ns),
    "commit": lambda store, ns: store.commit(ChangeSet(ns, (Write("k", {"n": 9}),))),
    "records": lambda store, ns: store.records(ns, ["k"]),
    "history": lambda store, ns: store.history(ns, "k"),
    "as_of": lambda store, ns: store.as_of("2100-01-01", ns),
    "diff": lambda store, ns: store.diff(ns, "k", 0, 1),
    "revert": lambda store, ns: store.revert(ns, key="k"),
    "sources": lambda store, ns: store.sources(ns, "k"),
    "derived_from": lambda store, ns: store.derived_from(ns, MONDAY),
    "journal": lambda store, ns: store.journal(ns, "monday"),
    "neighbours": lambda store, ns: store.neighbours(ns, "k"),
    "search_journal": lambda store, ns: store.search_journal(ns, "ferry"),
    "threads": lambda store, ns: store.threads(ns),
    "cursor": lambda store, ns: store.cursor(ns, "monday"),
    "jobs": lambda store, ns: store.jobs(ns),
    "pin": lambda store, ns: store.pin(ns, "k"),
    "forget": lambda store, ns: store.forget(ns, key="k"),
    "reindex": lambda store, ns: store.reindex(ns),
    "scoped": lambda store, ns: store.scoped(ns),
}


class Erasing(LedgerSuite):
    """Scope and forgetting (skipped where the store is no ledger)"""

    @pytest.mark.parametrize("crossing", CROSSINGS)
    @pytest.mark.parametrize("outside", OUTSIDE, ids=str)
    def test_a_fence_is_not_crossed(
        self, ledger: LedgerStore, crossing: str, outside: tuple[str, ...]
    ) -> None:
        """A fenced store refuses whatever reaches outside, and does nothing."""
        ledger.put(("suite", "other"), "k", {"n": 1})
        fenced = cast("LedgerStore", ledger.scoped(NS))
        with pytest.raises(OutOfScope):
            CROSSINGS[crossing](fenced, outside)
        assert [(item.namespace, item.value) for item in ledger.search(())] == [
            (("suite", "other"), {"n": 1})
        ]

    def test_inside_of_a_fence(self, ledger: LedgerStore) -> None:
        """Inside of its fence a store does all it does, and lists only what is there."""
        fenced = cast("LedgerStore", ledger.scoped(NS))
        ledger.put(("suite", "other"), "k", {"n": 1})
        fenced.put(NS, "k", {"n": 2})
        fenced.put((*NS, "below"), "k", {"n": 3})
        assert sorted(item.value["n"] for item in fenced.search(NS)) == [2, 3]
        assert fenced.list_namespaces() == [NS, (*NS, "below")]
        assert fenced.list_namespaces(suffix=("other",)) == []
        assert values(fenced, "k") == [{"n": 2}]
        say(fenced, *TALK)
        assert len(ledger.journal(NS, "monday")) == 3

    def test_a_memory_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget of a key erases the memory and its history, and no other."""
        for key in ("k", "stays"):
            ledger.put(NS, key, {"text": "ferry"})
            ledger.put(NS, key, {"text": "ferry again"})
        erased = ledger.forget(NS, key="k")
        assert (erased.memories, erased.versions, erased.complete) == (1, 2, True)
        assert ledger.get(NS, "k") is None
        assert ledger.history(NS, "k") == []
        assert {version.key for version in ledger.as_of("2100-01-01", NS)} == {"stays"}
        assert keys(ledger.search(NS, query="ferry")) == ["stays"]
        assert len(ledger.history(NS, "stays")) == 2

    def test_a_deleted_memory_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget erases the history of what was deleted, too."""
        ledger.put(NS, "k", {"text": "secret"})
        ledger.delete(NS, "k")
        ledger.forget(NS, key="k")
        assert ledger.history(NS, "k") == []

    def test_a_namespace_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget of a namespace erases all below it, messages too, and nothing beside it."""
        for namespace in (NS, (*NS, "below"), ("suite", "one more"), ("suite",)):
            ledger.put(namespace, "k", {"n": 1})
            ledger.commit(ChangeSet(namespace, journal=(Said(TALK, "monday"),)))
        erased = ledger.forget(NS)
        assert (erased.memories, erased.messages) == (2, 6)
        assert set(ledger.list_namespaces()) == {("suite",), ("suite", "one more")}
        assert ledger.journal(NS, "monday") == ledger.search_journal(NS, "ferry") == []
        assert len(ledger.journal(("suite", "one more"), "monday")) == 3

    def test_a_source_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget of a source erases what comes from it; a memory falls back to what does not."""
        write(ledger, Write("older", {"n": 1}), provenance=Provenance(thread="sunday"))
        write(
            ledger,
            Write("older", {"n": 2}),
            Write("only", {"n": 2}),
            provenance=Provenance(thread="monday"),
        )
        write(ledger, Write("made", {"n": 3}), provenance=Provenance(memories=("only",)))
        erased = ledger.forget(NS, source=MONDAY)
        found = {item.key: item.value for item in ledger.search(NS)}
        assert found == {"older": {"n": 1}}
        assert erased.restored == 1
        assert values(ledger, "only") == values(ledger, "made") == []

    def test_a_message_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget of a message erases it, and what was drawn from it."""
        write(ledger, Write("k", {"n": 1}), journal=(Said(TALK, "monday"),))
        (first, *_) = ledger.journal(NS, "monday")
        ledger.forget(NS, source=Source("message", first.key))
        assert first.key not in keys(ledger.journal(NS, "monday"))
        assert len(ledger.journal(NS, "monday")) == 2
        assert ledger.get(NS, "k") is None

    def test_what_passes_a_filter_is_forgotten(self, ledger: LedgerStore) -> None:
        """forget by a filter erases the memories that pass it."""
        for number in range(4):
            ledger.put(NS, str(number), {"n": number})
        assert ledger.forget(NS, filter={"n": {"$gte": 2}}).memories == 2
        assert sorted(keys(ledger.search(NS))) == ["0", "1"]

    def test_expired_memories_leave_nothing(self, make_store: MakeStore) -> None:
        """What has expired is in no record, and after the sweep in no history."""
        store: Any = self.as_ledger(self.with_ttl(make_store))
        store.put(NS, "k", {"n": 1}, ttl=0.01)
        time.sleep(0.9)
        assert store.records(NS, ["k"]) == [None]
        store.sweep_ttl()
        assert store.history(NS, "k") == []

    def test_a_failing_embedder_loses_nothing(self, make_store: MakeStore) -> None:
        """If the embedder fails, the memory is kept, found by words, and embedded later."""
        embedder = WordVectors()
        store = self.as_ledger(self.with_index(make_store, embedder))
        store.put(NS, "before", {"text": "tea"})
        embedder.failure = ConnectionError("the embedder cannot be reached")
        store.put(NS, "k", {"text": "ferry"})
        assert held(store.get(NS, "k")) == {"text": "ferry"}
        assert "k" in keys(store.search(NS, query="ferry"))
        with pytest.raises(EmbedderFailed):
            store.reindex(NS)
        embedder.failure = None
        assert "k" in keys(store.search(NS, query="ferry"))
        assert (store.reindex(), store.reindex()) == (1, 0)
        assert keys(store.search(NS, query="ferry"))[0] == "k"
