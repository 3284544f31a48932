"""Every block of the README and the docs runs, and prints what stands under it."""

import contextlib
import io
import json
import os
import re
import shlex
from pathlib import Path

import pytest
from langgraph_cli.cli import dev
from typer.testing import CliRunner

from holdfast import SqliteStore
from holdfast.cli import app
from holdfast.testing import LocalProvider, ProviderError

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DEV = "http://127.0.0.1:2024"  # where `langgraph dev` listens by default
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TALK = [{"role": "user", "content": "Ines is allergic to peanuts"}]
CHATS = {
    "id": "c1",
    "kind": "peer",
    "messages": [{"id": "m1", "speaker": "Nora", "text": "Ines is allergic to peanuts"}],
    "questions": [{"text": "What is Ines allergic to?", "evidence": ["m1"]}],
}

# What a real model might answer, where a document names one, to requests that hold all these words.
ANSWERS = {
    ("What can Ines not eat?", "allergic to peanuts"): "Peanuts: your sister is allergic to them.",
    "My sister Ines is allergic": "I'll mind that.",
    "harbour office": [("Memory", {"content": "Nora starts at the harbour office on 4 May."})],
    "The move is on 25 April": [("Memory", {"content": "Nora moves to Lisbon on 25 April."})],
    "Help {name} with ferries.": [
        ("rewrite_prompt", {"prompt": "Help {name} with ferries. Answer in one sentence."})
    ],
    "Bob now leads": [("Memory", {"content": "Bob leads the ML team."})],
}


def blocks(document):
    return [(kind, text) for kind, text in BLOCK.findall(document.read_text(encoding="utf-8"))]


def answer(request):
    asked = json.dumps(request.text, ensure_ascii=False)
    for words, reply in ANSWERS.items():
        if all(one in asked for one in ([words] if isinstance(words, str) else words)):
            return reply
    raise ProviderError(400, f"No document's model answers: {asked}")


def stores_in(names):
    return [value for value in names.values() if isinstance(value, SqliteStore)]


def close(stores):
    for store in stores:
        store.close()


@pytest.fixture
def provider(monkeypatch):
    with LocalProvider(answer) as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_blocks_run_and_print_what_stands_under_them(
    document, provider, tmp_path, monkeypatch, request
):
    monkeypatch.chdir(tmp_path)
    server = DEV
    if document.name == "deployment.md":
        server = request.getfixturevalue("graph_servers").plain
    names = {"__name__": "__main__"}
    printed = None
    for kind, text in blocks(document):
        if kind == "python":
            printed = io.StringIO()
            before = stores_in(names)
            with contextlib.redirect_stdout(printed):
                exec(compile(text.replace(DEV, server), f"{document.name}", "exec"), names)
            after = stores_in(names)
            close(store for store in before if store not in after)
        elif kind == "text" and printed is not None:
            assert printed.getvalue() == text
            printed = None
    close(stores_in(names))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_shell_blocks_name_commands_that_there_are(document, provider, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_STORE", str(tmp_path / "memory.db"))
    Path("talk.json").write_text(json.dumps(TALK))
    Path("chats.jsonl").write_text(json.dumps(CHATS))
    Path("prompt.txt").write_text("Help {name} with ferries.")
    Path("trajectories.jsonl").write_text(json.dumps({"messages": TALK, "feedback": "too long"}))
    verbs = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for kind, text in blocks(document):
        if kind not in ("bash", "console"):
            continue
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[0] == "export":
                assert "=" in words[1]
                continue
            if words[0] == "make":
                assert words[1] in verbs
            elif words[0] == "holdfast":
                done = CliRunner().invoke(app, words[1:])
                assert done.exit_code == 0, done.output
            elif words[0] == "claude":  # what it starts is looked at in test_mcp.py
                assert words[:3] == ["claude", "mcp", "add"]
            elif words[:2] == ["langgraph", "dev"]:
                assert set(words[2:]) <= {name for one in dev.params for name in one.opts}
            else:
                assert words[:2] == ["pip", "install"]
                assert words[2].startswith("holdfast")


def test_the_readme_shows_a_short_block_that_runs_early():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    head = "\n".join(text.splitlines()[:30])
    first = next(body for kind, body in BLOCK.findall(head) if kind == "python")
    assert len(first.strip().splitlines()) <= 12
    assert "```text" in head


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (document.parent / target).exists(), target


def test_every_block_is_of_a_kind_that_is_run():
    found = [block for document in DOCUMENTS for block in blocks(document)]
    assert {kind for kind, _ in found} <= {"python", "text", "bash", "console", "json"}
    assert all(json.loads(text) for kind, text in found if kind == "json")
    assert os.environ["LANGSMITH_TRACING"] == "false"
