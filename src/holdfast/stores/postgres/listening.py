"""Waits for the server to say that jobs were put or ended."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg.sql import SQL, Identifier

from holdfast.stores.postgres.running import Connection

AGAIN = 5.0
"""Seconds until a connection that broke is opened anew."""

log = logging.getLogger("holdfast")


class ServerListener:
    """Waits on a connection of its own (LISTEN, NOTIFY).

    Where the connection breaks, it waits by the clock alone until there is one again; nothing is
    lost, since whoever waits looks for jobs from time to time in any case.

    Args:
        connect: Opens a connection.
        name: Of the channel.
    """

    def __init__(self, connect: Callable[[], Connection], name: str) -> None:
        self._connect = connect
        self._name = name
        self._db: Connection | None = None
        self._woken = threading.Event()
        self._bell, self._rung = socket.socketpair()  # what a selector can wait for, as the server
        for end in (self._bell, self._rung):
            end.setblocking(False)
        self._broken = 0.0

    def wait(self, seconds: float) -> None:
        """Wait; see `holdfast.ledger.jobs.Listener`."""
        end = time.monotonic() + seconds
        while not self._woken.is_set() and (left := end - time.monotonic()) > 0:
            if self._heard(left):
                return
        self._woken.clear()

    def _heard(self, seconds: float) -> bool:
        """Tell whether something was said within some seconds."""
        try:
            if self._opens():
                return True  # what was said before that was not heard
            db = self._db
            if db is None:
                again = self._broken + AGAIN - time.monotonic()
                return self._woken.wait(max(0.0, min(seconds, again)))
            return _said(db) or (self._is_ready(db, seconds) and _said(db))
        except psycopg.Error as error:
            log.warning("Waiting for jobs by the clock, since the connection broke: %s", error)
            self._broken = time.monotonic()
            self._hang_up()
            return True

    def _is_ready(self, db: Connection, seconds: float) -> bool:
        """Wait for the server or the bell; tell whether it is the server that said something."""
        with selectors.DefaultSelector() as ends:
            server = ends.register(db.fileno(), selectors.EVENT_READ)
            bell = ends.register(self._bell, selectors.EVENT_READ)
            ready = [key for key, _ in ends.select(seconds)]
        if bell in ready:
            self._bell.recv(4096)
        return server in ready

    def _opens(self) -> bool:
        """Open the connection, where there is none and it is to be tried; tell whether it did."""
        waits = self._broken and time.monotonic() - self._broken < AGAIN
        if self._db is not None or waits:
            return False
        self._db = self._connect()
        self._db.execute(SQL("LISTEN {}").format(Identifier(self._name)), prepare=False)
        self._broken = 0.0
        return True

    def wake(self) -> None:
        """End a `wait` that goes on, or the next one."""
        self._woken.set()
        with suppress(OSError):  # full: it rings already; closed: nobody waits
            self._rung.send(b"!")

    def close(self) -> None:
        """Close the connection and the bell."""
        self._hang_up()
        self._bell.close()
        self._rung.close()

    def _hang_up(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _said(db: Connection) -> bool:
    """Tell whether the server has said something."""
    return any(True for _ in db.notifies(timeout=0))
