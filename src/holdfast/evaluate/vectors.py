"""Vectors of an evaluation: each text is embedded once, whichever row asks for it."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from holdfast.embed import BATCH, as_embedder
from holdfast.errors import ConfigurationError

TIMEOUT = 600.0
"""Seconds that a call of the embedder may take: here nobody waits for an answer."""

_DOCUMENT, _QUERY = "document", "query"
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID"


class Vectors(Embeddings):
    """An embedder that computes each vector once, and keeps it in a file if there is one.

    Args:
        index: LangGraph's `{"embed", "dims"}`, as `as_embedder` takes it.
        cache: A file for the vectors, so that a second run computes none. It knows texts by their
            digest alone, and vectors by the embedder's fingerprint.

    Attributes:
        seconds: Time spent in the embedder.
        computed: How many texts it was given.
        fingerprint: Which embedder it is.
        dims: How many numbers a vector has.
    """

    def __init__(self, index: Mapping[str, Any], cache: str | Path | None = None) -> None:
        self._embedder = as_embedder({"timeout": TIMEOUT, **index})
        self.fingerprint = self._embedder.fingerprint
        self.dims = self._embedder.dims
        self.seconds = 0.0
        self.computed = 0
        self._known: dict[str, list[float]] = {}
        self._lock = threading.RLock()
        self._cache = Path(cache).expanduser() if cache else None
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._asked(lambda db: db.execute(_TABLE))

    @property
    def index(self) -> dict[str, Any]:
        """The index by which a store is opened with these vectors."""
        return {
            "embed": self,
            "dims": self.dims,
            "fingerprint": self.fingerprint,
            "timeout": TIMEOUT,
        }

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each text that is to be found."""
        return self._of(texts, _DOCUMENT, self._embedder.documents)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text that looks for others."""
        return self.queries([text])[0]

    def queries(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each text that looks for others."""
        return self._of(texts, _QUERY, lambda some: [self._embedder.query(text) for text in some])

    def matrix(self, texts: Sequence[str]) -> Any:
        """Return the vectors of texts that are to be found, of length 1, in the rows of an array.

        No text gives a row, and one without direction a row of zeros.
        """
        import numpy as np

        found = np.array(self.embed_documents(list(texts)), np.float32).reshape(-1, self.dims)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.maximum(lengths, 1e-12)

    def _of(
        self,
        texts: Sequence[str],
        sort: str,
        embed: Callable[[list[str]], list[list[float]]],
    ) -> list[list[float]]:
        with self._lock:
            keys = {text: self._key(sort, text) for text in texts}
            self._read([key for key in keys.values() if key not in self._known])
            missing = [text for text, key in keys.items() if key not in self._known]
            for start in range(0, len(missing), BATCH):
                batch = missing[start : start + BATCH]
                begun = time.perf_counter()
                vectors = embed(batch)
                self.seconds += time.perf_counter() - begun
                self.computed += len(batch)
                self._keep({keys[t]: v for t, v in zip(batch, vectors, strict=True)})
            return [self._known[keys[text]] for text in texts]

    def _key(self, sort: str, text: str) -> str:
        parts = (self.fingerprint, sort, text)
        whole = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.sha256(whole).hexdigest()

    def _keep(self, found: Mapping[str, list[float]]) -> None:
        # As the file has them, so that a first run ranks like a second one.
        packed = {key: array("f", vector) for key, vector in found.items()}
        self._known |= {key: vector.tolist() for key, vector in packed.items()}
        rows = [(key, vector.tobytes()) for key, vector in packed.items()]
        put = "INSERT OR REPLACE INTO vectors VALUES (?, ?)"
        self._asked(lambda db: db.executemany(put, rows))

    def _read(self, keys: Sequence[str]) -> None:
        def read(db: sqlite3.Connection) -> None:
            for key in keys:
                row = db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
                if row:
                    self._known[key] = array("f", row[0]).tolist()

        if keys:  # no file is opened while a row is timed
            self._asked(read)

    def _asked(self, ask: Callable[[sqlite3.Connection], Any]) -> None:
        """Ask the file, where there is one; a connection each, since rows run in threads."""
        if self._cache is None:
            return
        try:
            with closing(sqlite3.connect(self._cache)) as db, db:
                ask(db)
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"The cache of vectors {str(self._cache)!r} cannot be used: {error}. Name another "
                "file, or take this one away."
            ) from error
