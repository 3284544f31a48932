"""Calls about memories: written, read back with their past, and undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langgraph.store.base import Item

from holdfast.history import (
    ChangeSet,
    Entry,
    Record,
    Source,
    Version,
    instant,
)
from holdfast.ledger.calls import Calls, listed
from holdfast.memory import Receipt
from holdfast.operations import (
    AsOf,
    Commit,
    DerivedFrom,
    Diff,
    History,
    Namespace,
    Pin,
    Records,
    Revert,
    Sources,
    Standing,
)


class MemoryCalls(Calls):
    """What a ledger does with memories."""

    def commit(self, changes: ChangeSet) -> Receipt:
        """Write a change set in one transaction: all of it, or nothing.

        Args:
            changes: What belongs together.

        Returns:
            What became of each write and message, in their order. Where one write met another
            version than it expected it is a `conflict`, and nothing of the set was written.

        Raises:
            InputError: Something in it cannot be stored; nothing was written.

        Example:
            >>> from holdfast import ChangeSet, Write, open_store
            >>> store = open_store(":memory:")
            >>> first = store.commit(ChangeSet(("m",), (Write("tea", {"content": "likes tea"}),)))
            >>> lost = store.commit(ChangeSet(("m",), (Write("tea", None, expect=999),)))
            >>> [change.action for change in (*first.changes, *lost.changes)]
            ['inserted', 'conflict']
            >>> store.close()
        """
        return self.perform(Commit(changes))

    async def acommit(self, changes: ChangeSet) -> Receipt:
        """Write a change set, awaiting; see `commit`."""
        return await self.aperform(Commit(changes))

    def records(self, namespace: Namespace, keys: Sequence[str]) -> list[Record | None]:
        """Return memories with what is kept beside their values; None where there is none."""
        return self.perform(Records(namespace, listed(keys)))

    async def arecords(self, namespace: Namespace, keys: Sequence[str]) -> list[Record | None]:
        """Return memories, awaiting; see `records`."""
        return await self.aperform(Records(namespace, listed(keys)))

    def history(self, namespace: Namespace, key: str) -> list[Version]:
        """Return every version of a memory, oldest first; a delete is a version too.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> store.put(("m",), "tea", {"content": "likes tea"})
            >>> store.delete(("m",), "tea")
            >>> [version.value for version in store.history(("m",), "tea")]
            [{'content': 'likes tea'}, None]
            >>> store.close()
        """
        return self.perform(History(namespace, key))

    async def ahistory(self, namespace: Namespace, key: str) -> list[Version]:
        """Return every version of a memory, awaiting; see `history`."""
        return await self.aperform(History(namespace, key))

    def as_of(
        self,
        time: datetime | str,
        namespace: Namespace,
        *,
        key: str | None = None,
        valid_at: datetime | str | None = None,
    ) -> list[Version]:
        """Return what the store held at a time, below a namespace, in order of keys.

        Args:
            time: When it was recorded, at the latest.
            namespace: Stored labels; what stands below counts as well.
            key: Only this memory, of exactly this namespace.
            valid_at: Only what was so in the world at this time; a version that does not say
                since or until when is taken to be so.
        """
        return self.perform(_as_of(time, namespace, key, valid_at))

    async def aas_of(
        self,
        time: datetime | str,
        namespace: Namespace,
        *,
        key: str | None = None,
        valid_at: datetime | str | None = None,
    ) -> list[Version]:
        """Return what the store held at a time, awaiting; see `as_of`."""
        return await self.aperform(_as_of(time, namespace, key, valid_at))

    def diff(self, namespace: Namespace, key: str, a: int, b: int) -> list[dict[str, Any]]:
        """Return the JSON Patch (RFC 6902) that leads from one revision's value to another's.

        Args:
            namespace: Stored labels.
            key: The memory.
            a: The revision to start from; what the memory was right after it. 0 for nothing.
            b: The revision to arrive at.
        """
        return self.perform(Diff(namespace, key, a, b))

    async def adiff(self, namespace: Namespace, key: str, a: int, b: int) -> list[dict[str, Any]]:
        """Return the JSON Patch between two revisions, awaiting; see `diff`."""
        return await self.aperform(Diff(namespace, key, a, b))

    def revert(
        self,
        namespace: Namespace,
        *,
        key: str | None = None,
        revision: int | None = None,
        source: Source | None = None,
    ) -> Receipt:
        """Undo changes by writing new versions; nothing is taken out of the history.

        What was changed later is kept: field by field, as far as it does not contradict; where it
        does the memory stays as it is, and the receipt says so.

        Args:
            namespace: Stored labels; what stands below counts as well, if no key is given.
            key: Only this memory.
            revision: The change set to undo. With a key alone, its last change.
            source: Undo every version that names this source, `Source("run", ...)` for a run.

        Raises:
            InputError: Neither key, revision nor source is given, or both of the latter.
        """
        return self.perform(Revert(namespace, key, revision, source))

    async def arevert(
        self,
        namespace: Namespace,
        *,
        key: str | None = None,
        revision: int | None = None,
        source: Source | None = None,
    ) -> Receipt:
        """Undo changes, awaiting; see `revert`."""
        return await self.aperform(Revert(namespace, key, revision, source))

    def sources(
        self, namespace: Namespace, key: str, *, revision: int | None = None
    ) -> list[Entry]:
        """Return the messages that a memory comes from, also by way of earlier versions.

        Args:
            namespace: Stored labels.
            key: The memory.
            revision: Which version; by default the last.
        """
        return self.perform(Sources(namespace, key, revision))

    async def asources(
        self, namespace: Namespace, key: str, *, revision: int | None = None
    ) -> list[Entry]:
        """Return the messages that a memory comes from, awaiting; see `sources`."""
        return await self.aperform(Sources(namespace, key, revision))

    def derived_from(self, namespace: Namespace, source: Source) -> list[Version]:
        """Return every version that comes from a source, also by way of earlier versions."""
        return self.perform(DerivedFrom(namespace, source))

    async def aderived_from(self, namespace: Namespace, source: Source) -> list[Version]:
        """Return every version that comes from a source, awaiting; see `derived_from`."""
        return await self.aperform(DerivedFrom(namespace, source))

    def pin(self, namespace: Namespace, key: str, pinned: bool = True) -> bool:
        """Pin a memory, or unpin it; return whether it is there."""
        return self.perform(Pin(namespace, key, pinned))

    async def apin(self, namespace: Namespace, key: str, pinned: bool = True) -> bool:
        """Pin a memory, or unpin it, awaiting; see `pin`."""
        return await self.aperform(Pin(namespace, key, pinned))

    def standing(self, namespace: Namespace, *, limit: int = 100) -> list[Item]:
        """Return the memories that stand: those to be considered whatever is asked.

        A memory stands that was pinned, by a person or by its writer (`Write.pin`), as managers do
        with profiles and with what the schema or the model marks so; or that is of kind `Rule`
        and was not unpinned. What a newer memory supersedes, what has expired and what is not so
        at present (`valid_from`, `valid_to`) does not stand.

        Args:
            namespace: Stored labels; what stands below counts as well, after its own.
            limit: How many at most: those of higher importance first, then the newest.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> store.put(("m",), "tea", {"content": "likes tea"})
            >>> store.put(("m",), "lang", {"kind": "Rule", "content": {"rule": "Speak English."}})
            >>> [item.key for item in store.standing(("m",))]
            ['lang']
            >>> store.close()
        """
        return self.perform(Standing(namespace, limit))

    async def astanding(self, namespace: Namespace, *, limit: int = 100) -> list[Item]:
        """Return the memories that stand, awaiting; see `standing`."""
        return await self.aperform(Standing(namespace, limit))


def _as_of(
    time: datetime | str,
    namespace: Namespace,
    key: str | None,
    valid_at: datetime | str | None,
) -> AsOf:
    return AsOf(namespace, instant(time, "time") or "", key, instant(valid_at, "valid_at"))
