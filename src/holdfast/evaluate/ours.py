"""Our own row: a SQLite store that keeps the whole conversation, asked as a user asks it."""

from __future__ import annotations

import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

from holdfast.evaluate.asking import ranked
from holdfast.evaluate.conversations import Conversation
from holdfast.evaluate.row import Ranked, Row
from holdfast.evaluate.vectors import Vectors
from holdfast.history import ChangeSet, Said
from holdfast.memory import Message
from holdfast.stores.opening import open_store

NAMESPACE = ("messages", "evaluated")


class Holdfast(Row):
    """A `SqliteStore` in a file of its own, its journal filled by `commit`, a session at a time.

    All messages are kept, as in use; what the assistant said is taken out of what is found.

    Args:
        name: What it is called.
        vectors: Of the embedder; None for words alone.
        ranking: Settings of the ranker, handed on to `asking.ranked`.
    """

    def __init__(self, name: str, vectors: Vectors | None = None, ranking: Any = None) -> None:
        super().__init__(name)
        self._index = vectors.index if vectors else None
        self._ranking = ranking
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._store: Any = None
        self._candidates: frozenset[str] = frozenset()

    def build(self, conversation: Conversation) -> None:
        """Commit the messages, and open the file anew."""
        self.close()
        self._folder = tempfile.TemporaryDirectory(prefix="holdfast-eval-")
        file = self._file
        with open_store(file, index=self._index) as store:
            for session, turns in groupby(conversation.turns, key=lambda turn: turn.session):
                messages = tuple(
                    Message(turn.role, turn.text, turn.speaker, turn.time, turn.id)
                    for turn in turns
                )
                store.commit(ChangeSet(NAMESPACE, journal=(Said(messages, session),)))
        self._store = open_store(file, index=self._index)
        self._candidates = frozenset(turn.id for turn in conversation.candidates)

    def rank(self, question: str, k: int) -> Ranked:
        """Return what the store finds; more is asked for where much of it is the assistant's."""
        asked = k
        while True:
            found = ranked(self._store, NAMESPACE, question, asked, self._ranking)
            scored = [(entry.message.id or "", entry.score or 0.0) for entry in found]
            wanted = [(id, score) for id, score in scored if id in self._candidates]
            if len(wanted) >= k or len(found) < asked:
                return wanted[:k]
            asked *= 2

    def size(self) -> int:
        """Return the bytes of the file, and of what SQLite keeps beside it."""
        return sum(file.stat().st_size for file in self._file.parent.iterdir())

    @property
    def _file(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / "memory.db"

    def close(self) -> None:
        """Close the store, and take its file away."""
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
