"""How one memory is written for a model: found by its id, created once, compared before a write."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.store.base import BaseStore

from holdfast import wording
from holdfast.flow import Flow, exclusively
from holdfast.history import ChangeSet, Provenance, Write
from holdfast.ledger import Ledger
from holdfast.memory import clean, content_key, normalised, same, unwrap
from holdfast.mending import blocks_text
from holdfast.stores.plain import Held, Lost, held, write
from holdfast.tools.base import Refusal

LONGEST = 100_000
"""How many characters one memory may have; more is a document, not a memory."""

UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Categories of Unicode whose signs alone say nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where memories are written, and whose word they are.

    Args:
        store: Fenced to the namespace, where it can be fenced.
        namespace: Stored labels.
        source: Where what is written comes from.
    """

    store: BaseStore
    namespace: tuple[str, ...]
    source: Provenance


def create(place: Place, value: dict[str, Any], pin: bool | None) -> Flow[tuple[Held, bool]]:
    """Write a new memory, unless one that follows from the same words is there.

    Args:
        place: Where.
        value: The value to store, with its kind.
        pin: Whether it is to stand; see `Write`.

    Returns:
        The memory, and whether it is new.

    Raises:
        Lost: Somebody else was faster.
    """
    # A key that follows from the words; the next, where an edit has put others under it.
    kind, spoken = value["kind"], unwrap(value)[1]
    keys = [content_key(kind, spoken)]
    keys += [content_key(f"{kind}#{number}", spoken) for number in range(1, 4)]
    release = yield exclusively(place.store, place.namespace)
    try:
        found = yield from held(place.store, place.namespace, keys)
        for item in found:
            if item is not None and _says(item, value):
                return item, False
        free = (key for key, item in zip(keys, found, strict=True) if item is None)
        key = next(free, str(uuid.uuid4()))
        return Held(key, value, (yield from put(place, key, value, None, pin))), True
    finally:
        release()


def put(
    place: Place,
    key: str,
    value: dict[str, Any] | None,
    there: Held | None,
    pin: bool | None = None,
) -> Flow[int | None]:
    """Write or delete one memory.

    Args:
        place: Where.
        key: Its key.
        value: What to store; None deletes.
        there: What was read there, which must still be so.
        pin: Whether it is to stand; see `Write`.

    Returns:
        The revision; None in a store without history.

    Raises:
        Lost: Somebody else wrote it since it was read; nothing was written.
    """
    expect = (there.revision if there else 0) if isinstance(place.store, Ledger) else None
    writes = (Write(key, value, expect, pin=pin, keep=True),)
    changes = ChangeSet(place.namespace, writes, provenance=place.source)
    receipt = yield from write(place.store, changes)
    if receipt.conflicts:
        raise Lost
    return receipt.revision


def get(place: Place, id: str) -> Flow[Held | None]:
    """Return the memory with an id, also when a UUID is written in another form."""
    forms = list(dict.fromkeys(filter(None, (id, _as_uuid(id)))))
    found = yield from held(place.store, place.namespace, forms)
    return next((item for item in found if item is not None), None)


def _as_uuid(id: str) -> str | None:
    try:
        return str(uuid.UUID(id))
    except ValueError:
        return None


def remembered_text(given: Any) -> str:
    """Return what to remember as a text.

    Raises:
        Refusal: There is none, or it is too long.
    """
    if isinstance(given, list):
        given = blocks_text(given) or given
    if isinstance(given, Mapping | list):
        given = wording.as_json(given) if given else None
    if given is None or isinstance(given, bool) or not _is_seen(str(given)):
        raise Refusal("content is missing: say in words what to remember. Nothing was changed.")
    said = clean(str(given))
    if len(said) > LONGEST:
        raise Refusal(
            f"content has {len(said):,} characters, more than the {LONGEST:,} that a memory may "
            "have. Say what matters of it. Nothing was changed."
        )
    return said


def _is_seen(text: str) -> bool:
    """Tell whether a text has a sign that can be seen, not only space and control characters."""
    return any(unicodedata.category(sign) not in UNSEEN for sign in text)


def _says(item: Held, value: Mapping[str, Any]) -> bool:
    return same(normalised(unwrap(item.value)), normalised(unwrap(value)))
