"""001, the conceptual guide: collection, profile, episode, namespace, flexible retrieval."""

from pydantic import BaseModel, Field

from holdfast import (
    Memory,
    NamespaceTemplate,
    create_manage_memory_tool,
    create_memory_manager,
    create_memory_store_manager,
    create_search_memory_tool,
)

MODEL = "anthropic:claude-3-5-sonnet-latest"


def test_a_collection_of_semantic_memories(provider):
    """001, blocks 1 and 2."""
    texts = [
        "[IMPORTANT] Hanne restores church organs at Orgelbau Winther",
        "[BACKGROUND] Hanne mostly works on bellows and reed pipes",
    ]
    provider.will_say(
        [
            ("Memory", {"content": texts[0], "importance": 5}),
            ("Memory", {"content": texts[1], "importance": 2}),
        ]
    )
    manager = create_memory_manager(
        MODEL,
        instructions="Keep every fact, event and relationship, and say how important it is.",
        enable_inserts=True,
    )
    conversation = [
        {"role": "user", "content": "I restore church organs at Orgelbau Winther"},
        {"role": "assistant", "content": "Noted. Which parts do you work on?"},
        {"role": "user", "content": "Bellows and reed pipes, mostly"},
    ]
    memories = manager.invoke({"messages": conversation})
    assert [memory.content for memory in memories] == [Memory(content=text) for text in texts]
    assert len({memory.id for memory in memories}) == 2
    assert [change.importance for change in memories.receipt.inserted] == [5, 2]
    (sent,) = provider.requests
    assert sent.tool_names == ["Memory"]
    assert "say how important it is" in sent.messages[0].content
    for message in conversation:
        assert message["content"] in provider.prompts[0]


class UserProfile(BaseModel):
    """Keep how somebody wants to be treated."""

    name: str
    preferred_name: str
    response_style_preference: str
    special_skills: list[str]
    other_preferences: list[str]


def test_a_profile_of_a_user(provider):
    """001, blocks 3 and 4: one document, though the model asks for a second one."""
    given = {
        "name": "Oluwaseun",
        "preferred_name": "Seun",
        "response_style_preference": "short, with a proverb now and then",
        "special_skills": ["beekeeping", "fencing"],
        "other_preferences": ["no small talk"],
    }
    second = {**given, "name": "Somebody else"}
    provider.will_say([("UserProfile", given), ("UserProfile", second)], [])
    manager = create_memory_manager(
        MODEL,
        schemas=[UserProfile],
        instructions="Take down settings and preferences of the user",
        enable_inserts=False,
    )
    conversation = [
        {"role": "user", "content": "I'm Oluwaseun, but Seun will do. I keep bees 🐝"},
        {"role": "assistant", "content": "Hello, Seun! How shall I talk to you?"},
        {"role": "user", "content": "Briefly, and a proverb is welcome ✨ I also fence!"},
    ]
    memories = manager.invoke({"messages": conversation})
    profile = memories[0]
    assert profile.content == UserProfile(**given)
    assert len(memories) == 1
    assert [change.kind for change in memories.receipt.rejected] == ["UserProfile"]
    assert "🐝" in provider.prompts[0]
    assert set(provider.requests[0].tools[0]["function"]["parameters"]["required"]) == set(given)


class Episode(BaseModel):
    """A situation that was handled well, with the reasoning behind it."""

    observation: str = Field(..., description="What the situation was")
    thoughts: str = Field(..., description="What was weighed")
    action: str = Field(..., description="What was done")
    result: str = Field(..., description="What came of it, and why")


def test_an_episode(provider):
    """001, blocks 5 and 6."""
    seen = {
        "observation": "A choir singer asked what a hash table is",
        "thoughts": "A cloakroom with numbered hooks is close at hand",
        "action": "Explained keys as coats and the hash as the number of the hook",
        "result": "The singer asked about two coats on one hook, which is a collision",
    }
    provider.will_say([("Episode", seen)])
    manager = create_memory_manager(
        MODEL,
        schemas=[Episode],
        instructions="Keep examples of exchanges that worked, and why they did.",
        enable_inserts=True,
    )
    conversation = [
        {"role": "user", "content": "What's a hash table? I look after a cloakroom"},
        {"role": "assistant", "content": "Each coat gets a hook:\n  12 -> scarf\n  7 -> hat"},
        {"role": "user", "content": "So two coats on one hook would be trouble?"},
    ]
    episodes = manager.invoke({"messages": conversation})
    assert [episode.content for episode in episodes] == [Episode(**seen)]
    parameters = provider.requests[0].tools[0]["function"]["parameters"]
    assert parameters["properties"]["thoughts"]["description"] == "What was weighed"
    assert "12 -> scarf" in provider.prompts[0].replace("&gt;", ">")


def test_namespaces_by_organization_user_and_context(provider, store):
    """001, block 9; the same namespace stands in 004, block 3."""
    namespace = ("beta_works", "{user_id}", "recipe_assistant")
    assert NamespaceTemplate(namespace)({"configurable": {"user_id": "u1"}}) == (
        "beta_works",
        "u1",
        "recipe_assistant",
    )
    provider.will_say([("Memory", {"content": "Dev cooks on an induction hob"})])
    manager = create_memory_store_manager(MODEL, namespace=namespace, store=store)
    tool = create_manage_memory_tool(namespace=namespace, store=store)
    said = [{"role": "user", "content": "I only have an induction hob"}]
    manager.invoke({"messages": said}, config={"configurable": {"user_id": "u1"}})
    tool.invoke({"content": "Eva has a gas hob"}, config={"configurable": {"user_id": "u2"}})
    assert store.list_namespaces(prefix=("beta_works",)) == [
        ("beta_works", "u1", "recipe_assistant"),
        ("beta_works", "u2", "recipe_assistant"),
    ]


def test_memories_are_found_by_key_by_meaning_and_by_filter(provider, store):
    """001, the list of ways to retrieve (after block 9); 004 names the same three."""
    manage = create_manage_memory_tool(namespace=("notes",), store=store)
    answer = manage.invoke({"content": "The ferry to Texel leaves at nine"})
    manage.invoke({"content": "Bread rises best near the stove"})
    key = answer.split()[-1]

    assert store.get(("notes",), key).value["content"] == "The ferry to Texel leaves at nine"
    best, other = store.search(("notes",), query="when does the ferry leave")
    assert best.key == key
    assert best.score > other.score
    filtered = store.search(("notes",), filter={"content": "Bread rises best near the stove"})
    assert [item.key for item in filtered] == [other.key]

    search = create_search_memory_tool(
        namespace=("notes",), store=store, response_format="content_and_artifact"
    )
    call = {"id": "1", "type": "tool_call", "name": "search_memory", "args": {"query": "ferry"}}
    assert search.invoke(call).artifact[0].key == key
