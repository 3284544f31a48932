"""Prompts in mustache and jinja2, filled in by the renderers of langchain_core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from holdfast.errors import ConfigurationError, InputError, cut
from holdfast.optimize.tags import mustache_tags


class _Told(dict[str, object]):
    """Values that remember which names were asked for in vain; the renderer is silent about it."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.lost: list[str] = []

    def __missing__(self, name: str) -> object:
        self.lost.append(name)
        raise KeyError(name)


def mustache_rendered(prompt: str, values: Mapping[str, object]) -> str:
    """Return a mustache prompt with its values, as `langchain_core` renders it.

    Raises:
        InputError: A name has no value where it is needed, or the prompt is no template.

    Example:
        >>> mustache_rendered("{{#tags}}{{.}};{{/tags}}", {"tags": ["a", "b"]})
        'a;b;'
    """
    from langchain_core.utils import mustache

    told = _Told(values)
    try:
        made = mustache.render(prompt, told)
    except mustache.ChevronError as error:
        raise InputError(f"The prompt is no mustache template: {cut(str(error), 200)}.") from error
    lost = dict.fromkeys(told.lost)
    for place, text in mustache_tags(prompt).values:
        if text.startswith(">"):
            raise InputError(f"The prompt has a partial {{{{{text}}}}}, and there are none.")
        name = text.strip("{}& ")
        if place is None and "." in name.strip(".") and not _has(values, name.split(".")):
            lost[name] = None
    if lost:
        raise _missing(lost, values)
    return made


def _has(value: object, path: Iterable[str]) -> bool:
    """Tell whether there is a value at the end of a path of names and numbers."""
    for name in path:
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list | tuple) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False
    return True


def jinja_rendered(prompt: str, values: Mapping[str, object]) -> str:
    """Return a jinja2 prompt with its values, rendered in `langchain_core`'s sandbox.

    Raises:
        InputError: A variable has no value, or the prompt cannot be rendered with it.
        ConfigurationError: jinja2 is not installed.
    """
    from langchain_core.prompts.string import get_template_variables, jinja2_formatter

    try:
        from jinja2 import TemplateError

        try:
            wanted = get_template_variables(prompt, "jinja2")
            if lost := [name for name in wanted if name not in values]:
                raise _missing(lost, values)
            return jinja2_formatter(prompt, **values)
        except (TemplateError, ArithmeticError, LookupError, TypeError) as error:
            raise InputError(
                f"The prompt cannot be rendered by jinja2: {cut(str(error), 200)}."
            ) from error
    except ImportError as error:
        raise ConfigurationError(
            "template_format 'jinja2' needs the package jinja2; install it: pip install jinja2."
        ) from error


def _missing(names: Iterable[str], values: Mapping[str, object]) -> InputError:
    return InputError(
        f"The prompt has no value for {', '.join(map(repr, names))}; there are "
        f"{', '.join(sorted(values)) or 'none'}."
    )
