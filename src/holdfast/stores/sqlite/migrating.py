"""Functions of Python that a numbered script may call while a file is brought up to date.

None of them raises over a value that anyone may have stored: the file could never be opened again.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from holdfast.analysis import tokens, value_text
from holdfast.history import Said
from holdfast.journal import digest, is_said, said
from holdfast.memory import MESSAGE_KIND, Message, clean
from holdfast.stores.plan.journal import Stretch
from holdfast.stores.plan.writing import sealed

_REQUIRED = {"role": str, "text": str, "thread": str, "seq": int}
_OPTIONAL = {"speaker": str, "time": str, "id": str, "calls": list}


def lend(db: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    db.create_function("message_of", 1, _message_of)
    db.create_function("message_key", 3, _message_key)
    db.create_function("indexed_of", 1, _indexed_of)
    db.create_function("sealed", 2, sealed)


def _message_of(value: str) -> str | None:
    """Return a message of format 1 as it stands in the journal; None for any other value."""
    item = json.loads(value)
    content = item.get("content")
    if not _is_message(item, content):
        return None
    calls = tuple((call["tool"], call["arguments"]) for call in content.get("calls") or ())
    names = ("role", "text", "speaker", "time", "id")
    message = Message(**{name: content.get(name) for name in names}, calls=calls)
    told = Stretch((), Said((message,))).messages
    if not told:
        return None
    (kept,) = told
    fields = {
        **{name: getattr(kept, name) for name in (*names, "calls")},
        "thread": clean(content["thread"]),
        "seq": content["seq"],
        "said": said(kept),
    }
    return json.dumps(fields)


def _is_message(item: dict[str, Any], content: Any) -> bool:
    """Tell a message that was kept from whatever else may be stored under that kind."""
    if item.get("kind") != MESSAGE_KIND or not isinstance(content, dict):
        return False
    if not set(item) <= {"kind", "thread", "content"}:
        return False
    if not _REQUIRED.keys() <= set(content) <= {*_REQUIRED, *_OPTIONAL}:
        return False
    seq = content["seq"]
    return (
        all(isinstance(content[name], kind) for name, kind in _REQUIRED.items())
        and all(isinstance(content.get(n), kind | None) for n, kind in _OPTIONAL.items())
        and bool(content["role"] and content["thread"])
        and not isinstance(seq, bool)
        and 0 <= seq < 1 << 53
        and all(map(_is_call, content.get("calls") or ()))
    )


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, dict)
        and call.keys() == {"tool", "arguments"}
        and all(isinstance(part, str) for part in call.values())
    )


def _message_key(thread: str, fields: str, occurrence: int) -> str:
    told = json.loads(fields)
    if told["id"]:
        return digest("" if thread.startswith("once-") else thread, told["id"], told["said"])
    spoken = is_said(Message(told["role"], told["text"]))
    return digest(thread, told["said"], str(occurrence if spoken else 0))


def _indexed_of(value: str) -> str:
    """Return the tokens of a value, and how many they are; a text without a word counts as one."""
    text = value_text(json.loads(value))
    found = tokens(text)
    return json.dumps([" ".join(found), max(len(found), bool(text.strip()))])
