"""The deployable graphs: called in this process, and on a real LangGraph server."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.store.memory import InMemoryStore
from langgraph_sdk import get_client
from langgraph_sdk.errors import AuthenticationError, PermissionDeniedError

from holdfast import ConfigurationError, NamespaceTemplate, ReflectionExecutor, open_store
from holdfast.errors import InputError
from holdfast.graphs import pin
from holdfast.graphs.places import place_of
from holdfast.graphs.prompts import optimize_prompts
from holdfast.graphs.semantic import extract_memories
from holdfast.graphs.store import server_store, store_from_environment
from holdfast.testing import LocalProvider, ScriptedModel
from langgraph_server import ROOT, TOKENS, answer

NORA = "nora@mail.example"
PLACE = {"title": "Place", "type": "object", "properties": {"name": {"type": "string"}}}
PROMPTS = [
    {"name": "greet", "prompt": "You greet.", "when_to_update": "always"},
    {"name": "part", "prompt": "You say goodbye.", "when_to_update": "never"},
]


def says(*kept):
    return [{"role": "user", "content": f"Remember: {one}."} for one in kept]


def contents(items):
    return sorted(item["value"]["content"]["content"] for item in items)


async def extract(store, asked, how="ainvoke", **configurable):
    """Run the graph as a server does: with the server's store, in a graph around it."""
    config = {"configurable": {"model": ScriptedModel(answer), **configurable}}

    @entrypoint(store=store)
    def blocking(asked):
        return extract_memories.invoke(asked)

    @entrypoint(store=store)
    async def awaiting(asked):
        return await extract_memories.ainvoke(asked)

    if how == "invoke":
        return blocking.invoke(asked, config)
    return await awaiting.ainvoke(asked, config)


# In this process


@pytest.fixture(params=["openai", "anthropic"])
def real_model(request, chat, no_open_connections):
    with LocalProvider(answer) as server:
        yield chat(request.param, server)


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_memories_are_extracted_and_stored(store, real_model, how):
    asked = {"messages": says("likes tea", "plays the zither"), "namespace": ["notes", "nora"]}
    done = await extract(store, asked, how, model=real_model)
    assert contents(done["updated_memories"]) == ["likes tea", "plays the zither"]
    assert {put["namespace"] for put in done["updated_memories"]} == {("notes", "nora")}
    found = {item.key: item.value for item in store.search(("notes", "nora"))}
    kept = {put["key"]: put["value"] for put in done["updated_memories"]}
    assert kept.items() <= found.items()
    (receipt,) = done["receipts"]
    assert [change["action"] for change in receipt["changes"]] == ["inserted", "inserted"]
    assert receipt["usage"]["model_calls"] == 1
    assert json.loads(json.dumps(done))  # a server sends it as JSON


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_prompts_are_optimized(real_model, how):
    asked = {"prompts": PROMPTS, "threads": [[says("more"), {"score": 0, "comment": "short"}]]}
    config = {"configurable": {"model": real_model, "kind": "prompt_memory"}}
    done = await (
        asyncio.to_thread(optimize_prompts.invoke, asked, config)
        if how == "invoke"
        else optimize_prompts.ainvoke(asked, config)
    )
    better = [{**one, "prompt": "You are a helpful assistant. Say more."} for one in PROMPTS]
    assert done == {"optimized_prompts": better, "updated_prompts": better}
    assert {type(one["prompt"]) for one in done["updated_prompts"]} == {str}


async def test_settings_come_by_context_too():
    model = ScriptedModel(answer)
    asked = {"prompts": "You help.", "threads": [[says("more"), "short"]]}
    context = {"model": model, "kind": "metaprompt", "max_reflection_steps": 1}
    done = await optimize_prompts.ainvoke(asked, context=context)
    assert done["updated_prompts"] == [
        {"name": "prompt", "prompt": "You are a helpful assistant. Say more."}
    ]
    assert len(model.requests) == 1


async def test_messages_come_flat_or_with_feedback(store):
    model = ScriptedModel(answer)
    forms = [
        says("a"),
        [says("b"), {"score": 1}],
        [[says("c"), "well said"], [says("d"), None], says("e")],
    ]
    for form in forms:
        await extract(store, {"messages": form}, model=model)
    items = store.search(("memories",), filter={"kind": "Memory"}, limit=50)
    assert sorted(item.value["content"]["content"] for item in items) == ["a", "b", "c", "d", "e"]
    judged = [request for request in model.requests if 'role="feedback"' in request.text]
    assert len(judged) == len(model.requests) - 3 == 2
    assert "well said" in judged[1].text
    assert "what somebody thought of it" in judged[1].text
    told = store.search(("memories",), filter={"kind": "Message"}, limit=50)
    assert "well said" not in str(told), "feedback is nothing that was said"


async def test_feedback_is_not_in_the_journal():
    with open_store(":memory:") as store:
        await extract(store, {"messages": [says("c"), "well said"]})
        assert [entry.message.text for entry in store.journal(("memories",))] == ["Remember: c."]


async def test_nothing_said_is_nothing_done(store):
    done = await extract(store, {"messages": []}, model=None)
    assert done == {"updated_memories": [], "receipts": []}


async def test_schemas_and_what_the_model_may_do(store):
    model = ScriptedModel([[("Place", {"name": "Lisbon"})], []])
    (put,) = (await extract(store, {"messages": says("x"), "schemas": PLACE}, model=model))[
        "updated_memories"
    ]
    assert put["value"] == {"kind": "Place", "content": {"name": "Lisbon"}}
    settings = {"enable_inserts": False, "enable_deletes": True, "instructions": "Only places."}
    await extract(store, {"messages": says("y"), "schemas": [PLACE]}, model=model, **settings)
    assert model.requests[1].tool_names == ["PatchDoc", "RemoveDoc"]
    assert "Only places." in model.requests[1].text


async def test_a_thread_does_not_bring_inputs_of_an_earlier_run_along():
    graph = extract_memories.builder.compile(checkpointer=InMemorySaver(), store=InMemoryStore())
    config = {"configurable": {"thread_id": "t", "model": ScriptedModel(answer)}}
    first = {"messages": says("a"), "namespace": ["elsewhere"]}
    await graph.ainvoke(first, config)
    done = await graph.ainvoke({"messages": says("b")}, config)
    assert done["updated_memories"][0]["namespace"] == ("memories",)
    assert set(graph.get_state(config).values) == {"updated_memories", "receipts"}


BAD = [
    ({"schemas": PLACE}, {}, "extract_memories takes {'messages'"),
    ({"messages": "  "}, {}, "There are no trajectories"),
    ({"messages": [{"content": "x"}]}, {}, r"trajectories\[0\] cannot be read"),
    ({"messages": says("x"), "schemas": {"type": "object"}}, {}, "must have .* a 'title'"),
    ({"messages": says("x"), "schemas": [{**PLACE, "type": "array"}]}, {}, "type='array'"),
    ({"messages": says("x"), "schemas": [{**PLACE, "required": 1}]}, {}, "'Place' is malformed"),
    ({"messages": says("x"), "schemas": "Place"}, {}, "schemas must be a list of schemas"),
    ({"messages": says("x"), "namespace": ["{user_id}"]}, {}, r"namespace\[0\].*'{user_id}'"),
    ({"messages": says("x"), "namespace": ["a", ""]}, {}, r"namespace\[1\] must be a text"),
    ({"messages": says("x"), "namespace": {"a": 1}}, {}, "namespace must be a list of texts"),
    ({"messages": says("x")}, {"namespace": [7]}, r"configurable\['namespace'\]\[0\]"),
    ({"messages": says("x")}, {"enable_deletes": "no"}, "'enable_deletes'.* true or false"),
    ({"messages": says("x")}, {"query_limit": True}, "'query_limit'.* a whole number"),
    ({"messages": says("x")}, {"model": "none-such"}, "There is no model 'none-such'"),
    ({"messages": says("x")}, {"model": None}, "No model is named. Set HOLDFAST_MODEL"),
    ({"messages": [says("x"), 1j]}, {}, r"trajectories\[1\] cannot be read"),
    ({"messages": says("x")}, {"langgraph_auth_user": {"identity": "*"}}, "identity '[*]' cannot"),
    ({"messages": says("x")}, {"langgraph_auth_user": object()}, "identity '' cannot"),
]


@pytest.mark.parametrize(("asked", "settings", "told"), BAD, ids=lambda part: str(part)[:40])
async def test_what_is_wrong_is_told_and_nothing_is_written(store, asked, settings, told):
    with pytest.raises(InputError, match=told):
        await extract(store, asked, **settings)
    assert store.search(()) == []


@pytest.mark.parametrize(
    ("asked", "settings", "told"),
    [
        ({"prompts": "x"}, {}, "optimize_prompts takes"),
        ({"prompts": "x", "threads": []}, {}, "There are no trajectories"),
        ({"prompts": [], "threads": [says("x")]}, {}, "prompts must be a list of prompts"),
        ({"prompts": [{"prompt": "x"}], "threads": [says("x")]}, {}, "needs a name"),
        ({"prompts": "x", "threads": [says("x")]}, {"kind": "best"}, "kind is one of"),
        ({"prompts": "x", "threads": [says("x")]}, {"kind": 7}, "'kind'.* must be a text"),
    ],
)
async def test_what_is_wrong_with_prompts_is_told(asked, settings, told):
    with pytest.raises(InputError, match=told):
        await optimize_prompts.ainvoke(
            asked, {"configurable": {"model": ScriptedModel(answer), **settings}}
        )


STRICT = """
import asyncio
from blockbuster import blockbuster_ctx
from langgraph.func import entrypoint
from holdfast import open_store
from holdfast.graphs.prompts import optimize_prompts
from holdfast.graphs.semantic import extract_memories
from holdfast.testing import ScriptedModel
from langgraph_server import answer

async def main(store):
    @entrypoint(store=store)
    async def server(asked):
        return await extract_memories.ainvoke(asked)

    talk = [("user", "Remember: likes tea.")]
    given = {"model": ScriptedModel(answer), "instructions": "Drinks."}
    with blockbuster_ctx():
        await optimize_prompts.ainvoke({"prompts": "x", "threads": [talk]}, {"configurable": given})
        await server.ainvoke({"messages": [talk, (talk, "good")]}, {"configurable": given})
        print(len(await store.asearch(("memories",))))

with open_store(":memory:") as store:
    asyncio.run(main(store))
"""


def test_nothing_blocks_the_loop_of_a_new_process_not_even_reading_our_own_files():
    path = os.pathsep.join([str(ROOT / "tests"), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", STRICT],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


async def test_errors_of_a_provider_are_its_own(store):
    model = ScriptedModel([PermissionError("no credit")])
    with pytest.raises(PermissionError, match="no credit"):
        await extract(store, {"messages": says("x")}, model=model)


async def test_without_a_store_it_says_so():
    config = {"configurable": {"model": ScriptedModel(answer)}}
    with pytest.raises(InputError, match="There is no store"):
        await extract_memories.ainvoke({"messages": says("x")}, config)


# Whose namespace

LABEL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), min_size=1)
IDENTITY = LABEL.filter(lambda text: text != "*")
USERS = [
    lambda identity: {"langgraph_auth_user_id": identity},
    lambda identity: {"langgraph_auth_user": {"identity": identity}},
    lambda identity: {
        "langgraph_auth_user": type("User", (), {"identity": identity})(),
        "langgraph_auth_user_id": "somebody else",
    },
]


@given(IDENTITY, st.none() | st.lists(LABEL), st.lists(LABEL), st.sampled_from(USERS))
def test_a_run_stays_below_the_identity_of_its_caller(identity, named, sent, user):
    sent = list(NamespaceTemplate(tuple(sent))()) if sent else None
    config = {"configurable": {**user(identity), "namespace": sent}}
    stored = NamespaceTemplate(place_of(named, config))()
    assert stored[:1] == pin(identity)
    assert pin(identity, stored) == stored  # what a run gave can be asked for


@given(IDENTITY, IDENTITY, st.lists(LABEL))
def test_requests_to_the_store_are_moved_below_the_identity(one, other, namespace):
    pinned = pin(one, namespace)
    assert pinned[:1] == pin(one)
    assert pin(one, pinned) == pinned
    assert (pin(one) == pin(other)) == (one == other)
    assert "." not in pinned[0]


@pytest.mark.parametrize("identity", ["", "*", None, 7, "a{b}", "a\0b"])
def test_an_identity_that_is_no_label_is_refused(identity):
    with pytest.raises(ConfigurationError, match="caller's identity"):
        pin(identity, ("memories",))


# The store of a server


@pytest.fixture
def kept_at(monkeypatch, tmp_path):
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "new" / "memory.db"))
    return tmp_path / "new" / "memory.db"


async def test_all_threads_of_a_server_have_one_store_until_the_last_leaves(kept_at):
    async with server_store() as first:
        await first.aput(("notes",), "a", {"content": "tea"})
        seen = []

        async def elsewhere():
            async with server_store() as second:
                seen.append(second is first)
                seen.append((await second.aget(("notes",), "a")).value["content"])

        thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        thread.start()
        await asyncio.to_thread(thread.join)
        assert seen == [True, "tea"]
        assert (await first.aget(("notes",), "a")).key == "a"  # is still open
    async with server_store() as anew:
        assert anew is not first
        assert (await anew.aget(("notes",), "a")).value == {"content": "tea"}


async def test_a_store_that_cannot_be_opened_leaves_nothing_behind(kept_at, monkeypatch):
    monkeypatch.setenv("HOLDFAST_EMBED", "openai:text-embedding-3-small")
    with pytest.raises(ConfigurationError, match=r"HOLDFAST_DIMS.* got 'openai:"):
        async with server_store():
            pass
    assert not kept_at.parent.exists()
    monkeypatch.delenv("HOLDFAST_EMBED")
    async with server_store() as store:
        assert store.path == str(kept_at)


def test_the_store_is_what_the_environment_says(kept_at, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with store_from_environment({}) as store:
        assert store.path == str(tmp_path / "data" / "holdfast" / "memory.db")
    with LocalProvider() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        told = {"HOLDFAST_EMBED": "openai:text-embedding-3-small", "HOLDFAST_DIMS": "64"}
        with store_from_environment({"HOLDFAST_STORE": ":memory:", **told}) as store:
            assert store.index_config["dims"] == 64
    with pytest.raises(ConfigurationError, match="Set both"):
        store_from_environment({**told, "HOLDFAST_DIMS": "many"})


async def test_on_postgresql(postgres_url, monkeypatch):
    monkeypatch.setenv("HOLDFAST_STORE", postgres_url)
    async with server_store() as store:
        place = {"messages": says("likes tea"), "namespace": ["graphs", "postgres"]}
        await extract(store, place)
        with blockbuster_ctx():
            await extract(store, {**place, "messages": says("likes tea", "likes tea")})
        (item,) = await store.asearch(("graphs", "postgres"))
        assert item.value["content"] == {"content": "likes tea"}
        await store.adelete(item.namespace, item.key)


# On a server


def run(client, asked, graph="extract_memories", **configurable):
    return client.runs.wait(None, graph, input=asked, config={"configurable": configurable})


@asynccontextmanager
async def calling(url, token=None, **headers):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with get_client(url=url, headers=headers) as client:
        yield client


async def test_a_server_answers_and_its_store_finds_what_was_kept(graph_servers):
    async with calling(graph_servers.plain) as client:
        done, prompts, blocked = await asyncio.gather(
            run(client, {"messages": says("likes smoked tea"), "namespace": ["shop", "a.b"]}),
            run(
                client,
                {"prompts": "You help.", "threads": [[says("more"), "short"]]},
                "optimize_prompts",
                kind="prompt_memory",
            ),
            run(client, {"messages": []}, "blocks"),
            return_exceptions=True,
        )
        (put,) = done["updated_memories"]
        assert put["namespace"] == ["shop", "a.b"]
        assert put["value"] == {"kind": "Memory", "content": {"content": "likes smoked tea"}}
        found = await client.store.search_items(("shop",), query="tea")
        assert [(item["key"], item["value"]) for item in found["items"]] == [
            (put["key"], put["value"])
        ]
        item = await client.store.get_item(("shop", "a%2Eb"), put["key"])
        assert item["value"] == put["value"]
    assert "the embedder failed" not in graph_servers.log
    text = "You are a helpful assistant. Say more."
    assert prompts["updated_prompts"] == [{"name": "prompt", "prompt": text}]
    assert "Blocking" in str(blocked), "blocking calls would be told"


async def test_a_client_is_told_what_is_wrong(graph_servers):
    wrong = [case for case in BAD if "1j" not in str(case) and "auth" not in str(case)]
    wrong = [(a, s, t) for a, s, t in wrong if None not in s.values()]
    async with calling(graph_servers.plain) as client:
        told = await asyncio.gather(
            *(run(client, asked, **settings) for asked, settings, _ in wrong),
            return_exceptions=True,
        )
    for (_, _, match), error in zip(wrong, told, strict=True):
        assert isinstance(error, Exception)
        assert re.search(f"InputError: .*{match}", str(error)), error


async def test_schemas_of_studio_say_what_comes_in_and_out(graph_servers):
    async with calling(graph_servers.plain) as client:
        graphs = {one["graph_id"]: one for one in await client.assistants.search()}
        assert {"extract_memories", "optimize_prompts"} <= set(graphs)
        schemas = await client.assistants.get_schemas(graphs["extract_memories"]["assistant_id"])
    assert set(schemas["input_schema"]["properties"]) == {"messages", "schemas", "namespace"}
    assert schemas["input_schema"]["required"] == ["messages"]
    assert set(schemas["output_schema"]["properties"]) == {"updated_memories", "receipts"}
    assert "model" in schemas["context_schema"]["properties"]


async def test_a_remote_executor_reflects_by_it(graph_servers):
    where = ("users", "{user_id}")
    with ReflectionExecutor("extract_memories", where, url=graph_servers.plain) as executor:
        config = {"configurable": {"user_id": NORA, "thread_id": "monday"}}
        executor.submit({"messages": says("flies kites")}, config=config).result()
        async with calling(graph_servers.plain) as client:
            for _ in range(100):
                found = await client.store.search_items(("users", "nora@mail%2Eexample"))
                if found["items"]:
                    break
                await asyncio.sleep(0.1)
    assert contents(found["items"]) == ["flies kites"]


async def test_memories_outlive_the_server_and_belong_to_whom_they_name(graph_servers):
    async with calling(graph_servers.plain) as client:
        await run(client, {"messages": says("sails"), "namespace": [NORA, "before"]})
    url = graph_servers.guarded  # the other server was killed
    async with calling(url, "token-of-nora") as nora, calling(url, "token-of-bob") as bob:
        assert contents((await nora.store.search_items(("before",)))["items"]) == ["sails"]
        assert (await bob.store.search_items(("before",)))["items"] == []
        assert (await bob.store.search_items(("nora@mail%2Eexample",)))["items"] == []


async def test_one_identity_reaches_nothing_of_anothers_in_the_store(graph_servers):
    url = graph_servers.guarded
    theirs = ("nora@mail%2Eexample", "diary")
    async with calling(url, "token-of-nora") as nora, calling(url, "token-of-bob") as bob:
        await nora.store.put_item(("diary",), "1", {"content": "secret"})
        item = await nora.store.get_item(("diary",), "1")
        assert item["namespace"] == list(theirs)
        assert (await nora.store.get_item(theirs, "1"))["value"] == {"content": "secret"}

        for place in (theirs, theirs[1:], ("bob", *theirs)):
            assert await bob.store.get_item(place, "1") is None
            assert (await bob.store.search_items(place))["items"] == []
            await bob.store.put_item(place, "1", {"content": "forged"})
            await bob.store.delete_item(place, "1")
        assert (await bob.store.search_items((), query="secret"))["items"] == []
        for prefix in ([], ["*"], list(theirs), ["nora@mail%2Eexample"]):
            listed = (await bob.store.list_namespaces(prefix=prefix))["namespaces"]
            assert {namespace[0] for namespace in listed} <= {"bob"}
        assert (await nora.store.get_item(theirs, "1"))["value"] == {"content": "secret"}


async def test_nobody_gets_in_without_a_token(graph_servers):
    url = graph_servers.guarded
    for token, headers in ((None, {}), ("wrong", {}), (None, {"x-auth-scheme": "langsmith"})):
        async with calling(url, token, **headers) as client:
            with pytest.raises(AuthenticationError):
                await client.store.search_items(())


async def test_a_run_writes_below_its_caller_whatever_it_names(graph_servers):
    url = graph_servers.guarded
    forged = {"langgraph_auth_user_id": NORA, "langgraph_auth_user": {"identity": NORA}}
    stored = ["nora@mail%2Eexample", "memories"]
    async with calling(url, "token-of-nora") as nora, calling(url, "token-of-bob") as bob:
        own, named, sent = await asyncio.gather(
            run(nora, {"messages": says("my garden")}),
            run(bob, {"messages": says("forged one"), "namespace": [NORA, "memories"]}, **forged),
            run(bob, {"messages": says("forged two")}, namespace=stored),
        )
        assert own["updated_memories"][0]["namespace"] == [NORA, "memories"]
        for done in (named, sent):
            assert done["updated_memories"][0]["namespace"] == ["bob", NORA, "memories"]
        assert "my garden" not in json.dumps([named, sent])
        found = (await nora.store.search_items(("memories",)))["items"]
        assert contents(found) == ["my garden"]
        found = (await bob.store.search_items((), query="garden forged"))["items"]
        assert contents(found) == ["forged one", "forged two"]


async def test_threads_runs_and_assistants_are_their_owners(graph_servers):
    url = graph_servers.guarded
    async with calling(url, "token-of-nora") as nora, calling(url, "token-of-bob") as bob:
        thread = (await nora.threads.create())["thread_id"]
        asked = {"messages": says("my cellar")}
        await nora.runs.wait(thread, "extract_memories", input=asked)
        state = await nora.threads.get_state(thread)
        assert contents(state["values"]["updated_memories"]) == ["my cellar"]
        assert await bob.threads.search() == []
        for reach in (
            lambda: bob.threads.get_state(thread),
            lambda: bob.threads.get_history(thread),
            lambda: bob.runs.list(thread),
            lambda: bob.runs.wait(thread, "extract_memories", input=asked),
            lambda: bob.threads.delete(thread),
        ):
            with pytest.raises(Exception, match=r"404|not found") as caught:
                await reach()
            assert "cellar" not in str(caught.value)
        with contextlib.suppress(Exception):
            await run(bob, {"messages": says("forged three")}, thread_id=thread)
        state = await nora.threads.get_state(thread)
        assert contents(state["values"]["updated_memories"]) == ["my cellar"]
        with pytest.raises(PermissionDeniedError):
            await bob.assistants.create("extract_memories", config={"configurable": {}})
        with pytest.raises(PermissionDeniedError):
            await bob.crons.search()
        assert len(await bob.assistants.search()) == 2


def test_the_documents_show_the_files_that_are_there():
    shown = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    blocks = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", shown, re.M | re.S)]
    for file in ("langgraph.json", "examples/deployment/langgraph.json"):
        assert json.loads((ROOT / file).read_text(encoding="utf-8")) in blocks
    assert set(TOKENS.values()) == {NORA, "bob"}
