"""Recalls that are still to be written down: many at once, so that reading stays fast."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from holdfast.errors import InputError, StoreClosed
from holdfast.history import instant
from holdfast.operations import NoteRecall
from holdfast.stores.forks import tell_forks
from holdfast.stores.plan.spaces import now_text

MOST = 64
"""How many recalls wait at most."""

LONGEST = 60.0
"""For how many seconds a recall waits at most, while others come."""


class Notes:
    """Recalls that wait, in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[NoteRecall] = []
        self._since = 0.0
        self._closed: str | None = None
        tell_forks(self)

    def add(self, note: NoteRecall) -> list[NoteRecall]:
        """Let one wait; return those that have waited for long enough, which wait no more.

        Raises:
            InputError: It is of a time that is still to come.
            StoreClosed: Nobody would write it down any more.
        """
        now = now_text()
        at = instant(note.at, "at") or now
        if at > now:
            raise InputError(f"at must not be ahead of now, {now}; got {note.at!r}.")
        with self._lock:
            if self._closed is not None:
                raise StoreClosed(f"{self._closed} was closed; open it again to use it.")
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(replace(note, at=at))
            late = time.monotonic() - self._since >= LONGEST
            return self._taken() if late or len(self._waiting) >= MOST else []

    def take(self) -> list[NoteRecall]:
        """Return all that wait, which wait no more."""
        with self._lock:
            return self._taken()

    def close(self, whose: str) -> list[NoteRecall]:
        """Return all that wait, and let none wait from now on.

        Args:
            whose: The store that is closed, for the error.
        """
        with self._lock:
            self._closed = whose
            return self._taken()

    def _taken(self) -> list[NoteRecall]:
        taken, self._waiting = self._waiting, []
        return taken

    def forked(self) -> None:
        """Begin anew in a child: what waits in the parent is left to the parent."""
        self._lock = threading.Lock()  # a thread that held it is not there
        self._waiting = []
