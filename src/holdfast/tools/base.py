"""What both memory tools are made of: a flow with a face for agents."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolArg, StructuredTool

from holdfast.errors import ConfigurationError
from holdfast.flow import Flow, arun, run
from holdfast.mending import read_json
from holdfast.namespace import NamespaceTemplate, current_config

log = logging.getLogger("holdfast")

SHARED = ("memories",)
"""Where memories live when no namespace is given: one place for every user."""

Injected = Annotated[Any, InjectedToolArg]
"""What LangGraph's ToolNode hands to an argument named `runtime`; no model is told of it."""

_CLASHING = frozenset({"self", "config", "run_manager", "callbacks"})
_warned: set[str] = set()


class Refusal(Exception):
    """Something that the model can mend; told to it in words, and nothing was changed."""


class ToolSchema(dict[str, Any]):
    """A JSON Schema that also has the method by which guides for raw SDKs read one."""

    def model_json_schema(self) -> dict[str, Any]:
        """Return the schema."""
        return dict(self)


class MemoryTool(StructuredTool):
    """A memory tool; its arguments may also be JSON text, or a plain text for the first of them."""

    @property
    def tool_call_schema(self) -> Any:
        """The arguments' JSON Schema, as what a model is told of them."""
        return ToolSchema(cast("dict[str, Any]", super().tool_call_schema))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the tool, blocking."""
        return super().invoke(self._named(input), config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Run the tool, awaiting."""
        return await super().ainvoke(self._named(input), config, **kwargs)

    def _named(self, input: Any) -> Any:
        """Return the arguments: given as such, as JSON text, or as a text for the first of them."""
        if isinstance(input, dict):
            if input.get("type") == "tool_call":
                return {**input, "args": _spared(input.get("args") or {})}
            return _spared(input)
        if not isinstance(input, str):
            return input
        read = read_json(input)
        if isinstance(read, dict) and read and set(read) <= set(self.args):
            return read
        return {next(iter(self.args)): input}


def _spared(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments without those that would clash with LangChain's own."""
    return {name: value for name, value in arguments.items() if name not in _CLASHING}


def memory_tool(
    name: str,
    description: str,
    parameters: Mapping[str, Any],
    work: Callable[[dict[str, Any], RunnableConfig, Any], Flow[Any]],
    response_format: Literal["content", "content_and_artifact"] = "content",
) -> StructuredTool:
    """Return a tool whose work is a flow; what the model can mend is told to it as text.

    Args:
        name: The tool's name.
        description: What a model is told of it.
        parameters: The JSON Schema of its arguments.
        work: Gets the arguments, the config, and the messages of the agent that calls, if any.
        response_format: LangChain's.
    """

    def guarded(arguments: dict[str, Any], config: RunnableConfig, runtime: Any) -> Flow[Any]:
        try:
            return (yield from work(arguments, config, _messages(runtime)))
        except Refusal as refusal:
            said = str(refusal)
            return (said, []) if response_format == "content_and_artifact" else said

    def call(config: RunnableConfig, runtime: Injected = None, **arguments: Any) -> Any:
        config = current_config(config)
        return run(guarded(arguments, config, runtime), config)

    async def acall(config: RunnableConfig, runtime: Injected = None, **arguments: Any) -> Any:
        config = current_config(config)
        return await arun(guarded(arguments, config, runtime), config)

    return MemoryTool(
        name=name,
        description=description,
        args_schema=dict(parameters),
        func=call,
        coroutine=acall,
        response_format=response_format,
    )


def _messages(runtime: Any) -> Any:
    """Return the messages in the state of the agent whose tools run now; none outside of one."""
    state = getattr(runtime, "state", None)
    if isinstance(state, list):
        return state
    found = state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", ())
    return found if isinstance(found, list | tuple) else ()


def tool_namespace(
    tool: str,
    namespace: tuple[str, ...] | str | None,
    namespace_prefix: tuple[str, ...] | str | None,
) -> NamespaceTemplate:
    """Return the namespace of a tool from its two names; warn once where neither is given.

    Raises:
        ConfigurationError: Both are given.
    """
    if namespace is not None and namespace_prefix is not None:
        raise ConfigurationError("Give namespace or its older name namespace_prefix, not both.")
    given = namespace if namespace is not None else namespace_prefix
    if given is None:
        if tool not in _warned:
            _warned.add(tool)
            log.warning(
                "%s has no namespace, so every user shares %r; give one, such as "
                "namespace=('memories', '{user_id}').",
                tool,
                SHARED,
            )
        given = SHARED
    return NamespaceTemplate(given)
