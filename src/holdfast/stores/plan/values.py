"""What callers hand in, checked and in the form in which it is stored: values, keys, namespaces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

from langgraph.store.base import PutOp, validate_op_namespace

from holdfast.errors import InputError, shown
from holdfast.memory import is_storable

DEEPEST = 200
"""How deeply a value may be nested: what reads and compares it needs room on Python's stack."""


_NESTED = (dict, list, tuple)  # faster than a union, in what every put goes through


def dumped(value: Mapping[str, Any]) -> str:
    """Return a value as JSON text.

    Raises:
        InputError: It holds something that JSON has no word for.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise InputError(
            f"A value may be nested {DEEPEST} levels deep, got {shown(value)}."
        ) from None
    except (TypeError, ValueError) as error:
        raise InputError(f"A value must be JSON data: {error}. Got: {shown(value)}") from None
    # JSON's own escapes keep half of a surrogate pair, which no encoding has.
    return text if encodable([text]) else json.dumps(value, allow_nan=False)


def written(value: Mapping[str, Any], what: str) -> str:
    """Return a value that somebody hands in as JSON text.

    Raises:
        InputError: It is no JSON data, two of its keys are one in JSON, or it is nested more
            deeply than can be read back everywhere.
    """
    text = dumped(value)
    if (twice := _twice(value)) is not None:
        raise InputError(
            f"{what} has two keys that are both {shown(twice)} in JSON, of which one would be "
            "lost; give one of them another name."
        )
    if text.count("{") + text.count("[") > DEEPEST and _is_deep(value):
        raise InputError(
            f"{what} is nested more than {DEEPEST} levels deep; store it flatter, or as a text."
        )
    return text


def _twice(value: Any) -> str | None:
    """Return a key that JSON would hold twice: it makes a text of a number, true and None."""
    layer = [value]
    for outer in layer:  # which grows
        if isinstance(outer, dict) and not all(isinstance(key, str) for key in outer):
            found = Counter(key for one in outer for key in json.loads(json.dumps({one: None})))
            key, times = found.most_common(1)[0]
            if times > 1:
                return cast("str", key)
        for inner in outer.values() if isinstance(outer, dict) else outer:
            if isinstance(inner, _NESTED):
                layer.append(inner)
    return None


def _is_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
            if isinstance(inner, Mapping | list | tuple)
        ]
    return bool(layer)


def encodable(texts: Iterable[Any]) -> bool:
    """Tell whether all of these are texts that a database can hold."""
    try:
        for text in texts:
            text.encode()
    except (UnicodeEncodeError, AttributeError):
        return False
    return True


def check_place(namespace: tuple[str, ...], key: Any) -> None:
    """Raise InputError where no item can stand at a place."""
    if not namespace:
        raise InputError(f"The item {key!r} needs a namespace of at least one label.")
    if not isinstance(key, str) or not is_storable(key):
        raise InputError(
            f"A key must be a text without NUL or half of a character, got {shown(key)}."
        )
    if not encodable(namespace):
        raise InputError(
            f"A namespace must be a tuple of texts without half of a character, got "
            f"{shown(namespace)}."
        )


def check_labels(namespace: Any) -> None:
    """Raise InputError where a namespace is no tuple of texts; the letters of one are no labels."""
    if not isinstance(namespace, tuple | list) or not encodable(namespace):
        raise InputError(f"A namespace must be a tuple of texts, got {shown(namespace)}.")


def check_namespace(namespace: Any, *, root: bool = False) -> tuple[str, ...]:
    """Return a namespace as a tuple; raise an error where LangGraph's rules refuse it.

    Args:
        namespace: Stored labels.
        root: Whether it may be empty.
    """
    check_labels(namespace)
    if namespace or not root:
        validate_op_namespace(PutOp(tuple(namespace), "key", None))
    return tuple(namespace)
