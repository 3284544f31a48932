"""Texts that say the same take one place."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.memory import MESSAGE_KIND, unwrap
from holdfast.ranking.ranker import Placed

FILLERS = frozenset({"a", "an", "the", "also", "too", "really", "well", "oh", "please"})
"""Words without which a sentence says the same."""

EDGES = ".,;:!?\"'()[]{}…«»„“”‚‘’`*_~"
"""Marks at the ends of words that do not change what is said; those within "1.5" do."""


def likeness(value: Mapping[str, Any]) -> str | None:
    """Return what two stored values share that say the same; None for what has no words.

    They have the same words in the same order, but for capitals, marks at the ends of words,
    and fillers such as "the". So what differs in a "not", a number or a name stays apart.

    Example:
        >>> one, other = ({"content": f"{text} ferry at 9"} for text in ("The", "Also the"))
        >>> likeness(one) == likeness(other) != likeness({"content": "No ferry at 9"})
        True
    """
    kind, content = unwrap(value)
    if kind == MESSAGE_KIND:
        who = content.get("speaker") or content.get("role")
        text = f"{content.get('text', '')} {json.dumps(content.get('calls') or '')}"
    else:
        who = ""
        alone = list(content) == ["content"] and isinstance(content["content"], str)
        text = content["content"] if alone else json.dumps(content, sort_keys=True, default=str)
    words = (word.strip(EDGES) for word in unicodedata.normalize("NFKC", text).casefold().split())
    told = " ".join(word for word in words if word and word not in FILLERS)
    return f"{kind}\n{who}\n{told}" if told else None


def distinct(
    placed: Sequence[Placed], likeness_of: Callable[[int], str | None], count: int
) -> list[tuple[Placed, list[int]]]:
    """Return the first of what is placed, each with those after it that say the same.

    Args:
        placed: Best first.
        likeness_of: Gives the likeness of a text by its number.
        count: How many at most.
    """
    kept: dict[str, tuple[Placed, list[int]]] = {}
    for number, one in enumerate(placed):
        alike = likeness_of(one.id) if one.weights.merge else None
        told = alike or f"\0{number}"
        if told in kept:
            kept[told][1].append(one.id)
        else:
            kept[told] = (one, [])
    return list(kept.values())[:count]
