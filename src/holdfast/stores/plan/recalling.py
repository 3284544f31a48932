"""Recall: the texts of some namespaces ranked for a question, messages and memories together."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from langgraph.store.base import Item

from holdfast.dates import find
from holdfast.history import Found
from holdfast.operations import Rank
from holdfast.ranking import Asked, Placed, Ranking, rank
from holdfast.ranking.weights import SIGNALS
from holdfast.stores.plan.corpora import Texts
from holdfast.stores.plan.effects import Nearest, Plan, Refreshed, Sql
from holdfast.stores.plan.journal import entry_of
from holdfast.stores.plan.reading import item_of
from holdfast.stores.plan.spaces import chunks, now_text, spaces_below

if TYPE_CHECKING:
    import numpy as np

SORTS = {"memory": ("memory",), "message": ("said", "answer")}
"""What is found, and the groups of texts that it is in."""

COMPARED = 300
"""How many texts of a sort have their own cosine; that of all others is taken to be the mean."""

SAMPLE = 64
"""From how many texts the mean of all cosines is told."""


def speakers(op: Rank) -> Plan[frozenset[str]]:
    """Return the names of those who speak in the namespaces that are asked."""
    _, texts = yield from _texts(op)
    return frozenset(
        name for one in texts for corpus in one.groups.values() for name in corpus.speakers if name
    )


def masked(question: str, names: frozenset[str]) -> str:
    """Return a question without the names of those who speak, for the embedder.

    Whoever speaks is named in each of his messages, so that a name makes all of them alike.
    """
    known = [re.escape(name) for name in sorted(names, key=len, reverse=True)]
    if not known:
        return question
    left = re.sub(rf"\b({'|'.join(known)})\b", "", question, flags=re.IGNORECASE)
    return left if re.search(r"\w", left) else question


def recall(op: Rank, vector: Sequence[float] | None, embedder: str | None) -> Plan[list[Found]]:
    """Return what answers a question, best first."""
    spaces, texts = yield from _texts(op)
    if not texts:
        return []
    times = find(op.question, datetime.fromisoformat(op.today) if op.today else None)
    asked = Asked(op.question, times)
    if vector is not None and embedder is not None:
        compared = yield from _cosines(op, spaces, texts, vector, embedder)
        asked = Asked(op.question, times, *compared)
    wanted = op.limit
    while True:
        placed = _ranked(texts, asked, op, wanted)
        found = yield from _found(placed)
        # Some may have expired, or be gone since the texts were read.
        if len(found) >= op.limit or len(placed) < wanted:
            return found[: op.limit]
        wanted *= 2


def _texts(op: Rank) -> Plan[tuple[list[int], list[Texts]]]:
    """Return the spaces that are asked, and what they hold."""
    spaces = list((yield from spaces_below(op.namespace)))
    texts: list[Texts] = (yield Refreshed(spaces)) if spaces else []
    return spaces, texts


def _ranked(texts: Sequence[Texts], asked: Asked, op: Rank, count: int) -> list[Placed]:
    """Rank each group apart, so that none floods the others, and merge them by score."""
    found: list[Placed] = []
    with contextlib.ExitStack() as held:
        for one in texts:
            held.enter_context(one.lock)
        for group in (group for sort in op.sorts for group in SORTS[sort]):
            corpora = [(one.groups[group], _weights(one, op)) for one in texts]
            found += rank(corpora, asked, count)
    return sorted(found, key=lambda one: (-one.score, -one.id))[:count]


def _weights(texts: Texts, op: Rank) -> Ranking:
    return op.assistant if len(texts.groups["answer"]) else op.people


def _cosines(
    op: Rank,
    spaces: Sequence[int],
    texts: Sequence[Texts],
    vector: Sequence[float],
    embedder: str,
) -> Plan[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Return numbers of texts with their cosines, less the mean of all."""
    import numpy as np

    numbers: list[int] = []
    cosines: list[float] = []
    for sort in op.sorts:
        near = yield Nearest(spaces, sort, embedder, vector, COMPARED)
        mean = yield from _mean(texts, SORTS[sort], vector)
        numbers += [id for id, _ in near]
        cosines += [cosine - mean for _, cosine in near]
    order = np.argsort(np.array(numbers, np.int64))
    return np.array(numbers, np.int64)[order], np.array(cosines)[order]


def _mean(texts: Sequence[Texts], groups: Sequence[str], vector: Sequence[float]) -> Plan[float]:
    """Return about what cosine any text has."""
    import numpy as np

    held = [one.groups[group].array("ids") for one in texts for group in groups]
    ids = np.concatenate(held) if held else np.zeros(0, np.int64)
    ids = ids[ids >= 0]
    sample = ids[:: max(1, len(ids) // SAMPLE)].tolist()
    rows = yield Sql("vectors_whole", {"ids": sample})
    if not rows:
        return 0.0
    vectors = np.array([_floats(row["vector"]) for row in rows])
    return float((vectors @ np.asarray(vector)).mean())


def _floats(stored: Any) -> Any:
    import numpy as np

    return np.frombuffer(stored, "<f4") if isinstance(stored, bytes) else np.asarray(stored, "<f4")


def _found(placed: Sequence[Placed]) -> Plan[list[Found]]:
    """Return what stands at numbers, in their order; what is no longer there is left out."""
    there: dict[int, Any] = {}
    for part in chunks([one.id for one in placed]):
        for row in (yield Sql("messages_by_id", {"ids": part})):
            there[row["id"]] = entry_of(row)
        for row in (yield Sql("items_by_id", {"ids": part, "now": now_text()})):
            there[row["id"]] = item_of(row)
    return [_one(there[one.id], one) for one in placed if one.id in there]


def _one(what: Any, placed: Placed) -> Found:
    weights = {name: getattr(placed.weights, name) for name in SIGNALS}
    found = (placed.score, placed.signals, weights)
    return Found(*found, item=what) if isinstance(what, Item) else Found(*found, entry=what)
