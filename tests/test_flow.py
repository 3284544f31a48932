"""The two drivers: the same results, errors and endings for blocking and awaiting callers."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from contextvars import ContextVar
from functools import partial

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.store.base import BaseStore, GetOp, PutOp
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import SqliteStore as LangGraphSqliteStore

from holdfast.flow import Ask, Call, FlowRunnable, Hand, StoreCall, StoreOps, arun, run
from holdfast.testing import ScriptedModel

NS = ("n",)


def flow(model, store, seen):
    try:
        answer = yield Ask(model, [HumanMessage("hi")])
        yield StoreOps(store, [PutOp(NS, "k", {"said": answer.content})])
        (item,) = yield StoreOps(store, [GetOp(NS, "k")])
        again = yield StoreCall(store, "get", (NS, "k"))
        return item.value, again.value
    except ValueError as error:
        seen.append(f"caught {error}")
        return "mended"
    finally:
        seen.append("closed")


async def both(make):
    """The outcome of a flow under each driver."""
    outcomes = []
    for drive in ("run", "arun"):
        model, store, seen = make()
        try:
            done = flow(model, store, seen)
            outcome = run(done) if drive == "run" else await arun(done)
        except Exception as error:
            outcome = repr(error)
        outcomes.append((outcome, seen))
    return outcomes


async def test_both_drivers_return_the_same():
    sync, awaited = await both(lambda: (ScriptedModel(["yes"]), InMemoryStore(), []))
    assert sync == awaited == (({"said": "yes"}, {"said": "yes"}), ["closed"])


async def test_an_error_is_thrown_into_the_flow_which_may_mend_it():
    sync, awaited = await both(lambda: (ScriptedModel([ValueError("no")]), InMemoryStore(), []))
    assert sync == awaited == ("mended", ["caught no", "closed"])


async def test_an_error_that_the_flow_does_not_know_reaches_the_caller_as_itself():
    sync, awaited = await both(lambda: (ScriptedModel([KeyError("no")]), InMemoryStore(), []))
    assert sync == awaited == ("KeyError('no')", ["closed"])


def test_a_flow_can_be_driven_by_hand():
    steps = flow("model", "store", [])
    assert next(steps) == Ask("model", [HumanMessage("hi")])
    assert steps.send(HumanMessage("yes")).ops == [PutOp(NS, "k", {"said": "yes"})]
    steps.close()


async def test_a_store_for_blocking_callers_only_is_served_in_a_thread():
    with closing(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)) as db:
        store = LangGraphSqliteStore(db)
        store.setup()
        outcome = await arun(flow(ScriptedModel(["yes"]), store, []))
    assert outcome == ({"said": "yes"}, {"said": "yes"})


class SlowStore(InMemoryStore):
    """A store whose writes take a while, so that a caller can be cancelled in the middle."""

    def __init__(self, error=None):
        super().__init__()
        self.started, self.finish = asyncio.Event(), asyncio.Event()
        self.error = error

    async def abatch(self, ops):
        ops = list(ops)
        if any(isinstance(op, PutOp) for op in ops):
            self.started.set()
            await self.finish.wait()
            if self.error:
                raise self.error
        return await super().abatch(ops)


async def cancelled_in_commit(store, times=1):
    seen = []
    task = asyncio.ensure_future(arun(flow(ScriptedModel(["yes"]), store, seen)))
    await store.started.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    store.finish.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert caught.value.__cause__ is store.error
    return seen


@pytest.mark.parametrize("times", [1, 3])
async def test_a_commit_once_sent_is_finished_before_the_cancellation(times):
    store = SlowStore()
    assert await cancelled_in_commit(store, times) == ["closed"]
    assert store.get(NS, "k").value == {"said": "yes"}


async def test_a_commit_that_fails_while_cancelled_ends_in_the_cancellation():
    assert await cancelled_in_commit(SlowStore(OSError("full"))) == ["closed"]


async def test_cancelled_while_the_model_thinks_nothing_is_written():
    thinking = asyncio.Event()

    class Slow(ScriptedModel):
        async def _agenerate(self, *args, **kwargs):
            thinking.set()
            await asyncio.sleep(60)

    store, seen = InMemoryStore(), []
    task = asyncio.ensure_future(arun(flow(Slow(), store, seen)))
    await thinking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["closed"]
    assert store.get(NS, "k") is None


def twice(number):
    return 2 * number


async def atwice(number):
    await asyncio.sleep(0)
    return twice(number)


def returning(number):
    """A plain function that returns what is to be awaited."""
    return atwice(number)


class Twice:
    async def __call__(self, number):
        return await atwice(number)


@pytest.mark.parametrize("function", [twice, atwice, Twice(), partial(atwice), returning])
async def test_a_function_of_the_users_may_be_sync_or_async_for_both_drivers(function):
    def calling(given):
        try:
            return (yield Call(function, (given,)))
        except TypeError:
            return "caught"

    assert run(calling(3)) == await arun(calling(3)) == 6
    assert run(calling(None)) == await arun(calling(None)) == "caught"


async def test_a_function_of_the_users_sees_its_callers_context_and_never_blocks_the_loop():
    whose = ContextVar("whose")
    whose.set("mine")

    def plain():
        return whose.get(), threading.current_thread()

    async def awaiting():
        return plain()

    def calling(function):
        return (yield Call(function))

    here = threading.current_thread()
    assert run(calling(plain)) == ("mine", here)
    assert await arun(calling(awaiting)) == ("mine", here)
    for name, thread in (await arun(calling(plain)), run(calling(awaiting))):
        assert name == "mine"
        assert thread is not here


class Echo(FlowRunnable):
    name = "echo"

    def __init__(self, model):
        self.model = model

    def flow(self, input, config):
        answer = yield Ask(self.model, [HumanMessage(input)])
        return answer.content


async def test_a_flow_runnable_has_langchains_whole_face():
    echo = Echo(ScriptedModel(lambda request: request.messages[0].content.upper()))
    assert echo.invoke("a") == await echo.ainvoke("a") == "A"
    assert echo.batch(["a", "b"]) == await echo.abatch(["a", "b"]) == ["A", "B"]
    assert (echo | len).invoke("abc") == 3


async def test_traces_hold_the_model_below_the_runnable_tagged_and_configured():
    class Recorder(BaseCallbackHandler):
        def __init__(self):
            self.chains, self.models = {}, []

        def on_chain_start(self, serialized, inputs, *, run_id, name=None, tags=None, **kwargs):
            self.chains[run_id] = name

        def on_chat_model_start(
            self, serialized, messages, *, run_id, parent_run_id=None, tags=None, metadata=None, **_
        ):
            self.models.append((self.chains[parent_run_id], tags, metadata["user"]))

    echo = Echo(ScriptedModel(["a", "b"]))
    recorder = Recorder()
    config = {"callbacks": [recorder], "tags": ["mine"], "metadata": {"user": "nora"}}
    echo.invoke("x", config)
    await echo.ainvoke("x", config)
    assert recorder.chains.keys()
    assert [(name, sorted(tags), user) for name, tags, user in recorder.models] == [
        ("echo", ["mine", "nostream"], "nora")
    ] * 2
    assert config["tags"] == ["mine"]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_model_whose_invoke_takes_messages_alone_finds_the_config(how):
    class Narrow(ScriptedModel):
        def invoke(self, input):
            return super().invoke(input)

        async def ainvoke(self, input):
            return await super().ainvoke(input)

    seen = []

    class Recorder(BaseCallbackHandler):
        def on_chat_model_start(self, serialized, messages, *, tags, **_):
            seen.append(sorted(tags))

    echo, config = Echo(Narrow(["a"])), {"callbacks": [Recorder()], "tags": ["mine"]}
    answer = echo.invoke("x", config) if how == "sync" else await echo.ainvoke("x", config)
    assert answer == "a"
    assert seen == [["mine", "nostream"]]


class Handing(FlowRunnable):
    def flow(self, input, config):
        return (yield Hand(RunnableLambda(lambda given, config: [given, config["tags"]]), input))


async def test_a_runnable_of_the_users_is_handed_its_input_and_the_config():
    config = {"tags": ["mine"]}
    assert Handing().invoke("x", config) == await Handing().ainvoke("x", config) == ["x", ["mine"]]


def test_threads_have_runs_of_their_own():
    echo = Echo(ScriptedModel(lambda request: request.messages[0].content))
    answers = {}
    threads = [
        threading.Thread(target=lambda n=n: answers.update({n: echo.invoke(str(n))}))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: str(n) for n in range(20)}


def test_only_the_flow_room_calls_models_and_stores():
    import re
    from pathlib import Path

    import holdfast

    root = Path(holdfast.__file__).parent
    calling = re.compile(r"\.a?invoke\(|\.a?batch\(")
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for line in path.read_text().splitlines()
        if calling.search(line) and ">>>" not in line and "..." not in line
        if path.parent.name != "store_conformance"
    }
    # These call managers and tools, or are their faces; never a model or a store. The evaluation
    # fills LangGraph's own store, which is one of those it compares.
    assert found <= {
        "flow.py",
        "cli/commands.py",
        "cli/prompt_commands.py",
        "evaluate/rows.py",
        "integrations/summarizing.py",
        "jobs/running.py",
        "managers/consolidating.py",
        "managers/memory_manager.py",
        "managers/reflecting.py",
        "managers/store_manager.py",
        "optimize/learning.py",
        "optimize/optimizer.py",
        "optimize/several.py",
        "short_term/summarization.py",
        "stores/scoped.py",
        "tools/base.py",
        "tools/toolbox.py",
    }
    assert issubclass(InMemoryStore, BaseStore)
