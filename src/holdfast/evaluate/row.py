"""What a row is: one way of finding turns again."""

from __future__ import annotations

from abc import ABC, abstractmethod

from holdfast.evaluate.conversations import Conversation

Ranked = list[tuple[str, float]]


class Row(ABC):
    """One way of finding turns.

    Args:
        name: What it is called in the tables.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def build(self, conversation: Conversation) -> None:
        """Index a conversation; what was indexed before is gone."""

    @abstractmethod
    def rank(self, question: str, k: int) -> Ranked:
        """Return ids and scores of the candidates, best first, k at most."""

    @abstractmethod
    def size(self) -> int:
        """Return the bytes of the index; of one in memory, those of the texts and vectors."""

    def close(self) -> None:  # noqa: B027  # most have nothing to let go of
        """Let go of files."""
