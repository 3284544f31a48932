"""Recall: a question, and what answers it or is to be considered whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.store.base import BaseStore, Item, SearchOp

from holdfast.errors import InputError, shown
from holdfast.flow import Flow, Perform, StoreOps, arun, run
from holdfast.history import Found
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, STANDING_KINDS, is_standing, unwrap
from holdfast.namespace import (
    current_config,
    decode_namespace,
)
from holdfast.operations import Standing
from holdfast.ranking import likeness
from holdfast.ranking.weights import Ranking
from holdfast.retrieval.asked import FEW, LOOKED_AT, Asked, Place, Scope, places_of, read_asked
from holdfast.retrieval.context import Context, Recalled, recalled
from holdfast.retrieval.finding import find, rank_in
from holdfast.retrieval.fitting import Fitting
from holdfast.retrieval.neighbouring import Said, neighbours_of
from holdfast.retrieval.noting import note
from holdfast.retrieval.saying import is_worth_recalling
from holdfast.stores.plan.checking import MOST

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

MOST_STANDING = 1_000
"""How much of what stands is looked at."""


def recall(
    question: str | Sequence[Any],
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    k: int | None = None,
    budget_tokens: int | None = None,
    standing_tokens: int | None = None,
    neighbours: int = 0,
    as_of: datetime | str | None = None,
    ranking: Ranking | None = None,
    record: bool = True,
    said: Sequence[Any] = (),
    config: RunnableConfig | None = None,
) -> Context:
    """Find what is remembered about a question, and what stands whatever is asked.

    No model is asked. Tokens are counted without a tokenizer, as UTF-8 bytes / 4.

    Args:
        question: In plain words, of which the first 4,000 characters count; or messages, in any
            form that managers take: then what was said in all of them is the question, and they
            are not found themselves.
        namespace: Where to look, in labels as people wrote them: encoded as those of managers
            are, see `NamespaceTemplate`. It may hold variables, filled in from `config`. A list
            names several, which are ranked together; a tuple is one.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        k: How many to return at most; by default 5, or with a budget as many as fit into it, of
            the first 100. What stands and neighbours come on top.
        budget_tokens: How many tokens `as_text()` of the result may have, headings included. What
            does not fit is left out, and the next best is tried.
        standing_tokens: How many of these are kept for what stands; by default a quarter of them,
            and at least 100, or 500 without a budget. What does not fit there is tried again with
            what the ranked leave of the budget. 0 leaves out what stands.
        neighbours: How many messages before and after each that was found come along, as far as
            they fit. Only a holdfast store has them.
        as_of: Asks for the state at an earlier time: messages that were said by then, and memories
            as they stood. What stands now is left out, since pins have no past; and all texts
            are read anew, which takes longer. Only a holdfast store knows its past.
        ranking: How much each signal counts; by default `PEOPLE` or `ASSISTANT`, told apart by
            whether an assistant speaks. A store that is none of ours ranks by itself.
        record: Whether what is returned is noted as recalled, with the `thread_id` of `config`;
            see `note_recall` of a ledger. What was as of an earlier time is not noted.
        said: Messages that are before the reader anyway, such as those of the conversation that
            goes on: they are not found.
        config: A RunnableConfig, for the variables of the namespace.

    Returns:
        A sequence of the best matches, best first, with what belongs to it, and `as_text()` for a
        prompt; empty when nothing matches.

    Raises:
        InputError: The question is empty or in no known form, or a number is out of its range.
        ConfigurationError: A variable of the namespace is missing, or there is no store.

    Example:
        >>> from holdfast import open_store, recall
        >>> store = open_store(":memory:")
        >>> store.put(("memories", "nora"), "1", {"content": "Ines is allergic to peanuts"})
        >>> recall("Who is allergic?", ("memories", "nora"), store=store)[0].text
        'Ines is allergic to peanuts'
        >>> store.close()
    """
    asked = read_asked(
        question, k, budget_tokens, standing_tokens, neighbours, ranking, as_of, record, said
    )
    return run(recalling(asked, places_of(namespace, store, config), current_config(config)))


async def arecall(
    question: str | Sequence[Any],
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    k: int | None = None,
    budget_tokens: int | None = None,
    standing_tokens: int | None = None,
    neighbours: int = 0,
    as_of: datetime | str | None = None,
    ranking: Ranking | None = None,
    record: bool = True,
    said: Sequence[Any] = (),
    config: RunnableConfig | None = None,
) -> Context:
    """Find what is remembered about a question, awaiting; see `recall`."""
    asked = read_asked(
        question, k, budget_tokens, standing_tokens, neighbours, ranking, as_of, record, said
    )
    places = places_of(namespace, store, config)
    return await arun(recalling(asked, places, current_config(config)))


# The work


class Hit(NamedTuple):
    """What was found in a place, and where exactly, in stored labels."""

    one: Recalled
    namespace: tuple[str, ...]
    place: Place

    @property
    def at(self) -> tuple[tuple[str, ...], str]:
        """Its namespace, in labels as people wrote them, and its key."""
        return self.one.namespace, self.one.key


def noted(hits: Sequence[Hit], config: RunnableConfig) -> Flow[None]:
    """Note what was found in each place as recalled."""
    for place in dict.fromkeys(hit.place for hit in hits):
        found = [(hit.namespace, hit.one.key) for hit in hits if hit.place == place]
        yield from note(place.store, dict.fromkeys(found), config)


def recalling(asked: Asked, places: list[Place], config: RunnableConfig) -> Flow[Context]:
    """Return what comes of a question to some places, as a flow."""
    scopes = tuple(decode_namespace(place.labels) for place in places)
    fitting = Fitting(scopes)
    lane = (yield from lane_of(places)) if asked.lane else []
    standing, unfit = fitting.take([hit.one for hit in lane], asked.lane)
    hits = yield from _ranked(asked, places, {(one.namespace, one.key) for one in standing})
    most = asked.k or (None if asked.budget else FEW)
    ranked, _ = fitting.take([hit.one for hit in hits], asked.budget, most)
    found = {(one.namespace, one.key) for one in ranked}
    left_out = [one for one in unfit if (one.namespace, one.key) not in found]
    if asked.budget:
        late, left_out = fitting.take(left_out, asked.budget)
        standing += late
    around: list[Recalled] = []
    if asked.neighbours:
        where = {(hit.one.namespace, hit.one.key): hit for hit in hits}
        chosen = [where[one.namespace, one.key] for one in ranked]
        said = [one for hit in chosen for one in _said(hit)]
        rows = yield from neighbours_of(said, asked.neighbours)
        around = fitting.take_rows(rows, asked.budget)
        around.sort(key=lambda one: (one.scope, one.thread or "", one.seq or 0))
    if asked.record:
        shown = {(one.namespace, one.key) for one in (*standing, *ranked)}
        yield from noted([hit for hit in (*lane, *hits) if hit.at in shown], config)
    return Context(
        tuple(ranked), tuple(standing), tuple(around), tuple(left_out), scopes, asked.budget
    )


def _narrowest(places: Sequence[Place], namespace: tuple[str, ...], asked: Place) -> Place:
    """Return the narrowest of the places that hold a namespace."""
    holding = [place for place in places if namespace[: len(place.labels)] == place.labels]
    return max(holding, key=lambda place: len(place.labels), default=asked)


def hit_of(
    places: Sequence[Place], asked: Place, item: Item, score: float, found: Found | None = None
) -> Hit:
    """Return an item that was found as a hit of the narrowest place that holds it."""
    place = _narrowest(places, item.namespace, asked)
    return Hit(recalled(item, score, place.labels, found), item.namespace, place)


def lane_of(places: Sequence[Place]) -> Flow[list[Hit]]:
    """Return what stands, in the order of the places that are asked."""
    hits: dict[tuple[tuple[str, ...], str], Hit] = {}
    for place in places:
        if isinstance(place.store, Ledger):
            items = yield Perform(place.store, Standing(place.labels, MOST_STANDING))
        else:
            items = yield from _rules(place, MOST_STANDING)
        for item in items:
            hit = hit_of(places, place, item, 0.0)
            stands = hit._replace(one=replace(hit.one, standing=True))
            hits.setdefault((item.namespace, item.key), stands)
    return list(hits.values())


def _rules(place: Place, limit: int) -> Flow[list[Item]]:
    """Return what stands in a store without pins: rules, its own first, newest first."""
    ops = [SearchOp(place.labels, filter={"kind": kind}, limit=limit) for kind in STANDING_KINDS]
    pages = yield StoreOps(place.store, ops)
    found: list[Item] = [item for page in pages for item in page if is_standing(item.value)]
    found.sort(key=lambda item: item.updated_at, reverse=True)
    return sorted(found, key=lambda item: item.namespace != place.labels)


def _ranked(
    asked: Asked, places: Sequence[Place], stands: set[tuple[tuple[str, ...], str]]
) -> Flow[list[Hit]]:
    """Return what answers the question in any of the places, each once, best first.

    A score is a share of what could be reached in its namespace; they are compared as they are.
    """
    limit = asked.looked_at + len(stands) + min(len(asked.spoken), LOOKED_AT)
    best: dict[tuple[tuple[str, ...], str], Hit] = {}
    for place in places:
        for hit in (yield from _in_one(asked, places, place, min(limit, MOST))):
            known = (hit.one.namespace, hit.one.key) in stands
            if known or (hit.one.kind == MESSAGE_KIND and _spoken(hit.one) in asked.spoken):
                continue
            at = (hit.namespace, hit.one.key)
            if at not in best or hit.one.score > best[at].one.score:
                best[at] = hit
    ordered = sorted(best.values(), key=lambda hit: -hit.one.score)
    merging = asked.ranking is None or asked.ranking.merge
    return (merged(ordered) if merging else ordered)[: asked.looked_at]


def merged(
    hits: Sequence[Hit], likeness_of: Callable[[Mapping[str, Any]], str | None] = likeness
) -> list[Hit]:
    """Return of those that say the same the best, which names the others.

    Args:
        hits: Best first.
        likeness_of: Gives what values share that say the same.
    """
    kept: dict[str, Hit] = {}
    for hit in hits:
        alike = likeness_of(hit.one.value) or f"\0{len(kept)}"
        if alike in kept:
            one = kept[alike].one
            known = dict.fromkeys((*one.same, hit.at, *hit.one.same))
            known.pop((one.namespace, one.key), None)
            kept[alike] = kept[alike]._replace(one=replace(one, same=tuple(known)))
        else:
            kept[alike] = hit
    return list(kept.values())


def _in_one(asked: Asked, places: Sequence[Place], place: Place, limit: int) -> Flow[list[Hit]]:
    if isinstance(place.store, Ledger):
        op = asked.op(place.labels, limit)
        ranked = yield from rank_in(place.store, op, lambda item: is_worth_recalling(item.value))
        return [hit_of(places, place, one.as_item(), one.score, one) for one in ranked]
    if asked.as_of:
        raise InputError(
            f"as_of needs a store that keeps its past, got {shown(place.store)}. Open one with "
            "open_store(...), or leave as_of out."
        )
    items = yield from find(
        place.store,
        place.labels,
        asked.words,
        limit,
        wanted=lambda item: is_worth_recalling(item.value),
    )
    return [hit_of(places, place, item, min(1.0, item.score or 0.0)) for item in items]


def _spoken(one: Recalled) -> tuple[str, str]:
    return str(unwrap(one.value)[1].get("role")), one.text


def _said(hit: Hit) -> Iterator[Said]:
    """Yield a message of a journal as what has neighbours; nothing for anything else."""
    store, one = hit.place.store, hit.one
    if isinstance(store, Ledger) and one.thread and one.seq:
        yield Said(store, hit.namespace, one.key, one.thread, one.seq, hit.place.labels)
