"""Memory in `create_agent` and in graphs: recalled once, told in the system message, kept once."""

import asyncio
from dataclasses import dataclass

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from holdfast import (
    AgentMemory,
    MemoryMiddleware,
    Recall,
    ReflectionExecutor,
    create_manage_memory_tool,
    create_memory_store_manager,
    create_search_memory_tool,
    open_store,
    recall,
    recall_node,
    reflect_node,
)
from holdfast.errors import ConfigurationError, InputError
from holdfast.integrations import SummarizationMiddleware
from holdfast.testing import LocalProvider, ProviderError, ScriptedModel

PLACE = ("memories", "{user_id}")
NORA = ("memories", "nora")
PEANUTS = "Ines is allergic to peanuts"
ASKED = "What is Ines allergic to?"


@pytest.fixture(params=["sync", "async"])
def call(request):
    """Invokes a Runnable, blocking or awaiting."""
    if request.param == "sync":
        return lambda one, *given, **settings: one.invoke(*given, **settings)
    return lambda one, *given, **settings: asyncio.run(one.ainvoke(*given, **settings))


def on(thread=None, user="nora"):
    named = {} if thread is None else {"thread_id": thread}
    return {"configurable": {"user_id": user, **named}}


def asking(text=ASKED):
    return {"messages": [{"role": "user", "content": text}]}


def know(store, text=PEANUTS, namespace=NORA, key="1"):
    store.put(namespace, key, {"kind": "Memory", "content": {"content": text}})


def said(store, namespace=NORA):
    """Return what the journal holds, by thread."""
    threads = store.threads(namespace)
    return {
        thread: [
            (entry.message.role, entry.message.text) for entry in store.journal(namespace, thread)
        ]
        for thread in threads
    }


def system_of(request):
    return "\n".join(m.text for m in request.messages if isinstance(m, SystemMessage))


@tool
def look(what: str) -> str:
    """Look something up."""
    return f"nothing about {what}"


@tool
def fail(what: str) -> str:
    """Fail."""
    raise TimeoutError(what)


@pytest.fixture
def ours():
    with open_store(":memory:") as store:
        yield store


def agent_of(model, *middleware, **settings):
    return create_agent(model, middleware=list(middleware), **settings)


# Recall


def test_what_is_recalled_is_in_the_system_message_and_nowhere_else(ours, call):
    know(ours)
    model = ScriptedModel([[("look", {"what": "nuts"})], "Peanuts."])
    agent = agent_of(
        model,
        MemoryMiddleware(PLACE),
        tools=[look],
        store=ours,
        system_prompt="You are kind.",
        checkpointer=InMemorySaver(),
    )
    told = call(agent, asking(), on("monday"))
    assert [m.type for m in told["messages"]] == ["human", "ai", "tool", "ai"]
    assert set(told) == {"messages"}
    assert PEANUTS not in str(told)
    assert PEANUTS not in str(agent.get_state(on("monday")).values["messages"])
    first, second = map(system_of, model.requests)
    assert first == second
    assert first.startswith("You are kind.")
    assert PEANUTS in first
    (record,) = ours.records(NORA, ["1"])
    assert record.recalls == 1  # once in a run, not on every turn


def test_nothing_is_told_where_nothing_is_known_or_recall_is_off(ours, call):
    model = ScriptedModel(["Hm.", "Hm."])
    call(agent_of(model, MemoryMiddleware(PLACE), store=ours), asking(), on())
    know(ours)
    call(agent_of(model, MemoryMiddleware(PLACE, recall=False), store=ours), asking(), on())
    assert [system_of(request) for request in model.requests] == ["", ""]


@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_real_clients_are_told_what_is_recalled(ours, call, chat, client, no_open_connections):
    know(ours)
    with LocalProvider([[("look", {"what": "nuts"})], "Peanuts."]) as server:
        agent = agent_of(chat(client, server), MemoryMiddleware(PLACE), tools=[look], store=ours)
        told = call(agent, asking(), on("monday"))
    assert told["messages"][-1].text == "Peanuts."
    for sent in server.requests:
        assert PEANUTS in str(sent.body)
    assert [role for role, _ in said(ours)["monday"]] == ["user", "assistant", "tool", "assistant"]


def test_a_system_message_of_blocks_keeps_them_in_front(ours, call):
    know(ours)
    cached = {"type": "text", "text": "You are kind.", "cache_control": {"type": "ephemeral"}}
    model = ScriptedModel(["Peanuts."])
    prompt = SystemMessage([cached])
    agent = agent_of(model, MemoryMiddleware(PLACE), store=ours, system_prompt=prompt)
    call(agent, asking(), on())
    blocks = model.requests[0].messages[0].content
    assert blocks[0] == cached
    assert PEANUTS in blocks[1]["text"]
    assert prompt.content == [cached]


def test_what_stands_is_told_though_the_user_says_nothing_in_words(ours, call):
    ours.put(NORA, "rule", {"kind": "Rule", "content": {"rule": "Answer in Portuguese."}})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    model = ScriptedModel(["Que bonito!"])
    agent = agent_of(model, MemoryMiddleware(PLACE), store=ours)
    call(agent, {"messages": [HumanMessage([image])]}, on())
    call(
        agent_of(ScriptedModel(["?"]), MemoryMiddleware(PLACE), store=ours), {"messages": []}, on()
    )
    assert "Answer in Portuguese." in system_of(model.requests[0])


def test_the_conversation_that_goes_on_is_not_recalled(ours, call):
    model = ScriptedModel(["I see.", "To peanuts.", "To peanuts."])
    middleware = MemoryMiddleware(PLACE)
    agent = agent_of(model, middleware, store=ours, checkpointer=InMemorySaver())
    call(agent, asking(f"{PEANUTS}."), on("monday"))
    call(agent, asking(), on("monday"))
    assert PEANUTS not in system_of(model.requests[1])
    call(agent, asking(), on("tuesday"))
    assert PEANUTS in system_of(model.requests[2])


# Keeping


def test_each_message_is_kept_once_over_turns(ours, call):
    model = ScriptedModel(["One.", [("look", {"what": "x"})], "Two."])
    agent = agent_of(
        model, MemoryMiddleware(PLACE), tools=[look], store=ours, checkpointer=InMemorySaver()
    )
    call(agent, asking("First."), on("monday"))
    call(agent, asking("Second."), on("monday"))
    assert said(ours)["monday"] == [
        ("user", "First."),
        ("assistant", "One."),
        ("user", "Second."),
        ("assistant", ""),
        ("tool", "nothing about x"),
        ("assistant", "Two."),
    ]


def test_a_run_without_a_thread_is_a_conversation_of_its_own(ours, call):
    model = ScriptedModel([[("look", {"what": "x"})], "Yes.", "No."])
    agent = agent_of(model, MemoryMiddleware(PLACE), tools=[look], store=ours)
    call(agent, asking("First."), on())
    call(agent, asking("Second."), on())
    first, second = sorted(said(ours).values())
    assert [text for _, text in first] == ["First.", "", "nothing about x", "Yes."]
    assert [text for _, text in second] == ["Second.", "No."]


def test_what_was_said_is_kept_when_the_model_raises(ours, call):
    answers = [[("look", {"what": "x"})], ProviderError(500, "down")]
    agent = agent_of(ScriptedModel(answers), MemoryMiddleware(PLACE), tools=[look], store=ours)
    with pytest.raises(ProviderError, match="down"):
        call(agent, asking("First."), on("monday"))
    assert [text for _, text in said(ours)["monday"]] == ["First.", "", "nothing about x"]


def test_what_was_said_is_kept_when_a_tool_raises(ours, call):
    model = ScriptedModel([[("fail", {"what": "x"})]])
    agent = agent_of(model, MemoryMiddleware(PLACE), tools=[fail], store=ours)
    with pytest.raises(TimeoutError):
        call(agent, asking("First."), on("monday"))
    assert [role for role, _ in said(ours)["monday"]] == ["user", "assistant"]


def test_what_was_said_is_kept_when_the_run_is_interrupted_and_resumed(ours, call):
    know(ours)
    model = ScriptedModel([[("look", {"what": "x"})], "Done."])
    agent = agent_of(
        model,
        MemoryMiddleware(PLACE),
        HumanInTheLoopMiddleware(interrupt_on={"look": True}),
        tools=[look],
        store=ours,
        checkpointer=InMemorySaver(),
    )
    call(agent, asking(), on("monday"))
    assert [role for role, _ in said(ours)["monday"]] == ["user", "assistant"]
    call(agent, Command(resume={"decisions": [{"type": "approve"}]}), on("monday"))
    assert [role for role, _ in said(ours)["monday"]] == ["user", "assistant", "tool", "assistant"]
    assert PEANUTS in system_of(model.requests[1])


def test_a_failing_store_is_told_beside_the_error_of_the_model(call):
    store = open_store(":memory:")

    def answer(request):
        store.close()
        return ProviderError(500, "down")

    agent = agent_of(ScriptedModel(answer), MemoryMiddleware(PLACE), store=store)
    with pytest.raises(ProviderError, match="down") as raised:
        call(agent, asking(), on("monday"))
    assert any("not kept" in note for note in raised.value.__notes__)


def test_what_was_recalled_is_never_kept_as_something_new(ours, call):
    """Recall, then remember, over several conversations: nothing is added but what was said."""
    know(ours)
    search = [("search_memory", {"query": "Ines"})]
    model = ScriptedModel([search, "It is noted."] * 3)
    agent = agent_of(
        model, MemoryMiddleware(PLACE, tools=True), store=ours, checkpointer=InMemorySaver()
    )
    for thread in ("monday", "tuesday", "wednesday"):
        call(agent, asking(), on(thread))
    for texts in said(ours).values():
        assert [role for role, _ in texts] == ["user", "assistant", "assistant"]
        assert not any(PEANUTS in text for _, text in texts)
    found = recall("peanuts allergic", NORA, store=ours, k=20)
    assert [one.text for one in found if PEANUTS in one.text] == [PEANUTS]


def test_answers_of_memory_tools_are_left_out_in_every_form():
    memory = AgentMemory(("m",), store=InMemoryStore())
    calls = [
        {"id": "1", "type": "function", "function": {"name": "search_memory", "arguments": "{}"}},
        {"id": "2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    ]
    openai = [
        {"role": "system", "content": PEANUTS},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "1", "content": PEANUTS},
        {"role": "tool", "tool_call_id": "2", "content": "nothing"},
    ]
    used = [{"type": "tool_use", "id": "1", "name": "search_memory", "input": {}}]
    result = [{"type": "tool_result", "tool_use_id": "1", "content": PEANUTS}]
    anthropic = [
        {"role": "assistant", "content": used},
        {"role": "user", "content": result},
        {"role": "assistant", "content": "Peanuts."},
    ]
    memory.reflect([*openai, *anthropic], {"configurable": {"thread_id": "t"}})
    kept = [item.value["content"] for item in memory.manager.own_store.search(("m",), limit=99)]
    assert sorted((one["role"], one["text"]) for one in kept) == [
        ("assistant", ""),
        ("assistant", ""),
        ("assistant", "Peanuts."),
        ("tool", "nothing"),
    ]


def test_results_in_another_order_are_told_apart_by_their_calls():
    memory = AgentMemory(("m",), store=InMemoryStore())
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}
        for id, name in (("1", "look"), ("2", "search_memory"))
    ]
    memory.reflect(
        [
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "tool_call_id": "2", "content": PEANUTS},
            {"role": "tool", "tool_call_id": "1", "content": "sunny"},
        ]
    )
    assert kept_in(memory) == [("assistant", ""), ("tool", "sunny")]


def test_results_in_one_message_come_apart_and_words_stay_the_users():
    memory = AgentMemory(("m",), store=InMemoryStore())
    uses = [
        {"type": "tool_use", "id": id, "name": name, "input": {}}
        for id, name in (("1", "look"), ("2", "search_memory"))
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "2", "content": PEANUTS},
        {"type": "tool_result", "tool_use_id": "1", "content": "sunny"},
        {"type": "text", "text": "My cat is Tom."},
    ]
    talk = [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
    memory.reflect(talk)
    assert kept_in(memory) == [("assistant", ""), ("tool", "sunny"), ("user", "My cat is Tom.")]
    assert talk[1]["content"] == results


def kept_in(memory, namespace=("m",)):
    found = [one.value["content"] for one in memory.manager.own_store.search(namespace, limit=99)]
    return [(one["role"], one["text"]) for one in sorted(found, key=lambda one: one["seq"])]


def test_what_the_clients_answer_is_read_as_it_is():
    from anthropic.types import TextBlock
    from openai.types.chat import ChatCompletionMessage

    memory = AgentMemory(("m",), store=InMemoryStore())
    memory.reflect(
        [
            {"role": "user", "content": "Tea?"},
            ChatCompletionMessage(role="assistant", content="Yes."),
            {"role": "user", "content": "Now?"},
            {"role": "assistant", "content": [TextBlock(type="text", text="At once.")]},
        ]
    )
    assert [text for _, text in kept_in(memory)] == ["Tea?", "Yes.", "Now?", "At once."]


@pytest.mark.parametrize(
    "wrong",
    [
        "hello",
        {"messages": []},
        {"role": "user", "content": "tea"},
        ("user", "tea"),
        HumanMessage("tea"),
        None,
        7,
    ],
)
def test_what_is_no_list_of_messages_is_told_and_nothing_kept(wrong):
    memory = AgentMemory(("m",), store=InMemoryStore())
    for call in (memory.reflect, memory.recall):
        with pytest.raises(InputError, match="list of messages"):
            call(wrong)
    assert kept_in(memory) == []


def test_messages_that_come_one_by_one_are_kept():
    memory = AgentMemory(("m",), store=InMemoryStore())
    memory.reflect(iter([("user", "Tea?"), ("assistant", "Yes.")]))
    assert kept_in(memory) == [("user", "Tea?"), ("assistant", "Yes.")]


def test_a_conversation_that_is_handed_over_anew_is_kept_once(ours, call):
    """Without a checkpointer LangGraph gives what has no id another one in each run."""
    agent = agent_of(ScriptedModel(lambda request: "Yes."), MemoryMiddleware(PLACE), store=ours)
    history = []
    for turn in range(4):
        history.append({"role": "user", "content": f"Question {turn}"})
        call(agent, {"messages": history}, on("monday"))
        history.append({"role": "assistant", "content": "Yes."})
    expected = [(one["role"], one["content"]) for one in history]
    assert said(ours)["monday"] == expected
    call(agent, {"messages": [*history[-2:], ("user", "More?")]}, on("monday"))
    assert said(ours)["monday"] == [*expected, ("user", "More?"), ("assistant", "Yes.")]


def test_what_a_summary_stands_for_is_recalled_in_its_own_thread(ours, call):
    model = ScriptedModel(lambda request: "Noted.")
    agent = agent_of(
        model,
        SummarizationMiddleware(
            ScriptedModel(lambda request: "They talked."),
            max_tokens=2_000,
            max_summary_tokens=50,
            max_messages_before_summary=4,
        ),
        MemoryMiddleware(PLACE),
        store=ours,
        checkpointer=InMemorySaver(),
    )
    for text in (f"{PEANUTS}.", "I like the sea.", "And tea.", ASKED):
        call(agent, asking(text), on("monday"))
    assert PEANUTS in system_of(model.requests[-1])
    assert [m.text for m in model.requests[-1].messages].count(f"{PEANUTS}.") == 0
    assert len(said(ours)["monday"]) == 8


# Reflection


def reflecting(answer="Ines cannot eat peanuts"):
    return ScriptedModel(lambda request: [("Memory", {"content": answer})])


def wait_for(store, namespace=NORA):
    """Wait until a memory is written, and return them all."""
    import time

    end = time.monotonic() + 10
    while not (found := [i for i in store.search(namespace) if i.value["kind"] == "Memory"]):
        assert time.monotonic() < end, "nothing was reflected on"
        time.sleep(0.02)
    return [item.value["content"]["content"] for item in found]


@pytest.mark.parametrize("kind", ["ours", "any"])
def test_the_manager_reflects_when_it_has_been_quiet(kind, ours, call):
    store = ours if kind == "ours" else InMemoryStore()
    writer = reflecting()
    middleware = MemoryMiddleware(PLACE, manager=writer, after_seconds=0.2)
    agent = agent_of(
        ScriptedModel(["Oh.", "I see."]), middleware, store=store, checkpointer=InMemorySaver()
    )
    call(agent, asking("Ines swells up from nuts."), on("monday"))
    call(agent, asking("From peanuts."), on("monday"))
    assert wait_for(store) == ["Ines cannot eat peanuts"]
    middleware.memory.shutdown()
    assert len(writer.requests) == 1
    for words in ("swells up", "From peanuts.", "I see."):
        assert words in writer.requests[0].text


def test_a_run_that_fails_is_reflected_on_all_the_same(ours, call):
    middleware = MemoryMiddleware(PLACE, manager=reflecting(), after_seconds=0)
    agent = agent_of(ScriptedModel([ProviderError(500, "down")]), middleware, store=ours)
    with pytest.raises(ProviderError):
        call(agent, asking("Ines swells up from peanuts."), on("monday"))
    assert wait_for(ours) == ["Ines cannot eat peanuts"]
    middleware.memory.shutdown()


def test_a_manager_of_ones_own_and_an_executor_of_ones_own(ours, call):
    manager = create_memory_store_manager(reflecting(), namespace=PLACE)
    with ReflectionExecutor(manager, store=ours) as executor:
        middleware = MemoryMiddleware(manager=manager, reflect=executor, after_seconds=0)
        agent = agent_of(ScriptedModel(["Oh."]), middleware, store=ours)
        call(agent, asking("Ines swells up from peanuts."), on("monday"))
        assert wait_for(ours) == ["Ines cannot eat peanuts"]


def test_without_reflection_the_manager_is_not_asked(ours, call):
    writer = ScriptedModel([])
    middleware = MemoryMiddleware(PLACE, manager=writer, reflect=False)
    call(agent_of(ScriptedModel(["Oh."]), middleware, store=ours), asking(), on("monday"))
    assert [text for _, text in said(ours)["monday"]] == [ASKED, "Oh."]
    assert (ours.jobs(), writer.requests) == ([], [])


def test_tokens_of_a_reflection_are_not_in_the_stream(ours):
    middleware = MemoryMiddleware(PLACE, manager=reflecting("secret"), after_seconds=0)
    agent = agent_of(ScriptedModel(["One two three."]), middleware, store=ours)
    chunks = [
        chunk.text for chunk, _ in agent.stream(asking(), on("monday"), stream_mode="messages")
    ]
    assert wait_for(ours) == ["secret"]
    middleware.memory.shutdown()
    assert "".join(chunks).replace(" ", "") == "Onetwothree."


# Where memories live


@dataclass
class Who:
    user_id: str


def test_the_namespace_is_filled_from_context(ours, call):
    know(ours)
    know(ours, "Ines is allergic to wool", ("memories", "ada"))
    model = ScriptedModel(["Peanuts.", "Wool."])
    agent = agent_of(model, MemoryMiddleware(PLACE), store=ours, context_schema=Who)
    call(agent, asking(), context=Who("nora"))
    call(agent, asking(), context=Who("ada"))
    first, second = map(system_of, model.requests)
    assert PEANUTS in first
    assert "wool" not in first
    assert "wool" in second
    assert PEANUTS not in second


def test_a_missing_variable_is_named_before_the_model_is_asked(ours, call):
    model = ScriptedModel([])
    agent = agent_of(model, MemoryMiddleware(PLACE), store=ours)
    with pytest.raises(ConfigurationError, match="user_id"):
        call(agent, asking(), {"configurable": {}})
    assert said(ours, ("memories",)) == {}


def test_no_store_is_told(call):
    with pytest.raises(ConfigurationError, match="There is no store"):
        call(agent_of(ScriptedModel([]), MemoryMiddleware(("m",))), asking())


def test_a_store_that_is_given_is_used_and_not_the_graphs(ours, call):
    other = InMemoryStore()
    know(ours)
    know(other, "Ines is allergic to wool")
    model = ScriptedModel(["Peanuts."])
    agent = agent_of(model, MemoryMiddleware(PLACE, store=ours), store=other)
    call(agent, asking(), on("monday"))
    assert PEANUTS in system_of(model.requests[0])
    assert "wool" not in system_of(model.requests[0])
    assert len(said(ours)["monday"]) == 2
    assert len(other.search(NORA)) == 1


def test_several_instances_stand_beside_each_other(ours, call):
    know(ours)
    know(ours, "The team is allergic to meetings", ("team",))
    model = ScriptedModel(["Peanuts."])
    agent = agent_of(model, MemoryMiddleware(PLACE), MemoryMiddleware(("team",)), store=ours)
    call(agent, asking(), on("monday"))
    told = system_of(model.requests[0])
    assert PEANUTS in told
    assert "meetings" in told
    assert len(said(ours, ("team",))["monday"]) == len(said(ours)["monday"]) == 2


def test_further_namespaces_are_read_and_never_written(ours, call):
    know(ours, "The team is allergic to meetings", ("team", "blue"))
    model = ScriptedModel(["Meetings."])
    memory = MemoryMiddleware(PLACE, recall=Recall(also=(("team", "{team}"),)))
    config = {"configurable": {"user_id": "nora", "team": "blue", "thread_id": "monday"}}
    call(agent_of(model, memory, store=ours), asking(), config)
    assert "meetings" in system_of(model.requests[0])
    assert said(ours, ("team", "blue")) == {}


def test_two_users_of_one_agent_never_meet(ours):
    know(ours)
    model = ScriptedModel(lambda request: "Noted.")
    agent = agent_of(model, MemoryMiddleware(PLACE), store=ours)

    async def both():
        jobs = (agent.ainvoke(asking(), on("t", user)) for user in ("nora", "ada") * 10)
        await asyncio.gather(*jobs)

    asyncio.run(both())
    told = [PEANUTS in system_of(request) for request in model.requests]
    assert sum(told) == 10
    assert len(said(ours, ("memories", "ada"))) == 1


def test_tools_write_and_search_in_the_same_namespace(ours, call):
    create = [("manage_memory", {"content": PEANUTS, "action": "create"})]
    model = ScriptedModel([create, "Noted.", "Peanuts."])
    agent = agent_of(model, MemoryMiddleware(PLACE, tools=True), store=ours)
    call(agent, asking("Remember: no peanuts for Ines."), on())
    assert [i.value["content"] for i in ours.search(NORA) if i.value["kind"] == "Memory"] == [
        PEANUTS
    ]
    call(agent, asking(), on())
    assert PEANUTS in system_of(model.requests[2])


def test_a_tool_that_takes_the_place_of_another_is_told_before_the_model_is_asked(ours, call):
    model = ScriptedModel([])
    both = [MemoryMiddleware(PLACE, tools=True), MemoryMiddleware(("team",), tools=True)]
    with pytest.raises(ConfigurationError, match="another tool has the name 'manage_memory'"):
        call(agent_of(model, *both, store=ours), asking(), on("monday"))
    own = [
        create_manage_memory_tool(("team",), name="manage_team_memory"),
        create_search_memory_tool(("team",), name="search_team_memory"),
    ]
    model = ScriptedModel(["Yes."])
    both = [MemoryMiddleware(PLACE, tools=True), MemoryMiddleware(("team",), tools=own)]
    call(agent_of(model, *both, store=ours), asking(), on("monday"))
    assert len(model.requests[0].tool_names) == 4


def test_tools_of_ones_own_are_offered_and_their_answers_not_kept(ours, call):
    know(ours)
    search = create_search_memory_tool(PLACE, name="look_back", store=ours)
    model = ScriptedModel([[("look_back", {"query": "Ines"})], "Peanuts."])
    agent = agent_of(model, MemoryMiddleware(PLACE, tools=[search]), store=ours)
    told = call(agent, asking(), on("monday"))
    assert isinstance(told["messages"][2], ToolMessage)
    assert [role for role, _ in said(ours)["monday"]] == ["user", "assistant", "assistant"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"manager": 7}, "manager must be"),
        ({"recall": "yes"}, "recall must be"),
        ({"reflect": "later"}, "reflect must be"),
        ({"tools": ["search"]}, "tools must be"),
        ({"name": "a:b"}, "name must be"),
        ({"store": "memory.db"}, "store must be"),
        (
            {"manager": create_memory_store_manager(None, namespace="other")},
            "leave namespace out",
        ),
    ],
)
def test_settings_that_cannot_work_are_told_at_once(settings, told):
    with pytest.raises(ConfigurationError, match=told):
        MemoryMiddleware(("m",), **settings)


@pytest.mark.parametrize(
    "settings",
    [{"turns": 0}, {"budget_tokens": 0}, {"k": -1}, {"neighbours": "many"}, {"also": "team"}],
)
def test_settings_of_recall_that_cannot_work_are_told_at_once(settings):
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Recall(**settings)


# Graphs without middleware


class State(MessagesState):
    recalled: str


def test_nodes_recall_and_reflect_in_a_graph(ours, call):
    know(ours)
    memory = AgentMemory(PLACE)
    model = ScriptedModel(["Peanuts."])

    def answer(state):
        return {"messages": [model.invoke([SystemMessage(state["recalled"]), *state["messages"]])]}

    graph = StateGraph(State)
    graph.add_node(recall_node(memory))
    graph.add_node(answer)
    graph.add_node(reflect_node(memory))
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "answer")
    graph.add_edge("answer", "reflect")
    told = call(graph.compile(store=ours), asking(), on("monday"))
    assert PEANUTS in told["recalled"]
    assert PEANUTS in system_of(model.requests[0])
    assert [text for _, text in said(ours)["monday"]] == [ASKED, "Peanuts."]


def test_a_node_tells_which_key_is_missing(ours):
    memory = AgentMemory(("m",), store=ours)
    with pytest.raises(InputError, match="messages_key"):
        recall_node(memory).invoke({"chat": []})
    with pytest.raises(ConfigurationError, match="AgentMemory"):
        reflect_node(ours)
    chat = {"chat": [("user", "Hello there")]}
    assert reflect_node(memory, messages_key="chat").invoke(chat) == {}
    assert len(ours.threads(("m",))) == 1


def test_the_functional_api_takes_store_and_user_from_the_run(ours):
    know(ours)
    memory = AgentMemory(PLACE)
    model = ScriptedModel(["Peanuts.", "Peanuts."])

    @entrypoint(store=ours)
    def chat(messages):
        system = memory.recall(messages).as_text()
        answer = model.invoke([SystemMessage(system), *messages])
        memory.reflect([*messages, answer])
        return answer.text

    @entrypoint(store=ours)
    async def achat(messages):
        system = (await memory.arecall(messages)).as_text()
        answer = await model.ainvoke([SystemMessage(system), *messages])
        await memory.areflect([*messages, answer])
        return answer.text

    assert chat.invoke([HumanMessage(ASKED)], on("monday")) == "Peanuts."
    assert asyncio.run(achat.ainvoke([HumanMessage(ASKED)], on("tuesday"))) == "Peanuts."
    assert all(PEANUTS in system_of(request) for request in model.requests)
    assert {len(texts) for texts in said(ours).values()} == {2}
    assert set(said(ours)) == {"monday", "tuesday"}
