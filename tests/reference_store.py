"""What a store should do, in plain dicts and lists: slow, small, and easy to believe."""

import hashlib
import math
from dataclasses import dataclass, field

from holdfast.analysis import Bm25, count, question_words, spoken, tokens, value_text

DIMS = 8


def embed(texts):
    """Return a vector for each text, the sum of those of its words; no model, the same always."""
    return [
        [sum(numbers) for numbers in zip(*map(_axis, text.split() or [""]), strict=True)]
        for text in texts
    ]


def _axis(word):
    digest = hashlib.shake_128(word.encode()).digest(2 * DIMS)
    return [int.from_bytes(digest[i : i + 2]) / 32768 - 1 for i in range(0, 2 * DIMS, 2)]


def index(**settings):
    return {"embed": embed, "dims": DIMS, "fingerprint": "reference", **settings}


def cosine(one, other):
    a, b = embed([one, other])
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


@dataclass
class Version:
    revision: int  # of the reference: the number of the step
    value: dict | None
    base: int | None = None
    sources: set = field(default_factory=set)  # (sort, name)
    supersedes: tuple = ()
    indexed: object = None  # as `index` of a put
    kept: tuple = (False, 0)  # of a delete: what was pinned, and how often it was recalled


@dataclass
class Item:
    revision: int
    created: int
    updated: int
    number: int  # in the order in which items were made
    pending: bool = False  # no vector yet
    pinned: bool = False
    recalls: int = 0


@dataclass
class Said:
    key: str | None  # as the store called it
    identity: tuple | None
    seq: int
    words: tuple  # role and text


@dataclass
class Thread:
    last: int = 0
    said: list = field(default_factory=list)


class ReferenceStore:
    """Places are pairs of namespace and key; each step that writes is a revision."""

    def __init__(self):
        self.step = 0
        self.lines = {}  # place: its versions, oldest first
        self.items = {}
        self.threads = {}  # (namespace, name)
        self.cursors = {}  # (namespace, thread, reader)
        self._made = 0

    # Writing

    def write(self, writes):
        """Write (place, value, index, sources, supersedes, base); return what became of each."""
        self.step += 1
        actions = []
        for place, value, indexed, sources, supersedes, base in writes:
            item = self.items.get(place)
            if value is None and item is None:
                actions.append("unchanged")
                continue
            made_from = base or (item.revision if item else None)
            links = tuple(supersedes)
            version = Version(self.step, value, made_from, set(sources), links, indexed)
            line = self.lines.setdefault(place, [])
            line.append(version)
            actions.append("deleted" if value is None else "updated" if item else "inserted")
            if value is None:
                version.kept = (item.pinned, item.recalls)
                del self.items[place]
                continue
            if item is None:
                self._made += 1
                item = Item(self.step, self.step, self.step, self._made)
                item.pinned, item.recalls = line[-2].kept if base else (False, 0)
                self.items[place] = item
            item.revision, item.updated, item.pending = self.step, self.step, False
        return actions

    def say(self, namespace, name, messages):
        """Append (role, text, id) to a thread; return an entry and whether it is new, for each."""
        thread = self.threads.setdefault((namespace, name), Thread())
        spoken = [m[:2] for m in messages if m[0] != "system"]
        told = [said for said in thread.said if said.words[0] != "system"]
        shared = max(
            n
            for n in range(min(len(told), len(spoken)) + 1)
            if [said.words for said in told[len(told) - n :]] == spoken[:n]
        )
        known = iter(told[len(told) - shared :])
        outcomes = []
        for role, text, id in messages:
            match = next(known, None) if role != "system" else None
            identity = ("id", name, id, role, text) if id else None
            if role == "system" and not id:
                identity = ("system", name, text)
            if identity:
                here = (t for (place, _), t in self.threads.items() if place == namespace)
                every = (said for other in here for said in other.said)
                match = next((said for said in every if said.identity == identity), None)
            if match:
                outcomes.append((match, False))
                continue
            thread.last += 1
            thread.said.append(Said(None, identity, thread.last, (role, text)))
            outcomes.append((thread.said[-1], True))
        return outcomes

    def read_on(self, namespace, thread, reader, seq):
        self.threads.setdefault((namespace, thread), Thread())
        at = namespace, thread, reader
        self.cursors[at] = max(seq, self.cursors.get(at, seq))

    # Undoing

    def revert(self, chosen):
        """Undo versions, as pairs of place and revision; return the places left as they are."""
        writes, refused = [], set()
        for place in dict.fromkeys(place for place, _ in chosen):
            line = self.lines[place]
            undone = [v for v in line if (place, v.revision) in chosen]
            states = [self._stood(place, number, chosen) for number in range(len(line))]
            now = states[-1]
            for version in reversed(undone):
                number = line.index(version)
                before = states[number - 1] if number else _state(None)
                now, contradicts = _undone(states[number], before, now)
                refused |= {place} if contradicts else set()
            if now == states[-1]:
                continue
            first = line.index(undone[0])
            like = line[first - 1] if first and states[first - 1] == now else line[-1]
            value, indexed, links = now
            links = tuple(key for key in links if self._still(place, key, chosen))
            if (value, indexed, links) == states[-1]:
                continue
            writes.append((place, value, indexed, (), links, like.revision))
        if writes:
            self.write(writes)
        return refused, bool(writes)

    def _stood(self, place, number, chosen):
        """Return a state without what was written anew before the next version was."""
        line = self.lines[place]
        value, indexed, links = _state(line[number])
        end = line[number + 1].revision if number + 1 < len(line) else math.inf
        stood = tuple(
            key
            for key in links
            if not any(
                line[number].revision < v.revision < end
                for v in self.lines.get((place[0], key), ())
                if ((place[0], key), v.revision) not in chosen
            )
        )
        return value, indexed, stood

    def _still(self, place, key, chosen):
        """Tell whether a memory that was superseded was not written anew since."""
        other = place[0], key
        written = [
            v.revision for v in self.lines.get(other, ()) if (other, v.revision) not in chosen
        ]
        linked = [
            v.revision
            for v in self.lines[place]
            if key in v.supersedes and (place, v.revision) not in chosen
        ]
        return max(written, default=0) <= max(linked, default=0)

    # Erasing

    def derived(self, versions):
        """Return versions, as pairs of place and revision, with all that were made from them."""
        found = set(versions)
        while True:
            more = {
                (place, version.revision)
                for place, line in self.lines.items()
                for version in line
                if any(made in found for made in self._made_of(place, version))
            }
            if more <= found:
                return found
            found |= more

    def _made_of(self, place, version):
        if version.base:
            yield place, version.base
        for sort, key in version.sources:
            if sort == "memory":
                other = (place[0], key)
                line = [v for v in self.lines.get(other, ()) if v.revision <= version.revision]
                if line:
                    yield other, line[-1].revision

    def forget(self, versions, messages):
        """Erase versions, messages (pairs of thread and entry) and what was made from them."""
        self.step += 1
        versions = set(versions)
        for (namespace, name), said in messages:
            versions |= self.naming("message", said.key, [namespace])
            thread = self.threads[namespace, name]
            thread.said.remove(said)
            if not thread.said:
                self._drop(namespace, name)
        versions = self.derived(versions)
        gone = restored = erased = 0
        for place in {place for place, _ in versions}:
            line = self.lines[place]
            stays = [v for v in line if (place, v.revision) not in versions]
            if stays:  # what was deleted does not come back
                stays = [v for v in line if v in stays or v.value is None]
            erased += len(line) - len(stays)
            self.lines[place] = stays
            left = {v.revision for v in stays}
            for version in stays:
                version.base = version.base if version.base in left else None
                if (place, version.revision) in versions:
                    version.sources = set()
            item = self.items.get(place)
            if item and item.revision not in left:
                if stays and stays[-1].value is not None:
                    item.revision, item.pending = stays[-1].revision, stays[-1].indexed is not False
                    restored += 1
                else:
                    del self.items[place]
                    gone += 1
            if not stays:
                del self.lines[place]
                for other, line in self.lines.items():
                    for version in line if other[0] == place[0] else ():
                        version.supersedes = tuple(k for k in version.supersedes if k != place[1])
        return gone, restored, erased, len(messages)

    def forget_names(self, namespaces, name=None):
        for namespace, thread in list(self.threads):
            if namespace in namespaces and name in (None, thread):
                self._drop(namespace, thread)

    def _drop(self, namespace, thread):
        self.threads.pop((namespace, thread), None)
        for at in [at for at in self.cursors if at[:2] == (namespace, thread)]:
            del self.cursors[at]

    # Reading

    def naming(self, sort, name, namespaces):
        return {
            (place, version.revision)
            for place, line in self.lines.items()
            for version in line
            if place[0] in namespaces and (sort, name) in version.sources
        }

    def value(self, place):
        item = self.items.get(place)
        return self.at(place, item.revision).value if item else None

    def at(self, place, revision):
        return next(v for v in self.lines[place] if v.revision == revision)

    def as_of(self, step, prefix):
        found = {}
        for place, line in self.lines.items():
            past = [version.value for version in line if version.revision <= step]
            if place[0][: len(prefix)] == prefix and past and past[-1] is not None:
                found[place] = past[-1]
        return found

    def superseded_by(self, place):
        """Return the keys of what supersedes an item and was not written before it."""
        return tuple(
            sorted(
                other[1]
                for other, item in self.items.items()
                if other[0] == place[0]
                and place[1] in self.at(other, item.revision).supersedes
                and item.revision >= self.items[place].revision
            )
        )

    def newest(self, prefix, passes=lambda value: True):
        below = [place for place in self.items if place[0][: len(prefix)] == prefix]
        below.sort(key=lambda place: (self.items[place].updated, self.items[place].number))
        return [place for place in reversed(below) if passes(self.value(place))]

    def text(self, place):
        """Return what of an item is indexed; nothing where that is nothing."""
        indexed, value = self.at(place, self.items[place].revision).indexed, self.value(place)
        if indexed is False:
            return ""
        return value_text(value) if indexed is None else " ".join(value.get(f, "") for f in indexed)

    def by_words(self, prefix, query):
        """Return places with their scores: BM25 over everything below a prefix."""
        texts = {place: tokens(self.text(place)) for place in self.newest(prefix)}
        texts = {place: words for place, words in texts.items() if words}
        asked = question_words(query, spoken(texts.values()))
        bm25 = Bm25(asked, count(asked, texts.values()))
        scores = {place: bm25.score(words) for place, words in texts.items()}
        return {place: score for place, score in scores.items() if score > 0}

    def by_vectors(self, prefix, query):
        """Return places with their cosines: every vector compared."""
        return {
            place: min(1.0, max(0.0, cosine(query, self.text(place))))
            for place in self.newest(prefix)
            if self.text(place) and not self.items[place].pending
        }


def _state(version):
    if version is None or version.value is None:
        return None, None, ()
    return version.value, version.indexed, version.supersedes


def _undone(made, before, now):
    """Return a state without a change, part by part, and whether something contradicts."""
    if None in (made[0], before[0], now[0]):
        return (before, False) if now == made else (now, now != before)
    value, contradicts = _without(made[0], before[0], now[0])
    beside = (b if n == m else n for m, b, n in zip(made[1:], before[1:], now[1:], strict=True))
    return (value, *beside), contradicts


def _without(made, before, now):
    result, contradicts = {}, False
    for name in {**now, **before}:
        was, wanted, there = made.get(name), before.get(name), now.get(name)
        taken = wanted if there == was else there
        contradicts |= taken != wanted and wanted != was
        if taken is not None:
            result[name] = taken
    return result, contradicts
