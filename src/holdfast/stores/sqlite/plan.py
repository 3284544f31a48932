"""What each operation of a `BaseStore` means in SQL: one place for statements and parameters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import (
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)
from langgraph.store.base.embed import get_text_at_path

from holdfast.analysis import Bm25, Counts, question_tokens, tokens, value_text
from holdfast.errors import InputError, shown
from holdfast.stores.filters import matches
from holdfast.stores.sqlite.statements import statements

MOST_TERMS = 32
"""How many tokens of a question are looked up, the rarest of them."""


def joined(namespace: Sequence[str]) -> str:
    """Return a namespace as it stands in the file; no label holds a period."""
    return ".".join(namespace)


def dumped(value: Mapping[str, Any]) -> str:
    """Return a value as JSON text.

    Raises:
        InputError: It holds something that JSON has no word for.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"A value must be JSON data: {error}. Got: {shown(value)}") from None
    return text if _encodes(text) else json.dumps(value, allow_nan=False)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair; JSON's own escape keeps it
        return False
    return True


def get(db: sqlite3.Connection, op: GetOp) -> Item | None:
    """Read one item."""
    place = {"namespace": joined(op.namespace), "key": op.key}
    row = db.execute(statements()["get"], place).fetchone()
    return _item(row) if row else None


def put(db: sqlite3.Connection, op: PutOp, value: str | None) -> None:
    """Write one item, or delete it where the value is None; its words go with it."""
    place = {"namespace": joined(op.namespace), "key": op.key}
    db.execute(statements()["delete_words"], place)
    if value is None:
        db.execute(statements()["delete"], place)
        return
    words = tokens(_indexed_text(op))
    now = datetime.now(UTC).isoformat()
    row = {**place, "value": value, "length": len(words), "now": now}
    (id,) = db.execute(statements()["put"], row).fetchone()
    if words:
        db.execute(statements()["put_words"], {"id": id, "tokens": " ".join(words)})


def _indexed_text(op: PutOp) -> str:
    if op.index is False or op.value is None:
        return ""
    if op.index is None:
        return value_text(op.value)
    return " ".join(text for path in op.index for text in get_text_at_path(op.value, path))


def search(db: sqlite3.Connection, op: SearchOp) -> list[SearchItem]:
    """Read one page of the items below a prefix: best match first, or newest first."""
    asked = question_tokens(op.query) if op.query else []
    found = _by_words(db, op, asked) if op.query else _newest(db, op)
    page: list[SearchItem] = []
    skipped = 0
    for item in found:
        if skipped < op.offset:
            skipped += 1
        elif len(page) < op.limit:
            page.append(item)
        else:
            break
    return page


def _newest(db: sqlite3.Connection, op: SearchOp) -> Iterator[SearchItem]:
    for row in db.execute(statements()["newest"], {"prefix": joined(op.namespace_prefix)}):
        item = _search_item(row, None)
        if matches(item.value, op.filter):
            yield item


def _by_words(db: sqlite3.Connection, op: SearchOp, asked: list[str]) -> list[SearchItem]:
    prefix = joined(op.namespace_prefix)
    counts = _counts(db, prefix, asked)
    held = [token for token in asked if counts.holding.get(token)]
    telling = sorted(held, key=counts.rarity, reverse=True)[:MOST_TERMS]
    if not telling:
        return []
    where = {"prefix": prefix, "match": " OR ".join(map(_quoted, telling))}
    by_question = Bm25(asked, counts)
    found: list[SearchItem] = []
    for row in db.execute(statements()["matching"], where):
        item = _search_item(row, by_question.score(row["tokens"].split(" ")))
        if matches(item.value, op.filter):
            found.append(item)
    found.sort(key=lambda item: (-(item.score or 0), -item.updated_at.timestamp(), item.key))
    return found


def _counts(db: sqlite3.Connection, prefix: str, asked: Sequence[str]) -> Counts:
    size = db.execute(statements()["size"], {"prefix": prefix}).fetchone()
    holding = {}
    for token in asked:
        where = {"prefix": prefix, "match": _quoted(token)}
        holding[token] = db.execute(statements()["holding"], where).fetchone()[0]
    return Counts(size["documents"], size["length"], holding)


def _quoted(token: str) -> str:
    return '"' + token.replace('"', '""') + '"'


def list_namespaces(db: sqlite3.Connection, op: ListNamespacesOp) -> list[tuple[str, ...]]:
    """Return the namespaces that hold items and meet the conditions, cut to the depth asked for."""
    found: dict[tuple[str, ...], None] = {}
    for (text,) in db.execute(statements()["namespaces"]):
        labels = tuple(text.split("."))
        if all(_fits(labels, condition) for condition in op.match_conditions or ()):
            found.setdefault(labels[: op.max_depth] if op.max_depth else labels)
    return sorted(found)[op.offset : op.offset + op.limit]


def _fits(labels: tuple[str, ...], condition: MatchCondition) -> bool:
    path = condition.path
    if len(path) > len(labels):
        return False
    at = labels[: len(path)] if condition.match_type == "prefix" else labels[-len(path) :]
    return all(wanted in ("*", label) for wanted, label in zip(path, at, strict=False))


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "namespace": tuple(row["namespace"].split(".")),
        "key": row["key"],
        "value": json.loads(row["value"]),
        "created_at": datetime.fromisoformat(row["created_at"]),
        "updated_at": datetime.fromisoformat(row["updated_at"]),
    }


def _item(row: sqlite3.Row) -> Item:
    return Item(**_fields(row))


def _search_item(row: sqlite3.Row, score: float | None) -> SearchItem:
    return SearchItem(**_fields(row), score=score)
