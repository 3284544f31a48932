"""The one place where the harness asks holdfast: change the ranker here, and it is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.history import Entry
from holdfast.ledger import LedgerStore
from holdfast.operations import Rank
from holdfast.ranking.weights import ASSISTANT, PEOPLE, SIGNALS

OF_MEMORIES = ("importance", "strength")
"""Signals that messages do not have."""

VARIANTS: tuple[tuple[str, Any], ...] = tuple(
    (f"no-{name}", name) for name in SIGNALS if name not in OF_MEMORIES
)
"""Rows `holdfast-NAME` beside `holdfast`: each a name and what `ranked` is given as `ranking`."""


def ranked(
    store: LedgerStore,
    namespace: tuple[str, ...],
    question: str,
    k: int,
    ranking: Any = None,
) -> list[Entry]:
    """Return the messages that answer a question, best first, each with its score.

    Args:
        store: Its journal holds the conversation, a thread for each session.
        namespace: Where.
        question: In plain words.
        k: How many to return at most.
        ranking: The name of the signal that is switched off; None for the defaults.
    """
    off: dict[str, Any] = {} if ranking is None else {ranking: 0.0}
    op = Rank(namespace, question, k, replace(PEOPLE, **off), replace(ASSISTANT, **off))
    found = store.perform(op)
    return [replace(one.entry, score=one.score) for one in found if one.entry is not None]
