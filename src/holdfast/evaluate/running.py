"""Runs every row over every conversation, question by question."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.evaluate.conversations import Conversation
from holdfast.evaluate.metrics import measured, rendered
from holdfast.evaluate.row import Ranked, Row
from holdfast.evaluate.vectors import Vectors
from holdfast.wording.context import count_tokens

TIMED = 10
"""How many turns are asked for where the time is taken."""

DEPTH = 200
"""How many turns are asked for where the ranking is measured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one row made of one question.

    Args:
        conversation: Its id.
        question: Its id.
        text: Its words.
        category: Its sort.
        evidence: Ids that answer it.
        ranked: Ids with scores, best first.
        metrics: By name, see `metrics.NAMES`.
        ms: Milliseconds for the first ten, the embedding of the question taken off.
    """

    conversation: str
    question: str
    text: str
    category: str
    evidence: tuple[str, ...]
    ranked: Ranked
    metrics: dict[str, float]
    ms: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, as it stands in the files of `--out`."""
        return {
            "conversation": self.conversation,
            "question": self.question,
            "text": self.text,
            "category": self.category,
            "evidence": list(self.evidence),
            "ranked": [[id, round(score, 6)] for id, score in self.ranked],
            "metrics": {name: round(value, 6) for name, value in self.metrics.items()},
            "ms": round(self.ms, 3),
        }


@dataclass(slots=True)
class Run:
    """What one row made of all questions.

    Args:
        name: Of the row.
        outcomes: In the order of conversations and questions, the same for every row.
        build_seconds: For all indexes, the embedding of the turns taken off.
        bytes: Of all indexes.
    """

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    build_seconds: float = 0.0
    bytes: int = 0


def evaluate(
    conversations: Sequence[Conversation],
    rows: Sequence[Row],
    *,
    vectors: Vectors | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Run]:
    """Let every row rank the turns of each conversation for each of its questions.

    Args:
        conversations: With their questions.
        rows: What is compared.
        vectors: Those the rows share; turns and questions are embedded before a row is timed.
        progress: Called with how many questions are done, over all rows, and how many there are.

    Returns:
        A run for each row, with the same questions in the same order.
    """
    runs = [Run(row.name) for row in rows]
    total = len(rows) * sum(len(conversation.questions) for conversation in conversations)
    done = 0
    for conversation in conversations:
        if vectors is not None:
            vectors.embed_documents([turn.said for turn in conversation.candidates])
            vectors.queries([question.text for question in conversation.questions])
        for row, run in zip(rows, runs, strict=True):
            try:
                _build(row, run, conversation, vectors)
                for outcome in _asked(row, conversation):
                    run.outcomes.append(outcome)
                    done += 1
                    progress(done, total)
            finally:
                row.close()
    return runs


def _build(row: Row, run: Run, conversation: Conversation, vectors: Vectors | None) -> None:
    gc.collect()
    embedding = vectors.seconds if vectors else 0.0
    start = time.perf_counter()
    row.build(conversation)
    took = time.perf_counter() - start
    run.build_seconds += took - ((vectors.seconds if vectors else 0.0) - embedding)
    run.bytes += row.size()


def _asked(row: Row, conversation: Conversation) -> Iterator[Outcome]:
    turns = {turn.id: turn for turn in conversation.turns}
    costs = {turn.id: count_tokens(rendered(turn)) for turn in conversation.turns}
    for question in conversation.questions:
        start = time.perf_counter()
        row.rank(question.text, TIMED)
        ms = 1000 * (time.perf_counter() - start)
        ranked = row.rank(question.text, DEPTH)
        metrics = measured([id for id, _ in ranked], question.evidence, turns, costs)
        told = (conversation.id, question.id, question.text, question.category, question.evidence)
        yield Outcome(*told, ranked, metrics, ms)
