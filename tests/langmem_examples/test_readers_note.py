"""004, a reader's note: memories formed behind an asynchronous chat."""

from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint

from holdfast import (
    create_manage_memory_tool,
    create_memory_store_manager,
    create_search_memory_tool,
)


async def test_a_store_manager_behind_an_asynchronous_chat(provider, store):
    """004, block 1."""
    provider.will_say("A fine name for a parrot!", [("Memory", {"content": "Has a parrot, Coco"})])
    # Corrected: the note uses entrypoint, store and llm without defining them.
    llm = init_chat_model("anthropic:claude-3-5-sonnet-latest")
    memory_manager = create_memory_store_manager(
        "anthropic:claude-3-5-sonnet-latest", namespace=("memories",)
    )

    @entrypoint(store=store)
    async def chat(message: str):
        response = llm.invoke(message)
        to_process = {"messages": [{"role": "user", "content": message}, response]}
        await memory_manager.ainvoke(to_process)
        return response.content

    assert await chat.ainvoke("I share my flat with a parrot, Coco.") == "A fine name for a parrot!"
    (item,) = store.search(("memories",))
    assert item.value == {"kind": "Memory", "content": {"content": "Has a parrot, Coco"}}
    assert "I share my flat with a parrot, Coco." in provider.prompts[1]
    assert "A fine name for a parrot!" in provider.prompts[1]


def test_the_tools_are_like_any_others(provider):
    """004, block 2: the agent decides when to call them."""
    tools = [
        create_manage_memory_tool(namespace=("memories",)),
        create_search_memory_tool(namespace=("memories",)),
    ]
    provider.will_say([("search_memory", {"query": "pets of the user"})], "Nothing to look up.")
    model = init_chat_model("anthropic:claude-3-5-sonnet-latest").bind_tools(tools)
    (call,) = model.invoke("Which pets do I have?").tool_calls
    assert (call["name"], call["args"]) == ("search_memory", {"query": "pets of the user"})
    assert model.invoke("Hello!").tool_calls == []
    for sent in provider.requests:
        assert sent.tool_names == ["manage_memory", "search_memory"]
        assert sent.tool_choice is None
