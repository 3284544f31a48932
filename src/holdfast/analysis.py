"""Text into tokens, the same for every backend, and how well tokens match a question."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import snowballstemmer

from holdfast.memory import MESSAGE_KIND, unwrap

_WORD = re.compile(r"[^\W_]+(?:[._][^\W_]+|,\d{3}(?!\d))*(?:'[a-z]+)?")
# Han, kana and hangul are written without spaces, or inflect within the word: bigrams serve.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")

STOP_WORDS = frozenset(
    (files("holdfast") / "tables" / "english_stop_words.txt").read_text(encoding="utf-8").split()
)
"""Words that say nothing of what a question is about; left out of questions, kept in texts."""

K1, B = 1.2, 0.75


@functools.cache
def asking_tokens() -> frozenset[str]:
    """Return the tokens by which people ask, such as those of "list" and "summarize"."""
    table = files("holdfast") / "tables" / "english_asking_words.txt"
    return frozenset(tokens(table.read_text(encoding="utf-8")))


LONGEST_STEMMED = 40
"""Letters of the longest word that is stemmed; longer runs are no words, and slow to stem."""


@functools.cache
def _stemmer() -> Any:
    return snowballstemmer.stemmer("english")


@functools.lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    if len(word) > LONGEST_STEMMED or not word.isascii() or not word.isalpha():
        return word
    return str(_stemmer().stemWord(word))


def _plain(text: str) -> str:
    """Return the text case-folded, with the accents of Latin letters taken off."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", folded):
        if unicodedata.combining(letter) and letters and letters[-1].isascii():
            continue
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


def _split(word: str) -> list[str]:
    """Return the pieces of a word: runs without spaces as bigrams, the rest whole."""
    if word.isascii():
        return [word]
    pieces: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            pieces.append(word[end : run.start()])
        said = run[0]
        pieces += [said[i : i + 2] for i in range(max(1, len(said) - 1))]
        end = run.end()
    if end < len(word):
        pieces.append(word[end:])
    return pieces


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, in order: words, stemmed where they are English.

    Example:
        >>> tokens("Inês loves running")
        ['ine', 'love', 'run']
        >>> tokens("東京都")
        ['東京', '京都']
    """
    found: list[str] = []
    for word in _WORD.findall(_plain(text)):
        base = word.split("'")[0]
        found += map(_stem, _split(base))
    return found


@functools.lru_cache(maxsize=4_096)
def known_tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text that is likely to be asked about again."""
    return tuple(tokens(text))


def question_tokens(text: str) -> list[str]:
    """Return the distinct tokens of a question that say what it is about.

    Example:
        >>> question_tokens("What did Nora say about the ferry?")
        ['nora', 'ferri']
    """
    words = [word.split("'")[0] for word in _WORD.findall(_plain(text))]
    telling = [word for word in words if word not in STOP_WORDS] or words
    return list(dict.fromkeys(_stem(piece) for word in telling for piece in _split(word)))


def value_text(value: Mapping[str, Any]) -> str:
    """Return the words of a stored value: what a message says, or all texts in a memory.

    Example:
        >>> value_text({"kind": "Memory", "content": {"content": "likes tea", "since": 2020}})
        'likes tea 2020'
    """
    kind, content = unwrap(value)
    if kind == MESSAGE_KIND:
        said = (content.get(part) for part in ("speaker", "text", "calls"))
        return " ".join(word for part in said for word in _leaves(part))
    return " ".join(_leaves(content))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted over one namespace, so that no other tenant moves a score.

    Args:
        documents: How many documents there are.
        length: Their mean length in tokens.
        holding: For each token of the question, how many documents hold it.
    """

    documents: int
    length: float
    holding: Mapping[str, int]

    def rarity(self, token: str) -> float:
        """Return the weight of a token: the rarer, the more it says (never negative)."""
        held = self.holding.get(token, 0)
        return math.log(1 + (self.documents - held + 0.5) / (held + 0.5))


class Bm25:
    """Scores documents by the words of one question, in [0, 1).

    A score is the share of the best that could be reached, so it means the same in any namespace.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
    (2009), section 3.4; divided by its upper bound, the sum of the weights times (k1 + 1).

    Args:
        question: Its tokens, each once.
        counts: What is counted over the documents.

    Example:
        >>> documents = [["ferri", "nine"], ["train", "ten"]]
        >>> score = Bm25(["ferri"], count(["ferri"], documents)).score
        >>> [round(score(document), 2) for document in documents]
        [0.45, 0.0]
    """

    def __init__(self, question: Sequence[str], counts: Counts) -> None:
        self._weights = {token: counts.rarity(token) * (K1 + 1) for token in question}
        self._best = sum(self._weights.values())
        self._length = counts.length or 1

    def most(self, tokens: Sequence[str]) -> float:
        """Return the score that no document can pass which holds these tokens of the question."""
        return sum(self._weights[token] for token in tokens) / self._best if self._best else 0.0

    def score(self, document: Sequence[str]) -> float:
        """Return the score of a document, given as its tokens."""
        often = Counter(token for token in document if token in self._weights)
        if not often:
            return 0.0
        norm = K1 * (1 - B + B * len(document) / self._length)
        reached = sum(self._weights[t] * times / (times + norm) for t, times in often.items())
        return reached / self._best


def count(question: Sequence[str], documents: Iterable[Sequence[str]]) -> Counts:
    """Count the documents that a question is asked of."""
    lengths = 0
    number = 0
    holding: Counter[str] = Counter()
    asked = set(question)
    for document in documents:
        number += 1
        lengths += len(document)
        holding.update(asked.intersection(document))
    return Counts(number, lengths / number if number else 0.0, holding)
