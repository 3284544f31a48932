"""What a store must hold when everything that was submitted was reflected on, once."""

import json
from collections import Counter, defaultdict

READER = "reflection"


def check_reflected(store, folder, also=()):
    """See that each message that was submitted became one memory, and was read once.

    Args:
        store: The store.
        folder: Where the submitters have noted what was acknowledged.
        also: Messages that nobody could note any more: user, thread and text.
    """
    threads = _submitted(folder)
    for user, thread, text in also:
        threads[("faults", user), thread].append(text)
    users = {namespace for namespace, _ in threads}
    made = {namespace: _memories(store, namespace) for namespace in users}
    for (namespace, thread), texts in threads.items():
        entries = sorted(store.journal(namespace, thread, limit=100_000), key=lambda e: e.seq)
        assert sorted(entry.message.text for entry in entries) == sorted(texts), thread
        assert store.cursor(namespace, thread, READER) == len(entries), thread
        _check_windows(entries, made[namespace], thread)
    told = Counter(text for memories in made.values() for text, _ in memories.values())
    assert told == Counter(text for texts in threads.values() for text in texts)
    assert store.jobs() == []
    assert store.doctor() == []


def _submitted(folder):
    threads = defaultdict(list)
    for path in sorted(folder.glob("*.submitted")):
        for line in path.read_text(encoding="utf-8").splitlines():
            user, thread, text = json.loads(line)
            threads[("faults", user), thread].append(text)
    return threads


def _memories(store, namespace):
    """Return the text that each memory was made from, and its provenance; each has one version."""
    found = {}
    for item in store.search(namespace, limit=100_000):
        (version,) = store.history(namespace, item.key)
        text = version.value["content"]["content"].partition(" by ")[0]
        found[item.key] = (text, version.provenance)
    return found


def _check_windows(entries, memories, thread):
    """See that each message of a thread is a source in one window, and that of its own memory."""
    keys = {entry.message.text: entry.key for entry in entries}
    windows = set()
    for text, provenance in memories.values():
        if provenance.thread == thread:
            assert keys[text] in provenance.messages, text
            windows.add(provenance.messages)
    assert sorted(key for window in windows for key in window) == sorted(keys.values()), thread
