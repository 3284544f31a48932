"""Memories in recall: what matters, what stands firmly, what is no longer so, and what was then."""

import asyncio
import contextlib
import json
import random
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from holdfast import (
    ConfigurationError,
    arecall,
    create_memory_searcher,
    create_memory_store_manager,
    create_search_memory_tool,
    open_store,
    recall,
)
from holdfast.errors import InputError
from holdfast.evaluate import habits
from holdfast.history import ChangeSet, Said, Source, Write
from holdfast.memory import Message
from holdfast.operations import Rank
from holdfast.ranking import ASSISTANT, PEOPLE, Kept, Ranking, distinct, likeness, recalled, weighed
from holdfast.ranking.memories import FADING, SHOWN, faded
from holdfast.ranking.ranker import Asked, Placed
from holdfast.stores.noting import MOST
from holdfast.stores.plan.effects import Sql, SqlMany, Transaction
from holdfast.testing import ScriptedModel
from holdfast.testing.store_conformance import WordVectors
from holdfast.transfer import export_store, import_store

NS = ("m",)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OFF = {"importance": 0.0, "strength": 0.0, "recency": 0.0}


@pytest.fixture
def store(opened):
    return opened()


def write(store, key, text, **settings):
    return store.commit(ChangeSet(NS, (Write(key, {"content": text}, **settings),)))


def ranked(store, question, limit=10, weights=None, **settings):
    weighing = {} if weights is None else {"people": weights, "assistant": weights}
    return store.perform(Rank(NS, question, limit, **weighing, **settings))


def keys(store, question, limit=10, **settings):
    found = ranked(store, question, limit, **settings)
    return [one.item.key if one.item else one.entry.message.text for one in found]


def talk(store, *messages, thread="monday"):
    said = tuple(Message("user", text, who, time) for who, text, time in messages)
    return store.commit(ChangeSet(NS, journal=(Said(said, thread),)))


# Importance


def test_what_matters_more_comes_first_and_what_nobody_rated_stands_between(store):
    for key, importance in (("low", 1), ("unrated", None), ("vital", 5)):
        write(store, key, f"Ines eats {key} things", importance=importance)
    assert keys(store, "What does Ines eat?") == ["vital", "unrated", "low"]
    signals = [one.signals["importance"] for one in ranked(store, "What does Ines eat?")]
    assert signals == [1.0, 0.0, -1.0]


def test_a_field_of_the_schema_may_tell_the_importance(store):
    store.put(NS, "a", {"kind": "Fact", "content": {"text": "Ines eats nuts", "importance": 5}})
    store.put(NS, "b", {"kind": "Fact", "content": {"text": "Ines eats nuts too"}})
    store.put(NS, "c", {"kind": "Fact", "content": {"text": "Ines eats figs", "importance": "hi"}})
    found = ranked(store, "What does Ines eat?")
    assert {one.item.key: one.signals["importance"] for one in found} == {"a": 1, "b": 0, "c": 0}


# Strength


def test_what_was_recalled_often_and_lately_comes_first(store):
    for key in ("tea", "coffee", "cocoa"):
        write(store, key, f"In the morning Nora drinks {key}")
    for _ in range(9):
        store.note_recall(NS, ["coffee"], at=NOW - timedelta(days=300), used=True)
    for _ in range(3):
        store.note_recall(NS, ["tea"], at=NOW - timedelta(days=1), used=True)
    store.write_notes()
    found = ranked(store, "What does Nora drink in the morning?", today=NOW.isoformat())
    assert [one.item.key for one in found] == ["tea", "coffee", "cocoa"]
    firm, fading, never = (one.signals["strength"] for one in found)
    assert 0.4 < firm < 0.5
    assert 0 < fading < 0.01
    assert never == 0


@given(
    st.lists(st.floats(0, 400), min_size=1, max_size=8),
    st.integers(0, 10_000),
)
def test_strength_does_not_depend_on_the_order_in_which_recalls_are_counted(days, seed):
    mixed = list(days)
    random.Random(seed).shuffle(mixed)
    results = []
    for order in (sorted(days), mixed):
        strength, since = 0.0, None
        for day in order:
            strength, since = recalled(strength, since, 1, NOW + timedelta(days=day))
        results.append((since, pytest.approx(strength)))
    assert results[0][0] == results[1][0]
    assert results[0][1] == results[1][1].expected
    single = sum(faded(1.0, NOW + timedelta(days=day), results[0][0]) for day in days)
    assert results[0][1] == single


def test_a_clock_that_was_ahead_once_does_not_stop_what_is_counted(store):
    write(store, "a", "Ines eats figs")
    ahead = {"now": "2999-01-01T00:00:00.000000+00:00", "times": 1, "strength": 1.0}
    (record,) = store.records(NS, ["a"])
    assert record

    def told():
        (row,) = yield Sql("space", {"path": "m"})
        (item,) = yield Sql("strengths", {"space": row["id"], "keys": ["a"]})
        yield SqlMany("recall", [{**ahead, "id": item["id"]}])

    store.transact(Transaction(told, writes=True))
    for _ in range(5):
        store.note_recall(NS, ["a"], used=True)
    (record,) = store.records(NS, ["a"])
    assert record.strength == pytest.approx(6.0, abs=0.01)
    assert record.recalled_at < datetime.now(UTC) + timedelta(days=1)


def test_a_recall_counts_half_after_its_time():
    assert faded(4.0, NOW, NOW + FADING) == 2.0
    assert faded(4.0, NOW, NOW - FADING) == 4.0


def test_recalls_are_written_many_at_once_and_none_is_lost(store, opened):
    write(store, "a", "Ines eats figs")
    other = opened()
    for _ in range(MOST - 1):
        store.note_recall(NS, ["a"])
    assert other.records(NS, ["a"])[0].recalls == 0
    store.note_recall(NS, ["a"])
    record = other.records(NS, ["a"])[0]
    assert record.recalls == MOST
    assert record.strength == pytest.approx(MOST * SHOWN, abs=0.01)
    store.note_recall(NS, ["a"])
    assert store.records(NS, ["a"])[0].recalls == MOST + 1
    store.note_recall(NS, ["a"])
    store.close()
    assert other.records(NS, ["a"])[0].recalls == MOST + 2


def test_awaited_recalls_count_as_well(store):
    write(store, "a", "Ines eats figs")

    async def main():
        await store.anote_recall(NS, ["a"], thread="monday")
        return await store.arecalled_in(NS, "monday"), await store.arecords(NS, ["a"])

    told, records = asyncio.run(main())
    assert list(told) == ["a"]
    assert records[0].recalls == 1


def test_what_was_recalled_in_a_thread_is_known_there_alone(store):
    write(store, "a", "Ines eats figs")
    kept = talk(store, ("Ines", "I eat figs", None))
    message = kept.journal[0].key
    first, second = (datetime.now(UTC) - timedelta(days=days) for days in (3, 2))
    store.note_recall(NS, ["a", message, "never there"], thread="monday", at=first)
    store.note_recall(NS, ["a"], thread="monday", at=second)
    store.note_recall(NS, ["a"])
    assert store.recalled_in(NS, "monday") == {message: first, "a": second}
    assert store.recalled_in(NS, "tuesday") == {}
    assert store.recalled_in(("other",), "monday") == {}
    store.note_recall(NS, ["a"], thread="old", at=datetime.now(UTC) - timedelta(days=91))
    assert store.recalled_in(NS, "old") == {}, "after 90 days"
    assert store.recalled_in(NS, "monday") != {}


def test_nothing_is_left_of_a_recall_once_its_memory_or_thread_is_forgotten(store):
    for key in ("a", "b"):
        write(store, key, f"Ines eats {key}")
    store.note_recall(NS, ["a", "b"], thread="monday")
    store.forget(NS, key="a")
    assert list(store.recalled_in(NS, "monday")) == ["b"]
    store.forget(NS, source=Source("thread", "monday"))
    assert store.recalled_in(NS, "monday") == {}
    store.note_recall(NS, ["b"], thread="tuesday")
    store.forget(NS)
    assert store.recalled_in(NS, "tuesday") == {}
    assert store.doctor() == []


def test_a_recall_in_a_store_that_cannot_be_written_to_is_told_and_fails_nothing(tmp_path, caplog):
    with open_store(tmp_path / "x.db") as store:
        write(store, "a", "Ines eats figs")
        store.note_recall(NS, ["a"])
        with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as db:
            db.execute("DROP TABLE recalled")
            db.execute("ALTER TABLE items RENAME COLUMN strength TO weakness")
        store.note_recall(NS, ["a"])
        store.write_notes()
        assert "2 recalls are not counted" in caplog.text


def test_strength_and_receipts_outlive_an_export(store, opened, tmp_path):
    write(store, "a", "Ines eats figs")
    store.note_recall(NS, ["a"], at="2026-01-01", used=True)
    store.note_recall(NS, ["a"], at="2026-01-31", used=True)
    export_store(store, tmp_path / "x.jsonl")
    with open_store(tmp_path / "other.db") as other:
        import_store(other, tmp_path / "x.jsonl")
        (there,), (here,) = other.records(NS, ["a"]), store.records(NS, ["a"])
        assert (there.recalls, there.strength) == (here.recalls, here.strength) == (2, 1.5)


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ((NS, [1]), {}),
        ((NS, "a"), {}),
        ((NS, None), {}),
        ((NS, ["a"]), {"at": "soon"}),
        ((NS, ["a"]), {"at": "2999-01-01"}),
        ((NS, ["a"]), {"thread": 1}),
        ((NS, ["a"]), {"used": 1}),
    ],
)
def test_an_odd_recall_is_refused_in_words(store, arguments, settings):
    with pytest.raises(InputError):
        store.note_recall(*arguments, **settings)


# Switched off


@pytest.mark.parametrize("signal", list(OFF))
def test_each_signal_of_memories_can_be_switched_off_exactly(store, signal):
    write(store, "plain", "Ines likes figs now")
    write(store, "other", "Ines likes nuts now", importance=5, valid_from="2020-01-01")
    store.note_recall(NS, ["other"] * 3)
    store.write_notes()
    question = "What does Ines like now?"
    off = replace(PEOPLE, **OFF | {signal: 0.0})
    only = replace(PEOPLE, **OFF | {signal: 0.5})
    without = {one.item.key: one.score for one in ranked(store, question, weights=off)}
    weighing = {one.item.key: one.score for one in ranked(store, question, weights=only)}
    assert without["plain"] == without["other"]
    assert weighing["plain"] != weighing["other"]


def test_what_is_kept_beside_a_memory_never_buries_a_clear_match(store):
    write(store, "match", "The ferry to Gozo leaves at nine from the old harbour", importance=1)
    write(store, "vital", "The ferry was late", importance=5)
    for _ in range(50):
        store.note_recall(NS, ["vital"], used=True)
    store.write_notes()
    question = "When does the ferry to Gozo leave from the old harbour?"
    assert keys(store, question)[0] == "match"


# Recency


def test_where_the_state_now_is_asked_for_the_newer_comes_first(store):
    write(store, "old", "Ines works at the mill", valid_from="2024-01-01")
    write(store, "new", "Ines works at the bank", valid_from="2026-05-01")
    for question, wanted in (
        ("Where does Ines work now?", ["new", "old"]),
        ("Ines works at the mill", ["old", "new"]),
    ):
        assert keys(store, question, today=NOW.isoformat()) == wanted
    found = ranked(store, "Where does Ines work now?", today=NOW.isoformat())
    assert found[0].signals["recency"] > 0.8 > 0.1 > found[1].signals["recency"] > 0


def test_each_kind_has_its_half_life():
    weights = Ranking(half_lives={"Mood": 2.0}, half_life=100.0)
    placed = Placed(1, 0.0, {}, weights)
    then = NOW - timedelta(days=2)
    moods, others = (
        weighed(placed, Kept(kind, then), NOW, Asked("?", now=True)).signals["recency"]
        for kind in ("Mood", "Fact")
    )
    assert moods == 0.5
    assert others > 0.98
    assert weighed(placed, Kept("Mood", then), NOW, Asked("?")).signals["recency"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        *({"half_life": 0}, {"half_lives": {"Mood": 0}}, {"half_lives": 3}),
        *({"half_lives": {"M": "2"}}, {"half_lives": {3: 2}}, {"half_lives": {None: 2}}),
        *({"half_life": 10**400}, {"half_life": 1e-7}, {"half_life": 1.1e9}),
        *({"half_lives": {"Mood": 10**400}}, {"half_lives": {"Mood": 5e-324}}),
    ],
)
def test_a_half_life_is_a_number_of_days(settings):
    with pytest.raises(ConfigurationError, match="half_li"):
        Ranking(**settings)


def test_newer_messages_come_first_where_the_state_now_is_asked_for(store):
    talk(
        store,
        ("Nora", "Ines works at the mill", "2024-01-01T10:00:00"),
        ("Nora", "Ines works at the bank", "2026-05-01T10:00:00"),
    )
    assert keys(store, "Where does Ines work now?", 1) == ["Ines works at the bank"]


# What is no longer so


def test_what_is_superseded_is_not_offered_as_current_but_found_where_the_past_is_asked(store):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    assert keys(store, "Where does Nora live?") == ["lisbon"]
    assert set(keys(store, "Where did Nora live before?")) == {"lisbon", "porto"}
    found = {one.item.key: one.over for one in ranked(store, "Where did Nora live before?")}
    assert found == {"lisbon": False, "porto": True}
    assert set(keys(store, "Where does Nora live?", past=True)) == {"lisbon", "porto"}
    assert keys(store, "Where did Nora live before?", past=False) == ["lisbon"]
    store.delete(NS, "lisbon")
    assert keys(store, "Where does Nora live?") == ["porto"], "nothing supersedes it any more"


def test_who_moves_back_lives_there_again(store):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    write(store, "porto", "Nora lives in Porto again", supersedes=("lisbon",))
    assert keys(store, "Where does Nora live?") == ["porto"]
    assert store.records(NS, ["porto"])[0].superseded_by == ()
    assert store.records(NS, ["lisbon"])[0].superseded_by == ("porto",)
    store.pin(NS, "porto")
    store.pin(NS, "lisbon")
    assert [item.key for item in store.standing(NS)] == ["porto"]
    then = store.history(NS, "porto")[-1].recorded_at.isoformat()
    assert keys(store, "Where does Nora live?", as_of=then) == ["porto"]


def test_what_a_manager_corrects_keeps_what_stood_beside_it(store):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbonn", supersedes=("porto",), importance=5)
    patch = {"json_doc_id": "lisbon", "planned_edits": "spelling", "patches": []}
    patch["patches"] = [{"op": "replace", "path": "/content", "value": "Nora lives in Lisbon"}]
    model = ScriptedModel([[("PatchDoc", patch)]])
    manager = create_memory_store_manager(model, namespace=NS, store=store)
    manager.invoke({"messages": [("user", "It is Lisbon, with one n; where does Nora live?")]})
    (record,) = store.records(NS, ["lisbon"])
    assert record.version.value["content"] == "Nora lives in Lisbon"
    assert (record.version.importance, record.version.supersedes) == (5, ("porto",))
    assert keys(store, "Where does Nora live?", sorts=("memory",)) == ["lisbon"]


def test_what_is_not_so_yet_is_found_and_its_beginning_told(store):
    write(store, "school", "Lily goes to the new school", valid_from="2999-08-01")
    found = recall("Which school does Lily go to?", NS, store=store)
    assert (found[0].over, found[0].valid_from[:10]) == (False, "2999-08-01")
    assert "(since 2999-08-01)" in found.as_text()


def test_what_was_so_on_a_day_that_is_named_comes_first(store):
    write(store, "old", "The family lives in Elm street", valid_to="2025-07-01")
    write(store, "new", "The family lives in Oak street", valid_from="2025-07-01")
    assert keys(store, "Where does the family live in 2024?")[0] == "old"
    found = recall("Where did the family live in 2024?", NS, store=store)
    assert "(no longer so, until 2025-07-01)" in found.as_text()


@pytest.mark.parametrize(
    "question",
    [
        "Where has Nora lived?",
        "Has Nora ever lived in Porto?",
        "In which cities has Nora lived so far?",
        "Which places does Nora no longer live in?",
        "History of where Nora lives",
    ],
)
def test_many_ways_to_ask_about_the_past_are_known(store, question):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    assert "porto" in keys(store, question)


def test_words_that_no_text_holds_take_no_place_in_a_long_question(store):
    write(store, "nuts", "Lily is allergic to hazelnuts")
    strange = " ".join(f"zz{number}" for number in range(200))
    assert keys(store, f"{strange} hazelnuts") == ["nuts"]
    mail = [("user", f"{strange} hazelnuts {strange}"), ("user", "Is that a problem?")]
    assert [one.key for one in recall(mail, NS, store=store)] == ["nuts"]


def test_a_question_is_read_within_a_bound(store):
    write(store, "nuts", "Lily is allergic to hazelnuts")
    started = time.monotonic()
    assert recall("hazelnuts in May 2025 and " * 20_000, NS, store=store)[0].key == "nuts"
    assert time.monotonic() - started < 2


def test_what_holds_no_longer_is_not_offered_as_current(store):
    write(store, "porto", "Nora lives in Porto", valid_from="2020-01-01", valid_to="2024-01-01")
    write(store, "lisbon", "Nora lives in Lisbon", valid_from="2024-01-01")
    assert keys(store, "Where does Nora live?") == ["lisbon"]
    assert set(keys(store, "Where did Nora live in 2021?")) == {"lisbon", "porto"}


def test_many_superseded_memories_take_no_place(store):
    for number in range(150):
        write(store, f"old{number}", f"Nora lives in Porto street {number}")
    older = tuple(f"old{number}" for number in range(150))
    write(store, "new", "Nora lives somewhere in a far away country", supersedes=older)
    write(store, "newer", "Somewhere else Nora lives, in a far away town")
    assert set(keys(store, "Where does Nora live? In Porto street?", 2)) == {"new", "newer"}


# Near-duplicates


def test_near_duplicates_take_one_place(store):
    text = "Nora takes the early ferry to Gozo on every first Friday of the month"
    write(store, "first", text)
    write(store, "again", f"{text}!")
    write(store, "other", "The ferry to Gozo is often late on a Friday in winter")
    assert set(keys(store, "ferry to Gozo on Friday", 2)) == {"again", "other"}
    found = ranked(store, "ferry to Gozo on Friday", 3)
    assert {one.item.key for one in found} == {"again", "other"}
    assert {one.item.key: one.same for one in found} == {"again": ((NS, "first"),), "other": ()}
    apart = ranked(store, "ferry to Gozo on Friday", 3, weights=replace(PEOPLE, merge=False))
    assert {one.item.key for one in apart} == {"first", "again", "other"}


def test_what_somebody_else_says_in_the_same_words_is_not_the_same(store):
    talk(store, ("Nora", "I love figs", None), ("Ines", "I love figs", None))
    assert len(keys(store, "Who loves figs?")) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Marta must give ibuprofen to Lily", "Marta must not give ibuprofen to Lily"),
        ("two spoons of syrup at night", "four spoons of syrup at night"),
        ("Swimming costs 20 euro", "Swimming costs 25 euro"),
        ("It is 1.5 km", "It is 15 km"),
        ("It has -5 degrees", "It has 5 degrees"),
        ("20 € a head", "20 $ a head"),
        ("Nora likes Tom", "Tom likes Nora"),
        ("Ines works at the mill", "Ines worked at the mill"),
        ({"likes": "tea"}, {"dislikes": "tea"}),
    ],
)
def test_what_differs_in_a_word_or_a_number_stays_apart(one, other):
    values = [it if isinstance(it, dict) else {"content": it} for it in (one, other)]
    assert likeness(values[0]) != likeness(values[1])


@pytest.mark.parametrize(
    "other", ["the Ferry leaves at 9.", "Oh, also: ferry leaves at 9!", "The ferry  LEAVES at 9"]
)
def test_what_differs_in_nothing_that_is_said_is_the_same(other):
    assert likeness({"content": "The ferry leaves at 9"}) == likeness({"content": other})


@given(st.lists(st.sampled_from(["tea", "Tea!", "the tea", "no tea", "", "!", "9"]), max_size=12))
def test_no_two_that_are_left_say_the_same_and_nothing_is_lost(texts):
    placed = [Placed(number, 1.0, {}, PEOPLE) for number in range(len(texts))]
    alike = [likeness({"content": text}) for text in texts]
    left = distinct(placed, alike.__getitem__, len(texts))
    told = sorted(id for one, same in left for id in (one.id, *same))
    assert told == list(range(len(texts)))
    known = [alike[one.id] for one, _ in left if alike[one.id]]
    assert len(set(known)) == len(known)


# Days in texts


def test_a_text_is_found_by_the_day_that_it_names(store):
    talk(
        store,
        ("Nora", "Yesterday we saw the fireworks", "2023-05-08T10:00:00"),
        ("Nora", "The fireworks of the village were fine", "2023-07-08T10:00:00"),
    )
    found = ranked(store, "What about the fireworks on 7 May 2023?")
    assert found[0].entry.message.text.startswith("Yesterday")
    assert [one.signals["when"] for one in found] == [1.0, 0.0]


def test_of_a_longer_time_only_what_lies_within_counts(store):
    write(store, "june", "Nora is in Rome in June 2023")
    write(store, "year", "Nora is in Rome in 2023")
    write(store, "never", "Nora is in Rome")
    found = {one.item.key: one.signals["when"] for one in ranked(store, "Rome in June 2023?")}
    assert found == {"june": 1.0, "year": pytest.approx(30 / 365), "never": 0.0}


def test_days_are_found_again_after_an_update_and_an_import(store, tmp_path):
    write(store, "trip", "Nora is in Rome in June 2023")
    write(store, "trip", "Nora is in Rome in July 2023")
    talk(store, ("Nora", "Yesterday I was in Rome", "2023-07-02T10:00:00"))
    export_store(store, tmp_path / "x.jsonl")
    with open_store(tmp_path / "other.db") as other:
        import_store(other, tmp_path / "x.jsonl")
        for one in (store, other):
            found = ranked(one, "Rome in July 2023")
            assert [found.signals["when"] for found in found] == [1.0, 1.0]


# As of a time


def test_as_of_an_earlier_time_recall_finds_what_was_there_then(store):
    first = write(store, "home", "Nora lives in Porto")
    write(store, "gone", "Nora lives with Tom")
    then = store.history(NS, "gone")[0].recorded_at.isoformat()
    write(store, "home", "Nora lives in Lisbon")
    store.delete(NS, "gone")
    write(store, "later", "Nora lives near the river")
    assert first.revision
    question = "Where and with whom does Nora live?"
    found = ranked(store, question, as_of=then)
    assert sorted(one.item.value["content"] for one in found) == [
        "Nora lives in Porto",
        "Nora lives with Tom",
    ]
    assert set(keys(store, question)) == {"home", "later"}
    assert keys(store, question, as_of="2000-01-01") == []


def test_as_of_a_time_what_superseded_it_later_does_not_count(store):
    write(store, "porto", "Nora lives in Porto")
    then = store.history(NS, "porto")[0].recorded_at.isoformat()
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    assert keys(store, "Where does Nora live?", as_of=then) == ["porto"]
    assert keys(store, "Where does Nora live?", as_of="2999-01-01") == ["lisbon"]


def test_a_message_counts_from_when_it_was_said(store):
    talk(
        store,
        ("Nora", "I live in Porto", "2023-01-01T10:00:00+02:00"),
        ("Nora", "I live in Lisbon", "2024-01-01T10:00:00"),
        ("Nora", "I live on a boat", None),
        ("Nora", "I live in a tent", "long ago"),
    )
    assert keys(store, "Where does Nora live?", as_of="2023-01-01T08:00:00") == ["I live in Porto"]
    assert keys(store, "Where does Nora live?", as_of="2023-01-01T07:59:59") == []
    assert len(keys(store, "Where does Nora live?", as_of="2024-06-01")) == 2
    assert len(keys(store, "Where does Nora live?", as_of="2999-01-01")) == 4


def test_as_of_now_recall_finds_the_same_as_without(opened):
    store = opened(index={"dims": 64, "embed": WordVectors()})
    talk(store, ("Nora", "The ferry leaves at nine", None), ("Tom", "Good", None))
    write(store, "a", "The ferry is slow", importance=4)
    here, then = (
        {one.as_item().key: one.score for one in ranked(store, "the ferry", as_of=time)}
        for time in (None, "2999-01-01")
    )
    assert here == then


def test_what_was_forgotten_is_not_found_in_the_past_either(store):
    write(store, "a", "Nora lives in Porto")
    store.forget(NS, key="a")
    assert keys(store, "Where does Nora live?", as_of="2999-01-01") == []


def test_a_time_that_is_none_is_refused(store):
    for settings in ({"as_of": "soon"}, {"today": "soon"}, {"as_of": 3}):
        with pytest.raises(InputError):
            ranked(store, "ferry", **settings)


def test_weights_are_compared_by_all_that_is_set():
    assert Ranking() == PEOPLE != ASSISTANT
    assert hash(Ranking()) == hash(PEOPLE)
    assert Ranking(half_lives={"Mood": 2}) != PEOPLE


# What it is worth


def test_over_months_of_changing_habits_importance_and_strength_find_what_is_needed_earlier():
    found = habits.measured(seeds=[0], days=130)
    assert found["neither"]["questions"] == 70
    assert found["both"]["MRR above neither"]["mean"] > 0.15
    assert found["both"]["MRR above neither"]["low"] > 0.05
    assert found["strength"]["MRR above neither"]["low"] > 0.05


def test_a_habit_is_not_seen_where_its_signals_are_switched_off():
    off = Ranking(importance=0, strength=0)
    alone = habits.measured(seeds=[1], days=65, rankings={"neither": off})
    beside = habits.measured(seeds=[1], days=65)
    assert alone["neither"] == beside["neither"] != beside["both"]


# Through `recall`, the tool and the searcher


def test_recall_notes_what_it_returns_with_its_thread(store):
    write(store, "figs", "Ines eats figs")
    write(store, "lang", "Answer in Portuguese", pin=True)
    kept = talk(store, ("Ines", "I eat figs on Friday", None))
    config = {"configurable": {"thread_id": "t1"}}
    found = recall("What does Ines eat?", NS, store=store, config=config)
    assert set(store.recalled_in(NS, "t1")) == {"figs", "lang", kept.journal[0].key}
    assert len(found) == 2
    assert store.records(NS, ["figs"])[0].recalls == 1
    recall("What does Ines eat?", NS, store=store, config=config, record=False)
    recall("What does Ines eat?", NS, store=store, as_of="2999-01-01")
    assert store.records(NS, ["figs"])[0].recalls == 1
    asyncio.run(arecall("What does Ines eat?", NS, store=store))
    assert store.records(NS, ["figs"])[0].recalls == 2


def test_the_tool_and_the_searcher_note_what_they_find(store):
    write(store, "figs", "Ines eats figs")
    write(store, "boat", "The boat is blue")
    config = {"configurable": {"thread_id": "t1"}}
    create_search_memory_tool(NS, store=store).invoke({"query": "figs"}, config)
    assert set(store.recalled_in(NS, "t1")) == {"figs"}, "what only fills up was not recalled"
    model = ScriptedModel([[("search_memory", {"query": "boat"})]])
    searcher = create_memory_searcher(model, namespace=NS, store=store)
    searcher.invoke({"messages": [("user", "Which boat?")]}, config)
    assert set(store.recalled_in(NS, "t1")) == {"figs", "boat"}


def test_recall_as_of_an_earlier_time(store):
    write(store, "home", "Nora lives in Porto")
    then = store.history(NS, "home")[0].recorded_at
    write(store, "home", "Nora lives in Lisbon", pin=True)
    found = recall("Where does Nora live?", NS, store=store, as_of=then)
    assert [one.text for one in found] == ["Nora lives in Porto"]
    assert found.standing == ()
    assert recall("Where does Nora live?", NS, store=store).standing[0].text.endswith("Lisbon")
    with pytest.raises(InputError, match="as_of needs a store that keeps its past"):
        recall("Where?", NS, store=InMemoryStore(), as_of=then)
    with pytest.raises(InputError, match="as_of"):
        recall("Where?", NS, store=store, as_of="soon")


def test_the_text_for_a_prompt_tells_what_is_no_longer_so(store):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    found = recall("Where did Nora live before?", NS, store=store)
    assert {one.key: one.over for one in found} == {"porto": True, "lisbon": False}
    lines = [line for line in found.as_text().splitlines() if "Nora" in line]
    assert [("(no longer so)" in line, "Porto" in line) for line in lines] == [
        (True, True),
        (False, False),
    ]


def test_what_is_no_longer_so_neither_fills_up_a_search_nor_reaches_a_manager(store):
    write(store, "porto", "Nora lives in Porto")
    write(store, "lisbon", "Nora lives in Lisbon", supersedes=("porto",))
    write(store, "over", "Nora lives with Tom", valid_to="2020-01-01")
    shown = create_search_memory_tool(NS, store=store).invoke({"query": "a question of nothing"})
    assert [item["key"] for item in json.loads(shown)] == ["lisbon"]
    model = ScriptedModel([[]])
    manager = create_memory_store_manager(model, namespace=NS, store=store)
    manager.invoke({"messages": [("user", "Where did I live before? In Porto, and with Tom?")]})
    (asked,) = model.requests
    assert "Nora lives in Lisbon" in asked.text
    assert "Nora lives in Porto" not in asked.text
    assert "Nora lives with Tom" not in asked.text


def test_a_near_duplicate_is_told(store):
    for key in ("a", "b"):
        write(store, key, "Nora takes the early ferry to Gozo on Fridays")
    (found,) = recall("ferry to Gozo", NS, store=store)
    assert (found.key, found.same) == ("b", ((NS, "a"),))
    team, all_of_it = ("team",), ("m", "below")
    store.put(team, "c", {"content": "Nora takes the early ferry to Gozo on Fridays!"})
    store.put(all_of_it, "a", {"content": "Nora takes the early ferry to Gozo on Fridays"})
    (found,) = recall("ferry to Gozo", [NS, team, all_of_it], store=store)
    assert {(found.namespace, found.key), *found.same} == {
        (NS, "a"),
        (NS, "b"),
        (team, "c"),
        (all_of_it, "a"),
    }
