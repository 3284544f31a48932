"""What other stores and programs keep, taken over into a store of ours with its own times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from langgraph.store.base import BaseStore, Item
from pydantic import ValidationError

from holdfast.dump import (
    Dumped,
    DumpedItem,
    DumpedMemory,
    DumpedMessage,
    DumpedThread,
    DumpedVersion,
)
from holdfast.errors import InputError, shown
from holdfast.history import ChangeSet, Said, Who, instant
from holdfast.memory import MESSAGE_KIND, Memory, wrap
from holdfast.operations import Import, Namespace
from holdfast.stores.plan.spaces import now_text
from holdfast.transfer.chatgpt import read_chatgpt
from holdfast.transfer.jsonl import Progress, Told, ledger_of
from holdfast.transfer.mem0 import Mem0Memory, read_mem0

PAGE = 500
"""How many items are asked of a store at once."""

Placed = list[tuple[str, Dumped]]


def import_items(
    store: BaseStore,
    source_store: BaseStore,
    *,
    namespace: Namespace = (),
    progress: Progress | None = None,
) -> int:
    """Take over the items of any LangGraph store, in one transaction: all of them, or nothing.

    Each becomes a memory with one version, written when the item was last written. Messages that
    holdfast kept in that store as items go to the journal. Nothing is embedded: with an embedder
    call `reindex` afterwards. How long an item is to live a store does not tell, so it lives on.

    Args:
        store: A store of `open_store`; a fenced one takes what goes inside its fence.
        source_store: Where they are; it is only read, and nobody may write to it meanwhile.
        namespace: Stored labels: only what stands there and below; by default all, or all inside
            of the fence.
        progress: Called with how many items are written and how many there are.

    Returns:
        The number of items.

    Raises:
        InputError: There is such a memory already, or a value is no JSON data; nothing was written.
        ConfigurationError: The store keeps no history.

    Example:
        >>> from holdfast import open_store
        >>> from langgraph.store.memory import InMemoryStore
        >>> old = InMemoryStore()
        >>> old.put(("memories", "nora"), "tea", {"content": "likes tea"})
        >>> with open_store(":memory:") as store:
        ...     import_items(store, old)
        ...     store.get(("memories", "nora"), "tea").updated_at == old.get(
        ...         ("memories", "nora"), "tea"
        ...     ).updated_at
        1
        True

    Example:
        >>> from holdfast import import_items, open_store
        >>> from langgraph.store.memory import InMemoryStore
        >>> old = InMemoryStore()
        >>> old.put(("m",), "tea", {"content": "likes tea"})
        >>> with open_store(":memory:") as store:
        ...     import_items(store, old)
        1
    """
    ledger = ledger_of(store)
    where = tuple(namespace) or ledger.scope
    items = list(_items(source_store, where))
    spoken: dict[tuple[Namespace, str], list[DumpedMessage]] = {}
    records: Placed = []
    for item in items:
        labels = list(item.namespace[len(where) :])
        message = _message(item, labels)
        if message is not None:
            spoken.setdefault((item.namespace, message.thread), []).append(message)
        else:
            records.append((f"item {item.key!r} of {item.namespace!r}", _memory(item, labels)))
    for messages in spoken.values():
        records += _thread(messages)
    ledger.perform(Import(where, Told(records, len(records), progress)))
    return len(items)


def import_mem0(
    store: BaseStore,
    path: str | Path | None,
    namespace: Namespace,
    *,
    user_id: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Take over the memories of mem0, in one transaction: all of them, or nothing.

    What happened to a memory becomes its versions, each with its time: added, updated, deleted.
    Nothing is embedded: with an embedder call `reindex` afterwards.

    Args:
        store: A store of `open_store`.
        path: mem0's `history.db`, the folder it is in, a JSON file of what `get_all()` returned,
            or None for where mem0 writes by itself; see `read_mem0` for what each of them tells.
        namespace: Stored labels of where they go.
        user_id: Only memories of this user of mem0.
        progress: Called with how many memories are written and how many there are.

    Returns:
        The number of memories, deleted ones included.

    Raises:
        InputError: The file cannot be read, holds memories of several users and `user_id` names
            none, or there is such a memory already; nothing was written.
        ConfigurationError: The store keeps no history.

    Example:
        >>> import json, pathlib, tempfile
        >>> from holdfast import import_mem0, open_store
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "mem0.json"
        >>> _ = file.write_text(json.dumps({"results": [{"id": "1", "memory": "likes tea"}]}))
        >>> with open_store(":memory:") as store:
        ...     done = import_mem0(store, file, ("m",))
        ...     len(store.search(("m",)))
        1
    """
    ledger = ledger_of(store)
    found = list(read_mem0(path))
    users = sorted({memory.user_id for memory in found if memory.user_id is not None})
    if user_id is None and len(users) > 1:
        raise InputError(
            f"{path}: it holds memories of several users, {shown(users)}; name the one whose "
            "memories are to be imported as user_id."
        )
    chosen = [one for one in found if user_id is None or one.user_id == user_id]
    records: Placed = []
    for memory in chosen:
        versions = _versions(memory)
        if versions:
            record = DumpedMemory(
                namespace=[], key=memory.id, versions=versions, item=_state(versions)
            )
            records.append((f"memory {memory.id!r}", record))
    ledger.perform(Import(tuple(namespace), Told(records, len(records), progress)))
    return len(records)


def import_chatgpt(
    store: BaseStore,
    path: str | Path,
    namespace: Namespace,
    *,
    progress: Progress | None = None,
) -> int:
    """Take over the conversations of ChatGPT's data export into the journal.

    Each is a thread, committed for itself. A message that is kept already is not kept again, so a
    later export, or one that was interrupted, can be imported on top.

    Args:
        store: A store of `open_store`.
        path: The `.zip`, the folder it was unpacked to, or one JSON file of it; see `read_chatgpt`.
        namespace: Stored labels of where they go.
        progress: Called with how many conversations are kept and how many there are.

    Returns:
        The number of messages that are new.

    Raises:
        InputError: A file or a conversation cannot be read; nothing was written.
        ConfigurationError: The store keeps no journal.

    Example:
        >>> import json, pathlib, tempfile
        >>> from holdfast import import_chatgpt, open_store
        >>> words = {"content_type": "text", "parts": ["Tea!"]}
        >>> said = {"author": {"role": "user"}, "content": words}
        >>> node = {"id": "n", "message": {"id": "n", **said}, "parent": None, "children": []}
        >>> talk = {"id": "t", "title": "Tea", "mapping": {"n": node}, "current_node": "n"}
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "conversations.json"
        >>> _ = file.write_text(json.dumps([talk]))
        >>> with open_store(":memory:") as store:
        ...     done = import_chatgpt(store, file, ("m",))
        ...     [entry.message.text for entry in store.journal(("m",), "t")]
        ['Tea!']
    """
    ledger = ledger_of(store)
    conversations = list(read_chatgpt(path))
    new = 0
    for number, conversation in enumerate(conversations, start=1):
        if conversation.messages:
            said = Said(conversation.messages, conversation.thread)
            receipt = ledger.commit(ChangeSet(tuple(namespace), journal=(said,)))
            new += sum(change.action == "inserted" for change in receipt.journal)
        if progress is not None:
            progress(number, len(conversations))
    return new


# Items of any store


def _items(source: BaseStore, namespace: Namespace) -> Iterator[Item]:
    """Yield the items below a namespace, each once."""
    seen: set[tuple[Namespace, str]] = set()
    for top in _tops(source, namespace):
        offset = 0
        while page := source.search(top, limit=PAGE, offset=offset, refresh_ttl=False):
            for item in page:
                place = (item.namespace, item.key)
                if place not in seen and item.namespace[: len(namespace)] == namespace:
                    seen.add(place)
                    yield item
            offset += len(page)


def _tops(source: BaseStore, namespace: Namespace) -> list[Namespace]:
    """Return the namespaces with items that do not stand below another one."""
    found: list[Namespace] = []
    offset = 0
    while page := source.list_namespaces(prefix=namespace or None, limit=PAGE, offset=offset):
        found += page
        offset += len(page)
    there = set(found)
    return [one for one in found if not any(one[:end] in there for end in range(1, len(one)))]


def _memory(item: Item, labels: list[str]) -> DumpedMemory:
    version = DumpedVersion(value=dict(item.value), recorded_at=_time(item.updated_at))
    state = DumpedItem(created_at=_time(item.created_at), updated_at=_time(item.updated_at))
    return DumpedMemory(namespace=labels, key=item.key, versions=[version], item=state)


def _time(time: Any) -> str:
    return instant(time, "created_at and updated_at") or ""


def _message(item: Item, labels: list[str]) -> DumpedMessage | None:
    """Return an item as the message that it is, if it is one."""
    content = item.value.get("content")
    if item.value.get("kind") != MESSAGE_KIND or not isinstance(content, Mapping):
        return None
    names = ("thread", "seq", "role", "text", "speaker", "time", "id")
    told = {name: content.get(name) for name in names}
    place = {"namespace": labels, "key": item.key, "recorded_at": _time(item.created_at)}
    try:
        return DumpedMessage.model_validate({**place, **told, "calls": content.get("calls", [])})
    except ValidationError:
        return None  # somebody else's item of that kind


def _thread(messages: Sequence[DumpedMessage]) -> Placed:
    """Return a thread and its messages, numbered anew: a plain store may hold a number twice."""
    ordered = sorted(messages, key=lambda message: (message.seq, message.recorded_at))
    first = ordered[0]
    thread = DumpedThread(namespace=first.namespace, thread=first.thread, last=len(ordered))
    said = f"thread {first.thread!r}"
    numbered = [one.model_copy(update={"seq": seq}) for seq, one in enumerate(ordered, start=1)]
    return [(said, thread), *((f"message {one.key!r} of {said}", one) for one in numbered)]


# mem0


def _versions(memory: Mem0Memory) -> list[DumpedVersion]:
    """Return what happened to a memory as versions; a delete of nothing is none."""
    versions: list[DumpedVersion] = []
    time = ""
    for event in memory.events:
        time = max(time, instant(event.at, "at") or time or now_text())
        there = bool(versions) and versions[-1].value is not None
        value = None if event.action == "DELETE" else _value(memory, event.text or "")
        if value is None and not there:
            continue
        version = DumpedVersion(
            value=value,
            recorded_at=time,
            who=event.role if event.role in get_args(Who) else None,
            sources=[f"run:{memory.run_id}"] if memory.run_id else [],
        )
        versions.append(version)
    return versions


def _value(memory: Mem0Memory, text: str) -> dict[str, Any]:
    value = wrap(Memory.__name__, {"content": text}, None)
    kept = {"metadata": dict(memory.metadata), "agent_id": memory.agent_id}
    return {**value, **{name: given for name, given in kept.items() if given}}


def _state(versions: Sequence[DumpedVersion]) -> DumpedItem | None:
    if versions[-1].value is None:
        return None
    return DumpedItem(created_at=versions[0].recorded_at, updated_at=versions[-1].recorded_at)
