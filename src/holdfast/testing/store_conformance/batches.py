"""Batches: several operations at once, all of them or none."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, Op, PutOp, SearchOp

from holdfast.testing.store_conformance.embedder import WordVectors
from holdfast.testing.store_conformance.suite import NS, MakeStore, Suite, held, keys

BREAKING: dict[str, PutOp] = {
    "a value that is no JSON": PutOp(NS, "bad", {"x": object()}),
    "a key that cannot be encoded": PutOp(NS, "\ud800", {"n": 1}),
    "NUL in a value": PutOp(NS, "bad", {"text": "a\0b"}),
    "a bad label": PutOp(("a.b",), "bad", {"n": 1}),
}


class Batches(Suite):
    """Batches"""

    def test_reads_see_the_state_before_the_writes(self, store: BaseStore) -> None:
        """Reads in a batch see the state before its writes."""
        store.put(NS, "k", {"n": 1})
        results: list[Any] = store.batch(
            [
                PutOp(NS, "k", {"n": 2}),
                PutOp(("new",), "k", {"n": 3}),
                GetOp(NS, "k"),
                SearchOp(NS),
                ListNamespacesOp(),
                GetOp(("new",), "k"),
            ]
        )
        assert results[2].value == {"n": 1}
        assert [item.value for item in results[3]] == [{"n": 1}]
        assert results[4] == [NS]
        assert (results[0], results[1], results[5]) == (None, None, None)
        assert held(store.get(NS, "k")) == {"n": 2}
        assert held(store.get(("new",), "k")) == {"n": 3}

    def test_the_last_put_of_a_key_wins(self, store: BaseStore) -> None:
        """The last put of a key wins, deletes included."""
        store.put(NS, "goes", {"n": 0})
        store.batch(
            [
                PutOp(NS, "k", {"n": 1}),
                PutOp(NS, "k", {"n": 2}),
                PutOp(NS, "back", None),
                PutOp(NS, "back", {"n": 3}),
                PutOp(NS, "goes", {"n": 4}),
                PutOp(NS, "goes", None),
            ]
        )
        found = {item.key: item.value for item in store.search(NS)}
        assert found == {"k": {"n": 2}, "back": {"n": 3}}

    def test_results_come_in_the_order_of_operations(self, store: BaseStore) -> None:
        """Results come in the order of the operations, equal ones included."""
        store.batch([PutOp(NS, str(number), {"n": number}) for number in range(5)])
        ops: list[Op] = [GetOp(NS, str(number)) for number in (3, 1, 3, 4)]
        ops.insert(2, SearchOp(NS, filter={"n": 2}))
        results: list[Any] = store.batch(ops)
        assert keys(results[2]) == ["2"]
        assert [results[at].key for at in (0, 1, 3, 4)] == ["3", "1", "3", "4"]

    def test_empty_batches_and_iterators(self, store: BaseStore) -> None:
        """A batch may be empty, or any iterable."""
        assert store.batch([]) == []
        assert store.batch(PutOp(NS, key, {"n": 1}) for key in "ab") == [None, None]
        assert sorted(keys(store.search(NS))) == ["a", "b"]

    def test_subclasses_of_operations_are_answered(self, store: BaseStore) -> None:
        """A subclass of SearchOp is answered, not silently dropped."""

        class OwnSearch(SearchOp):
            """An operation that carries more than its base."""

        store.put(NS, "k", {"n": 1})
        (found,) = store.batch([OwnSearch(NS)])
        assert isinstance(found, list)
        assert keys(found) == ["k"]

    @pytest.mark.parametrize("breaking", BREAKING.values(), ids=BREAKING)
    def test_a_failing_batch_leaves_nothing_half_committed(
        self, store: BaseStore, breaking: PutOp
    ) -> None:
        """A failing batch leaves nothing half committed."""
        store.put(NS, "there", {"n": 1})
        store.put(NS, "deleted", {"n": 1})
        ops = [
            PutOp(NS, "there", {"n": 2}),
            PutOp(NS, "deleted", None),
            PutOp(NS, "new", {"n": 2}),
            breaking,
        ]
        self._is_whole(store, ops)

    def test_a_failing_embedder_leaves_nothing_half_committed(self, make_store: MakeStore) -> None:
        """A failing embedder leaves nothing half committed."""
        embedder = WordVectors()
        store = self.with_index(make_store, embedder)
        store.put(NS, "there", {"n": 1})
        store.put(NS, "deleted", {"n": 1})
        embedder.failure = ConnectionError("the embedder cannot be reached")
        ops = [
            PutOp(NS, "there", {"n": 2}, index=False),
            PutOp(NS, "deleted", None),
            PutOp(NS, "new", {"n": 2}),
        ]
        self._is_whole(store, ops)

    def _is_whole(self, store: BaseStore, ops: list[PutOp]) -> None:
        """Run a batch that may be refused; then all of it is there, or nothing."""
        try:
            store.batch(ops)
        except Exception:  # noqa: BLE001 - each database has errors of its own
            expected = {"there": 1, "deleted": 1}
        else:
            expected = {"there": 2, "new": 2}
        now = {key: held(store.get(NS, key)) for key in ("there", "deleted", "new")}
        assert {key: value["n"] for key, value in now.items() if value} == expected

    def test_a_very_large_batch(self, store: BaseStore) -> None:
        """A very large batch is written, read and deleted."""
        count = self.large_batch
        names = [f"k{number}" for number in range(count)]
        store.batch([PutOp(NS, name, {"n": number}) for number, name in enumerate(names)])
        found: list[Any] = store.batch([GetOp(NS, name) for name in names])
        assert [item.value["n"] for item in found] == list(range(count))
        assert len(store.search(NS, limit=count + 1)) == count
        store.batch([PutOp(NS, name, None) for name in names])
        assert store.search(NS) == []
