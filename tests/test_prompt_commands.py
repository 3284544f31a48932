"""`holdfast prompts`, on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast import open_store
from holdfast.cli import app
from holdfast.optimize.prompt_store import PromptStore
from holdfast.testing import LocalProvider

TALK = [{"role": "user", "content": "Where is the ferry?"}, {"role": "assistant", "content": "..."}]
NEW = "Help {name} briefly."


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args, code=0, input=None):
        result = CliRunner().invoke(app, ["prompts", *args, "--store", "x.db"], input=input)
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def saved(run):
    for text in ("Help {name}.", "Help {name} kindly."):
        Path("prompt.txt").write_text(text)
        run("save", "main", "prompt.txt")
    return run


def answer(request):
    return [("rewrite_prompt", {"analysis": "shorter", "prompt": NEW})]


@pytest.fixture
def provider(monkeypatch):
    with LocalProvider(answer) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server


def trajectories(text=None):
    lines = [
        {"messages": TALK, "feedback": "too long"},
        {"messages": TALK, "feedback": {"score": 0}},
    ]
    Path("talk.jsonl").write_text(text or "\n".join(map(json.dumps, lines)))
    return "talk.jsonl"


def test_versions_are_listed_shown_compared_and_rolled_back(saved):
    assert "Help {name} kindly." in saved("list").stdout
    assert saved("show", "main").stdout == "Help {name} kindly.\n"
    first, second = json.loads(saved("show", "main", "--history", "--json").stdout)
    assert (first["prompt"], second["prompt"]) == ("Help {name}.", "Help {name} kindly.")
    assert "+Help {name} kindly." in saved("diff", "main").stdout
    assert "main -> revision" in saved("rollback", "main").stdout
    assert saved("show", "main").stdout == "Help {name}.\n"
    assert "rollback" in saved("show", "main", "--history").stdout
    refused = saved("show", "other", code=2)
    assert "there is no prompt 'other'; there are: main" in refused.output


def test_optimize_shows_the_change_and_asks(saved, provider):
    asked = ("optimize", "main", trajectories(), "--model", "openai:gpt-5-mini")
    asked += ("--kind", "prompt_memory")
    left = saved(*asked, input="n\n")
    assert "+Help {name} briefly." in left.stdout
    assert "Left as it was." in left.stdout
    assert saved("show", "main").stdout == "Help {name} kindly.\n"
    taken = saved(*asked, input="y\n")
    assert "main -> revision" in taken.stdout
    assert saved("show", "main").stdout == f"{NEW}\n"
    with open_store("x.db") as store:
        learned = PromptStore(store).get("main").learned
    assert (learned.optimizer, learned.model) == ("prompt_memory", "openai:gpt-5-mini")
    assert learned.feedback == ("too long", "score: 0")
    same = saved(*asked, "--yes")
    assert "main stays as it is" in same.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no trajectories"), ("[1]", "line 1"), ('{"messages": 7}', "line 1"), ("{", "line 1")],
)
def test_what_is_no_trajectory_is_named(saved, text, said):
    asked = ("optimize", "main", trajectories(text or "\n"), "--model", "openai:gpt-5-mini")
    assert said in " ".join(saved(*asked, code=2).output.split())
