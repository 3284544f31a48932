"""Which values a filter lets through, decided in one place for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from holdfast.errors import InputError, shown

DEEPEST = 50
"""How deeply a filter may be nested."""

_MISSING = object()


def check_filter(given: Any, depth: int = DEEPEST) -> None:
    """Raise InputError for a filter that no value could be held against.

    Args:
        given: The filter.
        depth: How deeply it may be nested.
    """
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"A filter must be a dict of field names, got {shown(given)}.")
    _check_depth(depth)
    for name, wanted in (given or {}).items():
        if not isinstance(name, str) or not name:
            raise InputError(f"A filter's field must be a text, got {shown(name)}.")
        if name in _GROUPS:
            if not isinstance(wanted, list | tuple):
                raise InputError(f"{name} takes a list of filters, got {shown(wanted)}.")
            for one in wanted:
                check_filter(one, depth - 1)
        elif name.startswith("$"):
            raise InputError(f"Unknown operator {name!r}; known are {_KNOWN}.")
        else:
            _check_condition(name, wanted, depth - 1)


def _check_condition(name: str, wanted: Any, depth: int) -> None:
    if not isinstance(wanted, Mapping):
        _check_operand(name, wanted, depth)
        return
    operators = [key for key in wanted if str(key).startswith("$")]
    if not operators:
        check_filter(wanted, depth)
    elif len(operators) < len(wanted):
        raise InputError(f"The filter for {name!r} mixes operators and fields: {shown(wanted)}.")
    for operator in operators:
        _check_operator(name, operator, wanted[operator], depth - 1)


def _check_operator(name: str, operator: str, operand: Any, depth: int) -> None:
    if operator not in _OPERATORS:
        raise InputError(f"Unknown operator {operator!r}; known are {_KNOWN}.")
    if operator in ("$eq", "$ne"):
        _check_condition(name, operand, depth)
    elif operator in ("$in", "$nin"):
        if not isinstance(operand, list | tuple | set):
            raise InputError(f"{operator} takes a list, got {shown(operand)}.")
        for one in operand:
            _check_operand(name, one, depth)
    elif operator != "$exists" and not _is_ordered(operand):
        raise InputError(
            f"{operator} for {name!r} takes a number, a text or a date, got {shown(operand)}."
        )


def _is_ordered(operand: Any) -> bool:
    if isinstance(operand, bool):
        return False
    return isinstance(operand, str | int | float | date)


def _check_depth(depth: int) -> None:
    if depth < 0:
        raise InputError(f"A filter may be nested {DEEPEST} deep; this one is nested more deeply.")


def _check_operand(name: str, operand: Any, depth: int) -> None:
    """Refuse what no JSON value can equal: it would pass over every memory without a word."""
    _check_depth(depth)
    if operand is None or isinstance(operand, str | bool | int | float | date):
        return
    if isinstance(operand, list | tuple):
        inner = list(operand)
    elif isinstance(operand, Mapping) and all(isinstance(key, str) for key in operand):
        inner = list(operand.values())
    else:
        raise InputError(
            f"The filter for {name!r} must compare with JSON data or a date, got {shown(operand)}."
        )
    for one in inner:
        _check_operand(name, one, depth - 1)


def matches(value: Any, wanted: Mapping[str, Any] | None) -> bool:
    """Tell whether a value passes a filter.

    Args:
        value: JSON data.
        wanted: Fields (dotted, or nested as dicts) with the value wanted, or with operators.
            Texts that are ISO dates are compared as dates, and may be asked for by a `datetime`.

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
        return _equal(found, condition)
    if condition and all(str(key).startswith("$") for key in condition):
        return all(_OPERATORS[op](found, operand) for op, operand in condition.items())
    return isinstance(found, Mapping) and matches(found, condition)


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, date):
        wanted = wanted.isoformat()
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted or _same_time(found, wanted)
    if isinstance(found, list) and isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(_equal, found, wanted))
    if isinstance(found, dict) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(_equal(found[k], wanted[k]) for k in found)
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _same_time(one: str, other: str) -> bool:
    if not (one[:1].isdigit() and other[:1].isdigit()):
        return False  # most texts are no dates, and many are compared
    time = _time(one)
    return time is not None and time == _time(other)


def _among(found: Any, operands: Iterable[Any]) -> bool:
    return any(_equal(found, one) for one in operands)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def held(found: Any, operand: Any) -> bool:
        if isinstance(operand, date):
            operand = operand.isoformat()
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
    "$in": _among,
    "$nin": lambda found, operand: not _among(found, operand),
    "$exists": lambda found, operand: (found is not _MISSING) is bool(operand),
}
_KNOWN = ", ".join([*_OPERATORS, *_GROUPS])
