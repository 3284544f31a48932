"""Whose namespace a run may write into: the caller's, where the server knows who calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.memory import is_storable
from holdfast.namespace import decode_namespace, encode_namespace

DEFAULT = ("memories",)
"""Where memories go, below the caller's identity, when nobody names a namespace."""


def pin(identity: str, namespace: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return a namespace of a store's request, moved below the caller's identity.

    One that begins with the identity stays as it is, so that the namespaces of what was found can
    be asked for again. Whatever comes in, what comes out begins with the identity.

    Args:
        identity: Who calls, as authentication found it.
        namespace: Labels as the store holds them; None or nothing is all that the caller has.

    Raises:
        ConfigurationError: The identity cannot be the label of one user alone.

    Example:
        >>> pin("nora@mail.example", ("memories",))
        ('nora@mail%2Eexample', 'memories')
        >>> pin("nora", ("nora", "memories")), pin("nora", ("bob", "memories")), pin("nora")
        (('nora', 'memories'), ('nora', 'bob', 'memories'), ('nora',))
    """
    root = encode_namespace((_checked(identity),))
    labels = tuple(namespace or ())
    return labels if labels[:1] == root else root + labels


def place_of(given: Any, config: RunnableConfig) -> tuple[str, ...]:
    """Return the namespace of a run, in labels as people write them.

    Args:
        given: What the input names; None or nothing is `DEFAULT`, or the `namespace` that the
            config carries in stored labels, as a `RemoteReflectionExecutor` sends it.
        config: Of the run; it tells who calls.

    Raises:
        InputError: The namespace is no list of labels, or a label cannot be one.
        ConfigurationError: The caller is known, but not by a usable identity.

    Example:
        >>> place_of(["notes"], {"configurable": {"langgraph_auth_user_id": "nora"}})
        ('nora', 'notes')
    """
    configurable = config.get("configurable") or {}
    labels = _labels(given, "namespace")
    if not labels:
        told = _labels(configurable.get("namespace"), "configurable['namespace']")
        labels = _labels(decode_namespace(told), "configurable['namespace']") or DEFAULT
    identity = identity_of(configurable)
    if identity is None or labels[0] == identity:
        return labels
    return (identity, *labels)


def identity_of(configurable: Mapping[str, Any]) -> str | None:
    """Return who calls, as the server authenticated it; None where nobody had to say.

    The server sets both keys itself, and takes them out of what a client sends.

    Raises:
        ConfigurationError: Somebody was authenticated, but has no usable identity.

    Example:
        >>> identity_of({"langgraph_auth_user": {"identity": "nora"}})
        'nora'
    """
    user = configurable.get("langgraph_auth_user")
    if user is not None:
        told = user.get("identity") if isinstance(user, Mapping) else getattr(user, "identity", "")
        return _checked(told)
    told = configurable.get("langgraph_auth_user_id")
    return None if told in (None, "") else _checked(told)


def _checked(identity: Any) -> str:
    if not isinstance(identity, str) or not _is_label(identity) or identity == "*":
        raise ConfigurationError(
            f"The caller's identity {shown(identity)} cannot be the label of a namespace: it must "
            "be a text that is not empty and not '*', without braces and NUL. Mend what "
            "@auth.authenticate returns; nothing was read or written."
        )
    return identity


def _labels(given: Any, name: str) -> tuple[str, ...]:
    labels = (given,) if isinstance(given, str) else given
    if labels is None:
        return ()
    if not isinstance(labels, list | tuple):
        raise InputError(f"{name} must be a list of texts, such as ['notes']; got {shown(given)}.")
    for number, label in enumerate(labels):
        if not isinstance(label, str) or not _is_label(label):
            raise InputError(
                f"{name}[{number}] must be a text that is not empty, without braces and NUL; got "
                f"{shown(label)}. Variables are not filled in here: give the values themselves."
            )
    return tuple(labels)


def _is_label(text: str) -> bool:
    return bool(text) and is_storable(text) and not {"{", "}"} & set(text)
