"""What is told to the model that summarises: all of it, in parts that it can read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from holdfast import wording
from holdfast.memory import Message
from holdfast.wording import read_messages, render_messages

SMALLEST = 64
"""Texts of so few characters are not split, however little a request may hold."""

A_PIECE = 64
"""In so many tokens such a text fits in any script, with its quotes."""

_GAP = re.compile(r"\s+")


def parts(
    messages: Iterable[AnyMessage], budget: int, count: Callable[[Sequence[BaseMessage]], int]
) -> Iterator[HumanMessage]:
    """Yield a conversation as quoted data, in as many messages as the budget asks for.

    It is quoted, and by one speaker, because providers refuse tool calls where no tools are
    offered (Amazon Bedrock) and conversations that the assistant begins (Anthropic), and because a
    model that is handed a conversation as its own goes on with it.

    Args:
        messages: What is to be summarised, in order. A long one is split.
        budget: How many tokens each part may have.
        count: Counts tokens.

    Example:
        >>> (told,) = parts([HumanMessage("Tea, please.")], 100, len)
        >>> print(told.content)
        <conversation>
        <message role="user">Tea, please.</message>
        </conversation>
    """
    gathered: list[Message] = []
    size = 0

    def cost(message: Message) -> int:
        return count([HumanMessage(render_messages([message]))])

    for message in read_messages(messages):
        for piece in _pieces(message, cost, budget):
            tokens = cost(piece)
            if gathered and size + tokens > budget:
                yield _told(gathered)
                gathered, size = [], 0
            gathered.append(piece)
            size += tokens
    if gathered:
        yield _told(gathered)


def _told(messages: Sequence[Message]) -> HumanMessage:
    conversation = render_messages(messages)
    return HumanMessage(wording.text("summary_conversation", conversation=conversation))


def _pieces(message: Message, cost: Callable[[Message], int], budget: int) -> Iterator[Message]:
    """Yield a message, in pieces if it has more tokens than fit; together they say all of it."""
    if cost(message) <= budget:
        yield message
        return
    if message.text:
        yield from _split(replace(message, calls=()), _with_text, cost, budget)
    for call in message.calls:
        yield from _split(replace(message, text="", calls=(call,)), _with_arguments, cost, budget)


def _split(
    message: Message,
    with_text: Callable[[Message, str], Message],
    cost: Callable[[Message], int],
    budget: int,
) -> Iterator[Message]:
    text = message.text or message.calls[0][1]
    pieces = split(text, lambda piece: cost(with_text(message, piece)) <= budget)
    return (with_text(message, piece) for piece in pieces)


def _with_text(message: Message, text: str) -> Message:
    return replace(message, text=text)


def _with_arguments(message: Message, text: str) -> Message:
    return replace(message, calls=((message.calls[0][0], text),))


def split(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Yield a text in pieces that fit, cut between words where there are any.

    Example:
        >>> list(split("one two " * 16, lambda piece: len(piece) <= 64))[0][-8:]
        'one two '
    """
    if len(text) <= SMALLEST or fits(text):
        yield text
        return
    middle = len(text) // 2
    gaps = [gap.end() for gap in _GAP.finditer(text, middle - middle // 2, middle + middle // 2)]
    place = min(gaps, key=lambda end: abs(end - middle), default=middle)
    yield from split(text[:place], fits)
    yield from split(text[place:], fits)
