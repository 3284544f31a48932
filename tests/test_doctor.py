"""The doctor finds nothing in a healthy store, and each kind of damage in one that is not."""

import sqlite3
from contextlib import closing

import pytest

from holdfast import ChangeSet, Cursor, Job, Said, Source, Write, open_store
from holdfast.errors import OutOfScope
from holdfast.history import Finding
from holdfast.memory import Message

NORA = ("memories", "nora")
INES = ("memories", "ines")


def lengths(texts):
    return [[float(len(text)), 1.0] for text in texts]


INDEX = {"embed": lengths, "dims": 2, "fingerprint": "lengths"}
TALK = (Message("user", "I like tea"), Message("assistant", "Noted."))


def fill(store):
    """Something of everything that a store can hold."""
    store.put(NORA, "milk", {"content": "likes milk"})
    store.commit(
        ChangeSet(
            NORA,
            (Write("tea", {"content": "likes tea"}, supersedes=("milk",)),),
            (Said(TALK, "monday"),),
            (Cursor("monday", 1),),
            jobs=(Job("reflect"),),
        )
    )
    store.put(NORA, "tea", {"content": "likes green tea"})
    store.put(NORA, "gone", {"content": "x"})
    store.delete(NORA, "gone")
    store.put(NORA, "hidden", {"content": "not to be found"}, index=False)
    store.put(NORA, "title", {"content": {"title": "A", "text": "B"}}, index=["content.title"])
    store.put(INES, "nuts", {"content": "is allergic to peanuts"})
    store.put(INES, "", {"content": "!"})
    store.forget(INES, key="nothing")


@pytest.fixture(params=["words", "vectors"])
def path(request, tmp_path):
    """A file with something of everything."""
    file = tmp_path / "m.db"
    with open_store(file, index=INDEX if request.param == "vectors" else None) as store:
        fill(store)
    return file


def damage(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def examined(path):
    with open_store(path) as store:
        return store.doctor()


# --- healthy stores --------------------------------------------------------------------------


@pytest.mark.parametrize("index", [None, INDEX])
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_a_healthy_store_has_no_findings(request, backend, index):
    opened = open_store if backend == "sqlite" else request.getfixturevalue("open_postgres")
    store = opened(":memory:", index=index) if backend == "sqlite" else opened(index=index)
    with store:
        assert store.doctor() == []
        fill(store)
        told = []
        assert store.doctor(progress=lambda *now: told.append(now)) == []
        assert told[-1] == (9, 9)
        store.revert(NORA, key="tea")
        store.pin(NORA, "tea")
        store.forget(NORA, source=Source("thread", "monday"))
        assert store.doctor() == []
        store.forget(NORA)
        assert store.doctor() == []


def test_whichever_fields_were_indexed_a_store_without_an_index_is_content(tmp_path):
    index = {**INDEX, "fields": ["title", "notes[*].text", "tags"]}
    value = {"title": "Ferry", "notes": [{"text": "at nine"}, {"text": "café"}], "tags": {"a": "ü"}}
    with open_store(tmp_path / "m.db", index=index) as store:
        store.put(NORA, "trip", value)
        assert store.doctor() == []
    assert examined(tmp_path / "m.db") == []


def test_what_is_still_to_be_embedded_is_no_damage(tmp_path):
    with open_store(tmp_path / "m.db") as store:
        fill(store)
    with open_store(tmp_path / "m.db", index=INDEX) as store:
        assert store.doctor() == []
        store.reindex()
        assert store.doctor() == []


async def test_awaiting_finds_the_same(path):
    damage(path, "UPDATE versions SET digest = 'x' WHERE key = 'milk'")
    with open_store(path) as store:
        assert await store.adoctor() == store.doctor() != []


def test_all_pages_of_a_large_store_are_examined(tmp_path):
    path = tmp_path / "m.db"
    talk = Said(tuple(Message("user", f"message {n}") for n in range(700)), "long")
    writes = tuple(Write(f"k{n}", {"content": f"memory {n}"}) for n in range(700))
    with open_store(path) as store:
        store.commit(ChangeSet(NORA, writes, (talk,)))
        store.commit(ChangeSet(NORA, journal=tuple(Said(TALK, f"t{n}") for n in range(450))))
        assert store.doctor() == []
    damage(path, "UPDATE versions SET digest = 'x'", "UPDATE messages SET said = 'x'")
    found = [finding.what for finding in examined(path)]
    assert (found.count("digest"), found.count("message")) == (700, 1_600)


# --- damage ----------------------------------------------------------------------------------

MESSAGE = "(SELECT id FROM messages WHERE seq = 1)"
TEA = "(SELECT id FROM items WHERE key = 'tea')"
LAST = "(SELECT version FROM items WHERE key = 'tea')"

DAMAGE = {
    "a value changed": (
        'UPDATE versions SET value = \'{"content": "likes green tea!"}\' WHERE id = ' + LAST,
        Finding("digest", NORA, "tea", "is not what its digest was made of"),
    ),
    "a time changed": (
        f"UPDATE versions SET recorded_at = 'noon' WHERE id = {LAST}",
        Finding("time", NORA, "tea", "recorded_at is no time, 'noon'"),
    ),
    "an item's time changed": (
        "UPDATE items SET updated_at = 'noon' WHERE key = 'tea'",
        Finding("time", NORA, "tea", "updated_at is no time, 'noon'"),
    ),
    "a value cut off": (
        f"UPDATE versions SET value = '{{' WHERE id = {LAST}",
        Finding("current", NORA, "tea", "cannot be read as JSON"),
    ),
    "the last version lost": (
        f"UPDATE items SET version = (SELECT base FROM versions WHERE id = {LAST}) "
        "WHERE key = 'tea'",
        Finding("current", NORA, "tea", "is not the one that it stands at"),
    ),
    "a delete undone by hand": (
        "INSERT INTO items SELECT d.id, d.space, 'gone', v.id, '', '', NULL, 0, 0, NULL, 0 "
        "FROM documents d, versions v WHERE d.sort = 'gone' AND v.key = 'gone' AND v.value IS NULL",
        Finding("current", NORA, "gone", "is a delete, but it is there"),
    ),
    "a memory lost": (
        "DELETE FROM items WHERE key = 'tea'",
        Finding("current", NORA, "tea", "is no delete, but it is not there"),
    ),
    "all versions lost": (
        "DELETE FROM versions WHERE key = 'nuts'",
        Finding("current", INES, "nuts", "but has no version"),
    ),
    "a document of nothing": (
        "DELETE FROM items WHERE key = 'nuts'",
        Finding("document", INES, None, "is of no memory and no message"),
    ),
    "a document lost": (
        f"DELETE FROM documents WHERE id = {TEA}",
        Finding("document", NORA, "tea", "its document is missing"),
    ),
    "a message's document lost": (
        f"DELETE FROM documents WHERE id = {MESSAGE}",
        Finding("document", NORA, "*", "its document is missing"),
    ),
    "a document of another sort": (
        f"UPDATE documents SET sort = 'gone' WHERE id = {TEA}",
        Finding("document", NORA, "tea", "is of something else"),
    ),
    "a message lost": (
        f"DELETE FROM messages WHERE id = {MESSAGE}",
        Finding("source", NORA, "tea", "which is not in the journal"),
    ),
    "words lost": (
        f"DELETE FROM words WHERE rowid = {TEA}",
        Finding("words", NORA, "tea", "are not those of its text"),
    ),
    "words changed": (
        f"UPDATE words SET tokens = 'like black tea' WHERE rowid = {TEA}",
        Finding("words", NORA, "tea", "are not those of its text"),
    ),
    "words of another namespace": (
        f"UPDATE words SET space = 'm99' WHERE rowid = {TEA}",
        Finding("words", NORA, "tea", "are not those of its text"),
    ),
    "words of a message changed": (
        f"UPDATE words SET tokens = 'i like milk' WHERE rowid = {MESSAGE}",
        Finding("words", NORA, "*", "are not those of its text"),
    ),
    "words of nothing": (
        "INSERT INTO words (rowid, space, tokens) VALUES (999, 'm1', 'tea')",
        Finding("words", (), None, "words of document 999, which has none"),
    ),
    "a message changed": (
        f"UPDATE messages SET text = 'I like milk' WHERE id = {MESSAGE}",
        Finding("message", NORA, "*", "are not those it is known by"),
    ),
    "a message's calls cut off": (
        f"UPDATE messages SET calls = '[' WHERE id = {MESSAGE}",
        Finding("message", NORA, "*", "cannot be read"),
    ),
    "a thread lost": (
        "DELETE FROM threads",
        Finding("message", NORA, "*", "which does not exist in its namespace"),
    ),
    "a cursor of no thread": (
        "DELETE FROM threads",
        Finding("cursor", (), None, "'reflection' stands in a thread that does not exist"),
    ),
    "a cursor ahead": (
        "UPDATE cursors SET seq = 9",
        Finding("cursor", NORA, "monday", "further than the thread's last message"),
    ),
    "a thread behind": (
        "UPDATE threads SET last = 1",
        Finding("thread", NORA, "monday", "it has a message 2, a higher number"),
    ),
    "a base lost": (
        f"UPDATE versions SET base = 999 WHERE id = {LAST}",
        Finding("base", NORA, "tea", "made from a version that is not before it"),
    ),
    "a base of another memory": (
        "UPDATE versions SET base = (SELECT id FROM versions WHERE key = 'milk') "
        f"WHERE id = {LAST}",
        Finding("base", NORA, "tea", "made from a version that is not before it"),
    ),
    "a version made from itself": (
        f"UPDATE versions SET base = id WHERE id = {LAST}",
        Finding("base", NORA, "tea", "made from a version that is not before it"),
    ),
    "an origin of nothing": (
        "INSERT INTO origins VALUES (999, 'run', 'r1')",
        Finding("source", (), None, "has the source 'run:r1'"),
    ),
    "a superseded memory lost": (
        "DELETE FROM versions WHERE key = 'milk'",
        Finding("supersession", NORA, "tea", "it supersedes 'milk'"),
    ),
    "a supersession by nothing": (
        "UPDATE supersessions SET version = 999",
        Finding("supersession", NORA, None, "it supersedes 'milk'"),
    ),
    "a namespace lost": (
        "DELETE FROM spaces WHERE path = 'memories.ines'",
        Finding("namespace", (), "nuts", "which does not exist"),
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_each_kind_of_damage_is_found_and_named(path, name):
    statement, wanted = DAMAGE[name]
    damage(path, statement)
    found = examined(path)
    alike = [
        finding
        for finding in found
        if (finding.what, finding.namespace) == (wanted.what, wanted.namespace)
        and wanted.detail in finding.detail
        and (wanted.key == finding.key or (wanted.key == "*" and finding.key))
    ]
    assert alike, found


VECTORS = {
    "a vector lost": (
        f"DELETE FROM vectors WHERE document = {TEA}",
        Finding("vectors", NORA, "tea", "should have 1 vectors of 'lengths/2', has []"),
    ),
    "a vector too many": (
        "INSERT INTO vectors SELECT document, 1, embedder, space, sort, vector FROM vectors "
        f"WHERE document = {TEA}",
        Finding("vectors", NORA, "tea", "has [0, 1]"),
    ),
    "a message's vector lost": (
        f"DELETE FROM vectors WHERE document = {MESSAGE}",
        Finding("vectors", NORA, "*", "has []"),
    ),
    "a vector of another embedder": (
        f"UPDATE vectors SET embedder = 'other' WHERE document = {TEA}",
        Finding("vectors", NORA, None, "that it does not claim"),
    ),
    "a vector in another namespace": (
        f"UPDATE vectors SET space = (SELECT id FROM spaces WHERE path = 'memories.ines') "
        f"WHERE document = {TEA}",
        Finding("vectors", INES, None, "that it does not claim"),
    ),
    "a vector of nothing": (
        f"UPDATE vectors SET document = 999 WHERE document = {TEA}",
        Finding("vectors", NORA, None, "vectors of document 999"),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_damage_to_vectors_is_found(tmp_path, name):
    path = tmp_path / "m.db"
    statement, wanted = VECTORS[name]
    with open_store(path, index=INDEX) as store:
        fill(store)
    damage(path, statement)
    with open_store(path, index=INDEX) as store:
        found = store.doctor()
    alike = [
        finding
        for finding in found
        if (finding.what, finding.namespace) == (wanted.what, wanted.namespace)
        and wanted.detail in finding.detail
        and (wanted.key == finding.key or (wanted.key == "*" and finding.key))
    ]
    assert alike, found


def test_two_messages_with_one_number_are_found(path):
    damage(
        path,
        "CREATE TABLE copy AS SELECT * FROM messages",
        "DROP TABLE messages",
        "ALTER TABLE copy RENAME TO messages",
        "UPDATE messages SET seq = 1",
    )
    found = examined(path)
    assert Finding("thread", NORA, "monday", "it has two messages with the number 1") in found


def test_an_index_of_words_that_is_damaged_is_found(path):
    damage(path, "DELETE FROM words_data WHERE id > 10")
    assert "database" in {finding.what for finding in examined(path)}


@pytest.mark.parametrize("table", ["versions", "messages", "items_newest"])
def test_a_file_whose_pages_are_damaged_is_found(path, table):
    with closing(sqlite3.connect(path)) as db:
        named = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = db.execute(named, (table,)).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    raw = bytearray(path.read_bytes())
    raw[(page - 1) * size : (page - 1) * size + 64] = b"\xff" * 64
    path.write_bytes(raw)
    found = examined(path)
    assert "database" in {finding.what for finding in found}
    assert all(finding.to_dict()["detail"] for finding in found)


# --- fences ----------------------------------------------------------------------------------


def test_inside_of_a_fence_only_what_is_there_is_told(path):
    damage(path, "UPDATE versions SET digest = 'x' WHERE key IN ('milk', 'nuts')")
    with open_store(path) as store:
        assert [finding.key for finding in store.doctor()] == ["nuts", "milk"]
        assert [finding.key for finding in store.doctor(NORA)] == ["milk"]
        assert [finding.key for finding in store.scoped(NORA).doctor(NORA)] == ["milk"]
        with pytest.raises(OutOfScope):
            store.scoped(NORA).doctor(())


# --- PostgreSQL ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE {0}.versions SET digest = 'x' WHERE key = 'milk'", "digest"),
        ("UPDATE {0}.versions SET recorded_at = 'noon' WHERE key = 'milk'", "time"),
        ("UPDATE {0}.words SET tokens = 'other' WHERE tokens LIKE '%milk%'", "words"),
        ("DELETE FROM {0}.words WHERE tokens LIKE '%milk%'", "words"),
        ("UPDATE {0}.documents SET length = 0 WHERE sort = 'message'", "words"),
        ("UPDATE {0}.vectors SET embedder = 'other'", "vectors"),
        ("DELETE FROM {0}.vectors WHERE sort = 'message'", "vectors"),
        ("UPDATE {0}.cursors SET seq = 9", "cursor"),
        ("UPDATE {0}.threads SET last = 1", "thread"),
        ("UPDATE {0}.messages SET said = 'x'", "message"),
        ("DELETE FROM {0}.messages", "document"),
        ("DELETE FROM {0}.items WHERE key = 'nuts'", "document"),
        ("UPDATE {0}.versions SET base = 999 WHERE base IS NOT NULL", "base"),
        ("UPDATE {0}.supersessions SET key = 'x'", "supersession"),
    ],
)
def test_damage_in_a_database_is_found(open_postgres, postgres_admin, statement, what):
    store = open_postgres(index=INDEX)
    fill(store)
    postgres_admin.execute(statement.format(store.schema))
    assert what in {finding.what for finding in store.doctor()}
