"""The variables of a prompt: what a rewrite must keep, and what it must not invent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from holdfast.errors import ConfigurationError
from holdfast.memory import Failure
from holdfast.optimize.fields import fields, filled_fields
from holdfast.optimize.rendering import jinja_rendered, mustache_rendered
from holdfast.optimize.tags import Tags, jinja_tags, mustache_tags, tag_failures

TemplateFormat = Literal["f-string", "mustache", "jinja2"]

_TAGS: dict[str, tuple[Callable[[str], Tags], str]] = {
    "mustache": (mustache_tags, "{{%s}}"),
    "jinja2": (jinja_tags, "{%% %s %%}"),
}
_FILLED: dict[str, Callable[[str, Mapping[str, object]], str]] = {
    "f-string": filled_fields,
    "mustache": mustache_rendered,
    "jinja2": jinja_rendered,
}


def variables(prompt: str, template_format: TemplateFormat = "f-string") -> frozenset[str]:
    """Return the variables of a prompt.

    In an f-string a variable is a brace field whose name is a Python identifier, with tails such
    as `.name` and `[0]`, and what it is formatted by (`:>8`, `:%d %B`, `:{width}`); everything
    else in braces is literal: JSON, `{{ }}`, a lone brace. In mustache and jinja2 it is what
    stands in a tag that is no comment.

    Args:
        prompt: The prompt.
        template_format: Whose braces they are.

    Example:
        >>> sorted(variables('Answer {user.name} as {"tone": "kind"} or {{so}}; {days[0]:%d %B}.'))
        ['days[0]', 'user.name']
        >>> sorted(variables("Dear {{ name }}", "jinja2"))
        ['name']
    """
    if template_format in _TAGS:
        return _TAGS[template_format][0](prompt).texts
    return frozenset(name for _, _, field in fields(prompt) for name in field.names)


def filled(
    prompt: str, values: Mapping[str, object], template_format: TemplateFormat = "f-string"
) -> str:
    """Return a prompt with the values of its variables; everything else stays as it is.

    Raises:
        InputError: A variable has no value, or one that does not fit; the error names it.
        ConfigurationError: The format needs a package that is not installed.

    Example:
        >>> filled('Help {name}, as {"tone": "kind"}.', {"name": "Nora"})
        'Help Nora, as {"tone": "kind"}.'
        >>> filled("Help {{name}}, as {this}.", {"name": "Nora"}, "mustache")
        'Help Nora, as {this}.'
    """
    return _FILLED[template_format](prompt, values)


def check_format(template_format: object) -> TemplateFormat:
    """Return a format of templates.

    Raises:
        ConfigurationError: There is none of this name.
    """
    if not isinstance(template_format, str) or template_format not in _FILLED:
        raise ConfigurationError(
            f"template_format is one of {', '.join(_FILLED)}, got {template_format!r}."
        )
    return template_format  # type: ignore[return-value]


def failures(before: str, after: str, template_format: TemplateFormat) -> list[Failure]:
    """Return what is wrong with the variables of a rewrite: those it lost, and those it invented.

    Fields of an f-string are compared whole: another format is another field. Of mustache and
    jinja2, block tags keep their order, and what stands in a block stays in it.

    Example:
        >>> [str(failure) for failure in failures("Hi {name}", "Hi {user:>8}", "f-string")]
        ['the variable name is lost @ prompt', 'there is no variable {user:>8} @ prompt']
    """
    if template_format in _TAGS:
        read, as_block = _TAGS[template_format]
        wrong = tag_failures(read(before), read(after), as_block)
    else:
        wrong = _field_failures(before, after)
    return [Failure(reason, "prompt") for reason in wrong]


def _field_failures(before: str, after: str) -> Iterator[str]:
    had, has = ({str(field) for _, _, field in fields(text)} for text in (before, after))
    yield from (f"the variable {field} is lost" for field in sorted(had - has))
    yield from (f"there is no variable {field}" for field in sorted(has - had))
