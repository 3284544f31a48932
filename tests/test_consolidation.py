"""Consolidation: what is known is looked over, nothing is lost, and the whole can be undone."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel
from typer.testing import CliRunner

from holdfast import (
    ChangeSet,
    Consolidate,
    Job,
    Limits,
    Provenance,
    Source,
    Worker,
    Write,
    aconsolidate,
    consolidate,
    create_memory_store_manager,
    open_store,
    recall,
)
from holdfast.cli import app
from holdfast.errors import ClaimLost, ConfigurationError
from holdfast.jobs import Duty
from holdfast.operations import ClaimJob, ReadCursor
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
RUN = "consolidation-"


@pytest.fixture
def store(opened):
    return opened()


def told(text, kind="Memory"):
    return {"kind": kind, "content": {"content": text}}


def put(store, *texts, namespace=NS, **given):
    """Put texts under the keys k1, k2, ..., each in a change set of its own."""
    for number, text in enumerate(texts, 1):
        store.commit(ChangeSet(namespace, (Write(f"k{number}", told(text), **given),)))


def ids(request):
    """Return the short ids that a model is shown, by what the memories say."""
    found = re.findall(r'<memory id="(m\d+)"[^>]*>(.*?)</memory>', request.text)
    return {json.loads(content)["content"]: alias for alias, content in found}


def insert(text, **more):
    return ("Memory", {"content": text, **more})


def remove(request, *texts):
    return [("RemoveDoc", {"json_doc_id": ids(request)[text]}) for text in texts]


def patch(request, text, to):
    change = {"op": "replace", "path": "/content", "value": to}
    return ("PatchDoc", {"json_doc_id": ids(request)[text], **change})


def manager_of(script=None, **settings):
    model = None if script is None else ScriptedModel(script)
    return create_memory_store_manager(model, namespace=NS, **settings)


def state(store, namespace=NS):
    """Return all that a revert must bring back, by key."""
    keys = sorted(key for where, key in store.keys(namespace, limit=1_000) if where == namespace)
    return {
        one.version.key: (
            one.version.value,
            sorted(one.superseded_by),
            one.version.importance,
            one.version.valid_from,
            one.version.valid_to,
            one.version.ttl,
            one.version.index,
            one.pinned,
        )
        for one in store.records(namespace, keys)
        if one is not None
    }


def current(store):
    """Return what is said by the memories that nothing supersedes."""
    return sorted(value["content"]["content"] for value, by, *_ in state(store).values() if not by)


def undo(store, done):
    receipt = store.revert(NS, source=Source("run", done.run))
    assert not receipt.rejected


def by(store, key):
    return list(store.records(NS, [key])[0].superseded_by)


def test_the_same_words_are_joined_without_a_model(store):
    put(store, "Nora likes tea", "Nora likes the tea!", "Nora does not like tea")
    store.commit(ChangeSet(NS, (Write("k4", told("nora likes tea"), importance=4),)))
    before = state(store)
    done = consolidate(manager_of(), store=store)
    assert [(c.action, c.key) for c in done.receipt.changes] == [
        ("superseded", "k1"),
        ("superseded", "k2"),
    ]
    assert current(store) == ["Nora does not like tea", "nora likes tea"]
    assert store.records(NS, ["k4"])[0].version.supersedes == ("k1", "k2")
    assert done.run.startswith(RUN)
    assert done.receipt.usage.model_calls == 0
    assert consolidate(manager_of(), store=store).writes == ()
    undo(store, done)
    assert state(store) == before


def test_what_stands_stays_and_importance_is_that_of_the_most_important(store):
    put(store, "Call before nine", "call before nine.", importance=2)
    store.commit(ChangeSet(NS, (Write("k1", told("Call before nine"), importance=5, pin=True),)))
    store.commit(ChangeSet(NS, (Write("k2", told("call before nine.")),)))
    before = state(store)
    done = consolidate(manager_of(), store=store)
    assert by(store, "k2") == ["k1"]
    assert [item.key for item in store.standing(NS)] == ["k1"]
    assert store.records(NS, ["k1"])[0].version.importance == 5
    undo(store, done)
    assert state(store) == before


def test_what_was_so_at_other_times_is_not_the_same(store):
    for key, day in (("k1", "2025-05-01"), ("k2", "2026-05-01")):
        store.commit(ChangeSet(NS, (Write(key, told("Nora is in Rome"), valid_from=day),)))
    store.commit(ChangeSet(NS, (Write("k3", told("Nora is in Rome"), ttl=60),)))
    assert consolidate(manager_of(), store=store).writes == ()


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_repetitions_in_other_words_are_merged(store, how):
    put(store, "Nora has a cat", "Nora's cat is called Miso", "The ferry leaves at nine")
    before = state(store)
    merged = "Nora has a cat called Miso"

    def answer(request):
        assert "nothing new was said" in request.text
        return [
            insert(merged, importance=3),
            *remove(request, "Nora has a cat", "Nora's cat is called Miso"),
        ]

    manager = manager_of(answer)
    if how == "sync":
        done = consolidate(manager, store=store)
    else:
        done = await aconsolidate(manager, store=store)
    (new,) = done.receipt.inserted
    assert current(store) == [merged, "The ferry leaves at nine"]
    assert by(store, "k1") == by(store, "k2") == [new.key]
    version = store.records(NS, [new.key])[0].version
    assert version.importance == 3
    source = version.provenance
    assert (source.who, source.run, source.memories) == ("assistant", done.run, ("k1", "k2"))
    assert source.prompt.startswith(RUN)
    assert done.receipt.usage.model_calls == 1
    undo(store, done)
    assert state(store) == before


def test_of_a_contradiction_the_older_is_found_where_the_past_is_asked_about(store):
    put(store, "Nora lives in Paris", "Nora lives in Rome")

    def answer(request):
        text = request.text
        assert text.index("Paris") < text.index("Rome")  # from the oldest to the newest
        return remove(request, "Nora lives in Paris")

    before = state(store)
    done = consolidate(manager_of(answer), store=store)
    assert by(store, "k1") == ["k2"]
    assert recall("Where does Nora live?", NS, store=store)[0].text.endswith("Rome")
    asked = recall("Where did Nora live before?", NS, store=store)
    assert "Nora lives in Paris" in [one.text for one in asked]
    undo(store, done)
    assert state(store) == before


def test_an_update_stands_for_what_was_removed_beside_it(store):
    put(store, "Nora lives in Paris", "Nora moved to Rome")
    after = "Nora moved to Rome; before, she lived in Paris"

    def answer(request):
        return [
            patch(request, "Nora moved to Rome", after),
            *remove(request, "Nora lives in Paris"),
        ]

    before = state(store)
    done = consolidate(manager_of(answer), store=store)
    assert (current(store), by(store, "k1")) == ([after], ["k2"])
    assert store.records(NS, ["k2"])[0].version.provenance.memories == ("k1",)
    undo(store, done)
    assert state(store) == before


def test_a_generalisation_supersedes_several_and_each_the_most_alike(store):
    put(
        store,
        "Nora drank espresso on Monday",
        "Nora drank espresso on Tuesday",
        "The train to Porto was late in May",
        "The train to Porto was late in June",
    )
    coffee, train = "Nora drinks espresso every day", "The train to Porto is often late"

    def answer(request):
        return [insert(coffee), insert(train), *remove(request, *ids(request))]

    done = consolidate(manager_of(answer), store=store)
    keys = {change.after["content"]: change.key for change in done.receipt.inserted}
    assert [by(store, f"k{n}") for n in (1, 2, 3, 4)] == [
        [keys[coffee]],
        [keys[coffee]],
        [keys[train]],
        [keys[train]],
    ]


def test_what_nothing_stands_for_stays_and_is_told(store):
    put(store, "Nora likes tea", "The ferry leaves at nine")
    before = state(store)
    done = consolidate(manager_of(lambda request: remove(request, *ids(request))), store=store)
    assert state(store) == before
    assert [(c.action, c.key) for c in done.receipt.changes] == [
        ("rejected", "k1"),
        ("rejected", "k2"),
    ]
    assert "stays as it is @ k1" in done.receipt.rejected[0].reason
    assert done.writes == ()


def test_removed_and_written_anew_in_the_same_words_it_stays(store):
    manager = create_memory_store_manager(
        ScriptedModel([[insert("Nora likes tea")], [insert("Nora plays the cello")]]),
        namespace=NS,
        store=store,
    )
    for said in ("Tea, please", "I play the cello"):
        manager.invoke({"messages": [("user", said)]})
    before = state(store)

    def answer(request):
        return [*remove(request, "Nora likes tea"), insert("Nora likes tea")]

    done = consolidate(manager_of(answer), store=store)
    assert [change.action for change in done.receipt.changes] == ["unchanged"]
    assert state(store) == before


def test_what_stands_is_replaced_only_by_what_stands(store):
    put(store, "Never call Nora before nine", "Do not call Nora before nine in the morning")
    store.pin(NS, "k1")
    before = state(store)
    answer = manager_of(lambda request: remove(request, "Never call Nora before nine"))
    assert consolidate(answer, store=store).receipt.rejected
    assert state(store) == before
    done = consolidate(
        manager_of(
            lambda request: [insert("Call Nora after nine"), *remove(request, *ids(request))]
        ),
        store=store,
    )
    (new,) = done.receipt.inserted
    assert [item.key for item in store.standing(NS)] == [new.key]
    undo(store, done)
    assert state(store) == before


def test_windows_hold_what_is_alike_and_all_are_one_run(store):
    put(
        store,
        "Nora has a cat at home",
        "The ferry to Porto leaves at nine",
        "The cat of Nora is called Miso",
        "The ferry to Porto costs ten euros",
    )
    before = state(store)

    def answer(request):
        texts = list(ids(request))
        assert len({"cat" in text for text in texts}) == 1
        return [insert(" and ".join(texts)), *remove(request, *texts)]

    manager = manager_of(answer)
    done = consolidate(manager, store=store, window=72)
    assert len(manager.model.requests) == len(done.change_sets) == 2
    assert done.receipt.usage.model_calls == 2
    runs = {store.records(NS, [write.key])[0].version.provenance.run for write in done.writes}
    assert runs == {done.run}
    assert len(current(store)) == 2
    undo(store, done)
    assert state(store) == before


def test_a_dry_run_writes_nothing_and_tells_what_it_would(store):
    put(store, "Nora has a cat", "Nora has the cat.", "Nora's cat is called Miso")
    before = state(store)

    def answer(request):
        return [insert("Nora has a cat called Miso"), *remove(request, *ids(request))]

    done = consolidate(manager_of(answer), store=store, dry_run=True)
    assert state(store) == before
    assert store.list_namespaces() == [NS]
    assert done.dry_run
    told_of = sorted((change.action, change.key) for change in done.receipt.changes)
    assert [key for action, key in told_of if action == "superseded"] == ["k1", "k2", "k3"]
    assert [action for action, _ in told_of].count("inserted") == 1
    assert [set(write.supersedes) for write in done.writes] == [{"k1"}, {"k2", "k3"}]
    assert json.loads(json.dumps(done.to_dict()))["writes"][1]["supersedes"] == ["k2", "k3"]


def test_what_somebody_else_changes_meanwhile_leaves_the_window_as_it_is(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")

    def answer(request):
        store.put(NS, "k2", told("Nora's cat is called Mochi"))
        return [insert("Nora has a cat called Miso"), *remove(request, *ids(request))]

    done = consolidate(manager_of(answer), store=store)
    (conflict,) = done.receipt.conflicts
    assert conflict.key == "k2"
    assert "expected revision" in conflict.reason
    assert {change.action for change in done.receipt.changes} == {"conflict", "rejected"}
    assert done.writes == ()
    assert current(store) == ["Nora has a cat", "Nora's cat is called Mochi"]


def test_a_memory_forgotten_meanwhile_is_not_joined(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")

    def answer(request):
        store.forget(NS, key="k1")
        return [insert("Nora has a cat called Miso"), *remove(request, *ids(request))]

    done = consolidate(manager_of(answer), store=store)
    assert [change.key for change in done.receipt.conflicts] == ["k1"]
    assert current(store) == ["Nora's cat is called Miso"]


def test_forgetting_one_of_what_was_joined_brings_back_the_other(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")
    consolidate(
        manager_of(
            lambda request: [insert("Nora has a cat called Miso"), *remove(request, *ids(request))]
        ),
        store=store,
    )
    store.forget(NS, key="k2")
    assert current(store) == ["Nora has a cat"]
    assert store.doctor() == []


def test_phases_of_the_manager_are_gone_through_and_no_messages_are_shown(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")
    answers = [[insert("Nora has a cat called Miso")], []]
    phases = [
        {"instructions": "Join what is alike.", "include_messages": True},
        {"instructions": "Remove nothing.", "enable_deletes": False},
    ]
    manager = manager_of(answers, phases=phases)
    done = consolidate(manager, store=store)
    first, second = manager.model.requests
    assert "Join what is alike." in first.text
    assert "Remove nothing." in second.text
    assert "RemoveDoc" in first.tool_names
    assert "RemoveDoc" not in second.tool_names
    (new,) = done.receipt.inserted
    # It replaces nothing, and may come from all that the model was shown.
    assert store.records(NS, [new.key])[0].version.provenance.memories == ("k1", "k2")


def test_what_is_over_or_superseded_or_elsewhere_is_not_shown(store):
    put(store, "Nora lives in Rome", "Nora lives in Oslo", "Nora lives in Paris")
    store.commit(ChangeSet(NS, (Write("k1", told("Nora lives in Rome"), supersedes=("k3",)),)))
    store.commit(ChangeSet(NS, (Write("k2", told("Nora lives in Oslo"), valid_to="2020-01-01"),)))
    store.commit(ChangeSet(NS, (Write("k4", told("Nora plays the cello")),)))
    below = (*NS, "team")
    put(store, "Nora lives in Rome", "Nora lives in Rome too", namespace=below)
    untouched = state(store, below)
    manager = manager_of([[]])
    done = consolidate(manager, store=store)
    assert list(ids(manager.model.requests[0])) == ["Nora lives in Rome", "Nora plays the cello"]
    assert done.receipt.changes == ()
    assert state(store, below) == untouched


def test_what_was_consolidated_is_not_taken_for_newer_than_it_is(store):
    put(store, "Nora lives in Paris", "nora lives in Paris.", "Nora lives in Rome")
    consolidate(manager_of(), store=store)
    manager = manager_of([[]])
    consolidate(manager, store=store)
    assert list(ids(manager.model.requests[0])) == ["nora lives in Paris.", "Nora lives in Rome"]


def test_where_there_is_nothing_to_compare_no_model_is_asked(store):
    manager = manager_of([])
    done = consolidate(manager, store=store)
    assert (done.receipt.changes, done.writes) == ((), ())
    put(store, "Nora likes tea")
    assert consolidate(manager, store=store).receipt.usage.model_calls == 0
    assert manager.model.requests == []


class Profile(BaseModel):
    """How the user wants to be answered."""

    name: str
    tone: str = "plain"


def test_of_profiles_there_stays_one_of_each_kind(store):
    mine = {"kind": "Profile", "content": {"name": "Nora", "tone": "plain"}}
    store.put(NS, "profile-Profile", mine)
    store.put(NS, "default", {"kind": "Profile", "content": {"name": "Nora", "tone": "dry"}})
    store.put(NS, "k1", told("Nora likes tea"))
    before = state(store)
    answers = [
        [
            ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/tone", "value": "dry"}),
            ("RemoveDoc", {"json_doc_id": "m2"}),
            ("Profile", {"name": "N."}),
        ],
        [],
    ]
    manager = manager_of(answers, schemas=[Profile], enable_inserts=False)
    done = consolidate(manager, store=store)
    assert set(manager.model.requests[0].tool_names) == {"PatchDoc", "RemoveDoc"}
    assert "tea" not in manager.model.requests[0].text
    profile = store.records(NS, ["profile-Profile"])[0].version
    assert profile.value["content"] == {"name": "Nora", "tone": "dry"}
    assert by(store, "default") == ["profile-Profile"]
    assert done.receipt.inserted == ()
    undo(store, done)
    assert state(store) == before


def test_how_a_memory_is_indexed_and_how_long_it_lives_stays(store):
    for key in ("k1", "k2"):
        store.commit(ChangeSet(NS, (Write(key, told("Nora likes tea"), index=False, ttl=60.0),)))
    consolidate(manager_of(), store=store)
    version = store.records(NS, ["k2"])[0].version
    assert (version.supersedes, version.index, version.ttl) == (("k1",), False, 60.0)


def test_errors_teach(store):
    with pytest.raises(ConfigurationError, match="keeps history"):
        consolidate(manager_of(), store=InMemoryStore())
    with pytest.raises(ConfigurationError, match="create_memory_store_manager"):
        consolidate("openai:gpt-5-mini", store=store)
    with pytest.raises(ConfigurationError, match="window"):
        consolidate(manager_of(), store=store, window=0)


def test_an_error_of_the_model_says_what_was_written_before(store):
    put(store, "Nora likes tea", "nora likes tea", "The ferry leaves at nine")
    with pytest.raises(RuntimeError, match="503") as raised:
        consolidate(manager_of([RuntimeError("503")]), store=store)
    assert f"{RUN}" in raised.value.__notes__[0]
    assert by(store, "k1") == ["k2"]


# As a job


def work(store, handler, namespace=NS):
    store.commit(ChangeSet(namespace, jobs=(Job("consolidate", handler=handler.name),)))
    return Worker(store, [handler]).drain()


def test_a_job_asks_the_model_only_where_something_is_new(store):
    put(
        store,
        "Nora has a cat at home",
        "The cat of Nora is called Miso",
        "The ferry to Porto leaves at nine",
        "The ferry to Porto costs ten euros",
    )
    manager = manager_of(lambda request: [])
    handler = Consolidate(manager, window=72)
    assert work(store, handler) == 1
    assert len(manager.model.requests) == 2
    work(store, handler)
    assert len(manager.model.requests) == 2
    store.put(NS, "k5", told("The cat of Nora is old"))
    work(store, handler)
    assert [("ferry" in r.text, "cat" in r.text) for r in manager.model.requests[2:]] == [
        (False, True)
    ]
    assert store.doctor() == []
    assert store.jobs() == []


def test_a_job_does_not_ask_again_for_what_it_wrote_itself(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso", "The ferry leaves at nine")

    def answer(request):
        merged = ("Nora has a cat", "Nora's cat is called Miso")
        return [insert("Nora has a cat called Miso"), *remove(request, *merged)]

    manager = manager_of(answer)
    handler = Consolidate(manager)
    work(store, handler)
    work(store, handler)
    assert len(manager.model.requests) == 1
    assert current(store) == ["Nora has a cat called Miso", "The ferry leaves at nine"]


def test_a_job_keeps_to_its_limits(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")
    manager = manager_of(lambda request: [])
    handler = Consolidate(manager)
    store.commit(ChangeSet(NS, jobs=(Job("consolidate", handler=handler.name),)))
    Worker(store, [handler], limits=Limits(calls=1)).drain()
    store.put(NS, "k3", told("Nora's cat is old"))
    store.commit(ChangeSet(NS, jobs=(Job("consolidate", handler=handler.name),)))
    Worker(store, [handler], limits=Limits(calls=1)).drain()
    assert len(manager.model.requests) == 1
    (job,) = store.jobs()
    assert "tomorrow" in job.error


def test_who_lost_the_job_writes_nothing(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")
    handler = None

    def answer(request):
        assert store.perform(ClaimJob((), (handler.name,), "w2", 60.0)) is not None
        return [insert("Nora has a cat called Miso"), *remove(request, *ids(request))]

    handler = Consolidate(manager_of(answer))
    store.commit(ChangeSet(NS, jobs=(Job("consolidate", handler=handler.name),)))
    job = store.perform(ClaimJob((), (handler.name,), "w1", 0.001))
    before = state(store)
    with pytest.raises(ClaimLost):
        handler(Duty(store, job))
    assert state(store) == before
    assert store.perform(ReadCursor(NS, "consolidation", handler.name)) == 0


def test_what_met_a_conflict_is_looked_over_again(store):
    put(store, "Nora has a cat", "Nora's cat is called Miso")
    names = iter(["Mochi", "Maki"])

    def answer(request):
        if name := next(names, None):
            store.put(NS, "k2", told(f"Nora's cat is called {name}"))
        return [insert("Nora has a cat with a name"), *remove(request, *ids(request))]

    manager = manager_of(answer)
    handler = Consolidate(manager)
    for _ in range(4):
        work(store, handler)
    assert len(manager.model.requests) == 3
    assert current(store) == ["Nora has a cat with a name"]


# Whatever a model answers

TEXTS = ["Nora likes tea", "nora likes tea.", "Nora has a cat", "The ferry leaves at nine", "x"]
KEYS = [f"k{number}" for number in range(1, 6)]
calls = st.one_of(
    st.tuples(st.just("insert"), st.sampled_from([*TEXTS, "Nora is kind", "new words"])),
    st.tuples(st.just("remove"), st.integers(1, 6)),
    st.tuples(st.just("patch"), st.integers(1, 6), st.sampled_from([*TEXTS, "tea and a cat"])),
)
memories = st.lists(
    st.tuples(
        st.sampled_from(TEXTS),
        st.sampled_from([None, 1, 5]),
        st.sampled_from([None, None, True]),
        st.sampled_from([None, None, 90.0]),
        st.sampled_from([None, None, "2026-05-01"]),
    ),
    min_size=1,
    max_size=5,
)


def asked_for(call):
    if call[0] == "insert":
        return insert(call[1])
    if call[0] == "remove":
        return ("RemoveDoc", {"json_doc_id": f"m{call[1]}"})
    change = {"op": "replace", "path": "/content", "value": call[2]}
    return ("PatchDoc", {"json_doc_id": f"m{call[1]}", **change})


def filled(store, given, *, anew):
    for key, (text, importance, pin, ttl, since) in zip(KEYS, given, strict=False):
        beside = {"importance": importance, "pin": pin, "ttl": ttl, "valid_from": since}
        store.commit(ChangeSet(NS, (Write(key, told(text), **beside),)))
    first = Write("k1", told("Nora was here"), supersedes=("k2",) if len(given) > 1 else ())
    store.commit(ChangeSet(NS, (first,)))
    if anew:
        store.put(NS, "k2", told("Nora has a cat"))


def newer_than(key, after):
    """Return all that supersedes a memory, also by way of others."""
    found, left = set(), list(after[key][1])
    while left:
        newer = left.pop()
        if newer not in found:
            found.add(newer)
            left += after[newer][1]
    return found


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    memories,
    st.lists(st.lists(calls, max_size=6), min_size=1, max_size=6),
    st.integers(30, 200),
    st.booleans(),
)
def test_nothing_is_ever_deleted_and_a_revert_restores_exactly(given_, answers, window, anew):
    with open_store(":memory:") as store:
        filled(store, given_, anew=anew)
        before = state(store)
        script = iter(answers)
        manager = manager_of(lambda request: [asked_for(call) for call in next(script, [])])
        done = consolidate(manager, store=store, window=window)
        assert not any(write.value is None for write in done.writes)
        after = state(store)
        assert before.keys() <= after.keys()
        for key, (value, *_) in before.items():
            assert value in [version.value for version in store.history(NS, key)]
        for key, one in before.items():
            if one[-1] and not one[1]:  # what stands is replaced by what stands
                assert all(after[newer][-1] for newer in after[key][1])
        for key in after:
            assert key not in newer_than(key, after)
        assert store.doctor() == []
        undo(store, done)
        assert state(store) == before


# From the command line


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "memory.db")

    def call(*args):
        result = CliRunner().invoke(app, [*args, "--store", path, "--user", "nora"])
        assert result.exit_code == 0, result.output
        return result.stdout

    return call, path


def test_the_command_shows_writes_and_says_how_to_undo(run):
    call, path = run
    with open_store(path) as store:
        put(store, "Nora likes tea", "nora likes tea!", namespace=("memories", "nora"))
    planned = json.loads(call("consolidate", "--dry-run", "--json"))
    assert planned["dry_run"]
    assert [one["supersedes"] for one in planned["writes"]] == [["k1"]]
    assert "superseded" in call("consolidate", "--dry-run")
    shown = call("consolidate")
    assert "superseded" in shown
    undone = re.search(r"holdfast (revert) --user nora --source (\S+)", shown)
    assert "nothing to consolidate" in call("consolidate")
    call(undone[1], "--source", undone[2])
    assert "superseded" in call("consolidate", "--dry-run")


def test_provenance_of_what_the_model_was_not_asked_for_names_no_model(store):
    put(store, "Nora likes tea", "nora likes tea")
    done = consolidate(manager_of([]), store=store)
    source = store.records(NS, ["k2"])[0].version.provenance
    assert source == Provenance(who="assistant", run=done.run, memories=("k1",))
