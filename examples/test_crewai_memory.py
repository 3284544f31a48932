"""The crew of `crewai_memory.py` is told what is remembered; run by `make test-crewai`."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sitecustomize  # the guard of tests/guard, which `make test-crewai` puts first

from holdfast import AgentMemory, open_store
from holdfast.testing import LocalProvider, ProviderError

EXAMPLE = Path(__file__).with_name("crewai_memory.py")
NORA = ("memories", "nora")
TOLD = "My sister Ines is allergic to peanuts."
ASKED = "What can Ines not eat?"
SILENT = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}
# Runs the example, and prints in the very end whom it tried to reach.
WATCHED = """
import atexit, runpy, sys, sitecustomize

refused = []

class Refused(sitecustomize.NetworkRefused):
    def __init__(self, what):
        super().__init__(what)
        refused.append(what)

sitecustomize.NetworkRefused = Refused
atexit.register(lambda: print("refused:", len(refused)))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.fixture(autouse=True)
def nothing_of_the_person_who_runs_this(tmp_path, monkeypatch):
    """CrewAI writes what it did last below the home directory."""
    assert issubclass(sitecustomize.NetworkRefused, RuntimeError)
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_DATA_HOME", "CREWAI_STORAGE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name, value in SILENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def crew_for():
    import crewai_memory

    return crewai_memory.crew_for


@pytest.fixture
def serve(monkeypatch):
    """Return a function that starts a provider, which the environment then names."""
    started = []

    def start(script):
        server = LocalProvider(script)
        started.append(server.__enter__())
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture
def store():
    with open_store(":memory:") as opened:
        yield opened


@pytest.fixture
def memory(store):
    return AgentMemory(("memories", "{user_id}"), store=store)


@pytest.fixture(params=["kickoff", "kickoff_async", "akickoff"])
def ask(request):
    """Kicks a crew off, in each way there is."""

    def kick(crew, text):
        done = getattr(crew, request.param)(inputs={"request": text})
        return (done if request.param == "kickoff" else asyncio.run(done)).raw

    return kick


def by_role(request):
    assert [message["role"] for message in request.body["messages"]] == ["system", "user"]
    return [message["content"] for message in request.body["messages"]]


def said(store, thread, namespace=NORA):
    return [(entry.message.role, entry.message.text) for entry in store.journal(namespace, thread)]


def wait_for(store, text):
    until = time.monotonic() + 20
    while text not in str(store.search(NORA)):
        assert time.monotonic() < until, f"{text!r} was not remembered"
        time.sleep(0.02)


def test_what_was_said_in_one_thread_is_told_in_another(crew_for, memory, store, serve, ask):
    server = serve(["I'll mind that.", "Peanuts."])
    assert ask(crew_for(memory, "nora", "monday"), TOLD) == "I'll mind that."
    assert ask(crew_for(memory, "nora", "tuesday"), ASKED) == "Peanuts."
    (first_system, _), (second_system, second_user) = map(by_role, server.requests)
    assert TOLD not in first_system  # it is the task
    assert second_system.count(TOLD) == 1
    assert TOLD not in second_user
    assert said(store, "monday") == [("user", TOLD), ("assistant", "I'll mind that.")]
    assert said(store, "tuesday") == [("user", ASKED), ("assistant", "Peanuts.")]
    assert sorted(store.threads(NORA)) == ["monday", "tuesday"]


def test_another_users_crew_is_told_nothing_of_it(crew_for, memory, store, serve, ask):
    server = serve(["I'll mind that.", "I don't know."])
    ask(crew_for(memory, "nora", "monday"), TOLD)
    ask(crew_for(memory, "omar", "monday"), ASKED)
    assert "peanuts" not in json.dumps(server.requests[1].body)
    assert said(store, "monday", ("memories", "omar")) == [
        ("user", ASKED),
        ("assistant", "I don't know."),
    ]


def test_one_crew_is_kicked_off_several_times_and_each_message_is_kept_once(
    crew_for, memory, store, serve
):
    server = serve(["I'll mind that.", "Peanuts.", "Peanuts."])
    crew = crew_for(memory, "nora", "monday")
    for text in (TOLD, ASKED, ASKED):
        crew.kickoff(inputs={"request": text})
    assert TOLD in by_role(server.requests[1])[0]  # a kickoff knows nothing of the one before
    assert [text for _, text in said(store, "monday")] == [
        TOLD,
        "I'll mind that.",
        ASKED,
        "Peanuts.",
        ASKED,
        "Peanuts.",
    ]


def test_what_the_user_says_is_kept_where_the_crew_fails(crew_for, memory, store, serve):
    from openai import BadRequestError

    serve(lambda request: ProviderError(400, "no"))  # CrewAI asks again
    crew = crew_for(memory, "nora", "monday")
    with pytest.raises(BadRequestError):
        crew.kickoff(inputs={"request": TOLD})
    assert said(store, "monday") == [("user", TOLD)]


def test_variables_in_what_is_remembered_are_not_filled_in(crew_for, memory, serve):
    server = serve(["Yes.", "A template."])
    odd = "My template says {request} and {remembered}, in JSON {}."
    crew_for(memory, "nora", "monday").kickoff(inputs={"request": odd})
    crew_for(memory, "nora", "tuesday").kickoff(inputs={"request": "What says my template?"})
    assert odd in by_role(server.requests[0])[1]
    assert odd in by_role(server.requests[1])[0]


def test_with_a_manager_the_crew_is_told_memories(crew_for, store, serve):
    learned = "Ines, Nora's sister, may not eat peanuts."
    server = serve(
        lambda request: [("Memory", {"content": learned})] if request.tools else "I'll mind that."
    )
    place = ("memories", "{user_id}")
    memory = AgentMemory(place, "openai:gpt-5-mini", store=store, after_seconds=0)
    crew_for(memory, "nora", "monday").kickoff(inputs={"request": TOLD})
    wait_for(store, learned)
    memory.shutdown()
    quiet = AgentMemory(place, store=store)
    crew_for(quiet, "nora", "tuesday").kickoff(inputs={"request": ASKED})
    assert learned in by_role(server.requests[-1])[0]


@pytest.mark.parametrize("silent", [True, False])
def test_run_as_a_program_it_reaches_nobody_but_the_provider(serve, tmp_path, silent):
    server = serve(["I'll mind that.", "Peanuts."])
    env = {name: value for name, value in os.environ.items() if name not in SILENT}
    if not silent:  # so that this test would see it
        env["CREWAI_DISABLE_TELEMETRY"] = "false"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(EXAMPLE)],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    printed = done.stdout.splitlines()
    assert printed[0] == "Peanuts."
    assert (printed[-1] == "refused: 0") is silent
    assert TOLD in by_role(server.requests[1])[0]
    assert {request.path for request in server.requests} == {"/v1/chat/completions"}
