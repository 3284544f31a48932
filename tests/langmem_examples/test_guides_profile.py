"""Guide "manage user profiles": one document, brought up to date in place."""

import pytest
from langchain.chat_models import init_chat_model
from langgraph.config import get_config
from langgraph.func import entrypoint
from pydantic import BaseModel

from holdfast import create_memory_manager, create_memory_store_manager

MODEL = "anthropic:claude-3-5-sonnet-latest"


class UserProfile(BaseModel):
    """All that is known of a user."""

    name: str | None = None
    language: str | None = None
    timezone: str | None = None


JSON_PROFILE = {
    "title": "UserProfile",
    "description": "All that is known of a user.",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "language": {"type": "string"},
        "timezone": {"type": "string"},
    },
}


def edit(field, value):
    return [
        ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": f"/{field}", "value": value})
    ]


@pytest.mark.parametrize("schema", [UserProfile, JSON_PROFILE], ids=["pydantic", "json"])
def test_a_profile_is_updated_in_place(provider, schema):
    """manage_user_profile, block 1; its note names JSON schemas as the other way."""
    manager = create_memory_manager(
        MODEL,
        schemas=[schema],
        instructions="Take down who the user is",
        enable_inserts=False,
    )
    known = {"name": "Tariq", "timezone": "Africa/Tunis"}
    spoken = [
        ("PatchDoc", {"json_doc_id": "m1", "op": "add", "path": "/language", "value": "French"})
    ]
    provider.will_say([("UserProfile", known)], spoken)

    def fields(memory):
        content = memory.content
        return content if schema is JSON_PROFILE else content.model_dump(exclude_none=True)

    conversation1 = [{"role": "user", "content": "I'm Tariq from Sousse"}]
    memories = manager.invoke({"messages": conversation1})
    assert len(memories) == 1
    assert fields(memories[0]) == known

    conversation2 = [{"role": "user", "content": "French works as well!"}]
    update = manager.invoke({"messages": conversation2, "existing": memories})
    assert len(update) == 1
    assert update[0].id == memories[0].id
    assert fields(update[0]) == {**known, "language": "French"}
    assert update.receipt.updated[0].key == memories[0].id
    assert [sent.tool_names for sent in provider.requests] == [["UserProfile"], ["PatchDoc"]]


async def test_a_profile_across_conversations(provider, store):
    """manage_user_profile, block 2, for two users (block 3 shows namespaces, no call)."""
    my_llm = init_chat_model(MODEL)
    manager = create_memory_store_manager(
        MODEL,
        namespace=("users", "{user_id}", "profile"),
        schemas=[UserProfile],
        enable_inserts=False,
    )

    @entrypoint(store=store)
    def chat(messages: list):
        configurable = get_config()["configurable"]
        results = store.search(("users", configurable["user_id"], "profile"))
        # Corrected: with None, as printed, a new user's prompt ends in the word "None".
        profile = ""
        if results:
            profile = f"""

<profile>
{results[0].value}
</profile>
"""
        system = {"role": "system", "content": f"You help somebody.{profile}"}
        response = my_llm.invoke([system, *messages])
        manager.invoke({"messages": messages})
        return response

    async def say(text, user):
        given = [{"role": "user", "content": text}]
        return await chat.ainvoke(given, config={"configurable": {"user_id": user}})

    provider.will_say("Hello, Tariq!", [("UserProfile", {"name": "Tariq"})])
    assert (await say("I'm Tariq from Sousse", "user-7")).text == "Hello, Tariq!"
    (item,) = store.search(("users", "user-7", "profile"))
    first = {"name": "Tariq", "language": None, "timezone": None}
    assert item.value == {"kind": "UserProfile", "content": first}
    assert provider.requests[0].messages[0].content == "You help somebody."

    provider.will_say("Félicitations !", edit("language", "French (C1)"))
    assert (await say("I passed the DALF C1!", "user-7")).text == "Félicitations !"
    assert "'name': 'Tariq'" in provider.requests[2].messages[0].content
    (updated,) = store.search(("users", "user-7", "profile"))
    assert updated.key == item.key
    assert updated.value["content"] == {**first, "language": "French (C1)"}
    assert provider.requests[3].tool_names == ["PatchDoc"]

    provider.will_say("Hello, Wen!", [("UserProfile", {"name": "Wen"})])
    await say("I'm Wen", "user-8")
    assert "Tariq" not in provider.prompts[4] + provider.prompts[5]
    assert len(store.search(("users",))) == 2
