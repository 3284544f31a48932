"""Conversations from files: JSON or JSON Lines, checked whole before anything is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.errors import InputError, shown
from holdfast.wording import read_messages


def load_messages(
    name: str, progress: Callable[[list[Any]], Any] = lambda listed: listed
) -> list[Any]:
    """Return the messages of a file.

    Args:
        name: A path, or `-` for standard input.
        progress: Wraps the messages while they are checked, to show how far that is.

    Raises:
        InputError: The file cannot be read, or a message in it; the error names the place.
    """
    messages = _parse(_read(name), "standard input" if name == "-" else name)
    for number, message in enumerate(progress(messages), start=1):
        if not isinstance(message, dict):
            raise InputError(f"{name}: message {number} is no JSON object: {shown(message, 80)}")
        try:
            read_messages([message])
        except InputError as error:
            said = str(error).removeprefix("Message 0 ")
            raise InputError(f"{name}: message {number} {said}") from None
    return messages


def _read(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 text at byte {error.start}") from None


def _parse(text: str, name: str) -> list[Any]:
    if not text.strip():
        raise InputError(f"{name}: it is empty; give messages as JSON or JSON Lines")
    try:
        whole = json.loads(text)
    except RecursionError:
        raise InputError(f"{name}: JSON nested too deeply to be messages") from None
    except ValueError as error:
        if "\n" not in text.strip():
            raise InputError(f"{name}: not JSON: {error}") from None
        return _lines(text, name)
    if isinstance(whole, dict) and "role" in whole:
        return [whole]
    found = whole.get("messages") if isinstance(whole, dict) else whole
    if not isinstance(found, list) or not found:
        raise InputError(f"{name}: no messages in it; give a JSON list of messages")
    return found


def _lines(text: str, name: str) -> list[Any]:
    messages = []
    # Only "\n" parts lines of JSON: a text may hold U+2028 and its like.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            messages.append(json.loads(line))
        except ValueError as error:
            raise InputError(f"{name}: line {number} is not JSON: {error}") from None
    return messages
