"""What a store must hold after processes that wrote to it have ended, by what they have said."""

from random import Random

from fault_log import NS, READER
from fault_writers import value_of
from langgraph.store.base import GetOp, SearchOp

from holdfast.analysis import value_text

SAMPLE = 40
"""How many words are searched for of each sort; all values, versions and messages are read."""


class Expected:
    """What a store must hold.

    Args:
        store: Opened anew, without an index.
        logs: The steps of each process, in order.
    """

    def __init__(self, store, logs):
        self.versions = {}
        self.messages = {}
        self.cursors = {}
        self.gone = []
        told = [step for steps in logs for step in steps if not step.conflict]
        for step in told:
            if step.forget:
                self._forget(store, step)
            elif step.done:
                self._add(step, step.revision)
            else:
                self._add_if_there(store, step)
        for lists in (self.versions, self.messages):
            for place, found in lists.items():
                # What several processes write is in the order of the store's revisions; a plain
                # put is told none, and only one process writes there.
                if all(revision is not None for revision, _ in found):
                    lists[place] = sorted(found, key=lambda one: one[0])

    def _add(self, step, revision):
        for key, text in step.writes.items():
            value = value_of(text, step.number) if text else None
            self.versions.setdefault((step.namespace, key), []).append((revision, value))
        for thread, texts in step.said.items():
            spoken = self.messages.setdefault((step.namespace, thread), [])
            spoken += [(revision, text) for text in texts]
        if step.cursor:
            thread, seq = step.cursor
            self.cursors[step.namespace, thread] = seq

    def _add_if_there(self, store, step):
        """Take a step that was not acknowledged for whole as soon as one thing of it is there."""
        for key, text in step.writes.items():
            value = value_of(text, step.number) if text else None
            for version in store.history(step.namespace, key):
                if text and version.value == value:
                    self._add(step, None if step.plain else version.revision)
                    return
        for thread, texts in step.said.items():
            entries = store.journal(step.namespace, thread, limit=1_000_000)
            assert not {entry.message.text for entry in entries} & set(texts)

    def _forget(self, store, step):
        """Take what was not acknowledged as forgotten for so as soon as one thing of it is."""
        if not step.done and all(store.history(step.namespace, key) for key in step.writes):
            return
        for key in step.writes:
            del self.versions[step.namespace, key]
        self.gone += [text.split()[0] for text in step.writes.values()]
        if step.forget != "run":
            for thread, texts in step.said.items():
                del self.messages[step.namespace, thread]
                del self.cursors[step.namespace, thread]
                self.gone += [text.split()[0] for text in texts]

    @property
    def live(self):
        """The memories that are there, by place."""
        last = {place: versions[-1][1] for place, versions in self.versions.items()}
        return {place: value for place, value in last.items() if value is not None}

    @property
    def replaced(self):
        """Values that are no longer so; each was stored once, and only once."""
        live = self.live
        versions = ((place, v) for place, found in self.versions.items() for _, v in found)
        return [value for place, value in versions if value and live.get(place) != value]


def check(store, expected, seed=0):
    """Hold all that a store has, and can find by words, against what it must have."""
    for (namespace, key), versions in expected.versions.items():
        there = store.history(namespace, key)
        assert [version.value for version in there] == [value for _, value in versions], key
        for version, (revision, _) in zip(there, versions, strict=True):
            assert revision in (None, version.revision), key
        times = [version.recorded_at for version in there]
        assert times == sorted(times), key
    _check_items(store, expected)
    _check_journal(store, expected)
    _check_words(store, expected, Random(seed))
    assert store.doctor() == []


def _check_items(store, expected):
    live = expected.live
    items = store.batch([GetOp(*place) for place in expected.versions])
    found = {(item.namespace, item.key): item.value for item in items if item}
    assert found == live
    listed = store.search(NS, limit=1_000_000)
    assert {(item.namespace, item.key) for item in listed} == set(live)


def _check_journal(store, expected):
    for (namespace, thread), told in expected.messages.items():
        entries = store.journal(namespace, thread, limit=1_000_000)
        assert [entry.message.text for entry in entries] == [text for _, text in told], thread
        assert [entry.seq for entry in entries] == list(range(1, len(told) + 1)), thread
    threads = {(NS, thread) for thread in store.threads(NS)}
    assert threads == {place for place in expected.messages if place[0] == NS}
    everything = store.journal(NS, limit=1_000_000)
    assert len(everything) == sum(map(len, expected.messages.values()))
    for (namespace, thread), seq in expected.cursors.items():
        assert store.cursor(namespace, thread, READER) == seq


def _check_words(store, expected, rng):
    live = {first_word(value): place for place, value in expected.live.items()}
    for word in _some(live, rng):
        (item,) = store.search(NS, query=word)
        assert (item.namespace, item.key) == live[word]
    gone = [*_some(map(first_word, expected.replaced), rng), *expected.gone]
    found = store.batch([SearchOp(NS, query=word) for word in gone])
    assert not any(found)
    assert not any(store.search_journal(NS, word) for word in expected.gone)
    said = [text for told in expected.messages.values() for _, text in told]
    for text in _some(said, rng):
        assert [e.message.text for e in store.search_journal(NS, text.split()[0])] == [text]


def check_vectors(store, expected, seed=0):
    """Find memories by texts that share no word with them, in a store opened with an index."""
    rng = Random(seed)
    live = {value_text(value): place for place, value in expected.live.items()}
    for text in _some(live, rng):
        (item,) = store.search(NS, query=text[::-1], limit=1)
        assert (item.namespace, item.key) == live[text]
        assert item.score > 0.999
    for text in _some(map(value_text, expected.replaced), rng):
        assert all(item.score < 0.999 for item in store.search(NS, query=text[::-1], limit=3))
    assert store.doctor() == []


def check_bytes(path, words):
    """See that no file of a SQLite store holds a word.

    Its first letters are not looked for: in an index they may stand once for several words.
    """
    for file in path.parent.glob(f"{path.name}*"):
        held = file.read_bytes()
        assert not [word for word in words if word[6:].encode() in held], file


def first_word(value):
    """Return the word that only this value has."""
    return value_text(value).split()[0]


def _some(found, rng):
    listed = sorted(found)
    return rng.sample(listed, min(SAMPLE, len(listed)))
