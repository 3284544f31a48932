"""The examples that LangMem's reference gives for the thread extractor and the searcher."""

import pytest
from langgraph.func import entrypoint
from pydantic import BaseModel

from holdfast import create_memory_searcher, create_thread_extractor

MESSAGES = [
    {"role": "user", "content": "Hello, my parcel has not arrived"},
    {"role": "assistant", "content": "Sorry to hear that. Which number does it have?"},
    {"role": "user", "content": "RX-77, sent on Monday"},
]


class Complaint(BaseModel):
    """What a customer is unhappy about."""

    parcel: str
    urgent: bool = False


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_thread_is_summarized(provider, how):
    """create_thread_extractor, the reference's example: title and summary by default."""
    provider.will_say({"title": "Missing parcel", "summary": "RX-77 has not arrived."})
    summarizer = create_thread_extractor("gpt-4")
    given = {"messages": MESSAGES}
    summary = summarizer.invoke(given) if how == "invoke" else await summarizer.ainvoke(given)
    assert summary.title == "Missing parcel"
    assert summary.summary == "RX-77 has not arrived."
    for message in MESSAGES:
        assert message["content"] in provider.prompts[0]


def test_a_thread_is_read_into_a_schema(provider):
    """create_thread_extractor, its other two parameters."""
    provider.will_say([("Complaint", {"parcel": "RX-77"})])
    extractor = create_thread_extractor(
        "anthropic:claude-3-5-sonnet-latest", schema=Complaint, instructions="Find the complaint."
    )
    assert extractor.invoke({"messages": MESSAGES}) == Complaint(parcel="RX-77")
    assert "Find the complaint." in provider.requests[0].messages[0].content
    assert provider.requests[0].tool_names == ["Complaint"]


async def test_a_searcher_in_an_entrypoint(provider, store):
    """create_memory_searcher, the reference's example."""
    user_id = "efgh5678"
    store.put(("memories", user_id), key="drinks", value={"content": "I drink oat milk"})
    store.put(("memories", "other"), key="drinks", value={"content": "I drink buttermilk"})
    searcher = create_memory_searcher(
        "openai:gpt-4o-mini", namespace=("memories", "{langgraph_user_id}")
    )

    @entrypoint(store=store)
    async def search_memories(messages: list):
        return await searcher.ainvoke({"messages": messages})

    provider.will_say([("search_memory", {"query": "which milk the user drinks"})])
    results = await search_memories.ainvoke(
        [{"role": "user", "content": "What goes into my coffee?"}],
        config={"configurable": {"langgraph_user_id": user_id}},
    )
    assert [item.value["content"] for item in results] == ["I drink oat milk"]
    assert results[0].key == "drinks"
    assert "which milk the user drinks" in provider.embedded
