"""Documents: what can be found, be it a memory or a message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from holdfast.analysis import tokens
from holdfast.dates import find
from holdfast.history import moment
from holdfast.stores.plan.indexing import Vector

_LETTERS = {"memory": "m", "message": "j"}

DATED = 10_000
"""How many letters of a text are read for days that it names."""


def document_rows(
    id: int,
    space: int,
    sort: str,
    texts: Sequence[str],
    vectors: Sequence[Vector] | None,
    revision: int,
    embedder: str | None,
    said: str | None,
) -> dict[str, Any]:
    """Return the rows by which a memory or message is found: document, words and vectors.

    Args:
        id: Its number.
        space: That of its namespace.
        sort: `memory` or `message`.
        texts: What of it is found.
        vectors: One for each text; None where they are still to come.
        revision: The change set that writes it.
        embedder: Whose vectors it has.
        said: When its texts were said or written (ISO 8601), for the "yesterday" in them.
    """
    words = tokens(" ".join(texts))
    length = max(len(words), int(bool(texts)))  # a text without a word is indexed nevertheless
    return {
        "document": {
            "id": id,
            "space": space,
            "sort": sort,
            "revision": revision,
            "length": length,
            "embedder": embedder if vectors is not None else None,
            "days": named_days(texts, said),
        },
        "words": {"id": id, "space": space_token(sort, space), "tokens": " ".join(words)},
        "vectors": [
            {
                "document": id,
                "part": part,
                "embedder": embedder,
                "space": space,
                "sort": sort,
                "vector": vector,
            }
            for part, vector in enumerate(vectors or ())
        ],
    }


def named_days(texts: Sequence[str], said: str | None) -> str | None:
    """Return the days that texts name, as `first-last` in ordinals, apart by spaces.

    Example:
        >>> named_days(["We went on 3 June 2023", "and in May"], "2023-06-10T09:00:00")
        '738674-738674 738641-738671'
        >>> read_days("738674-738674")
        ((738674, 738674),)
    """
    when = moment(said)
    found = (one.interval for text in texts for one in find(text[:DATED], when))
    days = dict.fromkeys(f"{one.start.toordinal()}-{one.end.toordinal()}" for one in found)
    return " ".join(days) or None


def read_days(days: str | None) -> tuple[tuple[int, int], ...]:
    """Return what `named_days` wrote, as pairs of first and last."""
    pairs = (pair.split("-") for pair in (days or "").split())
    return tuple((int(first), int(last)) for first, last in pairs)


def space_token(sort: str, space: int) -> str:
    """Return the token that stands for a space in the index of words."""
    return f"{_LETTERS[sort]}{space}"


def read_value(text: str | None) -> dict[str, Any] | None:
    """Return a stored value."""
    return None if text is None else json.loads(text)
