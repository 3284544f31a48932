"""The ledger: versions, change sets, and taking back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import jsonpatch
import pytest

from holdfast.errors import InputError
from holdfast.history import ChangeSet, Cursor, Provenance, Said, Source, Write
from holdfast.job import Job
from holdfast.testing.store_conformance.ledgers import (
    MONDAY,
    TALK,
    LedgerStore,
    LedgerSuite,
    actions,
    revision,
    values,
    write,
)
from holdfast.testing.store_conformance.suite import NS, held, keys


class Versions(LedgerSuite):
    """Versions and change sets (skipped where the store is no ledger)"""

    def test_every_put_and_delete_is_a_version(self, ledger: LedgerStore) -> None:
        """Every put and delete is a version, oldest first, and stays one."""
        ledger.put(NS, "k", {"n": 1})
        ledger.batch([])
        ledger.put(NS, "k", {"n": 2})
        ledger.delete(NS, "k")
        ledger.put(NS, "k", {"n": 3})
        found = ledger.history(NS, "k")
        assert [version.value for version in found] == [{"n": 1}, {"n": 2}, None, {"n": 3}]
        revisions = [version.revision for version in found]
        assert revisions == sorted(set(revisions))
        times = [version.recorded_at for version in found]
        assert times == sorted(times)
        assert (found[0].base, found[1].base) == (None, revisions[0])
        assert ledger.history(NS, "other") == []

    def test_a_deleted_memory_is_gone_but_not_its_history(self, ledger: LedgerStore) -> None:
        """A delete is gone from get, search and records, and kept in history."""
        ledger.put(NS, "k", {"text": "ferry"})
        ledger.delete(NS, "k")
        assert ledger.get(NS, "k") is None
        assert ledger.search(NS) == ledger.search(NS, query="ferry") == []
        assert ledger.records(NS, ["k"]) == [None]
        assert values(ledger, "k") == [{"text": "ferry"}, None]

    def test_a_receipt_tells_each_change(self, ledger: LedgerStore) -> None:
        """A commit's receipt tells what became of each write."""
        write(ledger, Write("a", {"n": 1}), Write("b", {"n": 1}))
        receipt = write(
            ledger, Write("a", {"n": 2}), Write("b", None), Write("c", {"n": 3}), Write("d", {})
        )
        assert actions(receipt) == ["updated", "deleted", "inserted", "inserted"]
        assert [change.key for change in receipt.changes] == ["a", "b", "c", "d"]
        assert receipt.revision == revision(ledger, "a") == revision(ledger, "c")
        assert sorted(keys(ledger.search(NS))) == ["a", "c", "d"]

    def test_expected_versions(self, ledger: LedgerStore) -> None:
        """A write that expects the current version is done; 0 expects nothing there."""
        first = write(ledger, Write("k", {"n": 1}, expect=0))
        second = write(ledger, Write("k", {"n": 2}, expect=first.revision))
        third = write(ledger, Write("k", None, expect=second.revision))
        fourth = write(ledger, Write("k", {"n": 4}, expect=0))
        done = [action for one in (first, second, third, fourth) for action in actions(one)]
        assert done == ["inserted", "updated", "deleted", "inserted"]

    @pytest.mark.parametrize("expect", [0, 10_000])
    def test_a_conflict_writes_nothing(self, ledger: LedgerStore, expect: int) -> None:
        """A conflict writes nothing of its change set: no memory, message, cursor or job."""
        ledger.put(NS, "k", {"n": 1})
        receipt = write(
            ledger,
            Write("new", {"n": 2}),
            Write("k", {"n": 3}, expect=expect),
            journal=(Said(TALK, "monday"),),
            cursors=(Cursor("monday", 2),),
            jobs=(Job("later"),),
        )
        assert keys(list(receipt.conflicts)) == ["k"]
        assert receipt.revision is None
        assert (held(ledger.get(NS, "k")), ledger.get(NS, "new")) == ({"n": 1}, None)
        assert len(ledger.history(NS, "k")) == 1
        assert ledger.journal(NS, "monday") == []
        assert ledger.cursor(NS, "monday") == 0
        assert ledger.jobs(NS) == []

    def test_what_cannot_be_stored_writes_nothing(self, ledger: LedgerStore) -> None:
        """A change set with something that cannot be stored writes nothing."""
        with pytest.raises(InputError):
            write(
                ledger,
                Write("good", {"n": 1}),
                Write("bad", {"x": object()}),
                journal=(Said(TALK, "monday"),),
            )
        assert ledger.search(NS) == []
        assert ledger.journal(NS, "monday") == []

    def test_two_writers_lose_no_update(self, ledger: LedgerStore) -> None:
        """4 threads that count with `expect` lose no update."""
        ledger.put(NS, "k", {"n": 0})

        def count_up(_: int) -> None:
            for _ in range(10):
                while True:
                    (record,) = ledger.records(NS, ["k"])
                    assert record is not None
                    assert record.version.value is not None
                    number = record.version.value["n"] + 1
                    one = Write("k", {"n": number}, expect=record.version.revision)
                    if not write(ledger, one).conflicts:
                        break

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(count_up, range(4)))
        assert held(ledger.get(NS, "k")) == {"n": 40}
        assert values(ledger, "k") == [{"n": number} for number in range(41)]

    def test_as_of_a_time(self, ledger: LedgerStore) -> None:
        """as_of gives what the store held at a time."""
        ledger.put(NS, "k", {"n": 1})
        ledger.put((*NS, "below"), "low", {"n": 1})
        time.sleep(0.01)
        ledger.put(NS, "k", {"n": 2})
        time.sleep(0.01)
        ledger.delete(NS, "k")
        first, second, third = ledger.history(NS, "k")
        before = ledger.history((*NS, "below"), "low")[0].recorded_at
        assert [v.value for v in ledger.as_of(first.recorded_at, NS, key="k")] == [{"n": 1}]
        assert [v.value for v in ledger.as_of(second.recorded_at, NS, key="k")] == [{"n": 2}]
        assert ledger.as_of(third.recorded_at, NS, key="k") == []
        assert [v.key for v in ledger.as_of(before, NS)] == ["k", "low"]
        assert [v.key for v in ledger.as_of(third.recorded_at.isoformat(), NS)] == ["low"]
        assert ledger.as_of("2000-01-01", NS) == []

    def test_as_of_what_was_so(self, ledger: LedgerStore) -> None:
        """as_of gives what was so in the world at a time."""
        write(
            ledger,
            Write("paris", {"n": 1}, valid_from="2026-01-01", valid_to="2026-06-01"),
            Write("lisbon", {"n": 2}, valid_from="2026-06-01"),
            Write("always", {"n": 3}),
        )
        march = ledger.as_of("2100-01-01", NS, valid_at="2026-03-01")
        july = ledger.as_of("2100-01-01", NS, valid_at="2026-07-01")
        assert [version.key for version in march] == ["always", "paris"]
        assert [version.key for version in july] == ["always", "lisbon"]

    def test_what_stands_beside_a_value(self, ledger: LedgerStore) -> None:
        """Importance, pins, recalls and what supersedes what stand beside the value."""
        write(ledger, Write("old", {"n": 1}, importance=4))
        write(ledger, Write("new", {"n": 2}, supersedes=("old",)), recalled=("old",))
        assert (ledger.pin(NS, "old"), ledger.pin(NS, "never there")) == (True, False)
        (record,) = ledger.records(NS, ["old"])
        assert record is not None
        assert record.version.value == {"n": 1}
        assert (record.version.importance, record.pinned, record.recalls) == (4, True, 1)
        assert record.superseded_by == ("new",)
        ledger.pin(NS, "old", False)
        (unpinned,) = ledger.records(NS, ["old"])
        assert unpinned is not None
        assert not unpinned.pinned

    def test_what_stands(self, ledger: LedgerStore) -> None:
        """standing gives what is pinned or a rule: its own first, by importance, then newest."""
        ledger.put((*NS, "below"), "low", {"kind": "Rule", "content": {"rule": "whisper"}})
        write(
            ledger,
            Write("plain", {"n": 1}),
            Write("vital", {"n": 2}, pin=True, importance=5),
            Write("rule", {"kind": "Rule", "content": {"rule": "speak"}}),
            Write("small", {"n": 3}, pin=True, importance=1),
        )
        assert keys(ledger.standing(NS)) == ["vital", "rule", "small", "low"]
        assert keys(ledger.standing(NS, limit=2)) == ["vital", "rule"]
        ledger.pin(NS, "rule", False)
        ledger.put(NS, "rule", {"kind": "Rule", "content": {"rule": "speak up"}})
        write(ledger, Write("small", {"n": 4}, pin=False), Write("vital", {"n": 5}))
        ledger.pin(NS, "plain")
        assert keys(ledger.standing(NS)) == ["vital", "plain", "low"]

    def test_what_no_longer_stands(self, ledger: LedgerStore) -> None:
        """standing leaves out what is superseded, expired, over or not yet so."""
        write(
            ledger,
            Write("old", {"n": 1}, pin=True),
            Write("over", {"n": 1}, pin=True, valid_to="2020-01-01"),
            Write("later", {"n": 1}, pin=True, valid_from="2999-01-01"),
            Write("gone", {"n": 1}, pin=True, ttl=0),
        )
        write(ledger, Write("new", {"n": 2}, supersedes=("old",), pin=True))
        assert keys(ledger.standing(NS)) == ["new"]
        ledger.delete(NS, "new")
        assert keys(ledger.standing(NS)) == ["old"]
        ledger.revert(NS, key="new")
        assert keys(ledger.standing(NS)) == ["new"]

    def test_diff(self, ledger: LedgerStore) -> None:
        """diff gives the JSON Patch between two revisions."""
        ledger.put(NS, "k", {"a": 1, "b": [1]})
        ledger.put(NS, "k", {"a": 2, "b": [1, 2]})
        first, second = ledger.history(NS, "k")
        patch = ledger.diff(NS, "k", first.revision, second.revision)
        assert jsonpatch.apply_patch({"a": 1, "b": [1]}, patch) == {"a": 2, "b": [1, 2]}

    def test_revert_of_the_last_change(self, ledger: LedgerStore) -> None:
        """revert undoes the last change of a memory, a delete too, by a new version."""
        ledger.put(NS, "k", {"n": 1})
        ledger.put(NS, "k", {"n": 2})
        assert actions(ledger.revert(NS, key="k")) == ["updated"]
        assert held(ledger.get(NS, "k")) == {"n": 1}
        ledger.delete(NS, "k")
        ledger.revert(NS, key="k")
        assert held(ledger.get(NS, "k")) == {"n": 1}
        assert values(ledger, "k") == [{"n": 1}, {"n": 2}, {"n": 1}, None, {"n": 1}]

    def test_revert_of_a_change_set(self, ledger: LedgerStore) -> None:
        """revert of a revision undoes all of its change set."""
        ledger.put(NS, "there", {"n": 1})
        made = write(ledger, Write("there", {"n": 2}), Write("new", {"n": 2})).revision
        ledger.revert(NS, revision=made)
        assert (held(ledger.get(NS, "there")), ledger.get(NS, "new")) == ({"n": 1}, None)

    def test_revert_of_a_source(self, ledger: LedgerStore) -> None:
        """revert of a source undoes what it wrote, and nothing else."""
        ledger.put(NS, "there", {"n": 1})
        run = Provenance(run="r1")
        write(ledger, Write("there", {"n": 2}), Write("new", {"n": 2}), provenance=run)
        ledger.put(NS, "other", {"n": 3})
        ledger.revert(NS, source=Source("run", "r1"))
        found = {item.key: item.value for item in ledger.search(NS)}
        assert found == {"there": {"n": 1}, "other": {"n": 3}}

    def test_revert_keeps_what_was_changed_later(self, ledger: LedgerStore) -> None:
        """revert keeps later changes of other fields, and leaves what contradicts as it is."""
        ledger.put(NS, "k", {"a": 1, "b": 1})
        changed = write(ledger, Write("k", {"a": 2, "b": 1})).revision
        ledger.put(NS, "k", {"a": 2, "b": 2})
        ledger.revert(NS, key="k", revision=changed)
        assert held(ledger.get(NS, "k")) == {"a": 1, "b": 2}
        again = write(ledger, Write("k", {"a": 3, "b": 2})).revision
        ledger.put(NS, "k", {"a": 4, "b": 2})
        receipt = ledger.revert(NS, key="k", revision=again)
        assert held(ledger.get(NS, "k")) == {"a": 4, "b": 2}
        assert receipt.updated == ()
        assert receipt.rejected

    def test_jobs(self, ledger: LedgerStore) -> None:
        """Jobs are kept and finished with the change set they belong to, most urgent first."""
        late, soon = Job("late", {"n": 1}, "2030-01-01"), Job("soon", {"n": 2}, "2026-01-01")
        write(ledger, jobs=(late, soon))
        assert [job.name for job in ledger.jobs(NS)] == ["soon", "late"]
        write(ledger, Write("k", {"n": 1}), jobs=(Job("late", {"n": 3}),), finished=("soon",))
        (left,) = ledger.jobs()
        assert (left.name, dict(left.payload), left.namespace) == ("late", {"n": 3}, NS)

    def test_async_twins(self, ledger: LedgerStore) -> None:
        """Every async method of the ledger does what its sync twin does."""

        async def scenario() -> list[bool]:
            said = ChangeSet(NS, (Write("k", {"n": 1}),), (Said(TALK, "monday"),))
            await ledger.acommit(said)
            await ledger.aput(NS, "k", {"n": 2})
            a, b = (version.revision for version in await ledger.ahistory(NS, "k"))
            entry = (await ledger.ajournal(NS, "monday"))[1]
            now = "2100-01-01"
            return [
                await ledger.ahistory(NS, "k") == ledger.history(NS, "k"),
                await ledger.apin(NS, "k"),
                await ledger.arecords(NS, ["k"]) == ledger.records(NS, ["k"]),
                await ledger.astanding(NS) == ledger.standing(NS),
                await ledger.aas_of(now, NS) == ledger.as_of(now, NS),
                await ledger.adiff(NS, "k", a, b) == ledger.diff(NS, "k", a, b),
                await ledger.asources(NS, "k") == ledger.sources(NS, "k"),
                await ledger.aderived_from(NS, MONDAY) == ledger.derived_from(NS, MONDAY),
                await ledger.ajournal(NS, "monday") == ledger.journal(NS, "monday"),
                await ledger.aneighbours(NS, entry.key) == ledger.neighbours(NS, entry.key),
                await ledger.asearch_journal(NS, "tea") == ledger.search_journal(NS, "tea"),
                await ledger.athreads(NS) == ledger.threads(NS) == {"monday": 3},
                await ledger.acursor(NS, "monday") == ledger.cursor(NS, "monday") == 0,
                await ledger.ajobs(NS) == ledger.jobs(NS),
                actions(await ledger.arevert(NS, key="k")) == ["updated"],
                (await ledger.aforget(NS, key="k")).memories == 1,
                await ledger.arecords(NS, ["k"]) == [None],
            ]

        assert all(self.run(scenario()))
