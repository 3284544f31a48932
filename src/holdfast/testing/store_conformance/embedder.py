"""An embedder for tests: no model, no network, and one knows which texts are near each other."""

from __future__ import annotations

import re
import threading

from langchain_core.embeddings import Embeddings

_WORD = re.compile(r"-?\w+")


class WordVectors(Embeddings):
    """Embeds texts by their words: those that share words are near each other.

    Each new word gets the next axis of the space; `-tea` is the opposite of `tea`.

    Args:
        dims: Length of a vector. Words beyond that number share axes.

    Attributes:
        queries: What `embed_query` was given, in order.
        documents: What `embed_documents` was given, in order.
        failure: An error to raise instead of embedding, if set.

    Example:
        >>> embedder = WordVectors(dims=3)
        >>> embedder.embed_documents(["tea", "tea tea ferry", "-tea"])
        [[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
        >>> embedder.documents
        ['tea', 'tea tea ferry', '-tea']
    """

    def __init__(self, dims: int = 64) -> None:
        self.dims = dims
        self.queries: list[str] = []
        self.documents: list[str] = []
        self.failure: Exception | None = None
        self._axes: dict[str, int] = {}
        self._lock = threading.Lock()

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        self.queries.append(text)
        return self._vector(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts that are stored."""
        self.documents.extend(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        if self.failure is not None:
            raise self.failure
        vector = [0.0] * self.dims
        for word in _WORD.findall(text.lower()):
            sign = -1.0 if word.startswith("-") else 1.0
            vector[self._axis(word.removeprefix("-"))] += sign
        if not any(vector):
            vector[0] = 1.0  # a vector without a direction is near to nothing, not even itself
        return vector

    def _axis(self, word: str) -> int:
        with self._lock:
            return self._axes.setdefault(word, len(self._axes)) % self.dims
