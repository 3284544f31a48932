"""A LangGraph `BaseStore` and ledger in one SQLite file: several threads and processes at once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.store.base import TTLConfig

from holdfast.errors import HoldfastError, InputError, StoreBusy, StoreError, StoreUnreadable, cut
from holdfast.flow import drive
from holdfast.ledger.jobs import Listener
from holdfast.stores.base import SqlStore
from holdfast.stores.bell import Bell, FileListener
from holdfast.stores.forks import tell_forks
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
from holdfast.stores.plan.erasing import SCRUB
from holdfast.stores.plan.indexing import Vector
from holdfast.stores.settings import number
from holdfast.stores.sqlite.file import is_busy, statements
from holdfast.stores.sqlite.matrices import MEGABYTE, Matrices
from holdfast.stores.sqlite.pool import Pool

_ADVICE = {
    sqlite3.SQLITE_FULL: " Make room on its disk, and try again.",
    sqlite3.SQLITE_IOERR: " See whether its disk has room and is sound, and try again.",
    sqlite3.SQLITE_READONLY: " Let this user write to the file and to its folder.",
    sqlite3.SQLITE_CANTOPEN: " Let this user write to the file and to its folder.",
}
"""What to do about errors of SQLite, by their codes."""

_LONGEST = 2_000_000.0
"""The longest busy timeout, in seconds: SQLite counts its milliseconds in 32 bits."""

_LISTS = (list, tuple)  # a union would be made anew for each of a put's hundred values


class SqliteStore(SqlStore):
    """Memories in one SQLite file, with their history; found by words, or by vectors.

    Each `batch` and each change set is one transaction: its reads see the state before its
    writes, and its writes are kept all or none. The async methods never block the loop.

    Args:
        path: The file, made if there is none; `:memory:` ends with the process.
        index: LangGraph's `{"embed", "dims", "fields"}`; None finds by words alone.
        ttl: LangGraph's `{"default_ttl", "refresh_on_read", "sweep_interval_minutes"}`.
        busy_timeout: Seconds to wait while another process writes.
        vector_cache_mb: Megabytes of vectors that are kept in memory.

    Raises:
        StoreError: The file cannot be opened, is damaged, or was written by a newer holdfast.
        ConfigurationError: A setting cannot work.

    Example:
        >>> store = SqliteStore(":memory:")
        >>> store.put(("memories", "nora"), "tea", {"content": "likes tea"})
        >>> store.get(("memories", "nora"), "tea").value
        {'content': 'likes tea'}
        >>> store.close()
    """

    def __init__(
        self,
        path: str | Path,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: TTLConfig | None = None,
        busy_timeout: float = 10.0,
        vector_cache_mb: int = 512,
    ) -> None:
        seconds = number(busy_timeout, "busy_timeout", "seconds", most=_LONGEST, zero=True)
        cache = number(vector_cache_mb, "vector_cache_mb", "megabytes", most=1 << 40, zero=True)
        super().__init__(index, ttl)
        self.path = str(path)
        self.busy_timeout = seconds
        self._matrices = Matrices(int(cache * MEGABYTE))
        self._corpora = Corpora()
        self._bell = Bell()
        tell_forks(self._bell)
        self._pool = Pool(self.path, seconds)
        try:
            self._finish_erasure()
        except BaseException:
            self._pool.close()
            raise
        if self.ttl_config:
            self.start_ttl_sweeper()

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    @classmethod
    @contextlib.contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: TTLConfig | None = None,
    ) -> Iterator[SqliteStore]:
        """Open a store for a `with` block, as LangGraph's own stores are opened."""
        with cls(conn_string, index=index, ttl=ttl) as store:
            yield store

    def setup(self) -> None:
        """Make the tables; opening has done that, so that calling it is harmless."""

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self.stop_ttl_sweeper()
        self.close_notes(f"The store {self.path!r}")
        self._pool.close()
        self._matrices.clear()
        self._corpora.clear()

    # Transactions

    def transact(self, transaction: Transaction) -> Any:
        """Run a plan in one transaction of one connection."""
        with self._explained():
            if transaction.single:
                with self._pool.connection() as db:
                    return drive(transaction.plan(), partial(self._effect, db))
            if not transaction.writes:
                return self._transact(transaction, "BEGIN")
            with self._turn():
                return self._transact(transaction, "BEGIN IMMEDIATE")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the other writers of this process in a queue, not by polling the file."""
        writing = self._pool.writing
        if not writing.acquire(timeout=self.busy_timeout):
            raise self._busy()
        try:
            yield
        finally:
            writing.release()

    def _transact(self, transaction: Transaction, begin: str) -> Any:
        with self._pool.connection() as db:
            db.execute(begin)
            try:
                result = drive(transaction.plan(), partial(self._effect, db))
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                if transaction.writes:
                    self._bell.rolled_back()
                raise
        if transaction.writes:
            self._bell.committed()
        return result

    def listen(self) -> Listener:
        """Return what waits for jobs to be put or ended, in this process or another."""
        return FileListener(self._bell, None if self.path == ":memory:" else self._pool.file)

    def _effect(self, db: sqlite3.Connection, asked: Effect) -> Any:
        if isinstance(asked, Sql):
            return db.execute(statements()[asked.name], _bound(asked.params)).fetchall()
        if isinstance(asked, SqlMany):
            if asked.rows:
                db.executemany(statements()[asked.name], map(_bound, asked.rows))
            return None
        if isinstance(asked, Draw):
            (last,) = db.execute(statements()["draw"], {"count": asked.count}).fetchone()
            return list(range(last - asked.count + 1, last + 1))
        if isinstance(asked, Nearest):
            return drive(self._matrices.search(asked), partial(self._effect, db))
        if isinstance(asked, Refreshed):
            return drive(self._corpora.refreshed(asked), partial(self._effect, db))
        if isinstance(asked, Notify):
            return self._bell.ask()
        assert isinstance(asked, Lock)  # the file has one writer at a time
        return None

    # Erasure

    def scrub(self) -> str | None:
        """Take deleted words out of memory and of the index, and empty the write-ahead log."""
        self._corpora.clear()
        self._matrices.clear()
        if self.path == ":memory:":
            return None
        try:
            with self._explained(), self._turn(), self._pool.connection() as db:
                asked = db.execute(statements()["setting"], {"name": SCRUB}).fetchone()
                db.execute(statements()["optimize_words"])
                # Where pages are split, SQLite leaves copies of rows behind that its
                # `secure_delete` does not know of; only a file written anew is without them.
                db.execute("VACUUM")
                held = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                if not held and asked:
                    # Another process may have erased more meanwhile; its mark stays.
                    done = {"name": SCRUB, "value": asked["value"]}
                    db.execute(statements()["drop_setting"], done)
                    held = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except StoreBusy:
            held = 1
        except StoreError as error:
            if not isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            return (
                f"the file could not be written anew ({error.__cause__}), so that erased bytes are "
                "still in it; the next forget, or the next opening of the store, finishes it"
            )
        if not held:
            return None
        return (
            "a reader holds the write-ahead log, so that erased bytes are still in it; the next "
            "forget, or the next opening of the store, finishes it"
        )

    def _finish_erasure(self) -> None:
        with self._explained(), self._pool.connection() as db:
            waiting = db.execute(statements()["setting"], {"name": SCRUB}).fetchone()
        if waiting:
            self.scrub()

    # Examination

    def examine(self) -> list[str]:
        """Let SQLite examine the file, and its index of words."""
        found: list[str] = []
        with self._explained(), self._turn(), self._pool.connection() as db:
            for check in ("PRAGMA integrity_check", statements()["check_words"]):
                try:
                    rows = db.execute(check).fetchall()
                except sqlite3.DatabaseError as error:
                    if is_busy(error):
                        raise
                    rows = [(f"{check.split('(')[0].strip()}: {error}",)]
                found += [str(row[0]) for row in rows if row[0] != "ok"]
        return found

    # Errors

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"Another writer held {self.path!r} for more than {self.busy_timeout:g} s; "
            "nothing was written. Try again, or open it with a longer busy_timeout."
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of SQLite into errors that say what to do."""
        try:
            yield
        except (InputError, sqlite3.ProgrammingError):
            raise  # what is asked is wrong, not the file
        except (sqlite3.Error, OverflowError, ValueError) as error:
            # A ValueError comes from what was read: it is no text, JSON or time any more.
            raise self._told(error) from error

    def _told(self, error: Exception) -> HoldfastError:
        if is_busy(error):
            return self._busy()
        if isinstance(error, sqlite3.DataError | OverflowError):
            return InputError(
                f"{self.path!r}: {error}; nothing was written. SQLite takes texts of up to a "
                "thousand million bytes and numbers of 64 bits; store it in parts."
            )
        # Errors that Python's own module raises carry no code: they are about damaged texts.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_CORRUPT:
            advice = _ADVICE.get(code, "")
            return StoreError(f"{self.path!r}: {error}; nothing was written.{advice}")
        return StoreUnreadable(
            f"{self.path!r} cannot be read as a holdfast store: {cut(str(error), 120)}. The file "
            "was left as it is; restore it from a backup, or name another file."
        )


def _bound(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters as SQLite takes them: lists as JSON, vectors as float32."""
    lists = {
        name: _floats(value) if isinstance(value, Vector) else json.dumps(value)
        for name, value in params.items()
        if isinstance(value, _LISTS)
    }
    return {**params, **lists} if lists else params


def _floats(vector: Vector) -> bytes:
    return struct.pack(f"{len(vector)}f", *vector)
