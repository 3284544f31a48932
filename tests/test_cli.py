"""The command line, as real processes and real terminals see it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfast import __version__ as version
from holdfast import open_store
from holdfast.cli import app
from holdfast.cli.commands import default_store
from holdfast.cli.demo import questions

TALK = [
    {
        "role": "user",
        "name": "Nora",
        "content": "Ines is allergic to peanuts",
        "time": "2026-02-15",
    },
    {"role": "assistant", "content": "Noted."},
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = str(tmp_path / "memory.db")

    def call(*args, input=None, user="nora", code=0):
        args = [*args, "--store", store] if "--store" not in args else list(args)
        args = [*args, "--user", user] if user else args
        result = CliRunner().invoke(app, args, input=input)
        if result.exit_code != code:
            raise AssertionError(f"{result.exit_code}: {result.output}") from result.exception
        return result

    return call


def write(name, value):
    text = value if isinstance(value, str) else json.dumps(value)
    Path(name).write_text(text, encoding="utf-8")
    return name


FORMS = {
    "list.json": json.dumps(TALK, indent=2),
    "object.json": json.dumps({"messages": TALK}),
    "lines.jsonl": "\n".join(map(json.dumps, TALK)),
    "crlf.jsonl": "\r\n".join(map(json.dumps, TALK)) + "\r\n\r\n",
    "bom.json": "\ufeff" + json.dumps(TALK),
}


@pytest.mark.parametrize("name", FORMS)
def test_remember_and_recall(run, name):
    said = run("remember", write(name, FORMS[name]))
    assert said.stdout == "2 messages -> memories/nora: 2 inserted\n"
    found = run("recall", "what is Ines allergic to?").stdout
    assert "2026-02-15" in found
    assert "Nora" in found
    assert "allergic to peanuts" in found
    assert "2 unchanged" in run("remember", name).stdout


def test_a_grown_file_adds_what_is_new(run):
    run("remember", write("talk.json", TALK))
    more = [*TALK, {"role": "user", "content": "And to sesame."}]
    assert "1 inserted, 2 unchanged" in run("remember", write("talk.json", more)).stdout


def test_standard_input(run):
    assert "2 inserted" in run("remember", "-", input=json.dumps(TALK)).stdout
    assert "1 inserted" in run("remember", "-", input=json.dumps(TALK[0])).stdout


def test_json_for_programs(run):
    receipt = json.loads(run("remember", write("t.json", TALK), "--json").stdout)
    assert [change["action"] for change in receipt["changes"]] == ["inserted", "inserted"]
    (found,) = json.loads(run("recall", "peanuts", "--json").stdout)
    assert found["text"] == TALK[0]["content"]
    listed = json.loads(run("list", "--json").stdout)
    assert {item["key"] for item in listed} == {c["key"] for c in receipt["changes"]}
    gone = json.loads(run("forget", listed[0]["key"], "--json").stdout)
    assert gone == {"forgotten": [listed[0]["key"]]}


def test_users_are_apart(run):
    file = write("t.json", TALK)
    run("remember", file, user="nora@mail.example")
    assert "Nothing is remembered" in run("recall", "peanuts", user="nora").stdout
    assert "peanuts" in run("recall", "peanuts", user="nora@mail.example").stdout
    assert "memories/nora@mail.example" in run("remember", file, user="nora@mail.example").stdout


def test_list_and_forget(run):
    run("remember", write("t.json", TALK))
    listed = run("list").stdout
    assert "allergic" in listed
    assert "Message" in listed
    key = json.loads(run("list", "--json").stdout)[0]["key"]
    assert run("forget", key).stdout == "1 forgotten\n"
    assert run("forget", "--all").stdout == "1 forgotten\n"
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("[]", "no messages in it"),
        ("{not json", "not JSON"),
        ('{"role": "user", "content": "ok"}\n{broken', "line 2 is not JSON"),
        ('{"some": "object"}', "no messages in it"),
        ("7", "no messages in it"),
        (json.dumps([*TALK, 7]), "message 3 is no JSON object: 7"),
        (json.dumps([*TALK, {"content": "no role"}]), "message 3 cannot be read"),
        (json.dumps([*TALK, {"role": "martian", "content": "x"}]), "message 3 cannot be read"),
    ],
)
def test_bad_input_gets_one_clear_line_and_leaves_nothing(run, content, said):
    result = run("remember", write("bad.json", content), code=2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not Path("memory.db").exists()


def test_a_missing_file_bytes_and_a_missing_model_are_told(run):
    assert "No such file" in run("remember", "none.json", code=2).stderr
    Path("bytes.json").write_bytes(b"\xff\xfe[]")
    assert "not UTF-8 text at byte 0" in run("remember", "bytes.json", code=2).stderr
    file = write("t.json", TALK)
    assert "model" in run("remember", file, "--model", "no-such-model", code=2).stderr
    assert not Path("memory.db").exists()


def test_a_provider_that_fails_is_told_with_what_was_remembered_before(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")  # nothing listens there
    failed = run("remember", write("t.json", TALK), "--model", "openai:gpt-5-mini", code=1)
    assert "0 of 2 messages were remembered, then openai:gpt-5-mini failed" in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["recall", "x"], "there is no store at"),
        (["list"], "there is no store at"),
        (["forget", "x"], "there is no store at"),
        (["recall", "x", "--store", ":memory:"], "ends with the command"),
        (["recall", "x", "--store", "mysql://x"], "'mysql' addresses"),
    ],
)
def test_a_store_that_is_not_there_is_not_made_by_asking(run, args, said):
    assert said in run(*args, code=2).stderr
    assert not Path("memory.db").exists()


def test_forget_forgets_all_or_nothing(run):
    run("remember", write("t.json", TALK))
    key = json.loads(run("list", "--json").stdout)[0]["key"]
    assert "nothing was forgotten" in run("forget", key, "wrong", code=2).stderr
    assert "name the keys" in run("forget", code=2).stderr
    assert "name the keys" in run("forget", key, "--all", code=2).stderr
    assert len(json.loads(run("list", "--json").stdout)) == 2


def test_an_empty_user_and_an_empty_question_are_refused(run):
    run("remember", write("t.json", TALK))
    empty = run("recall", "x", "--user", "", user=None, code=2)
    assert "'user_id' is empty" in " ".join(empty.stderr.split())
    assert "must be a text" in run("recall", "  ", code=2).stderr


def test_what_was_said_cannot_command_the_terminal(run):
    nasty = [{"role": "user", "content": "[red]needle[/red] \x1b[2J\x07 end"}]
    run("remember", write("t.json", nasty))
    shown = run("recall", "needle").stdout
    assert "[red]needle[/red]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_the_default_store_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Path(tmp_path / "t.json").write_text(json.dumps(TALK))
    done = CliRunner().invoke(app, ["remember", str(tmp_path / "t.json"), "-u", "nora"])
    assert done.exit_code == 0, done.output
    assert default_store() == str(tmp_path / "data" / "holdfast" / "memory.db")
    with open_store(default_store()) as store:
        assert len(store.search(())) == 2


def test_version():
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.stdout) == (0, f"{version}\n")
    assert CliRunner().invoke(app, []).exit_code in (0, 2)


def test_a_model_without_its_key_is_told_in_one_line(run):
    failed = run("remember", write("t.json", TALK), "--model", "openai:gpt-5-mini", code=2)
    assert "openai:gpt-5-mini cannot be used" in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_deeply_nested_json_is_told(run):
    assert "nested too deeply" in run("remember", write("d.json", "[" * 100_000), code=2).stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_words_can_be_shown_on_any_terminal(tmp_path, encoding):
    said = '[{"role": "user", "content": "needle café 🥜 cut \\ud83d"}]'
    (tmp_path / "t.json").write_text(said)
    store = ("-u", "n", "--store", "m.db")
    assert holdfast("remember", "t.json", *store, cwd=tmp_path).returncode == 0
    for command in (["recall", "needle"], ["list"], ["list", "--json"]):
        shown = holdfast(*command, *store, cwd=tmp_path, PYTHONIOENCODING=encoding)
        assert shown.returncode == 0, shown.stderr
        assert "needle" in shown.stdout
        if "--json" in command:
            assert "café 🥜" in json.loads(shown.stdout)[0]["value"]["content"]["text"]


def test_output_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps(TALK))
    store = ["-u", "n", "--store", "m.db"]
    holdfast("remember", "t.json", *store, cwd=tmp_path)
    command = [sys.executable, "-m", "holdfast", "list", *store]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def holdfast(*args, cwd, **env):
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *args],
        capture_output=True,
        encoding=env.get("PYTHONIOENCODING", "utf-8"),
        cwd=cwd,
        timeout=120,
        env={**os.environ, **env},
        check=False,
    )


def test_long_input_shows_progress_on_a_terminal_and_none_in_a_pipe(tmp_path):
    long = [{"role": "user", "content": f"message number {n}"} for n in range(300)]
    (tmp_path / "t.json").write_text(json.dumps(long))
    args = ("remember", "t.json", "-u", "n", "--store", "m.db")
    piped = holdfast(*args, cwd=tmp_path)
    assert (piped.stdout, piped.stderr) == ("300 messages -> memories/n: 300 inserted\n", "\n")
    shown = holdfast(*args, cwd=tmp_path, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert "reading" in shown.stderr


def test_the_demo_answers_in_new_processes(tmp_path):
    done = holdfast("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "188 messages -> memories/nora: 188 inserted" in done.stdout
    answers = done.stdout.split("\n? ")[1:]
    assert len(answers) == 5
    for answer, question in zip(answers, questions(), strict=True):
        table = " ".join(answer.split("score", 1)[1].split())
        assert question["expect"] in table
        assert "Nora" in table
        assert "2026-0" in table
    assert list(tmp_path.iterdir()) == []


def test_the_conversation_of_the_demo_is_long_and_spans_weeks():
    from datetime import datetime
    from importlib.resources import files

    lines = (files("holdfast.cli") / "demo.jsonl").read_text(encoding="utf-8").splitlines()
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in lines]
    assert len(lines) >= 150
    assert times == sorted(times)
    assert (times[-1] - times[0]).days > 21
