"""The SQLite store: LangGraph's contract, words, several processes, and files that are not ours."""

import asyncio
import json
import math
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

from holdfast import SqliteStore, open_store
from holdfast.errors import (
    ConfigurationError,
    InputError,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreTooNew,
    StoreUnreadable,
)

NS = ("a", "b")


@pytest.fixture
def store():
    with open_store(":memory:") as opened:
        yield opened


# LangGraph's contract


def test_values_come_back_as_they_were_put(store):
    value = {
        "text": "é 日本 🥜 \u2028",
        "n": 1,
        "f": 1.5,
        "b": True,
        "none": None,
        "l": [{"x": []}],
    }
    store.put(NS, "k", value)
    item = store.get(NS, "k")
    assert (item.value, item.key, item.namespace) == (value, "k", NS)
    assert store.get(NS, "k").value is not item.value


def test_created_is_kept_and_updated_moves(store):
    store.put(NS, "k", {"v": 1})
    first = store.get(NS, "k")
    store.put(NS, "k", {"v": 2})
    second = store.get(NS, "k")
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.updated_at.tzinfo is not None


def test_what_is_deleted_is_gone_from_everywhere(store):
    store.put(NS, "k", {"text": "needle"})
    store.delete(NS, "k")
    store.delete(NS, "never there")
    assert store.get(NS, "k") is None
    assert store.search((), query="needle") == store.search(()) == store.list_namespaces() == []


def test_a_batch_reads_the_state_before_its_writes_and_the_last_write_counts(store):
    store.put(NS, "k", {"v": 1})
    ops = [PutOp(NS, "k", {"v": 2}), GetOp(NS, "k"), PutOp(NS, "k", {"v": 3}), SearchOp(NS)]
    results = store.batch(ops)
    assert results[1].value == results[3][0].value == {"v": 1}
    assert store.get(NS, "k").value == {"v": 3}


@pytest.mark.parametrize(
    "bad",
    [
        PutOp(NS, "k", {"v": object()}),
        PutOp(NS, "k", {"v": float("nan")}),
        PutOp((), "k", {"v": 1}),
        PutOp(NS, "\ud800", {"v": 1}),
        PutOp(NS, 7, {"v": 1}),
        GetOp(NS, "\ud800"),
        SearchOp(("\ud800",)),
        SearchOp(NS, filter={"v": {"$near": 1}}),
        SearchOp(NS, limit=-1),
        SearchOp(NS, limit=None),
        SearchOp(NS, offset=1.5),
        SearchOp(NS, limit=2**70),
        ListNamespacesOp(limit=-1),
        ListNamespacesOp(limit=None),
        ListNamespacesOp(offset=2**70),
        ListNamespacesOp(max_depth=-1),
        ListNamespacesOp((MatchCondition("prefix", "ab"),)),
        PutOp(NS, "k", {"v": 1}, index=True),
        PutOp(NS, "k", {"v": 1}, index=3),
        PutOp(NS, "k", {"v": 1}, index="v"),
        PutOp(NS, "k", {"v": 1}, index=[3]),
        PutOp("ab", "k", {"v": 1}),
        GetOp("ab", "k"),
        SearchOp("ab"),
        SearchOp(None),
        "not an operation",
        None,
    ],
)
def test_a_bad_operation_leaves_nothing_of_its_batch(store, bad):
    with pytest.raises(InputError):
        store.batch([PutOp(NS, "good", {"v": 1}), bad])
    assert store.search(()) == []


def test_a_value_that_sqlite_has_no_room_for_is_told_as_too_large(tmp_path):
    with SqliteStore(tmp_path / "x.db") as store:
        store.put(NS, "small", {"text": "tea"})
        with store._pool.connection() as db:  # the true limit would take a gigabyte of memory
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
        with pytest.raises(InputError, match=r"too big.*nothing was written"):
            store.put(NS, "large", {"text": "tea " * 10_000})
        assert [item.key for item in store.search(NS)] == ["small"]


@pytest.mark.parametrize("scope", [None, ("a",)])
def test_what_is_no_batch_and_no_operation_is_refused(store, scope):
    for one in (store, store.scoped(scope)) if scope else (store,):
        with pytest.raises(InputError):
            one.batch(None)
        with pytest.raises(InputError):
            one.batch([None])
        with pytest.raises(InputError):
            one.batch([ListNamespacesOp(limit=-1)])
        with pytest.raises(InputError):
            one.perform(None)


async def test_what_is_no_batch_is_refused_when_awaited(store):
    for one in (store, store.scoped(("a",))):
        with pytest.raises(InputError):
            await one.abatch(None)
        with pytest.raises(InputError):
            await one.aperform(None)


INDEX = {"embed": lambda texts: [[1.0] for _ in texts], "dims": 1}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"ttl": {"default_ttl": "60"}}, r"ttl\['default_ttl'\] must be minutes.*got '60'"),
        ({"ttl": {"default_ttl": math.nan}}, "got nan"),
        ({"ttl": {"default_ttl": 1e300}}, "got 1e"),
        ({"ttl": {"default_ttl": True}}, "got True"),
        ({"ttl": {"sweep_interval_minutes": "5"}}, "sweep_interval_minutes.*got '5'"),
        ({"ttl": {"sweep_interval_minutes": math.nan}}, "got nan"),
        ({"ttl": {"sweep_interval_minutes": 1e300}}, "got 1e"),
        ({"ttl": {"refresh_on_read": "no"}}, "True or False, got 'no'"),
        ({"ttl": {"ttl": 5}}, "'ttl'.*known are default_ttl"),
        ({"ttl": 60}, "must be a dict.*got 60"),
        ({"busy_timeout": -1}, "busy_timeout must be seconds.*got -1"),
        ({"busy_timeout": math.nan}, "got nan"),
        ({"busy_timeout": math.inf}, "got inf"),
        ({"busy_timeout": "10"}, "got '10'"),
        ({"busy_timeout": None}, "got None"),
        ({"vector_cache_mb": -1}, "vector_cache_mb must be megabytes.*got -1"),
        ({"vector_cache_mb": "512"}, "got '512'"),
        ({"vector_cache_mb": math.nan}, "got nan"),
        ({"index": {**INDEX, "embeds": 1}}, "'embeds'.*known are dims, embed"),
        ({"index": {**INDEX, "dim": 1}}, "'dim'.*known are dims, embed"),
        ({"index": {**INDEX, "fields": 7}}, "list of paths, got 7"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path, setting, said):
    with pytest.raises(ConfigurationError, match=said):
        open_store(tmp_path / "x.db", **setting)
    assert not list(tmp_path.iterdir())


def test_a_sweep_at_no_interval_is_refused(store):
    with pytest.raises(ConfigurationError, match=r"sweep_interval_minutes.*got '5'"):
        store.start_ttl_sweeper("5")


@pytest.mark.parametrize("namespace", [("a.b",), ("",), ("a", ""), ("a", 7)])
def test_labels_that_langgraph_refuses_are_refused(store, namespace):
    for op in (GetOp(namespace, "k"), PutOp(namespace, "k", {}), SearchOp(namespace)):
        with pytest.raises(InvalidNamespaceError):
            store.batch([op])


def test_half_a_surrogate_pair_in_a_value_survives(store):
    store.put(NS, "k", {"text": "broken \ud83e emoji"})
    assert store.get(NS, "k").value == {"text": "broken \ud83e emoji"}
    assert store.search(NS, query="emoji")


def test_prefixes_are_matched_label_by_label(store):
    below = [("a",), ("a", "b"), ("a", "b", "c")]
    for namespace in [*below, ("ab",), ("a-", "b"), ("a/", "b"), ("b",)]:
        store.put(namespace, "k", {"text": "needle"})
    for query in (None, "needle"):
        found = {item.namespace for item in store.search(("a",), query=query)}
        assert found == set(below)
    assert len(store.search(())) == 7
    assert [item.namespace for item in store.search(["a", "b", "c"])] == [("a", "b", "c")]


def test_pages_are_exact(store):
    store.batch([PutOp(NS, f"{n:02}", {"n": n, "text": "same words"}) for n in range(30)])
    for query in (None, "words"):
        pages = [store.search(NS, query=query, limit=10, offset=o) for o in (0, 10, 20, 30)]
        assert [len(page) for page in pages] == [10, 10, 10, 0]
        assert len({item.key for page in pages for item in page}) == 30
    odd = store.search(NS, filter={"n": {"$in": list(range(1, 30, 2))}}, limit=10, offset=10)
    assert len(odd) == 5


def test_without_a_query_the_newest_come_first(store):
    for key in "abc":
        store.put(NS, key, {})
    store.put(NS, "a", {"again": True})
    assert [item.key for item in store.search(NS)] == ["a", "c", "b"]
    assert store.search(NS)[0].score is None


def test_namespaces_are_listed(store):
    for namespace in [("a", "x", "1"), ("a", "y", "1"), ("b", "x"), ("a",)]:
        store.put(namespace, "k", {})
    assert store.list_namespaces() == [("a",), ("a", "x", "1"), ("a", "y", "1"), ("b", "x")]
    assert store.list_namespaces(prefix=("a", "*")) == [("a", "x", "1"), ("a", "y", "1")]
    assert store.list_namespaces(suffix=("x",)) == [("b", "x")]
    assert store.list_namespaces(max_depth=1) == [("a",), ("b",)]
    assert store.list_namespaces(limit=1, offset=1) == [("a", "x", "1")]
    both = (MatchCondition("prefix", ("a",)), MatchCondition("suffix", ("1",)))
    assert len(store.batch([ListNamespacesOp(both)])[0]) == 2


# Words


def test_words_are_stemmed_and_the_best_match_comes_first(store):
    for key, text in {"a": "Nora runs", "b": "running and running again", "c": "walks"}.items():
        store.put(NS, key, {"content": text})
    found = store.search(NS, query="Who was running?")
    assert [item.key for item in found] == ["b", "a"]
    assert 1 > found[0].score > found[1].score > 0


def test_what_is_not_indexed_is_not_found_by_words(store):
    store.put(NS, "no", {"text": "needle"}, index=False)
    store.put(NS, "field", {"text": "needle", "other": "thread"}, index=["other"])
    store.put(NS, "all", {"text": "needle"})
    assert [item.key for item in store.search(NS, query="needle")] == ["all"]
    assert [item.key for item in store.search(NS, query="thread")] == ["field"]
    store.put(NS, "all", {"text": "needle"}, index=False)
    assert store.search(NS, query="needle") == []
    assert store.get(NS, "all").value == {"text": "needle"}


def test_an_update_leaves_no_old_words(store):
    store.put(NS, "k", {"text": "before"})
    store.put(NS, "k", {"text": "after"})
    assert store.search(NS, query="before") == []


@pytest.mark.parametrize(
    "query", ['"', "a OR b", "NEAR(x)", "* ^ : -", "'; DROP TABLE items; --", "\0", "?", "the of"]
)
def test_any_text_may_be_asked(store, query):
    store.put(NS, "k", {"text": "a or b near the items"})
    assert isinstance(store.search(NS, query=query), list)
    assert store.get(NS, "k")


def test_other_tenants_do_not_move_scores(store):
    store.put(("t", "one"), "k", {"text": "ferry at nine"})
    store.put(("t", "one"), "l", {"text": "train at ten"})
    before = store.search(("t", "one"), query="ferry")[0].score
    store.batch([PutOp(("t", "two"), str(n), {"text": "ferry ferry"}) for n in range(50)])
    assert store.search(("t", "one"), query="ferry")[0].score == before


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("東京都に住んでいます", "東京"),
        ("Straße nach Köln", "strasse koln"),
        ("القطار يغادر", "القطار"),
        ("Inês é alérgica", "Ines"),
        ("v1.5 of a_b", "v1.5"),
        ("가나다라 마바사", "가나다라"),
    ],
)
def test_other_languages_are_found_by_words(store, text, query):
    store.put(NS, "k", {"text": text})
    store.put(NS, "other", {"text": "nothing of that"})
    assert [item.key for item in store.search(NS, query=query)] == ["k"]


def test_a_very_long_question_is_fast(store):
    store.batch([PutOp(NS, str(n), {"text": f"word{n} common words here"}) for n in range(300)])
    question = " ".join(f"word{n}" for n in range(2_000)) + " common"
    start = time.perf_counter()
    assert store.search(NS, query=question, limit=3)
    assert time.perf_counter() - start < 5


# Async


async def test_async_methods_do_the_same_and_leave_the_loop_free(tmp_path):
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.001)

    async with open_store(tmp_path / "x.db") as store:
        ticking = asyncio.create_task(tick())
        await store.abatch([PutOp(NS, str(n), {"text": f"some words {n}"}) for n in range(2_000)])
        assert len(ticks) > 10
        ticking.cancel()
        found = await store.asearch(NS, query="words", limit=2)
        assert len(found) == 2
        assert (await store.aget(NS, "7")).value == {"text": "some words 7"}
    with pytest.raises(StoreClosed):
        await store.aget(NS, "7")


def test_threads_share_a_store(tmp_path):
    with open_store(tmp_path / "x.db") as store:

        def work(name):
            for n in range(50):
                store.put(NS, f"{name}-{n}", {"text": f"{name} {n}"})
                assert store.get(NS, f"{name}-{n}")

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.search(NS, limit=1_000)) == 400


# Files and processes

WRITER = """
import sys
from holdfast import open_store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
open_store(":memory:").close()  # everything is imported: from here on all are equally fast
if count < 100:
    sys.stdin.readline()
with open_store(path) as store:
    for n in range(count):
        store.put(("p",), f"{name}-{n}", {"text": f"from {name}"})
        print(n, flush=True)
"""


def spawn(path, name, count):
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def go(processes):
    """Let processes begin, all at once; wait for their ends."""
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_what_one_process_wrote_another_reads(tmp_path):
    path = tmp_path / "x.db"
    go([spawn(path, "a", 3)])
    with open_store(path) as store:
        assert len(store.search(("p",), query="from")) == 3


def test_several_processes_open_a_new_file_and_write_at_once(tmp_path):
    path = tmp_path / "x.db"
    go([spawn(path, name, 40) for name in "abcd"])
    with open_store(path) as store:
        assert len(store.search(("p",), limit=1_000)) == 160


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    path = tmp_path / "x.db"
    process = spawn(path, "a", 100_000)
    acknowledged = [process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    last = int((acknowledged + rest.split())[-1])
    with open_store(path) as store:
        count = len(store.search(("p",), limit=100_000))
        assert count in (last + 1, last + 2)
        assert len(store.search(("p",), query="from", limit=100_000)) == count


def _in_child(store, path, done):
    store.put(("p",), "child", {"text": "child"})
    done.put(len(store.search(("p",))))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_store_may_be_used_after_a_fork(tmp_path):
    with open_store(tmp_path / "x.db") as store:
        store.put(("p",), "parent", {"text": "parent"})
        context = multiprocessing.get_context("fork")
        done = context.Queue()
        child = context.Process(target=_in_child, args=(store, tmp_path, done))
        child.start()
        assert done.get(timeout=30) == 2
        child.join()
        done.close()
        done.join_thread()
        store.put(("p",), "parent again", {})
        assert len(store.search(("p",))) == 3


def test_a_store_that_another_process_holds_is_busy(tmp_path):
    path = tmp_path / "x.db"
    with open_store(path, busy_timeout=0.05) as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match=r"for more than 0\.05 s"):
            store.put(NS, "k", {})
        holder.execute("ROLLBACK")
        holder.close()
        store.put(NS, "k", {})
        assert store.get(NS, "k")


def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database, it is a text of some length " * 50)
    before = path.read_bytes()
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_file_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "x.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnreadable, match="another program"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_holdfast_is_refused(tmp_path):
    path = tmp_path / "x.db"
    open_store(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreTooNew, match="has format 99"):
        open_store(path)


def test_a_missing_folder_and_a_folder_as_file_are_errors(tmp_path):
    with pytest.raises(StoreError, match="there is no folder"):
        open_store(tmp_path / "none" / "x.db")
    with pytest.raises(StoreError):
        open_store(tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x", "'mysql' addresses"),
        ("file:z.db?mode=memory", "own form"),
        (None, "a text"),
        ("sqlite:///", "names no file"),
        ("", "names no file"),
    ],
)
def test_an_address_that_is_not_known_is_refused(url, said):
    with pytest.raises(ConfigurationError, match=said):
        open_store(url)


def test_addresses_name_files(tmp_path):
    for url in (f"sqlite:///{tmp_path}/a%20b.db", tmp_path / "c.db", str(tmp_path / "d.db")):
        with open_store(url) as store:
            store.put(NS, "k", {})
    assert {p.name for p in tmp_path.glob("*.db")} == {"a b.db", "c.db", "d.db"}


def test_closing_twice_is_harmless_and_use_after_it_is_told():
    store = SqliteStore(":memory:")
    assert repr(store) == "SqliteStore(':memory:')"
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="was closed"):
        store.get(NS, "k")
    with pytest.raises(StoreClosed, match="was closed; open it again"):
        store.note_recall(NS, ["k"])
    with pytest.raises(StoreClosed, match="was closed; open it again"):
        asyncio.run(store.anote_recall(NS, ["k"]))
    store.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path):
    with open_store(tmp_path / "x.db") as store:
        store.put(NS, "before", {})
        with store._pool.connection() as db:
            db.execute("PRAGMA max_page_count = 1")  # SQLite's own way to be full
        big = [PutOp(NS, str(n), {"text": "x" * 5_000}) for n in range(50)]
        with pytest.raises(StoreError, match="nothing was written"):
            store.batch(big)
        assert [item.key for item in store.search(NS)] == ["before"]


def test_the_file_is_made_for_several_processes(tmp_path):
    with open_store(tmp_path / "x.db") as store:
        with store._pool.connection() as db:
            assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert os.path.exists(tmp_path / "x.db-wal")


# Against a model: a dict

keys = st.sampled_from(["k1", "k2", "k3"])
namespaces = st.sampled_from([("a",), ("a", "b"), ("b",)])
small = st.dictionaries(st.sampled_from("xy"), st.integers(0, 3) | st.sampled_from(["red", "blue"]))


class LikeADict(RuleBasedStateMachine):
    written = Bundle("written")

    def __init__(self):
        super().__init__()
        self.store, self.model = SqliteStore(":memory:"), {}

    @rule(namespace=namespaces, key=keys, value=small)
    def put(self, namespace, key, value):
        self.store.put(namespace, key, value)
        self.model[namespace, key] = value

    @rule(namespace=namespaces, key=keys)
    def delete(self, namespace, key):
        self.store.delete(namespace, key)
        self.model.pop((namespace, key), None)

    @rule(namespace=namespaces, key=keys)
    def get(self, namespace, key):
        item = self.store.get(namespace, key)
        assert (item and item.value) == self.model.get((namespace, key))

    @rule(prefix=namespaces, word=st.sampled_from(["red", "blue", "2"]))
    def search(self, prefix, word):
        below = {p: v for p, v in self.model.items() if p[0][: len(prefix)] == prefix}
        found = self.store.search(prefix, limit=50)
        assert {(i.namespace, i.key): i.value for i in found} == below
        hits = {(i.namespace, i.key) for i in self.store.search(prefix, query=word, limit=50)}
        assert hits == {p for p, v in below.items() if word in map(str, v.values())}
        listed = set(self.store.list_namespaces(prefix=prefix))
        assert listed == {p[0] for p in below}

    def teardown(self):
        self.store.close()


LikeADict.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestLikeADict = LikeADict.TestCase


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.none()))
@settings(max_examples=50, deadline=None)
def test_any_json_value_survives(value):
    with SqliteStore(":memory:") as store:
        store.put(NS, "k", value)
        assert json.dumps(store.get(NS, "k").value) == json.dumps(value)
