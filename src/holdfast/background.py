"""An event loop in a daemon thread, for awaiting code that a blocking caller needs."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """One loop for all calls, since clients keep connections that belong to the loop they began in.

    What is started sees the context variables of whoever starts it. Each use has a loop of its
    own, so that code which blocks one holds up no other.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine in the loop, and return its future."""
        with self._lock:
            # In a forked process the thread is gone.
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, daemon=True, name=self._name
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; it is cancelled when the wait is interrupted."""
        future = self.start(work)
        try:
            return future.result()
        finally:
            future.cancel()


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether a call of a function must be awaited, as far as can be told without one."""
    called = getattr(function, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
