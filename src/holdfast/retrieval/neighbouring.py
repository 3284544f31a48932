"""The messages around those that were found: each thread's stretches, read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from holdfast.flow import Flow, Perform
from holdfast.history import Entry, Found
from holdfast.ledger import Ledger
from holdfast.operations import Journal
from holdfast.retrieval.context import Recalled, recalled


class Said(NamedTuple):
    """A message that was found.

    Args:
        store: Where.
        namespace: In stored labels.
        thread: Its conversation.
        seq: Its place there.
        scope: The namespace that was asked, in stored labels.
    """

    store: Ledger
    namespace: tuple[str, ...]
    thread: str
    seq: int
    scope: tuple[str, ...]


def neighbours_of(found: Sequence[Said], number: int) -> Flow[list[list[Recalled]]]:
    """Return the messages before and after each that was found, those of the best match first.

    Args:
        found: Best first.
        number: How many on each side.

    Returns:
        A row for each side of each message, the nearest first; no message is in two rows, nor is
        one that was found.
    """
    threads: dict[tuple[tuple[str, ...], str], list[Said]] = {}
    for one in found:
        threads.setdefault((one.namespace, one.thread), []).append(one)
    read: dict[tuple[tuple[str, ...], str, int], Entry] = {}
    for (namespace, thread), said in threads.items():
        for first, last in _stretches((one.seq for one in said), number):
            op = Journal(namespace, thread, max(0, first - 1), last - first + 1)
            for entry in (yield Perform(said[0].store, op)):
                if entry.seq <= last:
                    read[namespace, thread, entry.seq] = entry
    for one in found:
        read.pop((one.namespace, one.thread, one.seq), None)
    rows: list[list[Recalled]] = []
    for one in found:
        for step in (-1, 1):
            places = [(one.namespace, one.thread, one.seq + step * n) for n in _counted(number)]
            near = [read.pop(place) for place in places if place in read]
            rows.append([_recalled(entry, one.scope) for entry in near])
    return rows


def _counted(number: int) -> range:
    return range(1, number + 1)


def _stretches(seqs: Iterable[int], number: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each stretch; those that overlap or touch are one."""
    first, last = 0, -1
    for seq in sorted(seqs):
        if last >= 0 and seq - number > last + 1:
            yield first, last
            last = -1
        if last < 0:
            first = seq - number
        last = seq + number
    if last >= 0:
        yield first, last


def _recalled(entry: Entry, scope: tuple[str, ...]) -> Recalled:
    return recalled(Found(0.0, {}, {}, entry=entry).as_item(), 0.0, scope)
