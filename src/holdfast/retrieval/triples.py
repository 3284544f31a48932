"""Triples looked up by what they are about: exactly, and without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from langgraph.store.base import BaseStore, SearchItem

from holdfast.episodes import TRIPLE_KIND, folded
from holdfast.errors import InputError, shown
from holdfast.flow import Flow, arun, run
from holdfast.ledger import Ledger
from holdfast.memory import unwrap
from holdfast.namespace import current_config, decode_namespace
from holdfast.retrieval.asked import Place, Scope, places_of
from holdfast.retrieval.finding import current, everything
from holdfast.retrieval.noting import note

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

MANY = 100
"""How many triples are returned where nobody said."""


@dataclass(frozen=True, slots=True)
class FoundTriple:
    """A triple, and where it is kept.

    Args:
        subject: Whom or what it is about.
        predicate: How it stands to the object.
        object: The other thing.
        context: When, where or how far this is so.
        key: Its key in the store.
        namespace: Where it stands, in labels as people wrote them.
        time: When it was last changed (ISO 8601).
    """

    subject: str
    predicate: str
    object: str
    context: str | None
    key: str
    namespace: tuple[str, ...]
    time: str

    def __str__(self) -> str:
        said = f"{self.subject} {self.predicate} {self.object}"
        return f"{said} ({self.context})" if self.context else said

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked up, folded; None where anything will do."""

    subject: str | None
    predicate: str | None
    object: str | None
    about: str | None
    limit: int
    record: bool

    def takes(self, one: FoundTriple) -> bool:
        there = {name: folded(getattr(one, name)) for name in ("subject", "predicate", "object")}
        if self.about is not None and self.about not in (there["subject"], there["object"]):
            return False
        return all(getattr(self, name) in (None, text) for name, text in there.items())


def find_triples(
    namespace: Scope | list[Scope],
    *,
    subject: str | None = None,
    predicate: str | None = None,
    object: str | None = None,
    about: str | None = None,
    store: BaseStore | None = None,
    limit: int = MANY,
    record: bool = True,
    config: RunnableConfig | None = None,
) -> list[FoundTriple]:
    """Look up triples by their subject, predicate or object, exactly but for case and white space.

    All that is given must hold; where nothing is given, all triples are found. The store filters
    by kind; the rest is compared here, so that every store gives the same answer.

    Args:
        namespace: Where to look, as in `recall`; what stands below counts as well.
        subject: Whom or what they are about.
        predicate: How it stands to the object.
        object: The other thing.
        about: The subject or the object: a thing seen from both sides.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        limit: How many to return at most.
        record: Whether what is returned is noted as recalled, with the `thread_id` of `config`.
        config: A RunnableConfig, for the variables of the namespace.

    Returns:
        The triples, newest first; what is no longer so is left out, where the store knows.

    Raises:
        InputError: What is looked up is no text, or empty; or the limit is out of its range.
        ConfigurationError: A variable of the namespace is missing, or there is no store.

    Example:
        >>> from holdfast import Triple, find_triples, open_store
        >>> told = Triple(subject="Ines", predicate="works at", object="the harbour")
        >>> with open_store(":memory:") as store:
        ...     store.put(("m",), "1", {"kind": "Triple", "content": told.model_dump()})
        ...     for found in find_triples(("m",), about="The  Harbour", store=store):
        ...         print(found)
        Ines works at the harbour
    """
    wanted = _read(subject, predicate, object, about, limit, record)
    return run(_flow(wanted, places_of(namespace, store, config), current_config(config)))


async def afind_triples(
    namespace: Scope | list[Scope],
    *,
    subject: str | None = None,
    predicate: str | None = None,
    object: str | None = None,
    about: str | None = None,
    store: BaseStore | None = None,
    limit: int = MANY,
    record: bool = True,
    config: RunnableConfig | None = None,
) -> list[FoundTriple]:
    """Look up triples, awaiting; see `find_triples`."""
    wanted = _read(subject, predicate, object, about, limit, record)
    return await arun(_flow(wanted, places_of(namespace, store, config), current_config(config)))


def _read(
    subject: Any, predicate: Any, object: Any, about: Any, limit: Any, record: Any
) -> _Wanted:
    given = {"subject": subject, "predicate": predicate, "object": object, "about": about}
    for name, text in given.items():
        if text is not None and (not isinstance(text, str) or not text.strip()):
            raise InputError(
                f"{name} must be a text that is not empty, got {shown(text)}. Leave it out where "
                "anything will do."
            )
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InputError(f"limit must be a number from 1 on, got {shown(limit)}.")
    if not isinstance(record, bool):
        raise InputError(f"record must be True or False, got {shown(record)}.")
    told = {name: None if text is None else folded(text) for name, text in given.items()}
    return _Wanted(**told, limit=limit, record=record)


def _flow(
    wanted: _Wanted, places: Sequence[Place], config: RunnableConfig
) -> Flow[list[FoundTriple]]:
    hits: dict[tuple[tuple[str, ...], str], tuple[Place, SearchItem, FoundTriple]] = {}
    for place in places:
        items = yield from everything(place.store, place.labels, {"kind": TRIPLE_KIND})
        fitting = [item for item in items if (told := _told(item)) and wanted.takes(told)]
        if isinstance(place.store, Ledger):
            fitting = yield from current(place.store, fitting)
        for item in fitting:
            told = _told(item)
            if told is not None:
                hits.setdefault((item.namespace, item.key), (place, item, told))
    ordered = sorted(hits.values(), key=lambda hit: hit[1].updated_at, reverse=True)
    chosen = ordered[: wanted.limit]
    if wanted.record:
        for place in dict.fromkeys(hit[0] for hit in chosen):
            keys = [(item.namespace, item.key) for there, item, _ in chosen if there == place]
            yield from note(place.store, keys, config)
    return [told for _, _, told in chosen]


def _told(item: SearchItem) -> FoundTriple | None:
    """Return a triple that anyone may have written; None for what is none."""
    kind, content = unwrap(item.value)
    texts = [content.get(name) for name in ("subject", "predicate", "object")]
    if kind != TRIPLE_KIND or not all(isinstance(text, str) for text in texts):
        return None
    subject, predicate, other = map(str, texts)
    context = content.get("context")
    return FoundTriple(
        subject,
        predicate,
        other,
        context if isinstance(context, str) else None,
        item.key,
        decode_namespace(item.namespace),
        item.updated_at.isoformat(),
    )
