"""Versions of prompts as values, and as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from holdfast.errors import InputError, shown
from holdfast.optimize.learned import Learned
from holdfast.optimize.optimizer import Prompt
from holdfast.stores.plain import Held

KIND = "Prompt"

PINNED = "pinned:"

ROLLBACK = "rollback"
"""What makes a version that is an older one again; its score `revision` says which."""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of a prompt.

    Args:
        name: What the prompt is called.
        prompt: Its text.
        revision: The number of the change set that wrote it; None in a store without history.
        recorded_at: When it was written; None there.
        update_instructions: What to mind when it is changed.
        when_to_update: When it is to be changed.
        learned: What it was made from.
        pinned: Whether it was chosen by `pin`, whatever is newer.
    """

    name: str
    prompt: str
    revision: int | None = None
    recorded_at: datetime | None = None
    update_instructions: str | None = None
    when_to_update: str | None = None
    learned: Learned = field(default_factory=Learned)
    pinned: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        found = asdict(self)
        found["recorded_at"] = self.recorded_at and self.recorded_at.isoformat()
        return found

    def as_prompt(self) -> Prompt:
        """Return it as an optimizer takes it."""
        told = (self.update_instructions, self.when_to_update)
        return Prompt(
            name=self.name, prompt=self.prompt, update_instructions=told[0], when_to_update=told[1]
        )


def checked_name(name: Any) -> str:
    """Return the name of a prompt; raise InputError where it is none."""
    if not isinstance(name, str) or not name or name.startswith(PINNED):
        raise InputError(
            f"A prompt's name is a text that does not begin with {PINNED!r}; got {shown(name)}."
        )
    return name


def pin_key(name: str) -> str:
    """Return the key under which it stands which version is pinned."""
    return f"{PINNED}{name}"


def who_of(learned: Learned) -> Any:
    """Return whose word a version is."""
    return "person" if learned.optimizer in ("person", ROLLBACK) else "assistant"


def check_expected(name: str, newest: Held | None, expect: int | None) -> None:
    """Raise InputError where the newest version is not the one that was expected."""
    if expect is None:
        return
    there = 0 if newest is None else newest.revision
    if there != expect:
        raise InputError(
            f"Prompt {name!r} was expected to be at revision {expect}, and is at {there}; nothing "
            "was saved."
        )


def check_before(name: str, before: str, newest: PromptVersion | None, pinned: Held | None) -> None:
    """Raise InputError where a prompt was changed since an optimizer was given it."""
    there = [] if newest is None else [newest.prompt]
    if pinned is not None:
        there.append(version_of(name, pinned.value, None).prompt)
    if there and before not in there:
        raise InputError(
            f"Prompt {name!r} was changed while it was improved; nothing was saved. Improve the "
            "newest, or save it all the same with expect=..., the newest revision."
        )


def made(
    name: str,
    prompt: str,
    told: tuple[str | None, str | None],
    learned: Learned,
    before: PromptVersion | None,
) -> PromptVersion:
    """Return a new version; what is left out of it is as it was before."""
    update, when = told
    if before is not None:
        update = before.update_instructions if update is None else update
        when = before.when_to_update if when is None else when
    return PromptVersion(
        name, prompt, update_instructions=update, when_to_update=when, learned=learned
    )


def said_by(version: PromptVersion) -> tuple[str, str | None, str | None]:
    """Return what a version says, for comparing two."""
    return version.prompt, version.update_instructions, version.when_to_update


def value_of(version: PromptVersion) -> dict[str, Any]:
    """Return a version as a stored value."""
    content: dict[str, Any] = {"name": version.name, "prompt": version.prompt}
    for what in ("update_instructions", "when_to_update"):
        if getattr(version, what) is not None:
            content[what] = getattr(version, what)
    learned = asdict(version.learned)
    content["learned"] = {**learned, "scores": dict(version.learned.scores)}
    return {"kind": KIND, "content": content}


def version_of(
    name: str, value: Mapping[str, Any], revision: int | None, *, pinned: bool = False
) -> PromptVersion:
    """Return a version from its stored value; raise InputError where that is none."""
    content = value.get("content")
    if not isinstance(content, Mapping) or not isinstance(content.get("prompt"), str):
        raise InputError(
            f"What is stored under {name!r} is no prompt: {shown(value)}. Give a PromptStore a "
            "namespace of its own."
        )
    return PromptVersion(
        name,
        content["prompt"],
        revision,
        update_instructions=content.get("update_instructions"),
        when_to_update=content.get("when_to_update"),
        learned=_learned(content.get("learned") or {}),
        pinned=pinned,
    )


def _learned(given: Mapping[str, Any]) -> Learned:
    return Learned(
        given.get("optimizer") or "person",
        given.get("model"),
        tuple(given.get("trajectories") or ()),
        tuple(given.get("feedback") or ()),
        dict(given.get("scores") or {}),
    )
