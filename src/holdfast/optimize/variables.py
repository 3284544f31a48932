"""The variables of a prompt: what a rewrite must keep, and what it must not invent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

from holdfast.errors import ConfigurationError, InputError
from holdfast.memory import Failure

TemplateFormat = Literal["f-string", "mustache", "jinja2"]

# A run of braces, a field, a run of braces. With an even number in front they are all literal.
_FIELD = re.compile(
    r"(\{+)"
    r"([^\W\d]\w*(?:\.[^\W\d]\w*|\[[^\[\]{}]*\])*)"
    r"(?:![rsa])?(?::[^{}\s]*)?"
    r"(\}+)"
)
_ROOT = re.compile(r"\w+")
_MUSTACHE = re.compile(r"\{\{(\{?[^{}]*\}?)\}\}")
_JINJA = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)


def variables(prompt: str, template_format: TemplateFormat = "f-string") -> frozenset[str]:
    """Return the variables of a prompt.

    In an f-string a variable is a brace field whose name is a Python identifier, with tails such
    as `.name` and `[0]`; everything else in braces is literal: JSON, `{{ }}`, a lone brace. In
    mustache and jinja2 it is what stands in a tag.

    Args:
        prompt: The prompt.
        template_format: Whose braces they are.

    Example:
        >>> sorted(variables('Answer {user.name} as {"tone": "kind"} or {{so}}; {days[0]}.'))
        ['days[0]', 'user.name']
        >>> sorted(variables("Dear {{ name }}", "jinja2"))
        ['name']
    """
    return frozenset(_READERS[template_format](prompt))


def _in_f_string(prompt: str) -> list[str]:
    return [name for opened, name, _ in _FIELD.findall(prompt) if len(opened) % 2]


def _in_mustache(prompt: str) -> list[str]:
    found = (" ".join(tag.split()) for tag in _MUSTACHE.findall(prompt))
    return [tag for tag in found if tag and not tag.startswith("!")]


def _in_jinja(prompt: str) -> list[str]:
    tags = ((value or tag).strip("-+ \n") for value, tag in _JINJA.findall(prompt))
    return [" ".join(tag.split()) for tag in tags if tag]


_READERS: dict[str, Callable[[str], list[str]]] = {
    "f-string": _in_f_string,
    "mustache": _in_mustache,
    "jinja2": _in_jinja,
}


def filled(prompt: str, values: Mapping[str, object]) -> str:
    """Return a prompt with the values of its variables; everything else stays as it is.

    Raises:
        InputError: A variable has no value; the error names it.

    Example:
        >>> filled('Help {name}, as {"tone": "kind"}.', {"name": "Nora"})
        'Help Nora, as {"tone": "kind"}.'
    """

    def value(found: re.Match[str]) -> str:
        if len(found[1]) % 2 == 0:
            return found[0]
        root = _ROOT.match(found[2])
        assert root is not None
        if root[0] not in values:
            raise InputError(
                f"The prompt has a variable {found[2]!r}, and there is no value for {root[0]!r}; "
                f"there are {', '.join(sorted(values)) or 'none'}."
            )
        field = found[0][len(found[1]) - 1 :][
            : 1 + len(found[0]) - len(found[1]) - len(found[3]) + 1
        ]
        made = field.format_map(dict(values))
        return f"{found[1][:-1]}{made}{found[3][1:]}"

    return _FIELD.sub(value, prompt)


def check_format(template_format: object) -> TemplateFormat:
    """Return a format of templates.

    Raises:
        ConfigurationError: There is none of this name.
    """
    if template_format not in _READERS:
        raise ConfigurationError(
            f"template_format is one of {', '.join(_READERS)}, got {template_format!r}."
        )
    return template_format  # type: ignore[return-value]


def failures(before: str, after: str, template_format: TemplateFormat) -> list[Failure]:
    """Return what is wrong with the variables of a rewrite: those it lost, and those it invented.

    Example:
        >>> [str(failure) for failure in failures("Hi {name}", "Hi {user}", "f-string")]
        ['the variable name is lost @ prompt', 'there is no variable user @ prompt']
    """
    had, has = variables(before, template_format), variables(after, template_format)
    lost = [Failure(f"the variable {name} is lost", "prompt") for name in sorted(had - has)]
    return lost + [Failure(f"there is no variable {name}", "prompt") for name in sorted(has - had)]
