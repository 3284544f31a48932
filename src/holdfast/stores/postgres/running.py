"""One transaction of PostgreSQL: what a plan asks for, sent without waiting where it can be."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import psycopg

from holdfast.flow import drive
from holdfast.stores.plan.corpora import Corpora
from holdfast.stores.plan.effects import (
    Draw,
    Effect,
    Lock,
    Nearest,
    Notify,
    Refreshed,
    Sql,
    SqlMany,
    Transaction,
)
from holdfast.stores.postgres.locks import channel, wanted
from holdfast.stores.postgres.sql import statements
from holdfast.stores.postgres.vectors import nearest

Connection = psycopg.Connection[dict[str, Any]]
Stage = Literal["begun", "answered", "committing"]

# After a lock was waited for, a write must see what was committed meanwhile; reads see one state.
_WRITES = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READS = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_SKIPPED = frozenset({"raise_generation"})
"""Tells caches of vectors what has changed; there are none here, and all writers of a namespace
would wait for its one row."""

PARCEL = 4_000_000
"""How many characters of rows go into one statement, about."""

SPARE = 4
"""How many numbers are drawn ahead: what one put needs, also where its namespace is new."""


class Run:
    """One transaction on one connection.

    Statements that give no rows are sent without waiting for their end (pipeline mode of the
    protocol), and so is the beginning; so a put waits for the server three or four times.

    Args:
        db: A connection without a transaction.
        schema: Of the tables.
        corpora: The texts of spaces that are held in memory.

    Attributes:
        stage: `begun` until the server has answered, `committing` from when it was told to commit.
    """

    def __init__(self, db: Connection, schema: str, corpora: Corpora) -> None:
        self.stage: Stage = "begun"
        self._db = db
        self._schema = schema
        self._corpora = corpora
        self._drawn: Iterator[dict[str, Any]] = iter(())

    @property
    def lost(self) -> bool:
        """Whether the connection broke."""
        return self._db.closed

    def through(self, transaction: Transaction) -> Any:
        """Run a transaction to its end; return what its plan returns."""
        if transaction.single:
            return drive(transaction.plan(), self._effect)
        try:
            with self._db.pipeline() as pipeline, _ended(pipeline):
                self._db.execute(_WRITES if transaction.writes else _READS)
                result = drive(transaction.plan(), self._effect)
                if self.stage == "begun":
                    pipeline.sync()
                self.stage = "committing"
                self._db.execute("COMMIT")
        except BaseException:
            if not self.lost:
                self._db.rollback()
            raise
        return result

    def _effect(self, asked: Effect) -> Any:
        if isinstance(asked, Sql):
            return [] if asked.name in _SKIPPED else self._sql(asked)
        if isinstance(asked, SqlMany):
            return None if asked.name in _SKIPPED else self._many(asked)
        if isinstance(asked, Draw):
            return self._draw(asked.count)
        if isinstance(asked, Nearest):
            return nearest(asked, self._planned_anew)
        if isinstance(asked, Refreshed):
            return drive(self._corpora.refreshed(asked), self._effect)
        if isinstance(asked, Notify):
            self._db.execute(statements()["notify"].text, {"channel": channel(self._schema)})
            return None
        assert isinstance(asked, Lock)
        return self._lock(asked)

    def _sql(self, asked: Sql) -> Sequence[Mapping[str, Any]]:
        statement = statements()[asked.name]
        if statement.answers:
            return self._rows(statement.text, asked.params)
        self._db.execute(statement.text, asked.params)
        return []

    def _rows(
        self, text: str, params: Mapping[str, Any], *, prepare: bool | None = None
    ) -> Sequence[Mapping[str, Any]]:
        rows = self._db.execute(text, params, prepare=prepare).fetchall()
        self.stage = "answered"
        return rows

    def _planned_anew(self, text: str, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return rows of a statement whose best plan depends on its parameters."""
        return self._rows(text, params, prepare=False)

    def _many(self, asked: SqlMany) -> None:
        together = statements().get(f"many_{asked.name}")
        if together is None or len(asked.rows) == 1:
            if asked.rows:
                self._db.cursor().executemany(statements()[asked.name].text, asked.rows)
            return
        for parcel in _parcels(asked.rows):
            self._db.execute(together.text, {"rows": parcel})

    def _lock(self, asked: Lock) -> None:
        if asked.places:
            self._db.execute(statements()["lock"].text, wanted(self._schema, asked.places))
            # Whoever locks is about to draw: these come along with what is read next.
            self._drawn = self._db.execute(statements()["draw"].text, {"count": SPARE})

    def _draw(self, count: int) -> list[int]:
        found = [row["number"] for row in itertools.islice(self._drawn, count)]
        if len(found) < count:
            where = {"count": count - len(found)}
            found += [row["number"] for row in self._rows(statements()["draw"].text, where)]
        return found


@contextlib.contextmanager
def _ended(pipeline: psycopg.Pipeline) -> Iterator[None]:
    """Read on to the end of what was sent, after an error: what came behind it is void."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            pipeline.sync()
        raise


def _parcels(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield rows as JSON texts of a bounded size."""
    texts: list[str] = []
    size = 0
    for row in rows:
        text = json.dumps(row, ensure_ascii=False)
        if texts and size + len(text) > PARCEL:
            yield f"[{','.join(texts)}]"
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    if texts:
        yield f"[{','.join(texts)}]"
