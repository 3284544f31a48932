"""The manager of episodes: what an agent tried is kept, with feedback as its weight."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast import wording
from holdfast.episodes import EPISODE_KIND, Episode
from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.extract import Draft
from holdfast.extract.draft import Doc
from holdfast.flow import Flow, FlowRunnable
from holdfast.managers.inputs import read_input
from holdfast.managers.store_manager import MemoryStoreManager
from holdfast.memory import Message, Receipt, Remembered, normalised, same
from holdfast.namespace import decode_namespace
from holdfast.trajectories import read_trajectories, rendered_feedback

NAMESPACE = ("memories", "{langgraph_user_id}", "episodes")
"""Where episodes live by default: below a user's memories, so that `recall` finds them as well."""

SCALE = (0.0, 1.0)
"""The lowest and the highest score of feedback, where nobody said."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What feedback says in numbers.

    Args:
        importance: 1 to 5; None where it has no number, so that the model rates.
        failed: Whether it is below the middle of its scale.
    """

    importance: int | None = None
    failed: bool = False


def weight_of(feedback: Any, scale: tuple[float, float] = SCALE) -> Weight:
    """Return what feedback weighs: the scale in five equal steps, its ends being 1 and 5.

    Args:
        feedback: A score, a boolean (an end of the scale), a text (no number: the model reads it),
            a dict, of which `score` counts, or else the mean of its numbers and booleans; or None.
        scale: The lowest and the highest score.

    Raises:
        InputError: It is of no such form, or a score is outside of the scale.

    Example:
        >>> weight_of(0.8), weight_of(False), weight_of({"comment": "too long"})
        (Weight(importance=4, failed=False), Weight(importance=1, failed=True), Weight(...))
    """
    shares = list(_shares(feedback, scale))
    if not shares:
        return Weight()
    share = math.fsum(shares) / len(shares)
    return Weight(1 + math.floor(4 * share + 0.5), share < 0.5)


def _shares(feedback: Any, scale: tuple[float, float]) -> Iterator[float]:
    """Yield each score as a share of the scale."""
    if isinstance(feedback, Mapping):
        score = feedback.get("score")
        told = [score] if score is not None else list(feedback.values())
        for one in told:
            if _is_number(one):
                yield _share(one, scale)
    elif _is_number(feedback):
        yield _share(feedback, scale)
    elif feedback is not None and not isinstance(feedback, str):
        raise InputError(
            "feedback must be a text, a score, a boolean, a dict of these, or None; got "
            f"{shown(feedback)}."
        )


def _is_number(given: Any) -> bool:
    # What cannot be a number by itself, a text, is none; numpy's and torch's are.
    return hasattr(given, "__float__")


def _share(given: Any, scale: tuple[float, float]) -> float:
    """Return a score as a share of the scale; a boolean is an end of it."""
    if isinstance(given, bool):
        return float(given)
    low, high = scale
    score = float(given)
    if not low <= score <= high:  # so that NaN is refused as well
        raise InputError(
            f"A score of feedback is from {low:g} to {high:g}, got {shown(given)}. Another scale "
            "is create_episode_manager(scale=(lowest, highest)); of a dict with other numbers in "
            "it only 'score' counts, where there is one."
        )
    return (score - low) / (high - low)


@dataclass(frozen=True, slots=True)
class _Told:
    """One conversation, with what is shown to the model beside it, and what that weighs."""

    messages: tuple[Message, ...]
    feedback: str
    weight: Weight


class EpisodeManager(FlowRunnable[Any, list[dict[str, Any]]]):
    """Keeps what an agent tried; see `create_episode_manager`.

    `memories` is the store manager that does the work: its `get`, `search`, `put` and `delete` work
    on the episodes, and `consolidate(manager.memories)` looks them over.
    """

    name = "episode_manager"

    def __init__(self, memories: MemoryStoreManager, scale: tuple[float, float] = SCALE) -> None:
        self.memories = memories
        self.scale = _read_scale(scale)

    def flow(self, input: Any, config: RunnableConfig) -> Flow[list[dict[str, Any]]]:
        """Return the work for one input as a flow."""
        told, max_steps = self._read(input)
        namespace = self.memories.namespace(config)
        done: list[Remembered] = []
        for one in told:
            if one.messages:
                done.append((yield from self._remember(one, config, max_steps)))
        whole = Receipt(namespace=decode_namespace(namespace))
        for each in done:
            whole = _joined(whole, each.receipt)
        return Remembered([put for each in done for put in each], whole)

    def _remember(self, one: _Told, config: RunnableConfig, max_steps: int) -> Flow[Remembered]:
        def review(draft: Draft) -> None:
            _weigh(draft, one.weight)

        heard = self.memories.hear(
            one.messages, config, feedback=one.feedback, max_steps=max_steps, review=review
        )
        return (yield from heard)

    def _read(self, given: Any) -> tuple[list[_Told], int]:
        """Return the conversations of an input, all checked before a model is asked."""
        if isinstance(given, Mapping) and "trajectories" in given:
            given = given["trajectories"]
        if isinstance(given, Mapping):
            messages, max_steps = read_input(given)
            pairs = [(tuple(messages), given.get("feedback"))]
        else:
            max_steps = 1
            pairs = [(one.said, one.feedback) for one in read_trajectories(given)]
        told = [
            _Told(messages, rendered_feedback(feedback), weight_of(feedback, self.scale))
            for messages, feedback in pairs
        ]
        return told, max_steps


def _read_scale(given: Any) -> tuple[float, float]:
    pair = tuple(given) if isinstance(given, tuple | list) else ()
    numbers = [n for n in pair if isinstance(n, int | float) and not isinstance(n, bool)]
    finite = len(pair) == len(numbers) == 2 and all(map(math.isfinite, numbers))
    if not finite or numbers[0] >= numbers[1]:
        raise ConfigurationError(
            f"scale is the lowest and the highest score, such as (0, 1), got {shown(given)}."
        )
    return float(numbers[0]), float(numbers[1])


def _weigh(draft: Draft, weight: Weight) -> None:
    """Give what the model made the weight of the feedback.

    An episode that is known already, and told again, takes the new weight, and stays one.
    """
    for doc in draft.docs:
        if doc.kind != EPISODE_KIND or doc.now is None:
            continue
        if not doc.touched and doc not in draft.repeats:
            continue
        known = _known(draft, doc) if doc.is_new else None
        success, importance = _marks(doc.now)
        marks = {
            "success": success and not weight.failed,
            "importance": weight.importance or importance,
        }
        kept = doc if known is None else known
        if known is not None:
            doc.now = None
        now = kept.now or {}
        marks["importance"] = marks["importance"] or _marks(now)[1]
        kept.touched = True
        if tuple(marks.values()) != _marks(now):  # what LangMem's guides keep has no marks
            kept.now = {**now, **marks}


def _marks(content: Mapping[str, Any]) -> tuple[bool, Any]:
    return content.get("success") is not False, content.get("importance")


def _known(draft: Draft, new: Doc) -> Doc | None:
    """Return the earlier document that tells the same, whatever its marks."""
    for doc in draft.docs:
        if doc is new:
            return None
        if doc.kind == new.kind and doc.now is not None and _same_story(doc.now, new.now or {}):
            return doc
    return None


def _same_story(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    names = ("observation", "thoughts", "action", "result")
    first, second = ({name: told.get(name) for name in names} for told in (one, other))
    return same(normalised(first), normalised(second))


def _joined(one: Receipt, other: Receipt) -> Receipt:
    return replace(
        one,
        changes=one.changes + other.changes,
        usage=one.usage + other.usage,
        journal=one.journal + other.journal,
        revision=other.revision or one.revision,
        tickets=one.tickets + other.tickets,
        run=other.run or one.run,
    )


def create_episode_manager(
    model: str | BaseChatModel,
    /,
    *,
    namespace: tuple[str, ...] | str = NAMESPACE,
    store: BaseStore | None = None,
    instructions: str | None = None,
    scale: tuple[float, float] = SCALE,
    query_model: str | BaseChatModel | None = None,
    query_limit: int = 5,
    max_repairs: int = 1,
) -> EpisodeManager:
    """Create a manager that keeps what an agent tried, and how it went, as episodes.

    Feedback is shown to the model as quoted data. What it says in numbers is the weight of the
    episodes: their importance is the score's place on its scale, 1 at the lowest to 5 at the
    highest, and a score below the middle marks them as failed (`success` false). Without a number
    the model rates and marks. What failed is kept, so that it is not tried again.

    Args:
        model: A chat model, or its name.
        namespace: Where episodes live; it may hold variables, see `NamespaceTemplate`.
        store: Any LangGraph `BaseStore`; by default that of the running graph, on each call.
        instructions: What to keep, in your words; braces in it are just text.
        scale: The lowest and the highest score of feedback; True and False are its ends.
        query_model: A model that writes the queries for what is known, see
            `create_memory_store_manager`.
        query_limit: How many known episodes the model is shown at most.
        max_repairs: How often what the model got wrong is sent back to it.

    Returns:
        A Runnable. Its input is `{"messages", "feedback"?, "max_steps"?}`, or one or several
        trajectories in any form that prompt optimizers take, which are kept one after the other.
        Feedback is a text, a score, a boolean, a dict of these, or None. It returns what was put,
        as `{"namespace", "key", "value"}`, with the `.receipt` on the list.

    Raises:
        ConfigurationError: An argument cannot work; the message says which.
        InputError: When run: the input, or the feedback, is in no known form.

    Example:
        >>> from holdfast import create_episode_manager, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> told = {"observation": "A riddle", "thoughts": "Hard", "action": "I drew it"}
        >>> model = ScriptedModel([[("Episode", {**told, "result": "Solved"})]])
        >>> with open_store(":memory:") as store:
        ...     manager = create_episode_manager(model, namespace="episodes", store=store)
        ...     puts = manager.invoke({"messages": [("user", "A riddle!")], "feedback": 1.0})
        >>> puts[0]["value"]["content"]["success"], puts[0]["value"]["content"]["importance"]
        (True, 5)
    """
    if model is None:
        raise ConfigurationError(
            "An episode manager needs a model, which tells what was tried; "
            "create_memory_store_manager(None) keeps messages without one."
        )
    if instructions is None:
        instructions = wording.text("episode_instructions")
    if not isinstance(instructions, str):
        raise ConfigurationError(f"instructions must be a text, got {instructions!r}.")
    memories = MemoryStoreManager(
        model,
        schemas=(Episode,),
        instructions=f"{instructions.strip()}\n\n{wording.text('episode_feedback')}",
        query_model=query_model,
        query_limit=query_limit,
        namespace=namespace,
        store=store,
        max_repairs=max_repairs,
    )
    return EpisodeManager(memories, scale)
