"""What is asked of a recall, read and checked before anything is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.history import instant
from holdfast.memory import Message
from holdfast.namespace import (
    NamespaceTemplate,
    current_config,
    current_store,
)
from holdfast.operations import Rank
from holdfast.ranking.weights import ASSISTANT, PEOPLE, Ranking
from holdfast.retrieval.finding import QUERY_LENGTH, bounded_query
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

MOST_NEIGHBOURS = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
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


class Place(NamedTuple):
    """One namespace that is asked, in stored labels, and its store, fenced to it."""

    store: BaseStore
    labels: tuple[str, ...]


def read_asked(
    question: Any,
    k: int | None,
    budget: int | None,
    lane: int | None,
    neighbours: int,
    ranking: Ranking | None,
    as_of: datetime | str | None,
    record: bool,
    said: Sequence[Any] = (),
) -> Asked:
    """Return what is asked for.

    The arguments are those of `recall`, as they were given.

    Raises:
        InputError: One of them is not of its form, or out of its range.
    """
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
    before = (*messages, *(read_messages(said) if said else ()))
    spoken = frozenset((message.role, message.text) for message in before)
    noted = record and time is None
    return Asked(words, spoken, k, budget, lane, neighbours, ranking, time, noted)


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


def places_of(
    namespace: Scope | list[Scope], store: BaseStore | None, config: RunnableConfig | None
) -> list[Place]:
    """Return the namespaces that are asked, each with its store, fenced to it.

    Args:
        namespace: One, or a list of them, in labels as people wrote them.
        store: Which store; None for that of the running graph.
        config: Fills in variables.

    Raises:
        ConfigurationError: There is none, a variable is missing, or there is no store.
    """
    named = namespace if isinstance(namespace, list) else [namespace]
    if not named:
        raise ConfigurationError(
            "The list of namespaces is empty; name one, such as [('memories', 'nora')]."
        )
    scopes = list(dict.fromkeys(NamespaceTemplate(one)(config) for one in named))
    whole = current_store(store, current_config(config))
    return [Place(fenced(whole, labels), labels) for labels in scopes]
