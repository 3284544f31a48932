"""The texts of one space in memory: who said what word where, in arrays, kept up to date."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from holdfast.analysis import K1, Word, marked
from holdfast.history import moment
from holdfast.language import ENGLISH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

PAUSE = timedelta(hours=4)
"""A longer silence in a thread begins a new occasion."""

FIRST_PERSON = frozenset({"i", "me", "my", "mine", "we", "us", "our"})
"""As they stand after stemming, in English."""

SUBSTANTIAL = 64
"""From how many tokens on a text has all the substance it can have."""

GROUPS = ("memory", "said", "answer")
"""What is ranked apart: memories, what people say, what an assistant answers."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text to be found.

    Args:
        id: Its number in the store.
        group: One of `GROUPS`.
        tokens: Its words, stemmed.
        thread: Its conversation's number; None for a memory.
        speaker: Whoever said it, by name.
        time: When it was said (ISO 8601), where that is known.
        asks: Whether it ends as a question.
        days: Stretches of days that it names, as ordinals of their first and last.
    """

    id: int
    group: str
    tokens: Sequence[str]
    thread: int | None = None
    speaker: str | None = None
    time: str | None = None
    asks: bool = False
    days: tuple[tuple[int, int], ...] = ()


class Corpus:
    """Texts of one group in one space; a text has a row in each array.

    What is gone or replaced leaves its row behind, marked, until half of the rows are such.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.documents: list[Document | None] = []
        self.speakers: dict[str, int] = {}
        self._row: dict[int, int] = {}
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._lengths = array("d")
        self._before = array("q")
        self._after = array("q")
        self._session = array("q")
        self._speaker = array("q")
        self._statement = array("d")
        self._day = array("d")
        self._named = array("q")
        self._spoken: Counter[str] = Counter()
        self._last: dict[int, tuple[int, datetime | None]] = {}
        self._sessions = 0
        self._arrays: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._row)

    @property
    def languages(self) -> frozenset[str]:
        """In which languages the texts are, beside English."""
        return frozenset(+self._spoken) - {ENGLISH}

    @property
    def rows(self) -> int:
        """How many rows the arrays have, with those of what is gone."""
        return len(self.documents)

    def change(self, gone: Iterable[int], new: Sequence[Document]) -> None:
        """Take texts out, and others in.

        Args:
            gone: Numbers of texts that are no more, or are given anew.
            new: In the order in which they were said, thread by thread; those that are there
                already just so stay where they are.
        """
        same = {one.id for one in new if self._at(one.id) == one}
        new = [one for one in new if one.id not in same]
        for id in set(gone) - same:
            row = self._row.pop(id, None)
            if row is not None:
                self._spoken[marked(_tokens(self.documents[row]))] -= 1
                self.documents[row] = None
        if len(self._row) < self.rows // 2:
            new = [*(document for document in self.documents if document), *new]
            self._clear()
        for document in new:
            self._add(document)
        self._arrays = {}

    def _at(self, id: int) -> Document | None:
        row = self._row.get(id)
        return None if row is None else self.documents[row]

    def _add(self, document: Document) -> None:
        row = self.rows
        self.documents.append(document)
        self._row[document.id] = row
        self._lengths.append(len(document.tokens))
        language = marked(document.tokens)
        self._spoken[language] += 1
        for token, often in Counter(document.tokens).items():
            rows, times = self._postings.setdefault(token, (array("q"), array("q")))
            rows.append(row)
            times.append(often)
        speaker = document.speaker or ""
        self._speaker.append(self.speakers.setdefault(speaker, len(self.speakers)))
        own = language == ENGLISH and not FIRST_PERSON.isdisjoint(document.tokens)
        self._statement.append(float(own) - float(document.asks))
        said = moment(document.time)
        self._day.append(said.toordinal() if said else 0)
        for begin, end in document.days:
            self._named.extend((row, begin, end))
        self._link(row, document)

    def _link(self, row: int, document: Document) -> None:
        """Join a text to what was said before it on the same occasion."""
        if document.thread is None:
            self._before.append(-1)
            self._after.append(-1)
            self._session.append(-1)
            return
        time = moment(document.time)
        before, then = self._last.get(document.thread, (-1, None))
        pause = before >= 0 and time is not None and then is not None and time - then > PAUSE
        if before < 0 or pause:
            before = -1
            self._sessions += 1
            session = self._sessions - 1
        else:
            session = self._session[before]
            self._after[before] = row
        self._before.append(before)
        self._after.append(-1)
        self._session.append(session)
        self._last[document.thread] = row, time or then

    # Arrays, made when they are first asked for after a change

    def array(self, name: str) -> Any:
        """Return a column, with a row for each text.

        `ids` (-1 for what is gone), `alive`, `lengths`, `windows` (lengths with the surroundings),
        `substance`, `before`, `after`, `after_next` (rows, -1 for none), `session`, `speaker`,
        `statement`, `day` (its ordinal, 0 for none); and with rows of their own `session_lengths`,
        and `named` (rows of texts, the first and the last day that each names).
        """
        if name not in self._arrays:
            self._arrays[name] = self._made(name)
        return self._arrays[name]

    def _made(self, name: str) -> Any:
        import numpy as np

        made: dict[str, Callable[[], Any]] = {
            "ids": lambda: np.array([one.id if one else -1 for one in self.documents], np.int64),
            "alive": lambda: self.array("ids") >= 0,
            "lengths": lambda: np.array(self._lengths) * self.array("alive"),
            "windows": lambda: self.around(np.arange(self.rows), self.array("lengths")),
            "substance": self._substance,
            "after_next": self._after_next,
            "session_lengths": self._session_lengths,
            "named": lambda: np.array(self._named).reshape(-1, 3).T,
        }
        kept: dict[str, array[Any]] = {
            "before": self._before,
            "after": self._after,
            "session": self._session,
            "speaker": self._speaker,
            "statement": self._statement,
            "day": self._day,
        }
        return made[name]() if name in made else np.array(kept[name])

    def _substance(self) -> Floats:
        import numpy as np

        share: Floats = np.log1p(self.array("lengths")) / np.log1p(SUBSTANTIAL)
        return np.minimum(share, 1.0)

    def _after_next(self) -> Rows:
        import numpy as np

        after = self.array("after")
        return np.where(after >= 0, after[after], -1) if len(after) else np.array(after, np.int64)

    def _session_lengths(self) -> Floats:
        import numpy as np

        spoken = self.array("alive") & (self.array("session") >= 0)
        lengths = self.array("lengths")[spoken]
        counted = np.bincount(self.array("session")[spoken], lengths, self._sessions)
        return counted.astype(np.float64)

    def postings(self, word: Word) -> tuple[Rows, Floats]:
        """Return the rows that hold a word of a question, and how often each does."""
        import numpy as np

        rows, times = self._postings.get(word[0], (array("q"), array("q")))
        held, often = np.array(rows, np.int64), np.array(times, np.float64)
        further = [self._postings[token] for token in word[1:] if token in self._postings]
        if further:
            held = np.concatenate([held, *(np.array(rows, np.int64) for rows, _ in further)])
            often = np.concatenate([often, *(np.array(times, np.float64) for _, times in further)])
            held, places = np.unique(held, return_inverse=True)
            often = np.bincount(places, often, len(held)).astype(np.float64)
        alive = self.array("alive")[held] if len(held) else np.zeros(0, bool)
        return held[alive], often[alive]

    def around(self, rows: Rows, values: Floats) -> Floats:
        """Return for every row the sum of the values of it and its surroundings.

        These are the two texts before it and the one after: so what is said is also found by the
        question that it answers.
        """
        import numpy as np

        # What has no neighbour counts for the row behind the last, which is taken off again.
        total = np.zeros(self.rows + 1)
        total[rows] += values
        for name in ("after", "after_next", "before"):
            total[self.array(name)[rows]] += values
        return total[:-1]

    def norms(self, name: str, b: float, number: int) -> Floats:
        """Return what BM25 adds below the line for each length, as a share of the mean length.

        Args:
            name: `lengths`, `windows` or `session_lengths`.
            b: How much a length is held against a text, 0 to 1.
            number: Over how many the mean is taken.
        """
        lengths = self.array(name)
        key = f"norms of {name} with {b} over {number}"
        if key not in self._arrays:
            mean = float(lengths.sum()) / number or 1.0
            self._arrays[key] = K1 * (1 - b + b * lengths / mean)
        norms: Floats = self._arrays[key]
        return norms


def _tokens(document: Document | None) -> Sequence[str]:
    return document.tokens if document else ()
