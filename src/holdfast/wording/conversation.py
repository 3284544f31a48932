"""Conversations: read from any form that LangChain takes, and rendered as quoted text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from holdfast.errors import InputError, shown
from holdfast.memory import Message, clean

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_ROLES = {"human": "user", "ai": "assistant", "function": "tool", "developer": "system"}
_KEYS = ("role", "content", "tool_calls", "tool_call_id", "name", "id")
_TIMES = ("time", "timestamp", "created_at", "date")
_TAGS = (
    "conversation|earlier|message|call|known|memory|episodes|feedback|trajectory|trajectories|summary"
    "|current_prompt|prompts?|update_instructions|when_to_update|hypotheses|recommendations"
)
_OURS = re.compile(rf"<(?=\s*(?:/\s*)?(?:{_TAGS})\b)", re.IGNORECASE)
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
_NAMES = {"image_url": "image", "input_audio": "audio", "document": "file", "media": "file"}


def read_messages(given: Any) -> list[Message]:
    """Read messages in any form that LangChain takes, and OpenAI's dicts with a time.

    Args:
        given: A sequence of LangChain messages, dicts with `role` and `content`, (role, text)
            pairs, or `Message`s. A dict may carry `time` (ISO 8601), `name` and `id`.

    Returns:
        The messages as values, in order.

    Raises:
        InputError: It is no sequence of messages; the error names the first bad one.

    Example:
        >>> (message,) = read_messages([{"role": "user", "content": "hi", "time": "2026-01-02"}])
        >>> message.role, message.text, message.time
        ('user', 'hi', '2026-01-02')
    """
    return [_read(number, message) for number, message in enumerate(_listed(given))]


def langchain_messages(given: Any) -> list[BaseMessage]:
    """Return messages in any form that LangChain takes as LangChain's own.

    Raises:
        InputError: It is no sequence of messages; the error names the first bad one.

    Example:
        >>> langchain_messages([{"role": "user", "content": "hi", "id": "1"}])[0].id
        '1'
    """
    return [_converted(number, message) for number, message in enumerate(_listed(given))]


def _listed(given: Any) -> Iterable[Any]:
    alone = isinstance(given, str | bytes | Mapping) or hasattr(given, "content")
    if alone or not isinstance(given, Iterable) or _is_pair(given):
        raise InputError(
            f"'messages' must be a list of messages, got {type(given).__name__}: {shown(given)}"
        )
    return given


def read_state(given: Any, taker: str) -> list[Message]:
    """Read the messages of a runnable's input, `{"messages": [...]}`.

    Args:
        given: The input.
        taker: Who takes it, for the error: "A manager".

    Raises:
        InputError: It is no dict with messages, or a message cannot be read.
    """
    if not isinstance(given, Mapping) or "messages" not in given:
        raise InputError(f"{taker} takes {{'messages': [...]}}, got {shown(given)}.")
    return read_messages(given["messages"])


def _is_pair(given: Any) -> bool:
    """Tell one (role, text) from a list of messages, which may be texts too."""
    texts = isinstance(given, tuple) and len(given) == 2 and all(isinstance(g, str) for g in given)
    return texts and given[0] in (*_ROLES, *_ROLES.values(), "tool")


def as_data(given: Any) -> Any:
    """Return a message of a provider's SDK as a dict; anything else as it is.

    OpenAI's and Anthropic's clients answer with objects, which their next call takes as they are.
    """
    if isinstance(given, Mapping) and isinstance(given.get("content"), list):
        return {**given, "content": [_dumped(block) for block in given["content"]]}
    data = _dumped(given)
    if data is given or not isinstance(data, Mapping) or "role" not in data:
        return given
    return {"content": "", **{name: data[name] for name in _KEYS if name in data}}


def _dumped(given: Any) -> Any:
    """Return an object of a provider's SDK, which is a pydantic model, as data."""
    is_theirs = hasattr(given, "model_dump") and not hasattr(given, "additional_kwargs")
    return given.model_dump(exclude_none=True) if is_theirs else given


def _read(number: int, given: Any) -> Message:
    if isinstance(given, Message):
        return given
    given = as_data(given)
    calls: list[tuple[str, str]] = []
    if isinstance(given, Mapping):
        # Calls are read here: LangChain refuses a message for one malformed argument in it.
        calls = _openai_calls(given.get("tool_calls"))
        given = {k: v for k, v in given.items() if k != "tool_calls" or not calls}
        if calls:
            given.setdefault("content", "")
    message = _converted(number, given)
    role = getattr(message, "role", None) or message.type
    blocks = message.content if isinstance(message.content, list) else []
    kinds = {block.get("type") for block in blocks if isinstance(block, Mapping)}
    return Message(
        role="tool" if kinds == {"tool_result"} else _ROLES.get(role, role),
        text=clean(_text(message.content)),
        speaker=message.name and clean(message.name),
        time=_time(message),
        id=message.id,
        calls=tuple(calls or _calls(message, blocks)),
    )


def _converted(number: int, given: Any) -> BaseMessage:
    from langchain_core.messages import convert_to_messages

    try:
        return convert_to_messages([given])[0]
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InputError(
            f"Message {number} cannot be read: {shown(given)}. Give a LangChain message, a dict "
            f"with 'role' and 'content', or a (role, text) pair. ({str(error).splitlines()[0]})"
        ) from error


def _openai_calls(given: Any) -> list[tuple[str, str]]:
    """Return the calls of a dict in OpenAI's shape, their arguments as the model wrote them."""
    calls = []
    for call in given if isinstance(given, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            return []
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else _JSON.encode(arguments)
        calls.append((str(function.get("name")), clean(text)))
    return calls


def _calls(message: BaseMessage, blocks: Sequence[Any]) -> Iterable[tuple[str, str]]:
    """Yield the calls of a message: its own, else those in Anthropic's blocks."""
    own = getattr(message, "tool_calls", None)
    for call in own or ():
        yield call["name"], clean(_JSON.encode(call["args"]))
    for block in () if own else blocks:
        if isinstance(block, Mapping) and block.get("type") == "tool_use":
            yield str(block.get("name")), clean(_JSON.encode(block.get("input")))


def _time(message: BaseMessage) -> str | None:
    for place in (message.additional_kwargs, message.response_metadata):
        for name in _TIMES:
            value = place.get(name)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, date):
                return value.isoformat()
    return None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, Sequence) else [content]
    return "\n".join(filter(None, (_block(block) for block in blocks)))


def _block(block: Any) -> str:
    """Return a block's words; what is not text is named, since its bytes say nothing here."""
    if isinstance(block, str):
        return block
    if not isinstance(block, Mapping):
        return ""
    kind = str(block.get("type", "text"))
    if isinstance(block.get("text"), str):
        return str(block["text"])
    if kind == "tool_result":
        return _text(block.get("content") or "")
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return str(source.get("data") or "")
    if kind in ("tool_use", "tool_call", "reasoning", "thinking", "redacted_thinking"):
        return ""  # calls are told beside the text; thoughts were never said
    name = block.get("filename") or block.get("name") or block.get("title")
    return f"[{_NAMES.get(kind, kind)}{f': {name}' if isinstance(name, str) else ''}]"


def render_messages(messages: Iterable[Message]) -> str:
    """Render a conversation as quoted data; nothing said in it can close its own quotes.

    Example:
        >>> print(render_messages([Message("user", "hi </message>", speaker="Nora")]))
        <message role="user" name="Nora">hi &lt;/message></message>
    """
    return "\n".join(_rendered(message) for message in messages)


def _rendered(message: Message) -> str:
    given = {"role": message.role, "name": message.speaker, "time": message.time}
    head = "".join(f' {k}="{html.escape(" ".join(v.split()))}"' for k, v in given.items() if v)
    calls = [
        f'<call tool="{html.escape(tool)}">{quoted(args)}</call>' for tool, args in message.calls
    ]
    body = "\n".join(filter(None, [quoted(message.text), *calls]))
    return f"<message{head}>{body}</message>"


def render_known(known: Iterable[tuple[str, str, Any, str | None]]) -> str:
    """Render memories, each as (short id, kind, content, date), as quoted data.

    Example:
        >>> render_known([("m1", "Memory", {"content": "likes tea"}, "2026-01-02")])
        '<memory id="m1" kind="Memory" date="2026-01-02">{"content": "likes tea"}</memory>'
    """
    return "\n".join(
        _memory_line(alias, kind, content, date) for alias, kind, content, date in known
    )


def _memory_line(alias: str, kind: str, content: Any, date: str | None) -> str:
    dated = f' date="{html.escape(date)}"' if date else ""
    body = quoted(_JSON.encode(content))
    return f'<memory id="{alias}" kind="{html.escape(kind)}"{dated}>{body}</memory>'


def quoted(said: str) -> str:
    """Return a text that opens and closes none of our tags.

    Example:
        >>> quoted("hi </memory>")
        'hi &lt;/memory>'
    """
    return _OURS.sub("&lt;", clean(said))
