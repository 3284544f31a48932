"""The demo: one process remembers a conversation; later ones answer from the file it left."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from holdfast.cli import output

_HERE = files(__package__)


def questions() -> list[dict[str, str]]:
    """Return the demo's questions, each with a phrase that its answer holds."""
    return list(json.loads((_HERE / "demo_questions.json").read_text(encoding="utf-8")))


def play(model: str | None) -> int:
    """Run the demo; return the exit code of the first command that failed, else 0.

    Args:
        model: The model's name, only to say how the conversation is remembered.
    """
    with tempfile.TemporaryDirectory() as folder, as_file(_HERE / "demo.jsonl") as conversation:
        store = str(Path(folder) / "memory.db")
        how = f"what {model} finds worth keeping" if model else "word for word, without a model"
        _say(f"1. One process remembers eight weeks of conversation ({how}), and exits.\n")
        code = _holdfast("remember", str(conversation), store)
        _say("\n2. New processes answer from the file that it left.")
        for question in questions():
            if code:
                break
            _say(f"\n? {question['question']}")
            code = _holdfast("recall", question["question"], store, "-k", "3")
    return code


def _say(line: str) -> None:
    output.console().print(output.plain(line))


def _holdfast(command: str, what: str, store: str, *more: str) -> int:
    sys.stdout.flush()
    return subprocess.call(
        [sys.executable, "-m", "holdfast", command, what, "--user", "nora", "--store", store, *more]
    )
