"""Recall: a question, and the memories and messages that answer it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from langgraph.store.base import BaseStore, SearchItem

from holdfast.analysis import value_text
from holdfast.errors import InputError
from holdfast.flow import Flow, arun, run
from holdfast.memory import MESSAGE_KIND, clean, unwrap
from holdfast.namespace import (
    NamespaceTemplate,
    current_config,
    current_store,
    decode_namespace,
)
from holdfast.retrieval.finding import best, find, find_said
from holdfast.stores.plain import fenced

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
    """

    text: str
    score: float
    kind: str
    key: str
    namespace: tuple[str, ...]
    time: str
    speaker: str | None
    value: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def recall(
    question: str,
    namespace: tuple[str, ...] | str,
    *,
    store: BaseStore | None = None,
    k: int = 5,
    config: RunnableConfig | None = None,
) -> list[Recalled]:
    """Find what is remembered about a question. No model is asked.

    Args:
        question: In plain words.
        namespace: Where to look, in labels as people wrote them: encoded as those of managers
            are, see `NamespaceTemplate`. It may hold variables, filled in from `config`.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        k: How many to return at most.
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
    return run(_flow(question, namespace, store, k, config))


async def arecall(
    question: str,
    namespace: tuple[str, ...] | str,
    *,
    store: BaseStore | None = None,
    k: int = 5,
    config: RunnableConfig | None = None,
) -> list[Recalled]:
    """Find what is remembered about a question, awaiting; see `recall`."""
    return await arun(_flow(question, namespace, store, k, config))


def _flow(
    question: str,
    namespace: tuple[str, ...] | str,
    store: BaseStore | None,
    k: int,
    config: RunnableConfig | None,
) -> Flow[list[Recalled]]:
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"The question must be a text that is not empty, got {question!r}.")
    if not isinstance(k, int) or k < 1:
        raise InputError(f"k must be a number from 1 on, got {k!r}.")
    labels = NamespaceTemplate(namespace)(config)
    scope = fenced(current_store(store, current_config(config)), labels)
    items = yield from find(scope, labels, question, k)
    said = yield from find_said(scope, labels, question, k)
    return [_recalled(item) for item in best((*items, *said), k)]


def _recalled(item: SearchItem) -> Recalled:
    kind, content = unwrap(item.value)
    said = kind == MESSAGE_KIND
    return Recalled(
        text=clean(str(content.get("text", "")) if said else value_text(item.value)),
        score=min(1.0, item.score or 0.0),  # rounding takes some cosines past 1
        kind=kind,
        key=item.key,
        namespace=decode_namespace(item.namespace),
        time=(said and content.get("time")) or item.updated_at.isoformat(),
        speaker=(content.get("speaker") or content.get("role")) if said else None,
        value=item.value,
    )
