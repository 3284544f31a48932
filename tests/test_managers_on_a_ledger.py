"""Managers and tools on a store with a ledger: sources, races, and taking things back."""

import asyncio

import pytest

from holdfast import (
    Source,
    create_manage_memory_tool,
    create_memory_store_manager,
    create_thread_summarizer,
    open_store,
    recall,
)
from holdfast.memory import Message
from holdfast.operations import Commit
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
HELLO = [("user", "I love ramen"), ("assistant", "Noted!")]
INSERT = [("Memory", {"content": "Nora loves ramen"})]
THREAD = {"configurable": {"thread_id": "monday"}}


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(request, tmp_path):
    if request.param == "postgres":
        yield request.getfixturevalue("open_postgres")()
        return
    with open_store(tmp_path / "memory.db") as opened:
        yield opened


def manager_of(ledger, *answers, **settings):
    model = ScriptedModel(list(answers))
    return create_memory_store_manager(model, namespace=NS, store=ledger, **settings)


def texts(entries):
    return [entry.message.text for entry in entries]


async def invoke(manager, how, messages=HELLO, config=THREAD):
    given = {"messages": messages}
    if how == "sync":
        return manager.invoke(given, config)
    return await manager.ainvoke(given, config)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_memory_knows_the_messages_it_came_from(ledger, how):
    puts = await invoke(manager_of(ledger, INSERT), how)
    (put,) = puts
    assert texts(ledger.sources(NS, put["key"])) == ["I love ramen", "Noted!"]
    assert texts(ledger.journal(NS, "monday")) == ["I love ramen", "Noted!"]
    (version,) = ledger.history(NS, put["key"])
    source = version.provenance
    assert (source.who, source.thread) == ("user", "monday")
    assert source.run
    assert source.prompt.startswith("instructions-")
    assert [v.key for v in ledger.derived_from(NS, Source("thread", "monday"))] == [put["key"]]
    assert [v.key for v in ledger.derived_from(NS, Source("run", source.run))] == [put["key"]]
    assert puts.receipt.revision == version.revision
    assert [item.key for item in ledger.search(NS)] == [put["key"]]


def test_messages_are_kept_also_when_nothing_is_worth_remembering(ledger):
    puts = manager_of(ledger, "nothing new").invoke({"messages": HELLO}, THREAD)
    assert puts == []
    assert texts(ledger.journal(NS, "monday")) == ["I love ramen", "Noted!"]


def test_importance_stands_beside_the_value(ledger):
    answer = [("Memory", {"content": "Nora is allergic to nuts", "importance": 5})]
    (put,) = manager_of(ledger, answer).invoke({"messages": HELLO}, THREAD)
    assert "importance" not in put["value"]["content"]
    assert ledger.records(NS, [put["key"]])[0].version.importance == 5


def test_a_run_can_be_taken_back(ledger):
    (put,) = manager_of(ledger, INSERT).invoke({"messages": HELLO}, THREAD)
    run = ledger.history(NS, put["key"])[0].provenance.run
    receipt = ledger.revert(NS, source=Source("run", run))
    assert [change.action for change in receipt.changes] == ["deleted"]
    assert ledger.search(NS) == []
    assert len(ledger.history(NS, put["key"])) == 2


def test_forgetting_a_thread_takes_its_memories_and_messages(ledger):
    manager = manager_of(ledger, INSERT, [("Memory", {"content": "Nora plays the cello"})])
    manager.invoke({"messages": HELLO}, THREAD)
    tuesday = {"configurable": {"thread_id": "tuesday"}}
    manager.invoke({"messages": [("user", "I play the cello")]}, tuesday)
    erased = ledger.forget(NS, source=Source("thread", "monday"))
    assert (erased.memories, erased.messages, erased.complete) == (1, 2, True)
    left = [item.value["content"]["content"] for item in ledger.search(NS)]
    assert left == ["Nora plays the cello"]
    assert not recall("Who loves ramen?", NS, store=ledger)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_an_update_is_made_again_on_what_another_writer_wrote_meanwhile(ledger, how):
    ledger.put(NS, "p", {"kind": "Profile", "content": {"name": "Nora", "city": "Paris"}})

    class Racing(ScriptedModel):
        def _generate(self, *args, **kwargs):
            value = {"kind": "Profile", "content": {"name": "Nora", "city": "Rome"}}
            ledger.put(NS, "p", value)
            return super()._generate(*args, **kwargs)

    answer = [("PatchDoc", {"json_doc_id": "p", "op": "replace", "path": "/name", "value": "N."})]
    model = Racing([answer])
    manager = create_memory_store_manager(model, namespace=NS, store=ledger)
    puts = await invoke(manager, how, [("user", "Call me N. My profile says Paris, Nora.")])
    assert [change.action for change in puts.receipt.changes] == ["updated"]
    assert ledger.get(NS, "p").value["content"] == {"name": "N.", "city": "Rome"}
    assert len(ledger.history(NS, "p")) == 3


def test_a_race_in_the_very_commit_is_tried_again_and_told_when_it_is_never_won(ledger):
    """The writes of others come between the manager's look and its commit: each time, or once."""
    ledger.put(NS, "p", {"kind": "Counter", "content": {"mine": 0, "theirs": 0}})
    lost = {"left": 2}

    class Busy(type(ledger)):
        def perform(self, op):
            if isinstance(op, Commit) and op.changes.writes and lost["left"] > 0:
                lost["left"] -= 1
                content = ledger.get(NS, "p").value["content"]
                changed = {**content, "theirs": content["theirs"] + 1}
                ledger.put(NS, "p", {"kind": "Counter", "content": changed})
            return super().perform(op)

    def patched(value):
        return [
            ("PatchDoc", {"json_doc_id": "p", "op": "replace", "path": "/mine", "value": value})
        ]

    original, ledger.__class__ = ledger.__class__, Busy
    try:
        manager = manager_of(ledger, patched("1"), patched("2"))
        puts = manager.invoke({"messages": [("user", "mine theirs counter")]}, THREAD)
        assert puts.receipt.updated[0].after == {"mine": 1, "theirs": 2}
        lost["left"] = 1_000
        puts = manager.invoke({"messages": [("user", "counter mine again")]}, THREAD)
        assert puts == []
        (change,) = puts.receipt.conflicts
        assert change.key == "p"
        assert "expected revision" in change.reason
    finally:
        ledger.__class__ = original
    assert ledger.get(NS, "p").value["content"]["mine"] == 1


def test_the_tool_says_whose_word_it_is_and_updates_never_get_lost(ledger):
    tool = create_manage_memory_tool(NS, store=ledger)
    key = tool.invoke({"content": "likes tea"}, THREAD).split()[-1]
    (version,) = ledger.history(NS, key)
    assert (version.provenance.who, version.provenance.thread) == ("assistant", "monday")
    tool.invoke({"content": "likes green tea", "action": "update", "id": key})
    tool.invoke({"action": "delete", "id": key})
    assert [v.value and v.value["content"] for v in ledger.history(NS, key)] == [
        "likes tea",
        "likes green tea",
        None,
    ]


async def test_many_agents_use_the_tool_on_one_document_at_once(ledger):
    fields = {f"field{n}": {"type": "integer"} for n in range(12)}
    schema = {"title": "Notes", "type": "object", "properties": fields}
    tool = create_manage_memory_tool(NS, store=ledger, schema=schema, kind="single")
    calls = (tool.ainvoke({"content": {f"field{n}": n}}) for n in range(12))
    answers = await asyncio.gather(*calls)
    assert {answer.split()[0] for answer in answers} == {"created", "updated"}
    (item,) = ledger.search(NS)
    assert item.value["content"] == {f"field{n}": n for n in range(12)}


def test_a_summary_names_its_thread(ledger):
    answer = {"title": "Tea", "summary": "Nora likes tea."}
    model = ScriptedModel([[("ConversationSummary", answer)]])
    keeper = create_thread_summarizer(model, namespace=NS, store=ledger)
    (put,) = keeper.invoke({"messages": HELLO}, THREAD)
    assert ledger.history(NS, put["key"])[0].provenance.thread == "monday"


def test_managers_are_fenced_to_their_namespace(ledger):
    manager_of(ledger, INSERT).invoke({"messages": HELLO}, THREAD)
    others = create_memory_store_manager(None, namespace=("memories", "ines"), store=ledger)
    assert others.search(query="ramen") == []
    assert not recall("ramen", ("memories", "ines"), store=ledger)
    assert isinstance(ledger.journal(NS)[0].message, Message)
