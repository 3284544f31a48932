"""What leaves a store comes back whole: exports, other stores, mem0, ChatGPT."""

import io
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore

from holdfast import ChangeSet, Cursor, Job, Provenance, Said, Source, Write, open_store
from holdfast.errors import ConfigurationError, InputError, OutOfScope
from holdfast.managers import create_memory_store_manager
from holdfast.memory import Message
from holdfast.stores.plan.writing import sealed
from holdfast.transfer import (
    export_store,
    import_chatgpt,
    import_items,
    import_mem0,
    import_store,
)

NORA = ("memories", "nora")
INES = ("memories", "ines")


BY_CALLERS = {"cursor", "source", "supersession"}
"""What a caller can name that does not exist."""


def lengths(texts):
    return [[float(len(text)), float(text.count("e")), 1.0] for text in texts]


INDEX = {"embed": lengths, "dims": 3, "fingerprint": "lengths"}


def exported(store, **more):
    file = io.StringIO()
    number = export_store(store, file, **more)
    text = file.getvalue()
    assert text.count("\n") == number + 2
    return text


def records(text):
    return [json.loads(line) for line in text.splitlines()[1:-1]]


@pytest.mark.parametrize("source", [None, 7, io.BytesIO])
def test_what_is_no_file_is_neither_exported_to_nor_imported(source):
    file = source() if callable(source) else source
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match="path"):
            export_store(store, file)
        with pytest.raises(InputError, match=r"path|export"):
            import_store(store, file)


# --- stores of all kinds ---------------------------------------------------------------------

words = st.sampled_from(
    ["tea", "green tea", "Ferry at nine", "東京 trip", "café", "", "\ud83d", "a\0b"]
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
values = st.fixed_dictionaries({"content": words}, optional={"more": json_values})
namespaces = st.sampled_from([NORA, INES, (*NORA, "trips"), ("other",)])
keys = st.sampled_from(["tea", "", "ferry", "trip-2", "東京"])
times = st.sampled_from([None, "2026-05-01", "2025-01-01T10:00:00+02:00"])
provenances = st.builds(
    Provenance,
    who=st.sampled_from([None, "user", "assistant"]),
    thread=st.sampled_from([None, "monday"]),
    run=st.sampled_from([None, "run-1"]),
    documents=st.sampled_from([(), ("letter.txt", "a:b")]),
    memories=st.sampled_from([(), ("tea",)]),
    model=st.sampled_from([None, "scripted"]),
    prompt=st.sampled_from([None, "v1"]),
)
writes = st.builds(
    Write,
    key=keys,
    value=st.none() | values,
    index=st.sampled_from([None, False, ("content",)]),
    ttl=st.sampled_from([None, 60.0, 0.5e6]),
    valid_from=times,
    valid_to=times,
    importance=st.sampled_from([None, 1, 5]),
    supersedes=st.sampled_from([(), (), ("tea",)]),
    provenance=st.none() | provenances,
)
messages = st.builds(
    Message,
    role=st.sampled_from(["user", "assistant", "system", "tool"]),
    text=words,
    speaker=st.sampled_from([None, "Nora"]),
    time=st.sampled_from([None, "2026-02-15"]),
    id=st.sampled_from([None, "m1", "m2"]),
    calls=st.sampled_from([(), (("search", '{"q": "tea"}'),)]),
)
threads = st.sampled_from([None, "monday", "東京"])
saids = st.builds(
    Said, messages=st.lists(messages, min_size=1, max_size=4).map(tuple), thread=threads
)
changes = st.builds(
    ChangeSet,
    namespace=namespaces,
    writes=st.lists(writes, max_size=3).map(tuple),
    journal=st.lists(saids, max_size=2).map(tuple),
    cursors=st.sampled_from([(), (Cursor("monday", 1), Cursor("monday", 2, "other"))]),
    recalled=st.sampled_from([(), ("tea", "tea")]),
    jobs=st.sampled_from([(), (Job("reflect", {"thread": "monday"}), Job("é", {}, "2026-05-01"))]),
)
steps = st.lists(
    changes
    | st.tuples(st.just("pin"), namespaces, keys)
    | st.tuples(st.just("revert"), namespaces, keys)
    | st.tuples(st.just("forget"), namespaces, keys)
    | st.tuples(st.just("forget thread"), namespaces, st.just("monday")),
    max_size=6,
)


def played(store, listed):
    for step in listed:
        if isinstance(step, ChangeSet):
            with suppress(InputError):  # it names what is not there
                store.commit(step)
            continue
        verb, namespace, name = step
        if verb == "pin":
            store.pin(namespace, name)
        elif verb == "revert":
            store.revert(namespace, key=name)
        elif verb == "forget":
            store.forget(namespace, key=name)
        else:
            store.forget(namespace, source=Source("thread", name))


def seen(store):
    """All that a ledger tells of what it holds; equally good matches in the order of their keys."""
    places = store.keys((), limit=1_000)
    found = store.search((), query="tea trip", limit=99, refresh_ttl=False)
    told = {"search": sorted((one.score, one.namespace, one.key, str(one.value)) for one in found)}
    told["times"] = store.as_of(datetime(2030, 1, 1, tzinfo=UTC), ())
    for namespace, key in places:
        told[namespace, key] = (
            store.history(namespace, key),
            store.records(namespace, [key]),
            store.sources(namespace, key),
        )
    for namespace in [NORA, INES, (*NORA, "trips"), ("other",)]:
        for thread, last in store.threads(namespace).items():
            readers = [store.cursor(namespace, thread, one) for one in ("reflection", "other")]
            told[namespace, "thread", thread] = last, store.journal(namespace, thread), readers
    said = store.search_journal((), "tea trip", limit=99)
    told["said"] = sorted((one.score, one.namespace, one.key, one.thread, one.seq) for one in said)
    told["jobs"] = [replace(job, ticket=0) for job in store.jobs()]  # numbers of its own
    return told


def moved(store, other, listed):
    """Fill a store, move it into another, and hold both against each other."""
    played(store, listed)
    text = exported(store)
    assert import_store(other, io.StringIO(text)) == len(records(text))
    assert other.doctor() == store.doctor()
    assert {finding.what for finding in other.doctor()} <= BY_CALLERS
    assert seen(other) == seen(store)
    assert exported(other) == text
    played(other, listed)  # and it lives on
    assert {finding.what for finding in other.doctor()} <= BY_CALLERS


@settings(max_examples=60, deadline=None)
@given(listed=steps, index=st.sampled_from([None, INDEX]))
def test_any_store_comes_back_as_it_was(listed, index):
    with open_store(":memory:", index=index) as store, open_store(":memory:", index=index) as other:
        moved(store, other, listed)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(listed=steps, index=st.sampled_from([None, INDEX]), to_postgres=st.booleans())
def test_any_store_moves_from_one_database_to_another(open_postgres, listed, index, to_postgres):
    with open_store(":memory:", index=index) as file, open_postgres(index=index) as server:
        store, other = (file, server) if to_postgres else (server, file)
        moved(store, other, listed)


# --- exports ---------------------------------------------------------------------------------


@pytest.fixture
def full():
    """A store with something of everything, and vectors."""
    with open_store(":memory:", index=INDEX) as store:
        store.put(NORA, "milk", {"content": "likes milk"})
        store.delete(NORA, "milk")
        store.commit(
            ChangeSet(
                NORA,
                (Write("tea", {"content": "likes tea"}, supersedes=("milk",), importance=3),),
                (Said((Message("user", "I like tea"), Message("assistant", "Noted.")), "monday"),),
                (Cursor("monday", 1),),
                jobs=(Job("reflect", {"thread": "monday"}),),
            )
        )
        store.put(NORA, "tea", {"content": "likes green tea"}, ttl=60)
        store.put(INES, "nuts", {"content": "is allergic to peanuts"})
        store.put(NORA, "gone", {"content": "secret"})
        store.forget(NORA, key="gone")
        yield store


def test_an_export_is_readable_and_whole(full):
    text = exported(full)
    first, *_, last = map(json.loads, text.splitlines())
    assert first["format"] == 1
    assert first["namespace"] == []
    assert last == {"record": "end", "records": len(records(text))}
    kinds = [record["record"] for record in records(text)]
    assert kinds == ["memory", "memory", "memory", "thread", "message", "message", "job", "erased"]
    (memory,) = [one for one in records(text) if one.get("key") == "tea"]
    assert memory["namespace"] == list(NORA)
    assert [one["value"]["content"] for one in memory["versions"]] == [
        "likes tea",
        "likes green tea",
    ]
    assert memory["versions"][1]["base"] == memory["versions"][0]["revision"]
    assert memory["versions"][0]["supersedes"] == ["milk"]
    assert memory["versions"][1]["ttl"] == 60
    assert len(memory["item"]["vectors"]) == 1
    assert "secret" not in text


def test_an_import_needs_no_embedder_and_finds_by_the_vectors_it_brought(full, tmp_path):
    text = exported(full)
    path = tmp_path / "m.db"
    with open_store(path) as store:  # without an index
        import_store(store, io.StringIO(text))
        assert exported(store) == text
    calls = []

    def counted(texts):
        calls.append(texts)
        return lengths(texts)

    with open_store(path, index={**INDEX, "embed": counted}) as store:
        assert store.reindex() == 0
        assert calls == []
        assert store.search(NORA, query="tea")[0].key == "tea"
        assert store.doctor() == []


def test_another_embedder_makes_its_vectors_by_reindex(full):
    with open_store(":memory:", index={**INDEX, "fingerprint": "other"}) as store:
        import_store(store, io.StringIO(exported(full)))
        assert store.reindex() == 4
        assert store.doctor() == []


def test_words_and_vectors_that_were_lost_come_right_in_a_new_store(tmp_path, full):
    path = tmp_path / "m.db"
    with open_store(path, index=INDEX) as store:
        import_store(store, io.StringIO(exported(full)))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM vectors")
        db.execute("DELETE FROM words")
    with open_store(path, index=INDEX) as store, open_store(":memory:", index=INDEX) as other:
        assert {finding.what for finding in store.doctor()} == {"words", "vectors"}
        import_store(other, io.StringIO(exported(store)))
        assert other.reindex() == 4
        assert other.doctor() == []
        assert exported(other) == exported(full)


def test_a_file_that_takes_no_utf8_is_told_and_the_store_is_not_blamed(full, tmp_path):
    full.put(NORA, "trip", {"content": "東京"})
    with (tmp_path / "x").open("w", encoding="ascii") as file:
        with pytest.raises(InputError, match="encoding='utf-8'"):
            export_store(full, file)
    (tmp_path / "x").write_bytes(exported(full).encode())
    with (tmp_path / "x").open(encoding="ascii") as file, open_store(":memory:") as other:
        with pytest.raises(InputError, match="'ascii' codec can't decode"):
            import_store(other, file)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request):
    """A store with nothing in it."""
    if request.param == "postgres":
        yield request.getfixturevalue("open_postgres")()
    else:
        with open_store(":memory:") as store:
            yield store


def test_what_comes_later_has_higher_revisions(full, empty):
    text = exported(full)
    for name in ("revision", "base"):
        text = text.replace(f'"{name}": ', f'"{name}": 90000')
    import_store(empty, io.StringIO(text))
    empty.put(NORA, "tea", {"content": "likes coffee"})
    revisions = [version.revision for version in empty.history(NORA, "tea")]
    assert revisions == sorted(set(revisions))
    assert revisions[-1] > 900_000
    assert empty.revert(NORA, key="tea").updated


def test_a_path_is_there_only_when_all_is_written(full, tmp_path):
    path = tmp_path / "export.jsonl"
    path.write_text("the last one")

    def broken(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_store(full, path, progress=broken)
    assert path.read_text() == "the last one"
    assert list(tmp_path.iterdir()) == [path]
    export_store(full, path)
    assert path.read_text(encoding="utf-8") == exported(full)
    with open_store(":memory:") as store:
        assert import_store(store, path) == len(records(exported(full)))


def test_an_export_is_of_one_moment(tmp_path):
    """What is written while it runs is in it whole, or not at all."""
    with open_store(tmp_path / "m.db") as store:
        writes = tuple(Write(f"k{n}", {"content": str(n)}) for n in range(500))
        store.commit(ChangeSet(NORA, writes))
        before = exported(store)

        def disturb(done, total):
            store.put(NORA, "k499", {"content": "changed"})
            store.put(NORA, f"later {done}", {"content": "new"})
            store.commit(ChangeSet(NORA, journal=(Said((Message("user", str(done)),), "t"),)))

        assert exported(store, progress=disturb) == before
        assert exported(store) != before


def test_progress_is_told(full):
    told = []
    text = exported(full, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
    told.clear()
    with open_store(":memory:") as store:
        import_store(store, io.StringIO(text), progress=lambda *now: told.append(now))
    assert told == [(number, 8) for number in range(1, 9)]


def test_a_fenced_store_exports_and_imports_inside_its_fence(full):
    nora = full.scoped(NORA)
    text = exported(nora)
    assert "peanuts" not in text
    assert "erased" not in text
    assert text == exported(full, namespace=NORA)
    with pytest.raises(OutOfScope):
        export_store(nora, io.StringIO(), namespace=INES)
    with open_store(":memory:") as store:
        with pytest.raises(OutOfScope):
            import_store(store.scoped(INES), io.StringIO(text))
        with pytest.raises(OutOfScope):
            import_store(store.scoped(NORA), io.StringIO(exported(full)))
        assert records(exported(store)) == []
        import_store(store.scoped(NORA), io.StringIO(text))
        assert exported(store.scoped(NORA)) == text


def test_an_export_can_go_to_another_namespace(full):
    text = exported(full, namespace=NORA)
    with open_store(":memory:") as store:
        import_store(store, io.StringIO(text), namespace=("people", "n"))
        tea = store.get(("people", "n"), "tea", refresh_ttl=False)
        assert tea.value == {"content": "likes green tea"}
        assert [one.message.text for one in store.sources(("people", "n"), "tea")] == [
            "I like tea",
            "Noted.",
        ]
        again = exported(store, namespace=("people", "n"))
        assert again.splitlines()[1:] == text.splitlines()[1:]
        with pytest.raises(InputError, match="belongs to a whole store"):
            import_store(store, io.StringIO(exported(full)), namespace=("elsewhere",))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (lambda store: store.put(NORA, "tea", {"content": "x"}), "a memory 'tea'"),
        (
            lambda store: store.commit(
                ChangeSet(NORA, journal=(Said((Message("user", "x"),), "monday"),))
            ),
            "a thread 'monday'",
        ),
        (lambda store: store.commit(ChangeSet(NORA, jobs=(Job("reflect"),))), "a job 'reflect'"),
    ],
)
def test_what_is_there_already_is_not_written_over(full, empty, there, said):
    there(empty)
    before = exported(empty)
    with pytest.raises(InputError, match=f"the file: line [0-9]+: there is {said} in"):
        import_store(empty, io.StringIO(exported(full)))
    assert exported(empty) == before
    assert empty.doctor() == []


def changed(text, number, old, new):
    """The text with one of its lines changed, counted from 1."""
    lines = text.splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return "".join(lines)


@pytest.mark.parametrize(
    ("number", "old", "new", "said"),
    [
        (1, '"format": 1', '"format": 2', "line 1: format 2 was written by holdfast"),
        (1, '"format"', '"form"', "line 1: no header of an export"),
        (2, '{"record"', '{"record', "line 2: not JSON"),
        (2, '"key": "nuts"', '"key": 7', "line 2 cannot be read: .* @ key, got 7"),
        (2, '"key"', '"name"', "line 2 cannot be read: Field required @ key"),
        (2, '"namespace": ["memories", "ines"]', '"namespace": []', "line 2: .*namespace"),
        (2, '"ines"', '"in.es"', "line 2: .*cannot contain periods"),
        (2, '"record": "memory"', '"record": "dream"', "line 2: a record is one of memory"),
        (2, "peanuts", "walnuts", "line 2: a version is not what its digest was made of"),
        (2, '"salt"', '"pepper"', "line 2 cannot be read: Extra inputs"),
        (4, '"importance": 3', '"importance": 9', "line 4 cannot be read: .*importance"),
        (4, '"base": ', '"base": 77', "line 4: the base 77[0-9]+ is no revision"),
        (4, '"vectors": ["', '"vectors": ["AAAA', "line 4: .*float32 in base64"),
        (4, '"recorded_at": "2', '"recorded_at": "3', "line 4: .*must rise in recorded_at"),
        (5, '"monday"', '"tuesday"', "line 6: the record of the thread 'monday' must stand before"),
        (5, '"last": 2', '"last": 1', "line 7: .*rising numbers up to its last"),
        (7, '"seq": 2', '"seq": 1', "line 7: .*got 1 after 1"),
        (7, '"seq": 2', '"seq": "2"', "line 7 cannot be read: .*seq"),
        (8, '"due_at": "2', '"due_at": "x', "line 8 cannot be read: .*due_at"),
        (10, '"records": 8', '"records": 9', "line 10: the export had 9 records, here are 8"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(full, number, old, new, said):
    text = changed(exported(full), number, old, new)
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match=f"the file: {said}"):
            import_store(store, io.StringIO(text))
        assert records(exported(store)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no header"),
        ("[]\n", "line 1: no header"),
        ('{"format": 1, "holdfast": "0", "namespace": []}\n', "it is cut off"),
        (
            '{"format": 1, "holdfast": "0", "namespace": []}\n{"record": "end", "records": 0}\n7',
            "line 3: nothing may follow",
        ),
    ],
)
def test_what_is_no_whole_export_is_refused(text, said):
    with open_store(":memory:") as store, pytest.raises(InputError, match=said):
        import_store(store, io.StringIO(text))


def test_a_memory_twice_in_a_file_is_refused(full):
    lines = exported(full).splitlines()
    twice = "\n".join([*lines[:4], lines[3], *lines[4:-1], '{"record": "end", "records": 9}'])
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match="line 5: there is a memory 'tea'"):
            import_store(store, io.StringIO(twice))


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    (tmp_path / "bytes.jsonl").write_bytes(b'{"format": 1}\xff\n')
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match="No such file"):
            import_store(store, tmp_path / "none.jsonl")
        with pytest.raises(InputError, match="line 1: not JSON"):
            import_store(store, tmp_path / "bytes.jsonl")


def test_a_file_that_was_edited_by_hand_can_be_imported(full, tmp_path):
    """Without digests new ones are made, without revisions new ones are drawn."""
    header, *lines = exported(full, namespace=INES).splitlines()
    memory = json.loads(lines[0])
    memory["versions"] = [
        {"value": {"content": text}, "recorded_at": f"2026-05-0{day}"}
        for day, text in enumerate(["likes nuts", "is allergic"], start=1)
    ]
    path = tmp_path / "edited.jsonl"
    path.write_text("\r\n".join(["\ufeff" + header, json.dumps(memory), "", lines[1]]))
    with open_store(":memory:") as store:
        import_store(store, path)
        first, second = store.history(INES, "nuts")
        assert second.base == first.revision
        assert second.recorded_at == datetime(2026, 5, 2, tzinfo=UTC)
        assert store.doctor() == []


def test_a_store_without_history_is_told_from_one_with(full):
    with pytest.raises(ConfigurationError, match="InMemoryStore keeps no history"):
        export_store(InMemoryStore(), io.StringIO())
    with pytest.raises(ConfigurationError, match="import_items"):
        import_store(InMemoryStore(), io.StringIO(exported(full)))


def test_values_written_as_other_json_keep_their_digests(tmp_path):
    """As an older holdfast wrote them: the digest is of the text."""
    path = tmp_path / "m.db"
    with open_store(path) as store:
        store.put(NORA, "tea", {"content": "café"})
    text = '{"content":"caf\\u00e9"}'
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE versions SET value = ?, salt = '', digest = ?", (text, sealed("", text)))
    with open_store(path) as store, open_store(":memory:") as other:
        assert store.doctor() == []
        import_store(other, io.StringIO(exported(store)))
        assert other.get(NORA, "tea").value == {"content": "café"}
        assert exported(other) == exported(store)
        wrong = exported(store).replace('"text": "{', '"text": "{ }{')
        with open_store(":memory:") as third, pytest.raises(InputError, match="'text' must be"):
            import_store(third, io.StringIO(wrong))


# --- other stores ----------------------------------------------------------------------------


def test_items_of_another_store_keep_their_times():
    old = InMemoryStore()
    old.put(NORA, "tea", {"content": "likes tea"})
    old.put(NORA, "tea", {"content": "likes green tea"})
    old.put((*NORA, "trips"), "ferry", {"to": "Helsinki", "at": 9})
    old.put(INES, "nuts", {"content": "is allergic to peanuts"})
    with open_store(":memory:", index=INDEX) as store:
        assert import_items(store, old) == 3
        for namespace, key in [(NORA, "tea"), ((*NORA, "trips"), "ferry"), (INES, "nuts")]:
            assert store.get(namespace, key) == old.get(namespace, key)
        (version,) = store.history(NORA, "tea")
        assert version.recorded_at == old.get(NORA, "tea").updated_at
        assert store.doctor() == []
        assert store.search((), query="Helsinki")[0].key == "ferry"
        assert store.reindex() == 3
        before = exported(store)
        with pytest.raises(InputError, match="nothing of it, or forget it there first"):
            import_items(store, old)
        assert exported(store) == before


def test_only_what_is_below_a_namespace_or_inside_a_fence_is_taken():
    old = InMemoryStore()
    for namespace in [NORA, (*NORA, "trips"), INES]:
        old.put(namespace, "k", {"content": "x"})
    with open_store(":memory:") as store:
        assert import_items(store, old, namespace=INES) == 1
        assert import_items(store.scoped(NORA), old) == 2
        assert len(store.search((), limit=10)) == 3


def test_all_pages_of_a_large_store_are_taken():
    old = InMemoryStore()
    ops = [PutOp(("m", str(n % 700)), str(n), {"content": f"item {n}"}) for n in range(2_100)]
    old.batch(ops)
    told = []
    with open_store(":memory:") as store:
        assert import_items(store, old, progress=lambda *now: told.append(now)) == 2_100
        assert told[-1][0] == told[-1][1]
        assert len(store.search((), limit=5_000)) == 2_100


def test_messages_that_a_plain_store_kept_go_to_the_journal():
    old = InMemoryStore()
    keeper = create_memory_store_manager(None, namespace=NORA, store=old)
    talk = [
        {"role": "user", "content": "I like tea", "id": "m1"},
        {"role": "assistant", "content": "Noted."},
    ]
    config = {"configurable": {"thread_id": "monday"}}
    keeper.invoke({"messages": talk}, config)
    old.put(NORA, "odd", {"kind": "Message", "content": {"text": "not one of ours"}})
    with open_store(":memory:") as store:
        assert import_items(store, old) == 3
        assert [entry.message.text for entry in store.journal(NORA, "monday")] == [
            "I like tea",
            "Noted.",
        ]
        assert [item.key for item in store.search(NORA)] == ["odd"]
        create_memory_store_manager(None, namespace=NORA, store=store).invoke(
            {"messages": talk}, config
        )
        assert len(store.journal(NORA)) == 2  # known again by their keys
        assert store.doctor() == []


def test_a_value_that_is_no_json_is_named():
    old = InMemoryStore()
    old.put(NORA, "tea", {"content": "likes tea"})
    old.put(NORA, "day", {"content": datetime(2026, 5, 1, tzinfo=UTC)})
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match=r"item 'day' of .*must be JSON data"):
            import_items(store, old)
        assert store.search(()) == []


# --- mem0 and ChatGPT ------------------------------------------------------------------------


def mem0_history(folder, rows):
    with closing(sqlite3.connect(folder / "history.db")) as db, db:
        db.execute(
            "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, "
            "new_memory TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, "
            "is_deleted INTEGER, actor_id TEXT, role TEXT)"
        )
        db.executemany(
            "INSERT INTO history VALUES (?, ?, NULL, ?, ?, ?, ?, 0, NULL, ?)",
            [(str(number), *row) for number, row in enumerate(rows)],
        )
    return folder


BEGAN = datetime(2026, 5, 1, 10, tzinfo=UTC)


def day(number):
    return (BEGAN + timedelta(days=number)).isoformat()


def test_what_happened_to_a_memory_of_mem0_becomes_its_versions(tmp_path):
    folder = mem0_history(
        tmp_path,
        [
            ("a", "Likes tea", "ADD", day(0), None, "user"),
            ("a", "Likes green tea", "UPDATE", day(0), day(1), "user"),
            ("b", "Has a dog", "ADD", day(0), None, None),
            ("b", None, "DELETE", day(0), day(2), None),
            ("c", None, "DELETE", day(0), day(3), None),
        ],
    )
    with open_store(":memory:") as store:
        assert import_mem0(store, folder, NORA) == 2
        first, second = store.history(NORA, "a")
        assert [first.value["content"], second.value["content"]] == [
            {"content": "Likes tea"},
            {"content": "Likes green tea"},
        ]
        assert (first.recorded_at, second.recorded_at) == (BEGAN, BEGAN + timedelta(days=1))
        assert second.base == first.revision
        assert second.provenance.who == "user"
        assert [version.value for version in store.history(NORA, "b")][1] is None
        assert store.get(NORA, "b") is None
        (then,) = store.as_of(day(0), NORA, key="a")
        assert then.revision == first.revision
        assert store.search(NORA, query="green tea")[0].key == "a"
        assert store.doctor() == []


def test_what_mem0_returned_is_taken_for_one_user(tmp_path):
    answer = [
        {"id": "a", "memory": "Likes tea", "user_id": "nora", "metadata": {"mood": "calm"}},
        {"id": "b", "memory": "Likes milk", "user_id": "ines", "run_id": "r1"},
    ]
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"results": answer}))
    with open_store(":memory:") as store:
        with pytest.raises(InputError, match=r"several users, \['ines', 'nora'\]"):
            import_mem0(store, path, NORA)
        assert import_mem0(store, path, NORA, user_id="nora") == 1
        assert import_mem0(store.scoped(INES), path, INES, user_id="ines") == 1
        (item,) = store.search(NORA, filter={"metadata": {"mood": "calm"}})
        assert item.value["content"] == {"content": "Likes tea"}
        (version,) = store.derived_from(INES, Source("run", "r1"))
        assert version.key == "b"
        with pytest.raises(InputError, match="memory 'a'"):
            import_mem0(store, path, NORA, user_id="nora")


def test_conversations_of_chatgpt_go_to_the_journal_once(tmp_path):
    def tree(thread, *texts):
        nodes = {
            f"{thread}-{number}": {
                "message": {"author": {"role": "user"}, "content": {"parts": [text]}},
                "parent": f"{thread}-{number - 1}" if number else None,
                "children": [],
            }
            for number, text in enumerate(texts)
        }
        return {"id": thread, "title": "Tea", "current_node": list(nodes)[-1], "mapping": nodes}

    path = tmp_path / "conversations.json"
    path.write_text(
        json.dumps([tree("c1", "I like tea", "Green tea"), tree("c2", "Ferry at nine")])
    )
    told = []
    with open_store(":memory:") as store:
        assert import_chatgpt(store, path, NORA, progress=lambda *now: told.append(now)) == 3
        assert told == [(1, 2), (2, 2)]
        assert store.threads(NORA) == {"c1": 2, "c2": 1}
        assert store.search_journal(NORA, "ferry")[0].message.text == "Ferry at nine"
        path.write_text(json.dumps([tree("c1", "I like tea", "Green tea", "And milk")]))
        assert import_chatgpt(store, path, NORA) == 1
        assert store.threads(NORA) == {"c1": 3, "c2": 1}
