"""Expired memories erased in the background, as LangGraph's stores do it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from langgraph.store.base import TTLConfig

from holdfast.errors import ConfigurationError, StoreError

log = logging.getLogger("holdfast")

_KEYS = frozenset(TTLConfig.__annotations__)


def read_ttl(given: Mapping[str, Any] | None) -> TTLConfig | None:
    """Return the settings of a time to live, checked.

    Raises:
        ConfigurationError: A key is unknown, or a number of minutes is none.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or not set(given) <= _KEYS:
        raise ConfigurationError(f"ttl must be a dict of {sorted(_KEYS)}, got {given!r}.")
    for name in ("default_ttl", "sweep_interval_minutes"):
        minutes = given.get(name)
        if minutes is not None and (isinstance(minutes, bool) or not minutes > 0):
            raise ConfigurationError(f"ttl[{name!r}] must be minutes, got {minutes!r}.")
    return cast("TTLConfig", dict(given))


class Sweeper:
    """Calls a function again and again, in a thread that never keeps the interpreter alive.

    Args:
        sweep: What to call.
    """

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, interval: float) -> None:
        """Begin, with so many seconds in between; a second start changes nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        run = (self._stop, interval)
        self._thread = threading.Thread(
            target=self._work, args=run, name="holdfast-sweeper", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """End; return whether the thread has ended."""
        self._stop.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _work(self, stop: threading.Event, interval: float) -> None:
        while not stop.wait(interval):
            try:
                self._sweep()
            except StoreError as error:
                log.warning("Expired memories could not be erased, it is tried again: %s", error)
