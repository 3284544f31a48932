"""How a document changes: edits as models write them, read with their slips, and applied.

The tool on offer is flat (`op`, `path`, `value` as a text), since every provider takes that. What
models trained on other libraries answer is understood as well: a list of RFC 6902 patches, one
patch alone, either of them as JSON in a text, or a whole document in place of patches.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonpatch import JsonPatch, JsonPatchException
from jsonpointer import JsonPointer, JsonPointerException

from holdfast.errors import cut
from holdfast.memory import Failure, same
from holdfast.mending import blocks_text, read_json
from holdfast.portable import alternatives
from holdfast.schema import Schema

OPERATIONS = ("add", "replace", "remove")

_ABSENT = object()
"""A field that is not there; it is the same as itself only."""

_ID_NAMES = ("json_doc_id", "planned_edits", "importance", "standing")


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a document.

    Args:
        op: `add`, `replace` or `remove`; `merge` lays the fields of `value` over the document.
        path: A JSON Pointer (RFC 6901); the whole document is `""`.
        value: The new value.
        as_text: Whether `value` may be JSON written as a text, as in the flat tool.
    """

    op: str
    path: str
    value: Any = None
    as_text: bool = False


def read_edits(arguments: Mapping[str, Any]) -> tuple[list[Edit], list[Failure]]:
    """Read the arguments of a patch tool, in any of the forms that models give them.

    Args:
        arguments: `op`, `path` and `value`; or `patches`; or the fields of a document.

    Returns:
        The edits that could be read, in order, and why others could not.

    Example:
        >>> read_edits({"patches": '[{"op": "remove", "path": "tags/0"}]'})[0]
        [Edit(op='remove', path='/tags/0', value=None, as_text=False)]
    """
    if "patches" in arguments:
        return _read_patches(arguments["patches"])
    if "op" in arguments or "path" in arguments:
        edit, failure = _read_edit(arguments, "", as_text=True)
        return ([edit] if edit else []), ([failure] if failure else [])
    document = {k: v for k, v in arguments.items() if k not in _ID_NAMES}
    if set(document) == {"value"}:
        whole = _document(document["value"])
        return ([Edit("merge", "", whole)], []) if whole else ([], [_no_edits()])
    return ([Edit("merge", "", document)], []) if document else ([], [_no_edits()])


def _no_edits() -> Failure:
    return Failure("no edit given; give op, path and value", "op")


def _document(value: Any) -> dict[str, Any] | None:
    found = read_json(value) if isinstance(value, str) else value
    return dict(found) if isinstance(found, Mapping) and found else None


def _read_patches(given: Any) -> tuple[list[Edit], list[Failure]]:
    patches = read_json(given) if isinstance(given, str) else given
    if isinstance(patches, Mapping):
        patches = [patches]
    if not isinstance(patches, Sequence) or isinstance(patches, str):
        return [], [Failure(f"not a list of patches: {_short(given)}", "patches")]
    edits: list[Edit] = []
    failures: list[Failure] = []
    for number, one in enumerate(patches):
        patch = read_json(one) if isinstance(one, str) else one
        if not isinstance(patch, Mapping) or not patch:
            failures.append(Failure(f"not a patch: {_short(one)}", f"patches/{number}"))
        elif "op" not in patch and "path" not in patch:
            edits.append(Edit("merge", "", dict(patch)))
        else:
            edit, failure = _read_edit(patch, f"patches/{number}/", as_text=False)
            edits += [edit] if edit else []
            failures += [failure] if failure else []
    if not edits and not failures:
        failures.append(_no_edits())
    return edits, failures


def _read_edit(
    patch: Mapping[str, Any], where: str, *, as_text: bool
) -> tuple[Edit | None, Failure | None]:
    op = patch.get("op", "replace")
    path = patch.get("path")
    if op not in OPERATIONS:
        return None, Failure(f"op {op!r} is none of {', '.join(OPERATIONS)}", f"{where}op")
    whole = _document(patch.get("value"))
    if path in (None, "") and whole:
        return Edit("merge" if path is None else op, "", whole), None
    if not isinstance(path, str) or not path:
        return None, Failure("no path given", f"{where}path")
    if op != "remove" and "value" not in patch:
        return None, Failure(f"{op} needs a value", f"{where}value")
    pointer = path if path.startswith("/") else f"/{path}"
    return Edit(op, pointer, patch.get("value"), as_text), None


def apply_edits(
    document: Mapping[str, Any], edits: Sequence[Edit], schema: Schema | None
) -> tuple[dict[str, Any], list[Failure]]:
    """Apply edits in order, all of them; what cannot be applied is told and left out.

    Args:
        document: The document as JSON data; it is not changed.
        edits: From `read_edits`.
        schema: Tells what type a value is to have; None for a document of an unknown kind.

    Returns:
        The new document, not yet validated, and the failures.

    Example:
        >>> apply_edits({"n": 1}, [Edit("replace", "/n", 2), Edit("remove", "/x")], None)
        ({'n': 2}, [Failure(reason='cannot remove: nothing is there', path='/x')])
    """
    changed = copy.deepcopy(dict(document))
    failures: list[Failure] = []
    for edit in edits:
        try:
            changed = _apply(changed, edit, schema)
        except (JsonPatchException, JsonPointerException, _Unfit) as problem:
            failures.append(Failure(_reason(edit, changed, problem), edit.path or "/"))
    return changed, failures


class _Unfit(ValueError):
    """An edit that would leave something other than a document of its kind."""


def _apply(document: dict[str, Any], edit: Edit, schema: Schema | None) -> dict[str, Any]:
    if edit.op == "merge":
        _check_fields(document, edit.value, schema)
        return {**document, **edit.value}
    op, value = edit.op, copy.deepcopy(edit.value)
    if edit.path == "/" and schema and "" not in schema.fields and (whole := _document(value)):
        return whole  # by RFC 6901 that is the field ""; where there is none, the root is meant
    if not edit.path:
        if op == "remove" or not isinstance(value, Mapping):
            raise _Unfit("a whole document can only be replaced by an object")
        return dict(value)
    if op != "remove":
        value = _typed(document, edit, schema)
    if op == "replace" and not _exists(document, edit.path):
        op = "add"  # models say "replace" for a field that was never set
    if op == "add":
        _check_fields(document, JsonPointer(edit.path).parts[:1], schema)
    return dict(JsonPatch([{"op": op, "path": edit.path, "value": value}]).apply(document))


def _check_fields(document: Mapping[str, Any], names: Iterable[str], schema: Schema | None) -> None:
    """Refuse an edit of which no field is known: validation would drop it without a word."""
    given = list(names)
    if schema is None or any(schema.has(name) or name in document for name in given):
        return
    raise _Unfit(f"{schema.kind} has no field {given[0]!r}; it has {', '.join(schema.fields)}")


def _exists(document: Mapping[str, Any], path: str) -> bool:
    missing = object()
    try:
        return JsonPointer(path).resolve(document, missing) is not missing
    except JsonPointerException:
        return False


def _typed(document: Mapping[str, Any], edit: Edit, schema: Schema | None) -> Any:
    """Return the value of an edit as what its place calls for."""
    value = edit.value
    kinds = _kinds_at(schema, edit.path)
    if isinstance(value, list) and kinds and kinds <= {"string", "null"}:
        return blocks_text(value) or value
    if not isinstance(value, str) or ("string" in kinds and kinds <= {"string"}):
        return value
    if kinds and "string" not in kinds:
        return _json_or_text(value)
    if not edit.as_text:
        return value
    if "null" in kinds and value.strip() == "null":
        return None
    now = JsonPointer(edit.path).resolve(document, None) if _exists(document, edit.path) else None
    if isinstance(now, str) or (kinds <= {"string", "null"} and kinds):
        return value
    return _json_or_text(value)


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value, strict=False)
    except ValueError:
        found = read_json(value)
        return value if found is None else found


def _kinds_at(schema: Schema | None, path: str) -> set[str]:
    """Return the JSON types that the schema allows at a path; empty when it does not say."""
    if schema is None:
        return set()
    root = schema.json_schema
    forms = alternatives(root, root)
    for part in JsonPointer(path).parts:
        deeper: list[dict[str, Any]] = []
        for form in forms:
            inner = form.get("properties", {}).get(part)
            if inner is None and form.get("type") == "array":
                inner = form.get("items")
            if inner is None:
                inner = form.get("additionalProperties")
            if isinstance(inner, Mapping):
                deeper += alternatives(inner, root)
        forms = deeper
    kinds = [form.get("type") or _type_of_enum(form) for form in forms]
    return {kind for kind in kinds if kind} if all(kinds) else set()


def _type_of_enum(form: Mapping[str, Any]) -> str | None:
    options = form.get("enum", [form["const"]] if "const" in form else [])
    return "string" if options and all(isinstance(option, str) for option in options) else None


def _reason(edit: Edit, document: Mapping[str, Any], problem: Exception) -> str:
    if isinstance(problem, _Unfit):
        return str(problem)
    parent = edit.path.rsplit("/", 1)[0]
    if edit.op == "remove" and (not parent or _exists(document, parent)):
        return "cannot remove: nothing is there"
    if parent and not _exists(document, parent):
        return f"cannot {edit.op}: {parent} does not exist"
    return f"cannot {edit.op}: {problem}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return cut(text, 80)


def merge(before: Any, after: Any, now: Any, path: str = "") -> tuple[Any, list[str]]:
    """Return what comes of a change from before to after, made on now; and where it cannot be.

    Field by field, what only one side changed is taken; what both changed stays as it is now.
    Nothing is placed by its number in a list: other things may stand there by now.

    Example:
        >>> merge({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 3})
        ({'a': 2, 'b': 3}, [])
        >>> merge({"a": 1}, {"a": 2}, {"a": 3})
        ({'a': 3}, ['/a'])
    """
    if same(before, after) or same(now, after):
        return now, []
    if same(before, now):
        return after, []
    if all(isinstance(value, Mapping) for value in (before, after, now)):
        merged: dict[str, Any] = {}
        conflicts: list[str] = []
        for name in {**now, **after}:
            was, wanted, there = (side.get(name, _ABSENT) for side in (before, after, now))
            value, told = merge(was, wanted, there, f"{path}/{name}")
            conflicts += told
            if value is not _ABSENT:
                merged[name] = value
        return merged, conflicts
    if all(isinstance(value, list) for value in (before, after, now)):
        added = after[len(before) :]
        if added and same(after[: len(before)], before):
            return [*now, *(one for one in added if one not in now)], []
    return now, [path]
