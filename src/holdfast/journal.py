"""Which message is which: a journal keeps each once, however often it is handed over.

A message is known by its id. Without one it is known by thread, role, words and which occurrence
it is; what overlaps with the end of the thread is taken for the same messages.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from holdfast.memory import Message


def digest(*parts: str) -> str:
    """Return a short name that stands for some texts and no others."""
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def said(message: Message) -> str:
    """Return a digest of what a message says, and which tools it calls with what.

    Example:
        >>> said(Message("user", "tea")) == said(Message("user", "tea", speaker="Nora"))
        True
    """
    calls = (part for call in message.calls for part in call)
    return digest(message.role, message.text, *calls)


def is_said(message: Message) -> bool:
    """Tell what is said from instructions: these stand in front of every call, and count once."""
    return message.role != "system"


def once(messages: Sequence[Message]) -> str:
    """Return the name of the thread of messages that name none."""
    return f"once-{digest(*map(said, messages))}"


def identities(
    messages: Sequence[Message],
    end: Sequence[tuple[str, str]],
    often: Mapping[str, int],
    thread: str,
    scope: str,
) -> list[str]:
    """Return the key by which each message is known.

    Args:
        messages: A stretch of conversation, in order.
        end: Key and digest of what was said last in the thread, oldest first, instructions left
            out; as many as there are messages, or all of them.
        often: How often each digest stands in the thread.
        thread: The thread's name.
        scope: What message ids are unique in: the thread, or "" where none was named.
    """
    spoken = [said(message) for message in messages if is_said(message)]
    shared = overlap([words for _, words in end], spoken)
    known = iter([key for key, _ in end[len(end) - shared :]])
    occurrences = Counter(often)
    keys: list[str] = []
    for message in messages:
        words = said(message)
        key = next(known, None) if is_said(message) else None
        if key is None and is_said(message):
            occurrences[words] += 1
        if message.id:
            keys.append(digest(scope, message.id, words))
        else:
            keys.append(key or digest(thread, words, str(occurrences[words])))
    return keys


def overlap(told: Sequence[str], coming: Sequence[str]) -> int:
    """Return how many messages at the end of a thread are those at the start of the new ones.

    Args:
        told: What stands for each message of the thread, in order.
        coming: What stands for each of the new ones.

    Example:
        >>> overlap(["hi", "tea?", "yes"], ["tea?", "yes", "with milk"])
        2

    Source: the failure function of Knuth, Morris and Pratt, "Fast Pattern Matching in Strings"
    (1977), run over the new messages followed by the thread's end; linear in their number.
    """
    end = list(told[-len(coming) :]) if coming else []
    run: list[str | None] = [*coming, None, *end]
    border = [0] * len(run)
    for at in range(1, len(run)):
        length = border[at - 1]
        while length and run[at] != run[length]:
            length = border[length - 1]
        border[at] = length + 1 if run[at] == run[length] else 0
    return border[-1] if end else 0
