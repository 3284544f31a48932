"""002, the oldest README: tools without a namespace, enrichers, and the searcher."""

from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import MemorySaver
from langgraph.func import entrypoint, task
from langgraph.store.memory import InMemoryStore
from langgraph_sdk import get_client
from pydantic import BaseModel

from holdfast import (
    Memory,
    create_manage_memory_tool,
    create_memory_enricher,
    create_memory_searcher,
    create_memory_store_enricher,
    create_search_memory_tool,
)

# Corrected: where the README says "model_name", a name that tells the provider must stand.
MODEL = "openai:gpt-5-mini"
CONVERSATION = [
    {"role": "user", "content": "Please keep everything in sepia, and show kilometres"},
    {"role": "assistant", "content": "Sepia and kilometres, gladly."},
]


class UserProfile(BaseModel):
    """How the user has set things up."""

    preferences: dict[str, str]
    settings: dict[str, Any]  # Corrected: the README imports no `Any`.


SEPIA = {"preferences": {"theme": "sepia"}, "settings": {"metric": True}}


async def test_a_functional_enricher(provider):
    """002, list 1 (functional transformations): messages and what exists in, memories out."""
    provider.will_say(
        [("UserProfile", SEPIA)],
        [
            (
                "PatchDoc",
                {
                    "json_doc_id": "m1",
                    "op": "replace",
                    "path": "/preferences/theme",
                    "value": "dark",
                },
            )
        ],
    )
    enricher = create_memory_enricher(MODEL, [UserProfile])
    ((id, memory),) = existing = await enricher(CONVERSATION, [])
    assert memory == UserProfile(**SEPIA)
    ((same, memory),) = await enricher([("user", "Dark, after all")], existing)
    assert same == id
    assert memory.preferences == {"theme": "dark"}


def test_tools_for_stateful_management(provider):
    """002, block 1: tools without a namespace, bound to a model; then run on the store."""
    store = InMemoryStore()
    tools = [create_manage_memory_tool(), create_search_memory_tool()]
    provider.will_say([("manage_memory", {"content": "Aiko sings alto"})])
    model = init_chat_model(MODEL).bind_tools(tools)
    (call,) = model.invoke("I sing alto. - Aiko").tool_calls
    assert provider.requests[0].tool_names == ["manage_memory", "search_memory"]

    @entrypoint(store=store)
    def run(tool_call):
        return tools[0].invoke(tool_call["args"])

    run.invoke(call)
    (item,) = store.search(("memories",))
    assert item.value == {"kind": "Memory", "content": "Aiko sings alto"}


def test_tools_may_be_given_a_store(store):
    """002, list 2 (stateful operations): both tools take `store`."""
    manage = create_manage_memory_tool(store=store)
    search = create_search_memory_tool(store=store)
    assert manage.invoke({"content": "Aiko sings alto"}).startswith("created memory ")
    assert "Aiko sings alto" in search.invoke({"query": "who sings"})


async def test_an_agent_that_manages_its_memories(provider):
    """002, block 4: a loop of model and tools in an entrypoint, streamed, over two threads."""
    store = InMemoryStore()
    tools = [create_manage_memory_tool(), create_search_memory_tool()]
    model = init_chat_model("anthropic:claude-3-5-sonnet-latest").bind_tools(tools)
    tools_by_name = {tool.name: tool for tool in tools}
    system_prompt = "You help out. Whatever you learn, save it."

    @task
    async def execute_tool(tool_call: dict):
        # Corrected: the README indexes the list of tools by a name.
        result = await tools_by_name[tool_call["name"]].ainvoke(tool_call["args"])
        return {"role": "tool", "content": result, "tool_call_id": tool_call["id"]}

    @entrypoint(checkpointer=MemorySaver(), store=store)
    async def assistant(
        messages: list[dict], *, previous: list[dict] | None = None
    ) -> entrypoint.final[list[dict], list[dict]]:
        messages = (previous or []) + messages
        response = None
        while True:
            if response:
                if response.tool_calls:
                    messages.extend([await execute_tool(call) for call in response.tool_calls])
                else:
                    break
            system = [{"role": "system", "content": system_prompt}]
            response = await model.ainvoke(system + messages)
            messages.append(response)
        return entrypoint.final(value=response, save=messages)

    provider.will_say(
        [("manage_memory", {"content": "Loves rhubarb crumble", "action": "create"})],
        "I'll remember the crumble.",
        [("search_memory", {"query": "favourite dessert"})],
        "Rhubarb crumble!",
    )
    config = {"configurable": {"thread_id": "kitchen-1"}}
    messages = [{"role": "user", "content": "I adore rhubarb crumble."}]
    steps = [step async for step in assistant.astream(messages, config, stream_mode="messages")]
    said = "".join(chunk.text for chunk, _ in steps)
    assert "I'll remember the crumble." in said
    (item,) = store.search(("memories",))
    assert item.value["content"] == "Loves rhubarb crumble"
    assert item.key in provider.prompts[1]  # the tool's answer went back

    other = {"configurable": {"thread_id": "kitchen-2"}}
    asked = [{"role": "user", "content": "Which dessert shall it be?"}]
    answer = await assistant.ainvoke(asked, other)
    assert isinstance(answer, AIMessage)
    assert answer.text == "Rhubarb crumble!"
    assert "Loves rhubarb crumble" in provider.prompts[3]
    assert "I adore" not in provider.prompts[3]


async def test_a_prompt_is_optimized_by_the_service(graph_servers):
    """002, block 5: `optimize_prompts` on a server, by its client."""
    feedback = {"user_score": 0, "comment": "too short"}
    # Corrected: the service's address and key are those of a server of one's own; the model is a
    # current one.
    async with get_client(url=graph_servers.plain) as client:
        results = await client.runs.wait(
            None,
            "optimize_prompts",
            input={
                "threads": [[CONVERSATION, feedback]],
                "prompts": [
                    {
                        "name": "assistant_prompt",
                        "prompt": "You are a helpful assistant.",
                        "when_to_update": "Whenever somebody wants to know more",
                        "update_instructions": "Add what to tell",
                    }
                ],
            },
            config={"configurable": {"model": "openai:gpt-5-mini"}},
        )
        (prompt,) = results["optimized_prompts"]
        assert prompt["name"] == "assistant_prompt"
        assert prompt["prompt"] == "You are a helpful assistant. Say more."
        assert prompt["when_to_update"] == "Whenever somebody wants to know more"
        assert results["updated_prompts"] == results["optimized_prompts"]


async def test_semantic_memories_are_stored_by_the_service(graph_servers):
    """002, block 6: `extract_memories` with a JSON Schema, and a search in the server's store."""
    async with get_client(url=graph_servers.plain) as client:
        results = await client.runs.wait(
            None,
            "extract_memories",
            input={
                "messages": CONVERSATION,
                "schemas": [
                    {
                        "title": "UserPreference",
                        "type": "object",
                        "properties": {
                            "preference": {"type": "string"},
                            "category": {"type": "string"},
                        },
                        "description": "What a user prefers",
                    }
                ],
            },
            config={"configurable": {"model": "claude-haiku-4-5"}},
        )
        (put,) = results["updated_memories"]
        assert put["value"]["kind"] == "UserPreference"
        assert put["value"]["content"]["category"] == "UI"
        memories = await client.store.search_items((), query="UI preferences")
        assert put["key"] in [item["key"] for item in memories["items"]]


def test_conscious_formation_binds_the_tools_of_a_dict(provider):
    """002, block 7: `bind_tools` takes the dict's values as they are."""
    tools = {
        "manage_memory": create_manage_memory_tool(),
        "search_memory": create_search_memory_tool(),
    }
    assert [tool.name for tool in tools.values()] == list(tools)
    provider.will_say([("manage_memory", {"content": "Plays the zither"})])
    model = init_chat_model(MODEL).bind_tools(tools.values())
    (call,) = model.invoke("I play the zither").tool_calls
    assert call["name"] == "manage_memory"
    assert provider.requests[0].tool_names == list(tools)


async def test_subconscious_formation(provider, store):
    """002, block 8: an enricher that finds store and user in the running graph."""
    provider.will_say([("UserProfile", SEPIA)])
    enricher = create_memory_store_enricher(MODEL, schemas=[UserProfile], enable_inserts=True)

    # Corrected: the README calls it outside of any graph, where there is no store.
    @entrypoint(store=store)
    async def app(conversation):
        return await enricher.manage_memories(conversation)

    config = {"configurable": {"langgraph_user_id": "aiko"}}
    memories = await app.ainvoke(CONVERSATION, config)
    (item,) = store.search(("memories", "aiko"))
    assert item.value == {"kind": "UserProfile", "content": SEPIA}
    assert [memory["key"] for memory in memories] == [item.key]
    assert "show kilometres" in provider.prompts[0]


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_constrained_profile(provider, how):
    """002, block 9: with `kind="single"` there is one document, updated from then on."""
    edit = {"json_doc_id": "m1", "op": "add", "path": "/settings/autosave", "value": "false"}
    provider.will_say([("UserProfile", SEPIA)], [("PatchDoc", edit)])
    enricher = create_memory_enricher(MODEL, schemas=[UserProfile], kind="single")

    async def run(given):
        return enricher.invoke(given) if how == "invoke" else await enricher.ainvoke(given)

    first = await run({"messages": CONVERSATION})
    said = [{"role": "user", "content": "Never save by yourself"}]
    (updated,) = await run({"messages": said, "existing": first})
    assert updated.id == first[0].id
    assert updated.content.settings == {"metric": True, "autosave": False}
    assert updated.content.preferences == {"theme": "sepia"}
    assert provider.requests[0].tool_names == ["UserProfile"]
    assert provider.requests[1].tool_names == ["PatchDoc"]


def test_semantic_facts_under_the_older_name_of_the_namespace(store):
    """002, block 10: `kind="multi"` and `namespace_prefix`."""
    memory_tool = create_manage_memory_tool(kind="multi", namespace_prefix=("user", "travels"))

    @entrypoint(store=store)
    def remember(fact):
        return memory_tool.invoke({"content": fact})

    for fact in ("Crossed Mongolia by train", "Never saw Lisbon"):
        assert remember.invoke(fact).startswith("created memory ")
    kept = {item.value["content"] for item in store.search(("user", "travels"))}
    assert kept == {"Crossed Mongolia by train", "Never saw Lisbon"}


async def test_a_searcher(provider, store):
    """002, table "Retrieval Pattern": `create_memory_searcher`, in a graph and with a store."""
    store.put(("memories", "aiko"), "1", {"content": "Aiko cannot eat shellfish"})
    store.put(("memories", "aiko"), "2", {"content": "Aiko grew up in Sapporo"})
    store.put(("memories", "paul"), "1", {"content": "Paul cannot eat shellfish"})
    provider.will_say(*[[("search_memory", {"query": "food Aiko cannot eat"})]] * 2)
    messages = [{"role": "user", "content": "What shall I cook for Aiko?"}]
    config = {"configurable": {"langgraph_user_id": "aiko"}}

    found = await create_memory_searcher(MODEL, store=store).ainvoke({"messages": messages}, config)
    assert [item.key for item in found] == ["1", "2"]
    assert {item.namespace for item in found} == {("memories", "aiko")}

    searcher = create_memory_searcher(MODEL)

    @entrypoint(store=store)
    def app(messages):
        return [item.value["content"] for item in searcher.invoke({"messages": messages})]

    assert app.invoke(messages, config)[0] == "Aiko cannot eat shellfish"
    assert "What shall I cook for Aiko?" in provider.prompts[0]
    assert provider.requests[0].tool_names == ["search_memory"]


def test_an_event_stream_of_memories(provider, store):
    """002, table "Formation Pattern": the store enricher, with one text for each memory."""
    provider.will_say([("Memory", {"content": "Wants kilometres"})], [])
    enricher = create_memory_store_enricher(MODEL, store=store, namespace_prefix=("events",))
    puts = enricher.invoke({"messages": CONVERSATION})
    assert [change.after for change in puts.receipt.inserted] == [{"content": "Wants kilometres"}]
    assert enricher.invoke({"messages": [("user", "Thanks")]}) == []
    assert enricher.search()[0].value == Memory(content="Wants kilometres")
    assert "Wants kilometres" in provider.prompts[1]
