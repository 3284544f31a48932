"""What every call of a ledger goes through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from holdfast.errors import InputError, shown
from holdfast.operations import (
    LedgerOp,
    Namespace,
    T,
)


class Calls(ABC):
    """Whatever performs the operations of a ledger."""

    scope: Namespace = ()
    """The fence around this store: what is outside of it cannot be reached. `()` for none."""

    @abstractmethod
    def perform(self, op: LedgerOp[T]) -> T:
        """Do one operation, in one transaction."""

    @abstractmethod
    async def aperform(self, op: LedgerOp[T]) -> T:
        """Do one operation, awaiting; see `perform`."""

    def _within(self, namespace: Namespace | None) -> Namespace:
        return self.scope if namespace is None else namespace


def listed(keys: Sequence[str]) -> tuple[str, ...]:
    """Return keys as a tuple; the letters of a text are not meant to be keys."""
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise InputError(f"keys must be a list of texts, such as ['tea'], got {shown(keys)}.")
    return tuple(keys)
