"""The memory tools: LangMem's contract, in a graph and outside, and a model that misbehaves."""

import asyncio
import json
import logging
import threading
import time
import uuid

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langgraph.func import entrypoint
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel, Field

from holdfast import (
    ChangeSet,
    ConfigurationError,
    create_manage_memory_tool,
    create_memory_store_manager,
    create_search_memory_tool,
    open_store,
    recall,
)
from holdfast.errors import SchemaError
from holdfast.history import Said
from holdfast.memory import Message
from holdfast.recalled_text import MEMORY_TOOLS
from holdfast.testing import ScriptedModel
from holdfast.tools import base

NS = ("memories", "nora")
CONFIG = {"configurable": {"user_id": "nora"}}


class Profile(BaseModel):
    """What is known of the user."""

    name: str
    age: int | None = Field(None, ge=0)
    likes: list[str] = []


def manage(store, **options):
    return create_manage_memory_tool(NS, store=store, **options)


def id_of(answer):
    return answer.split(" ")[-1]


def values(store):
    return [item.value for item in store.search(NS, limit=100)]


# LangMem's contract


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_create_update_delete(store, how):
    tool = manage(store)

    async def call(**arguments):
        return tool.invoke(arguments) if how == "sync" else await tool.ainvoke(arguments)

    created = await call(content="likes tea")
    key = id_of(created)
    assert created == f"created memory {key}"
    assert values(store) == [{"kind": "Memory", "content": "likes tea"}]
    assert await call(action="update", id=key, content="likes coffee") == f"updated memory {key}"
    assert values(store) == [{"kind": "Memory", "content": "likes coffee"}]
    assert await call(action="delete", id=key) == f"deleted memory {key}"
    assert values(store) == []


@pytest.mark.parametrize(
    ("permitted", "arguments", "required", "starts"),
    [
        (
            ("create", "update", "delete"),
            ["content", "action", "id"],
            [],
            "Create, update or delete",
        ),
        (("create",), ["content", "action"], ["content"], "Create a memory"),
        (("update",), ["content", "action", "id"], ["content", "id"], "Update a memory"),
        (("delete",), ["action", "id"], ["id"], "Delete a memory"),
        (["create", "update"], ["content", "action", "id"], ["content"], "Create or update"),
    ],
)
def test_what_is_permitted_shapes_the_tool(permitted, arguments, required, starts):
    tool = create_manage_memory_tool(NS, actions_permitted=permitted, instructions="Be {quick}.")
    assert list(tool.args) == arguments
    assert tool.args_schema["required"] == required
    assert tool.args["action"]["enum"] == list(permitted)
    assert tool.description.startswith(starts)
    assert tool.description.endswith("Be {quick}.")


def test_what_is_not_permitted_is_refused(store):
    tool = manage(store, actions_permitted=("create",))
    assert "not one of 'create'" in tool.invoke({"action": "delete", "id": "x"})
    only = manage(store, actions_permitted=("update",))
    assert "There is no memory with the id 'x'" in only.invoke({"id": "x", "content": "y"})


@pytest.mark.parametrize(
    "options",
    [
        {"actions_permitted": ()},
        {"actions_permitted": ("merge",)},
        {"actions_permitted": None},
        {"kind": "many"},
        {"namespace": ()},
        {"namespace": ("a",), "namespace_prefix": ("b",)},
        {"schema": int},
    ],
)
def test_settings_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigurationError):
        create_manage_memory_tool(**options)
    assert issubclass(SchemaError, ConfigurationError)


def test_a_schema_is_validated_and_an_update_changes_only_the_fields_given(store):
    tool = manage(store, schema=Profile)
    key = id_of(tool.invoke({"content": {"name": "Nora", "age": 40, "likes": ["tea"]}}))
    assert tool.args["content"]["properties"]["age"]["type"] == "integer"
    assert values(store) == [
        {"kind": "Profile", "content": {"name": "Nora", "age": 40, "likes": ["tea"]}}
    ]
    tool.invoke({"action": "update", "id": key, "content": {"age": "41"}})
    assert values(store)[0]["content"] == {"name": "Nora", "age": 41, "likes": ["tea"]}
    refused = tool.invoke({"action": "update", "id": key, "content": {"age": -1}})
    assert "no valid Profile" in refused
    assert "@ age" in refused
    assert values(store)[0]["content"]["age"] == 41
    assert "Field required @ name" in tool.invoke({"content": {"age": 3}})
    assert len(values(store)) == 1


def test_a_schema_instance_json_text_and_spread_fields_are_understood(store):
    tool = manage(store, schema=Profile)
    for arguments in (
        {"content": Profile(name="a")},
        {"content": '{"name": "b"}'},
        {"name": "c", "action": "create"},
    ):
        assert tool.invoke(arguments).startswith("created"), arguments
    assert sorted(v["content"]["name"] for v in values(store)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "key", ["favourites", "a/b c", "日本", "7", "6f0d5d0e-6a5c-4d0a-9a43-6d1f6f1a7c55"]
)
def test_keys_that_are_no_uuids_work(store, key):
    store.put(NS, key, {"content": "old"})
    tool = manage(store)
    assert tool.invoke({"action": "update", "id": key, "content": "new"}) == f"updated memory {key}"
    assert store.get(NS, key).value == {"content": "new"}


def test_a_uuid_in_another_form_is_understood(store):
    tool = manage(store)
    key = id_of(tool.invoke({"content": "x"}))
    bare = key.replace("-", "").upper()
    assert tool.invoke({"action": "update", "id": bare, "content": "y"}) == f"updated memory {key}"
    assert tool.invoke({"action": "delete", "id": uuid.UUID(key)}) == f"deleted memory {key}"


def test_saying_the_same_again_doubles_nothing(store):
    tool = manage(store)
    key = id_of(tool.invoke({"content": "likes tea"}))
    assert tool.invoke({"content": " likes  tea"}) == (
        f"memory {key} says that already; nothing new was created"
    )
    again = tool.invoke({"action": "update", "id": key, "content": "likes tea"})
    assert again == f"memory {key} says that already; nothing was changed"
    tool.invoke({"action": "update", "id": key, "content": "likes coffee"})
    assert tool.invoke({"content": "likes tea"}).startswith("created")
    assert len(values(store)) == 2


# One document


def test_single_keeps_one_document(store):
    tool = manage(store, kind="single", schema=Profile)
    assert "id" not in tool.args
    assert tool.invoke({"content": {"name": "Nora"}}) == "created memory profile-Profile"
    assert tool.invoke({"content": {"age": 40}}) == "updated memory profile-Profile"
    assert values(store) == [
        {"kind": "Profile", "content": {"name": "Nora", "age": 40, "likes": []}}
    ]
    assert tool.invoke({"action": "delete"}) == "deleted memory profile-Profile"
    assert "There is no Profile yet" in tool.invoke({"action": "delete"})
    assert values(store) == []


def test_single_shares_the_document_of_a_profile_manager(store):
    model = ScriptedModel([[("Profile", {"name": "Nora"})]])
    manager = create_memory_store_manager(
        model, schemas=[Profile], enable_inserts=False, namespace=NS, store=store
    )
    manager.invoke({"messages": [("user", "I am Nora")]})
    tool = manage(store, kind="single", schema=Profile)
    assert tool.invoke({"content": {"age": 40}}) == "updated memory profile-Profile"
    assert len(values(store)) == 1
    text = create_manage_memory_tool(("other",), store=store, kind="single")
    assert text.invoke({"content": "a"}) == "created memory profile-Memory"
    assert text.invoke({"content": "b"}) == "updated memory profile-Memory"
    assert [i.value["content"] for i in store.search(("other",))] == ["b"]


def test_single_without_create_makes_nothing(store):
    tool = manage(store, kind="single", actions_permitted=("update",))
    assert "There is no Memory yet; nothing was updated" in tool.invoke({"content": "x"})


# Manager and tools in one namespace


@pytest.mark.parametrize("first", ["tool", "manager"])
def test_tool_and_manager_share_a_namespace_whoever_wrote_first(store, first):
    said = [("Memory", {"content": "likes tea"})]
    edit = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "content", "value": "soba"})
    ]
    manager = create_memory_store_manager(ScriptedModel([said, edit]), namespace=NS, store=store)
    tool = manage(store)
    hello = {"messages": [("user", "hello")]}
    if first == "tool":
        key = id_of(tool.invoke({"content": "likes tea"}))
        assert [c.action for c in manager.invoke(hello).receipt.changes] == ["unchanged"]
    else:
        key = manager.invoke(hello)[0]["key"]
        assert "says that already" in tool.invoke({"content": "likes tea"})
    (before,) = values(store)
    manager.invoke(hello)
    assert (
        tool.invoke({"action": "update", "id": key, "content": "ramen"}) == f"updated memory {key}"
    )
    (after,) = values(store)
    assert type(after["content"]) is type(before["content"])
    assert "ramen" in str(after)


def test_a_text_does_not_take_the_place_of_a_document(store):
    store.put(NS, "p", {"kind": "Profile", "content": {"name": "Nora", "age": 3}})
    refused = manage(store).invoke({"action": "update", "id": "p", "content": "just a text"})
    assert "has the fields name, age" in refused or "with the fields name, age" in refused
    assert "is a Profile, not a Memory" not in refused
    other = manage(store, schema=type("Other", (BaseModel,), {"__annotations__": {"x": int}}))
    assert "is a Profile, not a Other" in other.invoke(
        {"action": "update", "id": "p", "content": {"x": 1}}
    )
    assert values(store)[0]["content"] == {"name": "Nora", "age": 3}


# Search


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_search_answers_with_langmems_keys_and_nothing_else(store, how):
    store.put(NS, "a", {"kind": "Memory", "content": "likes green tea"})
    store.put(NS, "b", {"kind": "Memory", "content": "has a dog"})
    tool = create_search_memory_tool(NS, store=store, response_format="content_and_artifact")
    call = {"name": "search_memory", "args": {"query": "tea", "limit": 1}, "id": "1",
            "type": "tool_call"}  # fmt: skip
    message = tool.invoke(call) if how == "sync" else await tool.ainvoke(call)
    (found,) = json.loads(message.content)
    assert list(found) == ["key", "value", "updated_at", "score"]
    assert (found["key"], found["value"]["content"]) == ("a", "likes green tea")
    assert 0 < found["score"] <= 1
    assert [item.key for item in message.artifact] == ["a"]


def test_search_fills_up_with_the_newest_and_pages(store):
    for number in range(5):
        store.put(NS, str(number), {"content": f"thing {number}"})
    tool = create_search_memory_tool(NS, store=store, instructions="Use {braces}.")
    assert tool.description.endswith("Use {braces}.")
    found = json.loads(tool.invoke("nothing that matches"))
    assert [one["key"] for one in found] == ["4", "3", "2", "1", "0"]
    assert {one["score"] for one in found} == {None}
    page = json.loads(tool.invoke({"query": "x", "limit": "2", "offset": 3}))
    assert [one["key"] for one in page] == ["1", "0"]
    assert json.loads(tool.invoke({"query": "thing 3", "limit": 1}))[0]["key"] == "3"


@pytest.mark.parametrize("given", [{"kind": "A"}, '{"kind": "A"}', {"kind": {"$eq": "A"}}])
def test_search_filters(store, given):
    store.put(NS, "a", {"kind": "A", "content": "tea"})
    store.put(NS, "b", {"kind": "B", "content": "tea"})
    tool = create_search_memory_tool(NS, store=store)
    found = json.loads(tool.invoke({"query": "tea", "filter": given}))
    assert [one["key"] for one in found] == ["a"]
    for nothing in (None, "", "null", {}):
        assert len(json.loads(tool.invoke({"query": "tea", "filter": nothing}))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "query must be a text"),
        ({"query": ""}, "query must be a text"),
        ({"query": 7}, "query must be a text"),
        ({"query": "x", "limit": "many"}, "limit must be a whole number"),
        ({"query": "x", "limit": 0}, "limit must be at least 1"),
        ({"query": "x", "offset": -1}, "offset must be at least 0"),
        ({"query": "x", "filter": "kind = 'A'"}, "filter must be a JSON object"),
        ({"query": "x", "filter": [1]}, "The filter cannot be used"),
        ({"query": "x", "filter": {"kind": {"$near": 1}}}, "Unknown operator '$near'"),
        ({"query": "x", "filter": {"a') OR 1=1 --": "b"}}, "is no field of a memory"),
        ({"query": "x", "filter": {"$or": [{"x y": 1}]}}, "is no field of a memory"),
    ],
)
async def test_search_refuses_in_words(store, arguments, said):
    tool = create_search_memory_tool(NS, store=store)
    assert said in tool.invoke(arguments)
    assert said in await tool.ainvoke(arguments)
    both = create_search_memory_tool(NS, store=store, response_format="content_and_artifact")
    call = {"name": "search_memory", "args": arguments, "id": "1", "type": "tool_call"}
    assert both.invoke(call).artifact == []


def test_a_filter_that_only_the_store_refuses_is_told(store):
    class Picky(InMemoryStore):
        def batch(self, ops):
            raise ValueError("no such operator here")

    tool = create_search_memory_tool(NS, store=Picky())
    answer = tool.invoke({"query": "x", "filter": {"kind": "A"}})
    assert "The filter cannot be used: no such operator here" in answer
    with pytest.raises(ValueError, match="no such operator"):
        tool.invoke({"query": "x"})


def test_content_blocks_as_a_query_are_understood(store):
    store.put(NS, "a", {"content": "tea"})
    tool = create_search_memory_tool(NS, store=store)
    assert json.loads(tool.invoke({"query": [{"type": "text", "text": "tea"}]}))[0]["key"] == "a"


# Namespaces


def test_without_a_namespace_everybody_shares_one_and_that_is_logged_once(store, caplog):
    base._warned.clear()
    with caplog.at_level(logging.WARNING, "holdfast"):
        for _ in range(2):
            tool = create_manage_memory_tool(store=store)
            create_search_memory_tool(store=store)
    tool.invoke({"content": "x"})
    assert len(store.search(("memories",))) == 1
    assert caplog.text.count("every user shares") == 2


def test_the_older_name_of_the_namespace(store):
    create_manage_memory_tool(namespace_prefix=("old", "{user_id}"), store=store).invoke(
        {"content": "tea"}, CONFIG
    )
    found = create_search_memory_tool(namespace_prefix=("old", "nora"), store=store).invoke("tea")
    assert "tea" in found


def test_a_missing_variable_or_store_is_no_matter_for_the_model():
    tool = create_manage_memory_tool(("m", "{user_id}"), store=InMemoryStore())
    with pytest.raises(ConfigurationError, match="'user_id' is missing"):
        tool.invoke({"content": "x"})
    with pytest.raises(ConfigurationError, match="There is no store"):
        create_search_memory_tool(NS).invoke("x")


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_an_agent_in_a_graph_uses_store_and_namespace_of_the_run(store, how):
    script = [
        [("manage_memory", {"content": "likes tea"})],
        [("search_memory", {"query": "tea"})],
        "done",
    ]
    tools = [
        create_manage_memory_tool(("memories", "{user_id}")),
        create_search_memory_tool(("memories", "{user_id}")),
    ]
    agent = create_agent(model := ScriptedModel(script), tools, store=store)
    said = {"messages": [("user", "I like tea")]}
    result = agent.invoke(said, CONFIG) if how == "sync" else await agent.ainvoke(said, CONFIG)
    assert values(store) == [{"kind": "Memory", "content": "likes tea"}]
    assert '"likes tea"' in result["messages"][-2].content
    assert model.requests[0].tool_names == ["manage_memory", "search_memory"]


async def test_tools_run_inside_an_entrypoint(store):
    tool = create_manage_memory_tool(("memories", "{user_id}"))

    @entrypoint(store=store)
    async def app(text):
        return await tool.ainvoke({"content": text})

    assert (await app.ainvoke("tea", CONFIG)).startswith("created")
    assert len(values(store)) == 1


# A model that misbehaves

HUGE = "x" * 200_000
MISBEHAVIOURS = {
    "an unknown id": {"action": "update", "id": "nope", "content": "x"},
    "deleting an unknown id": {"action": "delete", "id": "nope"},
    "a wrong action": {"action": "merge", "content": "x"},
    "an action of another type": {"action": 7, "content": "x"},
    "an action as a list": {"action": ["delete"], "id": "known"},
    "no content": {"action": "create"},
    "no arguments": {},
    "content null": {"content": None},
    "empty content": {"content": ""},
    "white space": {"content": " \n\t"},
    "content false": {"content": False},
    "an empty list": {"content": []},
    "an empty object": {"content": {}},
    "create with an id": {"action": "create", "id": "known", "content": "x"},
    "content with an id and no action": {"id": "known", "content": "x"},
    "update without an id": {"action": "update", "content": "x"},
    "delete without an id": {"action": "delete"},
    "an empty id": {"action": "delete", "id": ""},
    "an id null": {"action": "update", "id": None, "content": "x"},
    "an id as an object": {"action": "delete", "id": {"key": "known"}},
    "an id as a list": {"action": "delete", "id": ["known"]},
    "an id with a wildcard": {"action": "delete", "id": "*"},
    "an id with SQL": {"action": "delete", "id": "known' OR 1=1 --"},
    "an id of another namespace": {"action": "delete", "id": "../ines/secret"},
    "half a surrogate pair as an id": {"action": "update", "id": "\ud800", "content": "x"},
    "huge content": {"content": HUGE},
    "an update without content": {"action": "update", "id": "known"},
    "an update with the same content": {"action": "update", "id": "known", "content": "here"},
    "creating what is there": {"content": "here"},
    "a very long id": {"action": "delete", "id": "k" * 10_000},
    "extra arguments only": {"memory": "x", "text": "y"},
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_a_misbehaving_call_ends_no_run_and_changes_nothing(store, name):
    tool = create_manage_memory_tool(("memories", "{user_id}"))
    store.put(("memories", "ines"), "secret", {"content": "not yours"})
    known = id_of(manage(store).invoke({"content": "here"}))
    given = MISBEHAVIOURS[name]
    given = {k: known if v == "known" else v for k, v in given.items()}
    before = [item.dict() for item in store.search(("memories",), limit=100)]
    for how in ("sync", "async"):
        agent = create_agent(
            ScriptedModel([[("manage_memory", given)], "went on"]), [tool], store=store
        )
        said = {"messages": [("user", "hello")]}
        result = agent.invoke(said, CONFIG) if how == "sync" else await agent.ainvoke(said, CONFIG)
        assert result["messages"][-1].content == "went on"
        answer = result["messages"][-2].content
        assert not answer.startswith(("updated", "created", "deleted"))
        assert len(answer) > 20
    assert [item.dict() for item in store.search(("memories",), limit=100)] == before


@pytest.mark.parametrize(
    ("calls", "left"),
    [
        # two calls on one id, in one answer
        ([("update", "known", "one"), ("update", "known", "two")], {"one", "two"}),
        ([("delete", "known", None), ("delete", "known", None)], set()),
        ([("create", None, "same"), ("create", None, "same")], {"here", "same"}),
        ([("create", None, "a"), ("merge", None, "b"), ("create", None, "c")], {"here", "a", "c"}),
    ],
)
async def test_several_calls_in_one_answer(store, calls, left):
    tool = create_manage_memory_tool(NS)
    known = id_of(manage(store).invoke({"content": "here"}))
    script = [
        ("manage_memory", {"action": action, **({"id": known} if id else {}),
                           **({"content": content} if content else {})})
        for action, id, content in calls
    ]  # fmt: skip
    agent = create_agent(ScriptedModel([script, "went on"]), [tool], store=store)
    result = await agent.ainvoke({"messages": [("user", "hello")]})
    assert result["messages"][-1].content == "went on"
    there = {value["content"] for value in values(store)}
    assert there == left or (len(calls) == 2 and len(there) == 1 and there <= left)


async def test_prose_in_place_of_a_call_and_a_tool_that_is_not_there_end_no_run(store):
    tool = create_manage_memory_tool(NS)
    for reply in ("I have saved that for you!", [("save_memory", {"content": "x"})]):
        agent = create_agent(ScriptedModel([reply, "went on"]), [tool], store=store)
        result = await agent.ainvoke({"messages": [("user", "hello")]})
        assert isinstance(result["messages"][-1], AIMessage)
    assert values(store) == []


def test_content_in_other_forms_is_kept_as_text(store):
    tool = manage(store)
    tool.invoke({"content": [{"type": "text", "text": "blocks"}]})
    tool.invoke({"content": {"likes": "tea"}})
    tool.invoke({"content": 42})
    tool.invoke({"content": "x", "unexpected": True, "action": " CREATE "})
    assert sorted(value["content"] for value in values(store)) == [
        "42",
        "blocks",
        "x",
        '{"likes": "tea"}',
    ]


def test_errors_of_the_store_reach_the_caller(store):
    class Broken(InMemoryStore):
        def batch(self, ops):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create_manage_memory_tool(NS, store=Broken()).invoke({"content": "x"})


# Side by side


class Tally(BaseModel):
    a: int = 0
    b: int = 0


@pytest.mark.parametrize("how", ["threads", "tasks", "both"])
async def test_two_agents_on_one_namespace_lose_and_double_nothing(store, how):
    tools = [manage(store, schema=Tally, name="one"), manage(store, schema=Tally, name="two")]
    key = id_of(tools[0].invoke({"content": {"a": 0, "b": 0}}))

    def arguments(who, number):
        return [
            {"content": {"a": number, "b": 1}},  # both agents say the same
            {"action": "update", "id": key, "content": {"ab"[who]: number}},
        ]

    def in_thread(who):
        for number in range(1, 40):
            for given in arguments(who, number):
                tools[who].invoke(given)

    async def in_task(who):
        for number in range(1, 40):
            for given in arguments(who, number):
                await tools[who].ainvoke(given)

    threads = {"threads": [0, 1], "tasks": [], "both": [0]}[how]
    tasks = {"threads": [], "tasks": [0, 1], "both": [1]}[how]
    running = [threading.Thread(target=in_thread, args=(who,)) for who in threads]
    for thread in running:
        thread.start()
    await asyncio.gather(*(in_task(who) for who in tasks))
    for thread in running:
        await asyncio.to_thread(thread.join)
    contents = [value["content"] for value in values(store)]
    assert store.get(NS, key).value["content"] == {"a": 39, "b": 39}
    assert len(contents) == 40
    assert sorted(c["a"] for c in contents if c["b"] == 1) == list(range(1, 40))


async def test_a_cancelled_call_frees_the_memory(store):
    class Slow(InMemoryStore):
        wait = True

        async def abatch(self, ops):
            ops = list(ops)
            if self.wait:
                await asyncio.sleep(60)
            return await super().abatch(ops)

    slow = Slow()
    slow.put(NS, "k", {"content": "x"})
    tool = create_manage_memory_tool(NS, store=slow)
    given = {"action": "update", "id": "k", "content": "y"}
    task = asyncio.create_task(tool.ainvoke(given))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    slow.wait = False
    assert await asyncio.wait_for(tool.ainvoke(given), 5) == "updated memory k"


# Found by breaking things


def test_single_without_a_schema_leaves_other_memories_alone(store):
    manage(store).invoke({"content": "Ines is allergic to peanuts"})
    one = manage(store, kind="single")
    assert one.invoke({"content": "Answer in Portuguese"}) == "created memory profile-Memory"
    assert one.invoke({"content": "Answer in German"}) == "updated memory profile-Memory"
    one.invoke({"action": "delete"})
    assert [value["content"] for value in values(store)] == ["Ines is allergic to peanuts"]


class Task(BaseModel):
    title: str
    done: bool | int = 0


def test_small_updates_are_updates_and_unknown_fields_are_told(store):
    tool = manage(store, schema=Task)
    key = id_of(tool.invoke({"content": {"title": "a  b"}}))
    for content in ({"done": False}, {"title": "a\nb"}):
        answer = tool.invoke({"action": "update", "id": key, "content": content})
        assert answer == f"updated memory {key}"
    assert values(store)[0]["content"] == {"title": "a\nb", "done": False}
    refused = tool.invoke({"action": "update", "id": key, "content": {"titel": "z"}})
    assert "Task has no field 'titel'; it has title, done" in refused


def test_the_same_words_after_an_edit_are_one_memory(store):
    tool = manage(store)
    key = id_of(tool.invoke({"content": "likes tea"}))
    tool.invoke({"action": "update", "id": key, "content": "likes mate"})
    answers = [tool.invoke({"content": "likes tea"}).split()[0] for _ in range(3)]
    assert answers == ["created", "memory", "memory"]
    assert sorted(value["content"] for value in values(store)) == ["likes mate", "likes tea"]


def test_a_cut_emoji_is_replaced_in_and_out(store):
    manage(store).invoke({"content": "likes tea \ud83d"})
    store.put(NS, "old", {"content": "older tea \ud83d"})
    search = create_search_memory_tool(NS, store=store)
    search.invoke("tea").encode()
    assert "likes tea \N{REPLACEMENT CHARACTER}" in {v["content"] for v in values(store)}


class Measure(BaseModel):
    x: float


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, {"content": "fine", "self": 1, "config": {}, "run_manager": 2}),
        ({"schema": Measure}, {"content": {"x": 1}, "self": 1}),
    ],
)
async def test_arguments_with_names_of_langchains_own_do_no_harm(store, options, given):
    tool = manage(store, **options)
    assert tool.invoke(given).startswith("created")
    call = {"name": tool.name, "args": given, "id": "1", "type": "tool_call"}
    assert "says that already" in (await tool.ainvoke(call)).content


def test_numbers_and_texts_beyond_reason_are_refused_in_words(store):
    search = create_search_memory_tool(NS, store=store)
    assert "limit must be a whole number" in search.invoke({"query": "x", "limit": 1e999})
    assert "filter must be" in search.invoke({"query": "x", "filter": "[" * 5_000})
    tool = manage(store, schema=Measure)
    assert "content must be an object" in tool.invoke({"content": "[" * 5_000})
    assert "finite number" in tool.invoke({"content": '{"x": NaN}'})
    assert values(store) == []


def test_a_run_of_letters_that_is_no_word_is_indexed_quickly(store):
    start = time.perf_counter()
    store.put(NS, "k", {"content": "y" * 1_000_000 + " needle"})
    assert create_search_memory_tool(NS, store=store).invoke("needle")
    assert time.perf_counter() - start < 5


def calling(tool, text=""):
    return Message("assistant", text, calls=((tool, '{"query": "which tea Nora likes"}'),))


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_agent_does_not_find_what_is_being_said_nor_its_own_calls(is_async):
    asked = "Which tea does Nora like?"
    search = ("search_memory", {"query": asked, "limit": 10**9})
    with open_store(":memory:") as store:
        earlier = (Message("user", "Nora likes green tea"), calling("weather"))
        store.commit(ChangeSet(NS, (), (Said(earlier, "monday"),)))
        now = (Message("user", asked), calling("search_memory"))
        store.commit(ChangeSet(NS, (), (Said(now, "now"),)))
        tools = [create_search_memory_tool(NS)]
        agent = create_agent(ScriptedModel([[search], "Green."]), tools, store=store)
        given = {"messages": [("user", asked)]}
        answer = await agent.ainvoke(given) if is_async else agent.invoke(given)
        found = json.loads(answer["messages"][2].content)
        assert [one["value"]["content"]["text"] for one in found] == ["Nora likes green tea"]
        alone = create_search_memory_tool(NS, store=store)
        assert "runtime" not in json.dumps(alone.tool_call_schema)
        found = json.loads(alone.invoke({"query": asked}))
        assert {one["value"]["content"]["text"] for one in found} == {asked, "Nora likes green tea"}


@pytest.mark.parametrize("make", [lambda: open_store(":memory:"), InMemoryStore])
def test_calls_of_memory_tools_alone_are_not_recalled(make):
    store = make()
    messages = [*map(calling, MEMORY_TOOLS), calling("weather"), calling("search_memory", "tea!")]
    for number, message in enumerate(messages):
        content = {"role": "assistant", "text": message.text}
        content["calls"] = [{"tool": tool, "arguments": args} for tool, args in message.calls]
        if isinstance(store, InMemoryStore):
            store.put(NS, str(number), {"kind": "Message", "content": content})
    if not isinstance(store, InMemoryStore):
        store.commit(ChangeSet(NS, (), (Said(tuple(messages), "t"),)))
    found = recall("which tea Nora likes", NS, store=store, k=20)
    told = sorted((one.value["content"]["calls"][0]["tool"], one.text) for one in found.ranked)
    assert [tool for tool, _ in told] == ["search_memory", "weather"]
