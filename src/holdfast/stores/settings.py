"""The settings that a store is opened with, checked before anything is opened."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

from holdfast.errors import ConfigurationError, shown

LONGEST = threading.TIMEOUT_MAX
"""The most seconds that a thread can wait."""


def number(given: Any, name: str, said: str, *, most: float, zero: bool = False) -> float:
    """Return a setting that is a number.

    Args:
        given: What was given.
        name: What the setting is called.
        said: What it counts, for the error.
        most: The highest that works.
        zero: Whether it may be 0.

    Raises:
        ConfigurationError: It is no number, or one that cannot work.
    """
    known = isinstance(given, int | float) and not isinstance(given, bool)
    if not known or not (0 < given <= most or (zero and given == 0)):
        raise ConfigurationError(
            f"{name} must be {said}, a number {'from' if zero else 'above'} 0 and up to "
            f"{most:.0f}; got {shown(given)}."
        )
    return float(given)


def check_keys(given: Mapping[str, Any], known: Collection[str], name: str) -> None:
    """Raise ConfigurationError where a setting has a key that nobody would read."""
    for key in given:
        if key not in known:
            raise ConfigurationError(
                f"{name} has a key {shown(key)} that means nothing; known are "
                f"{', '.join(sorted(known))}."
            )
