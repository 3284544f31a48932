"""Guide "use memory tools": agents with memory, apart and shared."""

import json

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage

from holdfast import create_manage_memory_tool, create_search_memory_tool

MODEL = "anthropic:claude-3-5-sonnet-latest"


@pytest.fixture
def agent(store):
    """The agent of memory_tools, blocks 1 and 2."""
    return create_agent(
        MODEL,
        tools=[
            create_manage_memory_tool(namespace=("memories", "{user_id}")),
            create_search_memory_tool(namespace=("memories", "{user_id}")),
        ],
        store=store,
    )


def saying(text):
    return {"messages": [{"role": "user", "content": text}]}


def saves(text):
    return [("manage_memory", {"content": text})]


def searches(query):
    return [("search_memory", {"query": query})]


def found(response):
    """Return what each search of an agent found."""
    told = [m for m in response["messages"] if isinstance(m, ToolMessage)]
    return [[hit["value"]["content"] for hit in json.loads(m.content)] for m in told]


def test_users_are_kept_apart(provider, store, agent):
    """memory_tools, block 3 (block 4 shows namespaces, no call)."""
    for user, text in (("user-c", "Prefers window seats"), ("user-d", "Travels at night")):
        provider.will_say(saves(text), "Noted.", searches("how does the user travel"), "So.")
        config = {"configurable": {"user_id": user}}
        response = agent.invoke(saying(f"Remember: {text}"), config=config)
        assert response["messages"][-1].text == "Noted."
        response = agent.invoke(saying("How do I travel?"), config=config)
        assert found(response) == [[text]]
        (item,) = store.search(("memories", user))
        assert item.value == {"kind": "Memory", "content": text}
        assert item.namespace == ("memories", user)


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_preference_is_stored_and_found(provider, store, agent, how):
    """memory_tools, block 5, first part."""
    config = {"configurable": {"user_id": "user-9"}}
    provider.will_say(
        saves("Prefers window seats"), "Noted.", searches("preferences"), "Window seats."
    )

    async def run(given):
        if how == "invoke":
            return agent.invoke(given, config=config)
        return await agent.ainvoke(given, config=config)

    await run(saying("Remember that I want a window seat"))
    response = await run(saying("What do I prefer?"))
    assert response["messages"][-1].text == "Window seats."
    assert found(response) == [["Prefers window seats"]]
    assert "Prefers window seats" in provider.prompts[3]
    assert provider.requests[0].tool_names == ["manage_memory", "search_memory"]


def test_agents_write_apart_and_read_their_whole_team(provider, store):
    """memory_tools, block 5, second part, and block 6, which repeats it."""

    def member(name, prompt):
        tools = [
            create_manage_memory_tool(namespace=("memories", "team_red", name)),
            create_search_memory_tool(namespace=("memories", "team_red")),
        ]
        # Corrected: `create_agent` calls the prompt `system_prompt`.
        return create_agent(MODEL, tools=tools, store=store, system_prompt=prompt)

    agent_a = member("agent_a", "You look things up")
    agent_b = member("agent_b", "You write things down.")
    provider.will_say(saves("The bridge was built in 1911"), "Done.")
    agent_a.invoke(saying("When was the bridge built?"))
    store.put(("memories", "team_blue", "agent_x"), "1", {"content": "The bridge is blue"})

    provider.will_say("Hello!")
    assert agent_b.invoke(saying("Hi"))["messages"][-1].text == "Hello!"
    provider.will_say(searches("the bridge"), saves("Report on the bridge is ready"), "Built 1911.")
    response = agent_b.invoke(saying("Report on the bridge"))
    assert "The bridge was built in 1911" in provider.prompts[-2]
    assert "The bridge is blue" not in provider.prompts[-2]
    assert response["messages"][-1].text == "Built 1911."
    places = {item.namespace: item.value["content"] for item in store.search(("memories",))}
    assert places[("memories", "team_red", "agent_a")] == "The bridge was built in 1911"
    assert places[("memories", "team_red", "agent_b")] == "Report on the bridge is ready"
    systems = [sent.messages[0].content for sent in provider.requests]
    assert systems == ["You look things up"] * 2 + ["You write things down."] * 4
