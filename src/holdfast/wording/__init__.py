"""Every text that a model reads: files in this folder, and conversations rendered as text."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from string import Template
from typing import Any

from holdfast.errors import WordingError
from holdfast.wording.conversation import read_messages, read_state, render_known, render_messages

__all__ = [
    "as_json",
    "load",
    "read_messages",
    "read_state",
    "render_known",
    "render_messages",
    "text",
    "tool",
]


@functools.cache
def load() -> tuple[dict[str, tuple[Template, frozenset[str]]], dict[str, str]]:
    """Return all texts with their variables, and all tools, by their names.

    The files are read at once, so that whoever runs on an event loop can have them read before.
    """
    texts: dict[str, tuple[Template, frozenset[str]]] = {}
    for file in files(__name__).iterdir():
        if file.name.endswith(".md"):
            template = Template(file.read_text(encoding="utf-8").strip())
            identifiers = frozenset(template.get_identifiers())
            texts[file.name.removesuffix(".md")] = template, identifiers
    tools = {
        file.name.removesuffix(".json"): file.read_text(encoding="utf-8")
        for file in (files(__name__) / "tools").iterdir()
        if file.name.endswith(".json")
    }
    return texts, tools


def text(name: str, **variables: str) -> str:
    """Return a text for a model, with its variables filled in.

    Args:
        name: The name of a `*.md` file of this folder.
        variables: Exactly the `$variables` that occur in it; values are never expanded again.

    Raises:
        WordingError: There is no such text, or a variable is missing or unknown.

    Example:
        >>> text("repair", failures="- no path given @ path")[:4]
        'Some'
    """
    texts, _ = load()
    if name not in texts:
        raise WordingError(f"There is no text {name!r} among the wordings.")
    template, wanted = texts[name]
    if wanted != set(variables):
        raise WordingError(
            f"Text {name!r} takes the variables {sorted(wanted)}; got {sorted(variables)}."
        )
    return template.substitute(variables)


def as_json(value: Any) -> str:
    """Return data as JSON for a model to read: one line, other scripts as they are."""
    return json.dumps(value, ensure_ascii=False, default=str)


def tool(name: str) -> dict[str, Any]:
    """Return what a model is told of a tool, from `tools/<name>.json`.

    Raises:
        WordingError: There is no such tool.
    """
    _, tools = load()
    if name not in tools:
        raise WordingError(f"There is no tool {name!r} among the wordings.")
    return dict(json.loads(tools[name]))
