"""The PostgreSQL store: as the SQLite store, for many machines; and what breaks."""

import asyncio
import json
import os
import random
import secrets
import subprocess
import sys
import threading
from collections import defaultdict
from functools import partial

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from langgraph.store.base import PutOp
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast import ChangeSet, PostgresStore, Said, SqliteStore, Write, open_store
from holdfast.errors import (
    ConfigurationError,
    InputError,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreLost,
    StoreTooNew,
    StoreUnreadable,
)
from holdfast.memory import Message
from holdfast.stores.plan import erasing, reindexing
from holdfast.stores.plan.committing import commit, prepare
from holdfast.stores.plan.effects import Lock, Sql, Transaction
from holdfast.stores.plan.indexing import Vector
from holdfast.stores.plan.recalls import count
from holdfast.stores.plan.spaces import now_text
from holdfast.stores.postgres.locks import SINGLE, wanted
from holdfast.stores.postgres.sql import statements
from holdfast.stores.postgres.vectors import index_name
from holdfast.testing.store_conformance import WordVectors

NS = ("a", "b")


@pytest.fixture
def store(open_postgres):
    return open_postgres()


@pytest.fixture(scope="module")
def kept(postgres_url, postgres_admin):
    """One store for examples that hypothesis makes; each has a namespace of its own."""
    schema = f"kept_{os.getpid()}"
    with PostgresStore(postgres_url, schema=schema) as store:
        yield store
    postgres_admin.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def database(postgres_url, postgres_admin):
    """The address of a database of its own, empty."""
    name = f"own_{secrets.token_hex(6)}"
    postgres_admin.execute(f"CREATE DATABASE {name}")
    yield make_conninfo(postgres_url, dbname=name)
    postgres_admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def index(dims=16, **more):
    return {"embed": WordVectors(dims), "dims": dims, "fingerprint": f"words-{dims}", **more}


def keys(items):
    return [item.key for item in items]


# Transactions that stop on their way, so that others come between


class Halt:
    """Stops a plan right after an effect, until it may go on."""

    def __init__(self, name):
        self.name = name
        self.reached = threading.Event()
        self.going = threading.Event()

    def within(self, plan):
        asked = next(plan)
        while True:
            result = yield asked
            if self.name == getattr(asked, "name", type(asked).__name__):
                yield Sql("setting", {"name": "format"})  # waits until the server has done it
                self.reached.set()
                assert self.going.wait(20)
            try:
                asked = plan.send(result)
            except StopIteration as stop:
                return stop.value


class Racer(threading.Thread):
    """Calls something in a thread; `result` raises what it raised."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self._call = partial(call, *args)
        self._outcome = None
        self.start()

    def run(self):
        try:
            self._outcome = (self._call(), None)
        except Exception as error:
            self._outcome = (None, error)

    def waits(self):
        """Tell whether it is still not done after a while."""
        self.join(0.3)
        return self.is_alive()

    def result(self):
        self.join(30)
        assert not self.is_alive()
        value, error = self._outcome
        if error is not None:
            raise error
        return value


def halted(store, halt, plan):
    """Run a plan in a thread up to its halt."""
    racer = Racer(store.transact, Transaction(lambda: halt.within(plan()), writes=True))
    assert halt.reached.wait(20)
    return racer


# As the SQLite store

words = st.sampled_from(["ferry", "tea", "nine", "train", "running", "runs", "東京都", "green"])
texts = st.lists(st.lists(words, max_size=8).map(" ".join), max_size=12)


@given(texts, st.lists(words, min_size=1, max_size=4).map(" ".join), st.sampled_from([1, 3, 40]))
@settings(max_examples=25, deadline=None)
def test_words_score_as_in_sqlite(kept, texts, query, spaces):
    root = secrets.token_hex(8)
    ops = [PutOp((root, str(n % spaces)), str(n), {"text": t}) for n, t in enumerate(texts)]
    # So many namespaces that the question is not asked of each for itself.
    ops += [PutOp((root, str(n)), "other", {"n": n}) for n in range(spaces)]
    with SqliteStore(":memory:") as lite:
        found = []
        for store in (lite, kept):
            store.batch(ops)
            for prefix in ((root,), (root, "0")):
                items = store.search(prefix, query=query, limit=50)
                found.append({(item.namespace, item.key): item.score for item in items})
    for one, other in zip(found[:2], found[2:], strict=True):
        assert one == pytest.approx(other, abs=1e-6)


small = st.dictionaries(st.sampled_from("xy"), st.integers(0, 3) | st.sampled_from(["red", "blue"]))
places = st.tuples(st.sampled_from([("a",), ("a", "b"), ("b",)]), st.sampled_from(["k1", "k2"]))


class LikeADict(RuleBasedStateMachine):
    """The store against a model of it."""

    store = None

    def __init__(self):
        super().__init__()
        self.root, self.model = secrets.token_hex(8), {}

    @rule(place=places, value=small)
    def put(self, place, value):
        self.store.put((self.root, *place[0]), place[1], value)
        self.model[place] = value

    @rule(place=places)
    def delete(self, place):
        self.store.delete((self.root, *place[0]), place[1])
        self.model.pop(place, None)

    @rule(place=places)
    def get(self, place):
        item = self.store.get((self.root, *place[0]), place[1])
        assert (item and item.value) == self.model.get(place)

    @rule(prefix=st.sampled_from([(), ("a",), ("a", "b")]), word=st.sampled_from(["red", "2"]))
    def search(self, prefix, word):
        below = {p: v for p, v in self.model.items() if p[0][: len(prefix)] == prefix}
        found = self.store.search((self.root, *prefix), limit=50)
        assert {(i.namespace[1:], i.key): i.value for i in found} == below
        hits = self.store.search((self.root, *prefix), query=word, limit=50)
        wanted = {p for p, v in below.items() if word in map(str, v.values())}
        assert {(i.namespace[1:], i.key) for i in hits} == wanted


def test_it_is_like_a_dict(kept):
    from hypothesis.stateful import run_state_machine_as_test

    LikeADict.store = kept
    short = settings(max_examples=10, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(LikeADict, settings=short)


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False) | st.none())
)
@settings(max_examples=50, deadline=None)
def test_any_json_value_survives(kept, value):
    value = {
        key: None if inner in (float("inf"), -float("inf")) else inner
        for key, inner in value.items()
    }
    kept.batch([PutOp(("json",), "k", value), PutOp(("json",), "l", value)])
    for key in "kl":
        assert json.dumps(kept.get(("json",), key).value) == json.dumps(value)


def test_what_a_ledger_keeps_is_as_in_sqlite(store):
    told = []
    with SqliteStore(":memory:") as lite:
        for one in (lite, store):
            first = one.commit(ChangeSet(NS, (Write("tea", {"content": "likes tea"}),)))
            spoken = Said((Message("user", "the ferry at nine"), Message("assistant", "ok")), "t")
            one.commit(ChangeSet(NS, (Write("tea", {"content": "green"}),), journal=(spoken,)))
            lost = one.commit(ChangeSet(NS, (Write("tea", None, expect=first.revision),)))
            one.delete(NS, "tea")
            one.revert(NS, key="tea")
            (item,) = one.search(NS, query="green")
            (entry,) = one.search_journal((), "ferry")
            erased = one.forget(NS, key=entry.key)
            told.append(
                [
                    [change.action for change in lost.changes],
                    [(version.value, bool(version.base)) for version in one.history(NS, "tea")],
                    (item.value, round(item.score, 6), round(entry.score, 6)),
                    erased,
                    keys(one.search(())),
                    one.threads(NS),
                    one.doctor(),
                ]
            )
    assert told[0] == told[1]


@pytest.mark.parametrize("text", ['"', "a OR b", "'; DROP TABLE items; --", "%s {} \\", "m1 tea"])
def test_any_text_may_be_asked_and_be_a_key(store, text):
    store.put((f"x{text.replace('.', '')}",), text, {"text": "a or b near the items"})
    assert isinstance(store.search((), query=text), list)
    assert keys(store.search(())) == [text]
    assert store.search((), filter={"text": text}) == []


def test_a_very_long_word_is_found(store):
    word = "x" * 5_000
    store.put(NS, "k", {"text": f"{word} and tea"})
    store.put(NS, "l", {"text": f"{word}y and tea"})
    assert keys(store.search(NS, query=word)) == ["k"]


def test_what_an_index_cannot_hold_is_refused(store):
    with pytest.raises(InputError, match=r"nothing was written.*2,600 bytes"):
        store.batch([PutOp(NS, "good", {}), PutOp(NS, secrets.token_hex(4_000), {})])
    assert store.search(NS) == []


def test_a_batch_of_70_000_puts(open_postgres, postgres_admin):
    store = open_postgres(schema=f"large_{os.getpid()}")
    indexed = {n: None if n % 10 == 1 else False for n in range(70_000)}
    store.batch(
        [PutOp((f"n{n % 9}",), str(n), {"text": f"number {n}"}, i) for n, i in indexed.items()]
    )
    (written,) = postgres_admin.execute(f"SELECT count(*) FROM {store.schema}.items").fetchone()
    assert written == 70_000
    assert keys(store.search((f"n{69_001 % 9}",), query="69001")) == ["69001"]


def test_stores_in_different_schemas_know_nothing_of_each_other(open_postgres):
    one, other = open_postgres(), open_postgres()
    one.put(NS, "k", {"text": "ferry"})
    assert other.get(NS, "k") is None
    assert other.search((), query="ferry") == other.list_namespaces() == []
    other.put(NS, "k", {"text": "train"})
    assert other.forget(NS).memories == 1
    assert one.get(NS, "k").value == {"text": "ferry"}


def test_one_store_serves_several_loops(store):
    async def add(number):
        await asyncio.gather(*(store.aput(NS, f"{number}-{n}", {"n": n}) for n in range(10)))
        return len(await store.asearch(NS, limit=100))

    assert [asyncio.run(add(number)) for number in range(3)] == [10, 20, 30]


# Vectors


def test_an_index_with_a_filter_gives_as_many_as_asked(open_postgres, postgres_admin):
    store = open_postgres(index(8, fields=["text"]))
    nearness = index_name("words-8/8")
    postgres_admin.execute(f"DROP INDEX {store.schema}.{nearness}")  # made anew below
    chance = random.Random(5)
    names = [f"w{n}" for n in range(8)]
    puts = [
        PutOp(NS, str(n), {"text": " ".join(chance.choices(names, k=9)), "part": n % 10})
        for n in range(10_000)
    ]
    store.batch(puts)
    store.setup()
    found = store.search(NS, query="w1 w1 w2", filter={"part": 3}, limit=100)
    assert len(found) == 100
    vectors = {
        op.key: store.indexing.embedder.documents([op.value["text"]])[0] for op in puts[3::10]
    }
    (asked,) = store.indexing.embedder.documents(["w1 w1 w2"])
    best = sorted((cosine(asked, vector) for vector in vectors.values()), reverse=True)[:100]
    near = [item for item in found if cosine(asked, vectors[item.key]) >= best[-1] - 1e-6]
    assert len(near) >= 95
    assert [item.score for item in found] == pytest.approx(
        [cosine(asked, vectors[item.key]) for item in found], abs=1e-5
    )


def cosine(one, other):
    length = sum(a * a for a in one) ** 0.5 * sum(b * b for b in other) ** 0.5
    return sum(a * b for a, b in zip(one, other, strict=True)) / length


def test_a_small_namespace_beside_a_large_one_is_found_whole(open_postgres):
    store = open_postgres(index(8))
    store.batch([PutOp(("large",), str(n), {"text": f"w{n % 8} tea"}) for n in range(2_100)])
    store.batch([PutOp(("small",), str(n), {"text": f"x{n % 8} tea"}) for n in range(30)])
    assert len(store.search(("small",), query="w1", limit=40)) == 30
    assert len(store.search(("large",), query="w1", limit=2_050)) == 2_050


def test_a_document_of_many_parts_counts_once(open_postgres):
    store = open_postgres(index(140, fields=["parts[*]"]))
    parts = {n: [f"w{n} tea {part}" for part in range(20)] for n in range(110)}
    store.batch([PutOp(NS, str(n), {"parts": found}) for n, found in parts.items()])
    found = store.search(NS, query="tea", limit=105)
    assert len(found) == len(set(keys(found))) == 105
    assert keys(store.search(NS, query="w7 tea", limit=5))[0] == "7"


@pytest.mark.parametrize("dims", [2_500, 5_000])
def test_long_vectors_are_found_too(open_postgres, dims):
    store = open_postgres(index(dims))
    store.batch([PutOp(NS, str(n), {"text": f"w{n}"}) for n in range(40)])
    assert keys(store.search(NS, query="w7", limit=1)) == ["7"]


def test_a_store_without_an_embedder_leaves_no_old_vectors(postgres_url, postgres_schema):
    plain = PostgresStore(postgres_url, schema=postgres_schema)
    plain.put(NS, "before", {"text": "ferry"})
    with plain, PostgresStore(postgres_url, schema=postgres_schema, index=index()) as store:
        assert store.reindex() == 1
        store.put(NS, "k", {"text": "tea"})
        assert keys(store.search(NS, query="tea", limit=1)) == ["k"]
        plain.put(NS, "k", {"text": "train"})
        plain.delete(NS, "before")
        (item,) = store.search(NS, query="train")
        assert (item.key, item.value) == ("k", {"text": "train"})
        assert store.doctor() == []
        assert store.reindex() == 1
        assert store.search(NS, query="train")[0].score == pytest.approx(1)


def test_two_embedders_take_turns(postgres_url, postgres_schema):
    for dims in (8, 16, 8):
        with PostgresStore(postgres_url, schema=postgres_schema, index=index(dims)) as store:
            store.put(NS, "k", {"text": "tea"})
            store.put(NS, f"k{dims}", {"text": "ferry"})
            store.reindex()
            assert keys(store.search(NS, query="tea", limit=1)) == ["k"]


def test_a_database_without_pgvector_is_told(database):
    user = f"limited_{secrets.token_hex(4)}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'secret'")
        admin.execute(f"CREATE SCHEMA holdfast AUTHORIZATION {user}")
    try:
        limited = make_conninfo(database, user=user, password="secret")
        with pytest.raises(ConfigurationError, match=r"pgvector.*CREATE EXTENSION vector"):
            PostgresStore(limited, index=index())
        with PostgresStore(limited) as store:
            store.put(NS, "k", {"text": "tea"})
            assert keys(store.search(NS, query="tea")) == ["k"]
        with pytest.raises(StoreError, match="CREATE SCHEMA other AUTHORIZATION"):
            PostgresStore(limited, schema="other")
    finally:
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute(f"DROP OWNED BY {user}")
            admin.execute(f"DROP ROLE {user}")


# Opening


def test_opening_again_changes_nothing(postgres_url, postgres_schema):
    with PostgresStore(postgres_url, schema=postgres_schema) as store:
        store.put(NS, "k", {"v": 1})
        store.setup()
        store.setup()
    with PostgresStore.from_conn_string(postgres_url, pool_config={"max_size": 2}) as other:
        other.setup()
        assert other.schema == "holdfast"
        other.forget(NS)
    with open_store(postgres_url, schema=postgres_schema) as store:
        assert store.get(NS, "k").value == {"v": 1}


FORKING = """
import os, sys
from langgraph.store.base import PutOp
from holdfast import PostgresStore
from holdfast.testing.store_conformance import WordVectors
url, schema = sys.argv[1:]
index = {"embed": WordVectors(8), "dims": 8, "fingerprint": "words-8"}
PostgresStore  # everything is imported: from here on all are equally fast
for number in range(10):
    if not os.fork():
        store = PostgresStore(url, schema=schema, index=index)
        store.batch([PutOp(("p",), f"{number}-{n}", {"text": f"tea {n}"}) for n in range(3)])
        store.close()
        os._exit(0)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(10)]
sys.exit(max(codes))
"""


def test_ten_processes_open_a_new_store_at_once(database):
    command = [sys.executable, "-c", FORKING, database, "fresh"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with PostgresStore(database, schema="fresh", index=index(8)) as store:
        assert len(store.search(("p",), query="tea", limit=100)) == 30
        assert store.doctor() == []


def test_a_store_may_be_used_after_a_fork(postgres_url, postgres_schema, tmp_path):
    code = f"""
import os
from holdfast import PostgresStore
with PostgresStore({postgres_url!r}, schema={postgres_schema!r}) as store:
    store.put(("p",), "parent", {{}})
    child = os.fork()
    if not child:
        store.put(("p",), "child", {{}})
        assert len(store.search(("p",))) == 2
        store.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.put(("p",), "parent again", {{}})
    assert len(store.search(("p",))) == 3
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_store_that_is_not_closed_does_not_keep_the_process(postgres_url, postgres_schema):
    code = f"""
from holdfast import PostgresStore
store = PostgresStore({postgres_url!r}, schema={postgres_schema!r}, ttl={{"default_ttl": 5}})
store.put(("p",), "k", {{}})
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_tables_of_a_newer_holdfast_are_refused(postgres_url, postgres_schema, postgres_admin):
    PostgresStore(postgres_url, schema=postgres_schema).close()
    postgres_admin.execute(
        f"UPDATE {postgres_schema}.settings SET value = '99' WHERE name = 'format'"
    )
    with pytest.raises(StoreTooNew, match=r"has format 99|have format 99"):
        PostgresStore(postgres_url, schema=postgres_schema)


@pytest.mark.parametrize(
    "theirs", ["settings (name text, theirs int)", "settings (a int)", "items ()"]
)
def test_tables_of_others_are_refused_and_left(
    postgres_url, postgres_schema, postgres_admin, theirs
):
    postgres_admin.execute(f"CREATE SCHEMA {postgres_schema}")
    postgres_admin.execute(f"CREATE TABLE {postgres_schema}.{theirs}")
    with pytest.raises(StoreUnreadable, match="another program"):
        PostgresStore(postgres_url, schema=postgres_schema)
    count = "SELECT count(*) FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'"
    assert postgres_admin.execute(count, [postgres_schema]).fetchone() == (1,)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"schema": "a; DROP"}, "schema must be a name"),
        ({"schema": "pg_mine"}, "schema must be a name"),
        ({"schema": None}, "schema must be a name"),
        ({"pool_size": 0}, "pool_size"),
        ({"connect_timeout": "soon"}, "connect_timeout"),
    ],
)
def test_settings_that_cannot_work_are_refused(setting, said):
    with pytest.raises(ConfigurationError, match=said):
        PostgresStore("postgresql://localhost/x", **setting)


def test_a_missing_package_is_named():
    code = """
import sys
import holdfast.stores, holdfast.stores.postgres.store
assert not {"psycopg", "psycopg_pool", "numpy"} & set(sys.modules)
sys.modules["psycopg"] = None
holdfast.stores.postgres.store.PostgresStore("postgresql://localhost/x")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigurationError" in done.stderr
    assert "pip install 'holdfast[postgres]'" in done.stderr


# What breaks


def test_errors_name_the_database_and_no_password(tmp_path):
    for url in (
        "postgresql://nora:hush-hush@127.0.0.1:1/memories",
        f"postgresql://nora:hush-hush@/memories?host={tmp_path}",
    ):
        with pytest.raises(StoreError, match="memories") as caught:
            PostgresStore(url, connect_timeout=2)
        assert "hush" not in str(caught.value) + str(caught.value.__cause__)
    for url in ("postgresql://nora:hush-%ZZhush@host/memories", "no address", "", None):
        with pytest.raises(ConfigurationError) as caught:
            PostgresStore(url)
        assert "hush" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_store_shows_where_it_is_and_no_password(postgres_url, store):
    known = conninfo_to_dict(postgres_url)
    assert repr(store).startswith("PostgresStore('")
    assert repr(store).endswith(f"dbname={known['dbname']}', schema={store.schema!r})")
    assert "password" not in repr(store)
    assert "user" not in repr(store)


def test_closing_twice_is_harmless_and_use_after_it_is_told(open_postgres):
    store = open_postgres()
    store.put(NS, "k", {})
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="was closed"):
        store.get(NS, "k")
    with pytest.raises(StoreClosed, match="was closed; open it again"):
        store.note_recall(NS, ["k"])
    with pytest.raises(StoreClosed, match="was closed; open it again"):
        asyncio.run(store.anote_recall(NS, ["k"]))
    store.close()


def backends(admin, store):
    """Return the server's processes that are just at work for a store."""
    rows = admin.execute(
        "SELECT DISTINCT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE c.relnamespace = %s::regnamespace",
        [store.schema],
    ).fetchall()
    return [pid for (pid,) in rows]


def test_a_connection_that_breaks_in_the_middle_leaves_nothing_half_written(store, postgres_admin):
    store.put(NS, "before", {"v": 1})
    halt = Halt("put_item")
    changes = ChangeSet(NS, (Write("before", {"v": 2}), Write("new", {"v": 2})))
    plan = partial(commit, prepare(changes, store.indexing, None), None)
    racer = halted(store, halt, plan)
    (pid,) = backends(postgres_admin, store)
    assert postgres_admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (
        True,
    )
    halt.going.set()
    with pytest.raises(StoreLost, match="nothing was written"):
        racer.result()
    assert [(item.key, item.value) for item in store.search(NS)] == [("before", {"v": 1})]
    assert len(store.history(NS, "before")) == 1
    assert store.doctor() == []


def test_a_connection_that_breaks_in_a_commit_leaves_a_doubt(store, postgres_admin):
    store.put(NS, "before", {})
    postgres_admin.execute(
        f"""
        CREATE FUNCTION {store.schema}.die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON {store.schema}.items
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {store.schema}.die()
        """
    )
    with pytest.raises(StoreLost, match="not known whether it was written"):
        store.put(NS, "new", {})
    assert keys(store.search(NS)) == ["before"]


def test_connections_that_broke_while_nobody_used_them_do_not_show(database):
    with PostgresStore(database) as store:
        racers = [Racer(store.put, NS, str(n), {}) for n in range(5)]
        for racer in racers:
            racer.result()
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        store.put(NS, "after", {})
        assert len(store.search(NS)) == 6


def test_a_database_that_is_gone_is_lost(database, postgres_admin):
    name = conninfo_to_dict(database)["dbname"]
    with PostgresStore(database, connect_timeout=0.3) as store:
        store.put(NS, "k", {})
        postgres_admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres_admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        for ask in (lambda: store.put(NS, "k", {}), lambda: store.get(NS, "k")):
            with pytest.raises(StoreLost, match=r"Cannot connect .*nothing was written"):
                ask()
        with pytest.raises(StoreError) as caught:
            PostgresStore(database, connect_timeout=0.3)
        assert not isinstance(caught.value, StoreLost)


def test_a_pool_that_is_used_up_is_busy(open_postgres):
    store = open_postgres(pool_size=1, connect_timeout=0.3)
    store.put(NS, "k", {})
    halt = Halt("Lock")
    racer = halted(store, halt, partial(locking, (("a.b", "k"),)))
    with pytest.raises(StoreBusy, match=r"All 1 connections .* larger pool_size"):
        store.get(NS, "k")
    halt.going.set()
    racer.result()
    assert store.get(NS, "k")


def locking(places):
    yield Lock(places)
    yield Sql("setting", {"name": "format"})


def test_a_lock_that_is_waited_for_too_long_is_busy(postgres_url, open_postgres):
    store = open_postgres()
    hasty = make_conninfo(postgres_url, options="-c lock_timeout=100ms")
    halt = Halt("setting")
    racer = halted(store, halt, partial(locking, (("a.b", "k"),)))
    with PostgresStore(hasty, schema=store.schema) as other:
        with pytest.raises(StoreBusy, match="nothing was written"):
            other.put(NS, "k", {})
        other.put(NS, "l", {})  # another key is free
    halt.going.set()
    racer.result()
    assert keys(store.search(NS)) == ["l"]


def test_a_statement_that_takes_too_long_is_busy(postgres_url, open_postgres):
    store = open_postgres()
    hasty = make_conninfo(postgres_url, options="-c statement_timeout=100ms")
    halt = Halt("setting")
    racer = halted(store, halt, partial(locking, (("a.b", ""),)))
    with PostgresStore(hasty, schema=store.schema) as other:
        with pytest.raises(StoreBusy, match="statement timeout"):
            other.put(NS, "k", {})
    halt.going.set()
    racer.result()


def test_who_may_only_read_is_told(postgres_url, postgres_admin, store):
    store.put(NS, "k", {"text": "tea"})
    reader = f"reader_{secrets.token_hex(4)}"
    postgres_admin.execute(
        f"CREATE ROLE {reader} LOGIN PASSWORD 'secret'; "
        f"GRANT USAGE ON SCHEMA {store.schema} TO {reader}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {store.schema} TO {reader}"
    )
    try:
        url = make_conninfo(postgres_url, user=reader, password="secret")
        with PostgresStore(url, schema=store.schema) as other:
            assert keys(other.search(NS, query="tea")) == ["k"]
            with pytest.raises(StoreError, match=r"permission denied .* nothing was written"):
                other.put(NS, "k", {})
    finally:
        postgres_admin.execute(f"DROP OWNED BY {reader}; DROP ROLE {reader}")


def test_damaged_values_are_told(store, postgres_admin):
    store.put(NS, "k", {"v": 1})
    postgres_admin.execute(f"UPDATE {store.schema}.versions SET value = '{{'")
    with pytest.raises(StoreUnreadable, match="backup"):
        store.get(NS, "k")


# Who comes second


def test_writers_of_overlapping_places_never_stand_in_each_others_way(database):
    names = [(str(n % 5),) for n in range(5)]

    def work(store, number):
        chance = random.Random(number)
        for turn in range(12):
            some = [(ns, str(k)) for ns in names for k in range(40)]
            picked = chance.sample(some, chance.choice([2, 10, 2 * SINGLE]))
            store.batch([PutOp(ns, key, {"by": number, "turn": turn}) for ns, key in picked])
            if turn % 4 == 3:
                store.forget(chance.choice(names))

    with PostgresStore(database) as store:
        for racer in [Racer(work, store, number) for number in range(5)]:
            racer.result()
        assert store.doctor() == []
    with psycopg.connect(database, autocommit=True) as admin:
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert admin.execute(asked).fetchone() == (0,)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "a.b", "b"]), st.text(max_size=3)), max_size=100),
    st.lists(st.tuples(st.sampled_from(["a", "a.b", "b"]), st.text(max_size=3)), max_size=100),
)
def test_whoever_writes_to_one_place_meets_in_a_lock(one, other):
    first, second = wanted("s", one), wanted("s", other)
    assert first["numbers"] == sorted(set(first["numbers"]))
    shared = {"first": dict(zip(*first.values(), strict=True))}
    shared["second"] = dict(zip(*second.values(), strict=True))
    both = set(first["numbers"]) & set(second["numbers"])
    meet = any(not (shared["first"][n] and shared["second"][n]) for n in both)
    whole = {path for path, key in one if not key} & {path for path, _ in other}
    assert meet or not (set(one) & set(other) or whole)


def test_two_writers_of_one_key_count_on(store):
    store.put(NS, "count", {"n": 0})

    def add():
        for _ in range(10):
            while True:
                (record,) = store.records(NS, ["count"])
                value = {"n": record.version.value["n"] + 1}
                write = Write("count", value, expect=record.version.revision)
                if store.commit(ChangeSet(NS, (write,))).revision:
                    break

    for racer in [Racer(add) for _ in range(4)]:
        racer.result()
    assert store.get(NS, "count").value == {"n": 40}
    assert len(store.history(NS, "count")) == 41


def test_a_deadlock_is_run_again(store):
    for key in "ab":
        store.put(NS, key, {})
    first = threading.Barrier(2)
    tries = []

    def recalling(order):
        (space,) = yield Sql("space", {"path": "a.b"})
        tries.append(order)
        for number, key in enumerate(order):
            yield from count(space["id"], {key: 1}, now_text(), used=True)
            yield Sql("space", {"path": "a.b"})
            if number == 0 and len(tries) <= 2:
                first.wait(20)

    turns = [Transaction(partial(recalling, order), writes=True) for order in ("ab", "ba")]
    for racer in [Racer(store.transact, turn) for turn in turns]:
        racer.result()
    assert len(tries) == 3
    assert [record.recalls for record in store.records(NS, ["a", "b"])] == [2, 2]


def test_a_message_that_comes_twice_at_once_is_kept_once(store):
    def telling(*texts):
        spoken = tuple(Message("user", text, id=text) for text in texts)
        changes = ChangeSet(NS, journal=(Said(spoken),))
        return partial(commit, prepare(changes, store.indexing, None), None)

    halt = Halt("put_message")
    first = halted(store, halt, telling("one", "two"))
    second = Racer(store.transact, Transaction(telling("two", "three"), writes=True))
    assert second.waits()
    halt.going.set()
    assert [change.action for change in first.result().journal] == ["inserted", "inserted"]
    assert [change.action for change in second.result().journal] == ["unchanged", "inserted"]
    assert len(store.journal(NS)) == 3


def test_a_sweep_leaves_what_was_written_anew(store):
    store.put(NS, "k", {"v": 1}, ttl=0)
    halt = Halt("expired")
    sweep = halted(store, halt, partial(erasing.sweep, 10))
    store.put(NS, "k", {"v": 2})
    halt.going.set()
    assert sweep.result() == 0
    assert store.get(NS, "k").value == {"v": 2}


@pytest.fixture
def late(postgres_url, postgres_schema):
    """A store with one memory that has no vector yet, and the plan that would write it."""
    with PostgresStore(postgres_url, schema=postgres_schema) as plain:
        plain.put(NS, "k", {"text": "old"})
    with PostgresStore(postgres_url, schema=postgres_schema, index=index()) as store:
        embedder = store.indexing.embedder
        pending = partial(reindexing.pending, (), embedder.fingerprint, 0, store.indexing)
        waiting = store.transact(Transaction(pending, writes=False))
        vectors = {"old": Vector.of(embedder.query("old"))}
        yield store, partial(reindexing.fill, waiting, vectors, embedder.fingerprint)


def test_vectors_made_late_are_replaced_by_newer_ones(late):
    store, fill = late
    halt = Halt("has_embedder")
    filling = halted(store, halt, fill)
    putting = Racer(store.put, NS, "k", {"text": "new"})
    assert putting.waits()
    halt.going.set()
    filling.result()
    putting.result()
    assert store.search(NS, query="new")[0].score == pytest.approx(1)
    assert store.doctor() == []


def test_vectors_made_late_do_not_replace_newer_ones(late):
    store, fill = late
    halt = Halt("put_document")
    ready = prepare(ChangeSet(NS, (Write("k", {"text": "new"}),)), store.indexing, None)
    ready.embedded({"new": Vector.of(store.indexing.embedder.query("new"))})
    putting = halted(store, halt, partial(commit, ready, store.indexing.fingerprint))
    filling = Racer(store.transact, Transaction(fill, writes=True))
    assert filling.waits()
    halt.going.set()
    putting.result()
    filling.result()
    assert store.search(NS, query="new")[0].score == pytest.approx(1)
    assert store.doctor() == []


# The statements


def test_postgresql_understands_every_statement(store, postgres_url):
    ours = {name: one.text for name, one in statements().items() if "{" not in one.text}
    with psycopg.connect(postgres_url) as db:
        db.execute(f"SET search_path TO {store.schema}")
        for name in sorted(set(ours) - {"take_up_pgvector"}):
            with db.transaction():
                db.execute(f"EXPLAIN {ours[name]}", defaultdict(lambda: None), prepare=False)
    assert len(ours) > 100
