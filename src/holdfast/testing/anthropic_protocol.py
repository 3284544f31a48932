"""Anthropic's protocol: messages and token counts, with the rules of the provider."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call

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

_Block: TypeAlias = dict[str, Any]
_Turn: TypeAlias = tuple[str, list[_Block]]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES = ("auto", "any", "none")
_SAMPLING = ("temperature", "top_p", "top_k")
_WITHOUT_SAMPLING = "2026-10-21"
_WITHOUT_FORCED_CHOICE = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1")
_WITH_PREFILL = re.compile(r"claude-(3|(opus|sonnet|haiku)-4-([0-5]\b|20))")
_CAUSES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(error: ProviderError) -> dict[str, Any]:
    """Return an error in Anthropic's shape."""
    usual = "api_error" if error.status >= 500 else "invalid_request_error"
    said: dict[str, Any] = {
        "type": _CAUSES.get(error.status, usual),
        "message": error.message,
    }
    if error.code:
        said["details"] = {"error_code": error.code}
    return {"type": "error", "error": said}


def read_messages(body: Any, headers: dict[str, str]) -> ChatCall:
    """Read a request for a message.

    Raises:
        ProviderError: It breaks one of the provider's rules.
    """
    body = required(body, "model", "max_tokens", "messages")
    request = _read(body, headers)
    choice = body.get("tool_choice") or {}
    output = (body.get("output_config") or {}).get("format") or body.get("output_format")

    def answer(message: AIMessage, number: int) -> Response:
        if body.get("stream"):
            return Response(events=list(_events(body, message, number)))
        whole = {"content": _blocks(message), **_end(message), "usage": _usage(message)}
        return Response({**_opening(body, number), **whole})

    return ChatCall(request, bool(output), not choice.get("disable_parallel_tool_use"), answer)


def count_tokens(body: Any, headers: dict[str, str]) -> Response:
    """Answer a request for a count of tokens: roughly four characters make one.

    Raises:
        ProviderError: It breaks one of the provider's rules.
    """
    request = _read(required(body, "model", "messages"), headers)
    return Response({"input_tokens": len(request.text) // 4})


def _read(body: dict[str, Any], headers: dict[str, str]) -> Request:
    version = headers.get("anthropic-version")
    if version is None:
        raise ProviderError(400, "anthropic-version: header is required")
    for name in _SAMPLING:
        if version >= _WITHOUT_SAMPLING and name in body:
            raise ProviderError(400, f"{name}: Extra inputs are not permitted")
    turns = _turns(objects(body["messages"], "messages"))
    _check_turns(turns, str(body["model"]))
    tools = _tools(body)
    choice = _tool_choice(body, tools)
    system = body.get("system")
    if system is not None and not isinstance(system, str):
        system = _texts(objects(system, "system"))
    first: list[BaseMessage] = [SystemMessage(system)] if system else []
    return Request([*first, *_messages(turns)], tools, choice)


def _texts(blocks: list[_Block]) -> str:
    return "\n".join(str(block.get("text", "")) for block in blocks)


def _of_type(blocks: list[_Block], kind: str) -> list[_Block]:
    return [block for block in blocks if block.get("type") == kind]


def _turns(messages: list[_Block]) -> list[_Turn]:
    """Return the messages as turns of blocks; neighbours of one role are one turn, as there."""
    if not messages:
        raise ProviderError(400, "messages: at least one message is required")
    turns: list[_Turn] = []
    for place, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system") or (role == "system" and not place):
            raise ProviderError(
                400,
                f'messages.{place}: Unexpected role "{role}". The Messages API accepts a '
                'top-level `system` parameter, not "system" as an input message role.',
            )
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        blocks = objects(blocks, f"messages.{place}.content")
        if any(not block.get("text") for block in _of_type(blocks, "text")):
            raise ProviderError(400, f"messages.{place}: text content blocks must be non-empty")
        if not blocks and place + 1 < len(messages):
            raise ProviderError(400, f"messages.{place}: all messages must have non-empty content")
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, list(blocks)))
    return turns


def _check_turns(turns: list[_Turn], model: str) -> None:
    if turns[0][0] != "user":
        raise ProviderError(400, 'messages: first message must use the "user" role')
    asked: list[str] = []
    for place, (_, blocks) in enumerate(turns):
        # Results count as long as nothing else comes before them.
        count = next((n for n, b in enumerate(blocks) if b.get("type") != "tool_result"), None)
        answered = [str(block.get("tool_use_id")) for block in blocks[:count]]
        missing = [name for name in asked if name not in answered]
        if missing:
            raise _unanswered(place - 1, missing)
        for block in _of_type(blocks, "tool_result"):
            if block.get("tool_use_id") not in asked:
                raise ProviderError(
                    400,
                    f"messages.{place}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{block.get('tool_use_id')}. Each `tool_result` block must have a "
                    "corresponding `tool_use` block in the previous message.",
                )
        asked = [str(block.get("id")) for block in _of_type(blocks, "tool_use")]
    if asked:
        raise _unanswered(len(turns) - 1, asked)
    if turns[-1][0] == "assistant" and not _WITH_PREFILL.match(model):
        raise ProviderError(
            400,
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message.",
        )


def _unanswered(place: int, ids: list[str]) -> ProviderError:
    return ProviderError(
        400,
        f"messages.{place}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` "
        "block in the next message.",
    )


def _tools(body: dict[str, Any]) -> list[_Block]:
    converted: list[_Block] = []
    for place, tool in enumerate(objects(body.get("tools") or [], "tools")):
        schema = tool.get("input_schema")
        # A server tool has a type of its own, and a schema that only the provider knows.
        if tool.get("type") in (None, "custom"):
            _check_tool(tool.get("name"), schema, f"tools.{place}.custom")
        function: _Block = {
            "name": tool.get("name"),
            "description": tool.get("description", ""),
            "parameters": schema or {"type": "object", "properties": {}},
        }
        converted.append({"type": "function", "function": function})
    names = [tool["function"]["name"] for tool in converted]
    if len(set(names)) < len(names):
        raise ProviderError(400, "tools: Tool names must be unique.")
    return converted


def _check_tool(name: Any, schema: Any, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        text = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"
        raise ProviderError(400, f"{where}.name: {text}")
    if not isinstance(schema, dict):
        raise ProviderError(400, f"{where}.input_schema: Input should be an object")
    if schema.get("type") != "object":
        raise ProviderError(400, f"{where}.input_schema.type: Input should be 'object'")
    if {"oneOf", "allOf", "anyOf"} & schema.keys():
        text = "input_schema does not support oneOf, allOf, or anyOf at the top level"
        raise ProviderError(400, f"{where}.input_schema: {text}")


def _tool_choice(body: dict[str, Any], tools: list[_Block]) -> str | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in (*_CHOICES, "tool"):
        raise ProviderError(400, f"tool_choice: Input tag {kind!r} is not one of the expected tags")
    if not tools:
        raise ProviderError(400, "tool_choice may only be specified while providing tools.")
    if kind in ("any", "tool"):
        if str(body["model"]).startswith(_WITHOUT_FORCED_CHOICE):
            text = 'tool_choice: type "tool" and "any" are not supported for this model.'
            raise ProviderError(400, text)
        if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
            text = "Thinking may not be enabled when tool_choice forces tool use."
            raise ProviderError(400, text)
    if kind != "tool":
        return str(kind)
    name = str(choice.get("name"))
    if name not in [tool["function"]["name"] for tool in tools]:
        raise ProviderError(400, f"tool_choice: Tool '{name}' not found in provided tools")
    return name


def _messages(turns: list[_Turn]) -> Iterator[BaseMessage]:
    for role, blocks in turns:
        if role == "assistant":
            calls = [
                tool_call(name=block["name"], args=block["input"], id=block["id"])
                for block in _of_type(blocks, "tool_use")
            ]
            yield AIMessage(_content(blocks), tool_calls=calls)
            continue
        for block in _of_type(blocks, "tool_result"):
            sent = block.get("content") or ""
            content = sent if isinstance(sent, str) else _content(sent)
            status = "error" if block.get("is_error") else "success"
            yield ToolMessage(content, tool_call_id=block["tool_use_id"], status=status)
        rest = [block for block in blocks if block.get("type") != "tool_result"]
        if rest:
            yield SystemMessage(_texts(rest)) if role == "system" else HumanMessage(_content(rest))


def _content(blocks: list[_Block]) -> Any:
    """Return blocks as a message's content: a text if that is all there is."""
    plain = all(block.get("type") == "text" for block in blocks)
    return _texts(blocks) if plain else blocks


def _blocks(message: AIMessage) -> list[_Block]:
    said: list[_Block] = []
    if message.text:
        said.append({"type": "text", "text": message.text, "citations": None})
    for call in message.tool_calls:
        block = {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["args"]}
        said.append(block)
    return said


def _end(message: AIMessage) -> dict[str, Any]:
    usual = "tool_use" if message.tool_calls else "end_turn"
    reason = message.response_metadata.get("stop_reason", usual)
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(message: AIMessage) -> dict[str, int]:
    usage = message.usage_metadata
    assert usage is not None
    details = usage.get("input_token_details", {})
    read, written = details.get("cache_read", 0), details.get("cache_creation", 0)
    return {
        # Anthropic counts what came from the cache apart from the other input.
        "input_tokens": usage["input_tokens"] - read - written,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": usage["output_tokens"],
    }


def _opening(body: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _events(body: dict[str, Any], message: AIMessage, number: int) -> Iterator[bytes]:
    usage = _usage(message)
    opening = {**_opening(body, number), "usage": {**usage, "output_tokens": 1}}
    yield _event("message_start", message=opening)
    yield _event("ping")
    for index, block in enumerate(_blocks(message)):
        empty: _Block = {"text": ""}
        kind, field, whole = "text_delta", "text", block.get("text", "")
        if block["type"] == "tool_use":
            empty = {"input": {}}
            kind, field = "input_json_delta", "partial_json"
            whole = json.dumps(block["input"], ensure_ascii=False)
        yield _event("content_block_start", index=index, content_block={**block, **empty})
        for piece in pieces(whole):
            yield _event("content_block_delta", index=index, delta={"type": kind, field: piece})
        yield _event("content_block_stop", index=index)
    yield _event("message_delta", delta=_end(message), usage=usage)
    yield _event("message_stop")


def _event(name: str, **data: Any) -> bytes:
    return event({"type": name, **data}, name)
