"""What a message of a journal says, beside the calls of tools in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.memory import MESSAGE_KIND, unwrap
from holdfast.recalled_text import MEMORY_TOOLS


def only_calls(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the tools that a message calls without a word; nothing for anything else.

    Args:
        value: What a store holds.

    Example:
        >>> call = {"tool": "search_memory", "arguments": "{}"}
        >>> only_calls({"kind": "Message", "content": {"text": "", "calls": [call]}})
        ('search_memory',)
    """
    kind, content = unwrap(value)
    calls = content.get("calls")
    if kind != MESSAGE_KIND or not isinstance(calls, list) or str(content.get("text", "")).strip():
        return ()
    return tuple(str(call.get("tool")) for call in calls if isinstance(call, Mapping))


def is_worth_recalling(value: Mapping[str, Any]) -> bool:
    """Tell a value from a message that says nothing and only looks into memories, or writes them.

    Args:
        value: What a store holds.
    """
    called = only_calls(value)
    return not called or not set(called) <= set(MEMORY_TOOLS)


def spoken_of(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return role and text of a message; None for anything else."""
    kind, content = unwrap(value)
    if kind != MESSAGE_KIND:
        return None
    return str(content.get("role")), str(content.get("text", ""))
