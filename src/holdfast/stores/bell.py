"""Whoever waits for jobs is woken: within a process by a bell, between processes by a listener."""

from __future__ import annotations

import os
import threading
import time

POLL = 0.1
"""Seconds between two looks at a file that other processes write to."""

TICK = 20_000_000
"""Nanoseconds within which two commits may leave a file with one and the same age, at most."""


class Bell:
    """Rings in this process when a transaction that put or ended a job is committed."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.rung = 0
        self._asked = False

    def ask(self) -> None:
        """Ring when the transaction that runs is committed; there is one writer at a time."""
        self._asked = True

    def committed(self) -> None:
        """Ring, if that was asked for."""
        if self._asked:
            self._asked = False
            self.ring()

    def rolled_back(self) -> None:
        """Do not ring after all."""
        self._asked = False

    def ring(self) -> None:
        """Wake all who listen."""
        with self.changed:
            self.rung += 1
            self.changed.notify_all()

    def forked(self) -> None:
        """Begin anew in a child: a thread that held the lock is not there."""
        self.changed = threading.Condition()
        self._asked = False


class FileListener:
    """Waits for the bell of this process, and looks at the file that others write to.

    Each commit of any process changes the write-ahead log, so that a look costs no more than to
    ask for the file's age. A file that was written to just now counts as changed once more at the
    next look: by the clocks of most file systems a second commit makes it no younger.

    Args:
        bell: Of this process.
        path: The store's file; None where no other process can reach it.
    """

    def __init__(self, bell: Bell, path: str | None) -> None:
        self._bell = bell
        self._log = None if path is None else f"{path}-wal"
        self._seen = bell.rung
        self._age = self._look()

    def wait(self, seconds: float) -> None:
        """Wait; see `Listener.wait`."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            with self._bell.changed:
                if self._bell.rung == self._seen and left > 0:
                    self._bell.changed.wait(min(left, POLL) if self._log else left)
                rung, self._seen = self._bell.rung != self._seen, self._bell.rung
            age, self._age = self._age, self._look()
            if rung or age != self._age or left <= 0:
                return

    def wake(self) -> None:
        """Wake all who listen in this process."""
        self._bell.ring()

    def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> tuple[int, int, bool] | None:
        try:
            found = os.stat(self._log) if self._log else None
        except OSError:
            return None
        if found is None:
            return None
        just_now = abs(time.time_ns() - found.st_mtime_ns) < TICK
        return found.st_mtime_ns, found.st_size, just_now
