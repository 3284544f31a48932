"""Memory tools for agents on the raw OpenAI and Anthropic SDKs, with the real clients."""

import json

import anthropic
import openai
import pytest

from holdfast import Toolbox, create_manage_memory_tool, create_search_memory_tool
from holdfast.errors import ConfigurationError, InputError
from holdfast.testing import LocalProvider

NS = ("memories", "{user_id}")
CONFIG = {"configurable": {"user_id": "nora"}}
SCRIPT = [
    [
        ("manage_memory", {"content": "Ines cannot eat peanuts"}),
        ("search_memory", {"query": "Ines"}),
    ],
    "noted",
]


@pytest.fixture
def box(store):
    return Toolbox(
        [create_manage_memory_tool(NS, store=store), create_search_memory_tool(NS, store=store)]
    )


def kept(store):
    return [item.value["content"] for item in store.search(("memories", "nora"))]


def test_an_agent_on_the_openai_sdk(box, store):
    messages = [{"role": "user", "content": "Ines cannot eat peanuts"}]
    with LocalProvider(SCRIPT) as server:
        with openai.OpenAI(base_url=server.openai_url, api_key="test") as client:
            while True:
                answer = client.chat.completions.create(
                    model="gpt-5-mini", messages=messages, tools=box.openai
                )
                said = answer.choices[0].message
                if not said.tool_calls:
                    break
                messages += [said, *box.run_openai(said.tool_calls, CONFIG)]
    assert said.content == "noted"
    assert kept(store) == ["Ines cannot eat peanuts"]
    created, found = (m["content"] for m in messages[-2:])
    assert created.startswith("created memory")
    assert isinstance(json.loads(found), list)


async def test_an_agent_on_the_anthropic_sdk(box, store):
    messages = [{"role": "user", "content": "Ines cannot eat peanuts"}]
    with LocalProvider(SCRIPT) as server:
        async with anthropic.AsyncAnthropic(base_url=server.anthropic_url, api_key="t") as client:
            while True:
                answer = await client.messages.create(
                    model="claude-x", max_tokens=99, messages=messages, tools=box.anthropic
                )
                results = await box.arun_anthropic(answer.content, CONFIG)
                if not results:
                    break
                messages += [
                    {"role": "assistant", "content": answer.content},
                    {"role": "user", "content": results},
                ]
    assert answer.content[0].text == "noted"
    assert kept(store) == ["Ines cannot eat peanuts"]


def call(name, arguments):
    return {"id": "1", "function": {"name": name, "arguments": arguments}}


async def test_what_cannot_be_run_is_told_and_the_rest_runs(box, store):
    calls = [
        call("invented", "{}"),
        call("manage_memory", "{broken"),
        call("manage_memory", '{"content": "kept"}'),
    ]
    for answers in (box.run_openai(calls, CONFIG), await box.arun_openai(calls, CONFIG)):
        said = [answer["content"] for answer in answers]
        assert said[0] == "There is no tool 'invented'; there are: manage_memory, search_memory."
        assert said[1] == "The arguments of manage_memory are not a JSON object. Nothing was done."
        assert kept(store) == ["kept"]
    blocks = [{"type": "text", "text": "hm"}, {"type": "tool_use", "id": "1", "name": "invented",
                                               "input": {}}]  # fmt: skip
    (block,) = box.run_anthropic(blocks, CONFIG)
    assert block["tool_use_id"] == "1"
    assert "There is no tool" in block["content"]


def test_two_tools_of_one_name_are_refused(store):
    twins = [create_manage_memory_tool((name,), store=store) for name in ("team", "private")]
    with pytest.raises(ConfigurationError, match="share a name"):
        Toolbox(twins)


def test_no_calls_and_bad_calls(box):
    assert box.run_openai(None) == box.run_anthropic(None) == box.run_anthropic("text") == []
    with pytest.raises(InputError, match="no tool call"):
        box.run_openai(["text"])
    assert [tool["name"] for tool in box.anthropic] == ["manage_memory", "search_memory"]
    assert all(tool["input_schema"]["type"] == "object" for tool in box.anthropic)
