"""How good one ranking is: pure functions of ranked ids and the evidence.

Relevance is binary: a turn is evidence or it is not. A turn that is not ranked is not found.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from holdfast.evaluate.conversations import Turn

DEPTHS = (1, 5, 10, 20)
SESSION_DEPTHS = (5, 10)
BUDGETS = (500, 1_000, 2_000, 4_000)


def recall_at(ranked: Sequence[str], evidence: Collection[str], k: int) -> float:
    """Return the share of the evidence among the first k: |top k and evidence| / |evidence|.

    Source: Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), 8.4.

    Example:
        >>> recall_at(["a", "x", "b"], {"a", "b"}, 2)
        0.5
    """
    return len(set(ranked[:k]).intersection(evidence)) / len(set(evidence))


def any_at(ranked: Sequence[str], evidence: Collection[str], k: int) -> float:
    """Return 1 if some evidence is among the first k, else 0 (the success rate, or hit rate)."""
    return float(bool(set(ranked[:k]).intersection(evidence)))


def all_at(ranked: Sequence[str], evidence: Collection[str], k: int) -> float:
    """Return 1 if all evidence is among the first k, else 0."""
    return float(set(ranked[:k]).issuperset(evidence))


def reciprocal_rank(ranked: Sequence[str], evidence: Collection[str]) -> float:
    """Return 1 / the rank of the first evidence; 0 where there is none. Its mean is the MRR.

    Source: Voorhees, "The TREC-8 Question Answering Track Report" (1999).

    Example:
        >>> reciprocal_rank(["x", "a"], {"a"})
        0.5
    """
    return next((1 / rank for rank, id in enumerate(ranked, start=1) if id in evidence), 0.0)


def ndcg_at(ranked: Sequence[str], evidence: Collection[str], k: int) -> float:
    """Return the discounted gain of the first k over the best that could be: DCG / ideal DCG.

    DCG is the sum of 1 / log2(rank + 1) over the ranks that hold evidence; the ideal one has the
    evidence at ranks 1, 2, ... up to k.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002),
    with the discount of Burges et al., "Learning to Rank using Gradient Descent" (2005).

    Example:
        >>> round(ndcg_at(["x", "a"], {"a"}, 10), 3)
        0.631
    """
    gains = (rank for rank, id in enumerate(ranked[:k], start=1) if id in evidence)
    ideal = range(1, min(k, len(set(evidence))) + 1)
    return sum(map(_discount, gains)) / sum(map(_discount, ideal))


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def sessions_of(ids: Sequence[str], turns: Mapping[str, Turn]) -> list[str]:
    """Return the sessions of ranked turns, each at the place of its best turn."""
    return list(dict.fromkeys(turns[id].session for id in ids))


def rendered(turn: Turn) -> str:
    """Return a turn as it would stand in a prompt: `date speaker: text`.

    Example:
        >>> rendered(Turn("1", "I like tea", speaker="Nora", time="2026-05-01T09:00:00"))
        '2026-05-01 Nora: I like tea'
    """
    said = f"{turn.speaker or turn.role}: {turn.text}"
    return f"{turn.time[:10]} {said}" if turn.time else said


def within(ranked: Sequence[str], costs: Mapping[str, int], budget: int) -> list[str]:
    """Return the first turns that fit into a budget of tokens, up to the first that does not."""
    spent = 0
    for number, id in enumerate(ranked):
        spent += costs[id]
        if spent > budget:
            return list(ranked[:number])
    return list(ranked)


def measured(
    ranked: Sequence[str],
    evidence: Collection[str],
    turns: Mapping[str, Turn],
    costs: Mapping[str, int],
) -> dict[str, float]:
    """Return every metric of one question, by its name (see `NAMES`).

    Args:
        ranked: Ids, best first.
        evidence: Ids that answer the question; at least one.
        turns: Turns by id.
        costs: Tokens of each, as `rendered`.
    """
    found = {f"recall@{k}": recall_at(ranked, evidence, k) for k in DEPTHS}
    found["any@10"] = any_at(ranked, evidence, 10)
    found["all@10"] = all_at(ranked, evidence, 10)
    found["MRR"] = reciprocal_rank(ranked, evidence)
    found["NDCG@10"] = ndcg_at(ranked, evidence, 10)
    sessions = sessions_of(ranked, turns)
    wanted = sessions_of(list(evidence), turns)
    for k in SESSION_DEPTHS:
        found[f"session recall@{k}"] = recall_at(sessions, wanted, k)
        found[f"session any@{k}"] = any_at(sessions, wanted, k)
        found[f"session all@{k}"] = all_at(sessions, wanted, k)
    found["tokens@10"] = float(sum(costs[id] for id in ranked[:10]))
    for budget in BUDGETS:
        fits = within(ranked, costs, budget)
        found[f"all in {budget}"] = float(set(fits).issuperset(evidence))
    return found


NAMES = (
    *(f"recall@{k}" for k in DEPTHS),
    "any@10",
    "all@10",
    "MRR",
    "NDCG@10",
    *(f"session {what}@{k}" for k in SESSION_DEPTHS for what in ("recall", "any", "all")),
    "tokens@10",
    *(f"all in {budget}" for budget in BUDGETS),
)
"""Every metric: of turns, of sessions (ranked by their best turn), and of budgets in tokens.
`tokens@10` is what the first ten turns cost; all others are between 0 and 1."""
