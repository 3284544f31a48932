"""Reflection on a real LangGraph server, and in a queue of one's own."""

import asyncio
import json
import subprocess
import sys
import threading
import time
import uuid

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from holdfast.errors import ConfigurationError, InputError
from holdfast.jobs import lanes, remote
from holdfast.jobs.remote import RemoteReflectionExecutor
from langgraph_server import free_port, langgraph_dev, wait_for

GRAPHS = """
import uuid
from typing import Any
from typing_extensions import TypedDict
from langchain_core.messages import convert_to_messages
from langgraph.config import get_config, get_store
from langgraph.graph import START, MessagesState, StateGraph
from holdfast.jobs.remote import RemoteReflectionExecutor

class Talk(TypedDict):
    messages: list[Any]

async def write(state):
    told = get_config()["configurable"]
    for number, message in enumerate(convert_to_messages(state["messages"])):
        value = {
            "text": message.content, "number": number, "run": str(told["run_id"]),
            "conversation": told.get("conversation_thread_id"), "user": told.get("user_id"),
            "thread": told["thread_id"], "secret": "secret" in told,
        }
        await get_store().aput(tuple(told["namespace"]), str(uuid.uuid4()), value)
    return {}

executor = RemoteReflectionExecutor(("agents", "{user_id}"), "reflect", keep=("user_id",))

async def answer(state):
    sent = executor.submit({"messages": state["messages"]})
    there = await executor.asearch(namespace=("agents", "nobody"))
    return {"messages": [{"role": "assistant", "content": f"Noted, beside {len(there)}."}]}

def graph(node, state):
    return StateGraph(state).add_node("node", node).add_edge(START, "node").compile()

reflect, agent = graph(write, Talk), graph(answer, MessagesState)
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    home = tmp_path_factory.mktemp("server")
    (home / "graphs.py").write_text(GRAPHS, encoding="utf-8")
    graphs = {name: f"./graphs.py:{name}" for name in ("reflect", "agent")}
    with langgraph_dev(home, {"dependencies": ["."], "graphs": graphs}) as url:
        yield url


@pytest.fixture
def place():
    return ("seen", uuid.uuid4().hex)


@pytest.fixture
def executor(url, place):
    with RemoteReflectionExecutor(place, "reflect", url=url) as made:
        yield made


def says(*texts):
    return {"messages": [{"role": "user", "content": text} for text in texts]}


def on(thread, **more):
    return {"configurable": {"thread_id": thread, **more}}


def values(executor, many):
    found = wait_for(lambda: len(items := executor.search(limit=50)) >= many and items)
    assert found, "nothing was found in time"
    return sorted((item["value"] for item in found), key=lambda value: value["number"])


def texts(executor, many):
    return [value["text"] for value in values(executor, many)]


def test_what_was_submitted_is_reflected_on_and_found(executor, place):
    began = time.monotonic()
    run = executor.submit(says("tea"), on("monday"), after_seconds=1).result()
    assert str(uuid.UUID(run)) == run
    (value,) = values(executor, 1)
    assert time.monotonic() - began >= 1
    assert (value["text"], value["run"], value["conversation"]) == ("tea", run, "monday")
    (item,) = asyncio.run(executor.asearch(filter={"text": "tea"}, limit=1))
    assert item["namespace"] == place
    assert [i["key"] for i in executor.search(namespace="seen", limit=50)].count(item["key"]) == 1
    assert executor.search(filter={"text": "coffee"}) == executor.search(offset=1) == []


def test_turns_within_the_quiet_time_are_one_run_that_gets_them_all(executor):
    for turn in ("a", "b"):
        executor.submit(says(turn), on("t"), after_seconds=60).result()
    run = executor.submit(says("c"), on("t"), after_seconds=0.5).result()
    found = values(executor, 3)
    assert [value["text"] for value in found] == ["a", "b", "c"]
    assert {value["run"] for value in found} == {run}
    executor.submit(says("d"), on("t")).result()
    assert sorted(texts(executor, 4)) == ["a", "b", "c", "d"]


def test_a_run_that_another_executor_replaced_is_not_lost(executor, url, place):
    with RemoteReflectionExecutor(place, "reflect", url=url) as other:
        executor.submit(says("a"), on("t"), after_seconds=60).result()
        other.submit(says("b"), on("t"), after_seconds=60).result()
    executor.submit(says("c"), on("t")).result()
    assert texts(executor, 2) == ["a", "c"]


def test_what_was_said_on_a_deleted_thread_stays_deleted(url, place):
    thread = str(uuid.uuid4())
    with RemoteReflectionExecutor(place, "reflect", url=url, own_threads=False) as executor:
        executor.submit(says("a"), on(thread), after_seconds=60).result()
        with get_sync_client(url=url) as client:
            client.threads.delete(thread)
        executor.submit(says("b"), on(thread)).result()
        assert texts(executor, 1) == ["b"]


def test_errors_of_the_server_are_the_futures_and_the_executor_lives_on(url, place):
    with RemoteReflectionExecutor(place, "no-such-graph", url=url) as executor:
        for _ in range(2):
            with pytest.raises(httpx.HTTPStatusError) as caught:
                executor.submit(says("tea"), on("t")).result()
            assert caught.value.response.status_code == 422
    with httpx.Client(base_url=f"http://127.0.0.1:{free_port()}") as nowhere:
        client = SyncLangGraphClient(nowhere)
        with RemoteReflectionExecutor(place, "reflect", sync_client=client) as executor:
            with pytest.raises(httpx.ConnectError):
                executor.submit(says("tea")).result()


def test_only_what_is_named_is_sent(url, place):
    with RemoteReflectionExecutor(place, "reflect", url=url, keep=("user_id", "org")) as executor:
        executor.submit(says("tea"), on("t", user_id="nora", secret="sk-1")).result()
        executor.submit(says("coffee"), on("t", user_id="ines", secret="sk-1")).result()
        found = values(executor, 2)
    assert not any(value["secret"] for value in found)
    # One thread, two users: what one said is not handed to the other's run.
    assert {(v["text"], v["user"]) for v in found} == {("tea", "nora"), ("coffee", "ines")}


def test_an_agent_may_submit_on_the_server_that_it_runs_on(url):
    thread = str(uuid.uuid4())
    with get_sync_client(url=url) as client:
        state = client.runs.wait(
            thread,
            "agent",
            input=says("I moved to Lisbon"),
            config={"configurable": {"user_id": "nora"}},
            if_not_exists="create",
        )
        assert [m["content"] for m in state["messages"]] == [
            "I moved to Lisbon",
            "Noted, beside 0.",
        ]
        with RemoteReflectionExecutor(
            ("agents", "nora"), "reflect", sync_client=client
        ) as executor:
            (value,) = values(executor, 1)
    assert (value["text"], value["conversation"]) == ("I moved to Lisbon", thread)
    assert value["thread"] != thread  # the agent's run and state are left alone


def test_the_conversations_own_thread_is_made_and_must_be_a_uuid(url, place):
    thread = uuid.uuid4()
    with RemoteReflectionExecutor(place, "reflect", url=url, own_threads=False) as executor:
        with pytest.raises(ConfigurationError, match=r"takes UUIDs.*'monday'.*own_threads=True"):
            executor.submit(says("tea"), on("monday"))
        executor.submit(says("a"), on("monday"), thread_id=thread, after_seconds=60).result()
        run = executor.submit(says("b"), on(str(thread).upper())).result()
        found = values(executor, 2)
    assert [value["text"] for value in found] == ["a", "b"]
    assert {(value["thread"], value["run"]) for value in found} == {(str(thread), run)}
    with get_sync_client(url=url) as client:
        assert [r["run_id"] for r in client.runs.list(str(thread))] == [run]


async def test_a_client_for_awaiting_callers_is_enough(url, place):
    async with get_client(url=url, headers={"x-shop": "7"}) as client:
        with RemoteReflectionExecutor(place, "reflect", client=client) as executor:
            await executor.asearch()
            run = await asyncio.wrap_future(executor.submit(says("tea")))
            assert executor._line._blocking().http.client.headers["x-shop"] == "7"
            assert await asyncio.to_thread(wait_for, executor.search)
            (found,) = await executor.asearch("tea")
    assert found["value"]["run"] == run


async def test_a_client_within_the_server_must_be_awaited(place):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=None)) as inner:
        with RemoteReflectionExecutor(place, "reflect", client=LangGraphClient(inner)) as executor:
            with pytest.raises(ConfigurationError, match=r"Await asearch"):
                executor.search()


class Shop:
    """A shop's own queue: the newest job of a thread replaces the one that waits."""

    def __init__(self):
        self.jobs, self.states, self.open = {}, {}, threading.Event()
        self.open.set()
        self.asked = 0

    def send(self, payload, *, thread_id, configurable, after_seconds):
        self.open.wait()
        if payload.get("boom"):
            raise OSError("the queue is full")
        for job, (thread, *_) in self.jobs.items():
            if thread == thread_id is not None and self.states[job] == "pending":
                self.states[job] = "replaced"
        job = f"job-{len(self.jobs)}"
        self.jobs[job] = (thread_id, payload, configurable, after_seconds)
        self.states[job] = "pending"
        return job

    def state(self, thread_id, run_id):
        self.asked += 1
        return self.states[run_id]

    def done(self, state="success"):
        self.states = {job: state if s == "pending" else s for job, s in self.states.items()}

    def heard(self, job):
        return [message["content"] for message in self.jobs[job][1]["messages"]]


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def hands(shop):
    with RemoteReflectionExecutor("notes", "reflect", carrier=shop) as executor:
        yield executor


def submitted(executor, shop, *turns, thread="t", **more):
    payload = {"messages": list(turns)} if turns and not isinstance(turns[0], str) else says(*turns)
    return shop.heard(executor.submit(payload, on(thread), **more).result())


def test_a_queue_of_ones_own_gets_json_the_thread_and_the_delay(hands, shop):
    given = [HumanMessage("hi", id="m1"), ("assistant", "hello"), AIMessage("cut \ud83d")]
    job = hands.submit({"messages": given, "at": uuid.UUID(int=1)}, on(7), after_seconds=2.5)
    thread, payload, configurable, after = shop.jobs[job.result()]
    assert json.loads(json.dumps(payload)) == payload
    assert payload["messages"][0]["id"] == "m1"
    assert payload["messages"][2]["content"] == "cut \N{REPLACEMENT CHARACTER}"
    assert (configurable, after) == ({"namespace": ["notes"], "thread_id": "7"}, 2.5)
    assert str(uuid.UUID(thread)) == thread
    given.clear()
    assert len(payload["messages"]) == 3


def test_what_both_turns_have_is_taken_once(hands, shop):
    assert submitted(hands, shop, "a", "b") == ["a", "b"]
    assert submitted(hands, shop, "b", "c") == ["a", "b", "c"]
    assert submitted(hands, shop, "a", "b", "c", "d") == ["a", "b", "c", "d"]
    assert shop.asked == 1, "who hands over everything costs no question"
    assert submitted(hands, shop, "d", "d") == ["a", "b", "c", "d", "d"]
    told = {"role": "system", "content": "Be kind."}
    turn = {"role": "user", "content": "e"}
    assert submitted(hands, shop, told, turn)[-2:] == ["Be kind.", "e"]
    assert submitted(hands, shop, told, turn | {"content": "f"})[-3:] == ["Be kind.", "e", "f"]
    same = [turn | {"content": "ok", "id": id} for id in ("1", "2")]
    assert submitted(hands, shop, same[0], thread="ids") == ["ok"]
    assert submitted(hands, shop, same[1], thread="ids") == ["ok", "ok"]


@pytest.mark.parametrize(
    ("state", "heard"),
    [
        ("pending", ["a", "b"]),
        ("running", ["a", "b"]),
        ("replaced", ["a", "b"]),
        ("success", ["b"]),
        ("error", ["b"]),
        ("gone", ["b"]),
    ],
)
def test_only_what_is_not_done_is_taken_along(hands, shop, state, heard):
    submitted(hands, shop, "a")
    shop.done(state)
    assert submitted(hands, shop, "b") == heard


def test_threads_and_payloads_without_messages_stay_apart(hands, shop):
    assert submitted(hands, shop, "a", thread="one") == ["a"]
    assert submitted(hands, shop, "b", thread="two") == ["b"]
    assert submitted(hands, shop, "c", thread=None) == submitted(hands, shop, "c", thread=None)
    assert shop.jobs[hands.submit({"date": "monday"}, on("one")).result()][1] == {"date": "monday"}
    assert submitted(hands, shop, "d", thread="one") == ["a", "d"]


def test_a_send_that_failed_loses_nothing_of_those_before(hands, shop):
    submitted(hands, shop, "a")
    with pytest.raises(OSError, match="full"):
        hands.submit({**says("b"), "boom": True}, on("t")).result()
    assert submitted(hands, shop, "c") == ["a", "c"]


def test_threads_that_were_not_heard_of_for_long_are_let_go(hands, shop, monkeypatch):
    monkeypatch.setattr(remote, "_THREADS", 2)
    for thread in ("one", "two", "one", "three"):
        submitted(hands, shop, thread, thread=thread)
    assert submitted(hands, shop, "x", thread="two") == ["x"]
    assert submitted(hands, shop, "x", thread="three") == ["three", "x"]


async def test_submit_does_not_wait_and_keeps_the_order_of_a_thread(hands, shop):
    shop.open.clear()
    futures = [hands.submit(says(str(turn)), on("t")) for turn in range(50)]
    assert not any(future.done() for future in futures)
    shop.open.set()
    jobs = [await asyncio.wrap_future(future) for future in futures]
    assert jobs == [f"job-{number}" for number in range(50)]
    assert shop.heard(jobs[-1]) == [str(turn) for turn in range(50)]


def test_shutdown_sends_what_is_left_or_drops_it(shop):
    with RemoteReflectionExecutor("notes", "reflect", carrier=shop) as executor:
        futures = [executor.submit(says("a"), on(str(n))) for n in range(9)]
    assert all(future.done() for future in futures)
    with pytest.raises(ConfigurationError, match=r"after shutdown\(\)"):
        executor.submit(says("b"))
    shop.open.clear()
    executor = RemoteReflectionExecutor("notes", "reflect", carrier=shop)
    futures = [executor.submit(says(str(n)), on("t")) for n in range(3)]
    wait_for(futures[0].running)
    executor.shutdown(wait=False, cancel_futures=True)
    shop.open.set()
    executor.shutdown()
    assert [future.cancelled() for future in futures] == [False, True, True]
    assert shop.heard(futures[0].result()) == ["0"]


def test_idle_threads_end(shop, monkeypatch):
    monkeypatch.setattr(lanes, "_IDLE_SECONDS", 0.05)
    executor = RemoteReflectionExecutor("notes", "reflect", carrier=shop)
    executor.submit(says("a")).result()
    assert wait_for(lambda: executor._lanes._threads == 0)
    assert executor.submit(says("b")).result() == "job-1"


BAD = [
    (["messages"], {}, InputError, r"such as \{'messages'"),
    ({"messages": 7}, {}, InputError, "must be a list of messages"),
    ({"messages": [object()]}, {}, InputError, "Message 0 cannot be read"),
    ({"file": b"x"}, {}, InputError, "payload cannot be sent.*a bytes is no JSON data"),
    (says("a"), {"config": on("t", user_id=object())}, InputError, r"configurable\['user_id'\]"),
    (says("a"), {"config": on("t", user_id=float("nan"))}, InputError, "user_id"),
    (says("a"), {"config": on("x\x00")}, ConfigurationError, "thread_id"),
    (says("a"), {"config": "t"}, ConfigurationError, "config must be a dict"),
    (says("a"), {"thread_id": 7}, ConfigurationError, "thread_id must be a text or a UUID, got 7"),
    (says("a"), {"after_seconds": -1}, ConfigurationError, "from 0 on, got -1"),
    (says("a"), {"after_seconds": "soon"}, ConfigurationError, "got 'soon'"),
]


@pytest.mark.parametrize(("payload", "more", "kind", "message"), BAD)
def test_what_cannot_be_sent_is_refused_at_once(shop, payload, more, kind, message):
    executor = RemoteReflectionExecutor("notes", "reflect", carrier=shop, keep=["user_id"])
    with pytest.raises(kind, match=message):
        executor.submit(payload, **more)
    assert not shop.jobs


def test_what_an_executor_is_made_of_is_checked(shop):
    with pytest.raises(ConfigurationError, match="reflector must be the name"):
        RemoteReflectionExecutor("notes", len)
    with pytest.raises(ConfigurationError, match="keep must be keys"):
        RemoteReflectionExecutor("notes", "reflect", keep="user_id")
    filled = RemoteReflectionExecutor(("notes", "{user_id}"), "reflect", carrier=shop)
    with pytest.raises(ConfigurationError, match="'user_id' is missing"):
        filled.submit(says("a"))
    with pytest.raises(ConfigurationError, match="no server to search"):
        filled.search("tea")


@pytest.mark.parametrize(("pause", "printed"), [("0.3", "sent\n"), ("60", "")])
def test_the_end_of_the_interpreter_waits_a_little(pause, printed):
    code = f"""
import time
from holdfast.jobs import lanes
from holdfast.jobs.remote import RemoteReflectionExecutor
lanes.AT_EXIT_SECONDS = 1.5
class Slow:
    def send(self, payload, **more):
        time.sleep({pause})
        print("sent", flush=True)
        return "1"
RemoteReflectionExecutor("notes", "reflect", carrier=Slow()).submit({{"a": 1}})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert (done.stdout, done.stderr) == (printed, "")
