"""Draws the pictures of terminal output in `docs/pictures`, each from the run that it shows.

    .venv/bin/python scripts/pictures.py [FOLDER]

Each picture is a few commands, run one after the other in an empty folder with a store of their
own. What they print is drawn as it comes, by rich.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 92

# Without the web font that rich names, so that a picture fetches nothing.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)

TALK = [
    ("2026-03-01", "My sister Ines is allergic to peanuts, so no satay on Sunday."),
    ("2026-03-02", "The move to Lisbon is on 18 April."),
    ("2026-03-09", "The move is on 25 April now, the van was late."),
]
PICTURES = {
    "recall": [
        "holdfast remember talk.json --user nora",
        'holdfast recall "What is Ines allergic to?" --user nora',
        'holdfast recall "When is the move?" --user nora',
    ],
    "prompts": [
        "holdfast prompts save guide first.txt",
        "holdfast prompts save guide second.txt",
        "holdfast prompts diff guide",
        "holdfast prompts rollback guide",
    ],
}


def main(folder: Path) -> None:
    """Draw all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, commands in PICTURES.items():
        (folder / f"{name}.svg").write_text(drawn(name, commands), encoding="utf-8")


def drawn(name: str, commands: list[str]) -> str:
    """Return a picture of what some commands print."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        _prepare(Path(folder))
        for command in commands:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(_printed(command, folder)))
    return console.export_svg(title="holdfast", code_format=FORMAT, unique_id=name)


def _prepare(folder: Path) -> None:
    talk = [{"role": "user", "name": "Nora", "content": text, "time": time} for time, text in TALK]
    (folder / "talk.json").write_text(json.dumps(talk))
    (folder / "first.txt").write_text("Help {name} with ferries.")
    (folder / "second.txt").write_text("Help {name} with ferries. Answer in one sentence.")


def _printed(command: str, folder: str) -> str:
    """Return what a command prints on a terminal."""
    settings = {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "HOLDFAST_STORE": f"{folder}/memory.db"}
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=folder,
        env={**inherited, **settings, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
