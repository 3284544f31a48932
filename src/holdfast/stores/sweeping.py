"""Expired memories erased in the background, as LangGraph's stores do it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from langgraph.store.base import TTLConfig

from holdfast.errors import ConfigurationError, StoreError, shown
from holdfast.stores.settings import LONGEST, check_keys, number

log = logging.getLogger("holdfast")

MOST_MINUTES = 1e9
"""The longest time to live, in minutes: some nineteen centuries."""

_KEYS = frozenset(TTLConfig.__annotations__)


def read_ttl(given: Mapping[str, Any] | None) -> TTLConfig | None:
    """Return the settings of a time to live, checked.

    Raises:
        ConfigurationError: A key is unknown, or a number of minutes is none.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"ttl must be a dict of {sorted(_KEYS)}, got {shown(given)}.")
    check_keys(given, _KEYS, "ttl")
    if given.get("default_ttl") is not None:
        number(given["default_ttl"], "ttl['default_ttl']", "minutes", most=MOST_MINUTES)
    if given.get("sweep_interval_minutes") is not None:
        interval(given["sweep_interval_minutes"], "ttl['sweep_interval_minutes']")
    for name in ("refresh_on_read", "omit_expired"):
        if not isinstance(given.get(name, True), bool):
            raise ConfigurationError(
                f"ttl[{name!r}] must be True or False, got {shown(given[name])}."
            )
    return cast("TTLConfig", dict(given))


def interval(minutes: Any, name: str) -> float:
    """Return the seconds between two sweeps.

    Raises:
        ConfigurationError: It is no number of minutes that a thread could wait.
    """
    return 60 * number(minutes, name, "minutes", most=LONGEST // 60)


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
