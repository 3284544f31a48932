"""What is evaluated on: conversations, and questions whose evidence is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from holdfast.errors import InputError, shown

Kind = Literal["peer", "assistant"]

NONE = "without evidence"
UNKNOWN = "evidence names no message"
ASSISTANT = "evidence names the assistant's messages alone"

OF_NOTHING = "of no message"
OF_ASSISTANT = "of the assistant's messages"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation.

    Args:
        id: Unique in the conversation.
        text: Its words.
        role: `user` or `assistant`.
        speaker: Who spoke; None where the role says as much.
        time: ISO 8601.
        session: The sitting it belongs to.
    """

    id: str
    text: str
    role: str = "user"
    speaker: str | None = None
    time: str | None = None
    session: str = "1"

    @property
    def said(self) -> str:
        """The text by which every row finds it.

        Example:
            >>> Turn("1", "I like tea", speaker="Nora").said
            'Nora: I like tea'
        """
        return f"{self.speaker}: {self.text}" if self.speaker else self.text


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Args:
        id: Unique in its conversation.
        text: Its words.
        category: What sort of question it is.
        evidence: Ids of the turns that answer it, each once.
    """

    id: str
    text: str
    category: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation with its questions.

    Args:
        id: Its name.
        kind: `peer` between people, `assistant` between a user and an assistant.
        turns: All messages, in order.
        questions: Those that can be evaluated.
        left_out: How many questions cannot, by the reason.
        ignored: How many ids in the evidence of these do not count, by what they are of.
    """

    id: str
    kind: Kind
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)

    @property
    def candidates(self) -> tuple[Turn, ...]:
        """The turns that may be found: of a user with an assistant, the user's."""
        if self.kind == "peer":
            return self.turns
        return tuple(turn for turn in self.turns if turn.role == "user")


def gathered(
    id: str, kind: Kind, turns: Sequence[Turn], questions: Iterable[Question], place: str
) -> Conversation:
    """Return a conversation, with the questions left out whose evidence cannot be found.

    Args:
        id: Its name.
        kind: Between whom.
        turns: All messages, in order.
        questions: All questions, with evidence as it was given.
        place: Where it stands, for errors.

    Raises:
        InputError: Two messages or two questions have one id, or a question has no words.
    """
    asked = list(questions)
    _once((turn.id for turn in turns), place, "messages")
    _once((question.id for question in asked), place, "questions")
    there = {turn.id: kind == "peer" or turn.role == "user" for turn in turns}
    kept: list[Question] = []
    left_out: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    for question in asked:
        if not question.text.strip():
            raise InputError(f"{place}: question {question.id!r} has no words; give it some.")
        named = list(dict.fromkeys(question.evidence))
        valid = tuple(ref for ref in named if there.get(ref))
        if valid:
            others = [ref for ref in named if ref not in valid]
            ignored.update(OF_ASSISTANT if ref in there else OF_NOTHING for ref in others)
            kept.append(Question(question.id, question.text, question.category, valid))
        else:
            known = any(ref in there for ref in named)
            left_out[ASSISTANT if known else UNKNOWN if named else NONE] += 1
    return Conversation(id, kind, tuple(turns), tuple(kept), dict(left_out), dict(ignored))


def _once(ids: Iterable[str], place: str, what: str) -> None:
    twice = [id for id, times in Counter(ids).items() if times > 1]
    if twice:
        raise InputError(
            f"{place}: several {what} have the id {shown(twice[0])}; give each one of its own."
        )


def chosen(
    conversations: Sequence[Conversation],
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> list[Conversation]:
    """Return the conversations that are meant.

    Args:
        conversations: All of them.
        only: Ids of those to take; all where there are none.
        without: Ids of those to leave out.

    Raises:
        InputError: There is no conversation of an id, or none is left, or no question.
    """
    known = [conversation.id for conversation in conversations]
    for id in (*only, *without):
        if id not in known:
            raise InputError(f"there is no conversation {id!r}; there are {shown(known, 400)}")
    left = [one for one in conversations if one.id not in without and (not only or one.id in only)]
    if not left:
        raise InputError("no conversation is left; name fewer in --without")
    if not any(one.questions for one in left):
        raise InputError("no question is left whose evidence can be found; give each question some")
    return left
