"""Chat models as users name them, and tools bound to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from holdfast.errors import ConfigurationError


def resolve_model(model: Any) -> BaseChatModel:
    """Return a chat model from its name (`"openai:gpt-5-mini"`) or as it was given.

    Raises:
        ConfigurationError: It is neither the name of a model nor a chat model.
        ImportError: The provider's package is not installed; the message names it.
    """
    if isinstance(model, BaseChatModel):
        return model
    if isinstance(model, str):
        from langchain.chat_models import init_chat_model

        try:
            return init_chat_model(model)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise ConfigurationError(f"There is no model {model!r}: {reason}") from error
    if hasattr(model, "invoke") and hasattr(model, "bind_tools"):
        return model  # type: ignore[no-any-return]  # a configurable model, or a wrapper of one
    raise ConfigurationError(
        "model must be a name such as 'openai:gpt-5-mini' or a LangChain chat model; "
        f"got {model!r}."
    )


def model_name(model: Any) -> str | None:
    """Return the name that a chat model goes by at its provider, where it tells it."""
    for attribute in ("model_name", "model", "name"):
        name = getattr(model, attribute, None)
        if isinstance(name, str) and name:
            return name
    return None


def bind(
    model: BaseChatModel, tools: Sequence[dict[str, Any]]
) -> Runnable[Any, BaseMessage] | None:
    """Return the model with tools bound, nothing forced; None when it cannot take tools."""
    try:
        return model.bind_tools(tools)
    except NotImplementedError:
        return None
