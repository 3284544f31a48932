"""The real clients of the providers, end to end against the local provider."""

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_openai import OpenAIEmbeddings
from pydantic import BaseModel

from holdfast.testing.scripted import ScriptedModel
from holdfast.testing.server import Delayed, Disconnect, LocalProvider, ProviderError

PROVIDERS = ("openai", "anthropic")
SDKS = {"openai": openai, "anthropic": anthropic}
LONG = "Mara drinks jasmine tea, «ohne Zucker» 🍵,\nand only in the morning.  "


class Fact(BaseModel):
    """A fact to remember."""

    subject: str
    certain: bool = True


def search(query: str) -> str:
    """Search the notes."""
    return query


def weather(city: str) -> str:
    """Tell the weather."""
    return city


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return request.param


def post(url, body, headers=None):
    """Return status and parsed body of a plain HTTP request, without any client's help."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


# What is said


def test_a_text_with_its_usage(chat, provider):
    with LocalProvider([LONG]) as server:
        answer = chat(provider, server).invoke([SystemMessage("Be brief."), HumanMessage("tea?")])
    assert answer.text == LONG
    assert answer.tool_calls == []
    usage = answer.usage_metadata
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_a_reply_may_be_empty(chat, provider):
    with LocalProvider(["", []]) as server:
        model = chat(provider, server)
        assert model.invoke("hi").text == ""
        assert combined(model.stream("hi")).text == ""


def test_the_usage_of_a_message_is_reported_as_scripted(chat, provider):
    usage = {
        "input_tokens": 100,
        "output_tokens": 7,
        "total_tokens": 107,
        "input_token_details": {"cache_read": 64},
    }
    with LocalProvider([AIMessage("ok", usage_metadata=usage)]) as server:
        answer = chat(provider, server).invoke("hi")
    reported = answer.usage_metadata
    assert (reported["input_tokens"], reported["output_tokens"]) == (100, 7)
    assert reported["input_token_details"]["cache_read"] == 64


def test_a_whole_agent_loop_with_parallel_tools(chat, provider):
    calls = [("search", {"query": "tea"}), ("weather", {"city": "Köln"})]
    with LocalProvider([calls, "Rain, so tea."]) as server:
        model = chat(provider, server).bind_tools([search, weather])
        asked = model.invoke("What now?")
        results = [ToolMessage("found", tool_call_id=call["id"]) for call in asked.tool_calls]
        answer = model.invoke([HumanMessage("What now?"), asked, *results])
    assert [(call["name"], call["args"]) for call in asked.tool_calls] == calls
    assert len({call["id"] for call in asked.tool_calls}) == 2
    assert answer.text == "Rain, so tea."


def test_a_message_with_text_and_a_call(chat, provider):
    said = AIMessage(
        "Let me look.", tool_calls=[{"name": "search", "args": {"query": "x"}, "id": "mine"}]
    )
    with LocalProvider([said]) as server:
        answer = chat(provider, server).bind_tools([search]).invoke("hi")
    assert answer.text == "Let me look."
    assert answer.tool_calls == said.tool_calls


def test_broken_arguments_reach_the_client_of_openai(chat):
    broken = {"name": "search", "args": '{"query": ', "id": "c1", "error": None}
    with LocalProvider([AIMessage("", invalid_tool_calls=[broken]), "sorry"]) as server:
        model = chat("openai", server).bind_tools([search])
        answer = model.invoke("hi")
        again = model.invoke([HumanMessage("hi"), answer, ToolMessage("?", tool_call_id="c1")])
    assert answer.invalid_tool_calls[0]["args"] == '{"query": '
    assert again.text == "sorry"


@pytest.mark.parametrize(
    ("provider", "key", "reason"),
    [("openai", "finish_reason", "length"), ("anthropic", "stop_reason", "max_tokens")],
)
def test_why_a_reply_ended_can_be_scripted(chat, provider, key, reason):
    cut = AIMessage("Mara drinks", response_metadata={key: reason})
    with LocalProvider([cut, cut]) as server:
        model = chat(provider, server)
        whole, streamed = model.invoke("hi"), combined(model.stream("hi"))
    assert whole.response_metadata[key] == reason
    assert streamed.response_metadata[key] == reason


# What the script is asked


def conversation():
    call = {"name": "search", "args": {"query": "tea"}, "id": "c1"}
    return [
        SystemMessage("Be brief."),
        HumanMessage("Which tea?"),
        AIMessage("Let me look.", tool_calls=[call]),
        ToolMessage("jasmine", tool_call_id="c1"),
        HumanMessage("Thanks."),
    ]


@pytest.mark.parametrize("choice", [None, "auto", "any", "search"])
def test_a_script_sees_the_same_request_from_every_client(chat, choice):
    seen = []

    def script(request):
        kinds = [message.type for message in request.messages]
        texts = [message.text for message in request.messages]
        calls = [getattr(message, "tool_calls", None) for message in request.messages]
        seen.append((kinds, texts, calls, request.tool_names, request.tool_choice))
        return [("search", {"query": "more"})]

    with LocalProvider(script) as server:
        for model in (ScriptedModel(script), chat("openai", server), chat("anthropic", server)):
            bound = model.bind_tools([search, weather], tool_choice=choice)
            assert bound.invoke(conversation()).tool_calls[0]["args"] == {"query": "more"}
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def test_what_arrived_is_recorded_without_the_key(chat, provider):
    with LocalProvider(["hello"]) as server:
        chat(provider, server).invoke("hi")
    (received,) = server.requests
    assert (
        received.path == {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[provider]
    )
    assert received.body["messages"] == [{"role": "user", "content": "hi"}]
    assert received.headers["authorization"] == "***"
    assert "secret" not in str(received)


def test_system_blocks_are_one_system_message(chat):
    blocks = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    seen = []
    with LocalProvider(lambda request: seen.append(request) or "ok") as server:
        chat("anthropic", server).invoke([SystemMessage(blocks), HumanMessage("hi")])
    assert isinstance(server.requests[0].body["system"], list)
    assert seen[0].messages[0] == SystemMessage("One.\nTwo.")


def test_replies_are_played_once_each_to_many_threads(chat, provider):
    replies = [f"reply {number}" for number in range(40)]
    with LocalProvider(replies) as server, ThreadPoolExecutor(8) as pool:
        model = chat(provider, server)
        answers = list(pool.map(lambda _: model.invoke("hi").text, replies))
    assert sorted(answers) == sorted(replies)
    assert len(server.requests) == 40


# Choices


@pytest.mark.parametrize("choice", ["any", "search"])
def test_a_forced_choice_gets_its_call(chat, provider, choice):
    with LocalProvider([[("search", {"query": "tea"})]]) as server:
        model = chat(provider, server).bind_tools([search, weather], tool_choice=choice)
        assert model.invoke("hi").tool_calls[0]["name"] == "search"


@pytest.mark.parametrize(
    ("reply", "settings", "text"),
    [
        ("plain", {"tool_choice": "any"}, "reply 1 calls no tool"),
        ("plain", {"tool_choice": "search"}, "forces a call of the tool search"),
        ([("weather", {})], {"tool_choice": "search"}, "calls weather, but"),
        (
            [("search", {}), ("search", {})],
            {"parallel_tool_calls": False},
            "2 calls, but the request allows one",
        ),
        ({"subject": "tea"}, {}, "structured output, but the request asks for none"),
        (HumanMessage("me"), {}, "is no reply"),
    ],
)
def test_a_reply_that_was_not_asked_for_is_a_scripting_mistake(
    chat, provider, reply, settings, text
):
    with LocalProvider([reply]) as server:
        model = chat(provider, server).bind_tools([search, weather], **settings)
        with pytest.raises(SDKS[provider].BadRequestError, match=f"Scripting mistake.*{text}"):
            model.invoke("hi")


def test_calls_without_tools_are_a_scripting_mistake(chat, provider):
    with (
        LocalProvider([[("search", {"query": "tea"})]]) as server,
        pytest.raises(SDKS[provider].BadRequestError, match="the request allows no tools"),
    ):
        chat(provider, server).invoke("hi")


def test_the_choice_of_no_tool_is_honoured(chat):
    with LocalProvider([[("search", {})], "no tool", [("search", {})]]) as server:
        model = chat("openai", server).bind_tools([search], tool_choice="none")
        with pytest.raises(openai.BadRequestError, match="allows no tools"):
            model.invoke("hi")
        assert model.invoke("hi").text == "no tool"
        none = chat("anthropic", server).bind_tools([search], tool_choice={"type": "none"})
        with pytest.raises(anthropic.BadRequestError, match="allows no tools"):
            none.invoke("hi")


# Structured output


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("schema", [Fact, Fact.model_json_schema()])
def test_structured_output_from_a_dict(chat, provider, method, schema):
    with LocalProvider([{"subject": "tée", "certain": False}]) as server:
        model = chat(provider, server).with_structured_output(schema, method=method)
        fact = model.invoke("hi")
    assert Fact.model_validate(fact) == Fact(subject="tée", certain=False)
    body = server.requests[0].body
    assert ("tools" in body) == (method == "function_calling")


def test_json_mode(chat):
    with LocalProvider([{"subject": "tea"}]) as server:
        model = chat("openai", server).with_structured_output(Fact, method="json_mode")
        assert model.invoke("Answer in JSON.").subject == "tea"
        with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
            model.invoke("hi")


def test_structured_output_of_a_model_that_cannot_be_forced(chat):
    with LocalProvider([{"subject": "tea"}]) as server:
        model = chat("anthropic", server, model="claude-opus-5-5")
        with pytest.warns(UserWarning, match="forced tool calling"):
            structured = model.with_structured_output(Fact, method="function_calling")
        assert structured.invoke("hi").subject == "tea"
    assert "tool_choice" not in server.requests[0].body


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_structured_output_streams(chat, provider, method):
    # With a class as schema, OpenAI's client warns about its own chunks as it streams JSON.
    schema = Fact.model_json_schema()
    with LocalProvider([{"subject": "jasmine tea from Fujian"}]) as server:
        model = chat(provider, server).with_structured_output(schema, method=method)
        *_, last = model.stream("hi")
    assert last == {"subject": "jasmine tea from Fujian"}


# Streaming


def combined(chunks):
    chunks = list(chunks)
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return message_chunk_to_message(total)


def test_a_streamed_text_arrives_in_pieces_and_whole(chat, provider):
    with LocalProvider([LONG, LONG]) as server:
        model = chat(provider, server, stream_usage=True)
        chunks = list(model.stream("hi"))
        streamed, whole = combined(chunks), model.invoke("hi")
    assert len([chunk for chunk in chunks if chunk.text]) > 3
    assert streamed.text == whole.text == LONG
    assert streamed.usage_metadata == whole.usage_metadata


def test_streamed_calls_arrive_in_pieces_and_whole(chat, provider):
    calls = [("search", {"query": LONG, "deep": {"n": [1, None]}}), ("weather", {})]
    said = AIMessage("Both.", tool_calls=[{"name": n, "args": a, "id": n} for n, a in calls])
    with LocalProvider([said]) as server:
        chunks = list(chat(provider, server).bind_tools([search, weather]).stream("hi"))
    pieces = [piece for chunk in chunks for piece in chunk.tool_call_chunks]
    streamed = combined(chunks)
    assert len(pieces) > 6
    assert streamed.text == "Both."
    assert streamed.tool_calls == said.tool_calls


def test_openai_sends_usage_only_when_asked(chat):
    with LocalProvider(["hello", "hello"]) as server:
        quiet = combined(chat("openai", server).stream("hi"))
        counted = combined(chat("openai", server, stream_usage=True).stream("hi"))
    assert quiet.usage_metadata is None
    assert counted.usage_metadata["total_tokens"] > 0
    assert server.requests[1].body["stream_options"] == {"include_usage": True}


def test_a_stream_given_up_halfway_leaves_the_server_usable(chat, provider):
    with LocalProvider(["word " * 500, "next"]) as server:
        model = chat(provider, server)
        stream = model.stream("hi")
        next(stream)
        stream.close()
        assert model.invoke("hi").text == "next"


async def test_the_async_clients(provider):
    messages = [{"role": "user", "content": "hi"}]
    with LocalProvider(["one", "two"]) as server:
        if provider == "openai":
            async with openai.AsyncOpenAI(base_url=server.openai_url, api_key="x") as client:
                create = client.chat.completions.create
                first = await create(model="gpt-5-mini", messages=messages)
                stream = await create(model="gpt-5-mini", messages=messages, stream=True)
                parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
                assert [first.choices[0].message.content, "".join(parts)] == ["one", "two"]
        else:
            url = server.anthropic_url
            async with anthropic.AsyncAnthropic(base_url=url, api_key="x") as client:
                asked = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages}
                first = await client.messages.create(**asked)
                async with client.messages.stream(**asked) as stream:
                    final = await stream.get_final_message()
                assert [first.content[0].text, final.content[0].text] == ["one", "two"]


# Errors, delays, dropped connections


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (529, "InternalServerError"),
    ],
)
def test_errors_are_the_clients_own(chat, provider, status, name):
    with (
        LocalProvider([ProviderError(status, "No such luck.")]) as server,
        pytest.raises(getattr(SDKS[provider], name), match="No such luck") as caught,
    ):
        chat(provider, server).invoke("hi")
    assert caught.value.status_code == status
    assert caught.value.request_id == "req_1"


def test_errors_come_before_a_stream_begins(chat, provider):
    with (
        LocalProvider([ProviderError(429, "Slow down.")]) as server,
        pytest.raises(SDKS[provider].RateLimitError, match="Slow down"),
    ):
        list(chat(provider, server).stream("hi"))


def test_the_cause_of_an_error_reaches_the_client(chat):
    script = [ProviderError(429, "Pay.", code="insufficient_quota"), ProviderError(429, "Wait.")]
    with LocalProvider([*script, ProviderError(429, "Pay.", code="ramp_limit_exceeded")]) as server:
        for code in ("insufficient_quota", "rate_limit_exceeded"):
            with pytest.raises(openai.RateLimitError) as caught:
                chat("openai", server).invoke("hi")
            assert caught.value.code == code
        with pytest.raises(anthropic.RateLimitError) as limited:
            chat("anthropic", server).invoke("hi")
    assert limited.value.body["error"]["details"] == {"error_code": "ramp_limit_exceeded"}
    assert limited.value.type == "rate_limit_error"


@pytest.mark.parametrize(("seconds", "waited"), [(0, "0.001000"), (0.02, "0.020000")])
def test_a_client_that_retries_waits_as_it_is_told(chat, provider, caplog, seconds, waited):
    refusal = ProviderError(429, "Wait.", retry_after=seconds)
    with LocalProvider([refusal, "hello"]) as server, caplog.at_level("INFO", logger=provider):
        assert chat(provider, server, max_retries=1).invoke("hi").text == "hello"
    assert f"in {waited} seconds" in caplog.text
    assert len(server.requests) == 2


def test_an_exception_becomes_a_status(chat):
    def script(request):
        raise AssertionError("no tools on offer")

    with (
        LocalProvider(script) as server,
        pytest.raises(openai.InternalServerError, match="AssertionError: no tools on offer"),
    ):
        chat("openai", server).invoke("hi")
    with (
        LocalProvider([TimeoutError("late")]) as server,
        pytest.raises(anthropic.InternalServerError, match="TimeoutError: late"),
    ):
        chat("anthropic", server).invoke("hi")


def test_the_clients_own_exceptions_keep_their_status(chat):
    with (
        LocalProvider([ProviderError(401, "Who?")]) as server,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        chat("openai", server).invoke("hi")
    with LocalProvider([caught.value]) as server, pytest.raises(anthropic.AuthenticationError):
        chat("anthropic", server).invoke("hi")


def test_a_script_function_may_raise_a_provider_error(chat):
    def script(request):
        raise ProviderError(529, "Busy.")

    with LocalProvider(script) as server, pytest.raises(anthropic.OverloadedError, match="Busy"):
        chat("anthropic", server).invoke("hi")


def test_a_script_that_has_ended_says_so(chat, provider):
    with LocalProvider(["one"]) as server:
        model = chat(provider, server)
        assert model.invoke("hi").text == "one"
        with pytest.raises(SDKS[provider].BadRequestError, match="Call 2, but the script has 1"):
            model.invoke("hi")


def test_a_client_times_out_on_a_delayed_reply(chat, provider):
    with LocalProvider([Delayed(30, "too late"), Delayed(0.05, "in time")]) as server:
        with pytest.raises(SDKS[provider].APITimeoutError):
            chat(provider, server, timeout=0.2).invoke("hi")
        began = time.monotonic()
        assert chat(provider, server).invoke("hi").text == "in time"
        assert time.monotonic() - began >= 0.05
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_a_delay_may_end_in_an_error(chat):
    reply = Delayed(0.01, Delayed(0.01, ProviderError(500, "Late and bad.")))
    with (
        LocalProvider([reply]) as server,
        pytest.raises(openai.InternalServerError, match="Late and bad"),
    ):
        chat("openai", server).invoke("hi")


def test_a_dropped_connection(chat, provider):
    with LocalProvider([Disconnect(), "back again"]) as server:
        model = chat(provider, server)
        with pytest.raises(SDKS[provider].APIConnectionError) as caught:
            model.invoke("hi")
        assert not isinstance(caught.value, SDKS[provider].APITimeoutError)
        assert model.invoke("hi").text == "back again"


# Embeddings, models, token counts


@pytest.fixture
def embed(transports):
    """Return a function that makes a real client for embeddings."""

    def make(server, **settings):
        return OpenAIEmbeddings(
            base_url=server.openai_url,
            api_key="test",
            model="text-embedding-3-small",
            check_embedding_ctx_length=False,
            **transports,
            **settings,
        )

    return make


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_embeddings_are_closer_for_shared_words(embed):
    texts = ["Mara drinks jasmine tea", "jasmine tea is what Mara likes", "servers restart at 3"]
    with LocalProvider() as server:
        near, also, far = embed(server).embed_documents(texts)
        again = embed(server).embed_query(texts[0])
    assert near == again
    assert len(near) == 64
    assert dot(near, near) == pytest.approx(1, abs=1e-5)
    assert dot(near, also) > dot(near, far) + 0.2


def test_both_encodings_give_the_same_vector():
    with (
        LocalProvider() as server,
        openai.OpenAI(base_url=server.openai_url, api_key="test") as client,
    ):
        asked = {"model": "text-embedding-3-small", "input": "jasmine tea"}
        plain = client.embeddings.create(**asked, encoding_format="float")
        packed = client.embeddings.create(**asked)
        raw = client.embeddings.with_raw_response.create(**asked, encoding_format="base64")
    assert server.requests[1].body["encoding_format"] == "base64"
    assert isinstance(json.loads(raw.text)["data"][0]["embedding"], str)
    assert plain.data[0].embedding == packed.data[0].embedding
    assert plain.usage.prompt_tokens > 0


@pytest.mark.parametrize("size", [1, 7, 8, 1536])
def test_embeddings_have_the_dimensions_asked_for(embed, size):
    with LocalProvider() as server:
        vector = embed(server, dimensions=size).embed_query("jasmine tea, no sugar")
    assert len(vector) == size
    assert dot(vector, vector) == pytest.approx(1, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=5), size=st.integers(1, 70))
def test_any_text_has_a_vector_of_length_one(texts, size):
    body = {"model": "m", "input": [*texts, *texts], "dimensions": size}
    with LocalProvider() as server:
        status, answer = post(f"{server.openai_url}/embeddings", body)
    vectors = [item["embedding"] for item in answer["data"]]
    assert status == 200
    assert vectors[: len(texts)] == vectors[len(texts) :]
    assert all(dot(vector, vector) == pytest.approx(1, abs=1e-4) for vector in vectors)


def test_tokens_are_embedded_like_words():
    with LocalProvider() as server:
        url = f"{server.openai_url}/embeddings"
        _, single = post(url, {"model": "m", "input": [5, 6]})
        _, several = post(url, {"model": "m", "input": [[5, 6], [7]]})
    assert len(single["data"]) == 1
    assert single["data"][0]["embedding"] == several["data"][0]["embedding"]
    assert several["data"][0]["embedding"] != several["data"][1]["embedding"]


def test_the_list_of_models():
    with (
        LocalProvider() as server,
        openai.OpenAI(base_url=server.openai_url, api_key="test") as client,
    ):
        assert "gpt-5-mini" in [model.id for model in client.models.list()]


def test_tokens_are_counted_for_anthropic(chat):
    with LocalProvider(["unused"]) as server:
        model = chat("anthropic", server)
        few = model.get_num_tokens_from_messages([HumanMessage("hi")])
        many = model.get_num_tokens_from_messages([HumanMessage("hi " * 400)])
    assert 0 < few < many


# The rules of the providers

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}


def openai_calls(*ids):
    function = {"name": "search", "arguments": "{}"}
    calls = [{"id": name, "type": "function", "function": function} for name in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def openai_result(name):
    return {"role": "tool", "tool_call_id": name, "content": "found"}


def named(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


OPENAI_RULES = [
    ({"messages": []}, "empty array"),
    ({"messages": "hi"}, "list of objects"),
    ({"messages": [{"role": "robot", "content": "hi"}]}, "Invalid value: 'robot'"),
    ({"messages": [{"role": "user", "content": None}]}, "expected a string, got null"),
    ({"messages": [USER, openai_calls("a", "b"), openai_result("a")]}, "response messages: b"),
    ({"messages": [USER, openai_calls("a"), USER]}, "must be followed by tool messages"),
    ({"messages": [USER, openai_result("a")]}, "must be a response to a preceeding message"),
    (
        {"messages": [USER, openai_calls("a"), openai_result("a"), openai_result("a")]},
        "must be a response to a preceeding message",
    ),
    ({"tools": []}, "Invalid 'tools': empty array"),
    ({"tools": [named("find notes")]}, "string does not match pattern"),
    ({"tools": [named("x" * 65)]}, "string does not match pattern"),
    ({"tools": [{"type": "web_search"}]}, "the only type of tool"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        "Invalid schema for function 'f'",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
        "Invalid schema for function 'f'",
    ),
    ({"tool_choice": "auto"}, "only allowed when 'tools' are specified"),
    ({"tools": [TOOL], "tool_choice": "search"}, "Invalid value for 'tool_choice'"),
    ({"tools": [TOOL], "tool_choice": named("other")}, "Tool choice 'other' not found"),
    ({"response_format": {"type": "yaml"}}, "Invalid value: 'yaml'"),
    ({"response_format": {"type": "json_schema"}}, "Missing required parameter"),
    ({"n": 2}, "one reply a request"),
    (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"id": "a"}]},
                openai_result("a"),
            ]
        },
        "cannot be read: KeyError",
    ),
]


@pytest.mark.parametrize(("change", "text"), OPENAI_RULES)
def test_openai_refuses_what_breaks_its_rules(change, text):
    with LocalProvider(["hello"]) as server:
        url = f"{server.openai_url}/chat/completions"
        body = {"model": "gpt-5-mini", "messages": [USER]}
        status, refused = post(url, {**body, **change})
        assert status == 400
        assert refused["error"]["type"] == "invalid_request_error"
        assert text in refused["error"]["message"]
        # A refused request uses up no reply.
        assert post(url, body)[1]["choices"][0]["message"]["content"] == "hello"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"input": ""}, "'$.input' is invalid"),
        ({"input": []}, "'$.input' is invalid"),
        ({"input": [None]}, "'$.input' is invalid"),
        ({"dimensions": 0}, "expected a positive integer"),
        ({"encoding_format": "hex"}, "Invalid value: 'hex'"),
    ],
)
def test_openai_refuses_wrong_embeddings(change, text):
    with LocalProvider() as server:
        body = {"model": "m", "input": "tea", **change}
        status, refused = post(f"{server.openai_url}/embeddings", body)
    assert status == 400
    assert text in refused["error"]["message"]


def anthropic_calls(*ids):
    blocks = [{"type": "tool_use", "id": name, "name": "search", "input": {}} for name in ids]
    return {"role": "assistant", "content": blocks}


def anthropic_result(*ids, before=()):
    blocks = [{"type": "tool_result", "tool_use_id": name, "content": "found"} for name in ids]
    return {"role": "user", "content": [*before, *blocks]}


def custom(name, schema):
    return {"name": name, "input_schema": schema}


OBJECT = {"type": "object"}
ASSISTANT = {"role": "assistant", "content": "hello"}
ANTHROPIC_RULES = [
    ({"messages": []}, "at least one message is required"),
    ({"messages": [ASSISTANT, USER]}, 'first message must use the "user" role'),
    ({"messages": [{"role": "system", "content": "x"}, USER]}, 'Unexpected role "system"'),
    ({"messages": [{"role": "tool", "content": "x"}]}, 'Unexpected role "tool"'),
    ({"messages": [{"role": "user", "content": ""}]}, "text content blocks must be non-empty"),
    ({"messages": [{"role": "user", "content": []}, USER]}, "must have non-empty content"),
    ({"messages": [USER, anthropic_calls("a", "b"), anthropic_result("a")]}, "after: b."),
    ({"messages": [USER, anthropic_calls("a")]}, "after: a."),
    ({"messages": [USER, anthropic_calls("a"), USER]}, "after: a."),
    (
        {
            "messages": [
                USER,
                anthropic_calls("a"),
                anthropic_result("a", before=[{"type": "text", "text": "first"}]),
            ]
        },
        "without `tool_result` blocks immediately after",
    ),
    ({"messages": [USER, ASSISTANT, anthropic_result("a")]}, "unexpected `tool_use_id`"),
    ({"messages": [USER, ASSISTANT], "model": "claude-opus-5"}, "assistant message prefill"),
    ({"tools": [custom("f", None)]}, "tools.0.custom.input_schema"),
    ({"tools": [custom("f", {"type": "string"})]}, "tools.0.custom.input_schema.type"),
    ({"tools": [custom("f", {"type": "object", "anyOf": []})]}, "at the top level"),
    ({"tools": [custom("find notes", OBJECT)]}, "String should match pattern"),
    ({"tools": [custom("f", OBJECT), custom("f", OBJECT)]}, "Tool names must be unique"),
    ({"tool_choice": {"type": "any"}}, "only be specified while providing tools"),
    ({"tools": [custom("f", OBJECT)], "tool_choice": "any"}, "not one of the expected tags"),
    (
        {"tools": [custom("f", OBJECT)], "tool_choice": {"type": "tool", "name": "g"}},
        "Tool 'g' not found",
    ),
    (
        {
            "tools": [custom("f", OBJECT)],
            "tool_choice": {"type": "any"},
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
        "Thinking may not be enabled",
    ),
    ({"system": {"text": "x"}}, "system: Input should be a list of objects"),
]


@pytest.mark.parametrize(("change", "text"), ANTHROPIC_RULES)
def test_anthropic_refuses_what_breaks_its_rules(change, text):
    with LocalProvider(["hello"]) as server:
        url, headers = f"{server.anthropic_url}/v1/messages", {"anthropic-version": "2023-06-01"}
        body = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [USER]}
        status, refused = post(url, {**body, **change}, headers)
        assert status == 400
        assert (refused["type"], refused["error"]["type"]) == ("error", "invalid_request_error")
        assert text in refused["error"]["message"]
        assert post(url, body, headers)[1]["content"][0]["text"] == "hello"


@pytest.mark.parametrize("missing", ["model", "max_tokens", "messages"])
def test_anthropic_requires_its_fields(missing):
    body = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [USER]}
    del body[missing]
    with LocalProvider() as server:
        url = f"{server.anthropic_url}/v1/messages"
        status, refused = post(url, body, {"anthropic-version": "2023-06-01"})
        unversioned = post(url, {**body, missing: 1})
    assert (status, refused["error"]["message"]) == (400, f"{missing}: Field required")
    assert unversioned[1]["error"]["message"] == "anthropic-version: header is required"


def test_neighbours_of_one_role_are_one_turn():
    def script(request):
        return " ".join(message.type for message in request.messages)

    sent = [USER, USER, anthropic_calls("a"), anthropic_calls("b"), anthropic_result("b", "a")]
    body = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [*sent, USER]}
    with LocalProvider(script) as server:
        url, headers = f"{server.anthropic_url}/v1/messages", {"anthropic-version": "2023-06-01"}
        _, answer = post(url, body, headers)
    assert answer["content"][0]["text"] == "human ai tool tool human"


def test_a_tool_of_the_provider_itself_needs_no_schema():
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    body = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": [USER], "tools": tools}
    with LocalProvider(lambda request: " ".join(request.tool_names)) as server:
        url, headers = f"{server.anthropic_url}/v1/messages", {"anthropic-version": "2026-10-21"}
        _, answer = post(url, body, headers)
    assert answer["content"][0]["text"] == "web_search"


def test_older_models_of_anthropic_continue_a_prefill(chat):
    with LocalProvider(["lo"]) as server:
        answer = chat("anthropic", server).invoke([HumanMessage("Greet."), AIMessage("Hel")])
    assert answer.text == "lo"


def test_sampling_is_refused_by_the_new_version_of_anthropic(chat):
    with LocalProvider(["old version"]) as server:
        with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs"):
            chat("anthropic", server, temperature=0).invoke("hi")
        old = {"anthropic-version": "2023-06-01"}
        model = chat("anthropic", server, temperature=0, default_headers=old)
        assert model.invoke("hi").text == "old version"


@pytest.mark.parametrize("choice", ["any", "search"])
def test_some_models_of_anthropic_cannot_be_forced(chat, choice):
    with LocalProvider(["unused"]) as server:
        model = chat("anthropic", server, model="claude-sonnet-5-5")
        with pytest.raises(anthropic.BadRequestError, match="not supported for this model"):
            model.bind_tools([search], tool_choice=choice).invoke("hi")


def test_only_system_messages_are_refused_by_anthropic(chat):
    with (
        LocalProvider(["unused"]) as server,
        pytest.warns(UserWarning, match="only system message"),
        pytest.raises(anthropic.BadRequestError, match="at least one message"),
    ):
        chat("anthropic", server).invoke([SystemMessage("alone")])


def test_a_tool_left_unanswered_is_refused_by_the_real_clients(chat, provider):
    call = {"name": "search", "args": {}, "id": "left"}
    asked = [HumanMessage("hi"), AIMessage("", tool_calls=[call]), HumanMessage("well?")]
    with (
        LocalProvider(["unused"]) as server,
        pytest.raises(SDKS[provider].BadRequestError, match="left"),
    ):
        chat(provider, server).bind_tools([search]).invoke(asked)


def test_the_responses_api_is_refused_with_the_way_out(chat):
    with LocalProvider([[("search", {"query": "tea"})]]) as server:
        model = chat("openai", server, model="gpt-6-astra")
        with pytest.raises(openai.NotFoundError, match="use_responses_api=False"):
            model.bind_tools([search]).invoke("hi")
        way_out = chat("openai", server, model="gpt-6-astra", use_responses_api=False)
        assert way_out.bind_tools([search]).invoke("hi").tool_calls[0]["args"] == {"query": "tea"}


# HTTP, and a clean end


@pytest.mark.parametrize("body", [b"{not json", b"[]", b""])
def test_a_body_that_is_no_object_is_refused(body):
    with LocalProvider() as server:
        openai_says = post(f"{server.openai_url}/chat/completions", body)
        anthropic_says = post(f"{server.anthropic_url}/v1/messages", body)
    for status, refused in (openai_says, anthropic_says):
        assert status == 400
        assert "could not parse the JSON body" in refused["error"]["message"]


def test_an_unknown_path_is_not_found():
    with LocalProvider() as server:
        status, refused = post(f"{server.openai_url}/audio", {})
    assert (status, refused["error"]["message"]) == (404, "The local provider has no /v1/audio.")


def test_the_environment_leads_every_client_here(monkeypatch):
    asked = {"messages": [USER]}
    with LocalProvider(lambda request: "here") as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        assert init_chat_model("openai:gpt-5-mini").invoke("hi").text == "here"
        assert init_chat_model("anthropic:claude-haiku-4-5").invoke("hi").text == "here"
        embeddings = init_embeddings(
            "openai:text-embedding-3-small", check_embedding_ctx_length=False
        )
        assert len(embeddings.embed_query("tea")) == 64
        with openai.OpenAI() as client:
            client.chat.completions.create(model="gpt-5-mini", **asked)
        with anthropic.Anthropic() as client:
            client.messages.create(model="claude-haiku-4-5", max_tokens=9, **asked)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("provider", "read"),
    [
        ("openai", ["OPENAI_API_BASE", "OPENAI_BASE_URL"]),
        ("anthropic", ["ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"]),
    ],
)
def test_langchain_reads_either_address(monkeypatch, provider, read):
    names = {"openai": "openai:gpt-5-mini", "anthropic": "anthropic:claude-haiku-4-5"}
    with LocalProvider(lambda request: "here") as server:
        key = f"{provider.upper()}_API_KEY"
        for name in read:
            for other in read:
                monkeypatch.delenv(other, raising=False)
            monkeypatch.setenv(key, "test")
            monkeypatch.setenv(name, server.env[name])
            assert init_chat_model(names[provider]).invoke("hi").text == "here"


def test_an_address_needs_a_running_server():
    server = LocalProvider()
    for name in ("openai_url", "anthropic_url", "env"):
        with pytest.raises(RuntimeError, match="inside its `with` block"):
            getattr(server, name)


def test_a_response_is_one_packet_on_a_connection_kept_alive():
    body = json.dumps({"model": "m", "messages": [USER]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with LocalProvider(lambda request: "hello") as server:
        port = int(server.anthropic_url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for _ in range(3):
                connection.sendall(head.encode() + body)
                answer = connection.recv(65536).decode()
                length = int(answer.split("content-length: ")[1].split("\r\n")[0])
                assert len(answer.split("\r\n\r\n", 1)[1]) == length


def test_calls_do_not_wait_for_delayed_acknowledgements():
    body = json.dumps({"model": "m", "messages": [USER], "stream": True})
    took = []
    with LocalProvider(lambda request: "hello " * 5) as server:
        port = int(server.anthropic_url.rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.closing(connection):
            for _ in range(30):
                began = time.monotonic()
                connection.request("POST", "/v1/chat/completions", body)
                assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")
                took.append(time.monotonic() - began)
    # It would be 40 ms if the parts of an answer waited for each other.
    assert statistics.median(took) < 0.02


def test_the_end_leaves_no_thread_and_no_open_connection():
    before = set(threading.enumerate())
    with contextlib.ExitStack() as stack:
        with LocalProvider() as server:
            port = int(server.anthropic_url.rsplit(":", 1)[1])
            idle = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(5)
            ]
            post(f"{server.openai_url}/embeddings", {"model": "m", "input": "tea"})
            assert set(threading.enumerate()) > before
        assert set(threading.enumerate()) == before
        for connection in idle:
            connection.settimeout(5)
            assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_provider_may_be_started_again():
    server = LocalProvider(["one", "two"])
    answers = []
    for _ in range(2):
        with server:
            url = f"{server.openai_url}/chat/completions"
            _, answer = post(url, {"model": "m", "messages": [USER]})
            answers.append(answer["choices"][0]["message"]["content"])
    assert answers == ["one", "two"]
    assert len(server.requests) == 2


def test_the_server_needs_no_client():
    code = (
        "import sys, holdfast.testing.server;"
        "print(sorted({'openai', 'anthropic', 'langchain_openai'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
