"""What a ledger promises beyond `BaseStore`, example by example; see `holdfast.ledger`."""

import inspect
import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jsonpatch
import pytest
from langgraph.store.base import InvalidNamespaceError, Item, PutOp

from holdfast import open_store
from holdfast.errors import ConfigurationError, EmbedderFailed, InputError, OutOfScope
from holdfast.history import ChangeSet, Cursor, Job, Provenance, Said, Source, Write
from holdfast.job import Ticket
from holdfast.ledger import Ledger
from holdfast.memory import Message
from holdfast.operations import Export, Rank
from holdfast.testing.store_conformance import WordVectors

NS = ("m",)


@pytest.fixture
def store(opened):
    return opened()


def write(store, key, value, **settings):
    """Write one memory; return the revision."""
    return store.commit(ChangeSet(NS, (Write(key, value, **settings),))).revision


def says(text):
    return {"content": text}


def said(*texts, thread="monday", ids=None):
    """Return a stretch of conversation of one user."""
    known = ids or [None] * len(texts)
    spoken = (Message("user", text, id=id) for text, id in zip(texts, known, strict=True))
    return Said(tuple(spoken), thread)


def tell(store, *texts, **settings):
    """Append to the journal; return the keys of the messages."""
    receipt = store.commit(ChangeSet(NS, journal=(said(*texts, **settings),)))
    return [change.key for change in receipt.journal]


def held(store, key="tea"):
    item = store.get(NS, key)
    return None if item is None else item.value


def texts(entries):
    return [entry.message.text for entry in entries]


def now():
    return datetime.now(UTC)


# Change sets


def test_a_change_set_is_written_whole_and_its_receipt_tells_what_became_of_it(store):
    write(store, "old", says("drinks coffee"))
    receipt = store.commit(
        ChangeSet(
            NS,
            writes=(Write("tea", says("likes tea")), Write("old", None), Write("none", None)),
            journal=(said("I like tea", "", "And cake"),),
            cursors=(Cursor("monday", 2),),
            recalled=("tea", "tea"),
            jobs=(Job("reflect", {"thread": "monday"}, "2030-01-01"),),
        )
    )
    assert [change.action for change in receipt.changes] == ["inserted", "deleted", "unchanged"]
    assert [change.action for change in receipt.journal] == ["inserted", "rejected", "inserted"]
    assert receipt.journal[1].reason == "nothing was said @ messages/1"
    assert receipt.changes[0].after == says("likes tea")
    assert receipt.changes[1].before == says("drinks coffee")
    assert receipt.namespace == NS
    (record,) = store.records(NS, ["tea"])
    assert record.version.revision == receipt.revision
    assert (record.recalls, record.pinned) == (2, False)
    assert record.recalled_at is not None
    assert texts(store.journal(NS, "monday")) == ["I like tea", "And cake"]
    assert store.cursor(NS, "monday") == 2
    assert [(job.name, job.payload) for job in store.jobs(())] == [
        ("reflect", {"thread": "monday"})
    ]


def test_revisions_rise_and_nothing_written_has_none(store):
    first = write(store, "a", {})
    store.put(("elsewhere",), "b", {})
    assert write(store, "a", {}) > store.history(("elsewhere",), "b")[0].revision > first
    assert write(store, "never there", None) is None
    assert store.commit(ChangeSet(NS)).revision is None


def test_of_several_writes_to_one_key_the_last_counts(store):
    first = Write("a", {"n": 1}, provenance=Provenance(documents=("d",)))
    store.commit(ChangeSet(NS, (first, Write("a", {"n": 2})), (said("hello"),)))
    assert [version.value for version in store.history(NS, "a")] == [{"n": 2}]
    assert texts(store.sources(NS, "a")) == ["hello"]


def test_of_several_writes_to_one_key_each_expectation_holds(store):
    first = write(store, "tea", {"n": 1})
    twice = (Write("tea", {"n": 2}, expect=99), Write("tea", {"n": 3}))
    assert store.commit(ChangeSet(NS, twice)).conflicts
    with pytest.raises(InputError, match="expect different revisions, 99 and 7"):
        store.commit(ChangeSet(NS, (twice[0], Write("tea", {"n": 3}, expect=7))))
    assert held(store) == {"n": 1}
    store.commit(ChangeSet(NS, (Write("tea", {"n": 2}, expect=first), Write("tea", {"n": 3}))))
    assert [version.value["n"] for version in store.history(NS, "tea")] == [1, 3]


def test_a_write_that_expects_what_is_there_is_made(store):
    first = write(store, "tea", {"n": 1}, expect=0)
    second = write(store, "tea", {"n": 2}, expect=first)
    third = write(store, "tea", None, expect=second)
    fourth = write(store, "tea", {"n": 4}, expect=0)
    assert [v.revision for v in store.history(NS, "tea")] == [first, second, third, fourth]


@pytest.mark.parametrize("case", ["there already", "never there", "older", "deleted", "no delete"])
def test_one_conflict_refuses_the_whole_change_set(store, case):
    older = write(store, "tea", {"n": 1})
    write(store, "tea", {"n": 2})
    write(store, "gone", {"n": 1})
    gone = write(store, "gone", None)
    wrong = {
        "there already": Write("tea", {"n": 3}, expect=0),
        "never there": Write("never", {"n": 3}, expect=older),
        "older": Write("tea", {"n": 3}, expect=older),
        "deleted": Write("gone", {"n": 3}, expect=gone),
        "no delete": Write("tea", None, expect=older),
    }[case]
    others = {"writes": (Write("fine", {"n": 1}), wrong), "journal": (said("hello"),)}
    receipt = store.commit(
        ChangeSet(NS, **others, cursors=(Cursor("monday", 1),), recalled=("tea",), jobs=(Job("j"),))
    )
    assert [change.action for change in receipt.changes] == ["rejected", "conflict"]
    assert f"@ {wrong.key}" in receipt.conflicts[0].reason
    assert (receipt.revision, receipt.journal) == (None, ())
    assert (held(store), held(store, "fine"), held(store, "gone")) == ({"n": 2}, None, None)
    assert (store.journal(NS), store.threads(NS), store.jobs(NS)) == ([], {}, [])
    assert store.cursor(NS, "monday") == 0
    assert store.records(NS, ["tea"])[0].recalls == 0


# Versions


def test_every_put_and_delete_makes_a_version_by_whatever_way_it_came(store):
    store.put(NS, "tea", {"n": 1})
    write(store, "tea", {"n": 2}, importance=5, valid_from="2026-05-01")
    store.delete(NS, "tea")
    store.batch([PutOp(NS, "tea", {"n": 4}), PutOp(NS, "other", {})])
    one, two, gone, four = store.history(NS, "tea")
    assert [v.value for v in (one, two, gone, four)] == [{"n": 1}, {"n": 2}, None, {"n": 4}]
    assert (one.base, two.base, gone.base) == (None, one.revision, two.revision)
    assert four.base is None
    assert (two.importance, two.valid_from) == (5, datetime(2026, 5, 1, tzinfo=UTC))
    assert one.recorded_at <= two.recorded_at <= gone.recorded_at <= four.recorded_at
    assert store.history(NS, "other")[0].revision == four.revision
    assert store.history(NS, "never there") == store.history(("nowhere",), "tea") == []


def test_records_are_given_in_the_order_asked_for(store):
    write(store, "a", {"n": 1})
    write(store, "b", {"n": 2})
    found = store.records(NS, ["b", "none", "a", "b"])
    assert [record and record.version.key for record in found] == ["b", None, "a", "b"]
    assert store.records(("nowhere",), ["a"]) == [None]


def test_the_past_is_what_the_store_held(store):
    before = now()
    store.put(NS, "tea", {"n": 1})
    store.put((*NS, "deep"), "tea", {"n": 1})
    first = now()
    store.put(NS, "tea", {"n": 2})
    store.put(("mine",), "tea", {"n": 1})
    second = now()
    store.delete(NS, "tea")

    def at(when, *place, **settings):
        return [(v.namespace, v.value["n"]) for v in store.as_of(when, *place, **settings)]

    assert at(before, NS) == []
    assert at(first, NS) == [(NS, 1), ((*NS, "deep"), 1)]
    assert at(second, NS) == [(NS, 2), ((*NS, "deep"), 1)]
    assert at(now(), NS) == [((*NS, "deep"), 1)]
    assert at(second, NS, key="tea") == [(NS, 2)]
    assert len(at(second.isoformat(), ())) == 3
    assert at(store.history(NS, "tea")[1].recorded_at, NS, key="tea") == [(NS, 2)]
    with pytest.raises(InputError, match="time must be"):
        store.as_of("yesterday", NS)


def test_what_was_so_in_the_world_is_asked_apart_from_when_it_was_recorded(store):
    write(store, "berlin", {"n": 1}, valid_from="2020-01-01", valid_to="2026-05-01")
    write(store, "paris", {"n": 2}, valid_from="2026-05-01T00:00:00+02:00")
    write(store, "ever", {"n": 3})
    recorded = now()
    write(store, "berlin", None)

    def so(when, at=recorded):
        return [version.key for version in store.as_of(at, NS, valid_at=when)]

    assert so("2019-12-31") == ["ever"]
    assert so("2020-01-01") == so("2026-04-30T21:59") == ["berlin", "ever"]
    assert so("2026-04-30T22:00") == ["berlin", "ever", "paris"]
    assert so(datetime(2026, 5, 1, tzinfo=UTC)) == ["ever", "paris"]
    assert so("2021-01-01", at=now()) == ["ever"]


def test_a_diff_leads_from_one_value_to_the_other(store):
    first = write(store, "tea", {"likes": ["tea"], "a/b": 1, "same": True})
    second = write(store, "tea", {"likes": ["tea", "cake"], "same": True, "é": None})
    gone = write(store, "tea", None)
    values = {0: {}, gone: {}} | {v.revision: v.value for v in store.history(NS, "tea")[:2]}
    for a, b in itertools.product((0, first, second, gone), repeat=2):
        assert jsonpatch.apply_patch(values[a], store.diff(NS, "tea", a, b)) == values[b]
    with pytest.raises(InputError, match=rf"no revision {gone + 1}; there are: {first}, {second}"):
        store.diff(NS, "tea", first, gone + 1)


# Links


def test_a_newer_memory_supersedes_older_ones_as_long_as_it_says_so(store):
    write(store, "berlin", says("lives in Berlin"))
    write(store, "gone", says("was in Rome"))
    write(store, "gone", None)
    write(store, "paris", says("lives in Paris"), supersedes=("berlin", "gone"))

    def newer():
        return store.records(NS, ["berlin"])[0].superseded_by

    assert newer() == ("paris",)
    assert set(store.history(NS, "paris")[0].supersedes) == {"berlin", "gone"}
    store.revert(NS, key="paris")
    assert newer() == ()
    store.revert(NS, key="paris")
    assert (held(store, "paris"), newer()) == (says("lives in Paris"), ("paris",))
    store.delete(NS, "paris")
    assert newer() == ()
    write(store, "paris", says("lives in Paris"), supersedes=("berlin",))
    write(store, "paris", says("was in Paris for a week"))
    assert newer() == ()
    store.revert(NS, key="paris")
    assert newer() == ("paris",)


def test_what_has_expired_supersedes_nothing(store):
    write(store, "berlin", {})
    write(store, "paris", {}, supersedes=("berlin",), ttl=0)
    assert store.records(NS, ["berlin"])[0].superseded_by == ()


def test_pins_and_recalls_stay_with_the_memory(store):
    assert store.pin(NS, "tea") is False
    write(store, "tea", {"n": 1})
    assert store.pin(NS, "tea") is True
    store.commit(ChangeSet(NS, recalled=("tea", "none")))
    write(store, "tea", {"n": 2})
    (record,) = store.records(NS, ["tea"])
    assert (record.pinned, record.recalls, record.version.value) == (True, 1, {"n": 2})
    assert store.pin(NS, "tea", False) is True
    assert store.records(NS, ["tea"])[0].pinned is False
    assert len(store.history(NS, "tea")) == 2


# Revert


def test_a_revert_undoes_the_last_change_and_takes_nothing_out_of_the_history(store):
    write(store, "tea", {"n": 1}, importance=4, valid_from="2026-05-01")
    write(store, "tea", {"n": 2})
    receipt = store.revert(NS, key="tea")
    assert [(c.action, c.before, c.after) for c in receipt.changes] == [
        ("updated", {"n": 2}, {"n": 1})
    ]
    first, second, third = store.history(NS, "tea")
    assert [v.value["n"] for v in (first, second, third)] == [1, 2, 1]
    assert (third.revision, third.base) == (receipt.revision, first.revision)
    assert (third.importance, third.valid_from) == (4, first.valid_from)
    assert third.provenance.who == "person"
    store.revert(NS, key="tea")
    assert held(store) == {"n": 2}


def test_an_insert_is_undone_by_a_delete_and_a_delete_by_an_insert(store):
    write(store, "tea", says("likes tea"))
    assert store.revert(NS, key="tea").deleted
    assert held(store) is None
    assert store.revert(NS, key="tea").inserted
    assert held(store) == says("likes tea")
    assert store.search(NS, query="tea")


def test_a_delete_that_is_undone_leaves_the_memory_as_it_was(store):
    write(store, "tea", {"a": "green", "b": "secret"}, index=("a",), ttl=60, importance=4)
    store.pin(NS, "tea")
    store.commit(ChangeSet(NS, recalled=("tea",)))
    (before,) = store.records(NS, ["tea"])
    store.delete(NS, "tea")
    store.revert(NS, key="tea")
    (after,) = store.records(NS, ["tea"])
    for name in ("pinned", "recalls", "recalled_at", "created_at"):
        assert getattr(after, name) == getattr(before, name)
    assert after.expires_at > before.expires_at
    assert after.version.importance == 4
    assert store.search(NS, query="green")[0].score
    assert store.search(NS, query="secret") == []
    store.put(NS, "tea", {"a": "black"})
    store.delete(NS, "tea")
    store.put(NS, "tea", {"a": "black"})
    assert store.records(NS, ["tea"])[0].pinned is False


def test_an_update_that_is_undone_is_found_and_lives_as_before(store):
    write(store, "tea", {"a": "green", "b": "secret"}, index=("a",), ttl=60)
    write(store, "tea", {"a": "black", "b": "secret"})
    assert store.search(NS, query="secret")
    store.revert(NS, key="tea")
    assert store.search(NS, query="secret") == []
    assert store.records(NS, ["tea"])[0].expires_at
    write(store, "coffee", {"a": "ground"}, index=False)
    write(store, "coffee", None)
    store.revert(NS, key="coffee")
    assert store.search(NS, query="ground") == []


def test_what_stands_beside_a_value_is_undone_too(store):
    write(store, "x", {})
    write(store, "tea", {"n": 1}, importance=2, valid_from="2026-05-01")
    bad = write(store, "tea", {"n": 1}, importance=5, valid_from="2026-05-01", supersedes=("x",))
    write(store, "tea", {"n": 1}, importance=5, valid_from="2026-06-01", supersedes=("x",))
    assert store.revert(NS, revision=bad).updated
    last = store.history(NS, "tea")[-1]
    assert (last.importance, last.supersedes) == (2, ())
    assert last.valid_from == datetime(2026, 6, 1, tzinfo=UTC)


def test_what_was_changed_later_is_kept_field_by_field(store):
    write(store, "nora", {"city": "Berlin", "pet": "cat", "age": 30})
    bad = write(store, "nora", {"city": "Atlantis", "pet": "shark", "age": 30})
    write(store, "nora", {"city": "Atlantis", "pet": "dog", "age": 31})
    receipt = store.revert(NS, revision=bad)
    assert held(store, "nora") == {"city": "Berlin", "pet": "dog", "age": 31}
    assert [change.action for change in receipt.changes] == ["updated", "rejected"]
    assert "/pet" in receipt.rejected[0].reason


def test_an_insert_that_was_changed_later_is_left_as_it_is(store):
    first = write(store, "tea", {"n": 1})
    write(store, "tea", {"n": 2})
    receipt = store.revert(NS, revision=first)
    assert [(c.action, c.key) for c in receipt.changes] == [("rejected", "tea")]
    assert (held(store), receipt.revision) == ({"n": 2}, None)


def test_a_change_set_is_undone_as_one(store):
    write(store, "a", {"n": 1})
    below = (*NS, "below")
    store.put(below, "kept", {"n": 1})
    bad = store.commit(
        ChangeSet(NS, (Write("a", {"n": 2}), Write("b", {"n": 2}), Write("none", None)))
    ).revision
    receipt = store.revert(NS, revision=bad)
    assert {(c.action, c.key) for c in receipt.changes} == {("updated", "a"), ("deleted", "b")}
    assert (held(store, "a"), held(store, "b")) == ({"n": 1}, None)
    assert store.get(below, "kept")
    assert store.revert(NS, revision=bad).changes == ()
    assert store.revert(NS, revision=999_999).changes == ()


def test_of_a_change_set_one_memory_may_be_undone(store):
    bad = store.commit(ChangeSet(NS, (Write("a", {}), Write("b", {})))).revision
    store.revert(NS, key="a", revision=bad)
    assert (held(store, "a"), held(store, "b")) == (None, {})


def test_all_that_a_run_wrote_is_undone_and_nothing_else(store):
    run = Provenance(run="nightly", thread="monday")
    write(store, "a", {"x": 1, "y": 1})
    write(store, "a", {"x": 2, "y": 1}, provenance=run)
    write(store, "a", {"x": 2, "y": 9}, provenance=Provenance(run="other"))
    write(store, "b", {}, provenance=run)
    store.commit(ChangeSet((*NS, "deep"), (Write("c", {}),), provenance=run))
    store.revert(NS, source=Source("run", "nightly"))
    assert held(store, "a") == {"x": 1, "y": 9}
    assert held(store, "b") is None
    assert store.search((*NS, "deep")) == []


def test_undoing_a_change_supersedes_nothing_that_was_written_anew_since(store):
    store.put(NS, "old", {"content": "tea"})
    store.commit(ChangeSet(NS, (Write("new", {"content": "coffee"}, supersedes=("old",)),)))
    store.put(NS, "old", {"content": "tea, after all"})
    run = Provenance(run="r")
    store.commit(ChangeSet(NS, (Write("new", {"content": "mate"}, keep=True, provenance=run),)))
    store.revert(NS, source=Source("run", "r"))
    old, new = store.records(NS, ["old", "new"])
    assert (old.superseded_by, new.version.value) == ((), {"content": "coffee"})


def test_what_a_change_set_was_decided_upon_must_still_be_so(store):
    store.put(NS, "old", {"content": "tea"})
    seen = store.records(NS, ["old"])[0].version.revision
    newer = Write("new", {"content": "coffee"}, supersedes=("old",))
    for moved in (("old", seen + 1), ("gone", seen)):
        (*_, conflict) = store.commit(ChangeSet(NS, (newer,), seen=(("old", seen), moved))).changes
        assert (conflict.action, conflict.key) == ("conflict", moved[0])
        assert store.get(NS, "new") is None
    store.commit(ChangeSet(NS, (newer,), seen=(("old", seen),)))
    assert store.records(NS, ["old"])[0].superseded_by == ("new",)
    for wrong in ("old", (("old",),), (("old", -1),), ((None, 1),)):
        with pytest.raises(InputError, match="seen"):
            store.commit(ChangeSet(NS, seen=wrong))


def test_a_revert_needs_to_be_told_what(store):
    write(store, "tea", {})
    with pytest.raises(InputError, match="it would undo everything"):
        store.revert(NS)
    with pytest.raises(InputError, match="not both"):
        store.revert(NS, revision=1, source=Source("run", "r"))
    assert held(store) == {}


def test_a_namespace_may_be_a_list(store):
    write(store, "tea", {"n": 1})
    write(store, "tea", {"n": 2})
    assert store.revert(list(NS), key="tea").updated
    assert [v.value["n"] for v in store.history(list(NS), "tea")] == [1, 2, 1]


# Sources


def test_the_messages_of_a_change_set_are_the_sources_of_its_memories(store):
    own = Provenance(who="person", documents=("passport.pdf",))
    receipt = store.commit(
        ChangeSet(
            NS,
            writes=(Write("tea", {}), Write("own", {}, provenance=own)),
            journal=(said("I like tea", "really"),),
            provenance=Provenance(who="user", run="r1", model="m", prompt="p1"),
        )
    )
    keys = tuple(change.key for change in receipt.journal)
    (tea,), (other,) = store.history(NS, "tea"), store.history(NS, "own")
    assert set(tea.provenance.messages) == set(keys)
    told = (tea.provenance.who, tea.provenance.thread, tea.provenance.run)
    assert told == ("user", "monday", "r1")
    assert (tea.provenance.model, tea.provenance.prompt) == ("m", "p1")
    assert other.provenance == own
    assert texts(store.sources(NS, "tea")) == ["I like tea", "really"]
    assert store.sources(NS, "own") == store.sources(NS, "never there") == []


def test_sources_are_followed_through_updates_deletes_and_other_memories(store):
    first, second, third = tell(store, "one", "two", "three")
    v1 = write(store, "tea", {"n": 1}, provenance=Provenance(messages=(first,)))
    v2 = write(store, "tea", {"n": 2}, provenance=Provenance(messages=(second,)))
    write(store, "sum", {}, provenance=Provenance(memories=("tea",), messages=(third,)))
    assert texts(store.sources(NS, "tea", revision=v1)) == ["one"]
    assert texts(store.sources(NS, "tea")) == ["one", "two"]
    assert texts(store.sources(NS, "sum")) == ["one", "two", "three"]
    store.delete(NS, "tea")
    assert texts(store.sources(NS, "tea")) == ["one", "two"]
    assert texts(store.sources(NS, "sum")) == ["one", "two", "three"]
    found = store.derived_from(NS, Source("message", first))
    assert [(v.key, v.revision) for v in found][:2] == [("tea", v1), ("tea", v2)]
    assert [v.key for v in found] == ["tea", "tea", "sum", "tea"]
    with pytest.raises(InputError, match="no revision 77"):
        store.sources(NS, "tea", revision=77)


def test_what_a_memory_became_later_is_no_source_of_what_was_made_from_it_before(store):
    first, second = tell(store, "one", "two")
    write(store, "tea", {"n": 1}, provenance=Provenance(messages=(first,)))
    write(store, "sum", {}, provenance=Provenance(memories=("tea",)))
    write(store, "tea", {"n": 2}, provenance=Provenance(messages=(second,)))
    assert texts(store.sources(NS, "sum")) == ["one"]
    assert [v.key for v in store.derived_from(NS, Source("message", second))] == ["tea"]


def test_a_memory_made_from_another_of_the_same_change_set_comes_from_it(store):
    (key,) = tell(store, "one")
    tea = Write("tea", {}, provenance=Provenance(messages=(key,)))
    tale = Write("tale", {}, provenance=Provenance(memories=("tea", "tale")))
    store.commit(ChangeSet(NS, (tea, tale)))
    assert texts(store.sources(NS, "tale")) == ["one"]
    assert {v.key for v in store.derived_from(NS, Source("message", key))} == {"tea", "tale"}


def test_a_memory_is_a_source_only_in_its_own_namespace(store):
    (key,) = tell(store, "one")
    write(store, "profile", {}, provenance=Provenance(messages=(key,)))
    of_profile = Provenance(memories=("profile",))
    other = (*NS, "ines")
    store.commit(ChangeSet(other, (Write("profile", {}),)))
    store.commit(ChangeSet(other, (Write("sum", {}),), provenance=of_profile))
    found = store.derived_from(NS, Source("message", key))
    assert [(v.namespace, v.key) for v in found] == [(NS, "profile")]


def test_what_comes_from_a_source_is_found_by_each_sort_of_source(store):
    (key,) = tell(store, "one")
    named = Provenance(thread="monday", run="r", documents=("d",), memories=("x",), messages=(key,))
    revision = write(store, "tea", {}, provenance=named)
    write(store, "other", {}, provenance=Provenance(run="monday"))
    sources = [("thread", "monday"), ("run", "r"), ("document", "d"), ("memory", "x")]
    for sort, ref in [*sources, ("message", key)]:
        found = store.derived_from(NS, Source(sort, ref))
        assert [(v.key, v.revision) for v in found] == [("tea", revision)]
    write(store, "by message", {}, provenance=Provenance(messages=(key,)))
    by_thread = store.derived_from((), Source("thread", "monday"))
    assert [v.key for v in by_thread] == ["tea", "by message"]
    assert store.derived_from(("nowhere",), Source("run", "r")) == []
    assert Source.read("thread:a:b") == Source("thread", "a:b")
    with pytest.raises(InputError, match="such as"):
        Source("threat", "monday")


# The journal


def test_a_conversation_handed_over_again_is_kept_once(store):
    first = tell(store, "hello", "yes", "yes")
    again = store.commit(ChangeSet(NS, journal=(said("hello", "yes", "yes", "bye"),)))
    assert [change.action for change in again.journal] == [*["unchanged"] * 3, "inserted"]
    assert [change.key for change in again.journal][:3] == first
    assert [change.after["seq"] for change in again.journal] == [1, 2, 3, 4]
    assert texts(store.journal(NS, "monday")) == ["hello", "yes", "yes", "bye"]
    assert store.commit(ChangeSet(NS, journal=(said("yes", "bye"),))).revision is None


def test_messages_with_ids_are_known_by_them(store):
    tell(store, "hello", "yes", ids=["1", "2"])
    tell(store, "yes", "yes", "hello", ids=["2", "3", "1"])
    assert texts(store.journal(NS, "monday")) == ["hello", "yes", "yes"]
    tell(store, "hello", thread="tuesday", ids=["1"])
    assert store.threads(NS) == {"monday": 3, "tuesday": 1}


def test_a_conversation_without_a_name_gets_one_that_follows_from_it(store):
    tell(store, "hello", "bye", thread=None)
    tell(store, "hello", "bye", thread=None)
    (thread,) = store.threads(NS)
    assert thread.startswith("once-")
    assert texts(store.journal(NS, thread)) == ["hello", "bye"]


def test_instructions_in_front_of_every_call_are_kept_once(store):
    system = Message("system", "Be kind")
    turns = [Message("user", str(n)) for n in range(3)]
    for end in (1, 2, 3):
        store.commit(ChangeSet(NS, journal=(Said((system, *turns[:end]), "monday"),)))
    assert texts(store.journal(NS, "monday")) == ["Be kind", "0", "1", "2"]


def test_a_message_said_again_after_an_earlier_one_was_forgotten_is_kept(store):
    first, _, _ = tell(store, "yes", "well", "yes")
    store.forget(NS, key=first)
    tell(store, "no", "yes")
    assert texts(store.journal(NS, "monday")) == ["well", "yes", "no", "yes"]


def test_a_message_comes_back_as_it_was_said(store):
    whole = Message(
        "assistant",
        "naïve 日本 🥜",
        "Inês",
        "2026-05-01T09:00:00",
        "id-1",
        (("search", '{"q": 1}'),),
    )
    store.commit(ChangeSet(NS, journal=(Said((whole,), "Ça va?"),)))
    (entry,) = store.journal(NS, "Ça va?")
    assert (entry.message, entry.thread, entry.seq, entry.namespace) == (whole, "Ça va?", 1, NS)
    assert entry.score is None
    assert [e.key for e in store.search_journal(NS, "search 日本")] == [entry.key]


def test_what_no_database_can_hold_is_replaced_in_messages(store):
    odd = Message(
        "us\ud83der", "cut \ud83d off\x00", "No\ud83dra", "\ud83d", "\x00", (("t", "\x00"),)
    )
    store.commit(ChangeSet(NS, journal=(Said((odd,), "monday"),)))
    (entry,) = store.journal(NS, "monday")
    assert entry.message.text == "cut \N{REPLACEMENT CHARACTER} off\N{REPLACEMENT CHARACTER}"
    store.commit(ChangeSet(NS, journal=(Said((odd,), "monday"),)))
    assert store.threads(NS) == {"monday": 1}


def test_the_journal_is_read_by_thread_in_order_and_as_a_whole_newest_first(store):
    tell(store, "one", "two", "three")
    store.commit(ChangeSet((*NS, "deep"), journal=(said("four", thread="monday"),)))
    assert [e.seq for e in store.journal(NS, "monday")] == [1, 2, 3]
    assert texts(store.journal(NS, "monday", after=1)) == ["two", "three"]
    assert texts(store.journal(NS, "monday", after=1, limit=1)) == ["two"]
    assert texts(store.journal(NS)) == ["four", "three", "two", "one"]
    assert texts(store.journal(NS, after=1, limit=2)) == ["three", "two"]
    assert store.journal(NS, "tuesday") == store.journal(("nowhere",)) == []
    assert store.search(()) == []


def test_neighbours_are_those_of_the_thread(store):
    keys = tell(store, *"abcdef")
    tell(store, "x", thread="tuesday")
    assert texts(store.neighbours(NS, keys[3])) == ["b", "c", "d", "e"]
    assert texts(store.neighbours(NS, keys[0], before=3, after=0)) == ["a"]
    assert texts(store.neighbours(NS, keys[5], before=0, after=9)) == ["f"]
    assert store.neighbours(NS, "never there") == []


def test_the_journal_is_searched_by_words_best_first(store):
    tell(store, "the ferry leaves at nine", "a train", "ferry ferry ferry", "nothing")
    other = (*NS, "deep")
    store.commit(ChangeSet(other, journal=(Said((Message("user", "hm", speaker="Ferry"),), "t"),)))
    store.put(NS, "memory", says("ferry"))
    found = store.search_journal(NS, "Which ferry?")
    assert {e.message.text for e in found} == {
        "the ferry leaves at nine", "ferry ferry ferry", "hm"
    }  # fmt: skip
    assert [e.score for e in found] == sorted((e.score for e in found), reverse=True)
    pages = [store.search_journal(NS, "ferry", limit=2, offset=offset) for offset in (0, 2)]
    assert [e.key for page in pages for e in page] == [e.key for e in found]
    assert store.search_journal(NS, "never said", limit=0) == []
    assert store.search_journal(NS, "  ") == store.search_journal(("nowhere",), "ferry") == []


def test_a_cursor_never_moves_back(store):
    for seq in (3, 2, 5, 1):
        store.commit(ChangeSet(NS, cursors=(Cursor("monday", seq), Cursor("tuesday", 1, "other"))))
    assert store.cursor(NS, "monday") == 5
    assert (store.cursor(NS, "tuesday", "other"), store.cursor(NS, "tuesday")) == (1, 0)
    assert store.cursor(("nowhere",), "monday") == 0


def test_a_job_is_replaced_by_its_name_and_ends_when_it_is_finished(store):
    later = Job("later", {"n": 1}, "2031-01-01")
    store.commit(ChangeSet(NS, jobs=(later, Job("soon", {"n": 1}, "2030-01-01"))))
    store.commit(ChangeSet(NS, jobs=(Job("later", {"n": 2}, "2029-01-01"),)))
    assert [(job.name, job.payload["n"]) for job in store.jobs(())] == [("later", 2), ("soon", 1)]
    store.commit(ChangeSet(NS, finished=("later", "never there")))
    assert [(job.name, job.namespace) for job in store.jobs(NS)] == [("soon", NS)]
    assert store.jobs(("nowhere",)) == []


# Time to live

MINUTE = 60.0
SOON = 0.3 / MINUTE


def test_what_has_expired_is_gone_before_it_is_swept(store):
    write(store, "tea", says("tea"), ttl=0)
    write(store, "stays", says("tea"), ttl=None)
    assert held(store) is None
    assert [item.key for item in store.search(NS)] == ["stays"]
    assert [item.key for item in store.search(NS, query="tea")] == ["stays"]
    assert store.records(NS, ["tea"]) == [None]
    assert store.pin(NS, "tea") is False
    store.commit(ChangeSet(("gone",), (Write("k", {}, ttl=0),)))
    assert store.list_namespaces() == [NS]
    assert store.as_of(now(), ("gone",)) == []


def test_the_past_of_what_has_expired_is_gone_as_well(store):
    run = Provenance(run="r", documents=("d",))
    revision = write(store, "tea", says("likes tea"), provenance=run)
    write(store, "tea", says("likes green tea"), ttl=0)
    assert store.history(NS, "tea") == []
    assert store.keys(NS) == []
    assert store.derived_from(NS, Source("run", "r")) == []
    with pytest.raises(InputError, match=r"There is no memory 'tea'.*expired"):
        store.diff(NS, "tea", 0, revision)
    assert store.revert(NS, source=Source("run", "r")).changes == ()
    told = []
    store.perform(Export((), told.append))
    assert [record for record in told if record["record"] == "memory"] == []


def test_what_has_expired_is_swept_with_its_history(store):
    write(store, "tea", {"n": 1})
    write(store, "tea", {"n": 2}, ttl=0)
    write(store, "stays", {})
    assert store.sweep_ttl() == 1
    assert store.history(NS, "tea") == []
    assert store.sweep_ttl() == 0
    assert write(store, "tea", {"n": 3}, expect=0)
    assert [v.value for v in store.history(NS, "tea")] == [{"n": 3}]


def test_what_has_expired_is_no_version_to_write_against(store):
    revision = write(store, "tea", {"n": 1}, ttl=0)
    assert store.commit(ChangeSet(NS, (Write("tea", {"n": 2}, expect=revision),))).conflicts
    assert store.revert(NS, key="tea").revision is None
    assert write(store, "tea", {"n": 2}, expect=0)
    assert [v.value for v in store.history(NS, "tea")] == [{"n": 2}]


def test_reading_lets_a_life_begin_anew_where_that_is_wanted(opened):
    for refresh in (True, False):
        key = f"k{refresh}"
        store = opened(ttl={"refresh_on_read": refresh, "default_ttl": 1 / 60})
        write(store, key, {})
        first = store.records(NS, [key])[0].expires_at
        time.sleep(0.01)
        store.get(NS, key)
        assert (store.records(NS, [key])[0].expires_at > first) is refresh
        second = store.records(NS, [key])[0].expires_at
        time.sleep(0.01)
        store.search(NS, refresh_ttl=not refresh)
        assert (store.records(NS, [key])[0].expires_at > second) is not refresh
        time.sleep(1.05)
        assert held(store, key) is None


def test_a_change_set_has_the_stores_time_to_live_unless_a_write_has_its_own(opened):
    store = opened(ttl={"default_ttl": 10})
    write(store, "default", {})
    write(store, "ever", {}, ttl=None)
    write(store, "own", {}, ttl=5)
    default, ever, own = store.records(NS, ["default", "ever", "own"])
    assert ever.expires_at is None
    assert default.expires_at - own.expires_at > timedelta(minutes=4)


# Vectors


def vectors(embedder, dims=64, **settings):
    return {"index": {"embed": embedder, "dims": dims, **settings}}


def found(store, query, **settings):
    return [item.key for item in store.search(NS, query=query, **settings)]


def test_what_could_not_be_embedded_is_found_by_words_until_it_can(opened):
    embedder = WordVectors()
    store = opened(**vectors(embedder))
    store.put(NS, "a", says("tea tea ferry"))
    embedder.failure = RuntimeError("no connection")
    store.put(NS, "b", says("tea"))
    store.commit(ChangeSet(NS, (Write("c", says("train")),), journal=(said("I like tea"),)))
    embedder.failure = None
    assert found(store, "tea") == ["a", "b"]
    assert found(store, "train")[0] == "c"
    assert store.reindex(NS) == 3
    assert found(store, "tea")[:2] == ["b", "a"]
    assert store.reindex() == 0


def test_what_waits_for_its_vector_stands_among_the_others_by_its_words(opened):
    embedder = WordVectors()
    store = opened(**vectors(embedder))
    for number in range(12):
        store.put(NS, f"k{number}", says(f"green tea {number}"))
    embedder.failure = RuntimeError("no connection")
    store.put(NS, "allergy", says("Ines is allergic to peanuts"))
    embedder.failure = None
    assert found(store, "allergic to peanuts")[0] == "allergy"
    scores = [item.score for item in store.search(NS, query="tea peanuts", limit=20)]
    assert scores == sorted(scores, reverse=True)
    pages = [found(store, "tea peanuts", limit=2, offset=at) for at in range(0, 14, 2)]
    assert [key for page in pages for key in page] == found(store, "tea peanuts", limit=20)


def test_one_text_that_cannot_be_embedded_stops_no_others(opened):
    def embed(texts):
        if any("poison" in text for text in texts):
            raise ValueError("too long")
        return [[1.0, float(len(text))] for text in texts]

    store = opened(**vectors(embed, dims=2))
    texts = ["poison"] * 4 + ["fine"] * 5
    writes = tuple(Write(f"k{n}", says(text)) for n, text in enumerate(texts))
    store.commit(ChangeSet(NS, writes))
    with pytest.raises(EmbedderFailed, match=r"5 were embedded, 4 could not be, among them 'k0'"):
        store.reindex()
    for number in range(4):
        store.put(NS, f"k{number}", says("mended"))
    assert store.reindex() == 0


def test_vectors_of_another_length_are_those_of_another_embedder(opened):
    def embedding(dims):
        return vectors(lambda texts: [[1.0] * dims for _ in texts], dims, fingerprint="m")

    for dims in (3, 5):
        with opened(**embedding(dims)) as store:
            store.put(NS, f"of{dims}", says("the sea"))
            assert set(found(store, "sea")) >= {f"of{dims}"}
    store = opened(**embedding(3))
    assert set(found(store, "sea")) == {"of3", "of5"}
    assert store.reindex() == 1


def test_a_question_that_cannot_be_embedded_is_asked_by_words(opened):
    embedder = WordVectors()
    store = opened(**vectors(embedder))
    store.put(NS, "a", says("tea"))
    store.put(NS, "b", says("ferry"))
    embedder.failure = RuntimeError("no connection")
    assert found(store, "tea") == ["a"]


def test_a_change_of_embedder_loses_nothing_and_is_made_up_in_steps(opened):
    old = opened(**vectors(WordVectors(), fingerprint="old"))
    store_puts = [PutOp(NS, f"{n:03}", says(f"word{n} tea")) for n in range(200)]
    old.batch(store_puts)
    tell(old, "hello")
    old.close()
    embedder = WordVectors(dims=8)
    store = opened(**vectors(embedder, dims=8, fingerprint="new"))
    store.put(NS, "fresh", says("tea"))
    assert found(store, "tea", limit=300)[0] == "fresh"
    assert len(found(store, "tea", limit=300)) == 201

    calls = []

    def progress(done, total):
        calls.append((done, total))
        assert len(found(store, "tea", limit=300)) == 201
        embedder.failure = RuntimeError("no connection")

    with pytest.raises(EmbedderFailed, match="no connection"):
        store.reindex(progress=progress)
    embedder.failure = None
    assert 0 < calls[-1][0] < calls[-1][1] == 201
    assert len(found(store, "tea", limit=300)) == 201
    rest = 201 - calls[-1][0]
    more = []
    assert store.reindex((), progress=lambda done, total: more.append((done, total))) == rest
    assert more[-1] == (rest, rest)
    assert store.reindex() == 0
    assert len(found(store, "tea", limit=300)) == 201


def test_what_is_changed_while_it_is_embedded_anew_keeps_its_own_vectors(opened):
    opened().put(NS, "k", says("old"))
    words = WordVectors()

    def embed(texts):
        if texts == ["old"]:
            store.put(NS, "k", says("new"))
        return words.embed_documents(texts)

    store = opened(**vectors(embed))
    store.reindex(NS)
    assert store.search(NS, query="new")[0].score == pytest.approx(1.0)


def test_reindexing_keeps_to_its_namespace(opened):
    plain = opened()
    plain.put(("a",), "k", says("tea"))
    plain.put(("a", "b"), "k", says("tea"))
    plain.put(("ab",), "k", says("tea"))
    plain.close()
    store = opened(**vectors(WordVectors()))
    assert store.reindex(("a",)) == 2
    assert store.reindex() == 1


def test_a_store_without_an_embedder_says_so(store):
    with pytest.raises(ConfigurationError, match="no embedder"):
        store.reindex()


def test_pages_of_equally_near_memories_hold_each_once(opened):
    store = opened(**vectors(WordVectors()))
    store.batch([PutOp((*NS, str(n % 3)), f"{n:02}", says("tea")) for n in range(50)])
    pages = [found(store, "tea", limit=7, offset=offset) for offset in range(0, 50, 7)]
    assert sorted(key for page in pages for key in page) == [f"{n:02}" for n in range(50)]


# Fences


async def test_a_fenced_store_is_asked_about_all_that_it_can_reach(opened):
    store = opened(**vectors(WordVectors()))
    own, other = (store.scoped((label,)) for label in ("own", "other"))
    for label in ("own", "other"):
        place = (label, "below")
        store.commit(ChangeSet(place, (Write("tea", says("tea")),), jobs=(Job(label),)))
    assert [job.name for job in own.jobs()] == ["own"] == [job.name for job in await own.ajobs()]
    assert {job.name for job in store.jobs()} == {"own", "other"}
    assert (own.doctor(), await other.adoctor(), store.doctor()) == ([], [], [])
    assert (own.reindex(), await other.areindex(), store.reindex()) == (0, 0, 0)
    for ask in (own.jobs, own.doctor, own.reindex):
        with pytest.raises(OutOfScope):
            ask(())


# Input that cannot be taken

HELLO = Message("user", "hello")


def nested(depth, inner=1):
    for _ in range(depth):
        inner = {"a": inner}
    return inner


BAD_CHANGES = {
    "a deep value": ChangeSet(NS, (Write("k", nested(2_000)),)),
    "a bottomless value": ChangeSet(NS, (Write("k", nested(100_000)),)),
    "a deep list": ChangeSet(NS, (Write("k", {"a": [nested(500)]}),)),
    "a job's deep payload": ChangeSet(NS, jobs=(Job("j", nested(500)),)),
    "no change set": None,
    "no namespace": ChangeSet((), (Write("k", {}),)),
    "a text as namespace": ChangeSet("m", (Write("k", {}),)),
    "no write": ChangeSet(NS, ("k",)),
    "no key": ChangeSet(NS, (Write(None, {}),)),
    "half a pair in a key": ChangeSet(NS, (Write("\ud83d", {}),)),
    "a value that is no dict": ChangeSet(NS, (Write("k", ["tea"]),)),
    "a value that is no JSON": ChangeSet(NS, (Write("k", {"when": datetime.now()}),)),
    "keys that are one in JSON": ChangeSet(NS, (Write("k", {1: "one", "1": "uno"}),)),
    "inner keys that are one in JSON": ChangeSet(NS, (Write("k", {"a": [{None: 1, "null": 2}]}),)),
    "a job's keys that are one in JSON": ChangeSet(NS, jobs=(Job("j", {True: 1, "true": 2}),)),
    "nan": ChangeSet(NS, (Write("k", {"n": float("nan")}),)),
    "importance": ChangeSet(NS, (Write("k", {}, importance=6),)),
    "importance as true": ChangeSet(NS, (Write("k", {}, importance=True),)),
    "importance as float": ChangeSet(NS, (Write("k", {}, importance=2.0),)),
    "an index as true": ChangeSet(NS, (Write("k", {}, index=True),)),
    "an index as text": ChangeSet(NS, (Write("k", {}, index="v"),)),
    "importance as text": ChangeSet(NS, (Write("k", {}, importance="5"),)),
    "pin as a number": ChangeSet(NS, (Write("k", {}, pin=1),)),
    "expect": ChangeSet(NS, (Write("k", {}, expect=-1),)),
    "expect as text": ChangeSet(NS, (Write("k", {}, expect="1"),)),
    "ttl": ChangeSet(NS, (Write("k", {}, ttl="soon"),)),
    "a time": ChangeSet(NS, (Write("k", {}, valid_from="soon"),)),
    "supersedes what never was": ChangeSet(NS, (Write("k", {}, supersedes=("tea",)),)),
    "supersedes what is deleted in vain": ChangeSet(
        NS, (Write("k", {}, supersedes=("tea",)), Write("tea", None))
    ),
    "supersedes itself": ChangeSet(NS, (Write("k", {}, supersedes=("k",)),)),
    "a message that never was": ChangeSet(
        NS, (Write("k", {}),), provenance=Provenance(messages=("nobody",))
    ),
    "valid the wrong way round": ChangeSet(
        NS, (Write("k", {}, valid_from="2026-05-02", valid_to="2026-05-01T23:59:59Z"),)
    ),
    "an unknown who": ChangeSet(NS, (Write("k", {}, provenance=Provenance(who="Nora")),)),
    "who as a list": ChangeSet(NS, (Write("k", {}, provenance=Provenance(who=["user"])),)),
    "supersedes nothing": ChangeSet(NS, (Write("k", {}, supersedes=("",)),)),
    "supersedes a text": ChangeSet(NS, (Write("k", {}, supersedes="tea"),)),
    "sources as one text": ChangeSet(NS, (Write("k", {}, provenance=Provenance(messages="ab")),)),
    "no provenance": ChangeSet(NS, (Write("k", {}, provenance="Nora"),)),
    "who": ChangeSet(NS, (Write("k", {}),), provenance=Provenance(who="\ud83d")),
    **{
        f"half a pair in {what}": ChangeSet(NS, (Write("k", {}, provenance=named),))
        for what, named in {
            "a thread": Provenance(thread="\ud83d"),
            "a run": Provenance(run="\ud83d"),
            "a message": Provenance(messages=("\ud83d",)),
            "a document": Provenance(documents=("\ud83d",)),
            "a memory": Provenance(memories=("a\x00b",)),
        }.items()
    },
    "a thread's name with half a pair": ChangeSet(NS, journal=(Said((HELLO,), "\ud83d"),)),
    "a thread's name with NUL": ChangeSet(NS, journal=(Said((HELLO,), "mon\x00day"),)),
    "a cursor's thread with half a pair": ChangeSet(NS, cursors=(Cursor("\ud83d", 1),)),
    "a cursor without a thread": ChangeSet(NS, cursors=(Cursor("", 1),)),
    "a thread without a name": ChangeSet(NS, journal=(Said((HELLO,), ""),)),
    "a job without a name": ChangeSet(NS, jobs=(Job(""),)),
    **{
        f"no name of {what}": ChangeSet(NS, (Write("k", {}, provenance=named),))
        for what, named in {
            "a thread": Provenance(thread=""),
            "a run": Provenance(run=""),
            "a message": Provenance(messages=("",)),
            "a document": Provenance(documents=("",)),
            "a memory": Provenance(memories=("",)),
        }.items()
    },
    "a cursor's thread": ChangeSet(NS, cursors=(Cursor(7, 1),)),
    "a cursor's number": ChangeSet(NS, cursors=(Cursor("t", "1"),)),
    "a cursor's reader": ChangeSet(NS, cursors=(Cursor("t", 1, None),)),
    "no message": ChangeSet(NS, journal=(Said(("hello",), "t"),)),
    "no stretch": ChangeSet(NS, journal=(HELLO,)),
    "a thread": ChangeSet(NS, journal=(Said((HELLO,), 7),)),
    **{
        f"a message's {what}": ChangeSet(NS, journal=(Said((message,), "t"),))
        for what, message in {
            "text": Message("user", 5),
            "role": Message(None, "hello"),
            "speaker": Message("user", "hello", speaker=5),
            "time": Message("user", "hello", time=5),
            "id": Message("user", "hello", id=5),
            "calls": Message("assistant", "", calls=(1,)),
            "call": Message("assistant", "", calls="ab"),
            "call of one": Message("assistant", "", calls=(("search",),)),
            "call's name": Message("assistant", "", calls=((1, "{}"),)),
            "call's arguments": Message("assistant", "", calls=(("search", {}),)),
        }.items()
    },
    "a recalled text": ChangeSet(NS, recalled="tea"),
    "a recalled key": ChangeSet(NS, recalled=("\ud83d",)),
    "a job's name": ChangeSet(NS, jobs=(Job(None),)),
    "a job's payload": ChangeSet(NS, jobs=(Job("j", {"when": object()}),)),
    "a job of another namespace": ChangeSet(NS, jobs=(Job("j", namespace=("facts",)),)),
    "a job of a namespace that is none": ChangeSet(NS, jobs=(Job("j", namespace="m"),)),
    "a finished text": ChangeSet(NS, finished="job"),
}


def beside_what_is_fine(bad):
    """Return a bad change set with good writes and messages in front of its own."""
    fine = ChangeSet(NS, (Write("fine", {}),), (Said((HELLO,), "fine"),))
    if not isinstance(bad, ChangeSet):
        return bad
    both = {name: (*getattr(fine, name), *getattr(bad, name)) for name in ("writes", "journal")}
    return replace(bad, **both)


def test_a_change_set_that_cannot_be_read_leaves_nothing(store):
    taken = []
    for case, bad in BAD_CHANGES.items():
        try:
            store.commit(beside_what_is_fine(bad))
        except InputError:
            continue
        taken.append(case)
    assert taken == []
    assert (store.search(()), store.journal(()), store.threads(NS)) == ([], [], {})
    assert (store.jobs(()), store.history(NS, "fine")) == ([], [])


BAD_CALLS = {
    "a key": lambda store: store.history(NS, 7),
    "half a pair": lambda store: store.history(NS, "\ud83d"),
    "no keys": lambda store: store.records(NS, [7]),
    "keys as one text": lambda store: store.records(NS, "tea"),
    "keys as None": lambda store: store.records(NS, None),
    "keys as a number": lambda store: store.records(NS, 7),
    "a pinned key": lambda store: store.pin(NS, "\ud83d"),
    "a time": lambda store: store.as_of(None, NS),
    "a revision": lambda store: store.diff(NS, "tea", 0, "1"),
    "a reverted revision": lambda store: store.revert(NS, revision="1"),
    "a reverted source": lambda store: store.revert(NS, source="run:nightly"),
    "a revision of sources": lambda store: store.sources(NS, "tea", revision="1"),
    "a source": lambda store: store.derived_from(NS, "run:nightly"),
    "a thread": lambda store: store.journal(NS, 7),
    "a thread with half a pair": lambda store: store.journal(NS, "\ud83d"),
    "a cursor's thread": lambda store: store.cursor(NS, "mon\x00day"),
    "a source with half a pair": lambda store: store.derived_from(NS, Source("run", "\ud83d")),
    "a limit": lambda store: store.journal(NS, limit=-1),
    "a limit without end": lambda store: store.journal(NS, limit=2**70),
    "an offset": lambda store: store.journal(NS, after=-1),
    "a limit of a search": lambda store: store.search_journal(NS, "tea", limit=-1),
    "an offset of a search": lambda store: store.search_journal(NS, "tea", offset=-1),
    "a question": lambda store: store.search_journal(NS, None),
    "neighbours": lambda store: store.neighbours(NS, "k", before=-1),
    "a question to rank for": lambda store: store.perform(Rank(NS, None)),
    "weights": lambda store: store.perform(Rank(NS, "tea", people=None)),
    "a sort": lambda store: store.perform(Rank(NS, "tea", sorts=("thread",))),
    "a reader": lambda store: store.cursor(NS, "t", "\ud83d"),
    "two things to forget": lambda store: store.forget(NS, key="tea", filter={}),
    "no key to forget": lambda store: store.forget(NS, key=None),
    "no source to forget": lambda store: store.forget(NS, source=None),
    "an empty filter to forget": lambda store: store.forget(NS, filter={}),
    "a source to forget": lambda store: store.forget(NS, source="run:nightly"),
    "a key to forget": lambda store: store.forget(NS, key=7),
    "a filter to forget": lambda store: store.forget(NS, filter={"a": {"$near": 1}}),
    "a namespace": lambda store: store.forget("m"),
    "a label": lambda store: store.threads(("m", 7)),
}


def test_a_call_that_cannot_be_read_does_nothing(store):
    write(store, "tea", {"n": 1})
    tell(store, "hello")
    taken = []
    for case, call in BAD_CALLS.items():
        try:
            call(store)
        except InputError:
            continue
        taken.append(case)
    assert taken == []
    assert (held(store), texts(store.journal(NS))) == ({"n": 1}, ["hello"])


def test_keys_that_are_no_texts_become_texts_unless_two_would_become_one(store):
    store.put(NS, "k", {1: {2.0: None, True: 0}, "2": 2})
    assert held(store, "k") == {"1": {"2.0": None, "true": 0}, "2": 2}
    with pytest.raises(InputError, match="'1'"):
        store.put(NS, "k", {"a": ({1: "one", "1": "uno"},)})
    assert held(store, "k") == {"1": {"2.0": None, "true": 0}, "2": 2}


def test_a_job_that_was_read_may_be_committed_again(store):
    store.commit(ChangeSet(NS, jobs=(Job("j", {"n": 1}),)))
    (job,) = store.jobs(NS)
    store.commit(ChangeSet(NS, jobs=(replace(job, payload={"n": 2}),)))
    assert [(job.payload, job.namespace) for job in store.jobs()] == [({"n": 2}, NS)]


@pytest.mark.parametrize("key", ["a\0b", "\ud83d"])
def test_a_key_that_cannot_be_is_told_why(store, key):
    for ask in (lambda: store.put(NS, key, {}), lambda: write(store, key, {})):
        with pytest.raises(InputError, match="NUL or half of a character"):
            ask()


def test_a_memory_that_never_was_has_no_revisions_to_choose_from(store):
    write(store, "tea", {})
    for ask in (lambda: store.diff(NS, "coffee", 0, 1), lambda: store.diff(("x",), "tea", 0, 1)):
        with pytest.raises(InputError, match="no memory"):
            ask()
    with pytest.raises(InputError, match=r"no revision 99; there are: \d"):
        store.diff(NS, "tea", 0, 99)


def test_a_setting_that_there_is_not_is_told_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"'bussy_timeout'.*busy_timeout, vector_cache_mb"):
        open_store(":memory:", bussy_timeout=3)
    with pytest.raises(ConfigurationError, match=r"'busy_timeout'.*connect_timeout, pool_size"):
        open_store("postgresql://localhost/x", busy_timeout=3)


def test_a_message_may_bring_its_time_as_a_datetime(store):
    when = datetime(2026, 1, 1, 9, tzinfo=UTC)
    talk = Said((Message("user", "hello", time=when), Message("user", "bye", time="noon")), "t")
    (first, second) = store.commit(ChangeSet(NS, journal=(talk,))).journal
    times = [entry.message.time for entry in store.journal(NS, "t")]
    assert times == ["2026-01-01T09:00:00+00:00", "noon"]
    assert [first.after["time"], second.after["time"]] == times


def test_a_root_that_langgraph_keeps_to_itself_is_refused(store):
    for namespace in (("langgraph",), ("langgraph", "m")):
        with pytest.raises(InvalidNamespaceError):
            store.put(namespace, "k", {})
        with pytest.raises(InvalidNamespaceError):
            store.commit(ChangeSet(namespace, (Write("k", {}),)))
    assert store.search(()) == []


def test_what_a_change_set_brings_along_may_be_named_in_it(store):
    (key,) = tell(store, "hello")
    more = Write("new", {}, supersedes=("old",), provenance=Provenance(messages=(key,)))
    assert store.commit(ChangeSet(NS, (more, Write("old", {})))).revision
    write(store, "old", None)
    write(store, "newer", {}, supersedes=("old",))
    assert store.doctor() == []


def test_what_was_forgotten_meanwhile_is_no_source_of_what_is_learned_from_it(store):
    (key,) = tell(store, "hello")
    store.forget(NS, key=key)
    with pytest.raises(InputError, match="forgotten"):
        write(store, "tea", {}, provenance=Provenance(messages=(key,)))
    assert held(store) is None


@pytest.mark.parametrize("depth", [201, 2_000, 100_000])
def test_a_value_nested_too_deeply_is_refused_and_the_limit_is_told(store, depth):
    with pytest.raises(InputError, match=r"nested .*deep"):
        store.put(NS, "tea", nested(depth))
    assert held(store) is None


def test_what_is_stored_is_read_compared_and_searched_however_deeply_it_is_nested(store):
    first, second = (write(store, "tea", {"a": nested(198, n)}) for n in (1, 2))
    assert held(store) == {"a": nested(198, 2)}
    (change,) = store.diff(NS, "tea", first, second)
    assert (change["op"], change["value"]) == ("replace", 2)
    assert [item.key for item in store.search(NS, filter={"a.a": {"$ne": 1}})] == ["tea"]
    assert store.search(NS, filter={"a": {"$in": [nested(40)]}}) == []
    assert len(store.search(NS, query="2")) == 1
    for deep in (2_000, 100_000):
        with pytest.raises(InputError, match="nested"):
            store.search(NS, filter=nested(deep))


# Async twins


# Each in a namespace of its own, with what `begin` left there.
CALLS = {
    "commit": lambda ns, _: ((ChangeSet(ns, (Write("new", {"n": 1}),), (said("more"),)),), {}),
    "records": lambda ns, _: ((ns, ["tea", "none"]), {}),
    "history": lambda ns, _: ((ns, "tea"), {}),
    "as_of": lambda ns, _: (("2999-01-01", ns), {"key": "tea", "valid_at": "2026-01-01"}),
    "diff": lambda ns, first: ((ns, "tea", 0, first.revision), {}),
    "revert": lambda ns, _: ((ns,), {"key": "tea"}),
    "sources": lambda ns, _: ((ns, "tea"), {}),
    "derived_from": lambda ns, _: ((ns, Source("thread", "monday")), {}),
    "journal": lambda ns, _: ((ns, "monday"), {"after": 1}),
    "neighbours": lambda ns, first: ((ns, first.journal[0].key), {"after": 0}),
    "search_journal": lambda ns, _: ((ns, "hello"), {"limit": 1}),
    "threads": lambda ns, _: ((ns,), {}),
    "cursor": lambda ns, _: ((ns, "monday"), {}),
    "jobs": lambda ns, _: ((ns,), {}),
    "cancel_job": lambda ns, _: ((ns, "j"), {}),
    "retry_job": lambda ns, _: ((ns, "j"), {}),
    "outcome": lambda ns, _: ((Ticket(ns, "j", 1),), {}),
    "keys": lambda ns, _: ((ns, "t"), {}),
    "doctor": lambda ns, _: ((ns,), {}),
    "pin": lambda ns, _: ((ns, "tea"), {}),
    "note_recall": lambda ns, _: ((ns, ["tea"]), {"thread": "monday", "at": "2026-01-01"}),
    "recalled_in": lambda ns, _: ((ns, "monday"), {}),
    "standing": lambda ns, _: ((ns,), {"limit": 1}),
    "forget": lambda ns, _: ((ns,), {"source": Source("thread", "monday")}),
    "reindex": lambda ns, _: ((ns,), {}),
}


def begin(store, ns):
    store.put(ns, "rest", {})
    return store.commit(
        ChangeSet(
            ns,
            (Write("tea", {"n": 1}, pin=True),),
            (said("hello", "bye"),),
            (Cursor("monday", 1),),
            ("tea",),
            (Job("j", due_at="2030-01-01"),),
        )
    )


def test_every_method_has_an_async_twin_with_the_same_parameters():
    public = {name for name, _ in inspect.getmembers(Ledger, inspect.isfunction)}
    public = {name for name in public if not name.startswith("_")} - {"scoped", "listen"}
    plain = {name for name in public if not inspect.iscoroutinefunction(getattr(Ledger, name))}
    assert public == plain | {f"a{name}" for name in plain}
    for name in plain:
        one, twin = getattr(Ledger, name), getattr(Ledger, f"a{name}")
        assert inspect.signature(one) == inspect.signature(twin), name
        assert inspect.getdoc(twin), name
    assert plain - {"perform"} <= set(CALLS)


async def test_awaited_or_not_the_same_comes_of_it(opened):
    index = vectors(WordVectors())
    with opened("blocking", **index) as blocking, opened("awaiting", **index) as awaiting:
        for name, call in CALLS.items():
            ns = (name,)
            args, settings = call(ns, begin(blocking, ns))
            result = getattr(blocking, name)(*args, **settings)
            args, settings = call(ns, begin(awaiting, ns))
            twin = await getattr(awaiting, f"a{name}")(*args, **settings)
            assert (name, told(result)) == (name, told(twin))
            now_there = told(blocking.as_of("2999-01-01", ()))
            assert (name, now_there) == (name, told(awaiting.as_of("2999-01-01", ())))


def told(result):
    """Return a result without its times."""
    if isinstance(result, list | tuple):
        return [told(one) for one in result]
    if hasattr(result, "to_dict") or isinstance(result, Item):
        return told(result.to_dict() if hasattr(result, "to_dict") else result.dict())
    if isinstance(result, dict):
        return {name: told(inner) for name, inner in result.items() if not name.endswith("_at")}
    return repr(result)
