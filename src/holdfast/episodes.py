"""Shapes of memories of an agent's own doings, and of facts in three words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, field_validator

from holdfast.memory import read_importance

EPISODE_KIND = "Episode"
"""The kind under which episodes are kept."""

TRIPLE_KIND = "Triple"
"""The kind under which triples are kept."""


class Episode(BaseModel):
    """Something that was tried, told with hindsight by the agent that did it. One call for each."""

    observation: str = Field(
        description="The situation and what was asked for, complete in itself: who, what, limits."
    )
    thoughts: str = Field(description='What mattered in deciding what to do, as "I ...".')
    action: str = Field(
        description="What was done or said, and in which form; so that it can be done again."
    )
    result: str = Field(
        description="How it went and why, and what would have been better, where it was not good."
    )
    success: bool = Field(True, description="Whether it went well; false for what failed.")
    importance: int | None = Field(
        None, ge=1, le=5, description="How much there is to learn: 1 (little) to 5 (very much)."
    )

    @field_validator("importance", mode="before")
    @classmethod
    def _hinted(cls, given: Any) -> int | None:
        return read_importance(given)


class Triple(BaseModel):
    """One fact about how two things stand to each other. One call for each."""

    subject: str = Field(description="Whom or what it is about, by name; never a pronoun.")
    predicate: str = Field(description='How it stands to the object, such as "works at".')
    object: str = Field(description="The other thing, by name, or a value.")
    context: str | None = Field(
        None, description="When, where or how far this is so; left out where always."
    )


def read_episode(content: Mapping[str, Any]) -> Episode | None:
    """Return an episode that anyone may have written; None where it tells nothing to learn from.

    Episodes of LangMem's guides have neither `success` nor `importance`: they count as successful.

    Example:
        >>> read_episode({"observation": "A riddle", "action": "I drew it"}).success
        True
    """
    texts = {name: content.get(name) for name in ("observation", "thoughts", "action", "result")}
    told = {name: text if isinstance(text, str) else "" for name, text in texts.items()}
    if not told["action"].strip() or not told["observation"].strip():
        return None
    given = content.get("importance")
    importance = given if type(given) is int and 1 <= given <= 5 else None
    return Episode(**told, success=content.get("success") is not False, importance=importance)


def folded(text: str) -> str:
    """Return what texts share that differ in case and white space alone.

    Example:
        >>> folded(" Nora  Silva ") == folded("nora silva")
        True
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
