"""Guide "use memory tools in custom agents": the tools under the SDKs of the providers."""

import json

import anthropic
import openai
import pytest

from holdfast import create_manage_memory_tool, create_search_memory_tool

FACTS = ["likes plum dumplings", "dislikes aniseed"]
ASKED = "Remember that I like plum dumplings. Then remember that I dislike aniseed."


@pytest.fixture
def memory_tools(store):
    return [
        create_manage_memory_tool(namespace="memories", store=store),
        create_search_memory_tool(namespace="memories", store=store),
    ]


def kept(store):
    return {item.value["content"] for item in store.search(("memories",))}


def run_anthropic_agent(tools, user_input, max_steps=5):
    client = anthropic.Anthropic()
    tools_by_name = {tool.name: tool for tool in tools}
    anthropic_tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.tool_call_schema.model_json_schema(),
        }
        for tool in tools
    ]
    messages = [{"role": "user", "content": user_input}]
    for _ in range(max_steps):
        # Corrected: Anthropic's client of today knows no `temperature`.
        response = client.messages.create(
            model="claude-3-5-sonnet-latest",
            max_tokens=1024,
            tools=anthropic_tools,
            messages=messages,
        )
        calls = [block for block in response.content if block.type == "tool_use"]
        if not calls:
            return "".join(block.text for block in response.content if block.type == "text")
        messages.append({"role": "assistant", "content": response.content})
        for call in calls:
            result = str(tools_by_name[call.name].invoke(call.input))
            block = {"type": "tool_result", "tool_use_id": call.id, "content": result}
            messages.append({"role": "user", "content": [block]})
    return "too many steps"


def run_openai_agent(tools, user_input, max_steps=5):
    client = openai.OpenAI()
    tools_by_name = {tool.name: tool for tool in tools}
    openai_tools = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.tool_call_schema.model_json_schema(),
            },
        }
        for tool in tools
    ]
    messages = [{"role": "user", "content": user_input}]
    for _ in range(max_steps):
        response = client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=openai_tools, tool_choice="auto"
        )
        message = response.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(
            {"role": "assistant", "content": message.content, "tool_calls": message.tool_calls}
        )
        for call in message.tool_calls:
            given = call.model_dump()["function"]
            # Corrected: the guide hands over the JSON text, which then is what it remembers.
            result = str(tools_by_name[given["name"]].invoke(json.loads(given["arguments"])))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return "too many steps"


def both_facts():
    return [("manage_memory", {"action": "create", "content": fact}) for fact in FACTS]


@pytest.mark.parametrize("run_agent", [run_anthropic_agent, run_openai_agent])
def test_an_agent_on_a_raw_sdk(provider, store, memory_tools, run_agent):
    """use_tools_in_custom_agent, blocks 1 (Anthropic) and 2 (OpenAI)."""
    provider.will_say(
        both_facts(),
        [("search_memory", {"query": "dumplings"})],
        "Both are remembered.",
    )
    result = run_agent(tools=memory_tools, user_input=ASKED)
    assert result == "Both are remembered."
    assert kept(store) == set(FACTS)
    assert provider.requests[0].tool_names == ["manage_memory", "search_memory"]
    for item in store.search(("memories",)):
        assert item.key in provider.prompts[1]
    assert FACTS[0] in provider.requests[2].messages[-1].content
