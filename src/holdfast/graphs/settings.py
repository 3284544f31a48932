"""What a run of a graph is set up with: `configurable` or `context`, else the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, shown
from holdfast.namespace import current_runtime

MODEL = "HOLDFAST_MODEL"
"""The environment variable that names the model of runs that name none."""

_SAID = {str: "a text", bool: "true or false", int: "a whole number"}


def read_settings(config: RunnableConfig, known: Mapping[str, type]) -> dict[str, Any]:
    """Return the settings that a run was given, each checked; what is None was not given.

    Args:
        config: Of the run. Other keys of its `configurable` are none of ours.
        known: The names of settings, and of which type they are.

    Raises:
        ConfigurationError: A setting is of another type.

    Example:
        >>> read_settings({"configurable": {"kind": "metaprompt", "x": 1}}, {"kind": str})
        {'kind': 'metaprompt'}
    """
    context = getattr(current_runtime(config), "context", None)
    given = {
        **(context if isinstance(context, Mapping) else {}),
        **(config.get("configurable") or {}),
    }
    found = {name: given[name] for name in known if given.get(name) is not None}
    for name, value in found.items():
        wanted = known[name]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise ConfigurationError(
                f"configurable[{name!r}] must be {_SAID[wanted]}, got {shown(value)}."
            )
    return found


def model_of(settings: dict[str, Any]) -> Any:
    """Take the model out of settings: its name, or a chat model; else the environment's.

    Raises:
        ConfigurationError: Nobody names one.

    Example:
        >>> model_of({"model": "openai:gpt-5-mini"})
        'openai:gpt-5-mini'
    """
    model = settings.pop("model", None) or os.environ.get(MODEL)
    if not model:
        raise ConfigurationError(
            f"No model is named. Set {MODEL} in the server's environment, such as "
            "openai:gpt-5-mini, or give config={'configurable': {'model': 'openai:gpt-5-mini'}}."
        )
    return model
