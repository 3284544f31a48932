"""A few threads that do work in order, lane by lane, and never keep the interpreter alive."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from holdfast.errors import ConfigurationError

T = TypeVar("T")

AT_EXIT_SECONDS = 5.0
"""How long the end of the interpreter waits for work that is still to be done."""

_IDLE_SECONDS = 5.0
_OPEN: weakref.WeakSet[Lanes] = weakref.WeakSet()


class Lanes:
    """Does pieces of work in threads: those of one lane in order, lanes beside each other.

    The threads are daemons, because a `ThreadPoolExecutor` is joined at the end of the interpreter
    however long its work takes; what is left then gets `AT_EXIT_SECONDS`.

    Args:
        most: How many threads there may be; they start when needed, and end when idle.

    Example:
        >>> lanes = Lanes()
        >>> lanes.submit("thread-1", lambda: 6 * 7).result()
        42
        >>> lanes.close()
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._changed = threading.Condition()
        # A lane is in here from its first piece of work to the end of its last.
        self._lanes: dict[Hashable, deque[tuple[Future[Any], Callable[[], Any]]]] = {}
        self._ready: deque[Hashable] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False
        _OPEN.add(self)

    def submit(self, lane: Hashable, work: Callable[[], T]) -> Future[T]:
        """Do a piece of work after all that was submitted to its lane before.

        Raises:
            ConfigurationError: The lanes are closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise ConfigurationError(
                    "submit() was called after shutdown(), nothing was sent. Make a new executor."
                )
            there = self._lanes.get(lane)
            if there is not None:
                there.append((future, work))
                return future
            self._lanes[lane] = deque([(future, work)])
            self._ready.append(lane)
            if self._idle < len(self._ready) and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._serve, name="holdfast-lane", daemon=True).start()
            self._changed.notify_all()
        return future

    def close(self, wait: bool = True, *, cancel: bool = False) -> None:
        """Take no more work.

        Args:
            wait: Whether to wait until everything is done.
            cancel: Whether to drop what was not begun; its futures are cancelled.
        """
        with self._changed:
            self._closed = True
            futures = [future for lane in self._lanes.values() for future, _ in lane]
            self._changed.notify_all()
        for future in futures if cancel else ():
            future.cancel()  # a callback of it may want the lock
        if wait:
            self.wait(None)

    def wait(self, seconds: float | None) -> bool:
        """Wait until everything is done, at most so long; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lanes, seconds)

    def _serve(self) -> None:
        while (lane := self._next()) is not None:
            future, work = self._lanes[lane][0]
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it is the future's, we live on
                    future.set_exception(error)
            del future, work  # they hold messages; an idle thread must not
            self._step(lane)

    def _next(self) -> Hashable | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._ready or self._closed, _IDLE_SECONDS)
            self._idle -= 1
            if self._ready:
                return self._ready.popleft()
            self._threads -= 1
            return None

    def _step(self, lane: Hashable) -> None:
        with self._changed:
            self._lanes[lane].popleft()
            if self._lanes[lane]:
                self._ready.append(lane)
            else:
                del self._lanes[lane]
            self._changed.notify_all()


@atexit.register
def _finish() -> None:
    """Let what is still being sent be sent, for a few seconds in all."""
    until = time.monotonic() + AT_EXIT_SECONDS
    for lanes in list(_OPEN):
        lanes.wait(max(0.0, until - time.monotonic()))
