"""Search by words: BM25 over the counts of the searched spaces, and no more rows than needed."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.analysis import Bm25, Counts, Word, marks, question_words
from holdfast.stores.plan.documents import space_token
from holdfast.stores.plan.effects import Plan, Sql

MOST_TERMS = 32
"""How many words of a question are looked up, the rarest of them."""

FEW_SPACES = 32
"""Up to how many spaces the index of words is asked for each by its own token."""


class WordSearch:
    """One question by words, asked of some spaces; it reads on as long as more is wanted.

    Documents are read by the rarest of the question's words first. What holds only the words
    that were not read yet cannot score more than these could give, so the best are known long
    before all that match are read.

    Source: Turtle and Flood, "Query Evaluation: Strategies and Optimizations" (1995), section 4
    (max-score).

    Args:
        spaces: Numbers of the spaces.
        sort: `memory` or `message`.
        query: In plain words.
    """

    def __init__(self, spaces: Sequence[int], sort: str, query: str) -> None:
        self._spaces = list(spaces)
        self._sort = sort
        self._query = query
        self._asked: list[Word] = []
        self._found: dict[int, float] = {}
        self._left: list[Word] = []
        self._bm25: Bm25 | None = None

    def top(self, count: int) -> Plan[list[tuple[int, float]]]:
        """Return the ids and scores of the best documents, best first, ties by id."""
        if self._bm25 is None:
            yield from self._begin()
        assert self._bm25 is not None
        while self._left and self._unsure(count):
            # Twice as many words each time: few statements, few rows too many.
            number = max(1, len(self._asked) - len(self._left))
            part, self._left = self._left[:number], self._left[number:]
            rows = yield Sql(self._named("matching"), self._where(part))
            for row in rows:
                if row["id"] not in self._found:
                    self._found[row["id"]] = self._bm25.score(row["tokens"].split(" "))
        ranked = sorted(self._found.items(), key=lambda one: (-one[1], -one[0]))
        return ranked[:count]

    def _begin(self) -> Plan[None]:
        (size,) = yield Sql("size", {"spaces": self._spaces, "sort": self._sort})
        self._asked = question_words(self._query, (yield from self._languages()))
        rows = yield Sql(self._named("holding"), self._where(self._asked))
        holding = {word: row["documents"] for word, row in zip(self._asked, rows, strict=True)}
        mean = float(size["length"]) / size["documents"] if size["documents"] else 0.0
        counts = Counts(size["documents"], mean, holding)
        self._bm25 = Bm25(self._asked, counts)
        held = [word for word in self._asked if holding[word]]
        self._asked = sorted(held, key=counts.rarity, reverse=True)[:MOST_TERMS]
        self._left = list(self._asked)

    def _languages(self) -> Plan[list[str]]:
        """Return the languages of what is searched; first asks whether there are any at all."""
        known = marks()
        (any_mark,) = yield Sql(self._named("held"), self._where([tuple(known)]))
        if not any_mark["there"]:
            return []
        rows = yield Sql(self._named("held"), self._where([(mark,) for mark in known]))
        held = zip(known.values(), rows, strict=True)
        return [language for language, row in held if row["there"]]

    def _unsure(self, count: int) -> bool:
        """Tell whether a document that was not read yet could be among the best."""
        assert self._bm25 is not None
        if len(self._found) < count:
            return True
        worst = sorted(self._found.values(), reverse=True)[count - 1]
        return self._bm25.most(self._left) >= worst

    def _named(self, statement: str) -> str:
        return statement if len(self._spaces) <= FEW_SPACES else f"{statement}_below"

    def _where(self, words: Sequence[Word]) -> dict[str, object]:
        """Return the parameters of a look-up, in the forms that the backends take."""
        marks = [space_token(self._sort, space) for space in self._spaces]
        each = [" OR ".join(map(_quoted, word)) for word in words]
        any_token = " OR ".join(each)
        any_mark = " OR ".join(map(_quoted, marks))
        return {
            "spaces": self._spaces,
            "sort": self._sort,
            "tokens": [token for word in words for token in word],
            "words": [" ".join(word) for word in words],
            "marks": marks,
            "match": f"tokens : ({any_token})",
            "match_in": f"space : ({any_mark}) AND tokens : ({any_token})",
            "each": [f"tokens : ({word})" for word in each],
            "each_in": [f"space : ({any_mark}) AND tokens : ({word})" for word in each],
        }


def _quoted(token: str) -> str:
    return '"' + token.replace('"', '""') + '"'
