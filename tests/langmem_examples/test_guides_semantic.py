"""Guide "extract semantic memories": triples, with and without a store, and by an agent."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import dynamic_prompt
from langchain.chat_models import init_chat_model
from langgraph.func import entrypoint
from pydantic import BaseModel

from holdfast import (
    RemoveDoc,
    create_manage_memory_tool,
    create_memory_manager,
    create_memory_store_manager,
    create_search_memory_tool,
)

MODEL = "anthropic:claude-3-5-sonnet-latest"


class Triple(BaseModel):
    """One new fact, preference or relationship, as a triple."""

    subject: str
    predicate: str
    object: str
    context: str | None = None


def triple(subject, predicate, object):
    return {"subject": subject, "predicate": predicate, "object": object}


LEADS = triple("Mirela", "conducts", "the choir")
TEACHES = triple("Mirela", "teaches", "Anton")
SINGS = triple("Anton", "sings_in", "the choir")
NOW_LEADS = triple("Anton", "conducts", "the choir")
ALSO = triple("Anton", "conducts", "the brass band")
GONE = triple("Mirela", "moved_to", "Cluj")
SAID = [
    "Mirela conducts the choir and teaches Anton, who sings in it, too.",
    "Anton now conducts the choir and the brass band.",
    "Mirela has moved to Cluj.",
]


def said(number):
    return [{"role": "user", "content": SAID[number]}]


def triples(*facts):
    return [("Triple", fact) for fact in facts]


def contents(memories):
    return [m.content.model_dump(exclude_none=True) for m in memories if is_triple(m)]


def is_triple(memory):
    return isinstance(memory.content, Triple)


def test_triples_over_three_conversations(provider):
    """extract_semantic_memories, blocks 1 and 3 to 5 (block 2 shows two dicts, no call)."""
    manager = create_memory_manager(
        MODEL,
        schemas=[Triple],
        instructions="Take down preferences and whatever else may be useful",
        enable_inserts=True,
        enable_deletes=True,
    )

    def replace_leader(request):
        old = provider.id_of(f'"{LEADS["predicate"]}"', request)
        return [("RemoveDoc", {"json_doc_id": old}), *triples(NOW_LEADS, ALSO)]

    def forget_mirela(request):
        return [("RemoveDoc", {"json_doc_id": provider.id_of("Mirela", request)})]

    provider.will_say(triples(LEADS, TEACHES, SINGS), replace_leader, forget_mirela)

    memories = manager.invoke({"messages": said(0)})
    assert contents(memories) == [LEADS, TEACHES, SINGS]
    assert all(memory.content.context is None for memory in memories)
    leads, teaches, sings = [memory.id for memory in memories]

    update = manager.invoke({"messages": said(1), "existing": memories})
    assert {m.id: m.content for m in update if not is_triple(m)} == {
        leads: RemoveDoc(json_doc_id=leads)
    }
    assert sorted(contents(update), key=str) == sorted([NOW_LEADS, ALSO, TEACHES, SINGS], key=str)
    assert {teaches, sings} <= {memory.id for memory in update}
    assert len(update.receipt.inserted) == 2

    existing = [m for m in update if isinstance(m.content, Triple)]
    final = manager.invoke({"messages": said(2), "existing": existing})
    assert [m for m in final if not is_triple(m)] == [(teaches, RemoveDoc(json_doc_id=teaches))]
    assert sorted(contents(final), key=str) == sorted([NOW_LEADS, ALSO, SINGS], key=str)
    # What was removed is not shown to the model again.
    assert '"conducts", "object": "the choir"' in provider.prompts[2]
    assert '"subject": "Mirela", "predicate": "conducts"' not in provider.prompts[2]
    assert provider.requests[0].tool_names == ["Triple"]
    assert provider.requests[2].tool_names == ["Triple", "PatchDoc", "RemoveDoc"]


def test_triples_in_a_store(provider, store):
    """extract_semantic_memories, blocks 6, 10 and 11 (7 and 8 show namespaces, no call)."""
    manager = create_memory_store_manager(
        MODEL,
        namespace=("chat", "{user_id}", "triples"),
        schemas=[Triple],
        instructions="Take down people and events as triples.",
        enable_inserts=True,
        enable_deletes=True,
    )
    my_llm = init_chat_model(MODEL)

    @entrypoint(store=store)
    def app(messages: list):
        system = {"role": "system", "content": "You help a music school."}
        response = my_llm.invoke([system, *messages])
        manager.invoke({"messages": messages})
        return response

    def correct(request):
        id = provider.id_of('"conducts"', request)
        return [("RemoveDoc", {"json_doc_id": id}), *triples(NOW_LEADS, ALSO)]

    def move(request):
        id = provider.id_of("teaches", request)
        return [("RemoveDoc", {"json_doc_id": id}), *triples(GONE)]

    answers = [triples(LEADS, TEACHES, SINGS), correct, move]
    config = {"configurable": {"user_id": "school7"}}
    for number, answer in enumerate(answers):
        provider.will_say("I see.", answer)
        assert app.invoke(said(number), config=config).text == "I see."

    items = store.search(("chat", "school7"))
    assert {item.namespace for item in items} == {("chat", "school7", "triples")}
    assert {item.value["kind"] for item in items} == {"Triple"}
    kept = [item.value["content"] for item in items]
    wanted = [{**fact, "context": None} for fact in (SINGS, NOW_LEADS, ALSO, GONE)]
    assert sorted(kept, key=str) == sorted(wanted, key=str)
    assert store.search(("chat", "school8")) == []


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_the_user_is_filled_in(provider, store, how):
    """extract_semantic_memories, block 9, and the several schemas named before it."""

    class Preference(BaseModel):
        """What somebody would rather have."""

        what: str

    class Relationship(BaseModel):
        """How two people stand to each other."""

        who: str
        whom: str

    # Corrected: the guide calls `invokse`, and outside of any graph, where there is no store.
    manager = create_memory_store_manager(
        MODEL,
        namespace=("chat", "{user_id}", "triples"),
        schemas=[Triple, Preference, Relationship],
        store=store,
    )
    provider.will_say([("Preference", {"what": "large print"}), ("Triple", SINGS)])
    given = {"messages": [{"role": "user", "content": "Large print, please. Anton sings."}]}
    config = {"configurable": {"user_id": "user-b"}}
    if how == "invoke":
        manager.invoke(given, config=config)
    else:
        await manager.ainvoke(given, config=config)
    items = store.search(("chat", "user-b", "triples"))
    assert {item.value["kind"] for item in items} == {"Preference", "Triple"}
    assert provider.requests[0].tool_names == ["Triple", "Preference", "Relationship"]


def test_an_agent_manages_memory_over_several_calls(provider, store):
    """extract_semantic_memories, block 12."""
    my_llm = init_chat_model(MODEL)

    # Corrected: a prompt that is a function is a middleware of `create_agent`.
    @dynamic_prompt
    def prompt(request):
        memories = store.search(("memories",), query=request.state["messages"][-1].text)
        return f"""You look after memories, with the tools that you have.

<memories>
{memories}
</memories>"""

    manager = create_agent(
        MODEL,
        middleware=[prompt],
        tools=[
            create_manage_memory_tool(namespace=("memories",)),
            create_search_memory_tool(namespace=("memories",)),
        ],
    )

    @entrypoint(store=store)
    def app(messages: list):
        system = {"role": "system", "content": "You help a music school."}
        response = my_llm.invoke([system, *messages])
        manager.invoke({"messages": messages})
        return response

    facts = ["Mirela conducts the choir", "Anton sings in the choir", "Mirela teaches Anton"]
    provider.will_say(
        "I see.",
        [("search_memory", {"query": "the choir"})],
        [("manage_memory", {"action": "create", "content": fact}) for fact in facts[:2]],
        [("manage_memory", {"action": "create", "content": facts[2]})],
        "All is kept.",
    )
    assert app.invoke(said(0)).text == "I see."
    kept = {item.value["content"] for item in store.search(("memories",))}
    assert kept == set(facts)
    assert provider.requests[1].tool_names == ["manage_memory", "search_memory"]

    def correct(request):
        (item,) = [i for i in store.search(("memories",)) if i.value["content"] == facts[0]]
        assert item.key in request.messages[0].content  # the agent knows the id from its prompt
        args = {"action": "update", "id": item.key, "content": "Anton conducts the choir"}
        return [("manage_memory", args)]

    provider.will_say("Good for him.", correct, "Corrected.")
    app.invoke(said(1))
    kept = {item.value["content"] for item in store.search(("memories",))}
    assert kept == {"Anton conducts the choir", *facts[1:]}
