"""What is compared: each row builds an index of a conversation, and ranks its turns.

Every row reads the same text of a turn, `speaker: text`, and ranks the same candidates.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from holdfast.analysis import Bm25, Counts, question_words, spoken, tokens
from holdfast.errors import ConfigurationError, shown
from holdfast.evaluate import asking
from holdfast.evaluate.conversations import Conversation
from holdfast.evaluate.row import Ranked, Row
from holdfast.evaluate.vectors import Vectors

RRF_K = 60
_WORD = re.compile(r"\w+")


class Fts5(Row):
    """SQLite's FTS5 as it comes: `unicode61`, its own bm25, the question's words joined by OR."""

    def __init__(self, name: str = "fts5") -> None:
        super().__init__(name)
        self._db: sqlite3.Connection | None = None
        self._ids: list[str] = []

    def build(self, conversation: Conversation) -> None:
        """Fill a table in memory."""
        self.close()
        self._ids = [turn.id for turn in conversation.candidates]
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE VIRTUAL TABLE turns USING fts5(text, tokenize = 'unicode61')")
        texts = [(number, turn.said) for number, turn in enumerate(conversation.candidates)]
        self._db.executemany("INSERT INTO turns(rowid, text) VALUES (?, ?)", texts)
        self._db.commit()

    def rank(self, question: str, k: int) -> Ranked:
        """Return what matches."""
        assert self._db is not None
        asked = " OR ".join(f'"{word}"' for word in dict.fromkeys(_WORD.findall(question)))
        if not asked:
            return []
        found = self._db.execute(
            "SELECT rowid, -bm25(turns) AS score FROM turns WHERE turns MATCH ? "
            "ORDER BY score DESC, rowid LIMIT ?",
            (asked, k),
        )
        return [(self._ids[number], score) for number, score in found]

    def size(self) -> int:
        """Return the bytes of the database's pages."""
        assert self._db is not None
        asked = (f"PRAGMA {what}" for what in ("page_count", "page_size"))
        count, bytes_of_one = (self._db.execute(sql).fetchone()[0] for sql in asked)
        return int(count * bytes_of_one)

    def close(self) -> None:
        """Close the database."""
        if self._db is not None:
            self._db.close()
            self._db = None


class Words(Row):
    """Our tokens and BM25, computed exactly over all candidates."""

    def __init__(self, name: str = "bm25") -> None:
        super().__init__(name)
        self._ids: list[str] = []
        self._documents: list[list[str]] = []
        self._holding: dict[str, list[int]] = {}
        self._languages: frozenset[str] = frozenset()

    def build(self, conversation: Conversation) -> None:
        """Note which turns hold each token."""
        self._ids = [turn.id for turn in conversation.candidates]
        self._documents = [tokens(turn.said) for turn in conversation.candidates]
        holding: defaultdict[str, list[int]] = defaultdict(list)
        for number, document in enumerate(self._documents):
            for token in set(document):
                holding[token].append(number)
        self._holding = dict(holding)
        self._languages = spoken(self._documents)

    def scores(self, question: str) -> dict[int, float]:
        """Return the score of every candidate that shares a token with the question."""
        asked = question_words(question, self._languages)
        holding = {
            word: {number for token in word for number in self._holding.get(token, ())}
            for word in asked
        }
        length = sum(map(len, self._documents)) / max(1, len(self._documents))
        often = {word: len(numbers) for word, numbers in holding.items()}
        bm25 = Bm25(asked, Counts(len(self._documents), length, often))
        sharing = {number for numbers in holding.values() for number in numbers}
        return {number: bm25.score(self._documents[number]) for number in sharing}

    def rank(self, question: str, k: int) -> Ranked:
        """Return what shares a token with the question."""
        return _best(self._ids, self.scores(question), k)

    def size(self) -> int:
        """Return the bytes of the tokens."""
        return sum(len(token.encode()) for document in self._documents for token in document)


def _best(ids: Sequence[str], scores: dict[int, float], k: int) -> Ranked:
    """Return ids by score, best first; of equals the earlier one."""
    order = sorted(scores, key=lambda number: (-scores[number], number))
    return [(ids[number], float(scores[number])) for number in order[:k]]


class Dense(Row):
    """Cosine with the embedder, over all candidates."""

    def __init__(self, vectors: Vectors, name: str = "dense") -> None:
        super().__init__(name)
        self._vectors = vectors
        self._ids: list[str] = []
        self._matrix: Any = None

    def build(self, conversation: Conversation) -> None:
        """Embed the candidates, or take their vectors from whoever did."""
        self._ids = [turn.id for turn in conversation.candidates]
        self._matrix = self._vectors.matrix([turn.said for turn in conversation.candidates])

    def scores(self, question: str) -> Any:
        """Return the cosine of every candidate, in an array."""
        import numpy as np

        asked = np.array(self._vectors.embed_query(question), np.float32)
        return self._matrix @ (asked / max(float(np.linalg.norm(asked)), 1e-12))

    def rank(self, question: str, k: int) -> Ranked:
        """Return the nearest."""
        return _best(self._ids, dict(enumerate(self.scores(question).tolist())), k)

    def size(self) -> int:
        """Return the bytes of the vectors."""
        return int(self._matrix.nbytes)


class Fused(Row):
    """`bm25` and `dense` made one.

    Args:
        vectors: For `dense`.
        name: What it is called.
        fuse: From both scores to one, given by the candidate's number.
    """

    def __init__(
        self,
        vectors: Vectors,
        name: str,
        fuse: Callable[[dict[int, float], Any], dict[int, float]],
    ) -> None:
        super().__init__(name)
        self._words, self._dense, self._fuse = Words(), Dense(vectors), fuse
        self._ids: list[str] = []

    def build(self, conversation: Conversation) -> None:
        """Build both."""
        self._words.build(conversation)
        self._dense.build(conversation)
        self._ids = [turn.id for turn in conversation.candidates]

    def rank(self, question: str, k: int) -> Ranked:
        """Return the best of both."""
        fused = self._fuse(self._words.scores(question), self._dense.scores(question))
        return _best(self._ids, fused, k)

    def size(self) -> int:
        """Return the bytes of both."""
        return self._words.size() + self._dense.size()


def by_ranks(words: dict[int, float], meaning: Any) -> dict[int, float]:
    """Return the sum of 1 / (60 + rank) over both rankings.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and
    individual Rank Learning Methods" (2009).
    """
    fused: defaultdict[int, float] = defaultdict(float)
    for scores in (words, dict(enumerate(meaning.tolist()))):
        order = sorted(scores, key=lambda number: (-scores[number], number))
        for rank, number in enumerate(order, start=1):
            fused[number] += 1 / (RRF_K + rank)
    return dict(fused)


def by_deviations(words: dict[int, float], meaning: Any) -> dict[int, float]:
    """Return the sum of both scores, each by how many standard deviations it is above its mean.

    Means and deviations are those over all candidates of this question; what shares no word with
    it has 0 for words.
    """
    import numpy as np

    matched = np.zeros(len(meaning))
    matched[list(words)] = list(words.values())
    summed = np.zeros(len(meaning))
    for scores in (matched, meaning):
        summed += (scores - scores.mean()) / max(float(scores.std()), 1e-12)
    return dict(enumerate(summed.tolist()))


class LangGraph(Row):
    """LangGraph's `InMemoryStore` with the same embedder: what LangMem's search asks."""

    def __init__(self, vectors: Vectors, name: str = "langgraph") -> None:
        super().__init__(name)
        self._vectors = vectors
        self._store: Any = None
        self._bytes = 0

    def build(self, conversation: Conversation) -> None:
        """Put the candidates as items."""
        from langgraph.store.base import PutOp
        from langgraph.store.memory import InMemoryStore

        index: Any = {"embed": self._vectors, "dims": self._vectors.dims, "fields": ["text"]}
        self._store = InMemoryStore(index=index)
        turns = conversation.candidates
        for turn in turns:  # one by one: of equal texts in one batch it raises a ValueError
            self._store.batch([PutOp(("turns",), turn.id, {"text": turn.said})])
        texts = sum(len(turn.said.encode("utf-8", "replace")) for turn in turns)
        self._bytes = texts + 4 * self._vectors.dims * len(turns)

    def rank(self, question: str, k: int) -> Ranked:
        """Return the nearest."""
        found = self._store.search(("turns",), query=question, limit=k)
        return [(item.key, float(item.score)) for item in found]

    def size(self) -> int:
        """Return the bytes of texts and vectors."""
        return self._bytes


def _by_us(name: str, ranking: Any, vectors: Vectors | None) -> Row:
    from holdfast.evaluate.ours import Holdfast

    return Holdfast(name, vectors, ranking)


_BY_WORDS: dict[str, Callable[[], Row]] = {"fts5": Fts5, "bm25": Words}
_BY_VECTORS: dict[str, Callable[[Vectors], Row]] = {
    "dense": Dense,
    "rrf": partial(Fused, name="rrf", fuse=by_ranks),
    "zsum": partial(Fused, name="zsum", fuse=by_deviations),
    "langgraph": LangGraph,
}


def names() -> tuple[str, ...]:
    """Return the names of all rows, in the order of the tables."""
    variants = (f"holdfast-{name}" for name, _ in asking.VARIANTS)
    return (*_BY_WORDS, *_BY_VECTORS, "holdfast-words", "holdfast", *variants)


def rows_of(
    wanted: Sequence[str] = (), vectors: Vectors | None = None
) -> tuple[list[Row], dict[str, str]]:
    """Return the rows to compare, and why others are left out, by their name.

    Args:
        wanted: Names; all where there are none.
        vectors: Of the embedder; None leaves out the rows that need one.

    Raises:
        ConfigurationError: There is no row of a name, or none can be had.
    """
    known = names()
    for name in wanted:
        if name not in known:
            raise ConfigurationError(f"there is no row {name!r}; there are {shown(known, 400)}")
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    settings = {f"holdfast-{name}": ranking for name, ranking in asking.VARIANTS}
    for name in dict.fromkeys(wanted or known):
        if name in _BY_WORDS:
            rows.append(_BY_WORDS[name]())
        elif name == "holdfast-words":
            rows.append(_by_us(name, None, None))
        elif vectors is None:
            left_out[name] = "needs an embedder"
        elif name in _BY_VECTORS:
            rows.append(_BY_VECTORS[name](vectors))
        else:
            rows.append(_by_us(name, settings.get(name), vectors))
    if not rows:
        raise ConfigurationError(
            f"{', '.join(left_out)}: these rows need an embedder; name one, or other rows"
        )
    return rows, left_out
