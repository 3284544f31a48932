"""Calls about what was said and what was recalled of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from holdfast.history import Entry, instant
from holdfast.ledger.calls import Calls, listed
from holdfast.operations import (
    Journal,
    Namespace,
    Neighbours,
    NoteRecall,
    ReadCursor,
    RecalledIn,
    SearchJournal,
    Threads,
)


class JournalCalls(Calls):
    """What a ledger does with conversations."""

    def journal(
        self,
        namespace: Namespace,
        thread: str | None = None,
        *,
        after: int = 0,
        limit: int = 100,
    ) -> list[Entry]:
        """Return messages of a thread in order; without a thread, the newest of all, newest first.

        Args:
            namespace: Stored labels; without a thread, what stands below counts as well.
            thread: The conversation.
            after: Only those with a higher `seq`; without a thread, how many to skip.
            limit: How many at most.
        """
        return self.perform(Journal(namespace, thread, after, limit))

    async def ajournal(
        self,
        namespace: Namespace,
        thread: str | None = None,
        *,
        after: int = 0,
        limit: int = 100,
    ) -> list[Entry]:
        """Return messages of a thread, awaiting; see `journal`."""
        return await self.aperform(Journal(namespace, thread, after, limit))

    def neighbours(
        self, namespace: Namespace, key: str, *, before: int = 2, after: int = 1
    ) -> list[Entry]:
        """Return a message with those said right before and after it in its thread, in order."""
        return self.perform(Neighbours(namespace, key, before, after))

    async def aneighbours(
        self, namespace: Namespace, key: str, *, before: int = 2, after: int = 1
    ) -> list[Entry]:
        """Return a message with its neighbours, awaiting; see `neighbours`."""
        return await self.aperform(Neighbours(namespace, key, before, after))

    def search_journal(
        self, namespace: Namespace, query: str, *, limit: int = 10, offset: int = 0
    ) -> list[Entry]:
        """Return messages that share words with a query, best first; what stands below counts."""
        return self.perform(SearchJournal(namespace, query, limit, offset))

    async def asearch_journal(
        self, namespace: Namespace, query: str, *, limit: int = 10, offset: int = 0
    ) -> list[Entry]:
        """Return messages that share words with a query, awaiting; see `search_journal`."""
        return await self.aperform(SearchJournal(namespace, query, limit, offset))

    def threads(self, namespace: Namespace) -> dict[str, int]:
        """Return the threads of exactly this namespace, each with its last `seq`."""
        return self.perform(Threads(namespace))

    async def athreads(self, namespace: Namespace) -> dict[str, int]:
        """Return the threads of a namespace, awaiting; see `threads`."""
        return await self.aperform(Threads(namespace))

    def cursor(self, namespace: Namespace, thread: str, reader: str = "reflection") -> int:
        """Return how far a reader has come in a thread; 0 when it has not begun."""
        return self.perform(ReadCursor(namespace, thread, reader))

    async def acursor(self, namespace: Namespace, thread: str, reader: str = "reflection") -> int:
        """Return how far a reader has come in a thread, awaiting; see `cursor`."""
        return await self.aperform(ReadCursor(namespace, thread, reader))

    def note_recall(
        self,
        namespace: Namespace,
        keys: Sequence[str],
        *,
        thread: str | None = None,
        at: datetime | str | None = None,
        used: bool = False,
    ) -> None:
        """Note that memories or messages were recalled; `holdfast.recall` does so itself.

        Reading stays fast: notes wait in memory, and are written many at once, at the latest with
        the next commit of this store object, or when it is closed.

        Args:
            namespace: Stored labels; of exactly this namespace.
            keys: What was recalled; what is not there is left out.
            thread: In which conversation, for `recalled_in`.
            at: When; by default now, and not ahead of it.
            used: Whether they were of use, as far as somebody knows: that makes them stronger,
                while only to be shown counts a tenth of it.
        """
        self.perform(NoteRecall(namespace, listed(keys), thread, instant(at, "at"), used))

    async def anote_recall(
        self,
        namespace: Namespace,
        keys: Sequence[str],
        *,
        thread: str | None = None,
        at: datetime | str | None = None,
        used: bool = False,
    ) -> None:
        """Note that memories or messages were recalled, awaiting; see `note_recall`."""
        await self.aperform(NoteRecall(namespace, listed(keys), thread, instant(at, "at"), used))

    def recalled_in(self, namespace: Namespace, thread: str) -> dict[str, datetime]:
        """Return what was recalled in a thread in the last 90 days: keys, and when last.

        What a model writes after it was shown these is rather an echo of them than news.
        """
        return self.perform(RecalledIn(namespace, thread))

    async def arecalled_in(self, namespace: Namespace, thread: str) -> dict[str, datetime]:
        """Return what was recalled in a thread, awaiting; see `recalled_in`."""
        return await self.aperform(RecalledIn(namespace, thread))
