"""Namespaces: which are valid, what stands below which, and how they are listed."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
)

from holdfast.testing.store_conformance.suite import NS, Suite, held, keys

BAD = [("a.b",), ("",), ("a", ""), ("a\0b",), (1,)]
ODD_LABELS = ["%", "_", "*?[a]", "it's", '"', "\\", "a b", "日本", "A", "-", "/", ":", "a,b", "{}"]
LISTED = [("a",), ("a", "x", "1"), ("a", "y", "1"), ("a", "y", "2"), ("b", "x"), ("ab", "x", "1")]


class Namespaces(Suite):
    """Namespaces"""

    @pytest.fixture
    def listed(self, store: BaseStore) -> BaseStore:
        """A store with one item in each of a few namespaces."""
        for namespace in LISTED:
            store.put(namespace, "k", {"n": 1})
        return store

    @pytest.mark.parametrize("namespace", [*BAD, (), ("langgraph",), ("langgraph", "x")])
    def test_bad_namespaces_are_refused_by_put(
        self, store: BaseStore, namespace: tuple[Any, ...]
    ) -> None:
        """`put` refuses bad labels, no labels, and the root `langgraph`."""
        with pytest.raises(InvalidNamespaceError):
            store.put(namespace, "k", {"n": 1})
        with pytest.raises(InvalidNamespaceError):
            self.run(store.aput(namespace, "k", {"n": 1}))
        assert store.search(()) == []

    @pytest.mark.parametrize("namespace", BAD)
    def test_bad_labels_are_refused_by_reads(
        self, store: BaseStore, namespace: tuple[Any, ...]
    ) -> None:
        """get, search, delete and list_namespaces refuse bad labels."""
        with pytest.raises(InvalidNamespaceError):
            store.get(namespace, "k")
        with pytest.raises(InvalidNamespaceError):
            store.search(namespace)
        with pytest.raises(InvalidNamespaceError):
            store.delete(namespace, "k")
        with pytest.raises(InvalidNamespaceError):
            store.list_namespaces(prefix=namespace)

    def test_operations_cannot_cross_labels(self, store: BaseStore) -> None:
        """Operations in a batch cannot reach (a, b) as "a.b"."""
        store.put(("a", "b"), "k", {"n": 1})
        for op in (GetOp(("a.b",), "k"), PutOp(("a.b",), "k", {"n": 2})):
            try:
                (result,) = store.batch([op])
            except InvalidNamespaceError:
                continue
            assert result is None
        assert held(store.get(("a", "b"), "k")) == {"n": 1}

    @pytest.mark.parametrize("label", ODD_LABELS)
    def test_odd_labels(self, store: BaseStore, label: str) -> None:
        """Odd labels name their own namespace and no other."""
        store.put(("root", label), "k", {"n": 1})
        store.put(("root", label, "below"), "k", {"n": 2})
        store.put(("root", f"x{label}"), "k", {"n": 3})
        store.put(("root", f"{label}x"), "k", {"n": 4})
        assert held(store.get(("root", label), "k")) == {"n": 1}
        found = store.search(("root", label))
        assert sorted(item.value["n"] for item in found) == [1, 2]
        assert {item.namespace for item in found} == {("root", label), ("root", label, "below")}
        assert store.list_namespaces(suffix=(label,)) == [("root", label)]

    def test_prefixes_match_label_by_label(self, store: BaseStore) -> None:
        """A prefix matches label by label: (a,) does not match (ab,)."""
        below = [("a",), ("a", "b"), ("a", "b", "c")]
        for namespace in [*below, ("ab",), ("a-", "b"), ("a/", "b"), ("A", "b"), ("b", "a")]:
            store.put(namespace, "k", {"n": 1})
        assert {item.namespace for item in store.search(("a",))} == set(below)
        assert len(store.search(())) == 8
        assert store.search(("a", "b", "c", "d")) == []

    def test_wildcards_of_databases_are_plain_labels(self, store: BaseStore) -> None:
        """`_` and `%` in a prefix are no wildcards."""
        for label in ("user_1", "userX1", "100%", "100 percent"):
            store.put((label, "x"), "k", {"n": 1})
        assert [item.namespace[0] for item in store.search(("user_1",))] == ["user_1"]
        assert [item.namespace[0] for item in store.search(("100%",))] == ["100%"]
        assert store.list_namespaces(prefix=("user_1",)) == [("user_1", "x")]

    def test_lists_are_taken_as_prefixes(self, store: BaseStore) -> None:
        """A list is taken as a namespace prefix, too."""
        store.put(("a", "b"), "k", {"n": 1})
        prefix: Any = ["a"]
        assert keys(store.search(prefix)) == ["k"]

    def test_deep_namespaces(self, store: BaseStore) -> None:
        """Namespaces may be deep."""
        deep = tuple(f"level{number}" for number in range(20))
        store.put(deep, "k", {"n": 1})
        assert held(store.get(deep, "k")) == {"n": 1}
        assert len(store.search(deep[:7])) == 1
        assert store.list_namespaces(max_depth=3) == [deep[:3]]

    def test_namespaces_are_listed(self, listed: BaseStore) -> None:
        """list_namespaces gives every namespace once."""
        listed.put(("a",), "another", {"n": 2})
        assert sorted(listed.list_namespaces()) == sorted(LISTED)

    def test_listing_by_prefix(self, listed: BaseStore) -> None:
        """list_namespaces by prefix, label by label."""
        assert set(listed.list_namespaces(prefix=("a",))) == set(LISTED[:4])
        assert listed.list_namespaces(prefix=("b",)) == [("b", "x")]
        assert listed.list_namespaces(prefix=("c",)) == []

    def test_listing_by_suffix(self, listed: BaseStore) -> None:
        """list_namespaces by suffix, label by label."""
        assert listed.list_namespaces(suffix=("x",)) == [("b", "x")]
        assert set(listed.list_namespaces(suffix=("y", "1"))) == {("a", "y", "1")}
        assert listed.list_namespaces(suffix=("b",)) == []

    def test_listing_by_prefix_and_suffix(self, listed: BaseStore) -> None:
        """list_namespaces by prefix and suffix at once."""
        found = listed.list_namespaces(prefix=("a",), suffix=("1",))
        assert set(found) == {("a", "x", "1"), ("a", "y", "1")}

    def test_listing_with_wildcards(self, listed: BaseStore) -> None:
        """A wildcard in list_namespaces stands for exactly one label."""
        assert set(listed.list_namespaces(prefix=("a", "*"))) == set(LISTED[1:4])
        assert set(listed.list_namespaces(prefix=("*", "x"))) == {
            ("a", "x", "1"),
            ("b", "x"),
            ("ab", "x", "1"),
        }
        assert set(listed.list_namespaces(suffix=("a", "*", "1"))) == {
            ("a", "x", "1"),
            ("a", "y", "1"),
        }

    def test_listing_to_a_depth(self, listed: BaseStore) -> None:
        """max_depth cuts namespaces, and gives each once."""
        assert set(listed.list_namespaces(max_depth=1)) == {("a",), ("b",), ("ab",)}
        assert set(listed.list_namespaces(prefix=("a",), max_depth=2)) == {
            ("a",),
            ("a", "x"),
            ("a", "y"),
        }

    def test_listing_by_pages(self, store: BaseStore) -> None:
        """Pages of list_namespaces are exact, also when cut to a depth."""
        for number in range(10):
            store.put((f"n{number:02}", "x"), "k", {"n": 1})
            store.put((f"n{number:02}", "y"), "k", {"n": 1})
        pages = [store.list_namespaces(max_depth=1, limit=4, offset=at) for at in (0, 4, 8, 12)]
        assert [len(page) for page in pages] == [4, 4, 2, 0]
        assert len({namespace for page in pages for namespace in page}) == 10

    def test_conditions_in_operations(self, listed: BaseStore) -> None:
        """Several match conditions must all hold."""
        conditions = (MatchCondition("prefix", ("a", "y")), MatchCondition("suffix", ("2",)))
        assert listed.batch([ListNamespacesOp(conditions)]) == [[("a", "y", "2")]]
        listed.put(NS, "k", {"n": 1})
        assert listed.batch([ListNamespacesOp((MatchCondition("prefix", NS),))]) == [[NS]]
