"""What is known about a conversation: looked up, and told by ids that name one item each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langgraph.store.base import BaseStore, GetOp, Item, SearchItem, SearchOp

from holdfast import wording
from holdfast.extract import Known
from holdfast.extract.answer import read_answer
from holdfast.extract.models import bind
from holdfast.flow import Ask, Flow, StoreOps
from holdfast.memory import MESSAGE_KIND, Message, Usage, unwrap
from holdfast.retrieval import find
from holdfast.schema import Schema

QUERY_LENGTH = 4_000
"""How many characters of a conversation are looked up in one query."""

DEFAULT_KEY = "default"


def profile_key(kind: str) -> str:
    """Return the key of the one document of a kind."""
    return f"profile-{kind}"


class KnownItems:
    """Stored items and the ids by which a model's changes refer to them.

    Args:
        namespace: The manager's, in stored labels.
        items: What was found.
    """

    def __init__(self, namespace: tuple[str, ...], items: Sequence[Item]) -> None:
        self.namespace = namespace
        self.stored: dict[str, Item] = {}
        self.known: list[Known] = []
        self.fresh_default: str | None = None
        for item in items:
            kind, content = unwrap(item.value)
            id = self._id(item)
            self.stored[id] = item
            self.known.append(Known(id, kind, content, content, date=item.updated_at.isoformat()))

    def _id(self, item: Item) -> str:
        """Return the key; below the namespace, where a key may stand twice, with the labels."""
        below = item.namespace[len(self.namespace) :]
        return "/".join((*below, item.key)) if item.key in self.stored or below else item.key

    def add_default(self, schema: Schema, content: Any) -> None:
        """Add the default, which is known but not stored yet."""
        self.fresh_default = DEFAULT_KEY
        self.known.append(Known(DEFAULT_KEY, schema.kind, schema.dump(content), content, schema))


class QueryWriter:
    """A model that writes the queries for what may be known about a conversation."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = bind(model, [{"type": "function", "function": wording.tool("search_memory")}])
        self._plain = model

    def flow(self, messages: Sequence[Message]) -> Flow[tuple[list[str], Usage]]:
        """Return the queries, none when the model wrote none, and what they cost."""
        conversation = wording.render_messages(messages)
        request = wording.text("search_request", conversation=conversation)
        message = yield Ask(self._model or self._plain, [HumanMessage(request)])
        usage = Usage().plus(getattr(message, "usage_metadata", None))
        answer = read_answer(message, ("search_memory",), text_only=False)
        given = [(call.arguments or {}).get("query") for call in answer.calls]
        queries = [query for query in given if isinstance(query, str) and query.strip()]
        return list(dict.fromkeys(queries)), usage


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
        return (yield from _profiles(store, namespace, profiles, limit))
    if queries:
        return (yield from _by_queries(store, namespace, queries, limit))
    words = bounded_query(messages)
    return (yield from find(store, namespace, words, limit, wanted=_is_memory, fill=True))


def _is_memory(item: SearchItem) -> bool:
    return item.value.get("kind") != MESSAGE_KIND


def _by_queries(
    store: BaseStore, namespace: tuple[str, ...], queries: list[str], limit: int
) -> Flow[Sequence[Item]]:
    best: dict[tuple[tuple[str, ...], str], SearchItem] = {}
    for query in queries:
        for item in (yield from find(store, namespace, query, limit, wanted=_is_memory)):
            place = (item.namespace, item.key)
            if place not in best or (item.score or 0) > (best[place].score or 0):
                best[place] = item
    return sorted(best.values(), key=lambda item: item.score or 0, reverse=True)[:limit]


def _profiles(
    store: BaseStore, namespace: tuple[str, ...], schemas: Sequence[Schema], limit: int
) -> Flow[list[Item]]:
    """Read the one document of each kind: by its key, or wherever an older writer put it."""
    keys = [*(profile_key(schema.kind) for schema in schemas), DEFAULT_KEY]
    ops: list[Any] = [GetOp(namespace, key) for key in keys]
    ops += [SearchOp(namespace, filter={"kind": s.kind}, limit=max(limit, 1)) for s in schemas]
    results = yield StoreOps(store, ops)
    kinds = {schema.kind for schema in schemas}
    found: dict[tuple[tuple[str, ...], str], Item] = {}
    for item in (*results[: len(keys)], *(hit for page in results[len(keys) :] for hit in page)):
        if item is not None and unwrap(item.value)[0] in kinds and item.namespace == namespace:
            found.setdefault((item.namespace, item.key), item)
    return list(found.values())


def bounded_query(messages: Sequence[Message]) -> str:
    """Return the words of a whole stretch of conversation, within a bound.

    Each message has its share; what short messages leave free goes to the long ones.

    Example:
        >>> bounded_query([Message("user", "I love ramen"), Message("user", "and pasta")])
        'I love ramen\\nand pasta'
    """
    texts = [message.text for message in messages if message.text and message.role != "system"]
    free = QUERY_LENGTH
    shares: dict[int, str] = {}
    by_length = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    for left, number in zip(range(len(texts), 0, -1), by_length, strict=True):
        shares[number] = texts[number][: free // left]
        free -= len(shares[number])
    return "\n".join(shares[number] for number in range(len(texts)) if shares[number])
