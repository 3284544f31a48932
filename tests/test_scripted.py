"""The scripted model: everything a chat model does, by a script."""

import threading

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from holdfast.testing import ScriptedModel, ScriptEnded


class Answer(BaseModel):
    """An answer."""

    text: str
    sure: bool = True


@tool
def look_up(word: str) -> str:
    """Look a word up."""
    return word


def test_replies_are_played_in_order_and_requests_recorded():
    whole = AIMessage("whole", id="x")
    model = ScriptedModel(["text", [("look_up", {"word": "tea"})], whole])
    assert model.invoke("one").content == "text"
    (call,) = model.invoke("two").tool_calls
    assert (call["name"], call["args"]) == ("look_up", {"word": "tea"})
    assert model.invoke("three").id == "x"
    assert [r.messages[0].content for r in model.requests] == ["one", "two", "three"]
    with pytest.raises(ScriptEnded, match="Call 4, but the script has 3 replies"):
        model.invoke("four")


def test_a_function_answers_by_what_it_is_sent():
    model = ScriptedModel(lambda request: f"{request.messages[-1].content}!")
    assert [m.content for m in model.batch(["a", "b"])] == ["a!", "b!"]


def test_bound_tools_and_the_choice_are_recorded():
    model = ScriptedModel(["ok"])
    model.bind_tools([look_up, Answer], tool_choice="any").invoke("x")
    (request,) = model.requests
    assert request.tool_names == ["look_up", "Answer"]
    assert request.tool_choice == "any"
    assert "Look a word up." in request.text
    with pytest.raises(NotImplementedError):
        ScriptedModel(takes_tools=False).bind_tools([look_up])


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_structured_output(how):
    model = ScriptedModel([[("Answer", {"text": "tea", "sure": False})]])
    structured = model.with_structured_output(Answer)
    answer = structured.invoke("x") if how == "sync" else await structured.ainvoke("x")
    assert answer == Answer(text="tea", sure=False)


def joined(chunks):
    whole = AIMessageChunk(content="")
    for chunk in chunks:
        whole += chunk
    return whole


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_streaming_gives_the_same_message_in_pieces(how):
    calls = [("look_up", {"word": "green tea"}), ("look_up", {"word": "日本"})]
    model = ScriptedModel(["some words in a row", calls])
    for _ in range(2):
        if how == "stream":
            chunks = list(model.stream("x"))
        else:
            chunks = [chunk async for chunk in model.astream("x")]
        assert len(chunks) > 3
        whole = joined(chunks)
        if whole.content:
            assert whole.content == "some words in a row"
        else:
            assert [(c["name"], c["args"]) for c in whole.tool_calls] == calls
        assert whole.usage_metadata["output_tokens"] > 0


def test_usage_is_counted_roughly_or_as_the_script_says():
    told = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    model = ScriptedModel(["a", AIMessage("b", usage_metadata=told)])
    short = model.invoke("x" * 400).usage_metadata
    assert short["total_tokens"] == short["input_tokens"] + short["output_tokens"] > 100
    assert model.invoke("x").usage_metadata == told


@pytest.mark.parametrize("how", ["sync", "async", "stream"])
async def test_errors_are_raised_on_demand_and_the_script_goes_on(how):
    model = ScriptedModel([ValueError("no"), "yes"])

    async def call():
        if how == "async":
            return await model.ainvoke("x")
        return model.invoke("x") if how == "sync" else list(model.stream("x"))

    with pytest.raises(ValueError, match="no"):
        await call()
    assert model.invoke("x").content == "yes"


def test_threads_may_share_a_model():
    model = ScriptedModel([str(n) for n in range(200)])
    heard = []

    def work():
        for _ in range(20):
            heard.append(model.invoke([HumanMessage("x")]).content)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, heard)) == list(range(200))
    assert len(model.requests) == 200
