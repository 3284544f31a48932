"""The texts of spaces in memory, for the ranker: read once, then only what has changed."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.ranking import Document
from holdfast.ranking.corpus import GROUPS
from holdfast.stores.plan.documents import read_days
from holdfast.stores.plan.effects import Refreshed, Sql
from holdfast.stores.recent import Recent

if TYPE_CHECKING:
    from holdfast.ranking import Corpus

MOST_TEXTS = 500_000
"""How many texts are held in memory, by default; some 500 bytes each."""


class Texts:
    """What one space holds, each group in a corpus of its own.

    Attributes:
        lock: Held by whoever reads or changes it.
        generation: Up to which change it has everything.
        groups: The texts, by group.
        means: The mean of some vectors, by embedder and sort, until something changes.
    """

    def __init__(self) -> None:
        from holdfast.ranking import Corpus

        self.lock = threading.Lock()
        self.generation = -1
        self.means: dict[tuple[str, str], Any] = {}
        self.groups: dict[str, Corpus] = {group: Corpus() for group in GROUPS}

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def refresh(self, generation: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over what changed up to a generation."""
        changed = [row["id"] for row in rows]
        if changed:
            self.means.clear()
        fresh: dict[str, list[Document]] = {group: [] for group in GROUPS}
        for row in rows:
            if row["tokens"] is not None and row["sort"] != "gone":
                document = _document(row)
                fresh[document.group].append(document)
        for group, corpus in self.groups.items():
            if changed:
                corpus.change(changed, fresh[group])
        self.generation = max(self.generation, generation)


def _document(row: Mapping[str, Any]) -> Document:
    tokens = row["tokens"].split(" ")
    days = read_days(row["days"])
    if row["thread"] is None:
        return Document(row["id"], "memory", tokens, days=days)
    group = "said" if row["role"] == "user" else "answer"
    said = (row["thread"], row["speaker"], row["time"], bool(row["asks"]), days)
    return Document(row["id"], group, tokens, *said)


class Corpora:
    """The texts of the spaces that were asked last, within a bound.

    Args:
        most: How many texts they may hold together.
    """

    def __init__(self, most: int = MOST_TEXTS) -> None:
        self._kept: Recent[int, Texts] = Recent(Texts, len, most)

    def refreshed(
        self, asked: Refreshed
    ) -> Generator[Sql, Sequence[Mapping[str, Any]], list[Texts]]:
        """Return the texts of some spaces; yields what must be read for that."""
        rows = yield Sql("text_generations", {"spaces": list(asked.spaces)})
        found: list[Texts] = []
        # In one order for all, since whoever ranks holds the texts of several spaces at a time.
        for row in sorted(rows, key=lambda row: row["id"]):
            texts = self._kept.get(row["id"])
            with texts.lock:
                where = {"space": row["id"], "generation": texts.generation}
                changed = yield Sql("changed_texts", where)
                texts.refresh(row["generation"], changed)
            found.append(texts)
        self._kept.bound()
        return found

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()
