"""What was used last, held in memory within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Things by name, of which those that were not used for longest go first.

    Args:
        make: Makes a new one.
        size: Tells how large one is.
        most: How large all may be together; the one used last stays in any case.
    """

    def __init__(self, make: Callable[[], V], size: Callable[[V], int], most: int) -> None:
        self._make = make
        self._size = size
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, name: K) -> V:
        """Return the one of a name, made where there is none."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = self._make()
            self._kept.move_to_end(name)
            return self._kept[name]

    def values(self) -> list[V]:
        """Return all, the one used last at the end."""
        with self._lock:
            return list(self._kept.values())

    def bound(self) -> None:
        """Let go of those that were not used for longest."""
        with self._lock:
            size = sum(map(self._size, self._kept.values()))
            while size > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                size -= self._size(oldest)

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()
