"""What is believed in a namespace, gathered so that what is alike is looked at together."""

from __future__ import annotations

import functools
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.analysis import STOP_WORDS, marked, tokens, value_text
from holdfast.flow import Flow, Perform
from holdfast.history import Record, Version
from holdfast.language import ENGLISH, small_words, stem
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, unwrap
from holdfast.operations import History, Keys, NoLongerSo, Records
from holdfast.ranking import likeness
from holdfast.stores.plan.checking import MOST
from holdfast.wording import as_json
from holdfast.wording.context import count_tokens

RUN = "consolidation-"
"""How the names of runs begin that consolidate."""

FRAME = 20
"""Tokens around a memory that is shown: its id, its kind and its date."""

COMMON = 200
"""A word that more memories hold than these is no reason to look at two of them together."""


@dataclass(frozen=True, slots=True)
class Believed:
    """A memory that is so.

    Args:
        record: As it was read.
        kind: Of what it says.
        content: What it says.
        words: Those that say what it is about.
        date: When that was said or written, before anything was consolidated.
        size: Tokens, as a model is shown it.
    """

    record: Record
    kind: str
    content: dict[str, Any]
    words: frozenset[str]
    date: datetime
    size: int

    @property
    def key(self) -> str:
        """Its key."""
        return self.record.version.key

    @property
    def version(self) -> Version:
        """Its current version."""
        return self.record.version

    @property
    def value(self) -> dict[str, Any]:
        """What is stored."""
        return self.record.version.value or {}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read of a namespace.

    Args:
        believed: What is so, oldest first.
        taken: All keys that hold a memory, also what is no longer so.
        newest: The highest revision that was read.
    """

    believed: tuple[Believed, ...]
    taken: frozenset[str]
    newest: int


def is_ours(version: Version) -> bool:
    """Tell whether a consolidation wrote a version."""
    return (version.provenance.run or "").startswith(RUN)


def gather(
    store: Ledger, namespace: tuple[str, ...], kinds: Sequence[str] | None
) -> Flow[Gathered]:
    """Read the memories of exactly a namespace that are so.

    Args:
        store: Where they are.
        namespace: Stored labels.
        kinds: Those that count; None for all.
    """
    places = yield Perform(store, Keys(namespace, limit=MOST))
    # LangGraph refuses no empty key, but nothing can be said to come from one.
    keys = tuple(sorted(key for where, key in places if where == namespace and key))
    read = yield Perform(store, Records(namespace, keys))
    records: dict[str, Record] = {one.version.key: one for one in read if one is not None}
    over = set((yield Perform(store, NoLongerSo(namespace, keys))))
    dates = yield from _dates(store, namespace, records)
    believed = [
        _believed(record, dates[key])
        for key, record in records.items()
        if key not in over and not record.superseded_by
    ]
    wanted = [
        one for one in believed if one.kind != MESSAGE_KIND and (kinds is None or one.kind in kinds)
    ]
    newest = max((record.version.revision for record in records.values()), default=0)
    return Gathered(tuple(_by_date(wanted)), frozenset(records), newest)


def _believed(record: Record, date: datetime) -> Believed:
    value = record.version.value or {}
    kind, content = unwrap(value)
    size = count_tokens(as_json(content)) + FRAME
    return Believed(record, kind, content, telling(value_text(value)), date, size)


# When it was said


def _dates(
    store: Ledger, namespace: tuple[str, ...], records: Mapping[str, Record]
) -> Flow[dict[str, datetime]]:
    """Return when what each memory says was said or written.

    What a consolidation wrote is as old as the newest of what it was made from: otherwise it would
    pass for newer than what contradicts it.
    """
    lines: dict[str, list[Version]] = {}
    for key, record in records.items():
        if is_ours(record.version):
            lines[key] = yield Perform(store, History(namespace, key))
    return {key: _date(key, records, lines) for key in records}


def _date(
    key: str, records: Mapping[str, Record], lines: Mapping[str, Sequence[Version]]
) -> datetime:
    found: list[datetime] = []
    asked: set[str] = set()
    left = [key]
    while left:
        one = left.pop()
        if one in asked or one not in records:
            continue
        asked.add(one)
        version = records[one].version
        if one not in lines or version.valid_from is not None:
            found.append(version.valid_from or version.recorded_at)
            continue
        for earlier in reversed(lines[one]):
            if not is_ours(earlier):
                found += [earlier.recorded_at] if earlier.value is not None else []
                break
            left += earlier.provenance.memories
    return max(found, default=records[key].version.recorded_at)


# Words


@functools.cache
def _small(language: str) -> frozenset[str]:
    words = STOP_WORDS if language == ENGLISH else small_words(language)
    return frozenset({*words, *(stem(word, language) for word in words)})


def telling(text: str) -> frozenset[str]:
    """Return the tokens of a text that say what it is about.

    Example:
        >>> sorted(telling("Nora lives in Lisbon")), sorted(telling("Das ist nicht dein Haus"))
        (['lisbon', 'live', 'nora'], ['haus'])
    """
    found = tokens(text)
    language = marked(found)
    said = found if language == ENGLISH else found[1:]
    return frozenset(said) - _small(language)


class Likeness:
    """How alike texts are, by the words they share; a rare word counts more.

    Args:
        texts: The words of all texts.

    Example:
        >>> paris, rome, tea = map(telling, ("Nora is in Paris", "Nora is in Rome", "Tea at five"))
        >>> alike = Likeness([paris, rome, tea])
        >>> alike(paris, rome) > alike(paris, tea) == 0.0
        True
    """

    def __init__(self, texts: Iterable[Set[str]]) -> None:
        self._holding: Counter[str] = Counter()
        self._texts = 0
        for text in texts:
            self._texts += 1
            self._holding.update(text)

    def weight(self, words: Iterable[str]) -> float:
        """Return how much some words say together."""
        # In order, so that the sums of two processes are the same to the last bit.
        counts = (max(1, self._holding[word]) for word in sorted(words))
        return sum(math.log1p(max(1, self._texts) / count) for count in counts)

    def __call__(self, one: Set[str], other: Set[str]) -> float:
        """Return how alike two texts are, from 0 to 1."""
        both = self.weight(one) + self.weight(other)
        return 2 * self.weight(one & other) / both if both else 0.0

    def told(self, one: Set[str], by: Set[str]) -> float:
        """Return how much of a text stands in another, from 0 to 1."""
        whole = self.weight(one)
        return self.weight(one & by) / whole if whole else 0.0


# Together


def repeated(believed: Sequence[Believed]) -> list[tuple[Believed, list[Believed]]]:
    """Return memories with those that say the same in the same words, at the same times.

    First comes the one that stays: one that stands before one that does not, then the newest.
    """
    groups: dict[Any, list[Believed]] = {}
    for one in believed:
        said, version = likeness(one.value), one.version
        if said is not None:
            beside = (version.valid_from, version.valid_to, version.ttl, version.index)
            groups.setdefault((said, *beside), []).append(one)
    found = []
    for group in groups.values():
        if len(group) > 1:
            first = max(group, key=lambda one: (one.record.pinned, one.date, one.version.revision))
            found.append((first, [one for one in group if one is not first]))
    return found


def windows(believed: Sequence[Believed], tokens: int) -> Iterator[list[Believed]]:
    """Yield memories in windows that a model is shown at once, what is alike in one.

    Memories with different times to live never meet: nothing is to outlive what says that it is no
    longer so.

    Args:
        believed: Those whose neighbours are looked for first, first.
        tokens: How many a window may have; one long memory may be more.
    """
    lives: dict[float | None, list[Believed]] = {}
    for one in believed:
        lives.setdefault(one.version.ttl, []).append(one)
    for group in lives.values():
        window: list[Believed] = []
        for topic in _topics(group, tokens):
            if window and _size([*window, *topic]) > tokens:
                yield _by_date(window)
                window = []
            window += topic
        yield _by_date(window)


def _topics(believed: Sequence[Believed], budget: int) -> Iterator[list[Believed]]:
    """Yield memories that hang together by their words, no more at once than fit.

    Each topic begins with one memory, and grows by what is most alike to any that is in it.
    """
    alike = Likeness(one.words for one in believed)
    weights = [alike.weight(one.words) for one in believed]
    holding: dict[str, list[int]] = {}
    for number, one in enumerate(believed):
        for word in one.words:
            holding.setdefault(word, []).append(number)
    shared = {
        word: (alike.weight((word,)), numbers)
        for word, numbers in holding.items()
        if 1 < len(numbers) <= COMMON
    }
    left = dict.fromkeys(range(len(believed)))
    while left:
        topic: list[Believed] = []
        free = budget
        near = [(0.0, next(iter(left)))]
        while near:
            _, number = heapq.heappop(near)
            if number not in left:
                continue
            one = believed[number]
            if topic and one.size > free:
                break
            del left[number]
            topic.append(one)
            free -= one.size
            for other, both in _sharing(one, shared, left).items():
                heapq.heappush(near, (-both / (weights[number] + weights[other]), other))
        yield topic


def _sharing(
    one: Believed,
    shared: Mapping[str, tuple[float, Sequence[int]]],
    left: Mapping[int, None],
) -> dict[int, float]:
    """Return how much each memory has in common with one, by their numbers."""
    found: dict[int, float] = {}
    for word in sorted(one.words & shared.keys()):
        weight, numbers = shared[word]
        for number in numbers:
            if number in left:
                found[number] = found.get(number, 0.0) + weight
    return found


def _size(memories: Sequence[Believed]) -> int:
    return sum(one.size for one in memories)


def _by_date(memories: Sequence[Believed]) -> list[Believed]:
    return sorted(memories, key=lambda one: (one.date, one.version.revision, one.key))
