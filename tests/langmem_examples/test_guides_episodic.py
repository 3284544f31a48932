"""Guide "extract episodic memories": what worked is kept, and shown the next time."""

from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint
from pydantic import BaseModel, Field

from holdfast import create_memory_manager, create_memory_store_manager

MODEL = "anthropic:claude-3-5-sonnet-latest"


class Episode(BaseModel):
    """Told by the agent that was in it, with what it knows by now."""

    observation: str = Field(..., description="What was going on")
    thoughts: str = Field(..., description='What I thought on the way. "I ..."')
    action: str = Field(..., description="What I did, and in which form")
    result: str = Field(..., description="How it went, and what to do better")


SEEN = {
    "observation": "A gardener asked what recursion is",
    "thoughts": "I saw that branching would be familiar to a gardener",
    "action": "I described a tree whose every branch is a smaller tree",
    "result": "It clicked at once; a picture from daily work helps",
}
QUESTION = {"role": "user", "content": "What is recursion? I prune trees for a living"}


def test_episodes_without_storage(provider):
    """extract_episodic_memories, blocks 1 and 2."""
    provider.will_say([("Episode", SEEN)])
    manager = create_memory_manager(
        MODEL,
        schemas=[Episode],
        instructions="Keep explanations that worked, with the whole chain of thought.",
        enable_inserts=True,
    )
    conversation = [
        QUESTION,
        {"role": "assistant", "content": "Like a branch:\n  a tree\n   \\_ a smaller tree"},
        {"role": "user", "content": "Ah! And a bud is where it ends?"},
    ]
    episodes = manager.invoke({"messages": conversation})
    assert episodes[0].content == Episode(**SEEN)
    assert [change.key for change in episodes.receipt.inserted] == [episodes[0].id]
    (tool,) = provider.requests[0].tools
    assert "Told by the agent that was in it" in tool["function"]["description"]
    assert "And a bud is where it ends?" in provider.prompts[0]


def test_episodes_with_storage(provider, store):
    """extract_episodic_memories, block 3: the second question is answered from the first."""
    manager = create_memory_store_manager(
        MODEL,
        namespace=("memories", "episodes"),
        schemas=[Episode],
        instructions="Keep exceptional examples of solving a problem, and why they worked.",
        enable_inserts=True,
    )
    llm = init_chat_model(MODEL)

    @entrypoint(store=store)
    def app(messages: list):
        similar = store.search(("memories", "episodes"), query=messages[-1]["content"], limit=1)
        system_message = "You explain things."
        for number, item in enumerate(similar, start=1):
            episode = item.value["content"]
            system_message += f"""

Earlier ({number}):
Seen: {episode["observation"]}
Thought: {episode["thoughts"]}
Did: {episode["action"]}
Came of it: {episode["result"]}"""
        response = llm.invoke([{"role": "system", "content": system_message}, *messages])
        manager.invoke({"messages": messages})
        return response

    provider.will_say("Each branch is a smaller tree.", [("Episode", SEEN)])
    assert app.invoke([QUESTION]).text == "Each branch is a smaller tree."
    (item,) = store.search(("memories", "episodes"), query="recursion and trees")
    assert item.value == {"kind": "Episode", "content": SEEN}
    assert item.score > 0
    assert any(SEEN["result"] in text for text in provider.embedded)

    other = {**SEEN, "observation": "A tram driver asked what a queue is"}
    store.put(("memories", "episodes"), "queue", {"kind": "Episode", "content": other})
    provider.will_say("Think of a branch again.", [])
    asked = [{"role": "user", "content": "What is recursion, once more? I am a gardener"}]
    assert app.invoke(asked).text == "Think of a branch again."
    system = provider.requests[2].messages[0].content
    for words in SEEN.values():
        assert words in system
    assert "tram driver" not in system
