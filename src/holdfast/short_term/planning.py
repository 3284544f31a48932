"""What of a conversation is summarised, and what stays as it was said.

Nothing in here asks a model: messages and counts go in, a plan comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from langchain_core.messages import AnyMessage, SystemMessage

from holdfast.errors import InputError, shown
from holdfast.short_term.running import RunningSummary
from holdfast.short_term.units import Unit, role_of, units

PROBE = "so " * 16
"""As much as must fit of a summary, whatever is kept free for it, so that it can say anything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a conversation is summarised, and what may be left of it then.

    Args:
        tokens: What is left has so many tokens at most, with instructions and summary.
        tokens_before: It is summarised from so many tokens on that no summary stands for.
        messages_before: And from so many such messages on; None for any number.
        summary_tokens: How many tokens are kept free for the summary.
    """

    tokens: int
    tokens_before: int
    messages_before: int | None
    summary_tokens: int

    @property
    def most(self) -> int:
        """What a result never exceeds: where it is summarised late, it may grow until then."""
        return max(self.tokens, self.tokens_before)

    def reached(self, tokens: int, messages: int) -> bool:
        """Tell whether so much is summarised."""
        many = self.messages_before is not None and messages >= self.messages_before
        return many or tokens >= self.tokens_before


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, told apart by what is to happen to them.

    Args:
        head: Instructions at the beginning; they always stay.
        pending: What no summary stands for yet.
        newest: The newest message of the user, which stays; None where there is none.
        running: The summary so far.
        waits: Whether the conversation ends with tool calls whose results are still to come.
    """

    head: tuple[AnyMessage, ...]
    pending: tuple[AnyMessage, ...]
    newest: AnyMessage | None
    running: RunningSummary | None
    waits: bool

    def broken(self, found: Sequence[Unit]) -> list[Unit]:
        """Return those of the pending units that providers refuse, and that cannot mend.

        The end of a conversation may still wait for its tools.
        """
        whole = found[:-1] if self.waits else found
        return [u for u in whole if not u.whole and u.messages[0] is not self.newest]

    def kept(self, without: Iterable[AnyMessage] = ()) -> list[AnyMessage]:
        """Return what stays as it was said, if some of what is pending is summarised."""
        gone = {message.id for message in without}
        kept = [message for message in self.pending if message.id not in gone]
        if self.newest is not None and self.newest.id not in {message.id for message in kept}:
            kept.insert(0, self.newest)
        return kept


def read_conversation(
    messages: Sequence[AnyMessage],
    running: RunningSummary | None,
    told: Callable[[str], Sequence[AnyMessage]],
) -> Conversation:
    """Tell a conversation's messages apart.

    Args:
        messages: The whole conversation, or what an earlier call left of it.
        running: The summary so far.
        told: Gives the messages that tell the model a summary, so that they are known again.

    Raises:
        InputError: A message has no id, or two of which one was summarised have the same.
    """
    known = [(m.type, m.content) for m in told(running.summary)] if running else []
    start, head = 0, []
    for message in messages:
        ours = (message.type, message.content) in known
        if not ours and not isinstance(message, SystemMessage):
            break
        start += 1
        if not ours:
            head.append(message)
    rest = messages[start:]
    done = running.summarized_message_ids if running else set()
    _check_ids(rest, start, done)
    found = units(rest)
    newest = next((u.messages[0] for u in reversed(found) if u.role == "user"), None)
    pending = tuple(message for message in rest if message.id not in done)
    # A call is not waited for where its result, or a part of its group, is summarised already.
    waits = bool(found) and found[-1].waits and all(m.id not in done for m in found[-1].messages)
    return Conversation(tuple(head), pending, newest, running, waits)


def _check_ids(messages: Sequence[AnyMessage], start: int, done: set[str]) -> None:
    places: dict[str, int] = {}
    for place, message in enumerate(messages, start):
        if message.id is None:
            raise InputError(
                f"Messages are required to have ID field: message {place} has none "
                f"({shown(message.content)}). What was summarised is known by it; a graph's "
                "`add_messages` gives ids, anywhere else set `id` when the message is made."
            )
        if message.id in places and message.id in done:
            raise InputError(
                f"Messages {places[message.id]} and {place} have the same id {message.id!r}, which "
                "has already been summarized: the second would be taken for said. Give each "
                "message an id of its own."
            )
        places[message.id] = place


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a conversation: `gone` is summarised, `kept` stays, `limit` tokens hold."""

    gone: tuple[AnyMessage, ...]
    kept: tuple[AnyMessage, ...]
    limit: int


class Planner:
    """Decides where a conversation is cut.

    Args:
        limits: When it is, and what may be left then.
        count: Counts the tokens of messages.
        assemble: Makes a result of instructions, a summary and what is kept.
    """

    def __init__(
        self,
        limits: Limits,
        count: Callable[[Sequence[AnyMessage]], int],
        assemble: Callable[[Sequence[AnyMessage], str, Sequence[AnyMessage]], list[AnyMessage]],
    ) -> None:
        self._limits = limits
        self._assemble = assemble
        self._count = count

    def plan(self, talk: Conversation) -> Plan | None:
        """Return what is to happen to a conversation; None if it stays as it is.

        Raises:
            InputError: What must stay is longer than the limit by itself.
        """
        if not talk.pending and talk.running is None:
            return None
        found = units(talk.pending)
        sizes = [self._count(unit.messages) for unit in found]
        broken = talk.broken(found)
        crooked = talk.running is not None and bool(broken or not _begins_well(talk.kept()))
        if not (crooked or self._too_much(talk, sum(sizes))):
            return None
        place = self._cut(talk, found, sizes, crooked=crooked)
        ids = {message.id for unit in [*found[:place], *broken] for message in unit.messages}
        gone = tuple(m for m in talk.pending if m.id in ids and m is not talk.newest)
        limit = self._limit(talk, gone)
        return Plan(gone, tuple(talk.kept(gone)), limit)

    def _too_much(self, talk: Conversation, tokens: int) -> bool:
        if self._limits.reached(tokens, len(talk.pending)):
            return True
        whole = [*talk.head, *talk.pending]
        if talk.running is not None:
            whole = self._assemble(talk.head, talk.running.summary, talk.kept())
        return self._count(whole) > self._limits.most

    def _cut(
        self, talk: Conversation, found: list[Unit], sizes: list[int], *, crooked: bool
    ) -> int:
        """Return how many units are summarised, the newest message of the user aside."""
        limits, size = self._limits, len(found)
        before = list(accumulate(sizes, initial=0))
        counts = list(accumulate((len(unit.messages) for unit in found), initial=0))
        newest = next((n for n, unit in enumerate(found) if unit.messages[0] is talk.newest), -1)
        own = sizes[newest] if newest >= 0 else self._count([talk.newest] if talk.newest else [])
        bare = self._count(self._assemble(talk.head, "", [])) + limits.summary_tokens
        room = limits.tokens - max(bare, self._count(self._assemble(talk.head, PROBE, [])))

        def left(place: int) -> tuple[int, int]:
            carried = place > newest and talk.newest is not None
            tokens = before[-1] - before[place] + (own if carried else 0)
            return tokens, counts[-1] - counts[place] + carried

        def good(place: int) -> bool:
            return left(place)[0] <= room and not limits.reached(*left(place))

        for place in range(newest + 1):
            enough = limits.reached(before[place], counts[place]) or crooked
            if enough and left(place)[0] <= room and _begins_well(found[place].messages):
                return place
        if newest == size - 1 or (newest > 0 and good(newest)):
            return max(newest, 0)
        # Within a turn of tools the newest results stay, if they can; half of the room is left
        # free, or the next result would ask for the next summary.
        later = range(newest + 1, size)
        eased = (p for p in later if good(p) and left(p)[0] <= max(room // 2, left(size - 1)[0]))
        return next(eased, size - 1 if left(size - 1)[0] <= room else size)

    def _limit(self, talk: Conversation, gone: Sequence[AnyMessage]) -> int:
        """Return how many tokens the result may have.

        Raises:
            InputError: What must stay has more.
        """
        limits = self._limits
        if gone or talk.running is not None:
            least = self._count(self._assemble(talk.head, PROBE, talk.kept(gone)))
        else:
            least = self._count([*talk.head, *talk.kept()])
        limit = limits.tokens if least <= limits.tokens else limits.most
        if least <= limit:
            return limit
        head, newest = self._count(talk.head), self._count([talk.newest] if talk.newest else [])
        raise InputError(
            f"The conversation cannot be brought within max_tokens={limits.tokens}: the system "
            f"message has {head} tokens and the newest message of the user {newest}, neither of "
            f"which is ever summarised; with a few words of summary that is {least}. Raise "
            f"max_tokens to {least + limits.summary_tokens} or more, or shorten them. Nothing was "
            "summarised."
        )


def _begins_well(messages: Sequence[AnyMessage]) -> bool:
    """Tell whether a conversation may begin so: Anthropic wants the user's words first."""
    roles = (role_of(message) for message in messages)
    return next((role for role in roles if role != "system"), "user") == "user"
