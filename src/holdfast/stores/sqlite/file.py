"""One SQLite file: opened, told from other files, and brought up to date."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from holdfast.errors import StoreError, StoreTooNew, StoreUnreadable
from holdfast.stores.sqlite.migrating import lend
from holdfast.stores.statements import load
from holdfast.stores.statements import migrations as load_migrations

APPLICATION = 0x484F4C44  # "HOLD", so that a file of another program is told from ours

_PACKAGE = "holdfast.stores.sqlite"


@functools.cache
def statements() -> dict[str, str]:
    """Return the SQL of each statement by its name."""
    return load(_PACKAGE, lambda kind, name: f"IN (SELECT value FROM json_each({name}))")


@functools.cache
def migrations() -> tuple[str, ...]:
    """Return the numbered scripts that build the file's tables, oldest first."""
    return load_migrations(_PACKAGE)


def connect(path: str, busy_timeout: float) -> sqlite3.Connection:
    """Open a file, and bring its tables up to date.

    Raises:
        StoreError: There is no such folder, the file is another program's, or too new.
    """
    folder = Path(path).parent
    if path != ":memory:" and not folder.is_dir():
        raise StoreError(f"Cannot open {path!r}: there is no folder {str(folder)!r}.")
    db = sqlite3.connect(
        # Whole, so that no part of it is read as an option, and `chdir` moves nothing.
        path if path == ":memory:" else str(Path(path).absolute()),
        timeout=busy_timeout,
        isolation_level=None,
        check_same_thread=False,
    )
    db.row_factory = sqlite3.Row
    # Turning to WAL answers "locked" at once, without the wait that SQLite has elsewhere.
    patiently = Retrying(
        retry=retry_if_exception(is_busy),
        stop=stop_after_delay(busy_timeout),
        wait=wait_random(0.005, 0.05),
        reraise=True,
    )
    try:
        patiently(_prepare, db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Refuse what is not ours, then bring the tables up to date in one transaction."""
    _check_owner(db, path)
    db.execute("PRAGMA secure_delete = ON")
    if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        db.execute("PRAGMA journal_mode = WAL")
    if _version(db) != len(migrations()):
        _migrate(db)
    db.execute("PRAGMA foreign_keys = ON")


def _migrate(db: sqlite3.Connection) -> None:
    lend(db)
    db.execute("BEGIN IMMEDIATE")
    try:
        done = _version(db)
        for number, script in enumerate(migrations()[done:], start=done + 1):
            for statement in _split(script):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _check_owner(db: sqlite3.Connection, path: str) -> None:
    # Tables and owner are written in one transaction: read in this order, no process that is
    # just making the file can be seen with the one and without the other.
    empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    if owner != APPLICATION and not empty:
        raise StoreUnreadable(f"{path!r} is a SQLite file of another program; name another file.")
    if _version(db) > len(migrations()):
        raise StoreTooNew(
            f"{path!r} has format {_version(db)}; this holdfast knows formats up to "
            f"{len(migrations())}. Upgrade holdfast to open it."
        )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def is_busy(error: BaseException) -> bool:
    """Tell whether an error of SQLite says that somebody else writes."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit before it starts."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
