"""Files of format 1, from before there was a ledger, are brought up to date when opened."""

import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import fault_writers as writers
import pytest
from fault_log import NS
from fault_processes import INDEX, Orders, processes, start
from format_one import BEGAN, build, message
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import StoreTooNew
from holdfast.history import ChangeSet, Said, Write
from holdfast.memory import Message
from holdfast.stores.opening import open_store

TEA = {"kind": "Memory", "content": {"content": "likes tea"}}


@pytest.fixture
def old(tmp_path):
    """Return a function that makes a file of format 1 and opens it."""
    opened = []

    def old(items, **more):
        path = tmp_path / f"{len(opened)}.db"
        build(path, items)
        opened.append(open_store(path, **more))
        return opened[-1]

    yield old
    for store in opened:
        store.close()


def test_memories_are_there_with_their_times_and_words(old):
    store = old([(("m", "nora"), "tea", TEA), (("m",), "note", {"content": "take the ferry"})])
    assert store.doctor() == []
    tea = store.get(("m", "nora"), "tea")
    assert tea.value == TEA
    assert tea.created_at == tea.updated_at == BEGAN + timedelta(seconds=1)
    assert [item.key for item in store.search(("m",))] == ["note", "tea"]
    assert [item.key for item in store.search(("m",), query="ferry")] == ["note"]
    assert store.list_namespaces() == [("m",), ("m", "nora")]
    (version,) = store.history(("m", "nora"), "tea")
    assert (version.value, version.recorded_at) == (TEA, tea.updated_at)
    assert store.journal(()) == []


def test_messages_are_in_the_journal_and_no_longer_among_the_memories(old):
    told = [
        message("monday", 1, "be kind", role="system"),
        message("monday", 2, "book the ferry", speaker="Nora", time="2026-01-02T10:00:00"),
        message("monday", 4, "", role="assistant", calls=[{"tool": "book", "arguments": "{}"}]),
        message("monday", 3, "done", role="tool", id="t1"),
        message("sunday", 1, "good morning"),
    ]
    store = old([(("m",), *one) for one in told] + [(("m",), "tea", TEA)])
    assert store.doctor() == []
    entries = store.journal(("m",), "monday")
    assert [entry.seq for entry in entries] == [1, 2, 3, 4]
    assert [entry.message for entry in entries] == [
        Message("system", "be kind"),
        Message("user", "book the ferry", "Nora", "2026-01-02T10:00:00"),
        Message("tool", "done", id="t1"),
        Message("assistant", "", calls=(("book", "{}"),)),
    ]
    assert entries[1].recorded_at == BEGAN + timedelta(seconds=2)
    assert store.threads(("m",)) == {"monday": 4, "sunday": 1}
    assert [entry.seq for entry in store.search_journal(("m",), "nora's ferry")] == [2]
    assert [item.key for item in store.search(())] == ["tea"]


def test_a_conversation_that_is_handed_in_again_is_not_kept_twice(old):
    thread = "monday"
    told = [
        ("system", "be kind", {}),
        ("user", "yes", {}),
        ("user", "yes", {}),
        ("assistant", "so be it", {"id": "a1"}),
        ("assistant", "", {"calls": [{"tool": "book", "arguments": "{}"}]}),
        ("system", "be kind, and short", {}),
    ]
    items = []
    for seq, (role, text, more) in enumerate(told, start=1):
        _, value = message(thread, seq, text, role, **more)
        items.append((("m",), f"key-{seq}", value))
    store = old(items)
    again = [entry.message for entry in store.journal(("m",), thread)]
    receipt = store.commit(ChangeSet(("m",), journal=(Said(tuple(again), thread),)))
    assert {change.action for change in receipt.journal} == {"unchanged"}
    more = (*again, Message("user", "yes"))
    receipt = store.commit(ChangeSet(("m",), journal=(Said(more, thread),)))
    assert [change.action for change in receipt.journal] == [*["unchanged"] * 6, "inserted"]
    assert store.threads(("m",)) == {thread: 7}


def test_an_old_memory_is_not_taken_for_one_that_is_not_there(old):
    store = old([(("m",), "tea", TEA)])
    new = {"kind": "Memory", "content": {"content": "likes coffee"}}
    (change,) = store.commit(ChangeSet(("m",), (Write("tea", new, expect=0),))).changes
    assert change.action == "conflict"
    (record,) = store.records(("m",), ["tea"])
    revision = record.version.revision
    receipt = store.commit(ChangeSet(("m",), (Write("tea", new, expect=revision),)))
    assert receipt.revision > revision > 0
    assert [v.base for v in store.history(("m",), "tea")] == [None, revision]
    (added,) = store.diff(("m",), "tea", 0, revision)[:1]
    assert added["op"] == "add"


@pytest.mark.parametrize(
    "content",
    [
        {"text": "no role"},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "calls": "none"},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "calls": [1]},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "calls": [{"tool": "x"}]},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "calls": {"tool": "x"}},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "speaker": ["Nora"]},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "id": 7},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "time": {"year": 2026}},
        {"role": "user", "text": ["x"], "thread": "t", "seq": 1},
        {"role": "user", "text": "x", "thread": "t", "seq": "first"},
        {"role": "user", "text": "x", "thread": "", "seq": 1},
        {"role": "user", "text": "x", "thread": "t", "seq": 1, "mood": "glad"},
        "a text",
        None,
    ],
)
def test_what_only_looks_like_a_message_stays_a_memory(old, content):
    value = {"kind": "Message", "content": content}
    store = old([(("m",), "k", value), (("m",), "tea", TEA)])
    assert store.get(("m",), "k").value == value
    assert store.journal(()) == []


@pytest.mark.parametrize("text", ["cut \ud83e", "nul \0 in it", "日本 🥜", "' \" \\ \n"])
def test_odd_texts_survive(old, text):
    value = {"kind": "Memory", "content": {"content": text}}
    _, told = message("t", 1, text, speaker=text, id=text)
    store = old([(("m",), "k", value), (("m",), "l", told)])
    assert store.get(("m",), "k").value == value
    (entry,) = store.journal(("m",), "t")
    clean = text.replace("\ud83e", "\N{REPLACEMENT CHARACTER}").replace("\0", "\ufffd")
    assert (entry.message.text, entry.message.speaker, entry.message.id) == (clean,) * 3
    assert store.doctor() == []


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
parts = {
    name: st.just("thread") | json for name in ("role", "text", "thread", "speaker", "time", "id")
}
contents = st.fixed_dictionaries(
    parts,
    optional={
        "calls": json | st.just([{"tool": "a", "arguments": "b"}]),
        "other": json,
    },
)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(contents, st.integers(0, 3) | json), max_size=4))
def test_any_value_survives_as_a_memory_or_as_a_message(tmp_path_factory, told):
    values = [{"kind": "Message", "content": {**content, "seq": seq}} for content, seq in told]
    path = tmp_path_factory.mktemp("any") / "x.db"
    build(path, [(("m",), str(number), value) for number, value in enumerate(values)])
    with open_store(path) as store:
        kept = [item.value for item in store.search(("m",), limit=100)]
        assert all(value in values for value in kept)
        assert len(kept) + len(store.journal(("m",))) == len(values)
        assert store.doctor() == []


def test_what_was_not_indexed_is_still_not_found_by_words(old, tmp_path):
    store = old([(("m",), "tea", TEA)])
    path = tmp_path / "plain.db"
    build(path, [(("m",), "tea", TEA)])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE items SET length = 0")
        db.execute("DELETE FROM words")
    assert store.search(("m",), query="tea") != []
    with open_store(path, index=INDEX) as store:
        assert store.get(("m",), "tea").value == TEA
        assert store.search(("m",), query="tea") == []
        assert store.reindex() == 0
        assert store.doctor() == []


def test_old_memories_and_messages_get_their_vectors(old):
    items = [(("m",), "tea", TEA), (("m",), *message("t", 1, "book the ferry"))]
    store = old(items, index=INDEX)
    assert store.reindex() == 2
    (found,) = store.search(("m",), query="likes tea"[::-1])
    assert (found.key, round(found.score, 3)) == ("tea", 1.0)
    assert store.doctor() == []


def test_an_old_file_without_anything_in_it_is_opened(old):
    store = old([])
    store.put(("m",), "tea", TEA)
    assert [item.key for item in store.search((), query="tea")] == ["tea"]


def test_what_an_old_process_has_only_in_its_log_is_there_too(tmp_path):
    path = tmp_path / "x.db"
    build(path, [(("m",), "tea", TEA)])
    with closing(sqlite3.connect(path)) as old:
        with old:
            old.execute("UPDATE items SET key = 'ferry'")
        assert path.with_name("x.db-wal").stat().st_size > 0
        with open_store(path) as store:
            assert store.get(("m",), "ferry").value == TEA


def test_a_file_that_was_killed_while_it_was_brought_up_to_date_opens(tmp_path):
    path = tmp_path / "x.db"
    items = [(NS, f"key-{n}", writers.value_of(f"word{n} of old")) for n in range(1_500)]
    items += [(NS, *message("t", n, f"said{n} of old")) for n in range(1, 501)]
    build(path, items)
    for number in range(5):
        orders = Orders(str(path), tmp_path, f"v{number}", 0)
        told, pipe = processes.Pipe(duplex=False)
        victim = start(writers.victim_of_opening, orders, pipe, 0)
        pipe.close()
        assert told.recv() == 0
        time.sleep(0.02 * number)
        victim.kill()
        victim.join()
        with closing(sqlite3.connect(path)) as raw:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}
            (format_,) = raw.execute("PRAGMA user_version").fetchone()
        assert ("versions" in tables) == (format_ != 1)
    with open_store(path) as store:
        assert {(i.key, i.value["content"]["content"]) for i in store.search(NS, limit=9_999)} == {
            (key, value["content"]["content"]) for _, key, value in items[:1_500]
        }
        assert len(store.journal(NS, "t", limit=9_999)) == 500
        assert [item.key for item in store.search(NS, query="word77")] == ["key-77"]
        assert [entry.seq for entry in store.search_journal(NS, "said77")] == [77]
        assert store.doctor() == []


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "x.db"
    open_store(path).close()
    with closing(sqlite3.connect(path)) as db:
        (known,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {known + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=f"has format {known + 1}; .* up to {known}"):
        open_store(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.db"]
