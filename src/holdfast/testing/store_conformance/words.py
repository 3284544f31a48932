"""Search by words, without an embedder: beyond LangGraph's contract."""

from __future__ import annotations

import time

import pytest
from langgraph.store.base import BaseStore, PutOp

from holdfast.testing.store_conformance.suite import NS, Suite, keys

ODD_QUERIES = ['"', "a OR b", "NEAR(x)", "* ^ : -", "'; DROP TABLE items; --", "\0", "?", "%", " "]
LANGUAGES = [
    ("東京都に住んでいます", "東京"),
    ("Straße nach Köln", "strasse koln"),
    ("القطار يغادر", "القطار"),
    ("Inês é alérgica", "Ines"),
]


class Words(Suite):
    """Search by words (skipped where the store knows no words)"""

    @pytest.fixture
    def worded(self, store: BaseStore) -> BaseStore:
        """A new, empty store that finds by words."""
        probe = ("probe",)
        store.put(probe, "no", {"text": "nothing of that"})
        store.put(probe, "yes", {"text": "the ferry leaves"})
        found = store.search(probe, query="ferry")
        for key in ("no", "yes"):
            store.delete(probe, key)
        if not found or found[0].score is None:
            self.lacks("words", "no words: without an index, search gives no scores")
        return store

    def test_the_best_match_comes_first(self, worded: BaseStore) -> None:
        """Without an index, a question finds by words, best first."""
        texts = {"a": "Nora runs", "b": "running and running again", "c": "walks"}
        for key, text in texts.items():
            worded.put(NS, key, {"content": text})
        found = worded.search(NS, query="Who was running?")
        assert keys(found) == ["b", "a"]
        scores = [item.score or 0 for item in found]
        assert 1 >= scores[0] > scores[1] > 0

    def test_what_is_not_indexed_is_not_found(self, worded: BaseStore) -> None:
        """`index=False` and `index=[...]` hold for words, too."""
        worded.put(NS, "no", {"text": "needle"}, index=False)
        worded.put(NS, "field", {"text": "needle", "other": "thread"}, index=["other"])
        worded.put(NS, "all", {"text": "needle"})
        assert keys(worded.search(NS, query="needle")) == ["all"]
        assert keys(worded.search(NS, query="thread")) == ["field"]

    def test_no_stale_words(self, worded: BaseStore) -> None:
        """No stale words match after an update, a delete, or a re-put with `index=False`."""
        for key in ("updated", "deleted", "hidden"):
            worded.put(NS, key, {"text": "before"})
        worded.put(NS, "updated", {"text": "after"})
        worded.delete(NS, "deleted")
        worded.put(NS, "hidden", {"text": "before"}, index=False)
        assert worded.search(NS, query="before") == []
        assert keys(worded.search(NS, query="after")) == ["updated"]

    def test_other_tenants_do_not_move_scores(self, worded: BaseStore) -> None:
        """What another tenant writes moves no score."""
        worded.put(("t", "one"), "k", {"text": "ferry at nine"})
        worded.put(("t", "one"), "l", {"text": "train at ten"})
        before = worded.search(("t", "one"), query="ferry")[0].score
        worded.batch([PutOp(("t", "two"), str(n), {"text": "ferry ferry"}) for n in range(50)])
        assert worded.search(("t", "one"), query="ferry")[0].score == before

    def test_pages_by_words_are_exact(self, worded: BaseStore) -> None:
        """Pages by words are exact, filtered ones too."""
        worded.batch([PutOp(NS, f"{n:02}", {"n": n, "text": "same words"}) for n in range(30)])
        pages = [worded.search(NS, query="words", limit=10, offset=at) for at in (0, 10, 20, 30)]
        assert [len(page) for page in pages] == [10, 10, 10, 0]
        assert len({key for page in pages for key in keys(page)}) == 30
        low = {"n": {"$lt": 15}}
        assert len(worded.search(NS, query="words", filter=low, limit=10, offset=10)) == 5

    @pytest.mark.parametrize("query", ODD_QUERIES)
    def test_any_text_may_be_asked(self, worded: BaseStore, query: str) -> None:
        """Any text may be asked: quotes and operators of query languages are just text."""
        worded.put(NS, "k", {"text": "a or b near the items"})
        assert keys(worded.search(NS, query=query)) in ([], ["k"])
        assert worded.get(NS, "k") is not None

    @pytest.mark.parametrize(("text", "query"), LANGUAGES)
    def test_languages(self, worded: BaseStore, text: str, query: str) -> None:
        """Other scripts and accents are found by words."""
        worded.put(NS, "k", {"text": text})
        worded.put(NS, "other", {"text": "nothing of that"})
        assert keys(worded.search(NS, query=query)) == ["k"]

    def test_a_long_question_is_answered_soon(self, worded: BaseStore) -> None:
        """A question of 2,000 words to 2,000 items is answered within 10 seconds."""
        worded.batch([PutOp(NS, str(n), {"text": f"word{n} common words"}) for n in range(2_000)])
        question = " ".join(f"word{n}" for n in range(2_000)) + " common"
        start = time.perf_counter()
        assert len(worded.search(NS, query=question, limit=3)) == 3
        assert time.perf_counter() - start < 10
