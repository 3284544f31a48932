"""Finds the items of a namespace that a text is about, in any `BaseStore`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

from langgraph.store.base import BaseStore, SearchItem, SearchOp

from holdfast.analysis import Bm25, count, known_tokens, question_tokens, value_text
from holdfast.flow import Flow, StoreOps

PAGE = 100
MOST = 1_000
"""How many items are looked at in a store that cannot rank by words or by time itself."""


def find(
    store: BaseStore,
    namespace: tuple[str, ...],
    query: str,
    limit: int,
    *,
    wanted: Callable[[SearchItem], bool] = lambda item: True,
    fill: bool = False,
) -> Flow[list[SearchItem]]:
    """Return the items that a text is about, best first.

    A store that gives scores ranks them itself; else they are ranked by words here.

    Args:
        store: Any `BaseStore`.
        namespace: Stored labels; items below it count as well.
        query: What to look for.
        limit: How many items to return at most.
        wanted: Which items count.
        fill: Whether the newest items fill up what the search left free.
    """
    ops = [SearchOp(namespace, query=query or None, limit=max(limit, 1))]
    if fill:
        ops.append(SearchOp(namespace, limit=PAGE))
    pages = yield StoreOps(store, ops)
    scored = [item for item in pages[0] if item.score is not None]
    unscored = bool(pages[0]) and not scored
    ranked = [item for item in scored if wanted(item)]
    if len(scored) > len(ranked) and len(scored) == limit:
        ranked = yield from _ranked(store, namespace, query, limit, wanted)
    pool: list[SearchItem] = []
    if (fill and len(ranked) < limit) or unscored:
        first = pages[1] if fill else None
        pool = yield from _newest(store, namespace, first, everything=unscored)
        pool = [item for item in pool if wanted(item)]
    if unscored and query:
        ranked = by_words(query, pool)
    if fill:
        seen = {(item.namespace, item.key) for item in ranked}
        ranked += [item for item in pool if (item.namespace, item.key) not in seen]
    return ranked[:limit]


def _ranked(
    store: BaseStore,
    namespace: tuple[str, ...],
    query: str,
    limit: int,
    wanted: Callable[[SearchItem], bool],
) -> Flow[list[SearchItem]]:
    """Read further pages of a search whose first was full of items that do not count."""
    found: list[SearchItem] = []
    for offset in range(0, MOST, PAGE):
        (page,) = yield StoreOps(
            store, [SearchOp(namespace, query=query, limit=PAGE, offset=offset)]
        )
        found += [item for item in page if item.score is not None and wanted(item)]
        if len(found) >= limit or len(page) < PAGE:
            break
    return found


def _newest(
    store: BaseStore,
    namespace: tuple[str, ...],
    first: list[SearchItem] | None,
    *,
    everything: bool,
) -> Flow[list[SearchItem]]:
    """Return items newest first; further pages only where the store has no such order."""
    pool: list[SearchItem] = list(first or ())
    if first is not None and len(first) < PAGE:
        return _by_time(pool)
    while len(pool) < MOST and (everything or not pool or not _is_by_time(pool)):
        (page,) = yield StoreOps(store, [SearchOp(namespace, limit=PAGE, offset=len(pool))])
        pool += page
        if len(page) < PAGE:
            break
    return _by_time(pool)


def _by_time(items: list[SearchItem]) -> list[SearchItem]:
    return sorted(items, key=lambda item: item.updated_at, reverse=True)


def _is_by_time(items: list[SearchItem]) -> bool:
    return all(one.updated_at >= other.updated_at for one, other in pairwise(items))


def everything(
    store: BaseStore, namespace: tuple[str, ...], filter: dict[str, Any]
) -> Flow[list[SearchItem]]:
    """Return all items of a namespace that pass a filter, however many."""
    found: list[SearchItem] = []
    while True:
        (page,) = yield StoreOps(
            store,
            [SearchOp(namespace, filter=filter, limit=10 * PAGE, offset=len(found))],
        )
        found += page
        if len(page) < 10 * PAGE:
            return found


def by_words(query: str, items: list[SearchItem]) -> list[SearchItem]:
    """Rank items by words, leaving out those that share none with the query."""
    asked = question_tokens(query)
    documents = [known_tokens(value_text(item.value)) for item in items]
    by_question = Bm25(asked, count(asked, documents))
    scored = [
        _with_score(item, score)
        for item, document in zip(items, documents, strict=True)
        if (score := by_question.score(document)) > 0
    ]
    return sorted(scored, key=lambda item: cast("float", item.score), reverse=True)


def _with_score(item: SearchItem, score: float) -> SearchItem:
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)
