"""Recalls that are still to be written down: many at once, so that reading stays fast."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

from holdfast.errors import InputError
from holdfast.history import instant
from holdfast.operations import NoteRecall
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
        self._process = os.getpid()

    def add(self, note: NoteRecall) -> list[NoteRecall]:
        """Let one wait; return those that have waited for long enough, which wait no more."""
        now = now_text()
        at = instant(note.at, "at") or now
        if at > now:
            raise InputError(f"at must not be ahead of now, {now}; got {note.at!r}.")
        with self._lock:
            self._forked()
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(replace(note, at=at))
            late = time.monotonic() - self._since >= LONGEST
            return self._taken() if late or len(self._waiting) >= MOST else []

    def take(self) -> list[NoteRecall]:
        """Return all that wait, which wait no more."""
        with self._lock:
            self._forked()
            return self._taken()

    def _taken(self) -> list[NoteRecall]:
        taken, self._waiting = self._waiting, []
        return taken

    def _forked(self) -> None:
        """Leave what waits in a parent process to the parent."""
        if self._process != os.getpid():
            self._process, self._waiting = os.getpid(), []
