"""Long-term memory for `langchain.agents.create_agent`, in one line."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NotRequired, TypedDict, cast

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ContextT,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph._internal._constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, HoldfastError, shown
from holdfast.flow import Flow, arun, run
from holdfast.integrations.agent_memory import QUIET, AgentMemory, Executor, Recall
from holdfast.managers.store_manager import MemoryStoreManager
from holdfast.namespace import current_config, thread_of
from holdfast.recalled_text import MEMORY_TOOLS
from holdfast.retrieval.asked import Scope
from holdfast.short_term import RunningSummary
from holdfast.tools.manage import create_manage_memory_tool
from holdfast.tools.search import create_search_memory_tool

_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""An id as LangGraph makes one: a UUID of random numbers."""


class _Told(TypedDict):
    """What an agent is told in one run, and the thread of a run that names none."""

    text: str
    thread: str


class MemoryMiddleware(AgentMiddleware[Any, ContextT, Any]):
    """Recalls before an agent starts, and keeps what is said; see `AgentMemory`.

    Once in a run, before the agent starts, what is remembered about the user's last words is
    recalled into a private part of the state. Each call of the model finds it at the end of its
    system message; the conversation and the checkpoint's messages never hold it. What is said is
    kept as it comes, in a run that fails or is interrupted too, and reflected on later.

    Args:
        namespace: As in `AgentMemory`, such as `("memories", "{user_id}")`.
        manager: As there: what writes memories, or None to keep only what was said.
        recall: As there: `Recall(...)`, True or False.
        reflect: As there: True, False or a `ReflectionExecutor`.
        after_seconds: As there.
        store: As there; by default the store that the agent was made with.
        tools: Whether the agent gets `manage_memory` and `search_memory` for the namespace; or
            tools of one's own whose answers are memories, and are not kept again.
        name: By which LangGraph knows it; by default it follows from the namespace, so that
            several need none.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from langchain.agents import create_agent
        >>> from holdfast import MemoryMiddleware, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> store = open_store(":memory:")
        >>> store.put(("memories", "nora"), "1", {"content": "Ines is allergic to peanuts"})
        >>> model = ScriptedModel(["Peanuts."])
        >>> agent = create_agent(
        ...     model, middleware=[MemoryMiddleware(("memories", "{user_id}"))], store=store
        ... )
        >>> nora = {"configurable": {"user_id": "nora"}}
        >>> told = agent.invoke({"messages": [("user", "What is Ines allergic to?")]}, nora)
        >>> told["messages"][-1].text, len(told["messages"])
        ('Peanuts.', 2)
        >>> "Ines is allergic to peanuts" in model.requests[0].messages[0].text
        True
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
        tools: bool | Sequence[BaseTool] = False,
        name: str | None = None,
    ) -> None:
        offered = [] if isinstance(tools, bool) else list(tools)
        if not all(isinstance(one, BaseTool) for one in offered):
            raise ConfigurationError(
                f"tools must be True, False or a list of tools; got {shown(tools)}."
            )
        self.memory = AgentMemory(
            namespace,
            manager,
            recall=recall,
            reflect=reflect,
            after_seconds=after_seconds,
            store=store,
            memory_tools=(*MEMORY_TOOLS, *(one.name for one in offered)),
        )
        place = self.memory.namespace.template
        if tools is True:
            own = self.memory.manager.own_store
            offered = [
                create_manage_memory_tool(place, store=own),
                create_search_memory_tool(place, store=own),
            ]
        self.tools = offered
        self._name = _checked(name) or f"MemoryMiddleware({'/'.join(place)})"
        self._key = f"recalled by {self._name}"
        self.state_schema = _state(self._key)

    @property
    def name(self) -> str:
        """By which LangGraph knows it."""
        return self._name

    # The hooks

    def before_agent(self, state: Any, runtime: Runtime[ContextT]) -> dict[str, Any]:
        """Recall, and keep what the user said."""
        return run(self._begin(state, current_config()))

    async def abefore_agent(self, state: Any, runtime: Runtime[ContextT]) -> dict[str, Any]:
        """Recall, and keep what the user said, awaiting."""
        return await arun(self._begin(state, current_config()))

    def wrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Tell the model what was recalled, and keep what it says."""
        config = current_config()
        try:
            response = handler(self._told(request))
        except Exception as error:
            run(self._keep_after(error, request.state, config))
            raise
        run(self._keep(request.state, response.result, config))
        return response

    async def awrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Tell the model what was recalled, and keep what it says, awaiting."""
        config = current_config()
        try:
            response = await handler(self._told(request))
        except Exception as error:
            await arun(self._keep_after(error, request.state, config))
            raise
        await arun(self._keep(request.state, response.result, config))
        return response

    def after_agent(self, state: Any, runtime: Runtime[ContextT]) -> None:
        """Keep what was said last, such as what a tool returned directly."""
        run(self._keep(state, (), current_config()))

    async def aafter_agent(self, state: Any, runtime: Runtime[ContextT]) -> None:
        """Keep what was said last, awaiting."""
        await arun(self._keep(state, (), current_config()))

    # The work

    def _begin(self, state: Any, config: RunnableConfig) -> Flow[dict[str, Any]]:
        found = yield from self.memory.recalling(state["messages"], config, _seen(state))
        told = _Told(text=found.as_text(), thread=thread_of(config) or f"run-{uuid.uuid4()}")
        said = _known(state["messages"], config)
        yield from self.memory.reflecting(said, _in_thread(config, told))
        return {self._key: told}

    def _told(self, request: ModelRequest[ContextT]) -> ModelRequest[ContextT]:
        self._check_tools(request.tools)
        told: _Told | None = cast("Any", request.state).get(self._key)
        if not told or not told["text"]:
            return request
        return request.override(system_message=_with(request.system_message, told["text"]))

    def _check_tools(self, offered: Sequence[Any]) -> None:
        """Raise ConfigurationError where a tool of the same name took the place of one of ours."""
        others = {one.name for one in offered if isinstance(one, BaseTool)}
        for one in self.tools:
            if one.name in others and not any(one is other for other in offered):
                raise ConfigurationError(
                    f"{self.name}: another tool has the name {one.name!r}, and stands in its "
                    "place. Give this one tools of other names: tools=[create_manage_memory_tool("
                    "..., name='manage_team_memory'), ...]."
                )

    def _keep(
        self, state: Any, answer: Sequence[BaseMessage], config: RunnableConfig
    ) -> Flow[None]:
        """Keep what was said in this run; what came before was kept when it began."""
        said: list[BaseMessage] = list(state["messages"])
        last = max((n for n, one in enumerate(said) if isinstance(one, HumanMessage)), default=0)
        told = state.get(self._key)
        here = _in_thread(config, told) if told else config
        yield from self.memory.reflecting(_known([*said[last:], *answer], config), here)

    def _keep_after(self, error: Exception, state: Any, config: RunnableConfig) -> Flow[None]:
        """Keep what was said before an error; where that fails too, the error says so."""
        try:
            yield from self._keep(state, (), config)
        except HoldfastError as lost:
            error.add_note(f"What was said until then is not kept: {lost}")


def _checked(name: Any) -> str | None:
    if name is not None and (not isinstance(name, str) or not name or set(name) & set("|:")):
        raise ConfigurationError(
            f"name must be a text without '|' and ':', which LangGraph keeps for itself; got "
            f"{shown(name)}."
        )
    return name


def _state(key: str) -> Any:
    """Return the agent's state with a private part, which neither input nor output have."""
    own = {key: NotRequired[Annotated[_Told, PrivateStateAttr]]}
    made: Any = TypedDict  # a type checker takes no computed keys
    return made("MemoryState", {**AgentState.__annotations__, **own})


def _seen(state: Any) -> list[BaseMessage]:
    """Return what the model is shown of a conversation: a summary stands for the rest."""
    context = state.get("context")
    inside = context.get("running_summary") if isinstance(context, Mapping) else None
    gone = _summarized(state.get("running_summary")) | _summarized(inside)
    return [message for message in state["messages"] if message.id not in gone]


def _summarized(given: Any) -> set[str]:
    """Return the ids of messages that a running summary stands for."""
    if isinstance(given, Mapping):  # as a checkpoint may give it back
        return set(given.get("summarized_message_ids") or ())
    return given.summarized_message_ids if isinstance(given, RunningSummary) else set()


def _known(messages: Sequence[BaseMessage], config: RunnableConfig) -> list[BaseMessage]:
    """Return messages without the ids that LangGraph gave them, where these do not last.

    Without a checkpointer a conversation is handed over anew in each run, and whatever has no id
    gets another one: then words tell which message is which.
    """
    if (config.get("configurable") or {}).get(CONFIG_KEY_CHECKPOINTER) is not None:
        return list(messages)
    return [
        message.model_copy(update={"id": None}) if _MADE.fullmatch(message.id or "") else message
        for message in messages
    ]


def _in_thread(config: RunnableConfig, told: _Told) -> RunnableConfig:
    """Return the config with a thread: a run that names none is a conversation of its own."""
    if thread_of(config):
        return config
    named = {**config.get("configurable", {}), "thread_id": told["thread"]}
    return cast("RunnableConfig", {**config, "configurable": named})


def _with(system: SystemMessage | None, text: str) -> SystemMessage:
    """Return a system message with a text at its end, so that what is constant stays in front."""
    if system is None:
        return SystemMessage(text)
    if isinstance(system.content, str):
        return system.model_copy(update={"content": f"{system.content}\n\n{text}"})
    blocks = [*system.content, {"type": "text", "text": text}]
    return system.model_copy(update={"content": blocks})
