"""What a version of a prompt was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version of a prompt was made from.

    Args:
        optimizer: What made it, such as `gradient`; `person` where somebody wrote it.
        model: The model that wrote it.
        trajectories: Names of threads or other work that it was learned from; digests of what an
            optimizer was given, where it has no names.
        feedback: What was said about them.
        scores: Of the prompt before and after, or whatever was measured, by name.

    Example:
        >>> Learned("gradient", "gpt-5-mini", feedback=("too long",)).optimizer
        'gradient'
    """

    optimizer: str = "person"
    model: str | None = None
    trajectories: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
