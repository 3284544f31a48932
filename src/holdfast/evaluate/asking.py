"""The one place where the harness asks holdfast: change the ranker here, and it is measured."""

from __future__ import annotations

from typing import Any

from holdfast.history import Entry
from holdfast.ledger import LedgerStore

VARIANTS: tuple[tuple[str, Any], ...] = ()
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
        ranking: Settings of the ranker, of a variant; None for the defaults. There is nothing to
            set as yet.
    """
    return store.search_journal(namespace, question, limit=k)
