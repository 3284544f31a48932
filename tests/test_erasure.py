"""What is forgotten is gone to the last byte, with all that was made from it."""

import array
import hashlib
import json
import math
import os
import random
import resource
import secrets
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager

import pytest
from langgraph.store.base import PutOp

from holdfast import open_store
from holdfast.history import ChangeSet, Cursor, Job, Provenance, Said, Source, Write
from holdfast.memory import Message

DIMS = 8


def embed(texts):
    """Return a vector for each text that tells it from all others."""
    digests = (hashlib.shake_128(text.encode()).digest(2 * DIMS) for text in texts)
    return [[int.from_bytes(d[i : i + 2]) + 1.0 for i in range(0, len(d), 2)] for d in digests]


def unit(text):
    """Return a text's vector as it is stored: of length 1, in float32."""
    (vector,) = embed([text])
    return array.array("f", [n / math.hypot(*vector) for n in vector])


INDEX = {"embed": embed, "dims": DIMS, "fingerprint": "test"}


class SqliteVault:
    """One SQLite file, and every byte that is stored with it."""

    def __init__(self, folder):
        self.url = str(folder / "x.db")

    def open(self, index=INDEX, **settings):
        return open_store(self.url, index=index, **settings)

    def bytes(self):
        files = (self.url, f"{self.url}-wal", f"{self.url}-shm")
        there = [file for file in files if os.path.exists(file)]
        # By another process: whoever closes a file drops all locks of his process on it.
        return subprocess.run(["cat", *there], check=True, stdout=subprocess.PIPE).stdout

    def rows(self, sql):
        raw = sqlite3.connect(self.url)
        try:
            return raw.execute(sql).fetchall()
        finally:
            raw.close()

    def vector(self, text):
        return unit(text).tobytes()


class PostgresVault:
    """One schema of a PostgreSQL database, and every row in it, as a dump would have them."""

    def __init__(self, opened, schema, admin):
        self._opened = opened
        self._schema = schema
        self._admin = admin

    def open(self, index=INDEX):
        return self._opened(index=index, schema=self._schema)

    def bytes(self):
        tables = self.rows(f"SELECT tablename FROM pg_tables WHERE schemaname = '{self._schema}'")
        rows = (row for (name,) in tables for row in self.rows(f"SELECT t::text FROM {name} t"))
        return "\n".join(text for (text,) in rows).encode()

    def rows(self, sql):
        self._admin.execute(f"SET search_path = {self._schema}, public")
        return self._admin.execute(sql).fetchall()

    def vector(self, text):
        from numpy import float32

        return ",".join(str(float32(number)) for number in unit(text)[:4]).encode()


@pytest.fixture(params=["sqlite", "postgres"])
def vault(request, tmp_path):
    if request.param == "sqlite":
        return SqliteVault(tmp_path)
    names = ("open_postgres", "postgres_schema", "postgres_admin")
    return PostgresVault(*map(request.getfixturevalue, names))


@pytest.fixture
def store(vault):
    with vault.open() as opened:
        yield opened


class Canaries:
    """Words that are nowhere else in the world, by what they stand for."""

    def __init__(self):
        self._words = {}

    def __getattr__(self, name):
        return self._words.setdefault(name, f"zq{secrets.token_hex(12)}")

    def of(self, *beginnings):
        return [word for name, word in self._words.items() if name.startswith(beginnings)]


def left(data, words):
    """Return what of the words can be read in some bytes, also cut off at either end."""
    pieces = {word: (word[:14], word[-14:]) for word in words}
    return [w for w in words if any(piece.encode() in data for piece in pieces[w])]


def others(store, count=40):
    """Write memories that must not be touched."""
    for namespace in (("m",), ("m", "other"), ("x",)):
        store.batch(
            [
                PutOp(namespace, f"kept-{n}", {"content": f"harmless {n} {'and long ' * (n % 90)}"})
                for n in range(count)
            ]
        )


def kept(store, count=40):
    """Tell whether these are all there, in good order."""
    items = [item for item in store.search((), limit=1_000) if item.key.startswith("kept-")]
    return len(items) == 3 * count and store.doctor() == []


def talk(words):
    """Return a message in which every part is a canary."""
    call = ((words.talk_tool, json.dumps({"q": words.talk_call})),)
    return Message("user", f"I am {words.talk_text}", words.talk_speaker, None, words.talk_id, call)


def remember(store, words, namespace):
    """Write memories in every way that leaves traces, all from one source; return the message."""
    talked = Said((talk(words),), words.talk_thread)
    message = store.commit(ChangeSet(namespace, journal=(talked,))).journal[0].key
    source = Provenance(
        "user",
        words.talk_thread,
        words.memory_run,
        (message,),
        (words.memory_document,),
        ("origin",),
        words.memory_model,
        words.memory_prompt,
    )

    def write(key, value, **settings):
        settings = {"provenance": source, **settings}
        return store.commit(ChangeSet(namespace, (Write(key, value, **settings),))).revision

    key = words.memory_key
    write(key, {"tag": "secret", "content": words.memory_first})
    # The name of one that is gone otherwise would be known from that itself.
    store.put(namespace, "older", {"content": "nothing to hide"})
    write(key, {"tag": "secret", "content": words.memory_second}, supersedes=("older",))
    write(key, {"tag": "secret", "content": words.memory_unindexed}, index=False)
    write(key, None)
    big = " ".join(getattr(words, f"memory_big_{n}") for n in range(40)) + " and long" * 2_000
    write(key, {"tag": "secret", "content": big, words.memory_field: [words.memory_inner]})
    store.pin(namespace, key)
    store.commit(ChangeSet(namespace, recalled=(key,)))
    for n in range(40):
        write(words.memory_often, {"tag": "secret", "n": n, "content": f"{words.memory_many} {n}"})
    write(words.memory_wide, {"tag": "secret", words.memory_path: {"a": words.memory_deep}})
    made = Provenance(memories=(key,))
    write(words.memory_made, {"tag": "secret", "content": words.memory_gist}, provenance=made)
    return message


WAYS = {
    "key": lambda words, message: {"key": words.memory_key},
    "thread": lambda words, message: {"source": Source("thread", words.talk_thread)},
    "message": lambda words, message: {"source": Source("message", message)},
    "message by key": lambda words, message: {"key": message},
    "run": lambda words, message: {"source": Source("run", words.memory_run)},
    "document": lambda words, message: {"source": Source("document", words.memory_document)},
    "memory": lambda words, message: {"source": Source("memory", "origin")},
    "filter": lambda words, message: {"filter": {"tag": "secret"}},
    "namespace": lambda words, message: {},
}


@pytest.mark.parametrize("way", WAYS)
def test_no_byte_of_what_was_forgotten_is_left(vault, store, way):
    words = Canaries()
    namespace = ("m", words.label)
    others(store)
    message = remember(store, words, namespace)
    others(store)
    everything = words.of("memory", "talk", "label")
    before = vault.bytes()
    assert left(before, everything) == everything
    assert vault.vector(f"secret {words.memory_gist}") in before

    asked = WAYS[way](words, message)
    erased = store.forget(namespace, **asked)
    assert (erased.complete, erased.reason) == (True, None)
    assert left(json.dumps(erased.to_dict()).encode(), everything) == []
    gone = words.of("memory")
    if way == "key":
        own = ("memory_often", "memory_many", "memory_wide", "memory_path", "memory_deep")
        shared = ("memory_run", "memory_document", "memory_model", "memory_prompt")
        gone = [word for word in gone if word not in words.of(*own, *shared)]
        assert (erased.memories, erased.messages) == (2, 0)
    else:
        assert erased.memories == (5 if way == "namespace" else 4)
    if way in ("thread", "message", "message by key", "namespace"):
        gone += words.of("talk")
        assert erased.messages == 1
    if way == "namespace":
        gone += words.of("label")
    data = vault.bytes()
    assert left(data, gone) == []
    assert vault.vector(f"secret {words.memory_gist}") not in data
    assert (vault.vector(f"secret 39 {words.memory_many} 39") in data) is (way == "key")
    assert kept(store)
    assert set(everything) - set(gone) == set(left(data, everything))


def test_nothing_is_left_between_many_others(vault, store):
    """Pages of the file are merged while rows go, and rows that go later are copied with them."""
    dice = random.Random(7)
    bad = Provenance(documents=("bad",))
    secret, writes = [], []
    for n in range(1_000):
        words = [f"harmless{n}", secrets.token_hex(9)]
        if dice.random() < 0.8:
            secret.append(f"zq{secrets.token_hex(12)}")
            words.append(secret[-1])
        value = {"content": " ".join(reversed(words))}
        writes.append(Write(f"k{n}", value, provenance=bad if len(words) > 2 else None))
    for start in range(0, len(writes), 100):
        store.commit(ChangeSet(("m",), tuple(writes[start : start + 100])))
    erased = store.forget((), source=Source("document", "bad"))
    assert (erased.memories, erased.complete) == (len(secret), True)
    assert left(vault.bytes(), secret) == []
    assert len(store.search((), limit=1_000)) == 1_000 - len(secret)
    assert store.doctor() == []


@pytest.mark.parametrize("what", ["a cursor", "a job", "deleted before", "a label"])
def test_names_go_with_their_namespace_also_where_nothing_else_is_left(vault, store, what):
    words = Canaries()
    namespace = ("m", words.label)
    others(store)
    if what == "a cursor":
        store.commit(ChangeSet(namespace, cursors=(Cursor(words.thread, 3, words.reader),)))
    elif what == "a job":
        store.commit(ChangeSet(namespace, jobs=(Job(words.job, {"text": words.payload}),)))
    elif what == "deleted before":
        store.put(namespace, words.key, {"content": words.text})
        store.forget(namespace, key=words.key)
    else:
        store.commit(ChangeSet(namespace, finished=(words.job,)))
    assert store.forget(namespace).complete
    assert left(vault.bytes(), words.of("")) == []
    assert kept(store)


def test_a_threads_name_goes_also_where_nothing_was_said_in_it(vault, store):
    words = Canaries()
    store.commit(ChangeSet(("m",), cursors=(Cursor(words.thread, 3, words.reader),)))
    store.commit(ChangeSet(("m",), cursors=(Cursor("stays", 3),)))
    assert store.forget(("m",), source=Source("thread", words.thread)).complete
    assert store.threads(("m",)) == {"stays": 0}
    assert left(vault.bytes(), words.of("")) == []


def test_other_open_stores_are_no_obstacle(vault, store):
    words = Canaries()
    with vault.open() as other:
        store.put(("m",), "k", {"content": words.text})
        assert other.search(("m",), query=words.text)
        assert store.forget(("m",), key="k").complete
        assert left(vault.bytes(), words.of("")) == []
        assert other.search(("m",), query=words.text) == []


# When it cannot be finished at once

READER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM items").fetchone()[0], flush=True)
sys.stdin.readline()
"""


@contextmanager
def reading(path):
    """Let another process read, in a transaction that it keeps open."""
    command = [sys.executable, "-c", READER, path]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline()
        yield
        process.communicate("go\n", timeout=30)


@pytest.fixture
def sqlite_vault(tmp_path):
    return SqliteVault(tmp_path)


@pytest.mark.parametrize("end", ["open", "forget"])
def test_with_a_reader_in_the_way_the_receipt_says_so_and_it_is_finished_later(sqlite_vault, end):
    words, vault = Canaries(), sqlite_vault
    with vault.open(busy_timeout=0.1) as store:
        others(store)
        store.put(("m",), "k", {"content": words.text})
        with reading(vault.url):
            erased = store.forget(("m",), key="k")
            assert (erased.memories, erased.complete) == (1, False)
            assert "a reader holds the write-ahead log" in erased.reason
            assert "the next opening of the store" in erased.reason
            assert left(vault.bytes(), words.of(""))
            assert store.get(("m",), "k") is None
            assert store.forget(("m",), key="never there").complete is False
        assert left(vault.bytes(), words.of(""))
        if end == "forget":
            assert store.forget(("m",), key="never there").complete is True
        else:
            vault.open().close()
        assert left(vault.bytes(), words.of("")) == []
        assert vault.rows("SELECT * FROM settings WHERE name = 'scrub'") == []
        assert kept(store)


def test_without_room_for_a_new_file_the_receipt_says_so_and_it_is_finished_later(sqlite_vault):
    words, vault = Canaries(), sqlite_vault
    with vault.open() as store:
        others(store)
        store.put(("m",), "k", {"content": words.text})
    with vault.open() as store:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(vault.url) // 2, before[1]))
        try:
            erased = store.forget(("m",), key="k")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (erased.memories, erased.complete) == (1, False)
        assert "could not be written anew" in erased.reason
        assert store.get(("m",), "k") is None
    with vault.open() as store:
        assert left(vault.bytes(), words.of("")) == []
        assert kept(store)


KILLED = """
import os, signal, sys
from holdfast import open_store
store = open_store(sys.argv[1])
store.scrub = lambda: os.kill(os.getpid(), signal.SIGKILL)
store.forget(("m",), key=sys.argv[2])
"""


def test_killed_before_the_bytes_are_gone_the_next_opening_takes_them(sqlite_vault):
    words, vault = Canaries(), sqlite_vault
    with vault.open() as store:
        others(store)
        store.put(("m",), words.key, {"content": words.text})
    command = [sys.executable, "-c", KILLED, vault.url, words.key]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert left(vault.bytes(), words.of(""))
    with vault.open() as store:
        assert left(vault.bytes(), words.of("")) == []
        assert store.get(("m",), words.key) is None
        assert kept(store)


# What goes, and what stays

NS = ("m",)
BAD = Source("document", "bad.pdf")
FROM_BAD = Provenance(documents=("bad.pdf",))


def write(store, key, text, namespace=NS, **settings):
    value = None if text is None else {"content": text}
    return store.commit(ChangeSet(namespace, (Write(key, value, **settings),))).revision


def contents(store, key, namespace=NS):
    return [v.value and v.value["content"] for v in store.history(namespace, key)]


def found(vault, query):
    """Return keys by words alone."""
    with vault.open(index=None) as plain:
        return [item.key for item in plain.search(NS, query=query)]


def test_a_memory_falls_back_to_its_last_version_without_the_source(vault, store):
    write(store, "nora", "lives in Berlin")
    write(store, "nora", "lives in Atlantis", provenance=FROM_BAD)
    write(store, "nora", "lives in Atlantis happily")
    created = store.get(NS, "nora").created_at
    erased = store.forget((), source=BAD)
    assert (erased.memories, erased.restored, erased.versions) == (0, 1, 2)
    item = store.get(NS, "nora")
    assert (item.value, item.created_at) == ({"content": "lives in Berlin"}, created)
    assert contents(store, "nora") == ["lives in Berlin"]
    assert found(vault, "berlin") == ["nora"]
    assert found(vault, "atlantis") == []
    assert [i.key for i in store.search(NS, query="berlin")] == ["nora"]
    assert store.reindex() == 1
    assert store.search(NS, query="lives in Berlin")[0].score == pytest.approx(1.0)
    write(store, "nora", "lives in Rome", expect=store.history(NS, "nora")[0].revision)
    assert contents(store, "nora") == ["lives in Berlin", "lives in Rome"]
    assert store.doctor() == []


def test_a_version_in_the_middle_goes_with_what_was_made_from_it(store):
    write(store, "nora", "one")
    write(store, "nora", "bad", provenance=FROM_BAD)
    write(store, "nora", None)
    write(store, "nora", "fresh")
    write(store, "nora", "fresh and more")
    erased = store.forget(NS, source=BAD)
    assert (erased.memories, erased.restored, erased.versions) == (0, 0, 1)
    assert contents(store, "nora") == ["one", None, "fresh", "fresh and more"]
    assert store.get(NS, "nora").value == {"content": "fresh and more"}
    assert store.doctor() == []


def test_what_was_deleted_does_not_come_back(store):
    write(store, "nora", "lives in Berlin")
    write(store, "nora", "lives in Atlantis", provenance=FROM_BAD)
    write(store, "nora", None)
    write(store, "ines", "lives in Porto")
    write(store, "ines", None, provenance=FROM_BAD)
    write(store, "gone", "all bad", provenance=FROM_BAD)
    write(store, "gone", None)
    write(store, "again", "clean")
    write(store, "again", None)
    write(store, "again", "bad", provenance=FROM_BAD)
    erased = store.forget(NS, source=BAD)
    assert (erased.memories, erased.restored, erased.versions) == (1, 0, 4)
    for key in ("nora", "ines", "again"):
        assert store.get(NS, key) is None
        assert contents(store, key)[-1] is None
        assert store.as_of("2999-01-01", NS, key=key) == []
    assert contents(store, "gone") == []
    assert store.derived_from((), BAD) == []
    assert store.doctor() == []


def test_what_names_an_erased_memory_as_its_source_goes_too(store):
    write(store, "fact", "from bad", provenance=FROM_BAD)
    write(store, "sum", "of the fact", provenance=Provenance(memories=("fact",)))
    write(store, "sum of sums", "of the sum", provenance=Provenance(memories=("sum", "other")))
    write(store, "other", "free of it")
    erased = store.forget(NS, source=BAD)
    assert (erased.memories, erased.versions) == (3, 3)
    assert [item.key for item in store.search(NS)] == ["other"]


def test_what_was_made_before_a_memory_turned_bad_stays(store):
    write(store, "fact", "clean")
    write(store, "sum", "of the clean fact", provenance=Provenance(memories=("fact",)))
    write(store, "fact", "bad", provenance=FROM_BAD)
    write(store, "late sum", "of the bad fact", provenance=Provenance(memories=("fact",)))
    erased = store.forget(NS, source=BAD)
    assert (erased.memories, erased.restored, erased.versions) == (1, 1, 2)
    assert {item.key for item in store.search(NS)} == {"fact", "sum"}


def test_a_memory_of_the_same_key_elsewhere_is_another(store):
    for who in ("nora", "ines"):
        bad = FROM_BAD if who == "nora" else None
        write(store, "profile", who, namespace=("m", who), provenance=bad)
        made = Provenance(memories=("profile",))
        write(store, "sum", f"of {who}", namespace=("m", who), provenance=made)
    assert store.forget(("m",), source=BAD).memories == 2
    assert {i.key for i in store.search(("m", "ines"))} == {"profile", "sum"}
    assert store.forget(("m",), filter={"content": "ines"}).memories == 2


def test_what_a_memory_is_superseded_by_goes_with_it(store):
    write(store, "old", "lives in Berlin")
    write(store, "new", "lives in Atlantis", supersedes=("old",), provenance=FROM_BAD)
    assert store.records(NS, ["old"])[0].superseded_by == ("new",)
    store.forget(NS, source=BAD)
    assert store.records(NS, ["old"])[0].superseded_by == ()


def test_a_filter_takes_memories_with_all_their_versions(store):
    write(store, "a", "first")
    write(store, "a", "secret")
    write(store, "b", "kept")
    store.put(("m", "deep"), "c", {"content": "secret"})
    erased = store.forget(NS, filter={"content": {"$eq": "secret"}})
    assert (erased.memories, erased.versions, erased.messages) == (2, 3, 0)
    assert contents(store, "a") == []
    assert [item.key for item in store.search(())] == ["b"]


def test_a_namespace_is_taken_with_what_stands_below_it_and_nothing_else(store):
    for namespace in (("m",), ("m", "a"), ("m", "a", "b"), ("m", "ab"), ("m", "a-")):
        store.put(namespace, "k", {"content": "x"})
        said = Said((Message("user", "hello"),), "monday")
        store.commit(ChangeSet(namespace, journal=(said,), cursors=(Cursor("monday", 1),)))
    erased = store.forget(("m", "a"))
    assert (erased.memories, erased.versions, erased.messages) == (2, 2, 2)
    assert store.list_namespaces() == [("m",), ("m", "a-"), ("m", "ab")]
    assert len(store.journal(())) == 3
    assert store.threads(("m", "a")) == {}
    assert store.cursor(("m", "a"), "monday") == 0
    assert store.doctor() == []


def test_one_message_may_be_forgotten_and_the_rest_of_the_talk_stays(store):
    said = Said(tuple(Message("user", text) for text in ("one", "two", "three")), "monday")
    receipt = store.commit(ChangeSet(NS, journal=(said,), cursors=(Cursor("monday", 3),)))
    _, key, _ = (change.key for change in receipt.journal)
    write(store, "fact", "from two", provenance=Provenance(messages=(key,)))
    erased = store.forget(NS, source=Source("message", key))
    assert (erased.memories, erased.messages) == (1, 1)
    assert [e.seq for e in store.journal(NS, "monday")] == [1, 3]
    assert store.cursor(NS, "monday") == 3
    assert store.search_journal(NS, "two") == []
    assert store.threads(NS) == {"monday": 3}
    assert store.forget(NS, source=Source("message", key)) == store.forget(("nowhere",))


def test_of_erased_versions_a_salted_digest_stays_and_no_salt(vault, store):
    value = {"content": "lives in Atlantis"}
    write(store, "kept", "stays")
    write(store, "nora", value["content"], provenance=FROM_BAD)
    (sealed,) = vault.rows("SELECT id, salt, digest FROM versions WHERE key = 'nora'")
    id, salt, digest = sealed
    text = f"{salt}\n{json.dumps(value)}"
    assert hashlib.blake2b(text.encode(), digest_size=32).hexdigest() == digest
    store.forget(NS, source=BAD)
    assert vault.rows("SELECT version, digest FROM erased") == [(id, digest)]
    assert salt.encode() not in vault.bytes()
    other = vault.rows("SELECT salt FROM versions WHERE key = 'kept'")[0][0]
    assert other not in ("", salt)


def test_the_receipt_of_nothing_to_forget_counts_nothing(store):
    write(store, "kept", "stays")
    for asked in ({"key": "none"}, {"source": BAD}, {"filter": {"content": "none"}}):
        erased = store.forget(NS, **asked)
        assert erased.to_dict() == {
            "memories": 0,
            "restored": 0,
            "versions": 0,
            "messages": 0,
            "complete": True,
            "reason": None,
        }
    assert store.get(NS, "kept")
