"""Conversations with questions from files: LoCoMo's own JSON, and our JSON Lines."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from holdfast.errors import InputError, shown
from holdfast.evaluate.conversations import Conversation, Question, Turn, gathered
from holdfast.transfer.reading import Text, checked, reading

CATEGORIES = {
    1: "1 multi-hop",
    2: "2 temporal",
    3: "3 open-domain",
    4: "4 single-hop",
    5: "5 adversarial",
}
"""LoCoMo's numbers, in the words of Maharana et al., "Evaluating Very Long-Term Conversational
Memory of LLM Agents" (2024); which is which follows from how many there are of each."""

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DATE = re.compile(r"(\d{1,2}):(\d{2})\s*([ap]m)\s+on\s+(\d{1,2})\s+([a-z]+),?\s+(\d{4})", re.I)
_SESSION = re.compile(r"session_(\d+)")
_EVIDENCE = re.compile(r"[\s;,]+")
_DIALOG_ID = re.compile(r"D:?(\d+):(\d+)")

_GIVE_LOCOMO = "Give LoCoMo's locomo10.json, or a file of its form."
_GIVE_JSONL = "Give JSON Lines with one conversation a line; see docs/evaluation.md."


def _name(given: Any) -> Any:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return str(given) if is_number else given


Name = Annotated[Text, BeforeValidator(_name), Field(min_length=1)]
"""An id: a text, or a number that stands for one."""


def _bytes(file: str | Path, give: str) -> bytes:
    with reading(str(file), give):
        raw = Path(file).expanduser().read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


# LoCoMo


class _Said(BaseModel):
    speaker: Text
    dia_id: Name
    text: Text = ""
    blip_caption: Text | None = None


class _Asked(BaseModel):
    question: Text
    category: int
    evidence: list[Text] | None = None


class _Talk(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Sample(BaseModel):
    sample_id: Name
    conversation: _Talk
    qa: list[_Asked]


def read_locomo(file: str | Path) -> list[Conversation]:
    """Read LoCoMo's own JSON.

    What an image shows (`blip_caption`) is content. An evidence string may hold several ids, and
    may spell one as `D:11:26` or `D30:05`. Dates of sessions that were never held are left aside.

    Args:
        file: Its path; may be compressed by gzip.

    Raises:
        InputError: The file is of another form; the error names the conversation and the place.
    """
    raw = _bytes(file, _GIVE_LOCOMO)
    with reading(str(file), _GIVE_LOCOMO):
        listed = json.loads(raw)
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{file}: no list of conversations, but {shown(listed)}. {_GIVE_LOCOMO}")
    found = []
    for number, given in enumerate(listed, start=1):
        place = f"{file}: conversation {number}"
        if isinstance(given, dict) and isinstance(given.get("sample_id"), str):
            place = f"{place} ({shown(given['sample_id'])})"
        found.append(_locomo(checked(_Sample, given, place), place))
    return _each_once(found, str(file))


def _locomo(sample: _Sample, place: str) -> Conversation:
    turns = list(_turns(sample.conversation.model_extra or {}, place))
    if not turns:
        raise InputError(f"{place} has no messages: there is no list 'session_1' in it.")
    ids = {turn.id for turn in turns}
    questions = [
        Question(
            f"{sample.sample_id}#{number}",
            asked.question,
            CATEGORIES.get(asked.category, str(asked.category)),
            tuple(ref for text in asked.evidence or () for ref in _refs(text, ids)),
        )
        for number, asked in enumerate(sample.qa, start=1)
    ]
    return gathered(sample.sample_id, "peer", turns, questions, place)


def _turns(talk: dict[str, Any], place: str) -> Iterator[Turn]:
    held = ((int(match[1]), key) for key in talk if (match := _SESSION.fullmatch(key)))
    for number, key in sorted(held):
        time = _time(talk.get(f"{key}_date_time"), f"{place} @ conversation/{key}_date_time")
        listed = talk[key]
        if not isinstance(listed, list):
            raise InputError(
                f"{place} cannot be read: no list of messages @ conversation/{key}, "
                f"got {shown(listed)}."
            )
        for at, given in enumerate(listed):
            said = checked(_Said, given, place, at=f"conversation/{key}/{at}")
            shows = f"[image: {said.blip_caption}]" if said.blip_caption else ""
            text = " ".join(filter(None, [said.text.strip(), shows]))
            yield Turn(said.dia_id, text, "user", said.speaker, time, str(number))


def _time(given: Any, place: str) -> str | None:
    """Return a date such as `1:56 pm on 8 May, 2023` in ISO 8601."""
    if given is None:
        return None
    match = _DATE.fullmatch(given.strip()) if isinstance(given, str) else None
    try:
        assert match is not None
        hour, minute, half, day, month, year = match.groups()
        hours = int(hour) % 12 + (12 if half.lower() == "pm" else 0)
        at = datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), hours, int(minute))
    except (AssertionError, ValueError):
        raise InputError(
            f"{place}: not a date such as '1:56 pm on 8 May, 2023', got {shown(given)}."
        ) from None
    return at.isoformat()


def _refs(text: str, ids: set[str]) -> Iterator[str]:
    """Yield the ids that an evidence string holds, in the spelling of the messages."""
    for part in filter(None, _EVIDENCE.split(text)):
        match = _DIALOG_ID.fullmatch(part)
        plain = f"D{int(match[1])}:{int(match[2])}" if match else part
        yield part if part in ids else plain


# JSON Lines


class _Message(BaseModel):
    id: Name
    text: Text
    role: Literal["user", "assistant"] | None = None
    speaker: Text | None = None
    time: Text | None = None
    session: Name = "1"

    @field_validator("time")
    @classmethod
    def _is_a_time(cls, given: str | None) -> str | None:
        if given:
            datetime.fromisoformat(given)
        return given or None


class _Question(BaseModel):
    id: Name | None = None
    text: Text
    category: Name = "questions"
    evidence: list[Name] | None = None


class _Line(BaseModel):
    id: Name
    kind: Literal["peer", "assistant"]
    messages: list[_Message] = Field(min_length=1)
    questions: list[_Question]


def read_jsonl(file: str | Path) -> list[Conversation]:
    """Read our JSON Lines: one conversation with its questions a line.

    Args:
        file: Its path; may be compressed by gzip.

    Raises:
        InputError: The file is of another form; the error names the line and the place.

    Example:
        >>> import json, tempfile
        >>> line = {
        ...     "id": "c1",
        ...     "kind": "peer",
        ...     "messages": [{"id": "m1", "speaker": "Nora", "text": "I like tea"}],
        ...     "questions": [{"text": "What does Nora like?", "evidence": ["m1"]}],
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "mine.jsonl").write_text(json.dumps(line))
        ...     (conversation,) = read_jsonl(Path(folder, "mine.jsonl"))
        >>> conversation.questions[0].evidence
        ('m1',)
    """
    raw = _bytes(file, _GIVE_JSONL)
    with reading(str(file), _GIVE_JSONL):
        lines = raw.decode("utf-8-sig").split("\n")  # U+2028 and its like part no lines
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file}: line {number}"
        with reading(place, _GIVE_JSONL):
            given = json.loads(line)
        found.append(_conversation(checked(_Line, given, place), place))
    if not found:
        raise InputError(f"{file}: it is empty. {_GIVE_JSONL}")
    return _each_once(found, str(file))


def _conversation(line: _Line, place: str) -> Conversation:
    turns = []
    for at, said in enumerate(line.messages):
        if line.kind == "assistant" and said.role is None:
            raise InputError(
                f"{place} cannot be read: no role @ messages/{at}; where the kind is 'assistant', "
                "say 'user' or 'assistant' of each message."
            )
        speaker = None if said.speaker == said.role else said.speaker
        role = said.role or "user"
        turns.append(Turn(said.id, said.text, role, speaker, said.time, said.session))
    questions = [
        Question(
            asked.id or f"{line.id}#{number}",
            asked.text,
            asked.category,
            tuple(asked.evidence or ()),
        )
        for number, asked in enumerate(line.questions, start=1)
    ]
    return gathered(line.id, line.kind, turns, questions, place)


def _each_once(found: list[Conversation], file: str) -> list[Conversation]:
    seen: set[str] = set()
    for conversation in found:
        if conversation.id in seen:
            raise InputError(f"{file}: several conversations have the id {conversation.id!r}.")
        seen.add(conversation.id)
    return found
