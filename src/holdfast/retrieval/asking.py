"""Recall: a question, and what answers it or is to be considered whatever is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.store.base import BaseStore, Item, SearchOp

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, Perform, StoreOps, arun, run
from holdfast.history import Found, instant
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, STANDING_KINDS, Message, is_standing, unwrap
from holdfast.namespace import (
    NamespaceTemplate,
    current_config,
    current_store,
    decode_namespace,
)
from holdfast.operations import Rank, Standing
from holdfast.ranking import likeness
from holdfast.ranking.weights import ASSISTANT, PEOPLE, Ranking
from holdfast.retrieval.context import Context, Recalled, recalled
from holdfast.retrieval.finding import QUERY_LENGTH, bounded_query, find
from holdfast.retrieval.fitting import Fitting
from holdfast.retrieval.neighbouring import Said, neighbours_of
from holdfast.retrieval.noting import note
from holdfast.stores.plain import fenced
from holdfast.stores.plan.checking import MOST
from holdfast.wording import read_messages

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

Scope = tuple[str, ...] | str
"""A namespace in labels as people wrote them, or its one label."""

FEW = 5
"""How many are returned where neither their number nor a budget is given."""

LOOKED_AT = 100
"""How many of the best are tried where a budget says how many fit."""

STANDING_TOKENS = 500
"""The budget of what stands where there is no budget of the whole; else a quarter of that."""

LEAST_STANDING = 100
"""How many of a small budget what stands may have."""

MOST_STANDING = 1_000
"""How much of what stands is looked at."""

MOST_NEIGHBOURS = 1_000


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
    asked = _asked(question, k, budget_tokens, standing_tokens, neighbours, ranking, as_of, record)
    return run(_flow(asked, _places(namespace, store, config), current_config(config)))


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
    config: RunnableConfig | None = None,
) -> Context:
    """Find what is remembered about a question, awaiting; see `recall`."""
    asked = _asked(question, k, budget_tokens, standing_tokens, neighbours, ranking, as_of, record)
    return await arun(_flow(asked, _places(namespace, store, config), current_config(config)))


# What is asked, checked


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for.

    Args:
        words: The question.
        spoken: What is being said now, by role and text; it need not be recalled.
        k: How many to return at most.
        budget: How many tokens the text may have.
        lane: How many tokens what stands may have.
        neighbours: How many messages on each side come along.
        ranking: How much each signal counts.
        as_of: The time whose state is asked for; None for now.
        record: Whether what is found is noted as recalled.
    """

    words: str
    spoken: frozenset[tuple[str, str]]
    k: int | None
    budget: int | None
    lane: int
    neighbours: int
    ranking: Ranking | None
    as_of: str | None
    record: bool

    @property
    def looked_at(self) -> int:
        """How many of the best are tried."""
        return max(self.k or FEW, LOOKED_AT if self.budget else 0)

    def op(self, labels: tuple[str, ...], limit: int) -> Rank:
        """Return the question to one namespace of a ledger."""
        weights = (self.ranking or PEOPLE, self.ranking or ASSISTANT)
        today = date.today().isoformat()
        return Rank(labels, self.words, limit, *weights, today=today, as_of=self.as_of)


class _Place(NamedTuple):
    """One namespace that is asked, in stored labels, and its store, fenced to it."""

    store: BaseStore
    labels: tuple[str, ...]


def _asked(
    question: Any,
    k: int | None,
    budget: int | None,
    lane: int | None,
    neighbours: int,
    ranking: Ranking | None,
    as_of: datetime | str | None,
    record: bool,
) -> _Asked:
    _check_forms(question, ranking)
    words, messages = _question(question)
    if k is not None:
        _check(k, 1, MOST, "k must be a number from 1 on and below 2**63")
    if budget is not None:
        _check(budget, 1, MOST, "budget_tokens must be a number from 1 on and below 2**63")
    _check(neighbours, 0, MOST_NEIGHBOURS, "neighbours must be a number from 0 to 1000")
    if lane is None:
        lane = STANDING_TOKENS if budget is None else max(budget // 4, LEAST_STANDING)
    else:
        _check(lane, 0, MOST, "standing_tokens must be a number from 0 on and below 2**63")
    lane = lane if budget is None else min(lane, budget)
    time = instant(as_of, "as_of")
    lane = 0 if time else lane  # pins have no past
    spoken = frozenset((message.role, message.text) for message in messages)
    noted = record and time is None
    return _Asked(words, spoken, k, budget, lane, neighbours, ranking, time, noted)


def _question(given: Any) -> tuple[str, Sequence[Message]]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        words, messages = given, []
        if isinstance(words, str):
            words = words[:QUERY_LENGTH]
    else:
        messages = read_messages(given)
        words = bounded_query(messages)
    if not isinstance(words, str) or not words.strip():
        raise InputError(
            "The question must be a text that is not empty, or a list of messages of which one "
            f"says something; got {shown(given)}."
        )
    return words, messages


def _check_forms(question: Any, ranking: Any) -> None:
    alone = isinstance(question, bytes | bytearray | Mapping) or hasattr(question, "content")
    if alone:
        raise InputError(
            f"question must be a text or a list of messages, got {shown(question)}. Decode bytes, "
            "and put a single message into a list."
        )
    if ranking is not None and not isinstance(ranking, Ranking):
        raise InputError(
            f"ranking must be a Ranking(...), got {shown(ranking)}. Leave it out for the weights "
            "of holdfast.ranking, or give Ranking(meaning=0) and the like."
        )


def _check(given: Any, least: int, most: int, rule: str) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise InputError(f"{rule}, got {shown(given)}.")


def _places(
    namespace: Scope | list[Scope], store: BaseStore | None, config: RunnableConfig | None
) -> list[_Place]:
    named = namespace if isinstance(namespace, list) else [namespace]
    if not named:
        raise ConfigurationError(
            "The list of namespaces is empty; name one, such as [('memories', 'nora')]."
        )
    scopes = list(dict.fromkeys(NamespaceTemplate(one)(config) for one in named))
    whole = current_store(store, current_config(config))
    return [_Place(fenced(whole, labels), labels) for labels in scopes]


# The work


class _Hit(NamedTuple):
    """What was found in a place, and where exactly, in stored labels."""

    one: Recalled
    namespace: tuple[str, ...]
    place: _Place

    @property
    def at(self) -> tuple[tuple[str, ...], str]:
        """Its namespace, in labels as people wrote them, and its key."""
        return self.one.namespace, self.one.key


def _noted(hits: Sequence[_Hit], config: RunnableConfig) -> Flow[None]:
    for place in dict.fromkeys(hit.place for hit in hits):
        found = [(hit.namespace, hit.one.key) for hit in hits if hit.place == place]
        yield from note(place.store, dict.fromkeys(found), config)


def _flow(asked: _Asked, places: list[_Place], config: RunnableConfig) -> Flow[Context]:
    scopes = tuple(decode_namespace(place.labels) for place in places)
    fitting = Fitting(scopes)
    lane = (yield from _lane(asked, places)) if asked.lane else []
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
        yield from _noted([hit for hit in (*lane, *hits) if hit.at in shown], config)
    return Context(
        tuple(ranked), tuple(standing), tuple(around), tuple(left_out), scopes, asked.budget
    )


def _narrowest(places: Sequence[_Place], namespace: tuple[str, ...], asked: _Place) -> _Place:
    """Return the narrowest of the places that hold a namespace."""
    holding = [place for place in places if namespace[: len(place.labels)] == place.labels]
    return max(holding, key=lambda place: len(place.labels), default=asked)


def _hit(
    places: Sequence[_Place], asked: _Place, item: Item, score: float, found: Found | None = None
) -> _Hit:
    place = _narrowest(places, item.namespace, asked)
    return _Hit(recalled(item, score, place.labels, found), item.namespace, place)


def _lane(asked: _Asked, places: Sequence[_Place]) -> Flow[list[_Hit]]:
    """Return what stands, in the order of the places that are asked."""
    hits: dict[tuple[tuple[str, ...], str], _Hit] = {}
    for place in places:
        if isinstance(place.store, Ledger):
            items = yield Perform(place.store, Standing(place.labels, MOST_STANDING))
        else:
            items = yield from _rules(place, MOST_STANDING)
        for item in items:
            hit = _hit(places, place, item, 0.0)
            stands = hit._replace(one=replace(hit.one, standing=True))
            hits.setdefault((item.namespace, item.key), stands)
    return list(hits.values())


def _rules(place: _Place, limit: int) -> Flow[list[Item]]:
    """Return what stands in a store without pins: rules, its own first, newest first."""
    ops = [SearchOp(place.labels, filter={"kind": kind}, limit=limit) for kind in STANDING_KINDS]
    pages = yield StoreOps(place.store, ops)
    found: list[Item] = [item for page in pages for item in page if is_standing(item.value)]
    found.sort(key=lambda item: item.updated_at, reverse=True)
    return sorted(found, key=lambda item: item.namespace != place.labels)


def _ranked(
    asked: _Asked, places: Sequence[_Place], stands: set[tuple[tuple[str, ...], str]]
) -> Flow[list[_Hit]]:
    """Return what answers the question in any of the places, each once, best first.

    A score means the same in every namespace, so that those of several are compared as they are.
    """
    limit = asked.looked_at + len(stands) + min(len(asked.spoken), LOOKED_AT)
    best: dict[tuple[tuple[str, ...], str], _Hit] = {}
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
    return (_merged(ordered) if merging else ordered)[: asked.looked_at]


def _merged(hits: Sequence[_Hit]) -> list[_Hit]:
    """Return of those that say the same in several places the best, which names the others."""
    kept: dict[str, _Hit] = {}
    for hit in hits:
        alike = likeness(hit.one.value) or f"\0{len(kept)}"
        if alike in kept:
            one = kept[alike].one
            known = dict.fromkeys((*one.same, hit.at, *hit.one.same))
            known.pop((one.namespace, one.key), None)
            kept[alike] = kept[alike]._replace(one=replace(one, same=tuple(known)))
        else:
            kept[alike] = hit
    return list(kept.values())


def _in_one(asked: _Asked, places: Sequence[_Place], place: _Place, limit: int) -> Flow[list[_Hit]]:
    if isinstance(place.store, Ledger):
        ranked = yield Perform(place.store, asked.op(place.labels, limit))
        return [_hit(places, place, one.as_item(), one.score, one) for one in ranked]
    if asked.as_of:
        raise InputError(
            f"as_of needs a store that keeps its past, got {shown(place.store)}. Open one with "
            "open_store(...), or leave as_of out."
        )
    items = yield from find(place.store, place.labels, asked.words, limit)
    return [_hit(places, place, item, min(1.0, item.score or 0.0)) for item in items]


def _spoken(one: Recalled) -> tuple[str, str]:
    return str(unwrap(one.value)[1].get("role")), one.text


def _said(hit: _Hit) -> Iterator[Said]:
    """Yield a message of a journal as what has neighbours; nothing for anything else."""
    store, one = hit.place.store, hit.one
    if isinstance(store, Ledger) and one.thread and one.seq:
        yield Said(store, hit.namespace, one.key, one.thread, one.seq, hit.place.labels)
