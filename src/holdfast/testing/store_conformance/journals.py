"""The ledger: what was said, and which memory comes from it."""

from __future__ import annotations

from holdfast.history import ChangeSet, Cursor, Entry, Provenance, Said, Source, Write
from holdfast.memory import Message
from holdfast.testing.store_conformance.ledgers import (
    MONDAY,
    TALK,
    LedgerStore,
    LedgerSuite,
    say,
    write,
)
from holdfast.testing.store_conformance.suite import NS, keys

PLAIN = tuple(Message("user", text) for text in ("hello", "hello", "ferry", "tea"))


def texts(entries: list[Entry]) -> list[str]:
    """Return what the messages of entries say."""
    return [entry.message.text for entry in entries]


class Journals(LedgerSuite):
    """Journal and sources (skipped where the store is no ledger)"""

    def test_messages_are_kept_verbatim(self, ledger: LedgerStore) -> None:
        """Messages are kept verbatim, in order, with their place in the thread."""
        odd = Message("tool", "  日本\n\t🥜 ", "Nora", "2026-05-01T10:00:00", "x", (("f", "{}"),))
        say(ledger, *TALK, odd)
        found = ledger.journal(NS, "monday")
        assert [entry.message for entry in found] == [*TALK, odd]
        assert [entry.seq for entry in found] == [1, 2, 3, 4]
        assert {(entry.namespace, entry.thread) for entry in found} == {(NS, "monday")}
        assert len({entry.key for entry in found}) == 4

    def test_the_journal_is_not_among_the_items(self, ledger: LedgerStore) -> None:
        """The journal never shows in search, get or list_namespaces."""
        say(ledger, *TALK)
        (entry, *_) = ledger.journal(NS, "monday")
        assert ledger.get(NS, entry.key) is None
        assert ledger.search(()) == ledger.search((), query="ferry") == []
        assert ledger.list_namespaces() == []

    def test_messages_are_kept_once(self, ledger: LedgerStore) -> None:
        """What is handed over again is not kept again, with ids and without."""
        for count in (2, 3, 3):
            say(ledger, *TALK[:count])
            say(ledger, *PLAIN[: count + 1], thread="plain")
        assert texts(ledger.journal(NS, "monday")) == [message.text for message in TALK]
        assert texts(ledger.journal(NS, "plain")) == ["hello", "hello", "ferry", "tea"]
        say(ledger, *PLAIN[2:], Message("user", "bye"), thread="plain")
        assert texts(ledger.journal(NS, "plain"))[3:] == ["tea", "bye"]

    def test_pages_of_a_thread(self, ledger: LedgerStore) -> None:
        """A thread is read on from any place, and no other thread with it."""
        say(ledger, *(Message("user", f"message {n}", id=str(n)) for n in range(25)))
        say(ledger, Message("user", "elsewhere", id="e"), thread="tuesday")
        first = ledger.journal(NS, "monday", limit=10)
        second = ledger.journal(NS, "monday", after=first[-1].seq, limit=10)
        third = ledger.journal(NS, "monday", after=second[-1].seq, limit=10)
        assert texts([*first, *second, *third]) == [f"message {n}" for n in range(25)]
        assert ledger.threads(NS) == {"monday": 25, "tuesday": 1}
        assert texts(ledger.journal(NS, limit=2)) == ["elsewhere", "message 24"]

    def test_neighbours(self, ledger: LedgerStore) -> None:
        """A message's neighbours are those said right before and after it."""
        say(ledger, *(Message("user", f"message {n}", id=str(n)) for n in range(6)))
        entries = ledger.journal(NS, "monday")
        around = ledger.neighbours(NS, entries[3].key)
        assert texts(around) == ["message 1", "message 2", "message 3", "message 4"]
        assert texts(ledger.neighbours(NS, entries[0].key, before=2, after=0)) == ["message 0"]

    def test_searching_the_journal(self, ledger: LedgerStore) -> None:
        """The journal is searched by words, best first, and by pages."""
        say(ledger, *TALK)
        found = ledger.search_journal(NS, "green tea")
        assert texts(found) == ["And I like green tea"]
        assert found[0].score
        assert len(ledger.search_journal(NS[:1], "ferry")) == 2
        assert len(ledger.search_journal(NS, "ferry", limit=1, offset=1)) == 1
        assert ledger.search_journal(("other",), "ferry") == []

    def test_cursors(self, ledger: LedgerStore) -> None:
        """A reader's cursor moves on, never back, and is its own."""
        say(ledger, *TALK)
        assert ledger.cursor(NS, "monday") == 0
        for seq in (2, 1):
            write(ledger, cursors=(Cursor("monday", seq),))
        assert ledger.cursor(NS, "monday") == 2
        assert ledger.cursor(NS, "monday", reader="other") == 0

    def test_sources(self, ledger: LedgerStore) -> None:
        """A memory knows the messages that were committed with it, through updates too."""
        write(ledger, Write("k", {"n": 1}), journal=(Said(TALK[:1], "monday"),))
        assert texts(ledger.sources(NS, "k")) == [TALK[0].text]
        write(ledger, Write("k", {"n": 2}), journal=(Said(TALK[1:], "tuesday"),))
        assert texts(ledger.sources(NS, "k")) == [message.text for message in TALK]

    def test_derived_from(self, ledger: LedgerStore) -> None:
        """What comes from a source is found, by way of other memories too."""
        write(ledger, Write("k", {"n": 1}), provenance=Provenance(thread="monday"))
        write(ledger, Write("made", {"n": 2}), provenance=Provenance(memories=("k",)))
        write(ledger, Write("other", {"n": 3}), provenance=Provenance(documents=("d",)))
        assert {version.key for version in ledger.derived_from(NS, MONDAY)} == {"k", "made"}
        assert [v.key for v in ledger.derived_from(NS, Source("document", "d"))] == ["other"]

    def test_one_change_set_for_all(self, ledger: LedgerStore) -> None:
        """Memory, message and cursor of one change set are there together."""
        changes = ChangeSet(
            NS,
            (Write("k", {"n": 1}),),
            (Said(TALK, "monday"),),
            (Cursor("monday", 3),),
        )
        receipt = ledger.commit(changes)
        assert [change.action for change in receipt.journal] == ["inserted"] * 3
        assert keys(ledger.search(NS)) == ["k"]
        assert ledger.cursor(NS, "monday") == len(ledger.journal(NS, "monday")) == 3
