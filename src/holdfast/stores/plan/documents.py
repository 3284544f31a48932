"""Documents: what can be found, be it a memory or a message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from holdfast.analysis import tokens
from holdfast.stores.plan.indexing import Vector

_LETTERS = {"memory": "m", "message": "j"}


def document_rows(
    id: int,
    space: int,
    sort: str,
    texts: Sequence[str],
    vectors: Sequence[Vector] | None,
    revision: int,
    embedder: str | None,
) -> dict[str, Any]:
    """Return the rows by which a memory or message is found: document, words and vectors."""
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


def space_token(sort: str, space: int) -> str:
    """Return the token that stands for a space in the index of words."""
    return f"{_LETTERS[sort]}{space}"


def read_value(text: str | None) -> dict[str, Any] | None:
    """Return a stored value."""
    return None if text is None else json.loads(text)
