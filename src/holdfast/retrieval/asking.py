"""Recall: a question, and the memories and messages that answer it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from langgraph.store.base import BaseStore, Item

from holdfast.analysis import value_text
from holdfast.errors import InputError, shown
from holdfast.flow import Flow, Perform, arun, run
from holdfast.history import Found
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, clean, unwrap
from holdfast.namespace import (
    NamespaceTemplate,
    current_config,
    current_store,
    decode_namespace,
)
from holdfast.operations import Rank
from holdfast.ranking.weights import ASSISTANT, PEOPLE, Ranking
from holdfast.retrieval.finding import find
from holdfast.stores.plain import fenced
from holdfast.stores.plan.checking import MOST

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


@dataclass(frozen=True, slots=True)
class Recalled:
    """One thing that was found.

    Args:
        text: Its words.
        score: How well it matches, 0 to 1.
        kind: `Message` for what was said, else the name of the memory's schema.
        key: Its key in the store.
        namespace: Where it stands, in labels as people wrote them.
        time: When it was said, or last changed (ISO 8601).
        speaker: Who said it; None for a memory.
        value: The stored value.
        signals: What speaks for it, each by its name before its weight (see `Ranking`); empty where
            the store itself ranked, as a store that is none of ours does.
        weights: How much each signal counts.
    """

    text: str
    score: float
    kind: str
    key: str
    namespace: tuple[str, ...]
    time: str
    speaker: str | None
    value: dict[str, Any]
    signals: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def explain(self) -> str:
        """Return in a line what the score is made of: signals, weights, and the sum of weights."""
        parts = [
            f"{name} {signal:.2f} x {self.weights[name]:g}"
            for name, signal in self.signals.items()
            if signal and self.weights[name]
        ]
        if not parts:
            return f"{self.score:.2f}, the score of the store"
        return f"{self.score:.2f} = ({' + '.join(parts)}) / {sum(self.weights.values()):g}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def recall(
    question: str,
    namespace: tuple[str, ...] | str,
    *,
    store: BaseStore | None = None,
    k: int = 5,
    ranking: Ranking | None = None,
    config: RunnableConfig | None = None,
) -> list[Recalled]:
    """Find what is remembered about a question. No model is asked.

    Args:
        question: In plain words.
        namespace: Where to look, in labels as people wrote them: encoded as those of managers
            are, see `NamespaceTemplate`. It may hold variables, filled in from `config`.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        k: How many to return at most.
        ranking: How much each signal counts; by default `PEOPLE` or `ASSISTANT`, told apart by
            whether an assistant speaks. A store that is none of ours ranks by itself.
        config: A RunnableConfig, for the variables of the namespace.

    Returns:
        The best matches, best first; empty when nothing matches.

    Raises:
        InputError: The question is empty, or k is less than 1.
        ConfigurationError: A variable of the namespace is missing, or there is no store.

    Example:
        >>> from holdfast import open_store, recall
        >>> store = open_store(":memory:")
        >>> store.put(("memories", "nora"), "1", {"content": "Ines is allergic to peanuts"})
        >>> recall("Who is allergic?", ("memories", "nora"), store=store)[0].text
        'Ines is allergic to peanuts'
        >>> store.close()
    """
    return run(_flow(question, namespace, store, k, ranking, config))


async def arecall(
    question: str,
    namespace: tuple[str, ...] | str,
    *,
    store: BaseStore | None = None,
    k: int = 5,
    ranking: Ranking | None = None,
    config: RunnableConfig | None = None,
) -> list[Recalled]:
    """Find what is remembered about a question, awaiting; see `recall`."""
    return await arun(_flow(question, namespace, store, k, ranking, config))


def _flow(
    question: str,
    namespace: tuple[str, ...] | str,
    store: BaseStore | None,
    k: int,
    ranking: Ranking | None,
    config: RunnableConfig | None,
) -> Flow[list[Recalled]]:
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"The question must be a text that is not empty, got {question!r}.")
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= MOST:
        raise InputError(f"k must be a number from 1 on and below 2**63, got {shown(k)}.")
    labels = NamespaceTemplate(namespace)(config)
    scope = fenced(current_store(store, current_config(config)), labels)
    if isinstance(scope, Ledger):
        weights = (ranking or PEOPLE, ranking or ASSISTANT)
        op = Rank(labels, question, k, *weights, today=date.today().isoformat())
        ranked = yield Perform(scope, op)
        return [_recalled(one.as_item(), one.score, one) for one in ranked]
    items = yield from find(scope, labels, question, k)
    return [_recalled(item, min(1.0, item.score or 0.0)) for item in items]


def _recalled(item: Item, score: float, found: Found | None = None) -> Recalled:
    kind, content = unwrap(item.value)
    said = kind == MESSAGE_KIND
    return Recalled(
        text=clean(str(content.get("text", "")) if said else value_text(item.value)),
        score=score,
        kind=kind,
        key=item.key,
        namespace=decode_namespace(item.namespace),
        time=(said and content.get("time")) or item.updated_at.isoformat(),
        speaker=(content.get("speaker") or content.get("role")) if said else None,
        value=item.value,
        signals=found.signals if found else {},
        weights=found.weights if found else {},
    )
