"""Search by meaning: what is embedded how, what is found, and what must never be found again."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.store.base import BaseStore, PutOp, SearchItem, SearchOp

from holdfast.testing.store_conformance.embedder import WordVectors
from holdfast.testing.store_conformance.suite import NS, MakeStore, Suite, keys

OpenIndexed = Callable[..., BaseStore]


def ranked(found: list[SearchItem]) -> list[str]:
    """Return the keys of the items that were found by their vectors, best first."""
    return [item.key for item in found if item.score is not None and item.score > 0]


def _of_twenty(key: str) -> dict[str, Any]:
    return {"texts": [f"ferry ferry {key} by {text}" for text in "abcdefghijklmnopqrst"]}


class Vectors(Suite):
    """Search by vectors (skipped where the store has no index)"""

    @pytest.fixture
    def embedder(self) -> WordVectors:
        """The embedder of the store under test; it records what it is given."""
        return WordVectors()

    @pytest.fixture
    def open_indexed(self, make_store: MakeStore, embedder: WordVectors) -> OpenIndexed:
        """A function that opens a store with an index, further settings of it as arguments."""
        return functools.partial(self.with_index, make_store, embedder)

    @pytest.fixture
    def indexed(self, open_indexed: OpenIndexed) -> BaseStore:
        """A new, empty store with an index over whole values."""
        return open_indexed()

    def test_the_nearest_comes_first(self, indexed: BaseStore) -> None:
        """The nearest item comes first; a query need not share every word."""
        for key, text in {"a": "ferry at nine", "b": "tea at noon", "c": "ferry to Lisbon"}.items():
            indexed.put(NS, key, {"text": text}, index=["text"])
        found = indexed.search(NS, query="the ferry to Lisbon")
        assert ranked(found)[:2] == ["c", "a"]
        scores = [item.score for item in found if item.score is not None]
        assert scores == sorted(scores, reverse=True)

    def test_fields_are_honoured(self, open_indexed: OpenIndexed, embedder: WordVectors) -> None:
        """`index.fields` is honoured."""
        store = open_indexed(fields=["text", "tags[*]"])
        store.put(NS, "k", {"text": "ferry", "other": "secret", "tags": ["boat", "sea"]})
        assert sorted(embedder.documents) == ["boat", "ferry", "sea"]
        assert ranked(store.search(NS, query="secret")) == []

    def test_queries_are_embedded_as_queries(
        self, indexed: BaseStore, embedder: WordVectors
    ) -> None:
        """The query is embedded with `embed_query`."""
        indexed.put(NS, "k", {"text": "ferry"})
        indexed.search(NS, query="which boat")
        assert (embedder.queries, "which boat" in embedder.documents) == (["which boat"], False)

    def test_documents_are_embedded_as_documents(
        self, indexed: BaseStore, embedder: WordVectors
    ) -> None:
        """What is put is embedded with `embed_documents`."""
        indexed.put(NS, "k", {"text": "ferry"}, index=["text"])
        assert (embedder.documents, embedder.queries) == (["ferry"], [])

    def test_equal_texts_in_one_batch(self, indexed: BaseStore) -> None:
        """Equal texts in one batch."""
        indexed.batch([PutOp(NS, key, {"text": "ferry"}) for key in "abc"])
        assert sorted(ranked(indexed.search(NS, query="ferry"))) == ["a", "b", "c"]

    def test_what_is_not_indexed_is_not_ranked(self, indexed: BaseStore) -> None:
        """An item put with `index=False` is kept, and not ranked."""
        indexed.put(NS, "no", {"text": "ferry"}, index=False)
        indexed.put(NS, "yes", {"text": "ferry"})
        assert ranked(indexed.search(NS, query="ferry")) == ["yes"]
        assert sorted(keys(indexed.search(NS))) == ["no", "yes"]

    def test_only_the_fields_that_put_names_are_embedded(
        self, indexed: BaseStore, embedder: WordVectors
    ) -> None:
        """`index=[...]` on put names the fields, nested and in lists."""
        value = {"a": {"b": "ferry"}, "list": [{"t": "boat"}, {"t": "sea"}], "other": "secret"}
        indexed.put(NS, "k", value, index=["a.b", "list[*].t", "absent"])
        assert sorted(embedder.documents) == ["boat", "ferry", "sea"]
        for word in ("ferry", "boat", "sea"):
            assert indexed.search(NS, query=word)[0].score == pytest.approx(1, abs=1e-3)

    def test_the_best_text_of_an_item_counts(self, indexed: BaseStore) -> None:
        """An item with several texts is found once, by the nearest of them."""
        indexed.put(NS, "many", {"texts": ["ferry", "tea", "rain"]}, index=["texts[*]"])
        indexed.put(NS, "one", {"texts": ["tea time today"]}, index=["texts[*]"])
        found = indexed.search(NS, query="tea")
        assert keys(found)[:2] == ["many", "one"]
        assert len(found) == 2
        assert found[0].score == pytest.approx(1, abs=1e-3)

    def test_an_update_replaces_the_vector(self, indexed: BaseStore) -> None:
        """An update replaces the vector."""
        indexed.put(NS, "k", {"text": "ferry"}, index=["text"])
        indexed.put(NS, "k", {"text": "tea"}, index=["text"])
        assert ranked(indexed.search(NS, query="ferry")) == []
        assert ranked(indexed.search(NS, query="tea")) == ["k"]

    def test_no_stale_vector_after_index_false(self, indexed: BaseStore) -> None:
        """Re-put with `index=False`: no stale vector matches."""
        indexed.put(NS, "k", {"text": "ferry"})
        indexed.put(NS, "k", {"text": "tea"}, index=False)
        assert ranked(indexed.search(NS, query="ferry")) == []

    def test_no_stale_vector_after_fewer_texts(self, indexed: BaseStore) -> None:
        """Re-put with fewer texts: no stale vector matches."""
        indexed.put(NS, "k", {"texts": ["tea", "rain", "ferry"]}, index=["texts[*]"])
        indexed.put(NS, "k", {"texts": ["tea", "rain"]}, index=["texts[*]"])
        assert ranked(indexed.search(NS, query="ferry")) == []

    def test_no_vector_comes_back_after_delete(self, indexed: BaseStore) -> None:
        """Delete, then re-put with `index=False`: the old vector does not come back."""
        indexed.put(NS, "k", {"text": "ferry"})
        indexed.delete(NS, "k")
        assert indexed.search(NS, query="ferry") == []
        indexed.put(NS, "k", {"text": "tea"}, index=False)
        assert ranked(indexed.search(NS, query="ferry")) == []

    def test_scores_are_cosines(self, indexed: BaseStore) -> None:
        """Scores are cosines."""
        for key, text in {"same": "ferry", "half": "ferry tea", "none": "rain"}.items():
            indexed.put(NS, key, {"text": text}, index=["text"])
        scores = {item.key: item.score for item in indexed.search(NS, query="ferry")}
        expected = {"same": 1, "half": 0.7071, "none": 0}
        assert scores == {key: pytest.approx(score, abs=1e-3) for key, score in expected.items()}

    def test_scores_are_clipped(self, indexed: BaseStore) -> None:
        """Scores are clipped to [0, 1] (skipped where raw, as LangGraph's own tests ask)."""
        indexed.put(NS, "opposite", {"text": "-ferry"}, index=["text"])
        (found,) = indexed.search(NS, query="ferry")
        if found.score == pytest.approx(-1, abs=1e-3):
            self.lacks("vectors", "raw cosines: scores go below 0")
        assert found.score == pytest.approx(0, abs=1e-3)

    @pytest.mark.parametrize("size", [10, 7, 30, 50])
    def test_pages_by_vectors_are_exact(self, indexed: BaseStore, size: int) -> None:
        """Paging 30 hits by 10 gives 10 10 10, and so for any size."""
        indexed.batch(
            [
                PutOp(NS, f"{n:02}", {"text": "ferry" + " tea" * n}, index=["text"])
                for n in range(30)
            ]
        )
        starts = range(0, 31, size)
        pages = [indexed.search(NS, query="ferry", limit=size, offset=at) for at in starts]
        assert [len(page) for page in pages] == [min(size, 30 - at) for at in starts]
        assert [key for page in pages for key in keys(page)] == [f"{n:02}" for n in range(30)]

    def test_documents_of_many_vectors(self, open_indexed: OpenIndexed) -> None:
        """5 documents of 20 vectors, limit 5: all 5 are found."""
        store = open_indexed(fields=["texts[*]"])
        for key in "12345":
            store.put(NS, key, _of_twenty(key))
        assert sorted(keys(store.search(NS, query="ferry", limit=5))) == list("12345")

    def test_documents_of_many_vectors_named_on_put(self, indexed: BaseStore) -> None:
        """The same, the 20 texts named on put."""
        for key in "12345":
            indexed.put(NS, key, _of_twenty(key), index=["texts[*]"])
        assert sorted(keys(indexed.search(NS, query="ferry", limit=5))) == list("12345")

    def test_filters_come_before_the_limit(self, indexed: BaseStore) -> None:
        """Filter and prefix are met before the limit: better hits outside take no place."""
        for number in range(40):
            indexed.put(NS, f"n{number}", {"t": "ferry", "in": 0}, index=["t"])
            indexed.put(("x",), f"x{number}", {"t": "ferry", "in": 1}, index=["t"])
        for number in range(5):
            value = {"t": "ferry tea rain", "in": 1}
            indexed.put((*NS, "below"), f"y{number}", value, index=["t"])
        found = indexed.search(NS, query="ferry", filter={"in": 1}, limit=5)
        assert sorted(keys(found)) == [f"y{number}" for number in range(5)]
        assert len(indexed.search((*NS, "below"), query="ferry", limit=5)) == 5

    def test_a_large_index_with_a_filter(self, indexed: BaseStore) -> None:
        """An approximate index (HNSW) with a filter: 10 of 10, 50 of 50 results."""
        chance = random.Random(7)
        words = [f"w{number}" for number in range(60)]
        ops = []
        for number in range(3_000):
            kind = "common" if number % 5 else "rare"
            value = {"text": " ".join(chance.choices(words, k=4)), "kind": kind}
            ops.append(PutOp(NS, str(number), value, index=["text"]))
        indexed.batch(ops)
        # Without a prefix, and with `$ne`, planners of databases think well of such an index.
        rare = indexed.search((), query="w1 w2", filter={"kind": {"$ne": "common"}}, limit=10)
        assert [item.value["kind"] for item in rare] == ["rare"] * 10
        assert len(indexed.search((), query="w1 w2", limit=50)) == 50

    def test_search_without_a_query(self, indexed: BaseStore) -> None:
        """Without a query every item is found, and nothing is embedded."""
        for number in range(3):
            indexed.put(NS, str(number), {"text": "ferry"}, index=False if number else None)
        found = indexed.search(NS)
        assert sorted(keys(found)) == ["0", "1", "2"]
        assert all(item.score is None for item in found)

    def test_several_queries_in_a_batch(self, indexed: BaseStore) -> None:
        """Several questions in one batch are answered each."""
        for word in ("ferry", "tea", "rain"):
            indexed.put(NS, word, {"text": word}, index=["text"])
        asked = ("tea", "rain", "tea", "ferry")
        ops = [SearchOp(NS, query=query, limit=1) for query in asked]
        assert [keys(found) for found in indexed.batch(ops) if isinstance(found, list)] == [
            [query] for query in asked
        ]

    def test_plain_functions_embed(self, open_indexed: OpenIndexed) -> None:
        """`embed` may be a plain function."""
        store = open_indexed(embed=WordVectors().embed_documents)
        store.put(NS, "tea", {"text": "tea"}, index=["text"])
        store.put(NS, "rain", {"text": "rain"}, index=["text"])
        assert keys(store.search(NS, query="rain", limit=1)) == ["rain"]

    def test_async_methods_search_by_vectors(self, indexed: BaseStore) -> None:
        """Async methods embed and rank the same."""

        async def scenario() -> list[SearchItem]:
            await indexed.aput(NS, "tea", {"text": "tea"}, index=["text"])
            await indexed.aput(NS, "rain", {"text": "rain"}, index=["text"])
            return await indexed.asearch(NS, query="rain")

        found = self.run(scenario())
        assert ranked(found) == ["rain"]
        assert found[0].score == pytest.approx(1, abs=1e-3)

    def test_vectors_need_no_extension_of_sqlite(self, open_indexed: OpenIndexed) -> None:
        """Vectors need no loadable extension, which many Pythons' sqlite3 cannot load."""
        seen: list[str] = []
        _LISTENERS.append(seen)
        try:
            open_indexed().put(NS, "k", {"text": "ferry"})
        finally:
            _LISTENERS.remove(seen)
        assert seen == []


_LISTENERS: list[list[str]] = []


def _listen(event: str, _: object) -> None:
    if _LISTENERS and event in ("sqlite3.load_extension", "sqlite3.enable_load_extension"):
        for listener in _LISTENERS:
            listener.append(event)


sys.addaudithook(_listen)  # an audit hook cannot be taken away again; this one is idle mostly
