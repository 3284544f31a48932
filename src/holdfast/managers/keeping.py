"""Keeps messages verbatim, each once, without a model."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.store.base import BaseStore, GetOp, PutOp, SearchItem

from holdfast.flow import Flow, StoreOps, exclusively
from holdfast.memory import MESSAGE_KIND, Change, Message, Receipt, Remembered, clean
from holdfast.namespace import decode_namespace
from holdfast.retrieval.finding import everything


def keep(
    store: BaseStore, namespace: tuple[str, ...], messages: Sequence[Message], thread: str | None
) -> Flow[list[dict[str, Any]]]:
    """Keep each message that is not kept yet; return the puts, with the receipt on the list.

    A message is known by its id. Without one it is known by thread, role, text and which
    occurrence it is; what overlaps with the end of the thread is taken for the same messages.

    Args:
        store: Where to.
        namespace: Stored labels.
        messages: A stretch of conversation, in order.
        thread: The thread; None names it by a digest of these messages.
    """
    release = yield exclusively(store, namespace)
    try:
        return (yield from _keep(store, namespace, messages, thread))
    finally:
        release()


def _keep(
    store: BaseStore, namespace: tuple[str, ...], messages: Sequence[Message], thread: str | None
) -> Flow[list[dict[str, Any]]]:
    once = _digest(*(part for message in messages for part in _words(message)))
    name = clean(thread) if thread else f"once-{once}"
    told = yield from everything(store, namespace, {"kind": MESSAGE_KIND, "thread": name})
    there = sorted(
        (item for item in told if item.namespace == namespace and _is_ours(item)),
        key=lambda item: int(item.value["content"]["seq"]),
    )
    changes = [
        Change("rejected", None, MESSAGE_KIND, reason=f"nothing was said @ messages/{number}")
        for number, message in enumerate(messages)
        if not (message.text or message.calls)
    ]
    said = [message for message in messages if message.text or message.calls]
    keys = _keys(said, there, name, scope=name if thread else "")
    found = yield StoreOps(store, [GetOp(namespace, key) for key in keys])
    kept = {key: item.value["content"] for key, item in zip(keys, found, strict=True) if item}
    seq = int(there[-1].value["content"]["seq"]) if there else 0
    puts: list[dict[str, Any]] = []
    for message, key in zip(said, keys, strict=True):
        if key in kept:
            changes.append(Change("unchanged", key, MESSAGE_KIND, kept[key], kept[key]))
            continue
        seq += 1
        value = _value(message, name, seq)
        kept[key] = value["content"]
        changes.append(Change("inserted", key, MESSAGE_KIND, None, value["content"]))
        puts.append({"namespace": decode_namespace(namespace), "key": key, "value": value})
    if puts:
        yield StoreOps(store, [PutOp(namespace, put["key"], put["value"]) for put in puts])
    return Remembered(puts, Receipt(tuple(changes), decode_namespace(namespace)))


def _is_ours(item: SearchItem) -> bool:
    """Tell a message that was kept here from what others may store under that kind."""
    content = item.value.get("content")
    return isinstance(content, dict) and {"role", "text", "seq"} <= set(content)


def _value(message: Message, thread: str, seq: int) -> dict[str, Any]:
    """Return what is stored of a message; `thread` stands outside too, where stores can filter."""
    content: dict[str, Any] = {
        "role": message.role,
        "text": message.text,
        "speaker": message.speaker,
        "time": message.time,
        "thread": thread,
        "seq": seq,
    }
    if message.id:
        content["id"] = message.id
    if message.calls:
        content["calls"] = [{"tool": tool, "arguments": args} for tool, args in message.calls]
    return {"kind": MESSAGE_KIND, "thread": thread, "content": content}


def _keys(
    messages: Sequence[Message], there: Sequence[SearchItem], thread: str, scope: str
) -> list[str]:
    """Return the key by which each message is known."""
    said = [message for message in messages if _is_said(message)]
    before = [item for item in there if item.value["content"]["role"] != "system"]
    words = [_words(message) for message in said]
    told = [_told(item.value["content"]) for item in before]
    overlap = _overlap(told, words)
    known = iter([item.key for item in before[len(before) - overlap :]])
    occurrences = Counter(told)
    keys: list[str] = []
    for message in messages:
        key = next(known, None) if _is_said(message) else None
        if key is None and _is_said(message):
            occurrences[_words(message)] += 1
        if message.id:
            keys.append(_digest(scope, message.id, *_words(message)))
        else:
            keys.append(key or _digest(thread, *_words(message), str(occurrences[_words(message)])))
    return keys


def _is_said(message: Message) -> bool:
    """Tell what is said from instructions: these stand in front of every call, and count once."""
    return message.role != "system"


def _words(message: Message) -> tuple[str, ...]:
    """Return what a message says, and which tools it calls with what."""
    return (message.role, message.text, *(part for call in message.calls for part in call))


def _told(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the same of a message that is kept."""
    calls = [(call["tool"], call["arguments"]) for call in content.get("calls", ())]
    return (content["role"], content["text"], *(part for call in calls for part in call))


def _overlap(said: Sequence[Any], coming: Sequence[Any]) -> int:
    """Return how many messages at the end of a thread are those at the start of the new ones.

    Source: the failure function of Knuth, Morris and Pratt, "Fast Pattern Matching in Strings"
    (1977), run over the new messages followed by the thread's end; linear in their number.
    """
    end = list(said[-len(coming) :]) if coming else []
    run: list[Any] = [*coming, None, *end]
    border = [0] * len(run)
    for at in range(1, len(run)):
        length = border[at - 1]
        while length and run[at] != run[length]:
            length = border[length - 1]
        border[at] = length + 1 if run[at] == run[length] else 0
    return border[-1] if end else 0


def _digest(*parts: str) -> str:
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
