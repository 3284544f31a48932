"""Trajectories: what an agent did, with feedback, in every form that callers have it in."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

from holdfast.errors import InputError, shown
from holdfast.memory import Message
from holdfast.wording import read_messages, render_messages
from holdfast.wording.conversation import quoted

_ROLES = frozenset(
    ("user", "human", "assistant", "ai", "system", "developer", "tool", "function", "remove")
)

FEEDBACK_ROLE = "feedback"
"""As whose message a model is shown feedback."""

FORMS = (
    "a text, a list of messages, (messages, feedback), AnnotatedTrajectory(messages, feedback), "
    "{'messages': [...], 'feedback': ...}, or a list of these"
)


class AnnotatedTrajectory(NamedTuple):
    """A conversation, or other work of an agent, with what somebody thought of it.

    Args:
        messages: In any form that LangChain takes.
        feedback: A text, a dict of texts, scores and booleans, a score, or None.

    Example:
        >>> talk = [{"role": "user", "content": "Shorter, please."}]
        >>> AnnotatedTrajectory(talk, {"score": 0, "comment": "too long"}).feedback["score"]
        0
    """

    messages: Sequence[Any]
    feedback: Any = None


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A trajectory, read.

    Args:
        messages: What was said; empty where `text` says it.
        feedback: As it was given.
        text: A conversation that came as one text.
        given: The messages as they were given.
    """

    messages: tuple[Message, ...] = ()
    feedback: Any = None
    text: str = ""
    given: tuple[Any, ...] = ()

    @property
    def said(self) -> tuple[Message, ...]:
        """What was said; a conversation that came as one text is one message of the user."""
        return self.messages or (Message("user", self.text),)

    def annotated(self) -> AnnotatedTrajectory:
        """Return it as it was given; a text becomes one message of the user."""
        said = list(self.given) or [{"role": "user", "content": self.text}]
        return AnnotatedTrajectory(said, self.feedback)

    def rendered(self) -> str:
        """Return it as quoted data for a model."""
        said = render_messages(self.messages) if self.messages else quoted(self.text)
        told = rendered_feedback(self.feedback)
        return f"{said}\n<feedback>{quoted(told)}</feedback>" if told else said


def read_trajectories(given: Any) -> list[Trajectory]:
    """Return trajectories from any of their forms.

    Args:
        given: A text; a list of messages; one `(messages, feedback)`; an `AnnotatedTrajectory`; a
            dict with `messages`; or a list of any of these.

    Raises:
        InputError: There is none, or one cannot be read; the error names the first.

    Example:
        >>> talk = [("user", "Shorter!"), ("assistant", "Yes.")]
        >>> [len(read_trajectories(form)) for form in (talk, (talk, "good"), [talk, (talk, 1)])]
        [1, 1, 2]
    """
    one = _one(given)
    if one is not None:
        return [one]
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"There are no trajectories in {shown(given)}. Give {FORMS}.")
    found: list[Trajectory] = []
    for number, each in enumerate(given):
        read = _one(each)
        if read is None:
            raise InputError(f"trajectories[{number}] cannot be read: {shown(each)}. Give {FORMS}.")
        found.append(read)
    return found


def _one(given: Any) -> Trajectory | None:
    """Return what one trajectory says; None where it is none by itself."""
    if isinstance(given, str):
        return Trajectory(text=given) if given.strip() else None
    if isinstance(given, Mapping):
        if not _is_conversation(given.get("messages")):
            return None
        _check_keys(given)
        return _read(given["messages"], given.get("feedback"))
    if isinstance(given, AnnotatedTrajectory):
        return _read(given.messages, given.feedback) if _is_conversation(given.messages) else None
    if _is_conversation(given):
        return _read(given, None)
    if _is_pair(given):
        return _read(given[0], given[1])
    return None


def _check_keys(given: Mapping[Any, Any]) -> None:
    """Raise InputError where a key looks like a misspelt one; others are left alone."""
    for key in given:
        meant = difflib.get_close_matches(str(key), ("messages", "feedback"), 1, 0.9)
        if meant and key not in ("messages", "feedback"):
            raise InputError(f"A trajectory has the key {key!r}; {meant[0]!r} is meant?")


def _read(messages: Sequence[Any] | str, feedback: Any) -> Trajectory:
    _check_feedback(feedback)
    if isinstance(messages, str):
        return Trajectory(text=messages, feedback=feedback)
    return Trajectory(tuple(read_messages(messages)), feedback, given=tuple(messages))


def _check_feedback(feedback: Any) -> None:
    """Raise InputError where feedback is of no form, or holds a score that is no number."""
    known = feedback is None or isinstance(feedback, str | int | float | Mapping)
    values = feedback.values() if isinstance(feedback, Mapping) else (feedback,)
    wrong = [one for one in values if isinstance(one, float) and not math.isfinite(one)]
    if not known or wrong:
        raise InputError(
            f"Feedback is a text, a dict, a finite score or None; got {shown(feedback)}."
        )


def _is_pair(given: Any) -> bool:
    """Tell (messages, feedback) from two conversations."""
    if not isinstance(given, list | tuple) or len(given) != 2:
        return False
    # Of two texts in a list each is a conversation; a tuple is one, with its feedback.
    text = isinstance(given, tuple) and isinstance(given[0], str) and bool(given[0].strip())
    if not text and not _is_conversation(given[0]):
        return False
    feedback = given[1]
    if isinstance(feedback, Mapping):
        return "messages" not in feedback
    return feedback is None or isinstance(feedback, str | int | float)


def _is_conversation(given: Any) -> bool:
    return isinstance(given, list | tuple) and bool(given) and all(map(_is_message, given))


def _is_message(given: Any) -> bool:
    """Tell a message from feedback and from a conversation."""
    if isinstance(given, BaseMessage | Message):
        return True
    if isinstance(given, Mapping):
        return ("role" in given or "type" in given) and "messages" not in given
    is_pair = isinstance(given, list | tuple) and len(given) == 2
    return is_pair and all(isinstance(part, str) for part in given) and given[0] in _ROLES


def with_feedback(messages: Sequence[Message], feedback: str) -> tuple[Message, ...]:
    """Return a conversation as a model is shown it: feedback is quoted as one more message.

    Example:
        >>> [message.role for message in with_feedback([Message("user", "Shorter!")], "too long")]
        ['user', 'feedback']
    """
    judged = (Message(FEEDBACK_ROLE, feedback),) if feedback else ()
    return (*messages, *judged)


def rendered_feedback(feedback: Any) -> str:
    """Return feedback as a text.

    Example:
        >>> rendered_feedback({"score": 0, "comment": "too long"})
        'score: 0\\ncomment: too long'
    """
    if feedback is None or feedback == "":
        return ""
    if isinstance(feedback, str):
        return feedback
    if isinstance(feedback, Mapping):
        return "\n".join(f"{name}: {_plain(value)}" for name, value in feedback.items())
    if isinstance(feedback, int | float):
        return f"score: {feedback}"
    return _plain(feedback)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def rendered(trajectories: Sequence[Trajectory]) -> str:
    """Return trajectories as quoted data for a model, each in tags of its own."""
    return "\n\n".join(
        f'<trajectory number="{number}">\n{one.rendered()}\n</trajectory>'
        for number, one in enumerate(trajectories, 1)
    )
