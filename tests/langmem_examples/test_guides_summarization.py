"""Guide "summarization": a chatbot with the function, one with the node, an agent with tools.

All blocks count tokens by `model.get_num_tokens_from_messages`, for which OpenAI's client downloads
a table; here our own counting stands in for it.
"""

from typing import Any, TypedDict

import pytest
from langchain_core.messages import AnyMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from holdfast.short_term import (
    RunningSummary,
    SummarizationNode,
    asummarize_messages,
    count_tokens,
    summarize_messages,
)

CONFIG = {"configurable": {"thread_id": "1"}}
ASKED = (
    "hello, I am Ines and I keep bees",
    "tell me of the waggle dance",
    "now of the queen, please",
    "what do I keep?",
)
LONG = "The dance tells direction and distance of a field in bloom. " * 12
QUEEN = "She is fed royal jelly, and nothing else, for all of her life. " * 3
SUMMARY = "Ines keeps bees; she asked about the waggle dance and the queen."


@pytest.fixture
def models(provider):
    """The model of the app, and the one that summarises, as the guide makes them."""
    model = ChatOpenAI(model="gpt-4o")
    return model, model.bind(max_tokens=128)


def check(provider, calls):
    """The summary was made once, and it is what the model saw of the first turns."""
    assert len(provider.requests) == calls
    summarizing = [prompt for prompt in provider.prompts if "Answer with the summary" in prompt]
    assert len(summarizing) == 1
    assert "I am Ines" in summarizing[0]
    last = provider.prompts[-1]
    assert SUMMARY in last
    assert "I am Ines" not in last
    assert "what do I keep?" in last


class SummaryState(MessagesState):
    summary: RunningSummary | None


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_function_in_a_chatbot(provider, models, how):
    """summarization, block 1."""
    model, summarization_model = models
    settings = {
        "model": summarization_model,
        "max_tokens": 256,
        "max_tokens_before_summary": 256,
        "max_summary_tokens": 128,
    }

    def call_model(state: SummaryState):
        running = state.get("summary")
        result = summarize_messages(state["messages"], running_summary=running, **settings)
        assert count_tokens(result.messages) <= 256
        update = {"messages": [model.invoke(result.messages)]}
        return {**update, "summary": result.running_summary} if result.running_summary else update

    async def acall_model(state: SummaryState):
        running = state.get("summary")
        result = await asummarize_messages(state["messages"], running_summary=running, **settings)
        update = {"messages": [await model.ainvoke(result.messages)]}
        return {**update, "summary": result.running_summary} if result.running_summary else update

    builder = StateGraph(SummaryState)
    builder.add_node("call_model", call_model if how == "sync" else acall_model)
    builder.add_edge(START, "call_model")
    graph = builder.compile(checkpointer=InMemorySaver())
    provider.will_say("Hello Ines!", LONG, QUEEN, SUMMARY, "Bees.")
    for text in ASKED:
        if how == "sync":
            state = graph.invoke({"messages": text}, CONFIG)
        else:
            state = await graph.ainvoke({"messages": text}, CONFIG)
    assert state["summary"].summary == SUMMARY
    assert len(state["messages"]) == 8
    check(provider, calls=5)
    assert provider.server.requests[-2].body["max_completion_tokens"] == 128


class State(MessagesState):
    context: dict[str, Any]


class LLMInputState(TypedDict):
    summarized_messages: list[AnyMessage]
    context: dict[str, Any]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_node_in_a_chatbot(provider, models, how):
    """summarization, block 2."""
    model, summarization_model = models
    summarization_node = SummarizationNode(
        model=summarization_model,
        max_tokens=256,
        max_tokens_before_summary=256,
        max_summary_tokens=128,
    )

    def call_model(state: LLMInputState):
        return {"messages": [model.invoke(state["summarized_messages"])]}

    builder = StateGraph(State)
    builder.add_node(call_model)
    builder.add_node("summarize", summarization_node)
    builder.add_edge(START, "summarize")
    builder.add_edge("summarize", "call_model")
    graph = builder.compile(checkpointer=InMemorySaver())
    provider.will_say("Hello Ines!", LONG, QUEEN, SUMMARY, "Bees.")
    for text in ASKED:
        if how == "sync":
            state = graph.invoke({"messages": text}, CONFIG)
        else:
            state = await graph.ainvoke({"messages": text}, CONFIG)
    assert state["context"]["running_summary"].summary == SUMMARY
    assert len(state["messages"]) == 8
    check(provider, calls=5)


def search(query: str):
    """Search the library."""
    if "dance" in query.lower():
        return LONG * 3
    return "Nothing was found."


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_node_in_an_agent_with_tools(provider, models, how):
    """summarization, block 3: tools lead back to the node; `raise "..."` is no error there is."""
    model, summarization_model = models
    summarization_node = SummarizationNode(
        model=summarization_model,
        max_tokens=256,
        max_tokens_before_summary=1024,
        max_summary_tokens=128,
    )

    def call_model(state: LLMInputState):
        return {"messages": [model.bind_tools([search]).invoke(state["summarized_messages"])]}

    def should_continue(state: MessagesState):
        return "tools" if state["messages"][-1].tool_calls else END

    builder = StateGraph(State)
    builder.add_node("summarize_node", summarization_node)
    builder.add_node("call_model", call_model)
    builder.add_node("tools", ToolNode([search]))
    builder.set_entry_point("summarize_node")
    builder.add_edge("summarize_node", "call_model")
    builder.add_conditional_edges("call_model", should_continue, path_map=["tools", END])
    builder.add_edge("tools", "summarize_node")
    graph = builder.compile(checkpointer=InMemorySaver())
    look = [("search", {"query": "waggle dance"})]
    provider.will_say("Hello Ines!", look, "A dance.", look, SUMMARY, "To the food.", "Bees.")
    for text in (*ASKED[:2], "search once more", "what do I keep?"):
        if how == "sync":
            state = graph.invoke({"messages": text}, CONFIG)
        else:
            state = await graph.ainvoke({"messages": text}, CONFIG)
    assert state["context"]["running_summary"].summary == SUMMARY
    # The summary was refreshed within the loop, before what the second search found was answered.
    told = [prompt for prompt in provider.prompts if SUMMARY in prompt]
    assert "search once more" in told[0]
    check(provider, calls=7)
