"""Guide "use memory tools in custom agents": the tools called with no graph around them."""

import json

import pytest

from holdfast import create_manage_memory_tool, create_search_memory_tool


@pytest.fixture
def tools_by_name(store):
    tools = [
        create_manage_memory_tool(namespace="memories", store=store),
        create_search_memory_tool(namespace="memories", store=store),
    ]
    return {tool.name: tool for tool in tools}


def kept(store):
    return [item.value["content"] for item in store.search(("memories",))]


def test_calls_as_anthropic_gives_them(store, tools_by_name):
    """use_tools_in_custom_agent, block 1: a call's input is a dict."""
    assert list(tools_by_name) == ["manage_memory", "search_memory"]
    assert all(tool.description for tool in tools_by_name.values())
    for fact in ("likes plum dumplings", "dislikes aniseed"):
        result = str(tools_by_name["manage_memory"].invoke({"action": "create", "content": fact}))
        assert result.startswith("created memory ")
    assert sorted(kept(store)) == ["dislikes aniseed", "likes plum dumplings"]
    found = json.loads(str(tools_by_name["search_memory"].invoke({"query": "plum dumplings"})))
    assert found[0]["value"]["content"] == "likes plum dumplings"
    assert {item.namespace for item in store.search(())} == {("memories",)}


@pytest.mark.parametrize("read", [json.loads, str], ids=["read", "as-printed"])
def test_calls_as_openai_gives_them(store, tools_by_name, read):
    """use_tools_in_custom_agent, block 2: a call's arguments are JSON text.

    The guide hands over the text itself, which is understood; its own output shows that there this
    text, with all its braces, is what was stored.
    """
    arguments = read('{"action": "create", "content": "likes plum dumplings"}')
    assert str(tools_by_name["manage_memory"].invoke(arguments)).startswith("created memory ")
    (content,) = kept(store)
    assert content == "likes plum dumplings"
    found = json.loads(tools_by_name["search_memory"].invoke(read('{"query": "plum dumplings"}')))
    assert found[0]["value"]["content"] == content
