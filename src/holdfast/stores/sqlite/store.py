"""A LangGraph `BaseStore` in one SQLite file: sync and async, several processes at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    validate_op_namespace,
)
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from holdfast.errors import (
    InputError,
    StoreBusy,
    StoreClosed,
    StoreError,
    StoreTooNew,
    StoreUnreadable,
)
from holdfast.stores.filters import check_filter
from holdfast.stores.sqlite import plan
from holdfast.stores.sqlite.statements import migrations

_APPLICATION = 0x484F4C44  # "HOLD", so that a file of another program is told from ours


class SqliteStore(BaseStore):
    """Memories in one SQLite file; found by words, without a server, a key or a model.

    Each `batch` is one transaction: its reads see the state before its writes, and its writes
    are kept all or none. The async methods run in threads and never block the loop.

    Args:
        path: The file, made if there is none; `:memory:` ends with the process.
        busy_timeout: Seconds to wait while another process writes.

    Raises:
        StoreError: The file cannot be opened, is damaged, or was written by a newer holdfast.

    Example:
        >>> store = SqliteStore(":memory:")
        >>> store.put(("memories", "nora"), "tea", {"content": "likes tea"})
        >>> store.get(("memories", "nora"), "tea").value
        {'content': 'likes tea'}
        >>> store.close()
    """

    def __init__(self, path: str | Path, *, busy_timeout: float = 10.0) -> None:
        self.path = str(path)
        self.busy_timeout = busy_timeout
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._db: sqlite3.Connection | None = self._connect()

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    # Opening and closing

    def _connect(self) -> sqlite3.Connection:
        folder = Path(self.path).parent
        if self.path != ":memory:" and not folder.is_dir():
            raise StoreError(f"Cannot open {self.path!r}: there is no folder {str(folder)!r}.")
        with self._explained():
            db = sqlite3.connect(
                # Whole, so that no part of it is read as an option, and `chdir` moves nothing.
                self.path if self.path == ":memory:" else str(Path(self.path).absolute()),
                timeout=self.busy_timeout,
                isolation_level=None,
                check_same_thread=False,
            )
            db.row_factory = sqlite3.Row
            # Turning to WAL answers "locked" at once, without the wait that SQLite has elsewhere.
            patiently = Retrying(
                retry=retry_if_exception(_is_busy),
                stop=stop_after_delay(self.busy_timeout),
                wait=wait_random(0.005, 0.05),
                reraise=True,
            )
            try:
                patiently(self._prepare, db)
            except BaseException:
                db.close()
                raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Refuse what is not ours, then bring the tables up to date in one transaction."""
        self._check_owner(db)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = ON")
        if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            db.execute("PRAGMA journal_mode = WAL")
        scripts = migrations()
        if _version(db) == len(scripts):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            for number, script in enumerate(scripts[_version(db) :], start=_version(db) + 1):
                for statement in _split(script):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def _check_owner(self, db: sqlite3.Connection) -> None:
        # Tables and owner are written in one transaction: read in this order, no process that is
        # just making the file can be seen with the one and without the other.
        empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        owner = db.execute("PRAGMA application_id").fetchone()[0]
        if owner != _APPLICATION and not empty:
            raise StoreUnreadable(
                f"{self.path!r} is a SQLite file of another program; name another file."
            )
        if _version(db) > len(migrations()):
            raise StoreTooNew(
                f"{self.path!r} has format {_version(db)}; this holdfast knows formats up to "
                f"{len(migrations())}. Upgrade holdfast to open it."
            )

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        with self._lock:
            if self._db is not None and self._process == os.getpid():
                self._db.close()
            self._db = None

    async def aclose(self) -> None:
        """Close the file without blocking the loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> SqliteStore:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    # Operations

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction.

        Args:
            ops: Operations of LangGraph's store; reads see the state before the writes, and of
                two writes to one key the last counts.

        Raises:
            InputError: A value is no JSON data, or a filter cannot be read; nothing was written.
            StoreError: The file is busy, full, read-only, damaged, or closed.
        """
        listed = list(ops)
        writes = _checked(listed)
        with self._lock, self._explained():
            db = self._open()
            db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                results = [_read(db, op) for op in listed]
                for op, value in writes:
                    plan.put(db, op, value)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _open(self) -> sqlite3.Connection:
        if self._db is not None and self._process != os.getpid():
            # A forked child must not use its parent's connection, nor close it.
            self._process, self._db = os.getpid(), self._connect()
        if self._db is None:
            raise StoreClosed(f"The store {self.path!r} was closed; open it again to use it.")
        return self._db

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of SQLite into errors that say what to do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if _is_busy(error):
                raise StoreBusy(
                    f"Another process held {self.path!r} for more than {self.busy_timeout:g} s; "
                    "nothing was written. Try again, or open it with a longer busy_timeout."
                ) from error
            raise StoreError(f"{self.path!r}: {error}; nothing was written.") from error
        except sqlite3.DatabaseError as error:
            raise StoreUnreadable(
                f"{self.path!r} cannot be read as a holdfast store: {error}. The file was left as "
                "it is; restore it from a backup, or name another file."
            ) from error


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and (
        error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit before it starts."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _checked(ops: list[Op]) -> list[tuple[PutOp, str | None]]:
    """Check every operation before anything is written; return the writes that count."""
    writes: dict[tuple[tuple[str, ...], str], tuple[PutOp, str | None]] = {}
    for op in ops:
        validate_op_namespace(op)
        if isinstance(op, PutOp | GetOp) and not _encodable((*op.namespace, op.key)):
            raise InputError(f"No item can have the namespace {op.namespace!r}, key {op.key!r}.")
        if isinstance(op, PutOp):
            if not op.namespace:
                raise InputError(f"The item {op.key!r} needs a namespace of at least one label.")
            value = None if op.value is None else plan.dumped(op.value)
            writes[(tuple(op.namespace), op.key)] = (op, value)
        elif isinstance(op, SearchOp):
            check_filter(op.filter)
            if not _encodable(op.namespace_prefix):
                raise InputError(f"No item can have the namespace {op.namespace_prefix!r}.")
        elif not isinstance(op, GetOp | ListNamespacesOp):
            raise InputError(f"{op!r} is not an operation of a store.")
    return list(writes.values())


def _encodable(texts: Iterable[Any]) -> bool:
    try:
        for text in texts:
            text.encode()
    except (UnicodeEncodeError, AttributeError):
        return False
    return True


def _read(db: sqlite3.Connection, op: Op) -> Result:
    if isinstance(op, GetOp):
        return plan.get(db, op)
    if isinstance(op, SearchOp):
        return plan.search(db, op)
    if isinstance(op, ListNamespacesOp):
        return plan.list_namespaces(db, op)
    return None
