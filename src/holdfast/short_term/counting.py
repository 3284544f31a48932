"""How many tokens messages have, told without a tokenizer's tables."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias, cast

from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.messages.utils import MessageLikeRepresentation

from holdfast.errors import ConfigurationError, shown
from holdfast.wording import as_json, context

TokenCounter: TypeAlias = (
    Callable[[Sequence[BaseMessage]], int] | Callable[[Iterable[MessageLikeRepresentation]], int]
)

A_MESSAGE = 4
"""What a message costs beside its words: its role, and where it begins and ends."""

A_PICTURE = 800
"""What a picture, a sound or a file counts: about a picture of 800 x 800 at today's providers."""

_UNREAD = frozenset(
    ("image", "image_url", "input_image", "audio", "input_audio", "video", "file", "document")
)


def checked(counter: Any) -> Callable[[Sequence[BaseMessage]], int]:
    """Return a user's counter, watched: what is no number of tokens would never start a summary.

    Raises:
        ConfigurationError: It cannot be called; or, once it is, its answer is no number from 0 on.

    Example:
        >>> checked(count_tokens)([])
        0
    """
    if not callable(counter):
        raise ConfigurationError(
            "token_counter must be a function that takes a list of messages and returns their "
            f"number of tokens; got {shown(counter)}. Leave it out to use holdfast's."
        )

    def count(messages: Sequence[BaseMessage]) -> int:
        number: Any = counter(messages)
        good = isinstance(number, Real) and not isinstance(number, bool)
        if good and math.isfinite(number) and number >= 0:
            return cast("int", number)
        if inspect.iscoroutine(number):
            number.close()
        raise ConfigurationError(
            "token_counter must return how many tokens messages have, a number from 0 on; it "
            f"returned {shown(number)} for {len(messages)} messages."
        )

    return count


def count_tokens(messages: Iterable[MessageLikeRepresentation]) -> int:
    """Return about how many tokens messages have; nothing is downloaded.

    Each counts its words as UTF-8 bytes / 4, its tool calls as JSON likewise, 4 for its frame, and
    800 for each picture, sound or file. English comes to a token for four letters, Chinese to three
    tokens for four characters; OpenAI's o200k tables give 24 for a sentence of 29 signs, those
    before them 34 (OpenAI, "Hello GPT-4o", 2024).

    Args:
        messages: In any form that LangChain takes.

    Returns:
        The count, in tokens.

    Example:
        >>> count_tokens([("user", "Tea with lemon, please.")])
        10
    """
    return sum(_counted(message) for message in convert_to_messages(messages))


def _counted(message: BaseMessage) -> int:
    content = message.content
    blocks = [content] if isinstance(content, str) else content
    count = A_MESSAGE + sum(_block(block) for block in blocks)
    if isinstance(message, AIMessage):
        in_blocks = {block.get("id") for block in blocks if isinstance(block, Mapping)}
        calls = [call for call in message.tool_calls if call["id"] not in in_blocks]
        count += sum(context.count_tokens(as_json([c["name"], c["args"], c["id"]])) for c in calls)
    return count + context.count_tokens(message.name or "")


def _block(block: Any) -> int:
    if not isinstance(block, Mapping):
        return context.count_tokens(str(block))
    if block.get("type") in _UNREAD:
        return A_PICTURE
    inner = block.get("content")
    if isinstance(inner, list):
        return sum(_block(part) for part in inner)
    said = block.get("text")
    return context.count_tokens(said if isinstance(said, str) else as_json(dict(block)))
