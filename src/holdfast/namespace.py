"""Where memories live: namespace templates, the encoding of labels, values from the runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from holdfast.errors import ConfigurationError, shown
from holdfast.memory import is_storable

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.store.base import BaseStore

_VARIABLE = re.compile(r"\{([^{}]+)\}")
_ESCAPED = re.compile(r"(?:%[0-9A-F]{2})+")
_REFUSED = re.compile("[.\x00%]|[\ud800-\udfff]")
RESERVED_ROOT = "langgraph"


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def encode_label(label: str) -> str:
    """Return a namespace label in the form in which a store accepts it.

    LangGraph refuses labels with a period; e-mail addresses have one. What it refuses, and `%`,
    is written as `%XX`; everything else stays as it is, byte for byte.

    Args:
        label: Any text that is not empty.

    Returns:
        The stored label; `decode_label` gives the text back.

    Raises:
        ConfigurationError: The label is empty or not a string.

    Example:
        >>> encode_label("nora@mail.example")
        'nora@mail%2Eexample'
    """
    if not isinstance(label, str) or not label:
        raise ConfigurationError(f"A namespace label must be a text of length >= 1, got {label!r}.")
    return _REFUSED.sub(lambda found: _escape(found[0]), label)


def decode_label(label: str) -> str:
    """Return the text that `encode_label` was given.

    Example:
        >>> decode_label("nora@mail%2Eexample")
        'nora@mail.example'
    """

    def plain(found: re.Match[str]) -> str:
        octets = bytes.fromhex(found[0].replace("%", ""))
        try:
            return octets.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return found[0]

    return _ESCAPED.sub(plain, label)


def encode_namespace(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Encode each label; a root that LangGraph keeps for itself is escaped too.

    Example:
        >>> encode_namespace(("memories", "a.b"))
        ('memories', 'a%2Eb')
    """
    stored = tuple(encode_label(label) for label in labels)
    if stored and stored[0] == RESERVED_ROOT:
        return (_escape(RESERVED_ROOT[0]) + RESERVED_ROOT[1:], *stored[1:])
    return stored


def decode_namespace(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels as people wrote them.

    Example:
        >>> decode_namespace(("memories", "a%2Eb"))
        ('memories', 'a.b')
    """
    return tuple(decode_label(label) for label in labels)


def current_config(config: RunnableConfig | None = None) -> RunnableConfig:
    """Return the config of the running graph with the given one laid over it, key by key.

    Inside a LangGraph node the runtime (store, context) travels in `configurable`; a caller who
    passes `{"configurable": {"user_id": ...}}` must not lose it.

    Raises:
        ConfigurationError: What was given is no config.
    """
    from langchain_core.runnables.config import ensure_config, var_child_runnable_config

    _check_config(config)
    around = var_child_runnable_config.get() or {}
    merged = ensure_config(config)
    given = (config or {}).get("configurable") or {}
    merged["configurable"] = {
        **(around.get("configurable") or {}),
        **merged.get("configurable", {}),
        **given,
    }
    return merged


def _check_config(config: Any) -> None:
    named = config.get("configurable") if isinstance(config, Mapping) else None
    fits = config is None or isinstance(config, Mapping)
    if not fits or not (named is None or isinstance(named, Mapping)):
        raise ConfigurationError(
            "config must be a dict such as {'configurable': {'user_id': 'nora'}}, got "
            f"{shown(config)}."
        )


def thread_of(config: RunnableConfig) -> str | None:
    """Return the thread that a config names, if any.

    Raises:
        ConfigurationError: Its name is a text that no store can hold as it is.

    Example:
        >>> thread_of({"configurable": {"thread_id": 7}})
        '7'
    """
    given = config.get("configurable") or {}
    # Where a reflection has a thread of its own on a server, this is what it is about.
    thread = given.get("conversation_thread_id") or given.get("thread_id")
    if thread in (None, ""):
        return None
    if not is_storable(str(thread)):
        raise ConfigurationError(
            f"'thread_id' can hold no NUL and no half of a character, got {shown(thread)}; give "
            "config={'configurable': {'thread_id': ...}} a name without them."
        )
    return str(thread)


def current_runtime(config: RunnableConfig) -> Any:
    """Return LangGraph's runtime (with `store` and `context`) that the config carries, or None."""
    from langchain_core.runnables.config import set_config_context
    from langgraph.runtime import get_runtime

    if not any(key.startswith("__") for key in config.get("configurable", {})):
        return None
    with set_config_context(config) as context:
        return context.run(partial(get_runtime, None))


def current_store(given: BaseStore | None, config: RunnableConfig) -> BaseStore:
    """Return the store of a call: the given one, else that of the running graph.

    Raises:
        ConfigurationError: There is neither.
    """
    if given is not None:
        if not hasattr(given, "batch"):
            raise ConfigurationError(
                f"store must be a LangGraph BaseStore, got {given!r}; open_store(...) makes one."
            )
        return given
    store: BaseStore | None = getattr(current_runtime(config), "store", None)
    if store is None:
        raise ConfigurationError(
            "There is no store. Give one (store=open_store('memory.db')), or call this inside a "
            "graph that was compiled with a store."
        )
    return store


def _fields(context: Any) -> Mapping[str, Any]:
    """Return the fields of a runtime context, which may be a mapping or any object."""
    if context is None:
        return {}
    if isinstance(context, Mapping):
        return context
    slots = {name: getattr(context, name) for name in getattr(context, "__slots__", ())}
    return {**slots, **getattr(context, "__dict__", {})}


class _Segment:
    """One label of a template: fixed text with any number of variables in it."""

    def __init__(self, text: str, template: tuple[str, ...]) -> None:
        self.text = text
        self.names = _VARIABLE.findall(text)
        self.fixed = _VARIABLE.split(text)[::2]
        if "{" in "".join(self.fixed) or "}" in "".join(self.fixed):
            raise ConfigurationError(
                f"Namespace {template!r}: {text!r} has a brace that belongs to no variable; "
                "write a variable as '{name}'."
            )
        inner = self.fixed[1:-1]
        if not all(inner):
            raise ConfigurationError(
                f"Namespace {template!r}: {text!r} has two variables side by side, so different "
                "values could give one label; put a text between them, as in '{a}-{b}'."
            )
        self.separators = set("".join(inner))
        if _REFUSED.search("".join(inner)):
            raise ConfigurationError(
                f"Namespace {template!r}: in {text!r} a period or percent sign stands between two "
                "variables; separate them by something else, as in '{a}-{b}'."
            )

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the stored label."""
        parts = [encode_label(self.fixed[0]) if self.fixed[0] else ""]
        for name, after in zip(self.names, self.fixed[1:], strict=True):
            # "a-b" + "c" and "a" + "b-c" must differ: what separates is escaped in the values.
            parts.extend(
                _escape(c) if c in self.separators else encode_label(c) for c in values[name]
            )
            parts.append(encode_label(after) if after else "")
        return "".join(parts)


class NamespaceTemplate:
    """A namespace with variables that are filled in for each call.

    A segment may be a variable, or hold one or several: `"{user_id}"`, `"user-{user_id}"`,
    `"{org}-{team}"`. Values come from the call itself, else from `configurable` in the
    RunnableConfig, else from LangGraph's runtime `context`.

    Args:
        template: One label, a tuple of labels, or another template.

    Raises:
        ConfigurationError: The template is empty, or a brace in it belongs to no variable.

    Example:
        >>> namespace = NamespaceTemplate(("org", "user-{user_id}"))
        >>> namespace({"configurable": {"user_id": "alice"}})
        ('org', 'user-alice')
        >>> namespace(user_id="bob@mail.example")
        ('org', 'user-bob@mail%2Eexample')
    """

    __slots__ = ("_segments", "template", "vars")

    def __init__(self, template: tuple[str, ...] | list[str] | str | NamespaceTemplate) -> None:
        if isinstance(template, NamespaceTemplate):
            template = template.template
        if not isinstance(template, str | tuple | list):
            raise ConfigurationError(
                f"A namespace must be a tuple of texts, none empty; got {template!r}."
            )
        labels = (template,) if isinstance(template, str) else tuple(template)
        if not labels or not all(isinstance(label, str) and label for label in labels):
            raise ConfigurationError(
                f"A namespace must be a tuple of texts, none empty; got {template!r}."
            )
        self.template: tuple[str, ...] = labels
        self._segments = tuple(_Segment(label, labels) for label in labels)
        self.vars: tuple[str, ...] = tuple(
            dict.fromkeys(name for segment in self._segments for name in segment.names)
        )

    def __call__(self, config: RunnableConfig | None = None, **values: str) -> tuple[str, ...]:
        """Return the stored labels for this call.

        Args:
            config: Its `configurable` holds values; inside a graph it may be left out.
            values: Values given by name; they win over the config.

        Raises:
            ConfigurationError: A variable is missing, empty or not a text.
        """
        if not self.vars:
            return encode_namespace(self.template)
        config = current_config(config)
        known: dict[str, Any] = {**config.get("configurable", {}), **values}
        if not all(known.get(name) for name in self.vars):
            context = _fields(getattr(current_runtime(config), "context", None))
            known = {**context, **known}
        checked = {name: self._checked(name, known) for name in self.vars}
        stored = tuple(segment.fill(checked) for segment in self._segments)
        if stored[0] == RESERVED_ROOT:
            return encode_namespace(stored[:1]) + stored[1:]
        return stored

    def _checked(self, name: str, known: Mapping[str, Any]) -> str:
        value = known.get(name)
        if isinstance(value, str) and value:
            return value
        there = sorted(key for key in known if isinstance(key, str) and not key.startswith("_"))
        if name not in known or value is None:
            problem = "is missing"
        elif value == "":
            problem = "is empty"
        else:
            problem = f"is of type {type(value).__name__}, not str"
        raise ConfigurationError(
            f"Namespace {self.template!r}: variable {name!r} {problem}. Give it as a text in "
            f"config={{'configurable': {{{name!r}: ...}}}} or in the graph's context. "
            f"Keys there are: {', '.join(there) or 'none'}."
        )

    def __repr__(self) -> str:
        return f"NamespaceTemplate({self.template!r})"
