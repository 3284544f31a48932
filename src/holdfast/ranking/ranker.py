"""Signals summed up: which texts of some corpora answer a question, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from holdfast.analysis import (
    K1,
    Counts,
    Word,
    asking_tokens,
    question_tokens,
    question_words,
)
from holdfast.memory import MESSAGE_KIND
from holdfast.ranking.corpus import Corpus
from holdfast.ranking.weights import SIGNALS, Ranking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from holdfast.dates import Expression

    Floats = NDArray[np.float64]

MOST_TERMS = 32
"""How many words of a question count, the rarest of them, so that long ones stay fast."""

ASKING = 0.5
"""What a word counts by which people ask ("list", "summarize"), rather than what they ask about."""

LENGTH = 0.75
"""How much BM25 holds the length of an occasion against it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what is known about it beside its words.

    Args:
        text: In plain words.
        times: Days that it names, as `holdfast.dates.find` returns them.
        now: Whether it asks for the present state.
        ids: Numbers of texts whose vectors were compared, rising; None without an embedder.
        cosines: Of each of them, less the mean of all.
    """

    text: str
    times: tuple[Expression, ...] = ()
    now: bool = False
    ids: NDArray[np.int64] | None = None
    cosines: Floats | None = None


class Placed(NamedTuple):
    """One text that was found.

    Args:
        id: Its number in the store.
        score: The sum of its signals, each times its weight, as a share of all weights.
        signals: Each before its weight.
        weights: What they were weighed by.
        group: Which of the corpus's `GROUPS` it is of, where that matters.
    """

    id: int
    score: float
    signals: dict[str, float]
    weights: Ranking
    group: str = ""


def rank(corpora: Sequence[tuple[Corpus, Ranking]], asked: Asked, count: int) -> list[Placed]:
    """Return the texts that answer a question, best first, ties by number, newest first.

    A text is found when a word of the question is in it, around it or in its session, when it was
    said on a day that the question names, or when its cosine is above the mean; as far as these
    signals have a weight. The others only order what was found.

    Args:
        corpora: Each with the weights that fit it.
        asked: The question.
        count: How many at most.
    """
    languages = frozenset().union(*(corpus.languages for corpus, _ in corpora))
    words = question_words(asked.text, languages)
    words, counts = _counted([corpus for corpus, _ in corpora], words)
    found: list[Placed] = []
    for corpus, weights in corpora:
        if len(corpus):
            found += _best(corpus, weights, asked, words, counts, count)
    return sorted(found, key=lambda one: (-one.score, -one.id))[:count]


def _counted(corpora: Sequence[Corpus], asked: Sequence[Word]) -> tuple[list[Word], Counts]:
    """Count over all corpora; keep the words that say most."""
    holding = {w: sum(len(corpus.postings(w)[0]) for corpus in corpora) for w in asked}
    counts = Counts(sum(map(len, corpora)), 0.0, holding)
    # What no text holds tells nothing, however rare it is.
    ordered = sorted(asked, key=lambda word: (holding[word] > 0, counts.rarity(word)), reverse=True)
    return ordered[:MOST_TERMS], counts


def _best(
    corpus: Corpus,
    weights: Ranking,
    asked: Asked,
    words: Sequence[Word],
    counts: Counts,
    count: int,
) -> list[Placed]:
    import numpy as np

    signals = _by_words(corpus, weights, {w: _telling(w, counts) for w in words})
    signals |= _beside_words(corpus, asked)
    found = np.zeros(corpus.rows, bool)
    for name, signal in signals.items():
        if getattr(weights, name):
            found |= signal > 0
    signals |= {
        "who": _named(corpus, words),
        "statement": corpus.array("statement"),
        "substance": corpus.array("substance"),
    }
    if asked.now:
        signals["recency"] = _recency(corpus, weights)
    total = np.zeros(corpus.rows)
    for name, signal in signals.items():
        if weight := getattr(weights, name):
            total += weight * signal
    total[~(found & corpus.array("alive"))] = -np.inf
    ids = corpus.array("ids")
    return [
        Placed(
            int(ids[row]),
            max(0.0, float(total[row]) / weights.total),
            dict.fromkeys(SIGNALS, 0.0)
            | {name: float(signal[row]) for name, signal in signals.items()},
            weights,
        )
        for row in _top(total, ids, count)
    ]


def _top(total: Floats, ids: Any, count: int) -> list[int]:
    import numpy as np

    if count < len(total):
        least = np.partition(total, len(total) - count)[len(total) - count]
        rows = np.flatnonzero(total >= least)
    else:
        rows = np.arange(len(total))
    rows = rows[np.isfinite(total[rows])]
    order = np.lexsort((-ids[rows], -total[rows]))
    return [int(row) for row in rows[order][:count]]


def _telling(word: Word, counts: Counts) -> float:
    """Return what a word weighs: the rarer the more, and half where it belongs to the asking."""
    return counts.rarity(word) * (ASKING if word[0] in asking_tokens() else 1.0)


def _by_words(corpus: Corpus, weights: Ranking, words: Mapping[Word, float]) -> dict[str, Floats]:
    """Return the three signals of words, each a share of the best that could be reached.

    Source: BM25 as in `holdfast.analysis.Bm25`; over a text, a text with its surroundings, and an
    occasion. Texts as wider keys of their parts: Callan, "Passage-Level Evidence in Document
    Retrieval" (1994).
    """
    import numpy as np

    session, said = corpus.array("session"), corpus.array("session") >= 0
    lengths = corpus.array("session_lengths")
    there = lengths > 0
    number = max(len(corpus), 1)
    alone = _Share(corpus.norms("lengths", weights.length, number))
    around = _Share(corpus.norms("windows", weights.length, number))
    together = _Share(corpus.norms("session_lengths", LENGTH, max(int(there.sum()), 1)))
    for word, weight in words.items():
        rows, often = corpus.postings(word)
        alone.add_at(rows, weight, often)
        if weights.surroundings:
            around.add(weight, corpus.around(rows, often))
        if weights.session:
            spoken = said[rows]
            times = np.bincount(session[rows][spoken], often[spoken], len(lengths))
            together.add(weight, times.astype(float))
    best = sum(words.values()) * (K1 + 1) or 1.0
    occasions = np.zeros(corpus.rows)
    if weights.session and there.any():
        above = together.total - together.total[there].min()
        occasions[said] = above[session[said]] / best
    return {
        "words": alone.total / best,
        "surroundings": around.total / best,
        "session": occasions,
    }


class _Share:
    """BM25, summed up word by word over rows."""

    def __init__(self, norms: Floats) -> None:
        import numpy as np

        self._norms = norms
        self.total = np.zeros(len(norms))

    def add(self, weight: float, often: Floats) -> None:
        """Add a word: what it weighs, and how often each row holds it."""
        reached = often * (weight * (K1 + 1))
        reached /= often + self._norms
        self.total += reached

    def add_at(self, rows: NDArray[np.int64], weight: float, often: Floats) -> None:
        """Add a word that only some rows hold, each of them once."""
        self.total[rows] += weight * often * (K1 + 1) / (often + self._norms[rows])


def _beside_words(corpus: Corpus, asked: Asked) -> dict[str, Floats]:
    """Return the signals beside words by which a text is found, as far as the question has any."""
    found: dict[str, Floats] = {}
    if asked.ids is not None and asked.cosines is not None and len(asked.ids):
        found["meaning"] = _cosines(corpus, asked.ids, asked.cosines)
    if asked.times:
        found["when"] = _when(corpus, asked.times)
    return found


def _cosines(corpus: Corpus, compared: NDArray[np.int64], cosines: Floats) -> Floats:
    import numpy as np

    ids = corpus.array("ids")
    places = np.minimum(np.searchsorted(compared, ids), len(compared) - 1)
    return np.where(compared[places] == ids, cosines[places], 0.0)


def _when(corpus: Corpus, times: Sequence[Expression]) -> Floats:
    """Return 1 for what was said on a day that is asked about, or names such days alone.

    Of a longer stretch of days that a text names, what lies within those asked about counts; where
    the question is ambiguous, half of all that.
    """
    import numpy as np

    days = corpus.array("day")
    rows, begins, ends = corpus.array("named")
    when = np.zeros(corpus.rows)
    for time in times:
        sure = 0.5 if time.ambiguous else 1.0
        first, last = time.interval.start.toordinal(), time.interval.end.toordinal()
        within = (days >= first) & (days <= last) & (days > 0)
        when[within] = np.maximum(when[within], sure)
        common = np.minimum(ends, last) - np.maximum(begins, first) + 1
        np.maximum.at(when, rows, sure * np.maximum(common, 0) / (ends - begins + 1))
    return when


def _recency(corpus: Corpus, weights: Ranking) -> Floats:
    """Return 1 for what was said on the newest day, a half a half-life before that."""
    import numpy as np

    days = corpus.array("day")
    newest = days.max(initial=0.0)
    recent = 0.5 ** ((newest - days) / weights.half_life_of(MESSAGE_KIND))
    return np.where(days > 0, recent, 0.0)


def _named(corpus: Corpus, words: Sequence[Word]) -> Floats:
    """Return 1 for what was said by somebody whose name is in the question."""
    import numpy as np

    asked = {token for word in words for token in word}
    named = np.array(
        [bool(name) and not asked.isdisjoint(question_tokens(name)) for name in corpus.speakers]
    )
    # Speakers are numbered in the order in which they stand there.
    who: Floats = named.astype(float)[corpus.array("speaker")]
    return who
