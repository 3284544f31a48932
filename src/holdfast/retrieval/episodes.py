"""Episodes found again: what was tried in situations like this one, as examples for a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, overload

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.store.base import BaseStore, SearchItem

from holdfast.episodes import EPISODE_KIND, Episode, read_episode
from holdfast.errors import InputError, shown
from holdfast.flow import Flow, arun, run
from holdfast.ledger import Ledger
from holdfast.memory import clean, unwrap
from holdfast.namespace import current_config
from holdfast.ranking import PEOPLE, likeness
from holdfast.ranking.weights import Ranking
from holdfast.retrieval.asked import LOOKED_AT, Asked, Place, Scope, places_of, read_asked
from holdfast.retrieval.asking import Hit, hit_of, merged, noted
from holdfast.retrieval.context import Recalled
from holdfast.retrieval.finding import find, rank_in
from holdfast.wording.context import count_tokens
from holdfast.wording.episodes import render_episodes

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


@dataclass(frozen=True, slots=True)
class Episodes(Sequence[Recalled]):
    """Episodes that were found: a sequence, the most useful first, and what a prompt needs of them.

    Args:
        found: What this is a sequence of; `same` of each names others with the same lesson.
        thoughts: Whether messages and text tell what was thought.
        budget_tokens: How many tokens the messages may have, and the text; None for any number.

    Example:
        >>> from holdfast import Episode, open_store, recall_episodes
        >>> told = Episode(observation="A riddle", thoughts="", action="I drew it", result="Solved")
        >>> with open_store(":memory:") as store:
        ...     store.put(("m",), "1", {"kind": "Episode", "content": told.model_dump()})
        ...     found = recall_episodes("How are riddles solved?", ("m",), store=store)
        >>> found.episodes[0].result, [message.content for message in found.as_messages()]
        ('Solved', ['A riddle', 'I drew it'])
    """

    found: tuple[Recalled, ...] = ()
    thoughts: bool = False
    budget_tokens: int | None = None

    def __len__(self) -> int:
        return len(self.found)

    @overload
    def __getitem__(self, index: int) -> Recalled: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Recalled, ...]: ...

    def __getitem__(self, index: int | slice) -> Recalled | tuple[Recalled, ...]:
        return self.found[index]

    def __iter__(self) -> Iterator[Recalled]:
        return iter(self.found)

    @property
    def episodes(self) -> list[Episode]:
        """The episodes themselves."""
        return [told for one in self.found if (told := _told(one.value))]

    @property
    def tokens(self) -> int:
        """About how many tokens the messages have, or the text, whichever has more."""
        messages = sum(count_tokens(str(message.content)) for message in self.as_messages())
        return max(count_tokens(self.as_text()), messages)

    def as_messages(self) -> list[BaseMessage]:
        """Return examples to follow: for each what was met, from a human, and what was done.

        What failed is no example, and left out; `as_text` tells it with its mark.
        """
        return [
            message
            for told in self.episodes
            if told.success
            for message in (HumanMessage(clean(told.observation)), AIMessage(self._answer(told)))
        ]

    def _answer(self, told: Episode) -> str:
        parts = [told.thoughts if self.thoughts else "", told.action]
        return clean("\n\n".join(part for part in parts if part.strip()))

    def as_text(self) -> str:
        """Return all of it for a prompt, as quoted data; empty where there is nothing."""
        return render_episodes(self.episodes, thoughts=self.thoughts)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**asdict(self), "tokens": self.tokens}


def recall_episodes(
    query: str | Sequence[Any],
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    k: int = 3,
    budget_tokens: int | None = None,
    include_failed: bool = False,
    thoughts: bool = False,
    ranking: Ranking | None = None,
    record: bool = True,
    config: RunnableConfig | None = None,
) -> Episodes:
    """Find what was tried in situations like this one, as examples for a prompt.

    No model is asked. Only memories of the kind `Episode` are found, as managers and LangMem's
    guides write them. No lesson comes twice: of episodes that tell the same action and result, or
    the same action in the same situation, but for capitals, marks and fillers, the most useful is
    taken.

    Args:
        query: The situation in plain words; or messages, in any form that managers take.
        namespace: Where to look, as in `recall`; what stands below counts as well.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        k: How many to return at most.
        budget_tokens: How many tokens `as_messages()` may have, and `as_text()`. What does not fit
            is left out, and the next best is tried; no text is cut.
        include_failed: Whether episodes that failed are found too. They are marked in the text,
            and never among the messages.
        thoughts: Whether messages and text tell what was thought, too.
        ranking: How much each signal counts, as in `recall`, such as `Ranking(importance=0.3)`. A
            store that is none of ours ranks by itself, and importance decides among equals.
        record: Whether what is returned is noted as recalled, with the `thread_id` of `config`.
        config: A RunnableConfig, for the variables of the namespace.

    Returns:
        A sequence of the best matches, the most useful first, with `as_messages()` and `as_text()`.

    Raises:
        InputError: The query is empty or in no known form, or an argument is out of its range.
        ConfigurationError: A variable of the namespace is missing, or there is no store.

    Example:
        >>> from holdfast import Episode, open_store, recall_episodes
        >>> told = Episode(
        ...     observation="A gardener asked what recursion is",
        ...     thoughts="I thought of branches",
        ...     action="Think of a tree whose every branch is a smaller tree.",
        ...     result="It clicked at once",
        ... )
        >>> with open_store(":memory:") as store:
        ...     store.put(("m",), "1", {"kind": "Episode", "content": told.model_dump()})
        ...     found = recall_episodes("Explain recursion", ("m",), store=store, budget_tokens=99)
        >>> for message in found.as_messages():
        ...     print(message.type, "|", message.content)
        human | A gardener asked what recursion is
        ai | Think of a tree whose every branch is a smaller tree.
    """
    asked, empty = _read(query, k, budget_tokens, include_failed, thoughts, ranking, record)
    places = places_of(namespace, store, config)
    return run(_flow(asked, empty, include_failed, places, current_config(config)))


async def arecall_episodes(
    query: str | Sequence[Any],
    namespace: Scope | list[Scope],
    *,
    store: BaseStore | None = None,
    k: int = 3,
    budget_tokens: int | None = None,
    include_failed: bool = False,
    thoughts: bool = False,
    ranking: Ranking | None = None,
    record: bool = True,
    config: RunnableConfig | None = None,
) -> Episodes:
    """Find what was tried in situations like this one, awaiting; see `recall_episodes`."""
    asked, empty = _read(query, k, budget_tokens, include_failed, thoughts, ranking, record)
    places = places_of(namespace, store, config)
    return await arun(_flow(asked, empty, include_failed, places, current_config(config)))


def _read(
    query: Any,
    k: Any,
    budget: Any,
    include_failed: Any,
    thoughts: Any,
    ranking: Any,
    record: Any,
) -> tuple[Asked, Episodes]:
    if k is None:
        raise InputError("k must be a number from 1 on and below 2**63, got None.")
    flags = {"include_failed": include_failed, "thoughts": thoughts, "record": record}
    for name, given in flags.items():
        if not isinstance(given, bool):
            raise InputError(f"{name} must be True or False, got {shown(given)}.")
    asked = read_asked(query, k, budget, 0, 0, ranking, None, record)
    return asked, Episodes(thoughts=thoughts, budget_tokens=budget)


# The work


def _flow(
    asked: Asked,
    empty: Episodes,
    include_failed: bool,
    places: Sequence[Place],
    config: RunnableConfig,
) -> Flow[Episodes]:
    def wanted(item: SearchItem) -> bool:
        told = _told(item.value)
        return told is not None and (told.success or include_failed)

    assert asked.k is not None
    most = max(asked.k, LOOKED_AT)
    while True:
        hits: dict[tuple[tuple[str, ...], str], Hit] = {}
        full = False
        for place in places:
            found = yield from _in_one(asked, places, place, most, wanted)
            full = full or len(found) >= most
            for hit in found:
                hits.setdefault((hit.namespace, hit.one.key), hit)
        ordered = sorted(hits.values(), key=lambda hit: -hit.one.score)
        lessons = merged(merged(ordered, _lesson), _example)
        if len(lessons) >= asked.k or not full:
            break
        most *= 4  # the same few lessons, many times over
    chosen, result = _fitting(lessons, asked.k, empty)
    if asked.record:
        yield from noted(chosen, config)
    return result


def _in_one(
    asked: Asked, places: Sequence[Place], place: Place, limit: int, wanted: Any
) -> Flow[list[Hit]]:
    store, labels = place
    if isinstance(store, Ledger):
        # What is no longer so was replaced by another lesson, whatever the question's tense.
        op = replace(asked.op(labels, limit), sorts=("memory",), past=False)
        ranked = yield from rank_in(store, op, wanted)
        return [hit_of(places, place, one.as_item(), one.score, one) for one in ranked]
    only = {"kind": EPISODE_KIND}
    items = yield from find(store, labels, asked.words, limit, wanted=wanted, filter=only)
    hits = [hit_of(places, place, item, _scored(item)) for item in items]
    return sorted(hits, key=lambda hit: -hit.one.score)


def _scored(item: SearchItem) -> float:
    """Return the score of a store with importance added, by as much as the ranker adds."""
    told = _told(item.value)
    signal = (told.importance - 3) / 2 if told and told.importance else 0.0
    score = (item.score or 0.0) + PEOPLE.importance / PEOPLE.total * signal
    return min(1.0, max(0.0, score))


def _told(value: Mapping[str, Any]) -> Episode | None:
    kind, content = unwrap(value)
    return read_episode(content) if kind == EPISODE_KIND else None


def _lesson(value: Mapping[str, Any]) -> str | None:
    told = _told(value)
    return None if told is None else likeness({"content": f"{told.action} {told.result}"})


def _example(value: Mapping[str, Any]) -> str | None:
    told = _told(value)
    if told is None:
        return None
    return likeness({"content": f"{told.success} {told.observation} {told.action}"})


def _fitting(lessons: Sequence[Hit], k: int, empty: Episodes) -> tuple[list[Hit], Episodes]:
    """Return the first that fit into the budget together; the whole is measured each time."""
    chosen: list[Hit] = []
    result = empty
    for hit in lessons:
        if len(chosen) == k:
            break
        more = replace(empty, found=(*result.found, hit.one))
        if empty.budget_tokens is None or more.tokens <= empty.budget_tokens:
            chosen.append(hit)
            result = more
    return chosen, result
