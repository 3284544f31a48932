"""Conversations in which a user showed what he thinks of the answers, gathered from a journal.

What is gathered is not kept a second time: the journal keeps it, and a cursor says how far has been
learned from. So what is forgotten there is gone from here too, without anybody seeing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import ChatMessage

from holdfast import wording
from holdfast.errors import cut
from holdfast.flow import Flow, Perform
from holdfast.history import Cursor, Entry
from holdfast.ledger import Ledger
from holdfast.memory import Message
from holdfast.namespace import decode_namespace
from holdfast.operations import Journal, ReadCursor, Threads
from holdfast.optimize.signals import Signal, find_signals
from holdfast.trajectories import AnnotatedTrajectory

STRETCH = 200
"""How many messages of a thread are read at once, and are one trajectory at most."""

BEFORE, AFTER = 6, 1
"""How many messages around one that shows something belong to it."""

LONGEST = 4_000
"""How many letters of a message are shown; what is pasted may be far longer."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A stretch of conversation in which a user showed something.

    Args:
        trajectory: It, with what was found as its feedback.
        place: Its namespace and thread.
        since: After which message of it (`seq`) was read.
        last: Up to which.
        signals: What was found; `index` counts the trajectory's messages.
        keys: Of the messages in the journal.
    """

    trajectory: AnnotatedTrajectory
    place: tuple[tuple[str, ...], str]
    since: int
    last: int
    signals: tuple[Signal, ...]
    keys: tuple[str, ...]

    @property
    def thread(self) -> str:
        """Of which conversation it is."""
        return self.place[1]

    @property
    def name(self) -> str:
        """What it is called: namespace and thread, and which messages of it."""
        return f"{self.begins}{self.last}"

    @property
    def begins(self) -> str:
        """How it is called wherever it ends."""
        namespace, thread = self.place
        return f"{'/'.join(decode_namespace(namespace))} {thread} {self.since + 1}-"

    @property
    def is_liked(self) -> bool:
        """Whether nothing was wrong."""
        return all(signal.polarity > 0 for signal in self.signals)


@dataclass(frozen=True, slots=True)
class Harvest:
    """What was gathered of a namespace.

    Args:
        complaints: Where something was wrong.
        liked: Where nothing was, as far as they are needed.
        passed: How far was read where nothing was found.
    """

    complaints: tuple[Gathered, ...]
    liked: tuple[Gathered, ...]
    passed: tuple[Cursor, ...]


def gather(
    store: Ledger, namespace: tuple[str, ...], reader: str, *, most: int, quiet: float
) -> Flow[Harvest]:
    """Read what has settled since a reader's cursors, in exactly one namespace; nothing is written.

    Args:
        store: Where conversations are kept.
        namespace: Stored labels.
        reader: Whose cursors.
        most: How many complaints, and how many others, are gathered at most.
        quiet: Seconds after which a conversation has settled.
    """
    ends: dict[str, int] = yield Perform(store, Threads(namespace))
    complaints: list[Gathered] = []
    liked: list[Gathered] = []
    passed: list[Cursor] = []
    for thread, end in ends.items():
        if len(complaints) >= most:
            break
        since: int = yield Perform(store, ReadCursor(namespace, thread, reader))
        if since >= end or not (yield from _has_settled(store, namespace, thread, end, quiet)):
            continue
        found, seq = yield from _first(store, namespace, thread, since, end)
        if found is not None and found.is_liked and len(liked) >= most:
            seq = found.last  # there are enough of these
        elif found is not None:
            (liked if found.is_liked else complaints).append(found)
        if seq > since:
            passed.append(Cursor(thread, seq, reader))
    return Harvest(tuple(complaints), tuple(liked), tuple(passed))


def _has_settled(
    store: Ledger, namespace: tuple[str, ...], thread: str, end: int, quiet: float
) -> Flow[bool]:
    last: list[Entry] = yield Perform(store, Journal(namespace, thread, end - 1, 1))
    now = datetime.now(UTC)
    return all((now - entry.recorded_at).total_seconds() >= quiet for entry in last)


def _first(
    store: Ledger, namespace: tuple[str, ...], thread: str, since: int, end: int
) -> Flow[tuple[Gathered | None, int]]:
    """Return the first stretch in which there is something, and up to where there is nothing."""
    while since < end:
        earlier = max(0, since - BEFORE)
        page = Journal(namespace, thread, earlier, since - earlier + STRETCH)
        read: list[Entry] = yield Perform(store, page)
        entries = [entry for entry in read if entry.seq <= end]
        if not entries or entries[-1].seq <= since:
            return None, end  # what was there is forgotten
        last = entries[-1].seq
        messages = [entry.message for entry in entries]
        signals = find_signals(messages, ended=last >= end)
        fresh = [signal for signal in signals if entries[signal.index].seq > since]
        if fresh:
            return _gathered(entries, fresh, since), since
        since = last
    return None, since


def _gathered(entries: Sequence[Entry], signals: Sequence[Signal], since: int) -> Gathered:
    """Return what belongs to some signals."""
    around = {
        number
        for signal in signals
        for number in range(signal.index - BEFORE, signal.index + AFTER + 1)
    }
    chosen = [number for number in range(len(entries)) if number in around]
    moved = tuple(replace(signal, index=chosen.index(signal.index)) for signal in signals)
    messages = [_as_given(entries[number].message) for number in chosen]
    return Gathered(
        AnnotatedTrajectory(messages, feedback_of(moved)),
        (entries[0].namespace, entries[0].thread),
        since,
        entries[-1].seq,
        moved,
        tuple(entries[number].key for number in chosen),
    )


def feedback_of(signals: Sequence[Signal]) -> str:
    """Return signals as a text for a model; messages are counted from 1.

    Example:
        >>> print(feedback_of([Signal("corrects", 2, "that's wrong", -1)]).splitlines()[-1])
        - message 3: the user corrects the answer before it: "that's wrong"
    """
    lines = (
        wording.text(f"learned_{one.kind}", number=str(one.index + 1), words=one.words)
        for one in signals
    )
    return wording.text("learned_feedback", found="\n".join(f"- {line}" for line in lines))


def _as_given(message: Message) -> Any:
    """Return a message of the journal in a form that LangChain takes."""
    text = cut(message.text, LONGEST)
    if message.role not in ("user", "assistant", "system", "tool"):
        return ChatMessage(role=message.role, content=text)
    made: dict[str, Any] = {"role": message.role, "content": text}
    made |= {"name": message.speaker} if message.speaker else {}
    made |= {"time": message.time} if message.time else {}
    if message.role == "tool":
        made["tool_call_id"] = "call"
    if message.calls:
        made["tool_calls"] = [
            {"id": "call", "type": "function", "function": {"name": tool, "arguments": given}}
            for tool, given in message.calls
        ]
    return made
