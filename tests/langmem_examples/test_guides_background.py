"""Guides "background quickstart" and "delayed processing": memories formed behind a chat."""

import pytest
from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint

from holdfast import ReflectionExecutor, create_memory_store_manager

MODEL = "anthropic:claude-3-5-sonnet-latest"
FACTS = ["User is fond of goats", "User has a goat named Bramble"]


@pytest.fixture
def memory_manager(provider):
    return create_memory_store_manager(MODEL, namespace=("memories",))


async def test_background_quickstart(provider, store, memory_manager):
    """background_quickstart, blocks 1 and 2."""
    llm = init_chat_model(MODEL)
    receipts = []

    @entrypoint(store=store)
    async def chat(message: str):
        response = llm.invoke(message)
        to_process = {"messages": [{"role": "user", "content": message}, response]}
        receipts.append((await memory_manager.ainvoke(to_process)).receipt)
        return response.content

    provider.will_say("What does Bramble eat?", [("Memory", {"content": fact}) for fact in FACTS])
    response = await chat.ainvoke("I'm fond of goats. Mine is called Bramble.")
    assert response == "What does Bramble eat?"
    items = store.search(("memories",))
    assert sorted(item.value["content"]["content"] for item in items) == sorted(FACTS)
    assert {item.value["kind"] for item in items} == {"Memory"}
    assert {item.namespace for item in items} == {("memories",)}
    assert {change.key for change in receipts[0].inserted} == {item.key for item in items}

    # A second turn: what is known is shown to the manager, and corrected there.
    def renamed(request):
        id = provider.id_of("Bramble", request)
        new = "User has a goat named Nettle"
        return [
            ("PatchDoc", {"json_doc_id": id, "op": "replace", "path": "/content", "value": new})
        ]

    provider.will_say("Sorry, Nettle it is.", renamed)
    await chat.ainvoke("I misspoke, her name is Nettle.")
    kept = {item.value["content"]["content"] for item in store.search(("memories",))}
    assert kept == {FACTS[0], "User has a goat named Nettle"}
    assert [change.before["content"] for change in receipts[1].updated] == [FACTS[1]]
    assert len(provider.requests) == 4


def test_delayed_processing(provider, store, memory_manager):
    """delayed_processing, block 1: one executor beside the graph, which has the store."""
    llm = init_chat_model(MODEL)  # Corrected: the guide uses llm without defining it.
    executor = ReflectionExecutor(memory_manager)

    @entrypoint(store=store)
    def chat(message: str):
        response = llm.invoke(message)
        to_process = {"messages": [{"role": "user", "content": message}, response]}
        delay = 0.5
        executor.submit(to_process, after_seconds=delay)
        return response.content

    told = {"configurable": {"thread_id": "goats"}}
    provider.will_say("Hay and hedges, then?", "Bramble is a fine name.")
    assert chat.invoke("I'm fond of goats.", told) == "Hay and hedges, then?"
    # It goes on talking before the delay is over: there is one reflection, over both turns.
    chat.invoke("Mine is called Bramble.", told)
    provider.will_say([("Memory", {"content": fact}) for fact in FACTS])
    executor.shutdown(wait=True)
    found = store.search(("memories",))
    assert sorted(item.value["content"]["content"] for item in found) == sorted(FACTS)
    assert len(provider.prompts) == 3
    for said in ("I'm fond of goats.", "Hay and hedges", "Mine is called Bramble.", "a fine name"):
        assert said in provider.prompts[2]


def test_delayed_processing_with_the_store_given(provider, store, memory_manager):
    """delayed_processing, block 1, with the executor's own store, and a future to wait for."""
    provider.will_say([("Memory", {"content": FACTS[0]})])
    with ReflectionExecutor(memory_manager, store=store) as executor:
        future = executor.submit(
            {"messages": [{"role": "user", "content": "I'm fond of goats."}]},
            config={"configurable": {"thread_id": "goats"}},
            after_seconds=0.1,
        )
        receipt = future.result(timeout=10)
        (found,) = executor.search(query="goats")
    assert [change.key for change in receipt.inserted] == [found["key"]]
    assert found["namespace"] == ("memories",)
    assert found["value"]["content"] == {"content": FACTS[0]}
