"""Finds the items of a namespace that a text is about, in any `BaseStore`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any, cast

from langgraph.store.base import BaseStore, GetOp, Item, Op, SearchItem, SearchOp

from holdfast.analysis import Bm25, count, known_tokens, question_words, spoken, value_text
from holdfast.flow import Flow, Perform, StoreOps
from holdfast.history import Found
from holdfast.ledger import Ledger
from holdfast.memory import DEFAULT_KEY, Message, profile_key, unwrap
from holdfast.operations import NoLongerSo, Rank
from holdfast.stores.filters import check_filter, matches

PAGE = 100
MOST = 1_000
"""How many items are looked at in a store that cannot rank by words or by time itself."""

QUERY_LENGTH = 4_000
"""How many characters of a conversation are looked up in one query."""


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


def find(
    store: BaseStore,
    namespace: tuple[str, ...],
    query: str,
    limit: int,
    *,
    wanted: Callable[[SearchItem], bool] = lambda item: True,
    fill: bool = False,
    filter: dict[str, Any] | None = None,
    said: bool = False,
    past: bool | None = None,
) -> Flow[list[SearchItem]]:
    """Return the items that a text is about, best first.

    In a ledger the ranker of `recall` ranks them; any other store that gives scores ranks them
    itself; else they are ranked by words here.

    Args:
        store: Any `BaseStore`.
        namespace: Stored labels; items below it count as well.
        query: What to look for.
        limit: How many items to return at most.
        wanted: Which items count.
        fill: Whether the newest items fill up what the search left free.
        filter: Fields that the stored values must have.
        said: Whether messages of a ledger's journal count too; any other store keeps them as items.
        past: Whether what is no longer so counts; None decides by the query.
    """
    if isinstance(store, Ledger) and query:
        asked = _question(namespace, query, ("memory", "message") if said else ("memory",), past)
        ranked = yield from _by_ranker(store, asked, limit, wanted, filter)
        newest = SearchOp(namespace, limit=PAGE, filter=filter)
        left = fill and len(ranked) < limit
        pool = (yield from _newest(store, newest, None, wanted, limit)) if left else []
        pool = yield from current(store, pool)
        return _filled(ranked, pool)[:limit]
    return (yield from _find_in_any(store, namespace, query, limit, wanted, fill, filter))


def _question(
    namespace: tuple[str, ...], query: str, sorts: tuple[str, ...], past: bool | None
) -> Rank:
    return Rank(namespace, query, sorts=sorts, today=date.today().isoformat(), past=past)


def current(store: Ledger, items: list[SearchItem]) -> Flow[list[SearchItem]]:
    """Return the items that are still so."""
    keys: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        keys.setdefault(item.namespace, []).append(item.key)
    over: set[tuple[tuple[str, ...], str]] = set()
    for namespace, named in keys.items():
        gone = yield Perform(store, NoLongerSo(namespace, tuple(named)))
        over |= {(namespace, key) for key in gone}
    return [item for item in items if (item.namespace, item.key) not in over]


def _by_ranker(
    store: Ledger,
    asked: Rank,
    limit: int,
    wanted: Callable[[SearchItem], bool],
    filter: dict[str, Any] | None,
) -> Flow[list[SearchItem]]:
    check_filter(filter)

    def counts(item: SearchItem) -> bool:
        return wanted(item) and matches(item.value, filter)

    found = yield from rank_in(store, replace(asked, limit=max(limit, 1)), counts)
    return [one.as_item() for one in found[:limit]]


def rank_in(
    store: Ledger, asked: Rank, wanted: Callable[[SearchItem], bool] = lambda item: True
) -> Flow[list[Found]]:
    """Return what the ranker of a ledger finds of what counts, as many as are asked for."""
    limit = most = asked.limit
    while True:
        found = yield Perform(store, replace(asked, limit=most))
        kept = [one for one in found if wanted(one.as_item())]
        if len(kept) >= limit or len(found) < most:
            return kept[:limit]
        most *= 4


def _find_in_any(
    store: BaseStore,
    namespace: tuple[str, ...],
    query: str,
    limit: int,
    wanted: Callable[[SearchItem], bool],
    fill: bool,
    filter: dict[str, Any] | None,
) -> Flow[list[SearchItem]]:
    ops = [SearchOp(namespace, query=query or None, limit=max(limit, 1), filter=filter)]
    if fill:
        ops.append(SearchOp(namespace, limit=PAGE, filter=filter))
    pages = yield StoreOps(store, ops)
    scored = [item for item in pages[0] if item.score is not None]
    unscored = bool(pages[0]) and not scored
    ranked = [item for item in scored if wanted(item)]
    if len(scored) > len(ranked) and len(scored) == limit:
        ranked = yield from _ranked(store, ops[0], limit, wanted)
    pool: list[SearchItem] = []
    if (fill and len(ranked) < limit) or unscored:
        first = pages[1] if fill else None
        enough = MOST if unscored else limit
        pool = yield from _newest(store, ops[-1], first, wanted, enough)
    if unscored and query:
        ranked = by_words(query, pool)
    return (_filled(ranked, pool) if fill else ranked)[:limit]


def _filled(ranked: list[SearchItem], pool: Sequence[SearchItem]) -> list[SearchItem]:
    seen = {(item.namespace, item.key) for item in ranked}
    return [*ranked, *(item for item in pool if (item.namespace, item.key) not in seen)]


def _ranked(
    store: BaseStore,
    search: SearchOp,
    limit: int,
    wanted: Callable[[SearchItem], bool],
) -> Flow[list[SearchItem]]:
    """Read further pages of a search whose first was full of items that do not count."""
    found: list[SearchItem] = []
    for offset in range(0, MOST, PAGE):
        (page,) = yield StoreOps(store, [search._replace(limit=PAGE, offset=offset)])
        found += [item for item in page if item.score is not None and wanted(item)]
        if len(found) >= limit or len(page) < PAGE:
            break
    return found


def _newest(
    store: BaseStore,
    search: SearchOp,
    first: list[SearchItem] | None,
    wanted: Callable[[SearchItem], bool],
    enough: int,
) -> Flow[list[SearchItem]]:
    """Return wanted items, newest first.

    Pages are read until there are enough; all of them, where the store has no order of time.
    """
    pool: list[SearchItem] = list(first or ())
    whole = first is not None and len(first) < PAGE
    while not whole and len(pool) < MOST:
        if pool and _is_by_time(pool) and sum(map(wanted, pool)) >= enough:
            break
        further = search._replace(query=None, limit=PAGE, offset=len(pool))
        (page,) = yield StoreOps(store, [further])
        pool += page
        whole = len(page) < PAGE
    return _by_time([item for item in pool if wanted(item)])


def _by_time(items: list[SearchItem]) -> list[SearchItem]:
    return sorted(items, key=lambda item: item.updated_at, reverse=True)


def _is_by_time(items: list[SearchItem]) -> bool:
    return all(one.updated_at >= other.updated_at for one, other in pairwise(items))


def find_all(
    store: BaseStore,
    namespace: tuple[str, ...],
    queries: Sequence[str],
    limit: int,
    *,
    wanted: Callable[[SearchItem], bool] = lambda item: True,
    past: bool | None = None,
) -> Flow[list[SearchItem]]:
    """Return the items that any of several queries is about: each once, best first."""
    found: dict[tuple[tuple[str, ...], str], SearchItem] = {}
    for query in queries:
        for item in (yield from find(store, namespace, query, limit, wanted=wanted, past=past)):
            place = (item.namespace, item.key)
            if place not in found or (item.score or 0) > (found[place].score or 0):
                found[place] = item
    return best(found.values(), limit)


def best(items: Iterable[SearchItem], limit: int) -> list[SearchItem]:
    """Return the items with the highest scores, best first."""
    return sorted(items, key=lambda item: item.score or 0, reverse=True)[:limit]


def read_profiles(
    store: BaseStore, namespace: tuple[str, ...], kinds: Sequence[str], limit: int
) -> Flow[list[Item]]:
    """Read the one document of each kind: by its key, or wherever an older writer put it."""
    keys = [*map(profile_key, kinds), DEFAULT_KEY]
    ops: list[Op] = [GetOp(namespace, key) for key in keys]
    ops += [SearchOp(namespace, filter={"kind": kind}, limit=max(limit, 1)) for kind in kinds]
    results = yield StoreOps(store, ops)
    found: dict[tuple[tuple[str, ...], str], Item] = {}
    for item in (*results[: len(keys)], *(hit for page in results[len(keys) :] for hit in page)):
        if item is not None and unwrap(item.value)[0] in kinds and item.namespace == namespace:
            found.setdefault((item.namespace, item.key), item)
    return list(found.values())


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
    documents = [known_tokens(value_text(item.value)) for item in items]
    asked = question_words(query, spoken(documents))
    by_question = Bm25(asked, count(asked, documents))
    scored = [
        _with_score(item, score)
        for item, document in zip(items, documents, strict=True)
        if (score := by_question.score(document)) > 0
    ]
    return sorted(scored, key=lambda item: cast("float", item.score), reverse=True)


def _with_score(item: SearchItem, score: float) -> SearchItem:
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)
