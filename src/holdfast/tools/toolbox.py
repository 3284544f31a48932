"""Memory tools for agents written on a provider's own SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from holdfast.errors import ConfigurationError, InputError
from holdfast.mending import read_json


class Toolbox:
    """Tools in the formats of raw OpenAI and Anthropic clients, and their calls, run.

    Args:
        tools: LangChain tools: the memory tools, and any others.

    Raises:
        ConfigurationError: Two of them share a name.

    Example:
        >>> from holdfast import create_manage_memory_tool, open_store
        >>> from holdfast.tools import Toolbox
        >>> store = open_store(":memory:")
        >>> box = Toolbox([create_manage_memory_tool(("m",), store=store)])
        >>> box.openai[0]["function"]["name"], box.anthropic[0]["name"]
        ('manage_memory', 'manage_memory')
        >>> call = {"id": "1", "type": "function",
        ...         "function": {"name": "manage_memory", "arguments": '{"content": "likes tea"}'}}
        >>> box.run_openai([call])[0]["content"].split()[0]
        'created'
        >>> store.close()
    """

    def __init__(self, tools: Iterable[BaseTool]) -> None:
        listed = list(tools)
        self._tools = {tool.name: tool for tool in listed}
        if len(self._tools) < len(listed):
            names = ", ".join(tool.name for tool in listed)
            raise ConfigurationError(f"Two tools share a name ({names}); give them name=.")

    @property
    def openai(self) -> list[dict[str, Any]]:
        """The tools for `client.chat.completions.create(tools=...)`."""
        return [convert_to_openai_tool(tool) for tool in self._tools.values()]

    @property
    def anthropic(self) -> list[dict[str, Any]]:
        """The tools for `client.messages.create(tools=...)`."""
        functions = [tool["function"] for tool in self.openai]
        return [
            {"name": f["name"], "description": f["description"], "input_schema": f["parameters"]}
            for f in functions
        ]

    def run_openai(
        self, tool_calls: Sequence[Any] | None, config: RunnableConfig | None = None
    ) -> list[dict[str, Any]]:
        """Run the `tool_calls` of an OpenAI message; return a tool message for each, in order.

        Args:
            tool_calls: As the SDK gives them, or as dicts; None when there were none.
            config: A RunnableConfig, for the variables of namespaces.

        Raises:
            InputError: A call is in no known form.
        """
        calls = [_openai_call(call) for call in tool_calls or ()]
        return [_openai_message(call, self._run(call, config)) for call in calls]

    async def arun_openai(
        self, tool_calls: Sequence[Any] | None, config: RunnableConfig | None = None
    ) -> list[dict[str, Any]]:
        """Run the `tool_calls` of an OpenAI message, awaiting; see `run_openai`."""
        calls = [_openai_call(call) for call in tool_calls or ()]
        return [_openai_message(call, await self._arun(call, config)) for call in calls]

    def run_anthropic(
        self, content: Sequence[Any] | None, config: RunnableConfig | None = None
    ) -> list[dict[str, Any]]:
        """Run the `tool_use` blocks of an Anthropic message; return a `tool_result` for each.

        Args:
            content: The message's content, as the SDK gives it, or as dicts.
            config: A RunnableConfig, for the variables of namespaces.
        """
        return [_anthropic_block(c, self._run(c, config)) for c in _anthropic_calls(content)]

    async def arun_anthropic(
        self, content: Sequence[Any] | None, config: RunnableConfig | None = None
    ) -> list[dict[str, Any]]:
        """Run the `tool_use` blocks of an Anthropic message, awaiting; see `run_anthropic`."""
        calls = _anthropic_calls(content)
        return [_anthropic_block(call, await self._arun(call, config)) for call in calls]

    def _run(self, call: dict[str, Any], config: RunnableConfig | None) -> str:
        tool = self._tools.get(call["name"])
        if tool is None or call["args"] is None:
            return self._told(call)
        return _said(tool.invoke(call, config))

    async def _arun(self, call: dict[str, Any], config: RunnableConfig | None) -> str:
        tool = self._tools.get(call["name"])
        if tool is None or call["args"] is None:
            return self._told(call)
        return _said(await tool.ainvoke(call, config))

    def _told(self, call: dict[str, Any]) -> str:
        """Return what a model is told of a call that cannot be run."""
        if call["name"] not in self._tools:
            return f"There is no tool {call['name']!r}; there are: {', '.join(self._tools)}."
        return f"The arguments of {call['name']} are not a JSON object. Nothing was done."


def _said(message: Any) -> str:
    return str(message.content if isinstance(message, ToolMessage) else message)


def _field(given: Any, name: str) -> Any:
    """Return a field of an SDK's object, or of a dict."""
    return given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)


def _openai_call(given: Any) -> dict[str, Any]:
    function = _field(given, "function")
    if function is None:
        raise InputError(f"{given!r} is no tool call of OpenAI's chat completions.")
    arguments = _field(function, "arguments")
    read = read_json(arguments) if isinstance(arguments, str) else arguments
    return {
        "name": str(_field(function, "name")),
        "args": dict(read) if isinstance(read, Mapping) else None,
        "id": _field(given, "id"),
        "type": "tool_call",
    }


def _openai_message(call: Mapping[str, Any], said: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call["id"], "content": said}


def _anthropic_calls(content: Sequence[Any] | None) -> list[dict[str, Any]]:
    calls = []
    for block in content if content and not isinstance(content, str) else ():
        if _field(block, "type") == "tool_use":
            given = _field(block, "input")
            args = dict(given) if isinstance(given, Mapping) else None
            name = str(_field(block, "name"))
            calls.append(
                {"name": name, "args": args, "id": _field(block, "id"), "type": "tool_call"}
            )
    return calls


def _anthropic_block(call: Mapping[str, Any], said: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call["id"], "content": said}
