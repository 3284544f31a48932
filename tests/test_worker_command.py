"""`holdfast worker` and `holdfast jobs`, as real processes and terminals see them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from holdfast import ReflectionExecutor, create_memory_store_manager, open_store
from holdfast.cli import app
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")

AGENT = """
import os, time
from holdfast import create_memory_store_manager
from holdfast.testing import ScriptedModel

def answer(request):
    open("asked", "a").write("x")
    time.sleep(float(os.environ.get("SECONDS_OF_MODEL", "0")))
    return [("Memory", {"content": "Nora likes tea"})]

manager = create_memory_store_manager(ScriptedModel(answer), namespace=("memories", "{user_id}"))

def make():
    return manager
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.py").write_text(AGENT)
    return tmp_path


@pytest.fixture
def store(folder):
    with open_store("x.db") as opened:
        yield opened


def submit(store, thread="monday", user="nora", after=0.0):
    manager = create_memory_store_manager(ScriptedModel([]), namespace=("memories", "{user_id}"))
    executor = ReflectionExecutor(manager, store=store, work=False)
    config = {"configurable": {"user_id": user, "thread_id": thread}}
    return executor.submit({"messages": [("user", "Tea!")]}, config, after_seconds=after)


def command(*args):
    return [sys.executable, "-m", "holdfast", *args, "--store", "x.db"]


def run(*args, code=0):
    result = CliRunner().invoke(app, [*args, "--store", "x.db"])
    assert result.exit_code == code, result.output
    return result


def start(*args, **env):
    asked = command("worker", *args)
    return subprocess.Popen(
        asked, stderr=subprocess.PIPE, text=True, env={**os.environ, **env}, cwd=os.getcwd()
    )


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["agent:manager", "agent:make"])
def test_a_worker_does_what_is_due_and_ends_when_told(store, name):
    submit(store)
    process = start("--manager", name)
    wait_for(lambda: store.search(NS))
    submit(store, "tuesday")
    wait_for(lambda: store.jobs() == [])
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "does reflect:reflection, consolidate:reflection, reindex, sweep" in told
    assert "0 jobs handed back" in told


def test_told_to_stop_it_finishes_or_hands_back(store, folder):
    submit(store)
    process = start("--manager", "agent:manager", "--grace", "0.2", SECONDS_OF_MODEL="60")
    wait_for((folder / "asked").exists)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    assert (process.returncode, "1 job handed back" in told) == (0, True)
    (job,) = store.jobs()
    assert (job.state, job.attempts) == ("waiting", 0)
    process = start("--manager", "agent:manager", SECONDS_OF_MODEL="1")
    wait_for(lambda: (folder / "asked").read_text() == "xx")
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    assert "0 jobs handed back" in told
    assert store.jobs() == []
    assert len(store.search(NS)) == 1


def test_drained_it_ends_by_itself(store):
    for number in range(3):
        submit(store, f"thread {number}")
    submit(store, "late", after=3600)
    done = subprocess.run(
        command("worker", "--drain", "--manager", "agent:manager"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "3 jobs done\n"
    assert [job.thread for job in store.jobs()] == ["late"]


def test_a_worker_of_one_user_leaves_the_others_alone(store):
    submit(store)
    submit(store, user="ines")
    asked = command("worker", "--drain", "--manager", "agent:manager", "--user", "ines")
    subprocess.run(asked, check=True, timeout=60)
    assert [job.namespace for job in store.jobs()] == [NS]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("agent", "module:attribute"),
        ("nowhere:manager", "no module 'nowhere'"),
        ("agent:nothing", "no attribute 'nothing'"),
        ("os:sep", "takes a memory manager"),
        ("agent:answer", "wants arguments"),
    ],
)
def test_what_names_no_manager_is_told(store, name, said):
    refused = run("worker", "--drain", "--manager", name, code=2)
    assert said in " ".join(refused.output.split())


def test_the_queue_is_shown_and_changed(store):
    submit(store, after=3600)
    dead = submit(store, "tuesday")
    assert run("jobs", "list", "--all-users").stdout.count("reflect:reflection") == 2
    listed = json.loads(run("jobs", "list", "--user", "nora", "--json").stdout)
    assert [job["thread"] for job in listed] == ["tuesday", "monday"]
    assert run("jobs", "dead", "--all-users", "--json").stdout == "[]\n"
    _give_up(store)
    told = run("jobs", "dead", "--all-users").stdout
    assert "tuesday" in told
    assert "429" in told.replace("\n", "")
    assert store.outcome(dead.ticket).end == "dead"
    assert run("jobs", "retry", "--all-users").stdout == "1 job retried\n"
    assert run("jobs", "retry", "monday", "--user", "nora").stdout == "1 job retried\n"
    assert all(job.state == "waiting" for job in store.jobs())
    assert run("jobs", "cancel", "monday", "--user", "nora").stdout == "1 job cancelled\n"
    assert [job.thread for job in store.jobs()] == ["tuesday"]
    assert (
        "there is no job 'monday'"
        in run("jobs", "cancel", "monday", "--user", "nora", code=2).output
    )
    assert "--all-users" in run("jobs", "list", code=2).output


def _give_up(store):
    from holdfast import Retry, Worker
    from holdfast.managers.reflecting import Reflect

    model = ScriptedModel(lambda request: TimeoutError("429"))
    manager = create_memory_store_manager(model, namespace=("memories", "{user_id}"))
    Worker(store, [Reflect(manager)], retry=Retry(attempts=1)).drain()


def test_a_store_that_is_not_there_is_told(folder):
    assert "there is no store" in run("worker", "--drain", code=2).output
    assert not (folder / "x.db").exists()


def test_upkeep_is_put_once_or_again_and_again(store):
    store.put(("memories", "ines"), "old", {"content": "tea"}, ttl=0.0001)
    assert run("jobs", "add", "sweep", "--all-users", "--every", "3600").stdout == "1 job put\n"
    time.sleep(0.05)
    assert run("worker", "--drain").stdout == "1 job done\n"
    (job,) = store.jobs()
    assert (job.name, job.every, job.state) == ("sweep", 3600, "waiting")
    assert store.history(("memories", "ines"), "old") == []
