"""Which values a filter lets through, decided in one place for every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.errors import InputError

_MISSING = object()


def check_filter(given: Any) -> None:
    """Raise InputError for a filter that no value could be held against."""
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"A filter must be a dict of field names, got {given!r}.")
    for name, wanted in (given or {}).items():
        if not isinstance(name, str) or not name:
            raise InputError(f"A filter's field must be a text, got {name!r}.")
        if name in _GROUPS:
            if not isinstance(wanted, list | tuple):
                raise InputError(f"{name} takes a list of filters, got {wanted!r}.")
            for one in wanted:
                check_filter(one)
        elif name.startswith("$"):
            raise InputError(f"Unknown operator {name!r}; known are {_KNOWN}.")
        elif isinstance(wanted, Mapping):
            _check_condition(name, wanted)


def _check_condition(name: str, wanted: Mapping[str, Any]) -> None:
    operators = [key for key in wanted if str(key).startswith("$")]
    if not operators:
        check_filter(wanted)
    elif len(operators) < len(wanted):
        raise InputError(f"The filter for {name!r} mixes operators and fields: {dict(wanted)!r}.")
    for operator in operators:
        if operator not in _OPERATORS:
            raise InputError(f"Unknown operator {operator!r}; known are {_KNOWN}.")
        if operator in ("$in", "$nin") and not isinstance(wanted[operator], list | tuple | set):
            raise InputError(f"{operator} takes a list, got {wanted[operator]!r}.")


def matches(value: Any, wanted: Mapping[str, Any] | None) -> bool:
    """Tell whether a value passes a filter.

    Args:
        value: JSON data.
        wanted: Fields (dotted, or nested as dicts) with the value wanted, or with operators.

    Example:
        >>> matches({"a": {"n": 10}}, {"a.n": {"$gt": 9}})
        True
    """
    for name, condition in (wanted or {}).items():
        if name in _GROUPS:
            if not _GROUPS[name](matches(value, one) for one in condition):
                return False
        elif not _meets(_field(value, name), condition):
            return False
    return True


def _field(value: Any, name: str) -> Any:
    if isinstance(value, Mapping) and name in value:
        return value[name]
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _meets(found: Any, condition: Any) -> bool:
    if not isinstance(condition, Mapping):
        return bool(found == condition) and isinstance(found, bool) == isinstance(condition, bool)
    if condition and all(str(key).startswith("$") for key in condition):
        return all(_OPERATORS[op](found, operand) for op, operand in condition.items())
    return isinstance(found, Mapping) and matches(found, condition)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def held(found: Any, operand: Any) -> bool:
        if isinstance(found, bool) or isinstance(operand, bool):
            return False
        if isinstance(found, int | float) and isinstance(operand, int | float):
            return compare(found, operand)
        if isinstance(found, str) and isinstance(operand, str):
            times = _time(found), _time(operand)
            if times[0] and times[1]:
                return compare(times[0], times[1])
            return compare(found, operand)
        return False

    return held


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_GROUPS: dict[str, Callable[[Any], bool]] = {"$and": all, "$or": any}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _meets,
    "$ne": lambda found, operand: not _meets(found, operand),
    "$gt": _ordered(lambda a, b: a > b),
    "$gte": _ordered(lambda a, b: a >= b),
    "$lt": _ordered(lambda a, b: a < b),
    "$lte": _ordered(lambda a, b: a <= b),
    "$in": lambda found, operand: found in operand,
    "$nin": lambda found, operand: found not in operand,
    "$exists": lambda found, operand: (found is not _MISSING) is bool(operand),
}
_KNOWN = ", ".join([*_OPERATORS, *_GROUPS])
