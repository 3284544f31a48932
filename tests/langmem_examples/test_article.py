"""000, the article: a manager, a store manager, and the hot path built on it."""

import pytest
from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint
from pydantic import BaseModel, Field, conint

from holdfast import RemoveDoc, create_memory_manager, create_memory_store_manager

INSTRUCTIONS = "Write down every drink in detail. One whose score drops to 0 is removed (RemoveDoc)"


class DrinkPreference(BaseModel):
    """What somebody thinks of a drink."""

    drink_name: str = Field(..., description="Name of the drink")
    origin: str | None = Field(None, description="Where it comes from (e.g., Japan, Peru)")
    preference: conint(ge=0, le=100) | None = Field(None, description="A score from 0 to 100")
    description: str | None = Field(None, description="Whatever else was said about it")


FIRST = [
    {"role": "user", "content": "Nothing beats matcha!"},
    {"role": "user", "content": "Chicha is good, too"},
]
SECOND = [
    {"role": "user", "content": "Make that iced matcha"},
    {"role": "user", "content": "I cannot stand chicha any more"},
]
MATCHA = {
    "drink_name": "Matcha",
    "origin": "Japan",
    "preference": 98,
    "description": "nothing beats it",
}
CHICHA = {"drink_name": "Chicha", "origin": "Peru", "preference": 75, "description": "good"}
ICED = {"op": "replace", "path": "/description", "value": "best when iced"}


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_manager_adds_then_updates_and_deletes(provider, how):
    """000, blocks 1 and 2; the text names `ainvoke` as the other way."""
    provider.will_say(
        [("DrinkPreference", MATCHA), ("DrinkPreference", CHICHA)],
        [("PatchDoc", {"json_doc_id": "m1", **ICED}), ("RemoveDoc", {"json_doc_id": "m2"})],
    )
    manager = create_memory_manager(
        "openai:gpt-4o-2024-11-20",
        schemas=[DrinkPreference],
        instructions=INSTRUCTIONS,
        enable_inserts=True,
        enable_updates=True,
        enable_deletes=True,
    )

    async def run(given):
        return manager.invoke(given) if how == "invoke" else await manager.ainvoke(given)

    memories = await run({"messages": FIRST})
    assert [m.content for m in memories] == [DrinkPreference(**MATCHA), DrinkPreference(**CHICHA)]
    assert len(memories.receipt.inserted) == 2
    matcha, chicha = [m.id for m in memories]

    memories = await run({"messages": SECOND, "existing": memories})
    changed = {**MATCHA, "description": "best when iced"}
    assert [(m.id, m.content) for m in memories] == [
        (matcha, DrinkPreference(**changed)),
        (chicha, RemoveDoc(json_doc_id=chicha)),
    ]
    assert [c.key for c in memories.receipt.updated] == [matcha]
    assert [c.key for c in memories.receipt.deleted] == [chicha]

    first, second = provider.requests
    assert first.tool_names == ["DrinkPreference"]
    assert second.tool_names == ["DrinkPreference", "PatchDoc", "RemoveDoc"]
    assert INSTRUCTIONS in first.messages[0].content
    assert "Nothing beats matcha!" in provider.prompts[0]
    assert "Chicha is good, too" in provider.prompts[0]
    assert "nothing beats it" in provider.prompts[1]
    assert provider.models == ["gpt-4o-2024-11-20"] * 2


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_store_manager_keeps_updates_and_removes(provider, store, how):
    """000, blocks 3 and 4: the store comes from the entrypoint, the user from the config."""

    def change(request):
        matcha, chicha = (provider.id_of(words, request) for words in ("Matcha", "Chicha"))
        return [
            ("PatchDoc", {"json_doc_id": matcha, **ICED}),
            ("RemoveDoc", {"json_doc_id": chicha}),
        ]

    provider.will_say([("DrinkPreference", MATCHA), ("DrinkPreference", CHICHA)], change)
    manager = create_memory_store_manager(
        "openai:gpt-4o-2024-11-20",
        namespace=("chat", "{user_id}"),
        schemas=[DrinkPreference],
        instructions=INSTRUCTIONS,
        enable_inserts=True,
        enable_deletes=True,
    )
    receipts = []

    @entrypoint(store=store)
    def app(params: dict):
        config = {"configurable": {"user_id": params["user_id"]}}
        done = manager.invoke({"messages": params["messages"]}, config=config)
        receipts.append(done.receipt)

    @entrypoint(store=store)
    async def async_app(params: dict):
        config = {"configurable": {"user_id": params["user_id"]}}
        done = await manager.ainvoke({"messages": params["messages"]}, config=config)
        receipts.append(done.receipt)

    async def run(given):
        return app.invoke(given) if how == "invoke" else await async_app.ainvoke(given)

    await run({"messages": FIRST, "user_id": "PE0042"})
    memories = {
        item.value["content"]["drink_name"]: item for item in store.search(("chat", "PE0042"))
    }
    assert {name: item.value for name, item in memories.items()} == {
        "Matcha": {"kind": "DrinkPreference", "content": MATCHA},
        "Chicha": {"kind": "DrinkPreference", "content": CHICHA},
    }
    assert receipts[0].namespace == ("chat", "PE0042")
    assert {change.key for change in receipts[0].inserted} == {m.key for m in memories.values()}

    await run({"messages": SECOND, "user_id": "PE0042"})
    (left,) = store.search(("chat", "PE0042"))
    assert left.key == memories["Matcha"].key
    assert left.value["content"] == {**MATCHA, "description": "best when iced"}
    assert [change.key for change in receipts[1].deleted] == [memories["Chicha"].key]
    assert provider.requests[1].tool_names == ["DrinkPreference", "PatchDoc", "RemoveDoc"]
    assert store.list_namespaces() == [("chat", "PE0042")]


def test_the_hot_path_answers_from_what_it_remembers(provider, store):
    """000, blocks 5 and 6: the second turn carries no history, only memories."""
    sencha = {"drink_name": "Roasted sencha", "preference": 90, "description": "loves it"}
    provider.will_say(
        "Noted, a fine choice.",
        [("DrinkPreference", sencha)],
        "How about the roasted sencha you love?",
        [],
    )
    # Corrected: claude-3-7-sonnet-latest is retired, and Anthropic's client warns of it.
    manager = create_memory_store_manager(
        "anthropic:claude-sonnet-4-6",
        namespace=("chat", "{user_id}"),
        schemas=[DrinkPreference],
        instructions="Write down every drink in detail",
        enable_inserts=True,
        enable_deletes=False,
    )
    llm = init_chat_model("anthropic:claude-sonnet-4-6")

    @entrypoint(store=store)
    def app(params: dict):
        messages = params["messages"]
        user_id = params["user_id"]
        memories = store.search(("chat", user_id))
        system_msg = f"""You help people choose a drink.

<known-drinks>
{memories}
</known-drinks>
"""
        response = llm.invoke([{"role": "system", "content": system_msg}, *messages])
        config = {"configurable": {"user_id": user_id}}
        manager.invoke({"messages": [*messages, response]}, config=config)
        return response.content

    said = [{"role": "user", "content": "Roasted sencha is my favourite!!"}]
    assert app.invoke({"messages": said, "user_id": "PE0042"}) == "Noted, a fine choice."
    assert "Roasted sencha" not in provider.prompts[0].split("</known-drinks>")[0]
    # The manager reads both sides of the conversation.
    assert "Roasted sencha is my favourite!!" in provider.prompts[1]
    assert "Noted, a fine choice." in provider.prompts[1]

    asked = [{"role": "user", "content": "What shall I drink this afternoon?"}]
    message = app.invoke({"messages": asked, "user_id": "PE0042"})
    assert message == "How about the roasted sencha you love?"
    system, *rest = provider.requests[2].messages
    assert "Roasted sencha" in system.content
    assert [m.content for m in rest] == ["What shall I drink this afternoon?"]

    (memory,) = store.search(("chat", "PE0042"))
    kept = {"origin": None, **sencha}
    assert memory.value == {"kind": "DrinkPreference", "content": kept}
    assert "RemoveDoc" not in provider.requests[3].tool_names
    assert store.search(("chat", "XX0001")) == []
