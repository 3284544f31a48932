"""`SummarizationMiddleware` in agents, with the providers' own clients."""

import itertools
import json
import random

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.event_hooks import register_serde_event_listener

from holdfast import create_memory_store_manager, open_store, recall
from holdfast.errors import ConfigurationError, InputError
from holdfast.integrations import SummarizationMiddleware
from holdfast.short_term import count_tokens, summarize_messages
from holdfast.testing import LocalProvider, ScriptedModel
from provider_rules import refusals

CONFIG = {"configurable": {"thread_id": "t"}}


def look_up(harbour: str) -> str:
    """Look up a harbour."""
    return f"{harbour}: " + "berth " * 40


@pytest.fixture(params=["openai", "anthropic"])
def client(request, chat, no_open_connections):
    """Makes a real client of a provider."""
    return lambda server: chat(request.param, server)


@pytest.fixture(params=["sync", "async"])
def ask(request):
    """Asks an agent, blocking or awaiting."""

    async def call(agent, text, **kwargs):
        given = {"messages": [("user", text)]}
        if request.param == "sync":
            return agent.invoke(given, CONFIG, **kwargs)
        return await agent.ainvoke(given, CONFIG, **kwargs)

    return call


def is_summary(request):
    return "Answer with the summary alone" in request.text


async def test_an_agent_in_a_loop_of_tools_stays_short_and_is_never_refused(client, ask):
    asked = []

    def play(request):
        if is_summary(request):
            return "They look up harbours."
        asked.append(request.messages)
        steps = sum(message.type == "ai" for message in request.messages)
        if len(asked) % 7 and steps < 9:
            return [("look_up", {"harbour": name}) for name in ("Ithaca", "Corfu")]
        return "All are open."

    with LocalProvider(play) as server:
        model = client(server)
        short = SummarizationMiddleware(model, max_tokens=700, max_summary_tokens=60)
        agent = create_agent(
            model,
            [look_up],
            system_prompt="You help sailors.",
            middleware=[short],
            checkpointer=InMemorySaver(),
        )
        for text in ("Which harbours are open?", "And tomorrow?"):
            state = await ask(agent, text)
    assert len(asked) == 14
    assert sum("They look up harbours." in str(messages[:2]) for messages in asked) >= 6
    for messages in asked:
        assert count_tokens(messages) <= 700
        assert "You help sailors." in messages[0].content
        assert not refusals(messages[:1] + messages[1:])
    # What the user sees of the conversation is all of it, and nothing of the summary.
    assert sum(isinstance(message, AIMessage) for message in state["messages"]) == 14
    assert "running_summary" not in state


async def test_what_an_agent_no_longer_sees_is_recalled(client, ask):
    asked = []

    def play(request):
        if is_summary(request):
            return "The user plans a journey."
        asked.append(request.text)
        return "Noted."

    with LocalProvider(play) as server, open_store(":memory:") as store:
        model = client(server)
        keeper = create_memory_store_manager(None, namespace=("journal", "{thread_id}"))
        short = SummarizationMiddleware(
            model, max_tokens=1000, max_messages_before_summary=4, manager=keeper
        )
        agent = create_agent(model, middleware=[short], checkpointer=InMemorySaver(), store=store)
        for text in ("The ferry to Ithaca leaves at 07:40.", "I pack.", "Bye.", "Hello again!"):
            await ask(agent, text)
        assert "07:40" not in asked[-1]
        assert "The user plans a journey." in asked[-1]
        found = recall("When does the ferry leave?", ("journal", "t"), store=store)
        assert "07:40" in found.as_text()


async def test_the_running_summary_goes_on_from_turn_to_turn(ask):
    summarizer = ScriptedModel([f"Summary {n}." for n in range(1, 9)])
    model = ScriptedModel(lambda request: "Yes, of course. " * 8)
    short = SummarizationMiddleware(summarizer, max_tokens=300, max_summary_tokens=30)
    agent = create_agent(model, middleware=[short], checkpointer=InMemorySaver())
    for n in range(16):
        await ask(agent, f"Question {n}: " + "why " * 30)
    assert 2 <= len(summarizer.requests) <= 4
    for n, request in enumerate(summarizer.requests[1:], 1):
        assert f"Summary {n}." in request.text
    told = [request.text.count(f"Question {n}:") for n in range(16) for request in
            summarizer.requests]  # fmt: skip
    assert max(told) == 1
    assert "Summary" in model.requests[-1].text


async def test_a_checkpoint_holds_the_running_summary_as_plain_data(ask):
    # LangGraph tells of each type that is not its own when it reads a checkpoint.
    events = []
    forget = register_serde_event_listener(events.append)
    short = SummarizationMiddleware(
        ScriptedModel(["One.", "Two."]), max_tokens=500, max_messages_before_summary=3
    )
    model = ScriptedModel(lambda request: "Yes.")
    agent = create_agent(model, middleware=[short], checkpointer=InMemorySaver())
    try:
        for text in ("Hello", "And now?", "And then?"):
            await ask(agent, text)
        kept = agent.get_state(CONFIG).values["running_summary"]
    finally:
        forget()
    assert not events
    assert json.loads(json.dumps(kept)) == kept
    assert kept["summary"] == "Two."
    assert len(kept["summarized_message_ids"]) == 4


async def test_when_the_model_fails_the_agent_can_be_asked_again(ask):
    replies = iter([ConnectionError("lost"), "Back again."])
    model = ScriptedModel(lambda request: next(replies))
    short = SummarizationMiddleware(
        ScriptedModel(["In short."] * 2), max_tokens=500, max_messages_before_summary=2
    )
    retried = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False)
    agent = create_agent(model, middleware=[retried, short])
    state = await ask(agent, "Hello")
    assert state["messages"][-1].content == "Back again."


async def test_a_final_prompt_may_bring_the_system_prompt_in_itself(ask):
    from langchain_core.prompts import ChatPromptTemplate

    final = ChatPromptTemplate([("system", "ONE. {summary}"), ("placeholder", "{messages}")])
    model = ScriptedModel(["a", "b"])
    short = SummarizationMiddleware(
        ScriptedModel(["S"]), max_tokens=500, max_messages_before_summary=3, final_prompt=final
    )
    agent = create_agent(
        model, system_prompt="SYSTEM", middleware=[short], checkpointer=InMemorySaver()
    )
    await ask(agent, "Hello")
    await ask(agent, "Hello again")
    assert [m.content for m in model.requests[1].messages] == ["ONE. S", "Hello again"]


async def test_what_cannot_work_is_told(ask):
    with pytest.raises(ConfigurationError, match="max_summary_tokens"):
        SummarizationMiddleware(ScriptedModel(), max_tokens=100)
    short = SummarizationMiddleware(ScriptedModel(), max_tokens=300)
    agent = create_agent(ScriptedModel(), middleware=[short])
    with pytest.raises(InputError, match="newest message of the user"):
        await ask(agent, "word " * 400)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_the_summary_is_not_streamed_as_the_agents_words(how):
    short = SummarizationMiddleware(
        ScriptedModel(["A secret summary."]), max_tokens=500, max_messages_before_summary=3
    )
    agent = create_agent(ScriptedModel(["An answer."]), middleware=[short])
    given = {"messages": [HumanMessage("1"), AIMessage("2"), HumanMessage("3")]}
    if how == "sync":
        parts = list(agent.stream(given, stream_mode="messages"))
    else:
        parts = [part async for part in agent.astream(given, stream_mode="messages")]
    assert "".join(chunk.content for chunk, _ in parts) == "An answer."


@pytest.mark.parametrize("seed", range(6))
def test_the_clients_send_what_is_left_of_random_conversations(client, seed):
    draw = random.Random(seed)
    messages, ids = [], itertools.count()

    def add(kind, **more):
        n = next(ids)
        messages.append(kind(f"mark{n} " + "word " * draw.choice([1, 20, 90]), id=str(n), **more))

    for _ in range(5):
        add(HumanMessage)
        for _ in range(draw.randrange(3)):
            calls = [f"c{next(ids)}" for _ in range(draw.randrange(1, 4))]
            made = [{"name": "look_up", "args": {"harbour": name}, "id": name} for name in calls]
            add(AIMessage, tool_calls=made)
            for name in draw.sample(calls, len(calls)):
                add(ToolMessage, tool_call_id=name)
        add(AIMessage)
    add(HumanMessage)
    running = None
    with LocalProvider(lambda request: "Yes.") as server:
        model = client(server)
        for end in range(1, len(messages) + 1):
            if refusals(messages[:end]) or messages[end - 1].type == "ai":
                continue  # no model is asked here
            result = summarize_messages(
                messages[:end],
                running_summary=running,
                model=model,
                max_tokens=draw.choice([250, 400, 600]),
                max_summary_tokens=20,
            )
            running = result.running_summary
            model.invoke(result.messages)  # a refusal is an error of the client
    assert running is not None


def test_two_agents_may_share_one():
    short = SummarizationMiddleware(
        ScriptedModel(lambda request: "S"), max_tokens=500, max_messages_before_summary=3
    )
    for name in ("a", "b"):
        model = ScriptedModel(lambda request: "Yes.")
        agent = create_agent(model, middleware=[short])
        talk = [HumanMessage(name), AIMessage("Yes."), HumanMessage("Again")]
        agent.invoke({"messages": talk})
        assert [m.content for m in model.requests[0].messages][1:] == ["Again"]
