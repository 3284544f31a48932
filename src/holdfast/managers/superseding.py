"""What a model would remove, written so that nothing is: it is no longer so because of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.analysis import value_text
from holdfast.history import Provenance, Write
from holdfast.managers.committing import written_anew
from holdfast.managers.gathering import Believed, Likeness, telling
from holdfast.memory import Change, content_key, profile_key, wrap
from holdfast.schema import Schema

ALIKE = 0.3
"""How alike a memory that was kept must be to one that was removed, to stand in its place."""

TOLD = 0.5
"""How much of a memory must stand in another, for that to be taken to be made from it."""

Groups = Sequence[tuple[Believed, Sequence[Believed]]]


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be written, and what becomes of each memory by it.

    Args:
        writes: None of them a delete.
        seen: What they supersede, with the revisions that were read.
        changes: What is told.
    """

    writes: tuple[Write, ...] = ()
    seen: tuple[tuple[str, int], ...] = ()
    changes: tuple[Change, ...] = ()


def joined(groups: Groups, provenance: Provenance) -> Planned:
    """Return what joins memories that say the same in the same words.

    Args:
        groups: Each memory that stays, with those that repeat it.
        provenance: Where the writes come from.
    """
    writes = tuple(_again(one, others, provenance) for one, others in groups)
    gone = [(other, one.key) for one, others in groups for other in others]
    return Planned(writes, _seen([other for other, _ in gone]), tuple(_told(*one) for one in gone))


class Window:
    """Memories that a model was shown together, and what it would change in them.

    Args:
        window: The memories.
        taken: All keys of the namespace that hold a memory.
        schemas: The manager's.
        one_each: Whether there is one document of each kind.
        provenance: Where the writes come from.
    """

    def __init__(
        self,
        window: Sequence[Believed],
        taken: Set[str],
        schemas: Sequence[Schema],
        *,
        one_each: bool,
        provenance: Provenance,
    ) -> None:
        self._window = window
        self._there = {one.key: one for one in window}
        self._taken = taken
        self._standing = {schema.kind for schema in schemas if one_each or schema.standing}
        self._one_each = one_each
        self._provenance = provenance
        self._alike = Likeness(one.words for one in window)

    def plan(self, changes: Sequence[Change]) -> Planned:
        """Return what the model's changes come to."""
        settled = self._settled(changes)
        written = {c.key or "": c for c in settled if c.action in ("inserted", "updated")}
        words = {key: _words(change) for key, change in written.items()}
        gone = {c.key for c in settled if c.action == "deleted"}
        heirs = self._heirs(gone, written, words)
        superseded: dict[str, list[Believed]] = {}
        for one in self._window:
            if one.key in heirs:
                superseded.setdefault(heirs[one.key], []).append(one)
        writes = [
            self._write(change, superseded.get(key, []), words[key])
            for key, change in written.items()
        ]
        writes += [
            _again(self._there[key], old, self._provenance)
            for key, old in superseded.items()
            if key not in written
        ]
        told = (self._told(change, heirs) for change in settled)
        replaced = [old for olds in superseded.values() for old in olds]
        return Planned(tuple(writes), _seen(replaced), tuple(told))

    def _settled(self, changes: Sequence[Change]) -> list[Change]:
        """Give what is new its key, and read "remove it, then write it anew" as an update."""
        removed = {change.key: change for change in changes if change.action == "deleted"}
        anew: dict[str | None, Change] = {}
        others: list[Change] = []
        taken = set(self._taken)
        for change in changes:
            if change.action != "inserted":
                others.append(change)
                continue
            kind = change.kind or ""
            key = profile_key(kind) if self._one_each else content_key(kind, change.after)
            if key in removed and key not in anew:
                anew[key] = written_anew(change, removed[key])
            elif key not in taken:
                others.append(replace(change, key=key))
                taken.add(key)
            elif self._one_each:
                reason = f"there is a {kind} already, and it was left as it is @ {key}"
                told = replace(change, action="rejected", key=key, after=None, reason=reason)
                others.append(told)
            else:
                others.append(change)  # that key holds something else; the random one serves
        return [anew.get(c.key, c) if c.action == "deleted" else c for c in others]

    def _heirs(
        self,
        gone: Set[str | None],
        written: Mapping[str, Change],
        words: Mapping[str, frozenset[str]],
    ) -> dict[str, str]:
        """Return for each memory that was removed the key of what stands in its place.

        That is the most alike of what was written; or of what was kept, where that is more alike.
        What stands is replaced only by what stands, so that it is considered as before.
        """
        kept = [one for one in self._window if one.key not in gone and one.key not in written]
        heirs: dict[str, str] = {}
        for one in self._window:
            if one.key not in gone:
                continue
            known = [
                (self._alike(one.words, words[key]), key)
                for key in written
                if self._may_replace(one, key)
            ]
            others = (
                (self._alike(one.words, other.words), other.key)
                for other in kept
                if self._may_replace(one, other.key)
            )
            near = [other for other in others if other[0] >= ALIKE]
            # Of two that are as alike, what was written; then the first in order.
            ranked = [*known, *near]
            if ranked:
                heirs[one.key] = max(ranked, key=lambda candidate: candidate[0])[1]
        return heirs

    def _may_replace(self, old: Believed, key: str) -> bool:
        there = self._there.get(key)
        return not old.record.pinned or there is None or there.record.pinned

    def _write(self, change: Change, old: Sequence[Believed], words: frozenset[str]) -> Write:
        key = change.key or ""
        before = self._there.get(key)
        made_from = self._made_from(key, old, words)
        if before is not None:
            value = wrap(change.kind or "", change.after, before.value)
            write = replace(_again(before, old, self._provenance), value=value)
        else:
            since, until = _times(old)
            stands = change.standing or change.kind in self._standing
            write = Write(
                key,
                wrap(change.kind or "", change.after, None),
                expect=0,
                ttl=self._window[0].version.ttl,
                valid_from=since,
                valid_to=until,
                importance=change.importance or _importance(old),
                supersedes=_keys(old),
                pin=True if stands or any(one.record.pinned for one in old) else None,
                keep=True,
            )
        return replace(write, provenance=replace(self._provenance, memories=made_from))

    def _made_from(
        self, key: str, old: Sequence[Believed], words: frozenset[str]
    ) -> tuple[str, ...]:
        """Return what a memory was made from: what it replaces, and what else it tells.

        Where neither is known it may be any that the model was shown; whoever forgets one of them
        must not find it again.
        """
        others = [one for one in self._window if one.key != key]
        known = {one.key for one in old}
        told = [
            one
            for one in others
            if one.key in known or self._alike.told(one.words, by=words) >= TOLD
        ]
        return _keys(told or others)

    def _told(self, change: Change, heirs: Mapping[str, str]) -> Change:
        if change.action != "deleted":
            return change
        one = self._there[change.key or ""]
        if one.key in heirs:
            return _told(one, heirs[one.key])
        reason = f"nothing that was kept or written stands for it, so it stays as it is @ {one.key}"
        return replace(change, action="rejected", reason=reason)


def _words(change: Change) -> frozenset[str]:
    return telling(value_text(wrap(change.kind or "", change.after, None)))


def _again(one: Believed, old: Sequence[Believed], provenance: Provenance) -> Write:
    """Return the write that leaves a memory as it is, but for what is no longer so because of it.

    It is as important as the most important of them.
    """
    version = one.version
    importance = _importance([one, *old])
    return Write(
        one.key,
        one.value,
        expect=version.revision,
        index=version.index,
        ttl=version.ttl,
        importance=importance if importance != version.importance else None,
        supersedes=_keys(old),
        provenance=replace(provenance, memories=_keys(old)),
        keep=True,
    )


def _told(one: Believed, by: str) -> Change:
    reason = f"no longer so because of {by}"
    return Change("superseded", one.key, one.kind, one.content, None, reason=reason)


def _keys(memories: Sequence[Believed]) -> tuple[str, ...]:
    return tuple(sorted(one.key for one in memories))


def _seen(memories: Sequence[Believed]) -> tuple[tuple[str, int], ...]:
    return tuple((one.key, one.version.revision) for one in memories)


def _importance(memories: Sequence[Believed]) -> int | None:
    known = [one.version.importance for one in memories if one.version.importance is not None]
    return max(known, default=None)


def _times(old: Sequence[Believed]) -> tuple[datetime | None, datetime | None]:
    """Return since and until when memories are so, where that is the same for all of them."""
    times = {(one.version.valid_from, one.version.valid_to) for one in old}
    return times.pop() if len(times) == 1 else (None, None)
