"""What is known about a conversation: looked up, and told by ids that name one item each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph.store.base import BaseStore, Item, SearchItem

from holdfast.extract import Known
from holdfast.flow import Flow
from holdfast.memory import DEFAULT_KEY, MESSAGE_KIND, Message, unwrap
from holdfast.retrieval.finding import bounded_query, find, find_all, read_profiles
from holdfast.schema import Schema


class KnownItems:
    """What is known, by key.

    Args:
        items: What was found.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self.stored = {item.key: item for item in items}
        self.known: list[Known] = []
        self.fresh_default: str | None = None
        for item in items:
            kind, content = unwrap(item.value)
            date = item.updated_at.isoformat()
            self.known.append(Known(item.key, kind, content, content, date=date))

    def add_default(self, schema: Schema, content: Any) -> None:
        """Add the default, which is known but not stored yet."""
        self.fresh_default = DEFAULT_KEY
        self.known.append(Known(DEFAULT_KEY, schema.kind, schema.dump(content), content, schema))


def look_up(
    store: BaseStore,
    namespace: tuple[str, ...],
    messages: Sequence[Message],
    *,
    limit: int,
    queries: list[str] | None,
    profiles: Sequence[Schema] | None,
) -> Flow[Sequence[Item]]:
    """Return what is known: by the words of the conversation, filled up with the newest.

    Args:
        store: Where to look.
        namespace: Stored labels.
        messages: The new stretch of conversation.
        limit: How many items at most.
        queries: What a model asked for, in place of the words of the conversation.
        profiles: Schemas of which there is one document each; then only these are read, by kind.
    """
    if profiles is not None:
        kinds = [schema.kind for schema in profiles]
        return (yield from read_profiles(store, namespace, kinds, limit))

    def is_ours(item: SearchItem) -> bool:
        # What stands below is another's: a team's manager is not shown its members' memories.
        return item.namespace == namespace and item.value.get("kind") != MESSAGE_KIND

    if queries:
        return (yield from find_all(store, namespace, queries, limit, wanted=is_ours, past=False))
    words = bounded_query(messages)
    # What is no longer so is not to be taken for what is known, and patched.
    found = find(store, namespace, words, limit, wanted=is_ours, fill=True, past=False)
    return (yield from found)
