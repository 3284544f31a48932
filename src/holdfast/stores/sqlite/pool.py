"""Connections to one SQLite file, each used by one thread at a time, and by one process.

SQLite's locks belong to a process. Where a forked child inherits a connection, SQLite takes its
parent's locks for the child's own, so that others may remove the write-ahead log that the child
goes on writing to. So a process forks between two calls, and with every connection closed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import StoreClosed, StoreError
from holdfast.stores.sqlite.file import connect

READERS = 4
"""How many connections are kept open for the next call."""


class Pool:
    """Connections to one file.

    Args:
        path: The file, or `:memory:`.
        busy_timeout: Seconds to wait while another process writes.

    Attributes:
        timeout: Seconds to wait while another process writes.
        writing: Held by whoever writes, so that writers of this process wait in a queue.
        used: How many connections are in use.
        file: The path, whole.
    """

    def __init__(self, path: str, busy_timeout: float) -> None:
        self.timeout = busy_timeout
        self.writing = threading.Lock()
        self.used = 0
        self._path = path
        # Whole, so that `chdir` moves no connection that is opened later.
        self.file = path if path == ":memory:" else str(Path(path).absolute())
        self._free: list[sqlite3.Connection] = []
        self._closed = False
        self._alone = threading.RLock() if path == ":memory:" else None
        with _FORKS.changed:
            _FORKS.pools.add(self)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that nobody else uses.

        Raises:
            StoreClosed: The pool was closed.
            StoreError: The file cannot be opened.
        """
        with self._alone or contextlib.nullcontext():
            db = self._take()
            try:
                yield db
            finally:
                self._give(db)

    def _take(self) -> sqlite3.Connection:
        with _FORKS.changed:
            _FORKS.changed.wait_for(lambda: not _FORKS.forking)
            if self._closed:
                raise StoreClosed(f"The store {self._path!r} was closed; open it again to use it.")
            if self.file in _FORKS.torn:
                raise StoreError(
                    f"This process was forked while a call to the store {self._path!r} had been "
                    f"running for more than {self.timeout:g} s, and cannot use it. Fork between "
                    "two calls, or start processes with 'spawn' or 'forkserver'."
                )
            self.used += 1
            if self._free:
                return self._free.pop()
        try:
            return connect(self.file, self.timeout)
        except BaseException:
            self._given()
            raise

    def _give(self, db: sqlite3.Connection) -> None:
        with _FORKS.changed:
            kept = not self._closed and len(self._free) < READERS
            if kept:
                self._free.append(db)
        if not kept:
            db.close()
        self._given()

    def _given(self) -> None:
        with _FORKS.changed:
            self.used -= 1
            _FORKS.changed.notify_all()

    def close(self) -> None:
        """Close all connections; closing twice is harmless."""
        with _FORKS.changed:
            self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        with _FORKS.changed:
            free, self._free = self._free, []
        for db in free:
            db.close()

    # Forks

    def rest(self) -> None:
        """Close what nobody uses, since the process is about to fork."""
        if self._alone is None:
            self._let_go()

    def inherited(self) -> None:
        """Begin anew in a forked child: threads that held a lock are not there."""
        self.writing = threading.Lock()
        self._alone = threading.RLock() if self._alone else None
        if self.used:
            _FORKS.torn.add(self.file)
            self.used = 0


class _Forks:
    """Keeps the calls of a process and its forks apart."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.pools: weakref.WeakSet[Pool] = weakref.WeakSet()
        self.torn: set[str] = set()
        self.forking = False

    def before(self) -> None:
        """Wait until no call runs, let none begin, and close all connections."""
        with self.changed:
            self.changed.wait_for(lambda: not self.forking)
            self.forking = True
            pools = list(self.pools)
            longest = max((pool.timeout for pool in pools), default=0.0)
            self.changed.wait_for(lambda: not any(pool.used for pool in pools), longest)
            for pool in pools:
                pool.rest()

    def after_in_parent(self) -> None:
        with self.changed:
            self.forking = False
            self.changed.notify_all()

    def after_in_child(self) -> None:
        self.changed = threading.Condition()
        self.forking = False
        for pool in list(self.pools):
            pool.inherited()


_FORKS = _Forks()

if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_FORKS.before,
        after_in_parent=_FORKS.after_in_parent,
        after_in_child=_FORKS.after_in_child,
    )
