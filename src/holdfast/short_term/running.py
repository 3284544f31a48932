"""What is carried from turn to turn: the running summary, and what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage

from holdfast.errors import InputError, shown


@dataclass
class RunningSummary:
    """What was summarised so far; hand it back in on the next turn.

    Args:
        summary: The text of the latest summary.
        summarized_message_ids: The ids of all messages that it stands for.
        last_summarized_message_id: The id of the last of them.

    Example:
        >>> RunningSummary("Nora likes tea.", {"1", "2"}, "2").summary
        'Nora likes tea.'
    """

    summary: str
    summarized_message_ids: set[str]
    last_summarized_message_id: str | None


@dataclass
class SummarizationResult:
    """A conversation that was kept short.

    Args:
        messages: What to send to the model: instructions, the summary if there is one, and the
            messages that it does not stand for.
        running_summary: What to hand in on the next turn; None as long as nothing was summarised.
    """

    messages: list[AnyMessage]
    running_summary: RunningSummary | None = None


def read_running(given: Any) -> RunningSummary | None:
    """Return a running summary, also from what a checkpoint made of it or LangMem left behind.

    Raises:
        InputError: It is neither None nor has a running summary's fields.

    Example:
        >>> read_running({"summary": "Tea.", "summarized_message_ids": ["1"]}).summary
        'Tea.'
    """
    if given is None:
        return None
    fields = given if isinstance(given, Mapping) else getattr(given, "__dict__", {})
    summary, ids = fields.get("summary"), fields.get("summarized_message_ids")
    if not isinstance(summary, str | list) or not isinstance(ids, set | frozenset | list | tuple):
        raise InputError(
            "running_summary must be what an earlier call returned as `running_summary` (a "
            f"RunningSummary), or None; got {shown(given)}."
        )
    # LangMem keeps a summary of content blocks as those blocks.
    text = summary if isinstance(summary, str) else str(AIMessage(summary).text)
    return RunningSummary(text, set(ids), fields.get("last_summarized_message_id"))
