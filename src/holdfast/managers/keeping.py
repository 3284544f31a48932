"""Keeps messages verbatim, each once, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.store.base import BaseStore, GetOp, PutOp, SearchItem

from holdfast.flow import Flow, StoreOps, exclusively
from holdfast.history import ChangeSet, Said, said_content
from holdfast.journal import identities, once, said
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, Change, Message, Receipt, Remembered
from holdfast.namespace import decode_namespace
from holdfast.retrieval.finding import everything
from holdfast.stores.plain import write


def keep(store: BaseStore, namespace: tuple[str, ...], given: Said) -> Flow[Remembered]:
    """Keep each message that is not kept yet; return the puts, with the receipt on the list.

    A store with a journal keeps them there; any other as items of kind `Message`.

    Args:
        store: Where to.
        namespace: Stored labels.
        given: A stretch of conversation.
    """
    if isinstance(store, Ledger):
        receipt = yield from write(store, ChangeSet(namespace, journal=(given,)))
        return Remembered(_puts(receipt), replace(receipt, changes=receipt.journal, journal=()))
    release = yield exclusively(store, namespace)
    try:
        return (yield from _keep(store, namespace, given))
    finally:
        release()


def _puts(receipt: Receipt) -> list[dict[str, Any]]:
    return [
        {
            "namespace": receipt.namespace,
            "key": change.key,
            "value": {
                "kind": MESSAGE_KIND,
                "thread": change.after["thread"],
                "content": change.after,
            },
        }
        for change in receipt.journal
        if change.action == "inserted"
    ]


def _keep(store: BaseStore, namespace: tuple[str, ...], given: Said) -> Flow[Remembered]:
    spoken = [message for message in given.messages if message.text or message.calls]
    name = given.thread or once(spoken)
    told = yield from everything(store, namespace, {"kind": MESSAGE_KIND, "thread": name})
    there = sorted(
        (item for item in told if item.namespace == namespace and _is_ours(item)),
        key=lambda item: int(item.value["content"]["seq"]),
    )
    changes = [
        Change("rejected", None, MESSAGE_KIND, reason=f"nothing was said @ messages/{number}")
        for number, message in enumerate(given.messages)
        if not (message.text or message.calls)
    ]
    keys = _keys(spoken, there, name, scope=name if given.thread else "")
    found = yield StoreOps(store, [GetOp(namespace, key) for key in keys])
    kept = {key: item.value["content"] for key, item in zip(keys, found, strict=True) if item}
    seq = int(there[-1].value["content"]["seq"]) if there else 0
    for message, key in zip(spoken, keys, strict=True):
        if key in kept:
            changes.append(Change("unchanged", key, MESSAGE_KIND, kept[key], kept[key]))
            continue
        seq += 1
        kept[key] = said_content(message, name, seq)
        changes.append(Change("inserted", key, MESSAGE_KIND, None, kept[key]))
    receipt = Receipt(tuple(changes), decode_namespace(namespace))
    puts = _puts(replace(receipt, journal=receipt.changes))
    if puts:
        yield StoreOps(store, [PutOp(namespace, put["key"], put["value"]) for put in puts])
    return Remembered(puts, receipt)


def _is_ours(item: SearchItem) -> bool:
    """Tell a message that was kept here from what others may store under that kind."""
    content = item.value.get("content")
    return isinstance(content, dict) and {"role", "text", "seq"} <= set(content)


def _keys(
    messages: Sequence[Message], there: Sequence[SearchItem], thread: str, scope: str
) -> list[str]:
    """Return the key by which each message is known."""
    before = [item for item in there if item.value["content"]["role"] != "system"]
    end = [(item.key, said(_message(item.value["content"]))) for item in before]
    return identities(messages, end, Counter(words for _, words in end), thread, scope)


def _message(content: Mapping[str, Any]) -> Message:
    calls = tuple((call["tool"], call["arguments"]) for call in content.get("calls", ()))
    return Message(content["role"], content["text"], calls=calls)
