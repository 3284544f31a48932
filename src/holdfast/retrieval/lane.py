"""The standing lane alone: what is to be considered whatever is asked, as a text for a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph.store.base import BaseStore

from holdfast.errors import InputError, shown
from holdfast.flow import Flow, arun, run
from holdfast.namespace import current_config, decode_namespace
from holdfast.retrieval.asked import STANDING_TOKENS, Place, Scope, places_of
from holdfast.retrieval.asking import lane_of
from holdfast.retrieval.context import Context
from holdfast.retrieval.fitting import Fitting

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


def standing(
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    budget_tokens: int = STANDING_TOKENS,
    config: RunnableConfig | None = None,
) -> Context:
    """Return what stands in one namespace or several: rules, profiles, and what is pinned.

    Args:
        namespace: Where to look, as for `recall`.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        budget_tokens: How many tokens `as_text()` of it may have.
        config: A RunnableConfig, for the variables of the namespace.

    Raises:
        InputError: The budget is no number from 1 on.
        ConfigurationError: A variable of the namespace is missing, or there is no store.

    Example:
        >>> from holdfast import open_store
        >>> store = open_store(":memory:")
        >>> store.put(("m",), "lang", {"kind": "Rule", "content": {"rule": "Speak English."}})
        >>> "Speak English." in standing(("m",), store=store).as_text()
        True
        >>> store.close()
    """
    places = places_of(namespace, store, current_config(config))
    return run(standing_flow(places, _checked(budget_tokens)))


async def astanding(
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    budget_tokens: int = STANDING_TOKENS,
    config: RunnableConfig | None = None,
) -> Context:
    """Return what stands, awaiting; see `standing`."""
    places = places_of(namespace, store, current_config(config))
    return await arun(standing_flow(places, _checked(budget_tokens)))


def standing_flow(places: list[Place], budget: int) -> Flow[Context]:
    """Return what stands in some places, within a budget of tokens, as a flow."""
    fitting = Fitting(tuple(decode_namespace(place.labels) for place in places))
    hits = yield from lane_of(places)
    taken, left = fitting.take([hit.one for hit in hits], budget)
    scopes = tuple(decode_namespace(place.labels) for place in places)
    return Context((), tuple(taken), (), tuple(left), scopes, budget)


def _checked(budget: object) -> int:
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise InputError(f"budget_tokens must be a number from 1 on, got {shown(budget)}.")
    return budget
