"""Searching without a question: which items, and pages of them."""

from __future__ import annotations

import pytest
from langgraph.store.base import BaseStore, PutOp, SearchOp

from holdfast.testing.store_conformance.suite import NS, Suite, keys


class Searching(Suite):
    """Search without a query"""

    @pytest.fixture
    def thirty(self, store: BaseStore) -> BaseStore:
        """A store with 30 items, half of them even."""
        store.batch([PutOp(NS, f"{n:02}", {"n": n, "even": n % 2 == 0}) for n in range(30)])
        return store

    def test_items_are_found_whole(self, store: BaseStore) -> None:
        """What is found has namespace, key, value, times, and no score."""
        store.put((*NS, "below"), "k", {"n": 1})
        got = store.get((*NS, "below"), "k")
        (found,) = store.search(NS)
        assert got is not None
        assert (found.namespace, found.key, found.value) == (got.namespace, got.key, got.value)
        assert (found.created_at, found.updated_at) == (got.created_at, got.updated_at)
        assert found.score is None

    def test_ten_are_found_by_default(self, thirty: BaseStore) -> None:
        """The limit is 10 by default, in methods and operations."""
        assert len(thirty.search(NS)) == 10
        (found,) = thirty.batch([SearchOp(NS)])
        assert isinstance(found, list)
        assert len(found) == 10

    @pytest.mark.parametrize("size", [1, 7, 10, 15, 30, 50])
    def test_pages_are_exact(self, thirty: BaseStore, size: int) -> None:
        """Pages are exact: 30 items by 10 are 10 10 10, and so for any size."""
        pages = [thirty.search(NS, limit=size, offset=at) for at in range(0, 31, size)]
        assert [len(page) for page in pages] == [min(size, 30 - at) for at in range(0, 31, size)]
        assert sorted(key for page in pages for key in keys(page)) == [f"{n:02}" for n in range(30)]

    def test_pages_of_filtered_items_are_exact(self, thirty: BaseStore) -> None:
        """Pages of filtered items are exact."""
        pages = [
            thirty.search(NS, filter={"even": True}, limit=4, offset=at) for at in (0, 4, 8, 12, 16)
        ]
        assert [len(page) for page in pages] == [4, 4, 4, 3, 0]
        assert len({key for page in pages for key in keys(page)}) == 15
