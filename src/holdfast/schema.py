"""What a memory may look like: every form of schema as one thing that validates and dumps."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import typing_extensions
from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from holdfast.errors import SchemaError
from holdfast.memory import Failure
from holdfast.mending import mend, without_surrogates
from holdfast.portable import alternatives, portable, resolve

RESERVED = ("PatchDoc", "RemoveDoc", "Done")
"""Tool names that no schema may have."""

_FORMS = "a pydantic model, a dataclass, a TypedDict, or a JSON Schema dict with a 'title'"


class Invalid(Exception):
    """Content does not fit its schema; `failures` says where and why."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__("; ".join(map(str, failures)))
        self.failures = failures


@dataclasses.dataclass(frozen=True, eq=False)
class Schema:
    """One shape of memory, whatever form the user wrote it in.

    Args:
        kind: The name stored with each memory of this shape.
        tool: The name of the insert tool; the kind, with what providers refuse replaced.
        description: What the schema says of itself.
        json_schema: The full JSON Schema, for reading values.
        parameters: The portable one, for the tool.
        type: The class of its instances; None where its contents are dicts.
        is_open: Whether it takes fields that it does not name.
    """

    kind: str
    tool: str
    description: str
    json_schema: Mapping[str, Any]
    parameters: Mapping[str, Any]
    _check: Callable[[Mapping[str, Any]], Any]
    _dump: Callable[[Any], dict[str, Any]]
    type: type | None = None
    is_open: bool = False

    def has(self, field: str) -> bool:
        """Tell whether a content of this schema may have a field, by its name or its alias."""
        named = getattr(self.type, "model_fields", {})
        return self.is_open or field in self.fields or field in named

    def holds(self, value: Any) -> bool:
        """Tell whether a value is an instance of this schema's class."""
        return self.type is not None and isinstance(value, self.type)

    @property
    def standing(self) -> bool:
        """Whether its memories are considered whatever is asked, as `"standing": true` says."""
        return self.json_schema.get("standing") is True

    @property
    def fields(self) -> Mapping[str, Any]:
        """The properties of the content."""
        return cast("Mapping[str, Any]", self.json_schema.get("properties", {}))

    def validate(self, data: Mapping[str, Any]) -> Any:
        """Return the content as the schema's own type.

        Values that hold JSON as a text, or a null where a field may be left out, are understood.

        Raises:
            Invalid: with every failure as `reason @ path`.
        """
        try:
            return self._checked(data)
        except Invalid as first:
            mended = mend(data, self.json_schema, self.json_schema)
            if mended == data:
                raise
            try:
                return self._checked(mended)
            except Invalid:
                raise first from None

    def take(self, data: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the content as the schema's own type, and as the JSON data to store.

        Raises:
            Invalid: as `validate`, or a number in it is not finite.
            SchemaError: The schema does not read what it writes; it can keep nothing.
        """
        content = self.validate(data)
        dumped = self.dump(content)
        try:
            json.dumps(dumped, allow_nan=False)
        except ValueError as error:
            raise Invalid([Failure(f"{error}: give a finite number", "")]) from None
        try:
            self._checked(dumped)
        except Invalid as invalid:
            raise SchemaError(
                f"Schema {self.kind!r} does not read what it writes ({invalid}); a memory of it "
                "could never be changed. Mend its serializers or validators."
            ) from None
        return content, dumped

    def dump(self, content: Any) -> dict[str, Any]:
        """Return the content as JSON data."""
        return self._dump(content)

    def _checked(self, data: Mapping[str, Any]) -> Any:
        try:
            return self._check(data)
        except Invalid:
            raise
        except Exception as error:
            # A user's validator that raises what it should not must not cost the other memories.
            raise Invalid([Failure(f"{type(error).__name__}: {error}", "")]) from error


def as_schema(given: Any) -> Schema:
    """Return the one form of a user's schema.

    Raises:
        SchemaError: It is none of the accepted forms, or cannot serve as a tool.

    Example:
        >>> from holdfast.memory import Memory
        >>> as_schema(Memory).validate({"content": "likes tea"})
        Memory(content='likes tea')
    """
    if isinstance(given, Schema):
        return given
    if isinstance(given, Mapping):
        return _from_json_schema(given)
    if isinstance(given, type) and issubclass(given, BaseModel):
        return _from_model(given)
    if typing_extensions.is_typeddict(given):
        return _from_adapter(given, TypeAdapter(_readable_typed_dict(given)))
    if isinstance(given, type) and dataclasses.is_dataclass(given):
        return _from_adapter(given, TypeAdapter(given))
    raise SchemaError(f"{given!r} cannot be the schema of a memory; use {_FORMS}.")


def as_schemas(given: Iterable[Any]) -> tuple[Schema, ...]:
    """Return the schemas of a manager; their names must differ.

    Raises:
        SchemaError: Two share a name, or one is no schema.
    """
    if isinstance(given, type | str | Mapping) or not isinstance(given, Iterable):
        raise SchemaError(f"schemas must be a list of schemas, got {given!r}; write [{given!r}].")
    schemas = tuple(as_schema(one) for one in given)
    for name in ("kind", "tool"):
        names = [getattr(schema, name) for schema in schemas]
        for twice in {n for n in names if names.count(n) > 1}:
            raise SchemaError(f"Two schemas are named {twice!r}; give them different names.")
    return schemas


def _tool_name(kind: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", kind).strip("_")[:64]
    if not name or name in RESERVED:
        raise SchemaError(
            f"A schema cannot be named {kind!r}: providers take letters, digits, '_' and '-', and "
            f"{', '.join(RESERVED)} are taken. Rename it (a JSON Schema by its 'title')."
        )
    return name


def _described(given: Any) -> str:
    """Return the docstring that the user wrote on the schema; not the one that Python made."""
    doc = given.__dict__.get("__doc__") or ""
    return "" if doc.startswith(f"{given.__name__}(") else " ".join(doc.split())


def _from_model(model: type[BaseModel]) -> Schema:
    if issubclass(model, RootModel):
        raise SchemaError(f"{model.__name__!r} is a RootModel; a memory needs named fields.")
    hidden = [name for name, field in model.model_fields.items() if field.exclude]
    if hidden:
        raise SchemaError(
            f"Schema {model.__name__!r} excludes {', '.join(hidden)} from what is stored, so it "
            "would be lost; leave the field out, or let it be stored."
        )
    json_schema = _json_schema(model.__name__, model.model_json_schema)

    def check(data: Mapping[str, Any]) -> Any:
        with _told():
            return model.model_validate_json(_as_json(data), by_alias=True, by_name=True)

    def dump(content: Any) -> dict[str, Any]:
        return cast("BaseModel", content).model_dump(mode="json", round_trip=True)

    return _build(model.__name__, _described(model), json_schema, check, dump, model)


def _from_adapter(given: Any, adapter: TypeAdapter[Any]) -> Schema:
    json_schema = _json_schema(given.__name__, adapter.json_schema)

    def check(data: Mapping[str, Any]) -> Any:
        with _told():
            return adapter.validate_json(_as_json(data))

    def dump(content: Any) -> dict[str, Any]:
        return cast("dict[str, Any]", adapter.dump_python(content, mode="json"))

    own = cast("type | None", given if dataclasses.is_dataclass(given) else None)
    return _build(given.__name__, _described(given), json_schema, check, dump, own)


def _as_json(data: Mapping[str, Any]) -> str:
    """Return data as JSON: what a model gives is JSON, and strict schemas must read it as such."""
    return json.dumps(without_surrogates(data), default=str)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn pydantic's errors into failures."""
    try:
        yield
    except ValidationError as error:
        raise _invalid(error) from None


def _from_json_schema(given: Mapping[str, Any]) -> Schema:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError as Malformed
    from referencing import Registry

    title = given.get("title")
    if not isinstance(title, str) or given.get("type", "object") != "object":
        raise SchemaError(
            f"A JSON Schema must have 'type': 'object' and a 'title', which names the memory; got "
            f"title={title!r}, type={given.get('type')!r}."
        )
    try:
        Draft202012Validator.check_schema(given)
    except Malformed as error:
        raise SchemaError(f"JSON Schema {title!r} is malformed: {error.message}.") from None
    for ref in sorted(set(_references(given))):
        if not resolve({"$ref": ref}, given):
            raise SchemaError(
                f"JSON Schema {title!r} refers to {ref!r}, which is not in it; nothing is fetched. "
                "Put it under '$defs'."
            )
    validator = Draft202012Validator(given, registry=Registry())

    def check(data: Mapping[str, Any]) -> Any:
        data = without_surrogates(data)
        failures = [
            Failure(error.message, "/".join(map(str, error.absolute_path)))
            for error in validator.iter_errors(data)
        ]
        if failures:
            raise Invalid(failures)
        return dict(data)

    open_ended = given.get("additionalProperties", True) is not False
    return _build(title, given.get("description", ""), given, check, dict, is_open=open_ended)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(ref := schema.get("$ref"), str):
            yield ref
        for inner in schema.values():
            yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _json_schema(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return make()
    except PydanticUserError as error:
        raise SchemaError(f"Schema {name!r} has no JSON Schema: {error.message}") from error


def _build(
    kind: str,
    description: str,
    json_schema: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], Any],
    dump: Callable[[Any], dict[str, Any]],
    own: type | None = None,
    *,
    is_open: bool | None = None,
) -> Schema:
    masked = [
        name
        for name, inner in json_schema.get("properties", {}).items()
        if any(form.get("format") == "password" for form in alternatives(inner, json_schema))
    ]
    if masked:
        raise SchemaError(
            f"Schema {kind!r} hides {', '.join(masked)} (SecretStr): only a mask would be stored. "
            "Use a plain text, or keep secrets out of memories."
        )
    if is_open is None:
        is_open = bool(json_schema.get("additionalProperties"))
    return Schema(
        kind=kind,
        tool=_tool_name(kind),
        description=description or f"Record one {kind}.",
        json_schema=resolve(json_schema, json_schema),
        parameters=portable({**json_schema, "description": None}),
        _check=check,
        _dump=dump,
        type=own,
        is_open=is_open,
    )


def _invalid(error: ValidationError) -> Invalid:
    return Invalid(
        [
            Failure(detail["msg"], "/".join(map(str, detail["loc"])))
            for detail in error.errors(include_url=False, include_input=False)
        ]
    )


@functools.cache
def _readable_typed_dict(given: Any) -> Any:
    """Return a TypedDict that pydantic reads; before 3.12 it takes typing_extensions' only."""
    if sys.version_info >= (3, 12) or not typing.is_typeddict(given):
        return given
    hints = typing.get_type_hints(given, include_extras=True)
    readable = {
        name: (
            hint
            if typing.get_origin(hint) in (typing.Required, typing.NotRequired)
            else typing.Required[hint]
            if name in given.__required_keys__
            else typing.NotRequired[hint]
        )
        for name, hint in hints.items()
    }
    make: Any = typing_extensions.TypedDict
    made = make(given.__name__, readable)
    made.__doc__ = given.__doc__
    return made
