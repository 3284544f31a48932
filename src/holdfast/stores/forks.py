"""What a forked child begins anew: locks that threads held which are not there.

That of an import cannot be begun anew, so a process does not fork in the midst of ours.
"""

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


def _before() -> None:
    """Wait for a thread that is importing numpy, which the first recall does, or do so here.

    A child could neither go on with that import nor begin it again.
    """
    if _TOLD:
        import numpy  # noqa: F401


def _in_child() -> None:
    for one in list(_TOLD):
        one.forked()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before, after_in_child=_in_child)
