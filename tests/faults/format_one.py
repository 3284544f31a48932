"""Files as holdfast wrote them before there was a ledger, built with plain SQL."""

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from holdfast.analysis import tokens, value_text

APPLICATION = 0x484F4C44
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def build(path, items):
    """Make a file of format 1.

    Args:
        path: The file.
        items: Namespace, key and value of each; one thing is written every second.
    """
    script = files("holdfast.stores.sqlite").joinpath("001_items.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(script)
        with db:
            for number, (namespace, key, value) in enumerate(items, start=1):
                words = tokens(value_text(value))
                text = _as_json(value)
                time = (BEGAN + timedelta(seconds=number)).isoformat()
                row = (number, ".".join(namespace), key, text, len(words), time, time)
                db.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                db.execute(
                    "INSERT INTO words (rowid, tokens) VALUES (?, ?)", (number, " ".join(words))
                )
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("PRAGMA user_version = 1")


def _as_json(value):
    """Return a value as it was stored: only half of a surrogate pair in JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def message(thread, seq, text, role="user", **more):
    """Return a message as an item of that time: its key, and its value."""
    content = {
        "role": role,
        "text": text,
        "speaker": None,
        "time": None,
        "thread": thread,
        "seq": seq,
        **more,
    }
    key = hashlib.blake2b(repr((thread, role, text)).encode(), digest_size=16).hexdigest()
    return key, {"kind": "Message", "thread": thread, "content": content}
