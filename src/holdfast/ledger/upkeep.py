"""Calls that keep a store in order: erasing, vectors, keys, and whether all is as it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from langgraph.store.base import NOT_PROVIDED, NotProvided

from holdfast.errors import InputError
from holdfast.history import (
    Erasure,
    Finding,
    Source,
)
from holdfast.ledger.calls import Calls
from holdfast.operations import (
    Doctor,
    Forget,
    Keys,
    Namespace,
    Reindex,
)


class UpkeepCalls(Calls):
    """What a ledger does for whoever runs it."""

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
