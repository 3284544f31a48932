"""Nodes for graphs without middleware: one recalls, one keeps and reflects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, FlowRunnable
from holdfast.integrations.agent_memory import AgentMemory


class RecallNode(FlowRunnable[Any, dict[str, str]]):
    """Puts into the state what is remembered; see `recall_node`."""

    name = "recall"

    def __init__(self, memory: AgentMemory, key: str, messages_key: str) -> None:
        self._memory = memory
        self._key = key
        self._messages = messages_key

    def flow(self, input: Any, config: RunnableConfig) -> Flow[dict[str, str]]:
        """Return the work for one state as a flow."""
        found = yield from self._memory.recalling(_read(input, self._messages), config)
        return {self._key: found.as_text()}


class ReflectNode(FlowRunnable[Any, dict[str, Any]]):
    """Keeps what was said; see `reflect_node`."""

    name = "reflect"

    def __init__(self, memory: AgentMemory, messages_key: str) -> None:
        self._memory = memory
        self._messages = messages_key

    def flow(self, input: Any, config: RunnableConfig) -> Flow[dict[str, Any]]:
        """Return the work for one state as a flow."""
        yield from self._memory.reflecting(_read(input, self._messages), config)
        return {}


def _read(state: Any, key: str) -> Any:
    given = state.get(key) if isinstance(state, Mapping) else getattr(state, key, None)
    if given is None:
        raise InputError(
            f"The state has no {key!r}, got {shown(state)}; name the key of its messages: "
            "messages_key=..."
        )
    return given


def recall_node(
    memory: AgentMemory, *, key: str = "recalled", messages_key: str = "messages"
) -> RecallNode:
    """Make a node that puts what is remembered into the state, as a text for the system prompt.

    Args:
        memory: Where, and how much.
        key: Of the state; the graph's model node puts it into its system message. Keep it out of
            the messages, where it would be taken for something that was said.
        messages_key: Of the state's messages.

    Returns:
        A Runnable, for `StateGraph.add_node`.

    Raises:
        ConfigurationError: `memory` is none.

    Example:
        >>> from holdfast import AgentMemory, open_store, recall_node
        >>> store = open_store(":memory:")
        >>> store.put(("m",), "1", {"content": "Ines is allergic to peanuts"})
        >>> node = recall_node(AgentMemory(("m",), store=store))
        >>> told = node.invoke({"messages": [("user", "What is Ines allergic to?")]})
        >>> "Ines is allergic to peanuts" in told["recalled"]
        True
        >>> store.close()
    """
    return RecallNode(_checked(memory), key, messages_key)


def reflect_node(memory: AgentMemory, *, messages_key: str = "messages") -> ReflectNode:
    """Make a node that keeps what was said, and lets it be reflected on later.

    Args:
        memory: Where, and by which manager.
        messages_key: Of the state's messages.

    Returns:
        A Runnable, for `StateGraph.add_node`; it changes nothing in the state. Where a graph may
        fail or be interrupted before it, put one right after the start, too: what is kept is not
        kept again.

    Raises:
        ConfigurationError: `memory` is none.

    Example:
        >>> from holdfast import AgentMemory, open_store, recall, reflect_node
        >>> store = open_store(":memory:")
        >>> node = reflect_node(AgentMemory(("m",), store=store))
        >>> node.invoke({"messages": [("user", "Ines is allergic to peanuts.")]})
        {}
        >>> recall("Who is allergic?", ("m",), store=store)[0].text
        'Ines is allergic to peanuts.'
        >>> store.close()
    """
    return ReflectNode(_checked(memory), messages_key)


def _checked(memory: Any) -> AgentMemory:
    if not isinstance(memory, AgentMemory):
        raise ConfigurationError(f"A node takes AgentMemory(...), got {shown(memory)}.")
    return memory
