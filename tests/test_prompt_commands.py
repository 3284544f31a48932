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


def test_a_pinned_prompt_is_told_before_a_model_is_asked(saved, provider):
    first = json.loads(saved("show", "main", "--history", "--json").stdout)[0]
    saved("pin", "main", "--revision", str(first["revision"]))
    assert saved("show", "main").stdout == "Help {name}.\n"
    asked = ("optimize", "main", trajectories(), "--model", "openai:gpt-5-mini", "--yes")
    assert "unpin main` first" in saved(*asked, code=2).output
    assert provider.requests == []
    assert "stays in use" in saved("rollback", "main").output
    assert "the newest is in use" in saved("unpin", "main").stdout
    assert "nothing was pinned" in saved("unpin", "main").stdout


def test_lines_end_where_json_lines_do(saved, provider):
    talk = [{"role": "user", "content": "Where\u2028is\u2029the\x85ferry?"}]
    line = json.dumps({"messages": talk, "feedback": "too long"}, ensure_ascii=False)
    asked = ("optimize", "main", trajectories(line), "--model", "openai:gpt-5-mini")
    assert "main -> revision" in saved(*asked, "--kind", "prompt_memory", "--yes").stdout


@pytest.mark.parametrize("command", ["save", "optimize"])
def test_a_file_that_is_no_text_is_told_in_a_line(saved, command):
    Path("latin.txt").write_bytes("Olá".encode("latin-1"))
    more = ("--model", "openai:gpt-5-mini") if command == "optimize" else ()
    refused = saved(command, "main", "latin.txt", *more, code=2)
    assert "latin.txt is no text in UTF-8" in refused.output
    assert isinstance(refused.exception, SystemExit)


def test_a_missing_key_is_told_in_a_line(saved):
    asked = ("optimize", "main", trajectories(), "--model", "openai:gpt-5-mini")
    refused = saved(*asked, code=1)
    assert "nothing was changed: openai:gpt-5-mini failed" in refused.output


def test_a_rewrite_that_is_refused_is_no_success(saved, monkeypatch):
    with LocalProvider(lambda request: [("rewrite_prompt", {"prompt": "Help."})]) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        asked = ("optimize", "main", trajectories(), "--model", "openai:gpt-5-mini")
        refused = saved(*asked, "--kind", "prompt_memory", "--yes", code=1)
    assert "the variable name is lost" in refused.output
    assert saved("show", "main").stdout == "Help {name} kindly.\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"messages": TALK, "feedbck": "too long"}, "'feedback' is meant"),
        ({"messages": TALK, "feedback": [1, 2]}, "Feedback is a text"),
        ({"messages": [{"content": "no role"}]}, "line 1"),
    ],
)
def test_what_a_line_has_wrong_is_named(saved, line, told):
    asked = ("optimize", "main", trajectories(json.dumps(line)), "--model", "openai:gpt-5-mini")
    assert told in " ".join(saved(*asked, code=2).output.split())
