"""A provider on this machine that plays a script over HTTP, for tests with the real clients."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias, Union

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call

from holdfast.testing import anthropic_protocol, openai_protocol
from holdfast.testing.http import ChatCall, LocalServer, ProviderError, Received, Response
from holdfast.testing.scripted import Reply, Request

__all__ = ["Delayed", "Disconnect", "LocalProvider", "ProviderError", "ProviderReply", "Received"]

ProviderReply: TypeAlias = Union[Reply, dict[str, Any], "Delayed", "Disconnect"]
"""What `ScriptedModel` plays, structured output as a dict, a delay, or a dropped connection.

A `ProviderError` is an exception, and so one of the replies that `ScriptedModel` has, too.
"""


@dataclass(frozen=True, slots=True)
class Delayed:
    """A reply that a local provider holds back for a while.

    Args:
        seconds: How long.
        reply: What is answered then.

    Example:
        >>> Delayed(0.5, "at last").seconds
        0.5
    """

    seconds: float
    reply: ProviderReply


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A reply that is none: a local provider drops the connection without a word.

    Example:
        >>> script = [Disconnect(), "the client's second try"]
    """


class LocalProvider:
    """A server on 127.0.0.1 that speaks OpenAI's and Anthropic's protocols and plays a script.

    With it the real clients run in tests without a key: chat with tools, structured output and
    streaming over `/v1/chat/completions` and `/v1/messages`, token counts over
    `/v1/messages/count_tokens`, embeddings over `/v1/embeddings`, and `/v1/models`. OpenAI's
    Responses API is not spoken. Requests that break a provider's rule are refused with status
    400 as they are there, and use up no reply; so are scripts that answer what was not asked.

    Args:
        script: Replies in order, or a function from `Request` to a reply; the same forms as
            `ScriptedModel` takes. A dict is structured output: JSON text if the client asked for
            a response format, else the arguments of the only or the forced tool. An exception
            becomes the status it names in `status_code`, or else 500.

    Example:
        >>> import json, urllib.request
        >>> asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]}
        >>> with LocalProvider(["hello"]) as server:
        ...     url = f"{server.openai_url}/chat/completions"
        ...     with urllib.request.urlopen(url, json.dumps(asked).encode()) as response:
        ...         print(json.load(response)["choices"][0]["message"]["content"])
        hello
        >>> server.requests[0].body["model"]
        'gpt-5-mini'
    """

    def __init__(
        self, script: Sequence[ProviderReply] | Callable[[Request], ProviderReply] = ()
    ) -> None:
        self._script = script if callable(script) else list(script)
        self._requests: list[Received] = []
        self._played = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: LocalServer | None = None
        self._port = 0

    def __enter__(self) -> LocalProvider:
        self._closing.clear()
        self._server = LocalServer(self._respond)
        self._port = self._server.server_port
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's clients.

        Raises:
            RuntimeError: The server was not started with `with`.

        Example:
            >>> with LocalProvider() as server:
            ...     server.openai_url.endswith("/v1")
            True
        """
        return f"{self.anthropic_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The base URL for Anthropic's clients.

        Raises:
            RuntimeError: The server was not started with `with`.

        Example:
            >>> with LocalProvider() as server:
            ...     server.anthropic_url.startswith("http://127.0.0.1:")
            True
        """
        if not self._port:
            raise RuntimeError("A LocalProvider has an address only inside its `with` block.")
        return f"http://127.0.0.1:{self._port}"

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead the clients here, whichever of them they read.

        Raises:
            RuntimeError: The server was not started with `with`.

        Example:
            >>> with LocalProvider() as server:
            ...     server.env["OPENAI_API_KEY"]
            'test'
        """
        return {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": self.openai_url,
            # LangChain's classes read this one first, OpenAI's own client does not know it.
            "OPENAI_API_BASE": self.openai_url,
            "ANTHROPIC_API_KEY": "test",
            "ANTHROPIC_BASE_URL": self.anthropic_url,
            # As above: first for LangChain, unknown to Anthropic's own client.
            "ANTHROPIC_API_URL": self.anthropic_url,
        }

    @property
    def requests(self) -> list[Received]:
        """What arrived so far, oldest first, refused requests included.

        Example:
            >>> LocalProvider().requests
            []
        """
        with self._lock:
            return list(self._requests)

    def _respond(self, received: Received) -> Response | None:
        with self._lock:
            self._requests.append(received)
            name = f"req_{len(self._requests)}"
        path = received.path.split("?")[0]
        anthropic = path.startswith("/v1/messages") or "anthropic-version" in received.headers
        try:
            response = self._answer(path, received)
        except (ProviderError, LookupError, TypeError, ValueError, AttributeError) as error:
            refusal = error
            if not isinstance(refusal, ProviderError):
                refusal = ProviderError(400, f"This cannot be read: {error!r}")
            protocol = anthropic_protocol if anthropic else openai_protocol
            body = protocol.error_body(refusal)
            response = Response(body, None, refusal.status, refusal.headers)
        if response is not None:
            response.headers["request-id" if anthropic else "x-request-id"] = name
        return response

    def _answer(self, path: str, received: Received) -> Response | None:
        match path:
            case "/v1/chat/completions":
                return self._play(openai_protocol.read_chat(received.body))
            case "/v1/messages":
                return self._play(anthropic_protocol.read_messages(received.body, received.headers))
            case "/v1/messages/count_tokens":
                return anthropic_protocol.count_tokens(received.body, received.headers)
            case "/v1/embeddings":
                return openai_protocol.embeddings(received.body)
            case "/v1/models":
                return openai_protocol.models()
            case "/v1/responses":
                text = "The local provider has no Responses API: set use_responses_api=False."
                raise ProviderError(404, text)
        raise ProviderError(404, f"The local provider has no {path}.")

    def _play(self, call: ChatCall) -> Response | None:
        with self._lock:
            self._played += 1
            number = self._played
        reply = self._next(call.request, number)
        while isinstance(reply, Delayed):
            if self._closing.wait(reply.seconds):
                return None
            reply = reply.reply
        if isinstance(reply, Disconnect):
            return None
        if isinstance(reply, ProviderError):
            raise reply
        if isinstance(reply, BaseException):
            raise _as_provider_error(reply) from reply
        message = _message(reply, call, number)
        _check(message, call, number)
        return call.answer(message, number)

    def _next(self, request: Request, number: int) -> ProviderReply:
        if not callable(self._script):
            if number > len(self._script):
                raise ProviderError(
                    400, f"Call {number}, but the script has {len(self._script)} replies."
                )
            return self._script[number - 1]
        try:
            return self._script(request)
        except ProviderError:
            raise
        except Exception as error:
            raise _as_provider_error(error) from error


def _as_provider_error(error: BaseException) -> ProviderError:
    status = getattr(error, "status_code", None)
    named = status if isinstance(status, int) and status >= 400 else 500
    return ProviderError(named, f"{type(error).__name__}: {error}")


def _mistake(number: int, text: str) -> ProviderError:
    return ProviderError(400, f"Scripting mistake: reply {number} {text}.")


def _message(reply: Any, call: ChatCall, number: int) -> AIMessage:
    if isinstance(reply, dict):
        reply = _structured(reply, call, number)
    if isinstance(reply, str):
        reply = AIMessage(content=reply)
    elif isinstance(reply, list | tuple):
        made = [tool_call(name=name, args=args, id=None) for name, args in reply]
        reply = AIMessage(content="", tool_calls=made)
    elif not isinstance(reply, AIMessage):
        raise _mistake(number, f"is no reply: {reply!r}")
    calls = [
        {**made, "id": made["id"] or f"call_{number}_{place}"}
        for place, made in enumerate(reply.tool_calls)
    ]
    sent = len(call.request.text) // 4
    said = len(reply.text + json.dumps(calls, ensure_ascii=False)) // 4
    usage = UsageMetadata(input_tokens=sent, output_tokens=said, total_tokens=sent + said)
    update = {"tool_calls": calls, "usage_metadata": reply.usage_metadata or usage}
    message: AIMessage = reply.model_copy(update=update)
    return message


def _structured(reply: dict[str, Any], call: ChatCall, number: int) -> Any:
    if call.structured:
        return json.dumps(reply, ensure_ascii=False)
    names, choice = call.request.tool_names, call.request.tool_choice
    if choice in names:
        return [(choice, reply)]
    if len(names) == 1 and choice != "none":
        return [(names[0], reply)]
    raise _mistake(number, "is structured output, but the request asks for none")


def _check(message: AIMessage, call: ChatCall, number: int) -> None:
    names = [str(made["name"]) for made in [*message.tool_calls, *message.invalid_tool_calls]]
    offered, choice = call.request.tool_names, call.request.tool_choice
    if names and (not offered or choice == "none"):
        raise _mistake(number, f"calls {', '.join(names)}, but the request allows no tools")
    if not names and choice not in (None, "auto", "none"):
        wanted = "a tool" if choice == "any" else f"the tool {choice}"
        raise _mistake(number, f"calls no tool, but the request forces a call of {wanted}")
    if choice in offered and set(names) != {choice}:
        raise _mistake(number, f"calls {', '.join(names)}, but the request forces {choice}")
    if len(names) > 1 and not call.parallel:
        raise _mistake(number, f"has {len(names)} calls, but the request allows one at a time")
