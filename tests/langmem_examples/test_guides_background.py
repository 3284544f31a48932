"""Guides "background quickstart" and "delayed processing": memories formed behind a chat."""

import pytest
from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint

from holdfast import create_memory_store_manager

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


def test_delayed_processing_without_its_executor(provider, store, memory_manager):
    """delayed_processing, block 1: the store manager's part, run at once and not later."""
    llm = init_chat_model(MODEL)  # Corrected: the guide uses llm without defining it.

    @entrypoint(store=store)
    def chat(message: str):
        response = llm.invoke(message)
        to_process = {"messages": [{"role": "user", "content": message}, response]}
        return {"said": response.content, "remembered": memory_manager.invoke(to_process)}

    provider.will_say("Hay and hedges, then?", [("Memory", {"content": FACTS[0]})])
    done = chat.invoke("I'm fond of goats.")
    assert done["said"] == "Hay and hedges, then?"
    (item,) = store.search(("memories",))
    assert done["remembered"] == [
        {"namespace": ("memories",), "key": item.key, "value": item.value}
    ]
    assert "I'm fond of goats." in provider.prompts[1]
    assert "Hay and hedges, then?" in provider.prompts[1]
