"""Guide "dynamically configure namespaces": one tool, many places."""

import json

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage

from holdfast import (
    ConfigurationError,
    create_manage_memory_tool,
    create_memory_store_manager,
    create_search_memory_tool,
)

MODEL = "anthropic:claude-3-5-sonnet-latest"


@pytest.fixture
def invoke(store):
    """Return a function that runs an agent with one tool; returns all messages."""

    def run(tool, said, **configurable):
        # Corrected: the guide compiles its agents without a store, so there is none to write to.
        app = create_agent(MODEL, tools=[tool], store=store)
        given = {"messages": [{"role": "user", "content": said}]}
        return app.invoke(given, config={"configurable": configurable})["messages"]

    return run


def saves(text):
    return [("manage_memory", {"content": text})]


def test_by_user(provider, store, invoke):
    """dynamically_configure_namespaces, block 1."""
    tool = create_manage_memory_tool(namespace=("memories", "{user_id}"))
    for user, animal in (("user-1", "otters"), ("user-2", "herons")):
        provider.will_say(saves(f"Likes {animal}"), "Noted.")
        invoke(tool, f"I like {animal}", user_id=user)
    assert [item.value["content"] for item in store.search(("memories", "user-1"))] == [
        "Likes otters"
    ]
    assert [item.value["content"] for item in store.search(("memories", "user-2"))] == [
        "Likes herons"
    ]
    # The agent sees that it has a memory, not where that is.
    assert not any("user-1" in sent.text for sent in provider.requests)


def test_by_organization(provider, store, invoke):
    """dynamically_configure_namespaces, block 2, first part."""
    tool = create_manage_memory_tool(namespace=("memories", "{org_id}"))
    provider.will_say(saves("Doubts the new shift plan"), "Noted.")
    invoke(tool, "I doubt the new shift plan works..", org_id="harbour")
    (item,) = store.search(("memories",))
    assert item.namespace == ("memories", "harbour")


def test_users_write_apart_and_search_their_whole_organization(provider, store, invoke):
    """dynamically_configure_namespaces, block 2, second part."""
    manage = create_manage_memory_tool(namespace=("memories", "{org_id}", "{user_id}"))
    search = create_search_memory_tool(namespace=("memories", "{org_id}"))
    provider.will_say(saves("Bicycles may be parked in the hall"), "Noted.")
    invoke(manage, "Bicycles may stand in the hall", org_id="harbour", user_id="bea")
    provider.will_say(saves("Bicycles are banned"), "Noted.")
    invoke(manage, "No bicycles here", org_id="mill", user_id="kurt")
    assert {item.namespace for item in store.search(("memories",))} == {
        ("memories", "harbour", "bea"),
        ("memories", "mill", "kurt"),
    }

    provider.will_say([("search_memory", {"query": "policy on bicycles"})], "In the hall.")
    messages = invoke(search, "Where do bicycles go?", org_id="harbour", user_id="ali")
    (found,) = [message for message in messages if isinstance(message, ToolMessage)]
    assert [hit["value"]["content"] for hit in json.loads(found.content)] == [
        "Bicycles may be parked in the hall"
    ]
    assert "Bicycles may be parked in the hall" in provider.prompts[-1]


def test_by_category(provider, store, invoke):
    """dynamically_configure_namespaces, block 2, last part."""
    namespace = ("agent_brown", "memories", "{user_id}", "preferences")
    tool = create_manage_memory_tool(namespace=namespace)
    provider.will_say(saves("Likes otters"), "Noted.")
    invoke(tool, "I like otters", user_id="bea")
    (item,) = store.search(("agent_brown",))
    assert item.namespace == ("agent_brown", "memories", "bea", "preferences")


def test_a_variable_must_be_given(provider, store, invoke):
    """dynamically_configure_namespaces, the note at the end."""
    provider.will_say(saves("Likes otters"))
    with pytest.raises(ConfigurationError, match="user_id"):
        invoke(create_manage_memory_tool(namespace=("memories", "{user_id}")), "I like otters")
    manager = create_memory_store_manager(MODEL, namespace=("memories", "{user_id}"), store=store)
    with pytest.raises(ConfigurationError, match="user_id"):
        manager.invoke({"messages": [("user", "I like otters")]})
    assert store.search(()) == []
