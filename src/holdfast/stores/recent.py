"""What was used last, held in memory within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from holdfast.stores.forks import tell_forks


class Locked(Protocol):
    """What is read and changed by whoever holds its lock.

    Attributes:
        lock: Held by whoever reads or changes it.
    """

    lock: threading.Lock


K = TypeVar("K")
V = TypeVar("V", bound=Locked)


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
        tell_forks(self)

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

    def forked(self) -> None:
        """Begin anew in a child: let go of what a thread held that is not there, half changed."""
        self._lock = threading.Lock()
        whole = [(name, one) for name, one in self._kept.items() if not one.lock.locked()]
        self._kept = OrderedDict(whole)
