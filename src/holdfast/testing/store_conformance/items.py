"""Single items: what is put is what one gets."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from langgraph.store.base import BaseStore

from holdfast.testing.store_conformance.suite import NS, REFUSALS, Suite, held, keys

VALUES: dict[str, dict[str, Any]] = {
    "kinds": {"text": "tea", "n": 1, "f": -1.5, "yes": True, "none": None, "list": [{"x": []}]},
    "empty": {},
    "languages": {"日本": "東京", "é": "🥜", "عربي": "\u2028"},
    "large number": {"n": 2**53 + 1},
    "long text": {"text": "word " * 50_000},
    "deep": {"a": {"b": {"c": {"d": {"e": [[[[1]]]]}}}}},
    "odd names": {"": 1, "a.b": 2, "$gt": 3, "it's": 4, "a b": 5, '"': 6},
}
ODD_KEYS = [
    "a b",
    "a.b",
    "a/b",
    "%",
    "_",
    "*",
    "it's",
    '"',
    "\\",
    "; DROP TABLE store; --",
    "日本 🥜",
    "line\nbreak",
    "null",
    "0",
    "x" * 1_000,
]


class Items(Suite):
    """Single items"""

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
    def test_values_come_back_as_put(self, store: BaseStore, value: dict[str, Any]) -> None:
        """Values come back as they were put."""
        store.put(NS, "k", copy.deepcopy(value))
        item = store.get(NS, "k")
        assert item is not None
        assert (item.namespace, item.key, item.value) == (NS, "k", value)
        assert [found.value for found in store.search(NS)] == [value]

    @pytest.mark.parametrize("text", ["a\0b", "half a pair \ud83e"], ids=["NUL", "surrogate"])
    def test_texts_that_databases_dislike(self, store: BaseStore, text: str) -> None:
        """NUL and half surrogates in values come back, or are refused by a ValueError."""
        try:
            store.put(NS, "k", {"text": text})
        except ValueError:
            assert store.search(NS) == []
        else:
            assert held(store.get(NS, "k")) == {"text": text}

    def test_put_replaces_the_whole_value(self, store: BaseStore) -> None:
        """A put replaces the whole value."""
        store.put(NS, "k", {"a": 1, "b": 2})
        store.put(NS, "k", {"a": 3})
        assert held(store.get(NS, "k")) == {"a": 3}
        assert len(store.search(NS)) == 1

    def test_what_is_not_there_is_none(self, store: BaseStore) -> None:
        """`get` of what is not there gives None."""
        store.put(NS, "k", {"a": 1})
        assert store.get(NS, "other") is None
        assert store.get((*NS, "below"), "k") is None
        assert store.get(NS[:1], "k") is None

    def test_deleted_items_are_gone(self, store: BaseStore) -> None:
        """A deleted item is gone from get and search, and only it."""
        store.put(NS, "k", {"a": 1})
        store.put(NS, "stays", {"a": 2})
        store.delete(NS, "k")
        store.delete(NS, "never there")
        assert store.get(NS, "k") is None
        assert keys(store.search(NS)) == ["stays"]

    def test_an_emptied_namespace_is_not_listed(self, store: BaseStore) -> None:
        """A namespace whose last item is deleted is no longer listed."""
        store.put(NS, "k", {"a": 1})
        store.delete(NS, "k")
        assert store.list_namespaces() == []

    def test_get_makes_no_namespace(self, store: BaseStore) -> None:
        """`get` in an unknown namespace makes no phantom namespace."""
        assert store.get(NS, "k") is None
        assert store.list_namespaces() == []

    def test_created_at_is_kept_on_update(self, store: BaseStore) -> None:
        """`created_at` is kept on update."""
        store.put(NS, "k", {"a": 1})
        first = store.get(NS, "k")
        time.sleep(1.1)  # so that stores which count in seconds are told apart, too
        store.put(NS, "k", {"a": 2})
        second = store.get(NS, "k")
        assert first is not None
        assert second is not None
        assert second.created_at == first.created_at
        assert second.updated_at > first.updated_at

    def test_times_are_exact_and_have_a_zone(self, store: BaseStore) -> None:
        """Times have a zone, and are finer than a second."""
        for number in range(3):
            time.sleep(0.05)
            store.put(NS, str(number), {"n": number})
        times = [item.created_at for item in store.search(NS)]
        assert len(set(times)) == 3
        assert all(one.tzinfo is not None for one in times)

    def test_returned_values_share_no_memory(self, store: BaseStore) -> None:
        """A returned value shares no memory with the store."""
        store.put(NS, "k", {"list": [1], "a": 1})
        got, (found,) = store.get(NS, "k"), store.search(NS)
        assert got is not None
        for value in (got.value, found.value):
            value["list"].append(2)
            value["a"] = 2
        assert held(store.get(NS, "k")) == {"list": [1], "a": 1}

    def test_given_values_share_no_memory(self, store: BaseStore) -> None:
        """A value that was put shares no memory with the store."""
        value: dict[str, Any] = {"list": [1]}
        store.put(NS, "k", value)
        value["list"].append(2)
        assert held(store.get(NS, "k")) == {"list": [1]}

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_keys(self, store: BaseStore, key: str) -> None:
        """Odd keys name their own item and no other."""
        store.put(NS, "plain", {"n": 0})
        store.put(NS, key, {"n": 1})
        assert held(store.get(NS, key)) == {"n": 1}
        assert sorted(keys(store.search(NS))) == sorted([key, "plain"])
        store.delete(NS, key)
        assert keys(store.search(NS)) == ["plain"]

    def test_keys_differ_by_case(self, store: BaseStore) -> None:
        """Keys that differ in case alone are two."""
        store.put(NS, "key", {"n": 1})
        store.put(NS, "KEY", {"n": 2})
        assert (held(store.get(NS, "key")), held(store.get(NS, "KEY"))) == ({"n": 1}, {"n": 2})

    def test_values_that_are_no_json_are_refused(self, store: BaseStore) -> None:
        """A value that is no JSON data is refused, and nothing is stored."""
        with pytest.raises(REFUSALS):
            store.put(NS, "k", {"x": object()})
        assert store.get(NS, "k") is None
