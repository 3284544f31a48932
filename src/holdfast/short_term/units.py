"""What cannot be taken apart: a message, or an assistant's tool calls with all their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AnyMessage, BaseMessage

from holdfast.wording import read_messages

_ROLES = {"human": "user", "ai": "assistant", "tool": "tool", "system": "system"}


@dataclass(frozen=True, slots=True)
class Unit:
    """Messages of a conversation that are kept, or summarised, together.

    Args:
        messages: A message; tool calls with their results; or a result without its call.
        role: Whose it is: "user", "assistant", "tool" or "system".
        asked: The ids of the tool calls in it.
        answered: The ids of the calls that its results answer, in order.
    """

    messages: tuple[AnyMessage, ...]
    role: str
    asked: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether each call has one result, and each result its call; providers refuse others."""
        return sorted(self.asked) == sorted(self.answered)

    @property
    def waits(self) -> bool:
        """Whether results of some calls are still to come, as far as can be told from in here."""
        return bool(self._waiting) and set(self.answered) <= set(self.asked)

    @property
    def _waiting(self) -> set[str]:
        return set(self.asked) - set(self.answered)

    def takes(self, role: str, answers: Sequence[str]) -> bool:
        """Tell whether a message behind it belongs to it."""
        if role != "tool" or self.role not in ("assistant", "tool"):
            return False
        return not answers or not self._waiting.isdisjoint(answers)


def units(messages: Iterable[AnyMessage]) -> list[Unit]:
    """Return a conversation in units, in order.

    A result among others that answers none of their calls (it is late, or there twice) is a unit
    of its own in front of them, so that they stay together.

    Example:
        >>> from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
        >>> call = {"name": "look", "args": {}, "id": "c1"}
        >>> asked, found = AIMessage("", tool_calls=[call]), ToolMessage("tea", tool_call_id="c1")
        >>> [len(unit.messages) for unit in units([HumanMessage("?"), asked, found])]
        [1, 2]
    """
    found: list[Unit] = []
    for message in messages:
        role, answers = role_of(message), _answers(message)
        last = found[-1] if found else None
        if last and last.takes(role, answers):
            together = (*last.messages, message)
            found[-1] = Unit(together, last.role, last.asked, (*last.answered, *answers))
            continue
        stray = last is not None and last.role == "assistant" and role == "tool"
        unit = Unit((message,), role, _asks(message), answers)
        found.insert(len(found) - stray, unit)
    return found


def role_of(message: BaseMessage) -> str:
    """Return whose message it is; results in Anthropic's blocks are a tool's, not the user's."""
    plain = _ROLES.get(message.type) if isinstance(message.content, str) else None
    return plain or read_messages([message])[0].role


def _asks(message: BaseMessage) -> tuple[str, ...]:
    calls = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
    blocks = [block for block in _blocks(message) if block.get("type") == "tool_use"]
    return tuple(dict.fromkeys(str(call.get("id")) for call in [*calls, *blocks]))


def _answers(message: BaseMessage) -> tuple[str, ...]:
    own = getattr(message, "tool_call_id", None)
    if own is not None:
        return (str(own),)
    results = [block for block in _blocks(message) if block.get("type") == "tool_result"]
    return tuple(str(block.get("tool_use_id")) for block in results)


def _blocks(message: BaseMessage) -> Sequence[dict[str, Any]]:
    content = message.content
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []
