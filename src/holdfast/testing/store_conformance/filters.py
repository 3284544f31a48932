"""Filters: those of LangGraph's contract, and those beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import BaseStore

from holdfast.testing.store_conformance.suite import NS, REFUSALS, Suite, keys

Values = dict[str, dict[str, Any]]
Filter = dict[str, Any]


def matching(store: BaseStore, values: Values, wanted: Filter) -> list[str]:
    """Put values by their keys; return the keys that pass a filter, in order."""
    for key, value in values.items():
        store.put(NS, key, value)
    return sorted(keys(store.search(NS, filter=wanted, limit=100)))


def field(*values: Any) -> Values:
    """Return values that differ in the field `v`, with what it holds as their keys."""
    return {str(value): {"v": value} for value in values}


NUMBERS = field(-3, 2, 9, 10, 100, 9.5)
DATES = field("2025-12-31", "2026-01-05", "2026-01-10", "2026-11-02")
COMPARED: dict[str, tuple[Values, Filter, list[str]]] = {
    "$eq": (NUMBERS, {"v": {"$eq": 10}}, ["10"]),
    "$ne": (NUMBERS, {"v": {"$ne": 10}}, ["-3", "100", "2", "9", "9.5"]),
    "$gte": (NUMBERS, {"v": {"$gte": 9.5}}, ["10", "100", "9.5"]),
    "$lt": (NUMBERS, {"v": {"$lt": 9}}, ["-3", "2"]),
    "$lte": (NUMBERS, {"v": {"$lte": 9}}, ["-3", "2", "9"]),
    "a range": (NUMBERS, {"v": {"$gt": 2, "$lte": 10}}, ["10", "9", "9.5"]),
}
EQUAL: dict[str, tuple[Values, Filter, list[str]]] = {
    "text": (field("a", "b", "A", "ab"), {"v": "a"}, ["a"]),
    "quotes": (field("it's", "its", '"'), {"v": "it's"}, ["it's"]),
    "languages": (field("東京", "é", "e"), {"v": "é"}, ["é"]),
    "number": (field(1, 10, 1.5, "1"), {"v": 1.5}, ["1.5"]),
    "null": (field(None, 0, "", "None "), {"v": None}, ["None"]),
    "list": (field([1, 2], [2, 1], [1]), {"v": [1, 2]}, ["[1, 2]"]),
    "several": ({"a": {"v": 1, "w": 1}, "b": {"v": 1, "w": 2}}, {"v": 1, "w": 2}, ["b"]),
}
NESTED: Values = {
    "a": {"v": {"n": 10, "name": {"first": "Nora"}}},
    "b": {"v": {"n": 2, "name": {"first": "Ines"}}},
    "c": {"v": "n"},
}


class Filters(Suite):
    """Filters of LangGraph's contract"""

    @pytest.mark.parametrize("case", EQUAL)
    def test_equality(self, store: BaseStore, case: str) -> None:
        """A field equals what the filter says; all fields must."""
        values, wanted, expected = EQUAL[case]
        assert matching(store, values, wanted) == expected

    def test_true_is_not_one(self, store: BaseStore) -> None:
        """true is not 1."""
        values: Values = {"yes": {"v": True}, "one": {"v": 1}, "no": {"v": False}, "0": {"v": 0}}
        assert matching(store, values, {"v": True}) == ["yes"]
        assert matching(store, values, {"v": 1}) == ["one"]

    def test_greater_than_nine(self, store: BaseStore) -> None:
        """`$gt: 9` against 10, 100: numbers are compared as numbers."""
        assert matching(store, NUMBERS, {"v": {"$gt": 9}}) == ["10", "100", "9.5"]

    @pytest.mark.parametrize("case", COMPARED)
    def test_operators_on_numbers(self, store: BaseStore, case: str) -> None:
        """`$eq $ne $gte $lt $lte` on numbers, and two of them on one field."""
        values, wanted, expected = COMPARED[case]
        assert matching(store, values, wanted) == expected

    def test_dates_are_compared(self, store: BaseStore) -> None:
        """`$gte` on an ISO date."""
        later = ["2026-01-10", "2026-11-02"]
        assert matching(store, DATES, {"v": {"$gte": "2026-01-10"}}) == later
        assert matching(store, DATES, {"v": {"$lt": "2026-01-05"}}) == ["2025-12-31"]

    def test_texts_are_compared(self, store: BaseStore) -> None:
        """`$gt` and `$lte` on texts."""
        assert matching(store, field("apple", "bread", "corn"), {"v": {"$gt": "b"}}) == [
            "bread",
            "corn",
        ]
        assert matching(store, {}, {"v": {"$lte": "bread"}}) == ["apple", "bread"]

    def test_items_without_the_field_do_not_match(self, store: BaseStore) -> None:
        """Items that lack the field, or hold another kind there, do not match a comparison."""
        values: Values = {
            "yes": {"v": 10},
            "none": {},
            "null": {"v": None},
            "text": {"v": "many"},
            "list": {"v": [10]},
            "dict": {"v": {"v": 10}},
        }
        assert matching(store, values, {"v": {"$gt": 9}}) == ["yes"]
        assert matching(store, {}, {"v": 10}) == ["yes"]

    @pytest.mark.parametrize("wanted", [{"v": {"$near": 1}}, {"v": {"$gt": 1, "$like": "a"}}])
    def test_unknown_operators_are_refused(self, store: BaseStore, wanted: Filter) -> None:
        """An unknown operator is refused, not passed over."""
        store.put(NS, "k", {"v": 5})
        with pytest.raises(REFUSALS):
            store.search(NS, filter=wanted)

    def test_odd_fields_are_refused_or_matched(self, store: BaseStore) -> None:
        """Odd field names are refused, or name just that field."""
        odd = "it's \"odd\" -- ') OR 1=1"
        values: Values = {"odd": {odd: 1}, "plain": {"v": 1}}
        for wanted in ({odd: 1}, {"x') OR ('1'='1": 1}, {"'": 1}, {'"': 1}):
            try:
                found = matching(store, values, wanted)
            except ValueError:
                continue
            assert found == (["odd"] if odd in wanted else [])


class FiltersBeyond(Suite):
    """Filters beyond LangGraph's contract (skipped where refused)"""

    def passing(self, store: BaseStore, values: Values, wanted: Filter) -> list[str]:
        """Return the keys that pass a filter; skip where the store refuses it aloud."""
        matching(store, values, {})
        try:
            return matching(store, {}, wanted)
        except REFUSALS as error:
            self.lacks("filters", f"the filter {wanted} is refused by {type(error).__name__}")

    def test_dotted_fields(self, store: BaseStore) -> None:
        """Nested filter, dotted."""
        assert self.passing(store, NESTED, {"v.name.first": "Nora"}) == ["a"]
        assert self.passing(store, NESTED, {"v.n": {"$gt": 9}}) == ["a"]

    def test_nested_dicts(self, store: BaseStore) -> None:
        """Nested filter, as a dict."""
        assert self.passing(store, NESTED, {"v": {"name": {"first": "Nora"}}}) == ["a"]

    def test_operators_in_nested_dicts(self, store: BaseStore) -> None:
        """Operators inside of a nested dict."""
        assert self.passing(store, NESTED, {"v": {"n": {"$lt": 9}}}) == ["b"]

    def test_in(self, store: BaseStore) -> None:
        """`$in`"""
        assert self.passing(store, NUMBERS, {"v": {"$in": [2, 100, 7]}}) == ["100", "2"]
        assert self.passing(store, NUMBERS, {"v": {"$in": []}}) == []

    def test_not_in(self, store: BaseStore) -> None:
        """`$nin`"""
        assert self.passing(store, NUMBERS, {"v": {"$nin": [2, 9, 9.5, -3]}}) == ["10", "100"]

    def test_exists(self, store: BaseStore) -> None:
        """`$exists`, null included"""
        values: Values = {"yes": {"v": 1}, "null": {"v": None}, "no": {"w": 1}}
        assert self.passing(store, values, {"v": {"$exists": True}}) == ["null", "yes"]
        assert self.passing(store, values, {"v": {"$exists": False}}) == ["no"]

    def test_or(self, store: BaseStore) -> None:
        """`$or`"""
        wanted = {"$or": [{"v": {"$lt": 0}}, {"v": 100}]}
        assert self.passing(store, NUMBERS, wanted) == ["-3", "100"]

    def test_and(self, store: BaseStore) -> None:
        """`$and`, also around `$or`"""
        either = {"$or": [{"v": 2}, {"v": 100}, {"v": 9}]}
        wanted = {"$and": [either, {"v": {"$gt": 2}}, {"v": {"$ne": 9}}]}
        assert self.passing(store, NUMBERS, wanted) == ["100"]

    def test_times_with_zones(self, store: BaseStore) -> None:
        """ISO times with zones are compared as instants."""
        values = field("2026-01-05T09:00:00+00:00", "2026-01-05T10:30:00+02:00")
        wanted = {"v": {"$lt": "2026-01-05T08:45:00Z"}}
        assert self.passing(store, values, wanted) == ["2026-01-05T10:30:00+02:00"]
