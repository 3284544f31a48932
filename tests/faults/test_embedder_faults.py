"""An embedder that raises, hangs or talks nonsense: writes are kept, and embedded later."""

import asyncio
import threading
import time

import pytest
from fault_log import NS
from fault_processes import DIMS, embed
from fault_writers import value_of

from holdfast.analysis import value_text
from holdfast.errors import EmbedderFailed
from holdfast.history import ChangeSet, Said, Write
from holdfast.memory import Message
from holdfast.stores.opening import open_store

TIMEOUT = 0.5
TEXTS = {f"key-{n}": f"word{n} of the harbour" for n in range(5)}


class Embedder:
    """Embeds, but for some of its calls, the first being number 1."""

    def __init__(self, fails_at, how):
        self.calls = 0
        self.fails_at = (fails_at,) if isinstance(fails_at, int) else fails_at
        self.how = how
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, texts):
        with self._lock:
            self.calls += 1
            number = self.calls
        return getattr(self, self.how)(texts) if number in self.fails_at else embed(texts)

    def raises(self, texts):
        raise ConnectionError("the service is down")

    def hangs(self, texts):
        self.let_go.wait(60)
        return embed(texts)

    def gives_too_few(self, texts):
        return embed(texts)[1:]

    def gives_no_numbers(self, texts):
        return [[float("nan")] * DIMS for _ in texts]


@pytest.fixture(params=["raises", "hangs", "gives_too_few", "gives_no_numbers"])
def how(request):
    return request.param


@pytest.fixture
def opened(tmp_path, how):
    """Return a function that opens a store whose embedder fails at one call."""
    embedders, stores = [], []

    def opened(fails_at):
        embedder = Embedder(fails_at, how)
        embedders.append(embedder)
        index = {
            "embed": embedder,
            "dims": DIMS,
            "timeout": TIMEOUT,
            "fingerprint": "mirrors",
        }
        stores.append(open_store(tmp_path / "x.db", index=index))
        return stores[-1], embedder

    yield opened
    for embedder in embedders:
        embedder.let_go.set()
    for store in stores:
        store.close()


@pytest.fixture
def in_time(how):
    """Whatever hangs must come back within its time, but once for each call."""
    begun = time.perf_counter()
    yield
    assert time.perf_counter() - begun < 15
    assert how != "hangs" or time.perf_counter() - begun >= TIMEOUT


def by_vector(store, text, number=0):
    """Return the key of what is found by no word, only by its vector."""
    query = value_text(value_of(text, number))[::-1]
    return [item.key for item in store.search(NS, query=query) if item.score > 0.999]


def put(store, key, text):
    store.put(NS, key, value_of(text))


def commit(store, key, text):
    receipt = store.commit(ChangeSet(NS, (Write(key, value_of(text)),)))
    assert [change.action for change in receipt.changes] == ["inserted"]


def put_awaiting(store, key, text):
    asyncio.run(store.aput(NS, key, value_of(text)))


def commit_awaiting(store, key, text):
    changes = ChangeSet(NS, (Write(key, value_of(text)),))
    receipt = asyncio.run(store.acommit(changes))
    assert [change.action for change in receipt.changes] == ["inserted"]


@pytest.mark.parametrize("write", [put, commit, put_awaiting, commit_awaiting])
def test_a_write_is_kept_and_found_by_words_until_it_is_embedded(opened, in_time, write):
    store, embedder = opened(fails_at=3)
    for key, text in TEXTS.items():
        write(store, key, text)
    assert embedder.calls == 5
    assert len(store.search(NS, limit=10)) == 5
    found = {key: by_vector(store, text) for key, text in TEXTS.items()}
    assert found == {key: [key] if key != "key-2" else [] for key in TEXTS}
    assert "key-2" in [item.key for item in store.search(NS, query="word2")]
    assert store.doctor() == []
    assert store.reindex() == 1
    assert by_vector(store, TEXTS["key-2"]) == ["key-2"]
    assert store.reindex() == 0
    assert store.doctor() == []


def test_a_change_set_with_messages_is_kept_whole(opened, in_time):
    store, _ = opened(fails_at=1)
    spoken = tuple(Message("user", f"said{n}") for n in range(3))
    writes = tuple(Write(key, value_of(text)) for key, text in TEXTS.items())
    receipt = store.commit(ChangeSet(NS, writes, (Said(spoken, "t"),)))
    assert {change.action for change in (*receipt.changes, *receipt.journal)} == {"inserted"}
    assert [e.message.text for e in store.search_journal(NS, "said1")] == ["said1"]
    assert store.reindex() == 8
    assert [by_vector(store, text) for text in TEXTS.values()] == [[key] for key in TEXTS]


def test_an_update_whose_embedding_failed_is_not_found_by_its_old_vector(opened, in_time):
    store, _ = opened(fails_at=2)
    put(store, "tea", "likes tea")
    put(store, "tea", "likes coffee")
    assert by_vector(store, "likes tea") == []
    assert [item.key for item in store.search(NS, query="coffee")] == ["tea"]
    assert store.reindex() == 1
    assert by_vector(store, "likes tea") == []
    assert by_vector(store, "likes coffee") == ["tea"]


def test_a_search_goes_by_words_where_its_question_has_no_vector(opened, in_time):
    store, _ = opened(fails_at=2)
    put(store, "tea", "likes tea")
    assert [item.key for item in store.search(NS, query="tea")] == ["tea"]


def test_reindex_goes_on_where_one_call_fails(opened, in_time, tmp_path):
    with open_store(tmp_path / "x.db") as plain:
        for number in range(150):
            put(plain, f"many-{number}", f"word{number} of old")
    store, embedder = opened(fails_at=1)
    assert store.reindex() == 150
    assert embedder.calls == 1 + 128 + 1  # once together, one by one, and the rest together
    assert by_vector(store, "word7 of old") == ["many-7"]


def test_reindex_says_that_it_failed_keeps_what_was_done_and_goes_on(opened, in_time, tmp_path):
    with open_store(tmp_path / "x.db") as plain:
        for number in range(300):
            put(plain, f"many-{number}", f"word{number} of old")
    store, _ = opened(fails_at=range(2, 7))
    done = []
    with pytest.raises(EmbedderFailed, match="mirrors"):
        store.reindex(progress=lambda number, of: done.append((number, of)))
    assert done == [(128, 300)]
    assert store.doctor() == []
    assert by_vector(store, "word7 of old") == ["many-7"]
    assert store.reindex() == 172
    assert by_vector(store, "word299 of old") == ["many-299"]


def test_what_is_changed_while_it_is_embedded_keeps_its_new_vector(tmp_path):
    path = tmp_path / "x.db"
    index = {"dims": DIMS, "fingerprint": "mirrors"}
    with open_store(path) as plain:
        for key, text in TEXTS.items():
            put(plain, key, text)

    def slow(texts):
        with open_store(path, index={**index, "embed": embed}) as other:
            put(other, "key-1", "something new")
            other.delete(NS, "key-2")
        return embed(texts)

    with open_store(path, index={**index, "embed": slow}) as store:
        store.reindex()
    with open_store(path, index={**index, "embed": embed}) as store:
        assert by_vector(store, TEXTS["key-1"]) == by_vector(store, TEXTS["key-2"]) == []
        assert by_vector(store, "something new") == ["key-1"]
        assert by_vector(store, TEXTS["key-3"]) == ["key-3"]
        assert store.reindex() == 0
        assert store.doctor() == []
