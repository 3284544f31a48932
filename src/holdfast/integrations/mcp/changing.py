"""What the tools that write do, as flows: nothing is written over what the model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from holdfast import wording
from holdfast.flow import Flow
from holdfast.history import Entry
from holdfast.integrations.mcp.answers import Done, Written
from holdfast.integrations.mcp.places import id_of
from holdfast.integrations.mcp.reading import at_id, told
from holdfast.memory import same, unwrap, wrap
from holdfast.stores.plain import TRIES, Held, Lost
from holdfast.tools.base import Refusal
from holdfast.tools.writing import Place, create, put, remembered_text

T = TypeVar("T")


def add(place: Place, content: str) -> Flow[Written]:
    """Remember a text, unless the same is remembered already."""
    value = {"kind": "Memory", "content": remembered_text(content)}
    there, is_new = yield from _tried(lambda: create(place, value, None))
    done: Done = "added" if is_new else "unchanged"
    return Written(id=there.key, done=done, version=there.revision)


def update(
    place: Place, id: str, expected: int, content: str, fields: Mapping[str, Any]
) -> Flow[Written]:
    """Change a memory that is still what the model has seen.

    Raises:
        Refusal: It is not there, or not so any more, or cannot be changed in this way.
    """
    return (yield from _tried(partial(_update, place, id, expected, content, fields)))


def delete(place: Place, id: str) -> Flow[Written]:
    """Delete a memory; its past stays in the store.

    Raises:
        Refusal: It is not there.
    """
    return (yield from _tried(partial(_delete, place, id)))


def _tried(change: Callable[[], Flow[T]]) -> Flow[T]:
    """Make a change anew where somebody else was faster, on what they wrote."""
    for _ in range(TRIES):
        try:
            return (yield from change())
        except Lost:
            continue
    raise Refusal("Others change this memory at this moment; nothing was changed. Try again.")


def _update(
    place: Place, id: str, expected: int, content: str, fields: Mapping[str, Any]
) -> Flow[Written]:
    at, held = yield from _memory(place, id)
    value = wrap(unwrap(held.value)[0], _content(held, content, fields), held.value)
    here = id_of(place, at.namespace, held.key)
    if same(held.value, value):
        return Written(id=here, done="unchanged", version=held.revision)
    if held.revision != expected:
        raise Refusal(
            f"Memory {here!r} has changed since you read it: its version is {held.revision}, not "
            f"{expected}, and it says now: {_shown(held)}. Nothing was updated. Where your change "
            f"still holds, make it on this, with expected_version {held.revision}."
        )
    version = yield from put(at, held.key, value, held)
    return Written(id=here, done="updated", version=version)


def _delete(place: Place, id: str) -> Flow[Written]:
    at, held = yield from _memory(place, id)
    version = yield from put(at, held.key, None, held)
    return Written(id=id_of(place, at.namespace, held.key), done="deleted", version=version)


def _memory(place: Place, id: str) -> Flow[tuple[Place, Held]]:
    at, key, found = yield from at_id(place, id)
    if isinstance(found, Entry):
        raise Refusal(
            f"{id!r} is a message of a conversation, which is kept as it was said. Nothing was "
            "changed; to remember something about it, add a memory."
        )
    return at, Held(key, found.version.value or {}, found.version.revision)


def _content(held: Held, content: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a memory is to say: another text, or its fields with some of them changed."""
    before = unwrap(held.value)[1]
    has_text = "text" in told(held.value)
    if bool(content.strip()) == bool(fields):
        how = "content, its new text" if has_text else f"fields, of {', '.join(before)}"
        raise Refusal(f"To update memory {held.key!r} give {how}. Nothing was updated.")
    if has_text != bool(content.strip()):
        shape = "a text, not fields" if has_text else f"fields ({', '.join(before)}), not a text"
        raise Refusal(f"Memory {held.key!r} has {shape}. Nothing was updated.")
    if has_text:
        return {"content": remembered_text(content)}
    unknown = [name for name in fields if name not in before]
    if unknown:
        raise Refusal(
            f"Memory {held.key!r} has no field {unknown[0]!r}; it has {', '.join(before)}. "
            "Nothing was updated."
        )
    return {**before, **fields}


def _shown(held: Held) -> str:
    return wording.as_json(next(iter(told(held.value).values())))
