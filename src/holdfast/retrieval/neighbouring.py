"""The messages around those that were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from holdfast.flow import Flow, Perform
from holdfast.history import Entry, Found
from holdfast.ledger import Ledger
from holdfast.operations import Around
from holdfast.retrieval.context import Recalled, recalled


class Said(NamedTuple):
    """A message that was found.

    Args:
        store: Where.
        namespace: In stored labels.
        key: Its key.
        thread: Its conversation.
        seq: Its place there.
        scope: The namespace that was asked, in stored labels.
    """

    store: Ledger
    namespace: tuple[str, ...]
    key: str
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
    spaces: dict[tuple[str, ...], list[Said]] = {}
    for one in found:
        spaces.setdefault(one.namespace, []).append(one)
    read: dict[tuple[tuple[str, ...], str, int], Entry] = {}
    for namespace, said in spaces.items():
        op = Around(namespace, tuple(one.key for one in said), number, number)
        entries = yield Perform(said[0].store, op)
        read |= {(namespace, entry.thread, entry.seq): entry for entry in entries}
    for one in found:
        read.pop((one.namespace, one.thread, one.seq), None)
    rows: list[list[Recalled]] = []
    for one in found:
        for step in (-1, 1):
            places = ((one.namespace, one.thread, one.seq + step * n) for n in _counted(number))
            near = [read.pop(place) for place in places if place in read]
            rows.append([_recalled(entry, one.scope) for entry in near])
    return rows


def _counted(number: int) -> range:
    return range(1, number + 1)


def _recalled(entry: Entry, scope: tuple[str, ...]) -> Recalled:
    return recalled(Found(0.0, {}, {}, entry=entry).as_item(), 0.0, scope)
