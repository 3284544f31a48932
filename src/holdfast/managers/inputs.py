"""What callers hand to a manager, read in all its forms."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.extract import Known
from holdfast.memory import UNKNOWN_KIND, Memory, Message, RemoveDoc, normalised
from holdfast.schema import Invalid, Schema, as_schema
from holdfast.wording import read_state

_EXISTING = (
    "ExtractedMemory(id, content), (id, content), (id, kind, content), or a text; content is an "
    "instance of a schema, a dict or a text"
)


_TEXT = as_schema(Memory)


def read_input(given: Any) -> tuple[list[Message], int]:
    """Return the messages and `max_steps` of a manager's input.

    Raises:
        InputError: It is no dict with messages, or `max_steps` is not a number from 1 on.
    """
    messages = read_state(given, "A manager")
    max_steps = given.get("max_steps")
    if max_steps is None:
        max_steps = 1
    if not isinstance(max_steps, int) or isinstance(max_steps, bool) or max_steps < 1:
        raise InputError(f"'max_steps' must be a whole number from 1 on, got {max_steps!r}.")
    return messages, max_steps


def read_existing(given: Iterable[Any] | None, schemas: Sequence[Schema]) -> list[Known]:
    """Return existing memories as values; entries that stand for a deletion are left out.

    Raises:
        InputError: An entry is of no known form.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given or (), Iterable):
        raise InputError(f"'existing' must be a list of {_EXISTING}; got {shown(given)}.")
    known: list[Known] = []
    for number, entry in enumerate(given or ()):
        if isinstance(entry, str):
            entry = (str(uuid.uuid4()), entry)  # noqa: PLW2901 - a text has no id of its own
        if not isinstance(entry, tuple | list) or len(entry) not in (2, 3):
            raise InputError(
                f"existing[{number}] cannot be read: {shown(entry)}. Give {_EXISTING}."
            )
        content = entry[-1]
        if isinstance(content, RemoveDoc):
            continue
        kind = str(entry[1]) if len(entry) == 3 else None
        known.append(_known(number, str(entry[0]), kind, content, schemas))
    return known


def _known(
    number: int, id: str, kind: str | None, content: Any, schemas: Sequence[Schema]
) -> Known:
    if isinstance(content, str):
        schema = next((s for s in schemas if s.kind == (kind or "Memory")), _TEXT)
        return Known(id, kind or "Memory", {"content": content}, Memory(content=content), schema)
    if isinstance(content, BaseModel) or dataclasses.is_dataclass(content):
        own = next((s for s in schemas if s.holds(content)), None) or as_schema(type(content))
        return Known(id, kind or own.kind, own.dump(content), content, own)
    if isinstance(content, Mapping):
        kind = kind or kind_of(content, schemas)
        return Known(id, kind, dict(content), content)
    raise InputError(f"existing[{number}] has content {shown(content)}. Give {_EXISTING}.")


def kind_of(content: Mapping[str, Any], schemas: Sequence[Schema]) -> str:
    """Return the kind of a dict: the first schema that takes it without losing a field."""
    for schema in schemas:
        try:
            kept = schema.dump(schema.validate(content))
        except Invalid:
            continue
        if all(normalised(kept.get(k)) == normalised(v) for k, v in content.items()):
            return schema.kind
    return UNKNOWN_KIND


def read_default(given: Any, schemas: Sequence[Schema]) -> tuple[Schema, Any]:
    """Return a default as the schema that it fits and an instance of it.

    Raises:
        ConfigurationError: It fits none of the schemas.
    """
    if isinstance(given, str):
        given = {"content": given}
    for schema in schemas:
        if schema.holds(given):
            return schema, given
        if isinstance(given, Mapping):
            try:
                return schema, schema.validate(given)
            except Invalid:
                continue
    names = ", ".join(schema.kind for schema in schemas)
    raise ConfigurationError(f"The default {shown(given)} fits none of the schemas: {names}.")
