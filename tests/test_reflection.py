"""Reflection later: submits that merge, wait, are cancelled, fail, and are done elsewhere."""

import asyncio
import concurrent.futures
import contextlib
import math
import re
import threading
import time
from concurrent.futures import CancelledError

import pytest
from blockbuster import BlockingError, blockbuster_ctx
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel

from holdfast import (
    Limits,
    ReflectionExecutor,
    Retry,
    Source,
    Worker,
    create_memory_store_manager,
    open_store,
)
from holdfast.errors import ConfigurationError, InputError, JobFailed
from holdfast.managers.handlers import handlers_of
from holdfast.managers.reflecting import Reading, Reflect
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
TEMPLATE = ("memories", "{user_id}")
PARTS = ("conversation", "earlier")
FAST = Retry(attempts=3, first=0.02)


def config(thread="monday", user="nora", **more):
    return {"configurable": {"user_id": user, "thread_id": thread, **more}}


def said(*texts):
    return {"messages": [{"role": "user", "content": text} for text in texts]}


def told(request):
    """Return the messages of a request's conversation, and those it has as context alone."""
    text = str(request.messages[-1].content)
    earlier = re.search(r"<earlier>\n(.*?)</earlier>", text, re.DOTALL)
    conversation = re.search(r"<conversation>\n(.*?)</conversation>", text, re.DOTALL)
    found = [
        re.findall(r"<message[^>]*>(.*?)</message>", m[1]) for m in (conversation, earlier) if m
    ]
    return found[0], found[1] if len(found) > 1 else []


def remember_each(request):
    """Make a memory of each new message."""
    return [("Memory", {"content": text}) for text in told(request)[0]]


@pytest.fixture
def model():
    return ScriptedModel(remember_each)


@pytest.fixture
def manager(model):
    return create_memory_store_manager(model, namespace=TEMPLATE)


@pytest.fixture(params=["sqlite", "postgres", "in-memory"])
def store(request, tmp_path):
    if request.param == "in-memory":
        yield InMemoryStore()
    elif request.param == "sqlite":
        with open_store(tmp_path / "x.db") as opened:
            yield opened
    else:
        url, schema = map(request.getfixturevalue, ("postgres_url", "postgres_schema"))
        with open_store(url, schema=schema) as opened:
            yield opened


@contextlib.contextmanager
def executor(manager, store, **settings):
    """Lend an executor that is ended without waiting for what is far ahead."""
    made = ReflectionExecutor(manager, store=store, retry=FAST, **settings)
    try:
        yield made
    finally:
        made.shutdown(wait=False)


def remembered(store, namespace=NS):
    return sorted(item.value["content"]["content"] for item in store.search(namespace, limit=100))


# Merging and waiting


def test_submits_within_the_quiet_period_are_one_call_with_all_messages(store, manager, model):
    with executor(manager, store) as later:
        futures = [
            later.submit(said(text), config(), after_seconds=0.4)
            for text in ("tea", "cake", "ferry")
        ]
        receipts = [future.result(10) for future in futures]
    assert [told(request)[0] for request in model.requests] == [["tea", "cake", "ferry"]]
    assert remembered(store) == ["cake", "ferry", "tea"]
    assert receipts[0] == receipts[1] == receipts[2]
    assert len(receipts[0].inserted) == 3
    assert receipts[0].usage.model_calls == 1
    assert receipts[0].namespace == NS


def test_each_submit_puts_it_off_up_to_max_wait(store, manager, model):
    with executor(manager, store, max_wait=0.8) as later:
        began = time.monotonic()
        first = later.submit(said("0"), config(), after_seconds=0.5)
        for number in range(1, 12):
            time.sleep(0.1)
            later.submit(said(str(number)), config(), after_seconds=0.5)
            if first.done():
                break
        first.result(10)
        assert 0.7 < time.monotonic() - began < 3
        assert len(told(model.requests[0])[0]) > 4


def test_threads_and_users_are_reflected_on_apart(store, manager, model):
    with executor(manager, store) as later:
        places = [("monday", "nora"), ("tuesday", "nora"), ("monday", "ines")]
        for future in [later.submit(said(f"{p}"), config(*p), after_seconds=0.2) for p in places]:
            future.result(10)
    assert len(model.requests) == 3
    assert len(remembered(store)) == 2
    assert len(remembered(store, ("memories", "ines"))) == 1


def test_without_a_thread_nothing_is_merged_or_lost(store, manager, model):
    with executor(manager, store) as later:
        futures = [
            later.submit(said(text), config(), after_seconds=0.2, thread_id=None)
            for text in ("tea", "cake")
        ]
        for future in futures:
            future.result(10)
    assert len(model.requests) == 2
    assert remembered(store) == ["cake", "tea"]


def test_what_was_reflected_on_is_context_and_nothing_new_asks_no_model(store, manager, model):
    with executor(manager, store) as later:
        later.submit(said("tea", "cake"), config()).result(10)
        again = later.submit(said("tea", "cake", "ferry"), config()).result(10)
        idle = later.submit(said("tea", "cake", "ferry"), config()).result(10)
    assert [told(request) for request in model.requests] == [
        (["tea", "cake"], []),
        (["ferry"], ["tea", "cake"]),
    ]
    assert len(again.inserted) == 1
    assert (idle.changes, idle.usage.model_calls) == ((), 0)


def test_a_long_backlog_is_read_in_windows_oldest_first(store, manager, model):
    texts = [f"{number} " + "word " * 40 for number in range(12)]
    with executor(manager, store, reading=Reading(window=200, earlier=2)) as later:
        receipt = later.submit(said(*texts), config()).result(10)
    windows = [told(request) for request in model.requests]
    assert len(windows) > 2
    assert [text.split()[0] for fresh, _ in windows for text in fresh] == [
        str(n) for n in range(12)
    ]
    assert all(len(earlier) == 2 for _, earlier in windows[1:])
    assert receipt.usage.model_calls == len(windows)
    assert len(receipt.inserted) == 12


def test_a_submit_during_a_run_leads_to_another_after_it(store, manager, model):
    entered, go_on = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        assert go_on.wait(10)
        return remember_each(request)

    model.script = slow
    with executor(manager, store, concurrency=4) as later:
        first = later.submit(said("tea"), config())
        assert entered.wait(10)
        assert not first.cancel()
        second = later.submit(said("cake"), config())
        time.sleep(0.3)
        assert len(model.requests) == 1  # one at a time for a thread
        go_on.set()
        assert len(first.result(10).inserted) == 1
        assert len(second.result(10).inserted) == 1
    assert [told(request)[0] for request in model.requests] == [["tea"], ["cake"]]


# Futures


def test_cancel_works_until_the_work_begins(store, manager, model):
    with executor(manager, store) as later:
        future = later.submit(said("tea"), config(), after_seconds=60)
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(5)
        done = later.submit(said("cake"), config("tuesday"))
        done.result(10)
        assert not done.cancel()
        kept = later.submit(said("a"), config("friday"), after_seconds=0.3)
        other = later.submit(said("b"), config("friday"), after_seconds=0.3)
        assert other.cancel()
        assert len(kept.result(10).inserted) == 2  # what was said stays said
    assert remembered(store) == ["a", "b", "cake"]


def test_a_failing_model_is_tried_again_then_its_error_is_the_futures(store, manager, model):
    failing = TimeoutError("the provider is away")
    model.script = lambda request: failing
    with executor(manager, store) as later:
        future = later.submit(said("tea"), config())
        with pytest.raises(TimeoutError, match="away"):
            future.result(10)
        assert len(model.requests) == 3
        model.script = remember_each
        assert len(later.submit(said("cake"), config()).result(10).inserted) == 2
    assert remembered(store) == ["cake", "tea"]  # nothing was lost meanwhile


def test_a_setting_that_cannot_work_is_not_tried_again(store, manager, model):
    model.script = lambda request: ConfigurationError("no such model")
    with executor(manager, store) as later:
        with pytest.raises(ConfigurationError):
            later.submit(said("tea"), config()).result(10)
        assert len(model.requests) == 1
        model.script = remember_each
        later.submit(said("cake"), config("tuesday")).result(10)  # the worker lives on


def test_even_what_ends_an_interpreter_ends_no_worker(store, manager, model):
    model.script = lambda request: SystemExit(3)
    with executor(manager, store) as later:
        with pytest.raises(SystemExit):
            later.submit(said("tea"), config()).result(10)
        model.script = remember_each
        later.submit(said("cake"), config("tuesday")).result(10)


@pytest.mark.parametrize(
    ("payload", "given", "error"),
    [
        ({}, config(), InputError),
        (said("tea"), {"configurable": {"thread_id": "monday"}}, ConfigurationError),
        (said("tea"), config("a\0b"), ConfigurationError),
        ({**said("tea"), "max_steps": 0}, config(), InputError),
    ],
)
def test_what_cannot_work_is_refused_at_submit(store, manager, payload, given, error):
    with executor(manager, store) as later, pytest.raises(error):
        later.submit(payload, given)


@pytest.mark.parametrize("seconds", [-1, "1", float("nan"), None])
def test_a_time_to_wait_is_a_number(store, manager, seconds):
    with executor(manager, store) as later, pytest.raises(InputError, match="after_seconds"):
        later.submit(said("tea"), config(), after_seconds=seconds)


def test_without_a_store_or_after_its_end_it_says_so(manager):
    with pytest.raises(ConfigurationError, match="no store"):
        ReflectionExecutor(manager).submit(said("tea"), config())
    ended = ReflectionExecutor(manager, store=InMemoryStore())
    ended.shutdown()
    with pytest.raises(ConfigurationError, match="shut down"):
        ended.submit(said("tea"), config())
    with pytest.raises(ConfigurationError, match="namespace"):
        ReflectionExecutor(RunnableLambda(lambda given: given))


# Event loops, graphs, and other Runnables


async def test_a_loop_is_never_blocked_and_awaits_the_future(store, manager):
    with executor(manager, store) as later:
        began = time.monotonic()
        future = later.submit(said("tea"), config())
        assert time.monotonic() - began < 0.5
        assert len((await asyncio.wrap_future(future)).inserted) == 1
        stored = await later.asubmit(said("cake"), config(), after_seconds=0.1)
        assert stored.ticket is not None
        assert len((await asyncio.wrap_future(stored)).inserted) == 1
        assert len(await later.asearch(namespace=NS)) == 2


async def test_in_a_loop_nothing_is_called_that_blocks(store, manager):
    with executor(manager, store) as later:
        with blockbuster_ctx():
            future = later.submit(said("tea"), config())
            stored = await later.asubmit(said("cake"), config())
            await asyncio.wrap_future(future)
            await asyncio.wrap_future(stored)
            assert len(await later.asearch(namespace=NS)) == 2
            late = await later.asubmit(said("ferry"), config(), after_seconds=60)
            assert await late.acancel()
            with pytest.raises(BlockingError):
                open_store(":memory:")  # so would be seen what blocks


async def test_in_a_loop_what_cannot_be_stored_is_the_futures_error(manager, tmp_path):
    store = open_store(tmp_path / "x.db")
    later = ReflectionExecutor(manager, store=store)
    store.close()
    with pytest.raises(Exception, match="closed"):
        await asyncio.wrap_future(later.submit(said("tea"), config()))
    later.shutdown(wait=False)


def test_the_store_of_the_graph_that_submits_is_used(store, manager):
    later = ReflectionExecutor(manager, retry=FAST)
    futures = []

    class State(BaseModel):
        text: str

    def node(state):
        futures.append(later.submit(said(state.text)))
        return {}

    graph = StateGraph(State).add_node("talk", node).add_edge(START, "talk")
    other = InMemoryStore()
    graph.compile(store=store).invoke({"text": "tea"}, config())
    graph.compile(store=other).invoke({"text": "cake"}, config())
    for future in futures:
        future.result(10)
    assert (remembered(store), remembered(other)) == (["tea"], ["cake"])
    later.shutdown()


def test_any_runnable_gets_its_payload_verbatim_and_unmerged(store):
    seen = []

    def reflect(given, config):
        seen.append((given, config["configurable"]["thread_id"]))
        return len(seen)

    payload = {"messages": [HumanMessage("tea", id="1"), AIMessage("cake")], "n": [1, None]}
    runnable = RunnableLambda(reflect, name="keeper")
    later = ReflectionExecutor(runnable, TEMPLATE, store=store, retry=FAST)
    futures = [later.submit(payload, config(), after_seconds=0.1) for _ in range(2)]
    assert sorted(future.result(10) for future in futures) == [1, 2]
    assert seen == [(payload, "monday")] * 2
    with pytest.raises(InputError, match="JSON data"):
        later.submit({"at": object()}, config())
    later.shutdown()


# Elsewhere


def test_another_worker_does_it_and_the_future_tells(opened, manager, model):
    store = opened()
    later = ReflectionExecutor(manager, store=store, work=False, keep=("tone",))
    secret = {"tone": "kind", "api_key": "s3cret"}
    future = later.submit(said("tea"), config(**secret), after_seconds=0.1)
    (job,) = store.jobs()
    assert job.payload == {"configurable": {"tone": "kind"}, "thread_id": "monday"}
    assert not future.done()
    worker = Worker(opened(), [Reflect(manager)])
    worker.start()
    receipt = future.result(10)
    worker.stop()
    assert [(change.action, change.after) for change in receipt.changes] == [("inserted", None)]
    assert receipt.usage.model_calls == 1
    assert remembered(store) == ["tea"]
    later.shutdown()


def test_given_up_elsewhere_the_future_has_the_error_and_retry_does_it(opened, manager, model):
    store = opened()
    later = ReflectionExecutor(manager, store=store, work=False)
    model.script = lambda request: TimeoutError("the provider is away")
    future = later.submit(said("tea"), config())
    worker = Worker(opened(), [Reflect(manager)], retry=FAST)
    worker.start()
    with pytest.raises(JobFailed, match="TimeoutError: the provider is away"):
        future.result(10)
    (dead,) = store.jobs()
    assert (dead.state, dead.attempts) == ("dead", 3)
    model.script = remember_each
    assert store.retry_job(dead.namespace, dead.name)
    worker.drain()
    assert remembered(store) == ["tea"]
    later.shutdown()


def test_shutdown_leaves_to_the_store_what_is_due_later(opened, manager, model):
    store = opened()
    with ReflectionExecutor(manager, store=store) as later:
        soon = later.submit(said("tea"), config())
        late = later.submit(said("cake"), config("tuesday"), after_seconds=60)
    assert (soon.done(), late.done()) == (True, False)
    assert [job.thread for job in store.jobs()] == ["tuesday"]
    with ReflectionExecutor(manager, store=store) as later:
        late = later.submit(said("ferry"), config("tuesday"), after_seconds=60)
        later.shutdown(cancel_futures=True)
    assert late.cancelled()
    assert len(store.jobs()) == 1  # that of the first executor is not its own to cancel


def test_shutdown_finishes_what_is_in_memory_or_tells_what_is_lost(manager, caplog):
    store = InMemoryStore()
    with ReflectionExecutor(manager, store=store) as later:
        future = later.submit(said("tea"), config(), after_seconds=60)
    assert len(future.result(0).inserted) == 1
    later = ReflectionExecutor(manager, store=store)
    future = later.submit(said("cake"), config(), after_seconds=60)
    lost = later.shutdown(wait=False)
    assert [job.thread for job in lost] == ["monday"]
    assert future.cancelled()
    assert "1 reflections waited in memory alone and are lost" in caplog.text


def test_stopped_in_the_midst_a_worker_hands_back_and_its_commit_is_refused(opened, manager, model):
    store = opened()
    entered, go_on = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        assert go_on.wait(10)
        return remember_each(request)

    model.script = slow
    later = ReflectionExecutor(manager, store=store, work=False)
    future = later.submit(said("tea"), config())
    worker = Worker(opened(), [Reflect(manager)])
    worker.start()
    assert entered.wait(10)
    assert [job.thread for job in worker.stop(grace=0.1)] == ["monday"]
    other = Worker(opened(), [Reflect(manager)])
    other.start()
    time.sleep(0.3)
    go_on.set()
    assert len(future.result(10).inserted) == 1
    other.stop()
    time.sleep(0.2)
    (item,) = store.search(NS)
    assert len(store.history(NS, item.key)) == 1
    later.shutdown()


def test_over_the_limit_of_a_day_jobs_wait_and_say_so(opened, manager, model):
    store = opened()
    later = ReflectionExecutor(manager, store=store, limits=Limits(calls=2), concurrency=1)
    futures = [later.submit(said(f"{n}"), config(f"thread {n}")) for n in range(3)]
    other = later.submit(said("mine"), config(user="ines"))
    other.result(10)
    deadline = time.monotonic() + 10
    while sum(future.done() for future in futures) < 2 or store.jobs()[0].error is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (job,) = store.jobs()
    assert (job.state, job.attempts) == ("waiting", 0)
    assert "2 model calls a day are spent" in job.error
    assert len(model.requests) == 3
    later.shutdown()


def test_two_managers_of_one_namespace_read_every_message_each(opened, manager, model):
    class Dish(BaseModel):
        """Something to eat."""

        name: str

    dishes = ScriptedModel(lambda r: [("Dish", {"name": text}) for text in told(r)[0]])
    second = create_memory_store_manager(dishes, schemas=[Dish], namespace=TEMPLATE)
    store = opened()
    with ReflectionExecutor(manager, store=store) as one:
        with ReflectionExecutor(second, store=store) as other:
            one.submit(said("cake"), config()).result(10)
            other.submit(said("cake"), config()).result(10)
    kinds = sorted(item.value["kind"] for item in store.search(NS))
    assert kinds == ["Dish", "Memory"]
    assert store.cursor(NS, "monday") == store.cursor(NS, "monday", "reflection:Dish") == 1


def test_memories_name_the_messages_of_their_window(opened, manager):
    store = opened()
    with ReflectionExecutor(manager, store=store) as later:
        later.submit(said("tea"), config()).result(10)
        later.submit(said("cake"), config()).result(10)
    for item in store.search(NS):
        (source,) = store.sources(NS, item.key)
        assert source.message.text == item.value["content"]["content"]


def test_without_a_model_messages_are_kept_and_nothing_is_asked(opened):
    store = opened()
    manager = create_memory_store_manager(None, namespace=TEMPLATE)
    with ReflectionExecutor(manager, store=store) as later:
        receipt = later.submit(said("tea"), config()).result(10)
    assert (receipt.usage.model_calls, len(receipt.inserted)) == (0, 1)
    assert [entry.message.text for entry in store.journal(NS, "monday")] == ["tea"]
    assert store.cursor(NS, "monday") == 1


def test_a_search_finds_what_was_remembered(store, manager):
    with executor(manager, store) as later:
        later.submit(said("tea", "cake"), config()).result(10)
        found = later.search(namespace=NS, limit=5)
        assert sorted(item["value"]["content"]["content"] for item in found) == ["cake", "tea"]
        assert {item["namespace"] for item in found} == {NS}
        assert len(later.search(namespace=NS, limit=1)) == 1


def test_what_a_manager_has_read_on_the_hot_path_is_not_reflected_on_again(opened, manager, model):
    store = opened()
    hot = manager.using(store)
    hot.invoke(said("tea"), config())
    with ReflectionExecutor(manager, store=store) as later:
        assert later.submit(said("tea"), config()).result(10).usage.model_calls == 0
        later.submit(said("tea", "cake"), config(), after_seconds=60)
        hot.invoke(said("tea", "cake", "ferry"), config())  # cake is still to be read
    assert store.cursor(NS, "monday") == 1


# What newcomers met


def test_a_worker_is_drained_again_and_again(opened, manager):
    store = opened()
    later = ReflectionExecutor(manager, store=store, work=False)
    worker = Worker(store, [Reflect(manager)])
    for number in range(3):
        later.submit(said(f"{number}"), config(f"thread {number}"))
        assert worker.drain() == 1
    worker.start()
    future = later.submit(said("tea"), config())
    assert len(future.result(10).inserted) == 1
    worker.stop()
    assert remembered(store) == ["0", "1", "2", "tea"]


def test_without_a_model_any_store_keeps_the_messages(store):
    manager = create_memory_store_manager(None, namespace=TEMPLATE)
    with executor(manager, store) as later:
        receipt = later.submit(said("tea", "cake"), config()).result(10)
    assert [change.kind for change in receipt.inserted] == ["Message", "Message"]
    if isinstance(store, InMemoryStore):
        kept = [item.value["content"]["text"] for item in store.search(NS)]
    else:
        kept = [entry.message.text for entry in store.journal(NS, "monday")]
    assert sorted(kept) == ["cake", "tea"]


@pytest.mark.parametrize("make", [InMemoryStore, lambda: open_store(":memory:")])
def test_what_fails_or_waits_when_memory_ends_is_returned(manager, model, make, caplog):
    model.script = lambda request: TimeoutError("away")
    with ReflectionExecutor(manager, store=make()) as later:
        future = later.submit(said("tea"), config())
        lost = later.shutdown()
    assert [job.thread for job in lost] == ["monday"]
    assert isinstance(future.exception(0), TimeoutError)
    assert "are lost" in caplog.text


@pytest.mark.parametrize("make", [InMemoryStore, lambda: open_store(":memory:")])
def test_what_runs_when_memory_ends_leaves_no_open_future(manager, model, make):
    entered, go_on = threading.Event(), threading.Event()

    def slow(request):
        entered.set()
        go_on.wait(10)
        return ""

    model.script = slow
    later = ReflectionExecutor(manager, store=make())
    future = later.submit(said("tea"), config())
    assert entered.wait(10)
    assert [job.thread for job in later.shutdown(wait=False)] == ["monday"]
    assert future.cancelled()
    go_on.set()


def test_an_error_of_the_workers_own_is_no_success(opened, manager):
    def broken(job):
        raise KeyError("config")

    store = opened()
    later = ReflectionExecutor(manager, store=store, work=False)
    future = later.submit(said("tea"), config())
    seen = []
    worker = Worker(store, [Reflect(manager)], config_of=broken, ended=seen.append, lease=0.2)
    worker.start()
    deadline = time.monotonic() + 10
    while not seen:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.stop(1)
    assert not seen[0].over
    assert isinstance(seen[0].error, KeyError)
    assert not future.done()
    Worker(opened(), [Reflect(manager)]).start()
    assert len(future.result(10).inserted) == 1


@pytest.mark.parametrize(
    "settings",
    [{"retry": 5}, {"limits": {"calls": 1}}, {"work": "no"}, {"reader": 5}, {"reader": ""}],
)
def test_settings_of_no_known_form_are_refused(manager, settings):
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        ReflectionExecutor(manager, store=InMemoryStore(), **settings)


@pytest.mark.parametrize("wrong", [{"first": math.nan}, {"most": math.inf}, {"attempts": 0}])
def test_waits_are_numbers(wrong):
    with pytest.raises(ConfigurationError):
        Retry(**wrong)


def test_a_worker_takes_handlers_of_different_names(opened, manager):
    store = opened()
    for given, what in (
        ([manager], "handlers_of"),
        (["x"], "handlers_of"),
        ([], "got none"),
        ([Reflect(manager), Reflect(manager)], "Two handlers"),
    ):
        with pytest.raises(ConfigurationError, match=what):
            Worker(store, given)


def test_a_receipt_names_the_run_that_undoes_all_of_its_windows(opened, manager):
    store = opened()
    texts = [f"{number} " + "word " * 40 for number in range(8)]
    with ReflectionExecutor(manager, store=store, reading=Reading(window=200)) as later:
        receipt = later.submit(said(*texts), config()).result(10)
    assert receipt.usage.model_calls > 2
    assert len(store.search(NS, limit=100)) == 8
    store.revert(NS, source=Source("run", receipt.run))
    assert store.search(NS) == []


def test_cancelled_futures_count_as_done(store, manager):
    with executor(manager, store) as later:
        futures = [
            later.submit(said("tea"), config(f"thread {number}"), after_seconds=60)
            for number in range(3)
        ]
        assert all(future.cancel() and future.cancel() for future in futures)
        done, open_ = concurrent.futures.wait(futures, timeout=5)
    assert (len(done), len(open_)) == (3, 0)


async def test_async_code_ends_an_executor_without_blocking(store, manager):
    async with ReflectionExecutor(manager, store=store) as later:
        future = await later.asubmit(said("tea"), config())
    assert len(future.result(0).inserted) == 1


def test_a_closed_store_ends_an_executor_without_an_error(manager, tmp_path):
    store = open_store(tmp_path / "x.db")
    later = ReflectionExecutor(manager, store=store)
    later.submit(said("tea"), config(), after_seconds=0)
    store.close()
    assert later.shutdown() == []


def test_a_worker_elsewhere_has_what_was_kept_of_the_config(opened, tmp_path):
    seen = []

    def reflect(given, config):
        from langgraph.config import get_store

        kept = config["configurable"]
        seen.append((kept.get("tone"), kept.get("thread_id"), kept.get("api_key"), get_store()))

    store, elsewhere = opened(), opened()
    runnable = RunnableLambda(reflect, name="keeper")
    later = ReflectionExecutor(runnable, TEMPLATE, store=store, work=False, keep=("tone",))
    later.submit({"n": 1}, config(tone="kind", api_key="s3cret"))
    assert Worker(elsewhere, handlers_of(runnable)).drain() == 1
    assert seen == [("kind", "monday", None, elsewhere)]
    later.shutdown()
