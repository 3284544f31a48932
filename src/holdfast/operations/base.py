"""What every operation is."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")
Namespace = tuple[str, ...]


class LedgerOp(Generic[T]):
    """One operation of a ledger; it gives a `T`."""

    namespace: Namespace
