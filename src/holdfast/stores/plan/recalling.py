"""Recall: the texts of some namespaces ranked for a question, messages and memories together."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from holdfast.dates import asks_about, find
from holdfast.history import Entry, Found, instant
from holdfast.operations import Rank
from holdfast.ranking import Asked, Placed, Ranking, distinct, likeness, rank, weighed
from holdfast.ranking.weights import SIGNALS
from holdfast.stores.plan.corpora import Texts
from holdfast.stores.plan.effects import Nearest, Plan, Refreshed, Sql
from holdfast.stores.plan.indexing import Indexing
from holdfast.stores.plan.journal import entry_of
from holdfast.stores.plan.spaces import chunks, now_text, spaces_below
from holdfast.stores.plan.state import Memory, Present, State, state_at

if TYPE_CHECKING:
    import numpy as np

SORTS = {"memory": ("memory",), "message": ("said", "answer")}
"""What is found, and the groups of texts that it is in."""

COMPARED = 300
"""How many texts of a sort have their own cosine; that of all others is taken to be the mean."""

LOOKED_AT = 60
"""How many memories are weighed by what is kept beside them, at the least."""

SPARE = 10
"""How many messages more than asked for are ranked, since some may say the same."""

SAMPLE = 64
"""From about how many texts the mean of all cosines is told."""

LEAST_SAMPLE = 4
"""From how many of each space at the least."""


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


def recall(op: Rank, vector: Sequence[float] | None, indexing: Indexing) -> Plan[list[Found]]:
    """Return what answers a question, best first."""
    if op.as_of is None:
        spaces, texts = yield from _texts(op)
        state: State = Present()
    else:
        spaces, texts, state = yield from state_at(op, indexing)
    if not texts:
        return []
    asked = _asked(op)
    now = datetime.fromisoformat(instant(op.as_of or op.today, "today") or now_text())
    past = _asks_of_past(op, now) if op.past is None else op.past
    if vector is not None and indexing.fingerprint is not None:
        compared = yield from _cosines(op, spaces, texts, vector, indexing.fingerprint)
        asked = replace(asked, ids=compared[0], cosines=compared[1])
    wanted = op.limit
    while True:
        placed = _ranked(texts, asked, op, wanted)
        there = yield from state.memories([one.id for one in placed if one.group == "memory"])
        said = yield from _messages([one.id for one in placed if one.group != "memory"])
        if not past:
            there = {id: memory for id, memory in there.items() if not memory.kept.over}
        weighing = _weighed(placed, there, said, now, asked)
        found = _found(distinct(weighing, partial(_likeness, there, said), op.limit), there, said)
        # Some may be no longer so, say the same, or be gone since the texts were read.
        if len(found) >= op.limit or len(placed) < wanted:
            return found
        wanted *= 2


def _asked(op: Rank) -> Asked:
    said = op.as_of or op.today
    times = find(op.question, datetime.fromisoformat(said) if said else None)
    return Asked(op.question, times, asks_about(op.question) == "now")


def _texts(op: Rank) -> Plan[tuple[list[int], list[Texts]]]:
    """Return the spaces that are asked, and what they hold."""
    spaces = list((yield from spaces_below(op.namespace)))
    texts: list[Texts] = (yield Refreshed(spaces)) if spaces else []
    return spaces, texts


def _messages(ids: Sequence[int]) -> Plan[dict[int, Entry]]:
    """Return messages by their numbers; those that are not there are left out."""
    found: dict[int, Entry] = {}
    for part in chunks(ids):
        for row in (yield Sql("messages_by_id", {"ids": part})):
            found[row["id"]] = entry_of(row)
    return found


def _likeness(there: Mapping[int, Memory], said: Mapping[int, Entry], id: int) -> str | None:
    return likeness(there[id].item.value if id in there else said[id].value)


def _weighed(
    placed: Sequence[Placed],
    there: Mapping[int, Memory],
    said: Mapping[int, Entry],
    now: datetime,
    asked: Asked,
) -> list[Placed]:
    """Weigh what is kept beside memories; what is neither memory nor message is left out."""
    found: list[Placed] = []
    for one in placed:
        if one.id in said:
            found.append(one)
        elif one.id in there:
            found.append(weighed(one, there[one.id].kept, now, asked))
    return sorted(found, key=lambda one: (-one.score, -one.id))


def _asks_of_past(op: Rank, now: datetime) -> bool:
    """Tell whether a question asks about what was, by its words or by days that it names."""
    over = (time.interval.end < now.date() for time in find(op.question, now))
    return asks_about(op.question) == "past" or any(over)


def _ranked(texts: Sequence[Texts], asked: Asked, op: Rank, count: int) -> list[Placed]:
    """Rank each group apart, so that none floods the others, and merge them by score."""
    found: list[Placed] = []
    with contextlib.ExitStack() as held:
        for one in texts:
            held.enter_context(one.lock)
        for group in (group for sort in op.sorts for group in SORTS[sort]):
            corpora = [(one.groups[group], _weights(one, op)) for one in texts]
            # What is kept beside memories may still move them up.
            most = max(4 * count, LOOKED_AT) if group == "memory" else count + SPARE
            found += [one._replace(group=group) for one in rank(corpora, asked, most)]
    return found


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
        mean = yield from _mean(texts, sort, vector, embedder)
        numbers += [id for id, _ in near]
        cosines += [cosine - mean for _, cosine in near]
    order = np.argsort(np.array(numbers, np.int64))
    return np.array(numbers, np.int64)[order], np.array(cosines)[order]


def _mean(texts: Sequence[Texts], sort: str, vector: Sequence[float], embedder: str) -> Plan[float]:
    """Return about what cosine any text has: that of the mean of some vectors of each space."""
    import numpy as np

    number = max(SAMPLE // max(len(texts), 1), LEAST_SAMPLE)
    total, cosine = 0, 0.0
    for one in texts:
        held = [one.groups[group].array("ids") for group in SORTS[sort]]
        ids = np.concatenate(held)
        ids = ids[ids >= 0]
        if not len(ids):
            continue
        if (embedder, sort) not in one.means:
            sample = ids[:: max(1, len(ids) // number)].tolist()
            rows = yield Sql("vectors_whole", {"ids": sample})
            vectors = [_floats(row["vector"]) for row in rows] or [np.zeros(len(vector))]
            one.means[embedder, sort] = np.mean(vectors, axis=0)
        total += len(ids)
        cosine += len(ids) * float(one.means[embedder, sort] @ np.asarray(vector))
    return cosine / total if total else 0.0


def _floats(stored: Any) -> Any:
    import numpy as np

    return np.frombuffer(stored, "<f4") if isinstance(stored, bytes) else np.asarray(stored, "<f4")


def _found(
    kept: Sequence[tuple[Placed, Sequence[int]]],
    there: Mapping[int, Memory],
    said: Mapping[int, Entry],
) -> list[Found]:
    """Return what stands at numbers, each with what is kept of it."""
    found: list[Found] = []
    for one, same in kept:
        others = (there[id].item if id in there else said[id] for id in same)
        told = Found(
            one.score,
            one.signals,
            {name: getattr(one.weights, name) for name in SIGNALS},
            same=tuple((other.namespace, other.key) for other in others),
        )
        if one.id in said:
            found.append(replace(told, entry=said[one.id]))
            continue
        memory, beside = there[one.id].item, there[one.id].kept
        found.append(
            replace(
                told,
                item=memory,
                over=beside.over,
                valid_from=beside.valid_from,
                valid_to=beside.valid_to,
            )
        )
    return found
