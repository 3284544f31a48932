"""Functions of Python that a numbered script may call while a file is brought up to date."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from holdfast.analysis import tokens, value_text
from holdfast.journal import digest, said
from holdfast.memory import Message
from holdfast.stores.plan.writing import sealed


def lend(db: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    db.create_function("said", 1, _said, deterministic=True)
    db.create_function("message_key", 4, _message_key)
    db.create_function("message_calls", 1, _message_calls)
    db.create_function("words_of", 1, lambda value: " ".join(tokens(value_text(json.loads(value)))))
    db.create_function("sealed", 2, sealed)


def _said(value: str) -> str:
    return said(_message(json.loads(value)["content"]))


def _message(content: dict[str, Any]) -> Message:
    calls = tuple((call["tool"], call["arguments"]) for call in content.get("calls", ()))
    return Message(content["role"], content["text"], calls=calls)


def _message_calls(value: str) -> str:
    return json.dumps(_message(json.loads(value)["content"]).calls)


def _message_key(thread: str, value: str, words: str, occurrence: int) -> str:
    own = json.loads(value)["content"].get("id")
    if own:
        return digest("" if thread.startswith("once-") else thread, own, words)
    return digest(thread, words, str(occurrence))
