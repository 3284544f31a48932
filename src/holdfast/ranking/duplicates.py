"""Texts that say the same take one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.ranking.ranker import Placed


def distinct(
    placed: Sequence[Placed], tokens: Callable[[int], Sequence[str]], count: int
) -> list[tuple[Placed, list[int]]]:
    """Return the first of what is placed, each with those after it that say the same.

    Two texts say the same when they share as many words as `Ranking.alike` asks for, as a share of
    all words in both. What a person said stays apart from what is believed because of it, as long
    as the words differ.

    Source: Jaccard similarity of sets of tokens; Broder, "On the resemblance and containment of
    documents" (1997).

    Args:
        placed: Best first.
        tokens: Gives the tokens of a text by its number.
        count: How many at most; what is placed after the last of them is not looked at.
    """
    kept: list[tuple[Placed, list[int], frozenset[str]]] = []
    for one in placed:
        if len(kept) == count:
            break
        words = frozenset(tokens(one.id))
        same = next((other for other in kept if _alike(words, other[2], one.weights.alike)), None)
        if same is None:
            kept.append((one, [], words))
        else:
            same[1].append(one.id)
    return [(one, ids) for one, ids, _ in kept]


def _alike(words: frozenset[str], other: frozenset[str], least: float) -> bool:
    short, long = sorted((len(words), len(other)))
    if not short or short < least * long:
        return False
    common = len(words & other)
    return common >= least * (short + long - common)
