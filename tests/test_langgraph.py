"""Managers inside LangGraph: store and namespace from the runtime, nothing leaks, cancellation."""

import asyncio
from dataclasses import dataclass
from typing import TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore

from holdfast import create_memory_manager, create_memory_store_manager
from holdfast.testing import ScriptedModel

SECRET = "Nora keeps the key under the mat"
NS = ("memories", "nora")
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def remember(**options):
    model = ScriptedModel(lambda request: [("Memory", {"content": SECRET})])
    return create_memory_store_manager(model, namespace=("memories", "{user_id}"), **options)


def configured(user="nora"):
    return {"configurable": {"user_id": user, "thread_id": "t"}}


@dataclass
class Context:
    user_id: str


def graph(node, store, context_schema=None):
    builder = StateGraph(MessagesState, context_schema=context_schema)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile(store=store, checkpointer=InMemorySaver())


async def run(how, make, store, config, **kwargs):
    """Run a graph whose node remembers, sync or async."""
    manager = remember()

    def node(state):
        manager.invoke({"messages": state["messages"]})

    async def anode(state):
        await manager.ainvoke({"messages": state["messages"]})

    if how == "sync":
        return make(node).invoke(HELLO, config, **kwargs)
    return await make(anode).ainvoke(HELLO, config, **kwargs)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_node_takes_store_and_namespace_from_configurable(store, how):
    await run(how, lambda node: graph(node, store), store, configured())
    assert store.search(NS)[0].value["content"]["content"] == SECRET


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_node_takes_the_namespace_from_context(store, how):
    config = {"configurable": {"thread_id": "t"}}
    make = lambda node: graph(node, store, Context)  # noqa: E731
    await run(how, make, store, config, context=Context("nora"))
    assert len(store.search(NS)) == 1


async def test_a_config_given_in_a_node_keeps_the_graphs_store(store):
    manager = remember()

    @entrypoint(store=store)
    def app(params):
        manager.invoke(params, config={"configurable": {"user_id": "nora"}})

    @entrypoint(store=store)
    async def aapp(params):
        await manager.ainvoke(params, config={"configurable": {"user_id": "ines"}})

    app.invoke(HELLO)
    await aapp.ainvoke(HELLO)
    assert len(store.search(NS)) == len(store.search(("memories", "ines"))) == 1


async def test_a_task_takes_them_too(store):
    manager = remember()

    @task
    def note(messages):
        return len(manager.invoke(messages))

    @entrypoint(store=store)
    def app(messages):
        return note(messages).result()

    assert app.invoke(HELLO, configured()) == 1
    assert await app.ainvoke(HELLO, configured("ines")) == 1
    assert len(store.search(("memories",))) == 2


async def test_direct_access_works_inside_a_graph(store):
    manager = remember()

    @entrypoint(store=store)
    async def app(messages):
        await manager.ainvoke(messages)
        return [item.key for item in await manager.asearch(query="key mat")]

    assert len(await app.ainvoke(HELLO, configured())) == 1


@pytest.mark.parametrize("how", ["stream", "astream"])
async def test_extraction_leaks_nothing_into_streamed_messages(how):
    answering = ScriptedModel(["the open answer"] * 2)
    store_manager, manager = remember(), create_memory_manager(ScriptedModel([SECRET] * 4))

    def node(state):
        answer = answering.invoke(state["messages"])
        store_manager.invoke({"messages": state["messages"]})
        manager.invoke({"messages": state["messages"]})
        return {"messages": [answer]}

    async def anode(state):
        answer = await answering.ainvoke(state["messages"])
        await store_manager.ainvoke({"messages": state["messages"]})
        await manager.ainvoke({"messages": state["messages"]})
        return {"messages": [answer]}

    app = graph(node if how == "stream" else anode, InMemoryStore())
    if how == "stream":
        chunks = list(app.stream(HELLO, configured(), stream_mode="messages"))
    else:
        chunks = [c async for c in app.astream(HELLO, configured(), stream_mode="messages")]
    said = "".join(str(message.content) for message, _ in chunks)
    assert "the open answer" in said
    assert SECRET not in said
    assert not any(getattr(message, "tool_calls", ()) for message, _ in chunks)


async def test_a_cancelled_graph_leaves_nothing_half_written(store):
    thinking = asyncio.Event()

    class Slow(ScriptedModel):
        async def _agenerate(self, *args, **kwargs):
            thinking.set()
            await asyncio.sleep(60)

    manager = create_memory_store_manager(Slow(), namespace=NS, default="a default")

    @entrypoint(store=store)
    async def app(messages):
        await manager.ainvoke(messages)

    running = asyncio.create_task(app.ainvoke(HELLO))
    await thinking.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert store.search(()) == []


class Seen(TypedDict):
    memories: list


def test_results_travel_through_a_checkpoint():
    manager = create_memory_manager(ScriptedModel([[("Memory", {"content": "x"})]]))

    def node(state):
        memories = manager.invoke(HELLO)
        return {"memories": [memories.receipt.to_dict()]}

    builder = StateGraph(Seen)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    app = builder.compile(checkpointer=InMemorySaver())
    app.invoke({"memories": []}, configured())
    (receipt,) = app.get_state(configured()).values["memories"]
    assert receipt["changes"][0]["after"] == {"content": "x"}


async def test_many_calls_side_by_side_are_apart(store):
    manager = create_memory_store_manager(
        ScriptedModel(lambda r: [("Memory", {"content": r.messages[1].content})]),
        namespace=("memories", "{user_id}"),
        store=store,
    )

    async def one(number):
        said = {"messages": [("user", f"I am number {number}")]}
        return await manager.ainvoke(said, configured(f"user-{number}"))

    await asyncio.gather(*(one(number) for number in range(20)))
    for number in range(20):
        (item,) = store.search(("memories", f"user-{number}"))
        assert f"number {number}<" in item.value["content"]["content"]


def test_an_agent_can_hand_over_its_own_messages(store):
    manager = remember(store=store)
    said = [*HELLO["messages"], AIMessage("hi", usage_metadata=None)]
    assert len(manager.invoke({"messages": said}, configured())) == 1
