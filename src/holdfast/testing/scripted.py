"""A chat model that plays a script, and records what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from holdfast.errors import HoldfastError

Reply = str | Sequence[tuple[str, dict[str, Any]]] | BaseMessage | BaseException
"""A text, tool calls as (name, arguments), a whole message, or an error to raise."""


class ScriptEnded(HoldfastError):
    """A scripted model was called more often than its script has replies."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a scripted model was sent: messages, tools in OpenAI's form, and the tool choice."""

    messages: list[BaseMessage]
    tools: list[dict[str, Any]]
    tool_choice: Any = None

    @property
    def text(self) -> str:
        """Everything that was sent, as one text."""
        said = "\n".join(str(message.content) for message in self.messages)
        return f"{said}\n{json.dumps(self.tools, ensure_ascii=False)}"

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools on offer."""
        return [tool["function"]["name"] for tool in self.tools]


class ScriptedModel(BaseChatModel):
    """A chat model for tests: it plays replies in order, or asks a function for each.

    It takes tools, streams (tool calls too), counts tokens roughly, and may be shared by threads.

    Args:
        script: Replies, or a function from `Request` to a reply. A reply is a text, a list of
            (tool, arguments), a message, or an exception, which is raised.
        takes_tools: Whether `bind_tools` works.

    Example:
        >>> model = ScriptedModel(["hello", [("search", {"query": "tea"})]])
        >>> model.invoke("hi").content
        'hello'
        >>> model.invoke("find tea").tool_calls[0]["args"]
        {'query': 'tea'}
        >>> len(model.requests)
        2
    """

    script: Any = Field(default_factory=list)
    takes_tools: bool = True
    _requests: list[Request] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(
        self, script: Sequence[Reply] | Callable[[Request], Reply] = (), **kwargs: Any
    ) -> None:
        given: dict[str, Any] = {"script": script if callable(script) else list(script), **kwargs}
        super().__init__(**given)

    @property
    def requests(self) -> list[Request]:
        """What was sent so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools bound.

        Raises:
            NotImplementedError: It was made with `takes_tools=False`.
        """
        if not self.takes_tools:
            raise NotImplementedError("This model takes no tools.")
        converted = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=converted, tool_choice=tool_choice, **kwargs)

    def _next(self, messages: list[BaseMessage], kwargs: dict[str, Any]) -> AIMessage:
        request = Request(list(messages), kwargs.get("tools") or [], kwargs.get("tool_choice"))
        with self._lock:
            number = len(self._requests)
            self._requests.append(request)
        if callable(self.script):
            reply = self.script(request)
        elif number < len(self.script):
            reply = self.script[number]
        else:
            raise ScriptEnded(f"Call {number + 1}, but the script has {len(self.script)} replies.")
        if isinstance(reply, BaseException):
            raise reply
        return _message(reply, request, number)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self._next(messages, kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for part in _parts(self._next(messages, kwargs)):
            chunk = ChatGenerationChunk(message=part)
            if run_manager:
                run_manager.on_llm_new_token(str(part.content), chunk=chunk)
            yield chunk


def _message(reply: Any, request: Request, number: int) -> AIMessage:
    if isinstance(reply, AIMessage):
        message = reply
    elif isinstance(reply, str):
        message = AIMessage(content=reply)
    else:
        calls = [
            {"name": name, "args": args, "id": f"call_{number}_{place}", "type": "tool_call"}
            for place, (name, args) in enumerate(reply)
        ]
        message = AIMessage(content="", tool_calls=calls)
    if message.usage_metadata is None:
        sent, said = len(request.text) // 4, len(str(message.content)) // 4 + 1
        usage = UsageMetadata(input_tokens=sent, output_tokens=said, total_tokens=sent + said)
        message = message.model_copy(update={"usage_metadata": usage})
    return message


def _parts(message: AIMessage) -> Iterator[AIMessageChunk]:
    """Yield a message as a provider streams it: word by word, calls in pieces, usage last."""
    words = str(message.content).split(" ") if message.content else []
    for number, word in enumerate(words):
        yield AIMessageChunk(content=word if number == 0 else f" {word}", id=message.id)
    for index, call in enumerate(message.tool_calls):
        args = json.dumps(call["args"])
        half = len(args) // 2
        first = tool_call_chunk(name=call["name"], args=args[:half], id=call["id"], index=index)
        rest = tool_call_chunk(name=None, args=args[half:], id=None, index=index)
        yield AIMessageChunk(content="", tool_call_chunks=[first], id=message.id)
        yield AIMessageChunk(content="", tool_call_chunks=[rest], id=message.id)
    yield AIMessageChunk(content="", usage_metadata=message.usage_metadata, id=message.id)
