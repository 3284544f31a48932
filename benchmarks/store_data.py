"""What the stores are filled with and asked for: texts, namespaces, and vectors made from texts.

Everything follows from seeded hashes, so that each store, round and run is given the same.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from langgraph.store.base import PutOp
from numpy.typing import NDArray

DIMS = 384
LIMIT = 10
FILTER_SHARE = 10
"""One item in so many passes the filter."""

LAYOUTS = {"one namespace": 1, "100 namespaces": 100}

_CLUSTERS = 64
_LATENT = 24
"""Embeddings of texts vary in a few dozen directions, however many numbers they are given in."""

_SPREAD = 0.6
"""How far members lie from their cluster's centre, in centres' own distance from the middle."""

_NOISE = 0.02
"""What each of the numbers varies by itself."""

_SYLLABLES = ("ba", "do", "fen", "gi", "hul", "ka", "lo", "mer", "nu", "pa", "ri", "sto", "ten")
_WORDS = [a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES]
_LENGTH = 18
_FREQUENT = 10
"""The larger, the rarer the most frequent word: with 10 it is in a quarter of the texts."""


def seed(text: str) -> int:
    """Return a number that follows from a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def sentence(name: str, length: int = _LENGTH) -> str:
    """Return words for a name; a few words are frequent and most are rare."""
    chance = np.random.default_rng(seed(f"words of {name}"))
    span = len(_WORDS) / _FREQUENT
    ranks = (_FREQUENT * ((span + 1) ** chance.random(length) - 1)).astype(int)
    return " ".join(_WORDS[rank] for rank in ranks)


class SyntheticEmbedder:
    """Makes a unit vector of a text: near one of some centres, the same for the same text.

    Vectors that were prepared cost a look-up, so that what is timed is the store.

    Example:
        >>> embed = SyntheticEmbedder()
        >>> [len(vector) for vector in embed(["tea", "coffee"])]
        [384, 384]
    """

    def __init__(self) -> None:
        chance = np.random.default_rng(seed("centres"))
        self._centres = chance.standard_normal((_CLUSTERS, _LATENT))
        basis, _ = np.linalg.qr(chance.standard_normal((DIMS, _LATENT)))
        self._basis = basis.T
        self._rows: dict[str, NDArray[np.float32]] = {}
        self._ready: dict[str, list[float]] = {}
        self._literal = False

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        vectors = [self._ready.get(text) or self.row(text).tolist() for text in texts]
        return [orjson.dumps(vector).decode() for vector in vectors] if self._literal else vectors

    @contextlib.contextmanager
    def literals(self) -> Iterator[None]:
        """Hand vectors out as text, as pgvector reads it; psycopg takes 1 ms to encode a list."""
        self._literal = True
        try:
            yield
        finally:
            self._literal = False

    def row(self, text: str) -> NDArray[np.float32]:
        """Return the vector of a text."""
        kept = self._rows.get(text)
        return self._made(text) if kept is None else kept

    def keep(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Make the vectors of many texts once; return them as the rows of a matrix."""
        listed = list(texts)
        matrix = np.stack([self.row(text) for text in listed])
        self._rows = dict(zip(listed, matrix, strict=True))
        return matrix

    def prepare(self, texts: Iterable[str]) -> None:
        """Have vectors ready as the lists that a store is handed; those of before are dropped."""
        self._ready = {text: self.row(text).tolist() for text in texts}

    def _made(self, text: str) -> NDArray[np.float32]:
        chance = np.random.default_rng(seed(text))
        centre = self._centres[chance.integers(_CLUSTERS)]
        latent = centre + _SPREAD * chance.standard_normal(_LATENT)
        vector = latent @ self._basis + _NOISE * chance.standard_normal(DIMS)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


@dataclass(frozen=True)
class Question:
    """One search, and its right answer.

    Args:
        namespace: Where it searches.
        query: Its text.
        filter: What the items must have, or None.
        truth: The keys of the nearest items, best first, by comparing with every one.
    """

    namespace: tuple[str, ...]
    query: str
    filter: dict[str, Any] | None
    truth: tuple[str, ...]


class Corpus:
    """So many memories, spread over namespaces in one of the layouts.

    Args:
        size: How many memories.
        layout: A name of `LAYOUTS`.
        embed: Makes the vectors; it keeps those of this corpus.
    """

    def __init__(self, size: int, layout: str, embed: SyntheticEmbedder) -> None:
        self.size = size
        self.layout = layout
        self._spaces = LAYOUTS[layout]
        self._embed = embed
        self._texts = [self._text(number) for number in range(size)]
        self._matrix = embed.keep(self._texts)

    def namespace(self, number: int) -> tuple[str, ...]:
        """Return where a memory lies."""
        return ("memories", f"user-{number % self._spaces:03}")

    def value(self, number: int, edition: str = "") -> dict[str, Any]:
        """Return a memory's value; an edition has words of its own at its end."""
        text = self._texts[number] if number < self.size else self._text(number)
        if edition:
            text = f"{text} {sentence(f'edition {edition}', 6)}"
        return {"text": text, "topic": _topic(number)}

    @staticmethod
    def _text(number: int) -> str:
        return f"{sentence(f'memory {number}')} {number}"

    def puts(self, chunk: int) -> Iterable[list[PutOp]]:
        """Yield the operations that load it, in batches."""
        for first in range(0, self.size, chunk):
            part = range(first, min(first + chunk, self.size))
            yield [PutOp(self.namespace(n), str(n), self.value(n)) for n in part]

    def questions(self, count: int, filtered: bool) -> list[Question]:
        """Return searches with their right answers, spread over the namespaces."""
        topics = np.array([_topic(number) for number in range(self.size)])
        asked = []
        for number in range(count):
            where = seed(f"place of question {number}") % self._spaces
            topic = number % FILTER_SHARE
            inside = np.arange(where, self.size, self._spaces)
            if filtered:
                inside = inside[topics[inside] == topic]
            query = sentence(f"question {number}", 8)
            scores = self._matrix[inside] @ self._embed.row(query)
            best = inside[np.argsort(-scores, kind="stable")[:LIMIT]]
            condition = {"topic": topic} if filtered else None
            truth = tuple(str(one) for one in best)
            asked.append(Question(self.namespace(where), query, condition, truth))
        return asked


def _topic(number: int) -> int:
    return seed(f"topic of {number}") % FILTER_SHARE
