"""An agent's memory: what is recalled before it answers, and what is kept of what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Call, Flow, arun, run
from holdfast.history import Said
from holdfast.managers.creating import create_memory_store_manager
from holdfast.managers.keeping import keep
from holdfast.managers.later import ReflectionExecutor
from holdfast.managers.store_manager import NAMESPACE, MemoryStoreManager
from holdfast.memory import Message
from holdfast.namespace import NamespaceTemplate, current_config, current_store, thread_of
from holdfast.recalled_text import MEMORY_TOOLS, worth_keeping
from holdfast.retrieval.asked import Scope, places_of, read_asked
from holdfast.retrieval.asking import recalling
from holdfast.retrieval.context import Context
from holdfast.retrieval.lane import standing_flow
from holdfast.stores.plain import fenced
from holdfast.wording import read_messages

if TYPE_CHECKING:
    from holdfast.ranking.weights import Ranking

QUIET = 60.0
"""Seconds for which a conversation is quiet before it is reflected on, by default."""


class Executor(Protocol):
    """What reflects later: `ReflectionExecutor(...)`, local or remote."""

    def submit(
        self,
        payload: dict[str, Any],
        /,
        config: RunnableConfig | None = None,
        *,
        after_seconds: float = 0,
    ) -> Any:
        """Let a conversation be reflected on later."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How much an agent is told of what is remembered; see `holdfast.recall`.

    Args:
        turns: How many of the user's last messages are the question.
        budget_tokens: How many tokens it may have, counted as UTF-8 bytes / 4.
        standing_tokens: How many of these are kept for what stands; by default a quarter.
        k: How many memories and messages at most; by default as many as fit.
        neighbours: How many messages before and after each that was found come along.
        ranking: How much each signal counts.
        also: Further namespaces that are read, never written, such as `("team", "{team_id}")`.

    Raises:
        ConfigurationError: A number is out of its range.

    Example:
        >>> Recall(turns=1, budget_tokens=400).budget_tokens
        400
    """

    turns: int = 2
    budget_tokens: int = 1_000
    standing_tokens: int | None = None
    k: int | None = None
    neighbours: int = 0
    ranking: Ranking | None = None
    also: tuple[Scope, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.turns, bool) or not isinstance(self.turns, int) or self.turns < 1:
            raise ConfigurationError(f"Recall(turns=) must be a number from 1, got {self.turns!r}.")
        try:
            self.asked("checked", ())
        except InputError as error:
            raise ConfigurationError(f"{self!r}: {error}") from error
        if isinstance(self.also, str) or not all(isinstance(one, str | tuple) for one in self.also):
            raise ConfigurationError(
                "Recall(also=) must be a tuple of namespaces, such as (('team', '{team_id}'),), "
                f"got {self.also!r}."
            )

    def asked(self, question: Any, said: Sequence[Any]) -> Any:
        """Return what is asked for, as `recalling` takes it."""
        return read_asked(
            question,
            self.k,
            self.budget_tokens,
            self.standing_tokens,
            self.neighbours,
            self.ranking,
            None,
            True,
            said,
        )


class AgentMemory:
    """An agent's memory in any framework: `recall` before it answers, `reflect` afterwards.

    What was said is kept word for word, each message once; with a manager it is also reflected on,
    when the conversation has been quiet for a while. What was recalled is not kept again: neither
    system messages nor what memory tools answered.

    Args:
        namespace: Where memories live; it may hold variables, filled in from `configurable` or
            the graph's context. By default the manager's, else `("memories",
            "{langgraph_user_id}")`.
        manager: Writes memories: a `MemoryStoreManager`, a chat model or its name; None keeps
            what was said, and asks no model.
        recall: How much is recalled; True is `Recall()`, False nothing.
        reflect: Whether the manager reflects on what was said, later, in this process or in
            `holdfast worker`; False only keeps what was said. A `ReflectionExecutor` of one's own,
            also a remote one, in place of True.
        after_seconds: How long a conversation is quiet before it is reflected on.
        store: Any LangGraph `BaseStore`; by default the manager's, else that of the running graph.
        memory_tools: Names of tools whose answers are memories, and are not kept again.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from holdfast import open_store
        >>> store = open_store(":memory:")
        >>> memory = AgentMemory(("memories", "{user_id}"), store=store)
        >>> nora = {"configurable": {"user_id": "nora", "thread_id": "monday"}}
        >>> memory.reflect([("user", "Ines is allergic to peanuts.")], nora)
        >>> tuesday = {"configurable": {"user_id": "nora", "thread_id": "tuesday"}}
        >>> memory.recall([("user", "Is Ines allergic?")], tuesday)[0].text
        'Ines is allergic to peanuts.'
        >>> store.close()
    """

    def __init__(
        self,
        namespace: Scope | None = None,
        manager: MemoryStoreManager | BaseChatModel | str | None = None,
        *,
        recall: Recall | bool = True,
        reflect: Executor | bool = True,
        after_seconds: float = QUIET,
        store: BaseStore | None = None,
        memory_tools: Sequence[str] = MEMORY_TOOLS,
    ) -> None:
        self.manager = _manager(manager, namespace, store)
        self.namespace = NamespaceTemplate(self.manager.namespace)
        where = self.namespace if namespace is None else NamespaceTemplate(namespace)
        if where.template != self.namespace.template:
            raise ConfigurationError(
                f"namespace is {where.template!r}, and the manager's {self.namespace.template!r}; "
                "leave namespace out, and name what is also read in Recall(also=...)."
            )
        if not isinstance(recall, Recall | bool):
            raise ConfigurationError(f"recall must be Recall(...), True or False; got {recall!r}.")
        self._recall = Recall() if recall is True else recall
        self._executor = self._executing(reflect)
        self._after = after_seconds
        self._tools = frozenset(memory_tools)

    def _executing(self, reflect: object) -> Executor | None:
        if isinstance(reflect, bool):
            if not reflect or self.manager.model is None:
                return None
            return ReflectionExecutor(self.manager)
        if not callable(getattr(reflect, "submit", None)):
            raise ConfigurationError(
                f"reflect must be True, False or a ReflectionExecutor; got {shown(reflect)}."
            )
        return cast("Executor", reflect)

    # The two functions

    def recall(self, messages: Sequence[Any], config: RunnableConfig | None = None) -> Context:
        """Return what is remembered about what was said last, and what stands.

        Args:
            messages: The conversation so far, in any form that managers take. What it holds is
                not found again.
            config: For the variables of the namespace and the thread; in a graph it may be left
                out.

        Returns:
            What was found; `as_text()` is for the system prompt, "" where there is nothing.

        Raises:
            ConfigurationError: A variable of the namespace is missing, or there is no store.
            InputError: A message cannot be read.
        """
        return run(self.recalling(messages, current_config(config)))

    async def arecall(
        self, messages: Sequence[Any], config: RunnableConfig | None = None
    ) -> Context:
        """Return what is remembered, awaiting; see `recall`."""
        return await arun(self.recalling(messages, current_config(config)))

    def reflect(self, messages: Sequence[Any], config: RunnableConfig | None = None) -> None:
        """Keep what was said, and let it be reflected on when the conversation has been quiet.

        Args:
            messages: What was said; the whole conversation each time will do, since what is kept
                is not kept again. Give a `thread_id` in `config`, by which it is known.
            config: As for `recall`.

        Raises:
            ConfigurationError: As for `recall`.
            InputError: A message cannot be read; nothing was kept.
        """
        run(self.reflecting(messages, current_config(config)))

    async def areflect(self, messages: Sequence[Any], config: RunnableConfig | None = None) -> None:
        """Keep what was said, awaiting; see `reflect`."""
        await arun(self.reflecting(messages, current_config(config)))

    def shutdown(self) -> None:
        """Wait for what is being reflected on; what is due later stays in the store."""
        if self._executor is not None:
            cast("Any", self._executor).shutdown()

    # The work

    def recalling(
        self,
        messages: Sequence[Any],
        config: RunnableConfig,
        seen: Sequence[Any] | None = None,
    ) -> Flow[Context]:
        """Return what `recall` does as a flow.

        Args:
            messages: The conversation so far.
            config: Of the call.
            seen: What of it the model is shown, and need not be told; by default all of it.
        """
        if self._recall is False:
            return Context()
        assert isinstance(self._recall, Recall)
        said = read_messages(messages)
        template = self.namespace.template
        where = [template, *self._recall.also]
        places = places_of(where, self.store_for(config), config)
        question = _question(said, self._recall.turns)
        if not question:
            budget = self._recall.standing_tokens or self._recall.budget_tokens
            return (yield from standing_flow(places, budget))
        asked = self._recall.asked(question, said if seen is None else seen)
        return (yield from recalling(asked, places, config))

    def reflecting(self, messages: Sequence[Any], config: RunnableConfig) -> Flow[None]:
        """Return what `reflect` does as a flow."""
        kept = worth_keeping(messages, self._tools)
        if not kept:
            return
        if self._executor is not None:
            yield Call(partial(self._submit, {"messages": kept}, config))
            return
        namespace = self.namespace(config)
        store = fenced(self.store_for(config), namespace)
        yield from keep(store, namespace, Said(tuple(read_messages(kept)), thread_of(config)))

    def _submit(self, payload: dict[str, Any], config: RunnableConfig) -> None:
        assert self._executor is not None
        self._executor.submit(payload, config, after_seconds=self._after)

    def store_for(self, config: RunnableConfig) -> BaseStore:
        """Return the store of a call: the given one, else the manager's or the graph's."""
        return self.manager.store_for(config)


def _manager(given: Any, namespace: Scope | None, store: BaseStore | None) -> MemoryStoreManager:
    if store is not None:
        current_store(store, RunnableConfig())
    if isinstance(given, MemoryStoreManager):
        return given if store is None else given.using(store)
    if given is not None and not isinstance(given, str | BaseChatModel):
        raise ConfigurationError(
            "manager must be what create_memory_store_manager returns, a chat model or its name; "
            f"got {shown(given)}."
        )
    where = NAMESPACE if namespace is None else namespace
    return create_memory_store_manager(given, namespace=where, store=store)


def _question(said: Sequence[Message], turns: int) -> list[Mapping[str, str]]:
    """Return the last messages of the user as a question; none where they say nothing."""
    spoken = [message.text for message in said if message.role == "user" and message.text.strip()]
    return [{"role": "user", "content": text} for text in spoken[-turns:]]
