"""A database of PostgreSQL: connections to it, transactions in it, and what its errors mean."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import errors
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Literal
from psycopg.types.numeric import Int8Dumper
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from holdfast.embed import Embedder
from holdfast.errors import (
    ConfigurationError,
    HoldfastError,
    InputError,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreLost,
    StoreUnreadable,
    cut,
)
from holdfast.stores.forks import tell_forks
from holdfast.stores.plan.corpora import Corpora
from holdfast.stores.plan.effects import Transaction
from holdfast.stores.plan.indexing import Vector
from holdfast.stores.postgres import vectors
from holdfast.stores.postgres.listening import ServerListener
from holdfast.stores.postgres.locks import channel
from holdfast.stores.postgres.running import Connection, Run
from holdfast.stores.postgres.schema import Place, prepare

TRIES = 5
"""How often a transaction is run that others make impossible, or whose connection was dead."""

_SETTINGS = {
    # Compiling takes longer than any of our statements.
    "jit": "off",
    # Each statement has its index; to compare arrays of words row by row is dearer than the
    # planner believes.
    "enable_seqscan": "off",
}

# A row may come or go between a look and a write, where two writers hold different places.
_BY_OTHERS = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
)

Pool = ConnectionPool[Connection]


class Database:
    """One schema of a database.

    Args:
        url: Where it is: a URL, or libpq's `key=value`.
        schema: Of the tables.
        size: How many connections there are at most.
        timeout: Seconds to wait for a connection.

    Attributes:
        corpora: The texts of spaces that are held in memory.

    Raises:
        ConfigurationError: The address cannot be read.
    """

    def __init__(self, url: str, schema: str, size: int, timeout: float) -> None:
        self.corpora = Corpora()
        try:
            given = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            # What libpq says of it may hold the password.
            raise ConfigurationError(
                "The address of the database cannot be read; it must be of the form "
                "'postgresql://user:password@host:5432/database', with odd characters as %XX."
            ) from None
        named: dict[str, Any] = {
            name: given[name] for name in ("host", "port", "dbname") if name in given
        }
        self.address = make_conninfo(**named) or "the default one"
        self._schema = schema
        self._size = size
        self._timeout = timeout
        self._url = url
        self._adapters = AdaptersMap(psycopg.adapters)
        # One type for all numbers, so that a statement is prepared once, not once for each size.
        self._adapters.register_dumper(int, Int8Dumper)
        self._adapters.register_dumper(Vector, vectors.VectorDumper)
        self._place = Place((schema,))
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._inherited: list[Pool | None] = []
        self._closed = False
        tell_forks(self)

    def prepare(self, embedder: Embedder | None) -> None:
        """Make the tables that are missing.

        Raises:
            StoreError: The database cannot be reached, or its tables cannot be used.
            ConfigurationError: pgvector is needed, and not there.
        """
        with self._alone() as db:
            if db.info.parameter_status("server_encoding") != "UTF8":
                raise ConfigurationError(
                    f"The database {self.address!r} does not hold texts as UTF-8; make one with "
                    "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0."
                )
            try:
                self._place = prepare(db, self._schema, embedder)
            except psycopg.Error as error:
                raise StoreError(f"{self.address!r}: {_said(error)}") from error

    # Connections

    def _options(self) -> dict[str, Any]:
        return {
            "autocommit": True,  # we say ourselves where a transaction begins and ends
            "row_factory": dict_row,
            "context": self._adapters,
            "prepare_threshold": 0,
            "client_encoding": "utf8",
            "connect_timeout": math.ceil(self._timeout),
            "fallback_application_name": "holdfast",
        }

    @contextlib.contextmanager
    def _alone(self, refused: type[StoreError] = StoreError) -> Iterator[Connection]:
        """Give a connection outside of the pool; raise an error of that sort if there is none."""
        try:
            db = self._opened()
        except psycopg.Error as error:
            raise refused(
                f"Cannot connect to the database {self.address!r}: {_said(error)}; nothing was "
                "written. Check the address, and whether the server runs and lets you in."
            ) from error
        with db:
            yield db

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        pool = self._here()
        try:
            db = pool.getconn()
        except PoolClosed:
            raise self._was_closed() from None
        except PoolTimeout as error:
            with self._alone(StoreLost):  # which tells why, where there is no way to the server
                raise StoreBusy(
                    f"All {self._size} connections to {self.address!r} were in use for more than "
                    f"{self._timeout:g} s; nothing was written. Try again, or open the store with "
                    "a larger pool_size."
                ) from error
        try:
            yield db
        finally:
            pool.putconn(db)

    def _here(self) -> Pool:
        """Return the pool, opened when it is first needed."""
        with self._lock:
            if self._closed:
                raise self._was_closed()
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._url,
                    kwargs=self._options(),
                    configure=self._configure,
                    min_size=1,
                    max_size=self._size,
                    timeout=self._timeout,
                    name="holdfast",
                    open=True,
                )
            return self._pool

    def _configure(self, db: Connection) -> None:
        db.prepared_max = 1_000  # more than there are statements
        known = {**_SETTINGS, **(vectors.SETTINGS if self._place.vectors else {})}
        path = SQL(", ").join(map(Identifier, self._place.path))
        asked = [SQL("SET {} TO {}").format(SQL(name), Literal(known[name])) for name in known]
        asked.append(SQL("SET search_path TO {}").format(path))
        db.execute(SQL("; ").join(asked), prepare=False)

    def close(self) -> None:
        """Close all connections; closing twice is harmless."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._closed = True
        if pool is not None:
            pool.close()

    def forked(self) -> None:
        """Begin anew in a child: it must not use its parent's connections, nor close them."""
        self._lock = threading.Lock()  # a thread that held it is not there
        self._inherited.append(self._pool)
        self._pool = None

    def listen(self) -> ServerListener:
        """Return what waits for jobs, on a connection that it opens when it waits."""
        return ServerListener(self._opened, channel(self._schema))

    def _opened(self) -> Connection:
        return psycopg.connect(self._url, **self._options())

    # Transactions

    def transact(self, transaction: Transaction) -> Any:
        """Run a transaction; again where others made it impossible.

        Raises:
            StoreError: It could not be run; nothing was written, unless the message says otherwise.
        """
        tries = 0
        while True:
            tries += 1
            with self._connection() as db:
                run = Run(db, self._schema, self.corpora)
                try:
                    return run.through(transaction)
                except psycopg.Error as error:
                    if tries == TRIES or not _may_be_repeated(error, run):
                        raise self._explained(error, run, transaction) from error
                except InputError:
                    raise
                except ValueError as error:
                    # What was read is no JSON or time any more.
                    raise StoreUnreadable(
                        f"{self.address!r} holds what no holdfast has written: "
                        f"{cut(str(error), 120)}. It was left as it is; restore it from a backup."
                    ) from error
            if run.lost:
                self._here().check()  # the server was restarted: the others are dead as well
            else:
                time.sleep(random.uniform(0, 0.02))

    # Errors

    def _explained(self, error: psycopg.Error, run: Run, transaction: Transaction) -> HoldfastError:
        said = f"{self.address!r}: {_said(error)}"
        if run.lost and run.stage == "committing" and transaction.writes:
            return StoreLost(
                f"{said}. The connection broke while a write was being committed: it is not known "
                "whether it was written. Read it again before you write it anew."
            )
        if run.lost:
            return StoreLost(f"{said}. The connection broke; nothing was written. Try again.")
        if isinstance(error, _BY_OTHERS):
            return StoreBusy(
                f"{said}; others were in the way {TRIES} times, nothing was written. Try again."
            )
        if isinstance(error, errors.LockNotAvailable | errors.QueryCanceled):
            return StoreBusy(
                f"{said}; nothing was written. Try again, or let the server wait longer "
                "(lock_timeout, statement_timeout)."
            )
        if isinstance(error, errors.ProgramLimitExceeded):
            return InputError(
                f"{said}; nothing was written. A namespace, key or name may have some 2,600 bytes."
            )
        if isinstance(error, psycopg.DataError):
            return InputError(f"{said}; nothing was written.")
        return StoreError(f"{said}; nothing was written.")

    def _was_closed(self) -> StoreClosed:
        return StoreClosed(f"The store {self.address!r} was closed; open it again to use it.")


def _said(error: psycopg.Error) -> str:
    """Return an error's first line; the others may show what was stored."""
    return str(error).partition("\n")[0].rstrip(".")


def _may_be_repeated(error: psycopg.Error, run: Run) -> bool:
    """Tell whether a transaction is worth another try, and nothing of it can have been written."""
    if run.lost:
        return run.stage == "begun"
    return isinstance(error, _BY_OTHERS)
