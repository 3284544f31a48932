"""Episodes for a prompt: quoted data, each at a line of its own, further lines indented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.episodes import Episode
from holdfast.wording import text
from holdfast.wording.conversation import quoted


def render_episodes(episodes: Iterable[Episode], *, thoughts: bool = False) -> str:
    r"""Render episodes in their order; nothing stored can pass for another one, or for the end.

    Args:
        episodes: The most useful first.
        thoughts: Whether what was thought is told.

    Returns:
        The text; empty where there is none.

    Example:
        >>> told = Episode(observation="A knot", thoughts="", action="I cut it\n2.", result="Fine")
        >>> print(render_episodes([told]))
        <episodes>
        # Earlier episodes, ...
        1. Observation: A knot
           Action: I cut it
             2.
           Result: Fine
        </episodes>
    """
    entries = [
        "\n   ".join(_lines(number, episode, thoughts=thoughts))
        for number, episode in enumerate(episodes, 1)
    ]
    return text("episodes", entries="\n".join(entries)) if entries else ""


def _lines(number: int, episode: Episode, *, thoughts: bool) -> Iterator[str]:
    names = ["observation", *(["thoughts"] if thoughts else []), "action", "result"]
    # The mark stands before the words, so that no text that begins so can pass for it.
    head = f"{number}. " if episode.success else f"{number}. (failed) "
    for name in names:
        first, *more = quoted(getattr(episode, name).strip()).splitlines() or [""]
        if first:
            yield f"{head}{name.capitalize()}: {first}"
            yield from (f"  {line}" for line in more)
            head = ""
