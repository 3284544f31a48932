"""The ledger: what `BaseStore` has no word for, as methods.

Each method makes one operation, as data, in the way of LangGraph's `store.base`: a store fulfils
two methods, `perform` and `aperform`, and a fence around it checks operations in one place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from langgraph.store.base import NOT_PROVIDED, BaseStore, Item, NotProvided

from holdfast.errors import InputError, shown
from holdfast.history import (
    ChangeSet,
    Entry,
    Erasure,
    Finding,
    Job,
    Record,
    Source,
    Version,
    instant,
)
from holdfast.memory import Receipt
from holdfast.operations import (
    AsOf,
    Commit,
    DerivedFrom,
    Diff,
    Doctor,
    Forget,
    History,
    Jobs,
    Journal,
    Keys,
    LedgerOp,
    Namespace,
    Neighbours,
    NoteRecall,
    Pin,
    ReadCursor,
    RecalledIn,
    Records,
    Reindex,
    Revert,
    SearchJournal,
    Sources,
    Standing,
    T,
    Threads,
)


class Ledger(ABC):
    """A store that keeps versions, sources and a journal; our two stores are ledgers.

    Every method has an async twin with `a` before its name. Namespaces are stored labels, as for
    `BaseStore`; what `NamespaceTemplate` returns.
    """

    scope: Namespace = ()
    """The fence around this store: what is outside of it cannot be reached. `()` for none."""

    @abstractmethod
    def perform(self, op: LedgerOp[T]) -> T:
        """Do one operation, in one transaction."""

    @abstractmethod
    async def aperform(self, op: LedgerOp[T]) -> T:
        """Do one operation, awaiting; see `perform`."""

    @abstractmethod
    def scoped(self, namespace: Namespace) -> LedgerStore:
        """Return this store and ledger, fenced to a namespace and what stands below it.

        Whatever reaches outside of it is refused with `OutOfScope`, and does nothing.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> nora = store.scoped(("memories", "nora"))
            >>> nora.put(("memories", "nora"), "tea", {"content": "likes tea"})
            >>> nora.get(("memories", "ines"), "tea")
            Traceback (most recent call last):
            holdfast.errors.OutOfScope: ('memories', 'ines') is outside of ('memories', 'nora')...

            >>> store.close()
        """

    def _within(self, namespace: Namespace | None) -> Namespace:
        return self.scope if namespace is None else namespace

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
        return self.perform(Records(namespace, _listed(keys)))

    async def arecords(self, namespace: Namespace, keys: Sequence[str]) -> list[Record | None]:
        """Return memories, awaiting; see `records`."""
        return await self.aperform(Records(namespace, _listed(keys)))

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

    def jobs(self, namespace: Namespace | None = None) -> list[Job]:
        """Return what is to be done later, the most urgent first.

        Args:
            namespace: Stored labels; what stands below counts as well. By default all that this
                store can reach.
        """
        return self.perform(Jobs(self._within(namespace)))

    async def ajobs(self, namespace: Namespace | None = None) -> list[Job]:
        """Return what is to be done later, awaiting; see `jobs`."""
        return await self.aperform(Jobs(self._within(namespace)))

    def pin(self, namespace: Namespace, key: str, pinned: bool = True) -> bool:
        """Pin a memory, or unpin it; return whether it is there."""
        return self.perform(Pin(namespace, key, pinned))

    async def apin(self, namespace: Namespace, key: str, pinned: bool = True) -> bool:
        """Pin a memory, or unpin it, awaiting; see `pin`."""
        return await self.aperform(Pin(namespace, key, pinned))

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
            at: When; by default now.
            used: Whether they were of use, as far as somebody knows: that makes them stronger,
                while only to be shown counts a tenth of it.
        """
        self.perform(NoteRecall(namespace, tuple(keys), thread, instant(at, "at"), used))

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
        await self.aperform(NoteRecall(namespace, tuple(keys), thread, instant(at, "at"), used))

    def recalled_in(self, namespace: Namespace, thread: str) -> dict[str, datetime]:
        """Return what was recalled in a thread in the last 90 days: keys, and when last.

        What a model writes after it was shown these is rather an echo of them than news.
        """
        return self.perform(RecalledIn(namespace, thread))

    async def arecalled_in(self, namespace: Namespace, thread: str) -> dict[str, datetime]:
        """Return what was recalled in a thread, awaiting; see `recalled_in`."""
        return await self.aperform(RecalledIn(namespace, thread))

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

    def forget(
        self,
        namespace: Namespace,
        *,
        key: str | NotProvided = NOT_PROVIDED,
        source: Source | NotProvided = NOT_PROVIDED,
        filter: Mapping[str, Any] | NotProvided = NOT_PROVIDED,
    ) -> Erasure:
        """Erase for good: values, versions, messages, words and vectors, and their bytes.

        Args:
            namespace: Stored labels. With nothing else, all of it and of what stands below.
            key: Only this memory, or this message of the journal.
            source: Only what comes from this source: every version that names it or was made
                from one that does. A memory falls back to its last version without it, or goes.
            filter: Only memories whose value passes this filter.

        Returns:
            Counts, and whether the bytes are gone.

        Raises:
            InputError: More than one of key, source and filter is given, or one of them is None:
                a key that was not found must not erase the whole namespace.
        """
        return self.perform(_forget(namespace, key, source, filter))

    async def aforget(
        self,
        namespace: Namespace,
        *,
        key: str | NotProvided = NOT_PROVIDED,
        source: Source | NotProvided = NOT_PROVIDED,
        filter: Mapping[str, Any] | NotProvided = NOT_PROVIDED,
    ) -> Erasure:
        """Erase for good, awaiting; see `forget`."""
        return await self.aperform(_forget(namespace, key, source, filter))

    def reindex(
        self,
        namespace: Namespace | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Embed what has no vector of the store's embedder yet; return how many texts that were.

        It may be stopped and started again at any time.

        Args:
            namespace: Stored labels; what stands below counts as well. By default all that this
                store can reach.
            progress: Called with how many are done and how many there are.

        Raises:
            ConfigurationError: The store has no embedder.
            EmbedderFailed: The embedder failed; what was embedded before it stays.
        """
        return self.perform(Reindex(self._within(namespace), progress))

    async def areindex(
        self,
        namespace: Namespace | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Embed what has no vector yet, awaiting; see `reindex`."""
        return await self.aperform(Reindex(self._within(namespace), progress))

    def keys(
        self,
        namespace: Namespace,
        beginning: str = "",
        *,
        messages: bool = False,
        limit: int = 100,
    ) -> list[tuple[Namespace, str]]:
        """Return where there is a key that begins so, below a namespace, in order of keys.

        Args:
            namespace: Stored labels; what stands below counts as well.
            beginning: How the keys begin.
            messages: Of messages in the journal; otherwise of memories, also of deleted ones.
            limit: How many at most.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> store.put(("m",), "teatime", {"content": "at five"})
            >>> store.keys((), "tea")
            [(('m',), 'teatime')]
            >>> store.close()
        """
        return self.perform(Keys(namespace, beginning, messages, limit))

    async def akeys(
        self,
        namespace: Namespace,
        beginning: str = "",
        *,
        messages: bool = False,
        limit: int = 100,
    ) -> list[tuple[Namespace, str]]:
        """Return where there is a key that begins so, awaiting; see `keys`."""
        return await self.aperform(Keys(namespace, beginning, messages, limit))

    def doctor(
        self,
        namespace: Namespace | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Finding]:
        """Examine what is stored, and return what is not as it should be; empty if all is well.

        Nothing is changed. Words that are not those of their text, and vectors that were lost, come
        right when the store is exported, imported into a new one with its embedder, and reindexed.

        Args:
            namespace: Stored labels; what stands below counts as well. By default all that this
                store can reach. The database itself is examined whole in any case.
            progress: Called with how many memories and messages are done and how many there are.

        Example:
            >>> from holdfast import open_store
            >>> with open_store(":memory:") as store:
            ...     store.put(("m",), "tea", {"content": "likes tea"})
            ...     store.doctor()
            []
        """
        return self.perform(Doctor(self._within(namespace), progress))

    async def adoctor(
        self,
        namespace: Namespace | None = None,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Finding]:
        """Examine what is stored, awaiting; see `doctor`."""
        return await self.aperform(Doctor(self._within(namespace), progress))


class LedgerStore(BaseStore, Ledger):
    """A LangGraph `BaseStore` that is a ledger too: what `open_store` and `scoped` return."""


def _listed(keys: Sequence[str]) -> tuple[str, ...]:
    """Return keys as a tuple; the letters of a text are not meant to be keys."""
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise InputError(f"keys must be a list of texts, such as ['tea'], got {shown(keys)}.")
    return tuple(keys)


def _forget(
    namespace: Namespace,
    key: str | NotProvided,
    source: Source | NotProvided,
    filter: Mapping[str, Any] | NotProvided,
) -> Forget:
    given = {"key": key, "source": source, "filter": filter}
    named = {name: it for name, it in given.items() if not isinstance(it, NotProvided)}
    for name, it in named.items():
        if it is None:
            raise InputError(
                f"forget was given {name}=None; leave it out to forget all of {namespace!r}."
            )
    return Forget(namespace, **cast("dict[str, Any]", named))


def _as_of(
    time: datetime | str,
    namespace: Namespace,
    key: str | None,
    valid_at: datetime | str | None,
) -> AsOf:
    from holdfast.history import instant

    return AsOf(namespace, instant(time, "time") or "", key, instant(valid_at, "valid_at"))
