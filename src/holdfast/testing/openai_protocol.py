"""OpenAI's protocol: chat completions, embeddings and models, with the rules of the provider."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import struct
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call

from holdfast.testing.http import (
    ChatCall,
    ProviderError,
    Response,
    event,
    objects,
    pieces,
    required,
)
from holdfast.testing.scripted import Request

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_WORD = re.compile(r"\w+")
_DIMENSIONS = 64
_MODELS = ("gpt-5-mini", "text-embedding-3-small")
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_CAUSES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "insufficient_permissions"),
    404: ("invalid_request_error", "not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def error_body(error: ProviderError) -> dict[str, Any]:
    """Return an error in OpenAI's shape."""
    usual = "server_error" if error.status >= 500 else "invalid_request_error"
    kind, code = _CAUSES.get(error.status, (usual, None))
    return {
        "error": {
            "message": error.message,
            "type": kind,
            "param": error.param,
            "code": error.code or code,
        }
    }


def read_chat(body: Any) -> ChatCall:
    """Read a request for a chat completion.

    Raises:
        ProviderError: It breaks one of the provider's rules.
    """
    body = required(body, "model", "messages")
    messages = objects(body["messages"], "messages")
    _check_messages(messages)
    tools = _tools(body)
    if body.get("n") not in (None, 1):
        raise ProviderError(400, "The local provider plays one reply a request.", param="n")
    request = Request([_message(sent) for sent in messages], tools, _tool_choice(body, tools))

    def answer(message: AIMessage, number: int) -> Response:
        if body.get("stream"):
            return Response(events=list(_events(body, message, number)))
        return Response(_completion(body, message, number))

    parallel = body.get("parallel_tool_calls") is not False
    return ChatCall(request, _wants_json(body, request), parallel, answer)


def _refuse(message: str, param: str, code: str | None = None) -> ProviderError:
    return ProviderError(400, message, param=param, code=code)


def _check_messages(messages: list[dict[str, Any]]) -> None:
    if not messages:
        text = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise _refuse(text, "messages", "empty_array")
    open_ids: list[str] = []
    for place, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            if message.get("tool_call_id") not in open_ids:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
                raise _refuse(text, f"messages.[{place}].role")
            open_ids.remove(message["tool_call_id"])
            continue
        _check_answered(open_ids, place)
        if role not in ("system", "developer", "user", "assistant"):
            raise _refuse(f"Invalid value: {role!r}.", f"messages[{place}].role", "invalid_value")
        calls = objects(message.get("tool_calls") or [], f"messages[{place}].tool_calls")
        if message.get("content") is None and not calls:
            text = "Invalid value for 'content': expected a string, got null."
            raise _refuse(text, f"messages.[{place}].content")
        open_ids = [str(call.get("id")) for call in calls]
    _check_answered(open_ids, len(messages))


def _check_answered(open_ids: list[str], place: int) -> None:
    if open_ids:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        )
        raise _refuse(text + ", ".join(open_ids), f"messages.[{place}].role")


def _tools(body: dict[str, Any]) -> list[dict[str, Any]]:
    if body.get("tools") is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if body.get(name) is not None:
                text = f"Invalid value for '{name}': only allowed when 'tools' are specified."
                raise _refuse(text, name)
        return []
    tools = objects(body["tools"], "tools")
    if not tools:
        text = "Invalid 'tools': empty array. Expected an array with minimum length 1."
        raise _refuse(text, "tools", "empty_array")
    for place, tool in enumerate(tools):
        _check_tool(tool, f"tools[{place}]")
    return tools


def _check_tool(tool: dict[str, Any], where: str) -> None:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise _refuse("Invalid value: the only type of tool is 'function'.", f"{where}.type")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = (
            f"Invalid '{where}.function.name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]{1,64}$'."
        )
        raise _refuse(text, f"{where}.function.name", "invalid_value")
    schema = function.get("parameters", {"type": "object"})
    kind = schema.get("type") if isinstance(schema, dict) else type(schema).__name__
    if kind != "object":
        text = (
            f"Invalid schema for function '{name}': schema must be a JSON Schema of "
            f"'type: \"object\"', got 'type: \"{kind}\"'."
        )
        raise _refuse(text, f"{where}.function.parameters", "invalid_function_parameters")


def _tool_choice(body: dict[str, Any], tools: list[dict[str, Any]]) -> str | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str) and choice in _CHOICES:
        return _CHOICES[choice]
    function = choice.get("function") if isinstance(choice, dict) else None
    if not isinstance(function, dict):
        raise _refuse(f"Invalid value for 'tool_choice': {choice!r}.", "tool_choice")
    name = str(function.get("name"))
    if name not in [tool["function"]["name"] for tool in tools]:
        raise _refuse(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
    return name


def _wants_json(body: dict[str, Any], request: Request) -> bool:
    wanted = body.get("response_format") or {"type": "text"}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("text", "json_object", "json_schema"):
        raise _refuse(f"Invalid value: {kind!r}.", "response_format.type", "invalid_value")
    if kind == "json_schema" and not isinstance(wanted.get("json_schema"), dict):
        raise _refuse("Missing required parameter.", "response_format.json_schema")
    said = " ".join(str(message.content) for message in request.messages)
    if kind == "json_object" and "json" not in said.lower():
        text = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'."
        )
        raise _refuse(text, "messages")
    return bool(kind != "text")


def _message(sent: dict[str, Any]) -> BaseMessage:
    content = sent.get("content") or ""
    if sent["role"] == "tool":
        return ToolMessage(content, tool_call_id=sent["tool_call_id"])
    if sent["role"] == "user":
        return HumanMessage(content, name=sent.get("name"))
    if sent["role"] != "assistant":
        return SystemMessage(content)
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in sent.get("tool_calls") or []:
        name, text = call["function"]["name"], call["function"]["arguments"]
        try:
            calls.append(tool_call(name=name, args=json.loads(text), id=call["id"]))
        except ValueError as error:
            wrong = invalid_tool_call(name=name, args=text, id=call["id"], error=str(error))
            invalid.append(wrong)
    return AIMessage(content, tool_calls=calls, invalid_tool_calls=invalid)


def _calls(message: AIMessage) -> list[dict[str, Any]]:
    said = [(call, json.dumps(call["args"], ensure_ascii=False)) for call in message.tool_calls]
    broken = [(call, call["args"] or "") for call in message.invalid_tool_calls]
    return [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": arguments},
        }
        for call, arguments in [*said, *broken]
    ]


def _usage(message: AIMessage) -> dict[str, Any]:
    usage = message.usage_metadata
    assert usage is not None
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    thought = usage.get("output_token_details", {}).get("reasoning", 0)
    return {
        "prompt_tokens": usage["input_tokens"],
        "completion_tokens": usage["output_tokens"],
        "total_tokens": usage["total_tokens"],
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
    }


def _finish(message: AIMessage, calls: list[dict[str, Any]]) -> str:
    usual = "tool_calls" if calls else "stop"
    return str(message.response_metadata.get("finish_reason", usual))


def _completion(body: dict[str, Any], message: AIMessage, number: int) -> dict[str, Any]:
    calls = _calls(message)
    content = message.text or (None if calls else "")
    said: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls:
        said["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": said,
        "logprobs": None,
        "finish_reason": _finish(message, calls),
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": _usage(message),
    }


def _deltas(message: AIMessage, calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if calls and not message.text else ""}
    for piece in pieces(message.text):
        yield {"content": piece}
    for index, call in enumerate(calls):
        function = call["function"]
        opened = {**call, "function": {"name": function["name"], "arguments": ""}}
        yield {"tool_calls": [{"index": index, **opened}]}
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _events(body: dict[str, Any], message: AIMessage, number: int) -> Iterator[bytes]:
    frame = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body["model"],
    }
    counts = bool((body.get("stream_options") or {}).get("include_usage"))
    unknown: dict[str, Any] = {"usage": None} if counts else {}
    calls = _calls(message)
    for delta in _deltas(message, calls):
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": None}
        yield event({**frame, "choices": [choice], **unknown})
    last = {"index": 0, "delta": {}, "finish_reason": _finish(message, calls)}
    yield event({**frame, "choices": [last], **unknown})
    if counts:
        yield event({**frame, "choices": [], "usage": _usage(message)})
    yield event("[DONE]")


def embeddings(body: Any) -> Response:
    """Answer a request for embeddings: equal texts get equal vectors, shared words closer ones.

    Raises:
        ProviderError: It breaks one of the provider's rules.
    """
    body = required(body, "model", "input")
    size = _DIMENSIONS if body.get("dimensions") is None else body["dimensions"]
    if not isinstance(size, int) or size < 1:
        raise _refuse("Invalid 'dimensions': expected a positive integer.", "dimensions")
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise _refuse(f"Invalid value: {encoding!r}.", "encoding_format", "invalid_value")
    texts = _inputs(body["input"])
    data = []
    for index, text in enumerate(texts):
        packed = _vector(text, size)
        vector: Any = list(struct.unpack(f"<{size}f", packed))
        if encoding == "base64":
            vector = base64.b64encode(packed).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(len(text) // 4 + 1 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Response({"object": "list", "data": data, "model": body["model"], "usage": usage})


def _inputs(given: Any) -> list[str]:
    """Return the texts; one given as tokens becomes a text that has a word for each."""
    items = given if isinstance(given, list) else [given]
    if items and all(isinstance(item, int) for item in items):
        items = [items]
    texts = [" ".join(map(str, item)) if isinstance(item, list) else item for item in items]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise _refuse("'$.input' is invalid: expected texts that are not empty.", "input")
    return texts


def _vector(text: str, size: int) -> bytes:
    totals = [0.0] * size
    for word in _WORD.findall(text.lower()) or [text]:
        bits = int.from_bytes(hashlib.shake_128(word.encode()).digest(size // 8 + 1), "little")
        for place in range(size):
            totals[place] += 1.0 if bits >> place & 1 else -1.0
    length = math.hypot(*totals)
    if not length:
        totals[0] = length = 1.0
    return struct.pack(f"<{size}f", *(total / length for total in totals))


def models() -> Response:
    """Answer a request for the list of models."""
    owned = {"object": "model", "created": 0, "owned_by": "holdfast"}
    return Response({"object": "list", "data": [{"id": name, **owned} for name in _MODELS]})
