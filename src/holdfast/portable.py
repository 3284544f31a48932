"""JSON Schemas in the plain form that every provider of tools takes.

Providers differ in what they refuse: unions, `$ref`, values without a type, objects without
properties, formats, patterns. What cannot be said plainly is asked for as a text that holds JSON,
and said in the description; `Schema.validate` reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ALLOWED = {"type", "description", "properties", "required", "items", "enum", "minimum", "maximum"}
"""The only keywords in a portable schema."""

_SIMPLE = {"string", "integer", "number", "boolean"}
_TOLD = ("format", "pattern", "minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum",
         "multipleOf", "minItems", "maxItems", "uniqueItems")  # fmt: skip


def resolve(schema: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema behind `$ref` and `allOf`, one level deep; `{}` for what is none.

    Example:
        >>> resolve({"$ref": "#/$defs/A"}, {"$defs": {"A": {"type": "string"}}})
        {'type': 'string'}
    """
    if not isinstance(schema, Mapping):
        return {}
    merged = {k: v for k, v in schema.items() if k not in ("$ref", "allOf")}
    if isinstance(ref := schema.get("$ref"), str):
        target: Any = root
        for part in ref.removeprefix("#/").split("/") if ref != "#" else ():
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        merged = {**resolve(target, root), **merged}
    for part in schema.get("allOf", ()):
        inner = resolve(part, root)
        properties = {**inner.get("properties", {}), **merged.get("properties", {})}
        required = [*inner.get("required", ()), *merged.get("required", ())]
        merged = {**inner, **merged}
        if properties:
            merged |= {"properties": properties, "required": list(dict.fromkeys(required))}
    return merged


def alternatives(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every form that a value of this schema may take, unions opened.

    Example:
        >>> alternatives({"anyOf": [{"type": "string"}, {"type": "null"}]}, {})
        [{'type': 'string'}, {'type': 'null'}]
    """
    schema = resolve(schema, root)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            rest = {k: v for k, v in schema.items() if k not in (union, "default")}
            return [{**rest, **form} for part in schema[union] for form in alternatives(part, root)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": name} for name in schema["type"]]
    return [schema]


def portable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments in plain form.

    Args:
        schema: A JSON Schema of an object; `$defs` and unions may occur in it.

    Returns:
        A schema that uses no other keyword than those in `ALLOWED`.

    Example:
        >>> portable({"type": "object", "properties": {
        ...     "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}})
        {'type': 'object', 'properties': {'age': {'type': 'integer'}}}
    """
    return _object(resolve(schema, schema), schema, frozenset())


def _object(
    schema: Mapping[str, Any], root: Mapping[str, Any], above: frozenset[str]
) -> dict[str, Any]:
    properties = {
        name: _value(inner, root, above) for name, inner in schema.get("properties", {}).items()
    }
    plain: dict[str, Any] = {"type": "object"}
    if text := schema.get("description"):
        plain["description"] = text
    plain["properties"] = properties
    required = [name for name in schema.get("required", ()) if name in properties]
    if required:
        plain["required"] = required
    return plain


def _value(schema: Any, root: Mapping[str, Any], above: frozenset[str]) -> dict[str, Any]:
    """Return the plain form of one property; `above` holds the references being opened."""
    described = resolve(schema, root).get("description")
    forms = [form for form in alternatives(schema, root) if form.get("type") != "null"]
    names = _refs(schema)
    if len(forms) != 1 or names & above:
        return _as_json(schema, root, described)
    plain = _form(forms[0], root, above | names)
    if described and "description" not in plain:
        plain["description"] = described
    return plain


def _refs(schema: Any) -> frozenset[str]:
    """Return the references that a schema names directly, itself or in a union."""
    if not isinstance(schema, Mapping):
        return frozenset()
    parts = [schema, *(part for u in ("anyOf", "oneOf", "allOf") for part in schema.get(u, ()))]
    return frozenset(part["$ref"] for part in parts if isinstance(part, Mapping) and "$ref" in part)


def _form(
    form: Mapping[str, Any], root: Mapping[str, Any], above: frozenset[str]
) -> dict[str, Any]:
    options = form.get("enum", [form["const"]] if "const" in form else None)
    kind = form.get("type") or _type_of(options)
    if kind == "object" and form.get("properties"):
        return _object(form, root, above)
    if kind == "array" and form.get("items"):
        return _described({"type": "array", "items": _value(form["items"], root, above)}, form)
    if kind not in _SIMPLE:
        return _as_json(form, root, form.get("description"))
    plain: dict[str, Any] = {"type": kind}
    if options and kind == "string":
        plain["enum"] = [option for option in options if option is not None]
    elif options:
        form = {**form, "one of": options}
    plain |= {limit: form[limit] for limit in ("minimum", "maximum") if limit in form}
    return _described(plain, form)


def _type_of(options: list[Any] | None) -> str | None:
    if not options:
        return None
    names: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
    kinds = {names.get(type(option)) for option in options if option is not None}
    return kinds.pop() if len(kinds) == 1 else None


def _described(plain: dict[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    """Add the description, with the rules that have no plain keyword told in words."""
    told = [f"{rule}: {form[rule]}" for rule in (*_TOLD, "one of") if rule in form]
    words = [form["description"]] if form.get("description") else []
    if told:
        words.append(f"({'; '.join(told)})")
    if words:
        plain["description"] = " ".join(words)
    return plain


def _as_json(schema: Any, root: Mapping[str, Any], described: str | None) -> dict[str, Any]:
    """Return a text property that is to hold JSON of the given shape."""
    shape = _compact(schema, root, frozenset())
    lead = f"{described} " if described else ""
    wanted = f"JSON like {json.dumps(shape, ensure_ascii=False)}" if shape else "JSON"
    return {"type": "string", "description": f"{lead}({wanted})"}


def _compact(schema: Any, root: Mapping[str, Any], above: frozenset[str]) -> Any:
    """Return a short picture of a shape: type names where the values will stand."""
    refs = _refs(schema)
    if refs & above:
        return "..."
    deeper = above | refs
    pictures: list[Any] = []
    for form in alternatives(schema, root):
        if form.get("properties"):
            pictures.append({k: _compact(v, root, deeper) for k, v in form["properties"].items()})
        elif isinstance(form.get("additionalProperties"), Mapping):
            pictures.append({"key": _compact(form["additionalProperties"], root, deeper)})
        elif form.get("items"):
            pictures.append([_compact(form["items"], root, deeper)])
        elif "enum" in form or "const" in form:
            pictures.append("|".join(map(str, form.get("enum", [form.get("const")]))))
        elif form.get("type") == "object":
            pictures.append({"key": "value"})
        else:
            pictures.append(form.get("type", "any"))
    if all(isinstance(picture, str) for picture in pictures):
        return "|".join(pictures) if pictures != ["any"] else None
    return pictures[0] if len(pictures) == 1 else {"one of": pictures}
