"""Implicit feedback: what a user shows of an answer without being asked, found without a model.

Five signals: the user repeats, corrects, rephrases, gives up, or thanks. They are told by a table
of English phrases and by the words that two requests share. Where there is doubt there is none:
what is learned from must be right, and what is missed is said again. Other languages are silent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from holdfast.analysis import STOP_WORDS, marked, tokens
from holdfast.errors import cut
from holdfast.history import moment
from holdfast.language import ENGLISH, stem
from holdfast.memory import Message
from holdfast.optimize.signs import (
    Signs,
    asked_for,
    begins,
    has_code,
    is_whole,
    plain,
    sentences,
    table,
)
from holdfast.wording import read_messages

SignalKind = Literal["repeats", "corrects", "rephrases", "gives_up", "thanks"]

NEAR = timedelta(hours=1)
"""Who asks the same again after longer than this asks anew."""

ALIKE = 0.75
"""Which share of their words two requests have in common that are one."""

LIKE = 0.5
"""Which share, where the user says so, or the answer was none."""

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_DIRECTED = frozenset(
    ["from", "to", "into", "before", "after", "since", "until", "with", "without", "except"]
)
_NEGATED = frozenset(["not", "no", "never", "without"])


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that a user showed of an answer.

    Args:
        kind: `repeats`, `corrects`, `rephrases`, `gives_up` or `thanks`.
        index: Which message of the conversation shows it, from 0.
        words: Those that show it.
        polarity: 1 where the answer was liked, -1 where it was not.
    """

    kind: SignalKind
    index: int
    words: str
    polarity: Literal[-1, 1]


def find_signals(messages: Sequence[Any], *, ended: bool = False) -> list[Signal]:
    """Return the implicit feedback in a conversation, in order; at most one for each message.

    Only what follows an answer counts, and only English.

    Args:
        messages: In any form that LangChain takes.
        ended: Whether nothing more is said: then a user who complains twice and says nothing to
            the next answer has given up.

    Raises:
        InputError: They cannot be read.

    Example:
        >>> talk = [
        ...     ("user", "When does the ferry leave?"),
        ...     ("assistant", "The train leaves at nine."),
        ...     ("user", "No, I meant the ferry."),
        ...     ("assistant", "At ten."),
        ...     ("user", "Perfect, thanks!"),
        ... ]
        >>> [(signal.kind, signal.index, signal.words) for signal in find_signals(talk)]
        [('corrects', 2, 'no, i meant'), ('thanks', 4, 'perfect, thanks')]
    """
    given = list(messages)
    read = all(isinstance(one, Message) for one in given)
    turns = _turns(given if read else read_messages(given))
    found: list[Signal] = []
    for number, turn in enumerate(turns):
        if not turn.answer or marked(tokens(turn.said.text)) != ENGLISH:
            continue
        before = turns[number - 1] if number else None
        signal = _said(turn) or (_asked_again(before, turn) if before is not None else None)
        if signal is not None:
            found.append(signal)
    return found + (_left(turns, found, len(given)) if ended else [])


@dataclass(slots=True)
class _Turn:
    """What a user says at once.

    Args:
        said: The message.
        index: Which of the conversation.
        answer: What the assistant had said right before it, since the user's last message.
        plain: The user's own words.
    """

    said: Message
    index: int
    answer: str
    plain: str = field(init=False)

    def __post_init__(self) -> None:
        self.plain = plain(self.said.text)

    def is_told(self) -> bool:
        """Tell whether it answers a question of the assistant's, rather than judges an answer."""
        last = list(sentences(plain(self.answer)))[-1:]
        return any(asks and not table().polite.search(words) for words, asks in last)


def _turns(messages: Sequence[Message]) -> list[_Turn]:
    turns: list[_Turn] = []
    answer = ""
    for index, message in enumerate(messages):
        if message.role == "assistant":
            answer = message.text or answer
        elif message.role == "user" and message.text.strip():
            turns.append(_Turn(message, index, answer))
            answer = ""
    return turns


# What is said of an answer


def _said(turn: _Turn) -> Signal | None:
    """Return what a message says of the answer before it."""
    if turn.is_told():
        return None
    words = _phrase(table().gives_up, turn)
    if words:
        return Signal("gives_up", turn.index, words, -1)
    words = _phrase(table().corrects, turn) or _contrast(turn)
    if words:
        return Signal("corrects", turn.index, words, -1)
    signs = table().thanks
    if not signs.silent.search(turn.plain):
        for sentence, asks in list(sentences(turn.plain))[:2]:
            if not asks and is_whole(signs.whole, sentence):
                return Signal("thanks", turn.index, sentence, 1)
    return None


def _phrase(signs: Signs, turn: _Turn) -> str:
    """Return the words that open one of the first two sentences; "" where none do."""
    if signs.silent.search(turn.plain):
        return ""
    for sentence, asks in list(sentences(turn.plain))[:2]:
        words = begins(signs.begins, sentence)
        # "That's wrong, isn't it?" asks whether something is; "Can I talk to a human?" does not.
        if words and (not asks or words.startswith(("can i", "could i"))):
            return words
    return ""


def _contrast(turn: _Turn) -> str:
    """Return "not X but Y", where the answer said X."""
    if table().corrects.silent.search(turn.plain):
        return ""
    for sentence, asks in list(sentences(turn.plain))[:1]:
        words = begins(table().contrast, sentence)
        found = table().contrast.search(sentence)
        if asks or not words or found is None or len(sentence.split()) > 12:
            continue
        other = _WORD.findall(found[1])
        told = _content(" ".join(other))
        if other and other[0] not in table().contrast_not and told:
            answered = set(tokens(turn.answer, ENGLISH))
            if told <= answered:
                return sentence
    return ""


# What is asked again


def _asked_again(before: _Turn, turn: _Turn) -> Signal | None:
    """Return that a request is the one before, in the same or in other words."""
    if has_code(before.said.text) or has_code(turn.said.text) or _apart(before, turn):
        return None
    if before.said.speaker != turn.said.speaker or turn.is_told():
        return None
    old, new = _content(before.plain), _content(turn.plain)
    if (old | new) & table().anew or _does(before.plain) or _does(turn.plain):
        return None
    if _telling(before.plain) == _telling(turn.plain) and len(new) >= 2:
        return Signal("repeats", turn.index, _shown(turn), -1)
    if _directed(before.plain, turn.plain) or not _asks_the_same(before.plain, turn.plain):
        return None
    return _reworded(before, turn)


def _reworded(before: _Turn, turn: _Turn) -> Signal | None:
    """Return that a request is the one before in other words."""
    first = next(sentences(turn.plain), ("", False))[0]
    words = begins(table().rephrases.begins, first)
    request = turn.plain.partition(words)[2] if words else turn.plain
    spared = table().neutral
    old, new = _content(before.plain) - spared, _content(request) - spared
    shared, share = len(old & new), len(old & new) / (len(old | new) or 1)
    doubted = bool(words) or bool(table().unanswered.search(plain(turn.answer)))
    plainly = shared >= 3 and share >= ALIKE and _is_question(before) and _is_question(turn)
    if not plainly and not (doubted and shared >= 2 and share >= LIKE):
        return None
    return Signal("rephrases", turn.index, words or _shown(turn), -1)


def _shown(turn: _Turn) -> str:
    return cut(" ".join(turn.plain.split()), 120)


def _apart(before: _Turn, turn: _Turn) -> bool:
    """Tell whether so much time lies between two messages that they are two occasions."""
    one, other = moment(before.said.time), moment(turn.said.time)
    return one is not None and other is not None and other - one > NEAR


def _content(text: str) -> set[str]:
    """Return the tokens of the words that say what a text is about."""
    words = _WORD.findall(text)
    return {stem(word.split("'")[0], ENGLISH) for word in words if word not in STOP_WORDS} - {""}


def _telling(text: str) -> tuple[str, ...]:
    """Return the words of a request in order, without those that only insist."""
    return tuple(word for word in _WORD.findall(text) if word not in table().insisting)


def _does(text: str) -> bool:
    """Tell whether a text asks for something to be done, which may be wanted twice."""
    words = [word for word in _WORD.findall(text) if word not in table().insisting]
    return not words or words[0] in table().doing


def _is_question(turn: _Turn) -> bool:
    return any(asks for _, asks in sentences(turn.plain)) or bool(asked_for(turn.plain))


def _asks_the_same(one: str, other: str) -> bool:
    """Tell whether two requests ask for the same sort of thing, as far as they say."""
    first, second = asked_for(one), asked_for(other)
    return not first or not second or first == second


def _directed(one: str, other: str) -> bool:
    """Tell whether two requests have a word in different directions: from Porto, to Porto."""
    first, second = _directions(one), _directions(other)
    if any(word in first and first[word] != way for word, way in second.items()):
        return True
    return _is_negated(one) != _is_negated(other)


def _is_negated(text: str) -> bool:
    return any(word in _NEGATED or word.endswith("n't") for word in _WORD.findall(text))


def _directions(text: str) -> dict[str, str]:
    """Return the words that follow a word of direction, each with that."""
    found: dict[str, str] = {}
    way = ""
    for word in _WORD.findall(text):
        if word in _DIRECTED:
            way = word
        elif way and word not in STOP_WORDS:
            found[stem(word, ENGLISH)] = way
            way = ""
    return found


# What is not said any more


def _left(turns: Sequence[_Turn], found: Sequence[Signal], length: int) -> list[Signal]:
    """Return that a user complained twice, was answered, and left."""
    last = [signal for signal in found if signal.index in {turn.index for turn in turns[-2:]}]
    answered = bool(turns) and turns[-1].index < length - 1
    complained = len(last) == 2 and all(
        signal.polarity < 0 and signal.kind != "gives_up" for signal in last
    )
    if not answered or not complained:
        return []
    return [Signal("gives_up", last[-1].index, last[-1].words, -1)]
