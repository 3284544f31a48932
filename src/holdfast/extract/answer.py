"""A model's answer, read: its tool calls, in whatever way it made them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from holdfast.mending import read_json

_LIST_IN_PROSE = re.compile(r"```(?:json)?\s*(.+?)```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool.

    Args:
        name: The tool's name.
        arguments: Its arguments; None when they could not be read.
        raw: What was given for them, when they could not be read.
    """

    name: str
    arguments: Mapping[str, Any] | None
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the calls in it.

    Args:
        message: The answer as it goes back to the model, each call with an id.
        calls: The calls, in order.
        in_text: Whether they were JSON in the text rather than tool calls.
        unread: The text, where JSON of calls was asked for and could not be read.
    """

    message: BaseMessage
    calls: tuple[Call, ...]
    in_text: bool = False
    unread: str = ""


def read_answer(message: BaseMessage, names: Collection[str], *, text_only: bool) -> Answer:
    """Read the tool calls of an answer.

    Args:
        message: What the model sent.
        names: The tools on offer; JSON in prose counts as calls only when it names one.
        text_only: Whether the model has no tools and was asked for JSON.
    """
    tool_calls = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
    if tool_calls:
        return Answer(_with_ids(message), tuple(_read_call(call) for call in tool_calls))
    found = _json_in(str(message.text))
    calls = None if found is None else _calls_in(found)
    if calls is not None and (text_only or any(call.name in names for call in calls)):
        return Answer(message, tuple(calls), in_text=True)
    unread = str(message.text).strip() if text_only else ""
    return Answer(message, (), in_text=True, unread=unread)


def _read_call(call: Mapping[str, Any]) -> Call:
    arguments = call.get("args")
    name = str(call.get("name") or "")
    read = read_json(arguments) if isinstance(arguments, str) else arguments
    if isinstance(read, Mapping) and set(read) == {"arguments"}:
        inner = read["arguments"]
        inner = read_json(inner) if isinstance(inner, str) else inner
        read = inner if isinstance(inner, Mapping) else read
    return Call(name, read if isinstance(read, Mapping) else None, str(arguments))


def _with_ids(message: BaseMessage) -> BaseMessage:
    """Return the answer with an id of its own for every call: each gets a message back."""
    assert isinstance(message, AIMessage)
    given = [call.get("id") for call in (*message.tool_calls, *message.invalid_tool_calls)]
    if all(given) and len(set(given)) == len(given):
        return message
    ids = iter(f"call_{number}" for number in range(1, len(given) + 1))
    return message.model_copy(
        update={
            "tool_calls": [{**call, "id": next(ids)} for call in message.tool_calls],
            "invalid_tool_calls": [
                {**call, "id": next(ids)} for call in message.invalid_tool_calls
            ],
        }
    )


def _json_in(text: str) -> Any:
    for part in (text, *_LIST_IN_PROSE.findall(text), *_bracketed(text)):
        if (found := read_json(part)) is not None and isinstance(found, list | Mapping):
            return found
    return None


def _bracketed(text: str) -> Sequence[str]:
    start, end = text.find("["), text.rfind("]")
    return [text[start : end + 1]] if 0 <= start < end else []


def _calls_in(found: Any) -> list[Call] | None:
    """Return the calls that JSON data spells out, or None when it spells out something else."""
    if isinstance(found, Mapping):
        found = found.get("tool_calls", [found])
    if not isinstance(found, list):
        return None
    calls = []
    for one in found:
        if not isinstance(one, Mapping):
            return None
        one = one.get("function", one)  # noqa: PLW2901 - OpenAI's envelope
        name = one.get("name") if isinstance(one, Mapping) else None
        arguments = next((one[k] for k in ("arguments", "args", "parameters") if k in one), None)
        if not isinstance(name, str) or arguments is None:
            return None
        calls.append(_read_call({"name": name, "args": arguments}))
    return calls


def replies(answer: Answer, told: Sequence[str]) -> list[BaseMessage]:
    """Return a tool message for each call of an answer, in order."""
    assert isinstance(answer.message, AIMessage)
    calls = (*answer.message.tool_calls, *answer.message.invalid_tool_calls)
    return [
        ToolMessage(content=text, tool_call_id=str(call["id"]), name=call.get("name"))
        for call, text in zip(calls, told, strict=True)
    ]
