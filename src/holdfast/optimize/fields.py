"""The fields of an f-string prompt: one reading, by which they are compared and filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter

from holdfast.errors import InputError, cut, shown

WIDEST = 4096
"""How wide a field may be made, and how many digits it may have: a prompt is no place for more."""

_RUN = re.compile(r"\{+")
_HEAD = re.compile(r"([^\W\d]\w*)((?:\.[^\W\d]\w*|\[[^\[\]{}]+\])*)(![rsa])?")
_PLAIN = re.compile(r"[^{}]*")
_NESTED = "\0"
"""Stands for a nested field where the form of a spec is checked."""
_TYPE = "[bcdeEfFgGnosxX%\0]?"
# Python's format mini-language. A blank alone is no sign here: `{a: 1}` is no field.
_MINI = re.compile(
    r"(?:.?[<>=^]|[^\w\s\"'\0]\0(?=[\d\0]))?[-+\0]?z?#?[\d\0]*[,_\0]?(?:\.[\d\0]+[,_]?)?" + _TYPE,
    re.DOTALL,
)
_SIGNED = re.compile(r" [\d\0]*[,_]?\.[\d\0]+[eEfFgGn%]")
_DIRECTIVE = re.compile(r"%[-_0^#:]?[A-Za-z]")
_DIGITS = re.compile(r"\d+")
_python = Formatter()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a prompt.

    Args:
        root: Its variable.
        name: That with its tails.
        conversion: `r`, `s`, `a` or nothing.
        spec: What it is formatted by, as it was written.
        nested: The fields in its spec, each with where it stands there.
        text: What stands between its braces.
    """

    root: str
    name: str
    conversion: str
    spec: str
    nested: tuple[tuple[int, int, Field], ...]
    text: str

    @property
    def names(self) -> list[str]:
        """Its name, and those of the fields in its spec."""
        return [self.name, *(inner.name for _, _, inner in self.nested)]

    def __str__(self) -> str:
        """Return it as an error names it."""
        return self.name if self.text == self.name else f"{{{self.text}}}"


def fields(prompt: str) -> Iterator[tuple[int, int, Field]]:
    """Yield the fields of a prompt, each with where it begins and ends; all else is literal.

    Example:
        >>> [field.text for _, _, field in fields("{a.b!r:>{w}} {day:%d %B} {a: 1} {{so}}")]
        ['a.b!r:>{w}', 'day:%d %B']
    """
    at = 0
    while (run := _RUN.search(prompt, at)) is not None:
        at = run.end()
        # With an even number of braces they are all literal.
        if len(run[0]) % 2 and (found := _field(prompt, at, deep=True)) is not None:
            field, end = found
            yield at - 1, end, field
            at = end


def _field(prompt: str, start: int, *, deep: bool) -> tuple[Field, int] | None:
    """Return the field after a brace, and where it ends; None where that begins no field."""
    head = _HEAD.match(prompt, start)
    if head is None or not _is_named(head[1], head[2]):
        return None
    at, spec, nested = head.end(), "", []
    if prompt.startswith(":", at):
        at += 1
        begun = at
        at = _PLAIN.match(prompt, at).end()  # type: ignore[union-attr]
        while deep and prompt.startswith("{", at):
            inner = _field(prompt, at + 1, deep=False)
            if inner is None:
                return None
            nested.append((at - begun, inner[1] - begun, inner[0]))
            at = _PLAIN.match(prompt, inner[1]).end()  # type: ignore[union-attr]
        spec = prompt[begun:at]
        if not _is_spec(_replaced(spec, [(a, b, _NESTED) for a, b, _ in nested])):
            return None
    if not prompt.startswith("}", at):
        return None
    conversion = (head[3] or "")[1:]
    text = prompt[start:at]
    return Field(head[1], head[1] + head[2], conversion, spec, tuple(nested), text), at + 1


def _is_named(root: str, tails: str) -> bool:
    """Tell whether names are identifiers: `x²` is made of letters, and is none."""
    if not tails:
        return root.isidentifier()
    attributes = re.sub(r"\[[^\]]*\]", "", tails).split(".")[1:]
    return root.isidentifier() and all(name.isidentifier() for name in attributes)


def _is_spec(spec: str) -> bool:
    """Tell whether a text says how to format something; what JSON has after a colon does not."""
    if _MINI.fullmatch(spec) or _SIGNED.fullmatch(spec):
        return True
    dates = _DIRECTIVE.search(spec) is not None
    return dates and '"' not in spec and not spec.lstrip().startswith("'")


def _replaced(text: str, parts: list[tuple[int, int, str]]) -> str:
    """Return a text with others in place of some of its parts."""
    made, at = [], 0
    for start, end, new in parts:
        made += [text[at:start], new]
        at = end
    return "".join([*made, text[at:]])


def filled_fields(prompt: str, values: Mapping[str, object]) -> str:
    """Return a prompt with its fields filled in; everything else stays as it is.

    Raises:
        InputError: A variable has no value, or one that does not fit its field.

    Example:
        >>> filled_fields('Help {name:>{width}}: {"a": 1}', {"name": "Nora", "width": 6})
        'Help   Nora: {"a": 1}'
    """
    parts = [(start, end, _made(field, values, field)) for start, end, field in fields(prompt)]
    return _replaced(prompt, parts)


def _made(field: Field, values: Mapping[str, object], whole: Field) -> str:
    """Return a field's text; an error names the whole field that it is a part of."""
    if field.root not in values:
        raise InputError(
            f"The prompt has a variable {field.name!r}, and there is no value for "
            f"{field.root!r}; there are {', '.join(sorted(values)) or 'none'}."
        )
    inner = [(start, end, _made(one, values, whole)) for start, end, one in field.nested]
    spec = _replaced(field.spec, inner)
    # A width of many digits is a number that Python itself may refuse to read.
    for digits in _DIGITS.findall(spec):
        if len(digits) > len(str(WIDEST)) or int(digits) > WIDEST:
            raise InputError(
                f"The field {_shown(whole)} is formatted by {shown(spec, 40)}; a width or "
                f"precision is {WIDEST} at most."
            )
    try:
        value, _ = _python.get_field(field.name, (), values)
        return format(_python.convert_field(value, field.conversion or None), spec)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"The field {_shown(whole)} cannot be filled in: {cut(str(error), 200)}. Give a value "
            f"for {field.root!r} that it fits, or change the field."
        ) from error


def _shown(field: Field) -> str:
    return cut(f"{{{field.text}}}", 120)
