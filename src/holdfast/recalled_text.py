"""What was said, without what was recalled: kept again, that would be found beside its source."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from holdfast.wording.conversation import as_data, read_messages

MEMORY_TOOLS = (
    "manage_memory",
    "search_memory",
    *("search_memories", "recall_context", "get_memory", "list_memories"),
    *("add_memory", "update_memory", "delete_memory"),
)
"""Tools of ours whose answers are memories already, by name: an agent's own, and those over MCP."""


def worth_keeping(messages: Sequence[Any], tools: Collection[str] = MEMORY_TOOLS) -> list[Any]:
    """Return what was said, without system messages and without what memory tools answered.

    A system message is an instruction, and holds what was recalled. An answer is known by the id
    of its call, or by its own name.

    Args:
        messages: In any form that managers take.
        tools: Names of tools whose answers are memories.

    Returns:
        The messages in the form they came in. One in which Anthropic's clients hand over words
        beside results comes apart into both.

    Raises:
        InputError: It is no list of messages, or one cannot be read.

    Example:
        >>> calls = [{"name": "search_memory", "args": {}, "id": "1"}]
        >>> asked = {"role": "assistant", "content": "", "tool_calls": calls}
        >>> found = {"role": "tool", "tool_call_id": "1", "content": "Ines likes tea"}
        >>> [one["role"] for one in worth_keeping([asked, found, {"role": "user", "content": "?"}])]
        ['assistant', 'user']
    """
    messages = list(messages) if isinstance(messages, Iterator) else messages
    read = read_messages(messages)
    called: set[str] = set()
    recalled: set[str] = set()
    kept: list[Any] = []
    for given, message in zip(map(as_data, messages), read, strict=True):
        for id, name in _calls(given):
            called.add(id)
            (recalled.add if name in tools else recalled.discard)(id)
        if message.role == "system":
            continue
        answered = _answered(given)
        if answered is None:
            kept += _parted(given, recalled)
        elif not (answered in recalled if answered in called else message.speaker in tools):
            kept.append(given)
    return kept


def _calls(given: Any) -> Iterator[tuple[str, str]]:
    """Yield ids and names of the tools that a message calls."""
    if isinstance(given, BaseMessage):
        for call in getattr(given, "tool_calls", ()):
            yield str(call["id"]), call["name"]
    elif isinstance(given, Mapping):
        for call in given.get("tool_calls") or ():
            named = call.get("function") or call
            yield str(call.get("id")), str(named.get("name"))
    for block in _blocks(given):
        if block.get("type") == "tool_use":
            yield str(block.get("id")), str(block.get("name"))


def _answered(given: Any) -> str | None:
    """Return the id of the call that a message of a tool answers."""
    found = (
        given.get("tool_call_id")
        if isinstance(given, Mapping)
        else getattr(given, "tool_call_id", None)
    )
    return None if found is None else str(found)


def _parted(given: Any, recalled: Collection[str]) -> list[Any]:
    """Return a message without results of some calls; words apart from the results beside them."""
    blocks = list(_blocks(given))
    results = [block for block in blocks if block.get("type") == "tool_result"]
    if not results:
        return [given]
    words = [block for block in blocks if block.get("type") != "tool_result"]
    others = [block for block in results if str(block.get("tool_use_id")) not in recalled]
    if others == results and not words:
        return [given]
    return [_with(given, part) for part in (others, words) if part]


def _blocks(given: Any) -> Iterator[Mapping[str, Any]]:
    content = given.get("content") if isinstance(given, Mapping) else getattr(given, "content", "")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping):
            yield block


def _with(given: Any, blocks: list[Mapping[str, Any]]) -> Any:
    if isinstance(given, Mapping):
        return {**given, "content": blocks}
    return given.model_copy(update={"content": blocks})
