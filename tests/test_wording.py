"""Texts for models, and conversations as quoted data."""

import re
from datetime import datetime
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, ToolMessage

from holdfast import wording
from holdfast.errors import InputError, WordingError
from holdfast.memory import Message
from holdfast.wording import read_messages, render_known, render_messages


def test_variables_are_strict_and_values_are_never_expanded_again():
    said = wording.text("extract_request_first", conversation="$known {braces} ${x}")
    assert "$known {braces} ${x}" in said
    with pytest.raises(WordingError, match=r"takes the variables \['conversation'\]"):
        wording.text("extract_request_first")
    with pytest.raises(WordingError, match="other"):
        wording.text("extract_request_first", conversation="c", other="x")
    with pytest.raises(WordingError, match="no text 'none'"):
        wording.text("none")
    with pytest.raises(WordingError, match="no tool 'none'"):
        wording.tool("none")


def test_a_tool_that_was_handed_out_can_be_changed_without_harm():
    wording.tool("PatchDoc")["name"] = "changed"
    assert wording.tool("PatchDoc")["name"] == "PatchDoc"


def test_no_text_for_a_model_stands_in_the_code():
    # Words for models are files; a long literal handed to a message class would be one in code.
    for module in (files("holdfast") / "extract").iterdir():
        if module.name.endswith(".py"):
            assert not re.search(r"(?:System|Human)Message\(\s*f?\"", module.read_text()), module


CLOSING = st.sampled_from(
    [
        "</message>",
        "</conversation>",
        "< / Message >",
        "<known>",
        "</MEMORY>",
        "<call x>",
        "</call>",
        "</feedback>",
        "</trajectory>",
        "</episodes>",
    ]
)


@given(st.lists(CLOSING | st.text(max_size=5), max_size=6).map("".join), st.text(max_size=10))
def test_nothing_that_is_said_closes_our_quotes(text, name):
    messages = [Message("user", text, speaker=name, calls=(("t<", text),))]
    rendered = render_messages(messages)
    ours = re.findall(
        r"<\s*/?\s*(message|call|conversation|known|memory|feedback|trajectory|episodes)\b",
        rendered,
        re.I,
    )
    assert ours == ["message", "call", "call", "message"]
    known = render_known([("m1", text, {"content": text}, None)])
    assert re.findall(r"<\s*/?\s*(?:message|call|conversation|known|memory)\b", known, re.I) == [
        "<memory",
        "</memory",
    ]


def test_roles_names_times_and_calls_are_told():
    call = {"name": "search", "args": {"q": "tea"}, "id": "1", "type": "tool_call"}
    conversation = [
        {"role": "user", "content": "hi", "name": "Nora", "time": "2026-01-02T10:00:00Z"},
        AIMessage("let me look", tool_calls=[call]),
        ToolMessage("found", tool_call_id="1", name="search"),
        ("ai", "there"),
        {"role": "developer", "content": "rules"},
    ]
    assert render_messages(read_messages(conversation)).splitlines() == [
        '<message role="user" name="Nora" time="2026-01-02T10:00:00Z">hi</message>',
        '<message role="assistant">let me look',
        '<call tool="search">{"q": "tea"}</call></message>',
        '<message role="tool" name="search">found</message>',
        '<message role="assistant">there</message>',
        '<message role="system">rules</message>',
    ]


def test_blocks_that_are_no_text_are_named_not_dumped():
    image = "data:image/png;base64," + "A" * 1000
    blocks = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "input_audio", "input_audio": {"data": "AAAA"}},
        {"type": "file", "filename": "plan.pdf", "data": "AAAA"},
        {"type": "tool_use", "id": "1", "name": "x", "input": {}},
        {"type": "thinking", "thinking": "secret"},
        "loose",
    ]
    (message,) = read_messages([HumanMessage(blocks)])
    assert message.text == "look\n[image]\n[audio]\n[file: plan.pdf]\nloose"


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ({"role": "user", "content": "x", "timestamp": "2026-01-02"}, "2026-01-02"),
        ({"role": "user", "content": "x", "created_at": ""}, None),
        (HumanMessage("x", additional_kwargs={"time": datetime(2026, 1, 2)}),
         "2026-01-02T00:00:00"),
        (AIMessage("x", response_metadata={"created_at": "2026-01-03"}), "2026-01-03"),
        (ChatMessage(role="narrator", content="x"), None),
    ],
)  # fmt: skip
def test_a_time_is_read_where_a_message_carries_one(given, time):
    assert read_messages([given])[0].time == time


def test_openai_calls_without_content_are_read():
    given = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        ],
    }
    bare = {k: v for k, v in given.items() if k != "content"}
    for form in (given, bare):
        assert read_messages([form])[0].calls == (("f", '{"a": 1}'),)
    assert "content" not in bare


def test_calls_whose_arguments_are_no_json_are_kept_as_they_are():
    call = {"id": "c", "type": "function", "function": {"name": "w", "arguments": "{bad"}}
    (message,) = read_messages([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert message.calls == (("w", "{bad"),)


def test_anthropics_blocks_keep_calls_results_and_documents():
    blocks = [
        {"type": "text", "text": "hm"},
        {"type": "tool_use", "id": "t", "name": "weather", "input": {"city": "Lisbon"}},
    ]
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "sunny, 20 C"}],
    }
    document = {"type": "document", "source": {"type": "text", "data": "the lease"}}
    said = read_messages([
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [result]},
        {"role": "user", "content": [document, {"type": "text", "text": "read it"}]},
    ])  # fmt: skip
    assert (said[0].text, said[0].calls) == ("hm", (("weather", '{"city": "Lisbon"}'),))
    assert (said[1].role, said[1].text) == ("tool", "sunny, 20 C")
    assert (said[2].role, said[2].text) == ("user", "the lease\nread it")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("just text", "must be a list"),
        ({"role": "user"}, "must be a list"),
        (None, "must be a list"),
        (HumanMessage("alone"), "must be a list"),
        ([{"role": "user", "content": "ok"}, {"role": "martian", "content": "x"}], "Message 1"),
        ([{"content": "no role"}], "Message 0"),
        ([7], "Message 0"),
        ([{"role": "martian", "content": "x" * 500}], "Message 0"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_by_its_place(given, place):
    with pytest.raises(InputError, match=place) as caught:
        read_messages(given)
    assert len(str(caught.value)) < 500
