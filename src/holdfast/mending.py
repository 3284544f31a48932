"""Slips of weak models, mended where a schema tells how."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from holdfast.memory import clean
from holdfast.portable import alternatives


def mend(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """Return a value with the usual slips of weak models mended where the schema tells how.

    JSON in a text where no text is wanted is read; content blocks where a text is wanted are
    joined; a null in a field that may be left out, but not be null, is left out.
    """
    forms = alternatives(schema, root)
    kinds = {form.get("type") for form in forms}
    if isinstance(value, str) and None not in kinds and "string" not in kinds:
        with_json = read_json(value)
        value = value if with_json is None else with_json
    if isinstance(value, list) and kinds <= {"string", "null"} and (text := blocks_text(value)):
        return text
    if isinstance(value, Mapping) and (
        form := next((f for f in forms if f.get("properties")), None)
    ):
        required = form.get("required", ())
        properties = form["properties"]
        return {
            name: mend(inner, properties.get(name, {}), root)
            for name, inner in value.items()
            if inner is not None or name in required or _nullable(properties.get(name, {}), root)
        }
    items = next((form["items"] for form in forms if form.get("items")), None)
    if isinstance(value, list) and items:
        return [mend(inner, items, root) for inner in value]
    return value


def read_json(text: str) -> Any:
    """Return what a text holds as JSON, double encoding and code fences undone; None if none."""
    text = re.sub(r"^\s*```(?:json)?\s*|\s*```\s*$", "", text)
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return read_json(value) if isinstance(value, str) and value != text else value


def blocks_text(blocks: list[Any]) -> str | None:
    """Return the text of a list of text blocks, or None when it is something else."""
    texts = [block.get("text") for block in blocks if isinstance(block, Mapping)]
    if texts and len(texts) == len(blocks) and all(isinstance(text, str) for text in texts):
        return "".join(cast("list[str]", texts))
    return None


def _nullable(schema: Any, root: Mapping[str, Any]) -> bool:
    return any(form.get("type") in ("null", None) for form in alternatives(schema, root))


def without_surrogates(value: Any) -> Any:
    """Return JSON data with every text cleaned; see `clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name)): without_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(inner) for inner in value]
    return value
