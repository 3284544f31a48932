"""A store fenced to a namespace: the one place where scope is checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from langgraph.store.base import (
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
)

from holdfast.errors import InputError, OutOfScope, shown
from holdfast.ledger import LedgerStore
from holdfast.ledger.jobs import Listener
from holdfast.operations import LedgerOp, Namespace
from holdfast.stores import works
from holdfast.stores.plan.checking import check_listing, check_page
from holdfast.stores.plan.reading import fits
from holdfast.stores.plan.values import check_namespace

T = TypeVar("T")


class ScopedStore(LedgerStore):
    """A store and ledger, fenced to a namespace and what stands below it.

    Args:
        store: The whole store.
        scope: Stored labels of the fence.

    Raises:
        InputError: The scope is empty, or no namespace.
    """

    supports_ttl = True

    def __init__(self, store: LedgerStore, scope: Namespace) -> None:
        self._store = store
        self.scope = check_namespace(scope)
        self.ttl_config = store.ttl_config

    def __repr__(self) -> str:
        return f"{self._store!r}.scoped({self.scope!r})"

    @property
    def whole(self) -> LedgerStore:
        """The store inside of the fence; for the operator, never for a tenant."""
        return self._store

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction; see `SqlStore.batch`.

        Raises:
            OutOfScope: One of them reaches outside of the fence; nothing was done.
        """
        listed = [self._narrowed(op) for op in works.listed(ops)]
        return self._cut(listed, self._store.batch([op for op, _ in listed]))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Run operations in one transaction, awaiting; see `batch`."""
        listed = [self._narrowed(op) for op in works.listed(ops)]
        return self._cut(listed, await self._store.abatch([op for op, _ in listed]))

    def perform(self, op: LedgerOp[T]) -> T:
        """Do one operation of the ledger.

        Raises:
            OutOfScope: It reaches outside of the fence; nothing was done.
        """
        return self._store.perform(self._inside(op))

    async def aperform(self, op: LedgerOp[T]) -> T:
        """Do one operation of the ledger, awaiting; see `perform`."""
        return await self._store.aperform(self._inside(op))

    def listen(self) -> Listener:
        """Return what waits for jobs to be put or ended, in this process or another."""
        return self._store.listen()

    def _inside(self, op: LedgerOp[T]) -> LedgerOp[T]:
        """Return an operation that was checked."""
        if not isinstance(op, LedgerOp):
            raise InputError(f"perform takes an operation of a ledger, got {shown(op)}.")
        self._check(op.namespace)
        return op

    def scoped(self, namespace: Namespace) -> ScopedStore:
        """Return a fence within this one."""
        self._check(namespace)
        return ScopedStore(self._store, namespace)

    def _check(self, namespace: Any) -> None:
        labels = tuple(namespace) if isinstance(namespace, tuple | list) else None
        if labels is None or labels[: len(self.scope)] != self.scope:
            raise OutOfScope(
                f"{namespace!r} is outside of {self.scope!r}, to which this store is fenced; "
                "nothing was done."
            )

    def _narrowed(self, op: Op) -> tuple[Op, ListNamespacesOp | None]:
        """Return an operation that stays inside, and for a listing what was asked for."""
        if isinstance(op, GetOp | PutOp):
            self._check(op.namespace)
        elif isinstance(op, SearchOp):
            self._check(op.namespace_prefix)
        elif isinstance(op, ListNamespacesOp):
            check_page(op.limit, op.offset)
            check_listing(op)
            # All conditions are held against whole namespaces here: a "*" in the fence's own
            # labels would be a wild card to the store.
            return op._replace(match_conditions=None, max_depth=None, limit=_ALL, offset=0), op
        else:
            raise InputError(f"{shown(op)} is not an operation of a store.")
        return op, None

    def _cut(
        self, listed: list[tuple[Op, ListNamespacesOp | None]], results: list[Result]
    ) -> list[Result]:
        return [
            result if asked is None else self._listed(asked, result)
            for (_, asked), result in zip(listed, results, strict=True)
        ]

    def _listed(self, op: ListNamespacesOp, result: Any) -> list[tuple[str, ...]]:
        inside = [
            namespace
            for namespace in result
            if namespace[: len(self.scope)] == self.scope
            and all(fits(namespace, condition) for condition in op.match_conditions or ())
        ]
        depth = op.max_depth or None
        cut = sorted(dict.fromkeys(namespace[:depth] for namespace in inside))
        return cut[op.offset : op.offset + op.limit]


_ALL = 1 << 40
