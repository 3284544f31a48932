"""What a forked child begins anew: locks that threads held which are not there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """What must be told that its process is a forked child."""

    def forked(self) -> None:
        """Begin anew in a child; whatever the parent goes on using is left alone."""


_TOLD: weakref.WeakSet[Forked] = weakref.WeakSet()


def tell_forks(one: Forked) -> None:
    """See to it that something is told of each fork, in the child, as long as it is there."""
    _TOLD.add(one)


def _in_child() -> None:
    for one in list(_TOLD):
        one.forked()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
