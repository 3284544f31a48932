"""Stores held against `ReferenceStore`, step by step, whatever is done to them.

`--model-examples 1000` tries more.
"""

from datetime import UTC, datetime

import jsonpatch
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from langgraph.store.base import PutOp

from holdfast import open_store
from holdfast.history import ChangeSet, Cursor, Provenance, Said, Source, Write
from holdfast.memory import Message
from reference_store import ReferenceStore, index

NAMESPACES = [("a",), ("a", "b"), ("ab",)]
KEYS = ["k1", "k2"]
PREFIXES = [(), ("a",), ("a", "b"), ("ab",), ("none",)]
WORDS = ["ferry", "harbour", "nine", "cake", "train"]
THREADS = ["monday", "tuesday"]
DOCUMENTS = ["d1", "d2"]

few = st.sampled_from([0, 0, 1])
namespaces = st.sampled_from(NAMESPACES)
prefixes = st.sampled_from(PREFIXES)
keys = st.sampled_from(KEYS)
values = st.fixed_dictionaries(
    {"content": st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)},
    optional={"n": st.integers(0, 2), "tag": st.sampled_from(["red", "blue"])},
)
indexed = st.sampled_from([None, None, None, False, ["content"]])
origins = st.sampled_from(
    [("document", "d1"), ("document", "d2"), ("memory", "k1"), ("memory", "k1"), ("memory", "k2")]
)
writes = st.tuples(
    keys,
    st.none() | values,
    indexed,
    st.just(()) | origins,
    st.sampled_from([(), (), ("k1",), ("k1", "k2")]),
    st.sampled_from(["any", "any", "right", "wrong"]),
)
messages = st.tuples(
    st.sampled_from(["user", "user", "assistant", "system"]),
    st.sampled_from(["yes", "no", "well"]),
    st.sampled_from([None, None, "1", "2"]),
)


class Model(RuleBasedStateMachine):
    """One store and the reference, through the same steps."""

    has_index = False

    def __init__(self):
        super().__init__()
        self.store = self.opened()
        self.model = ReferenceStore()
        self.times = [(0, datetime.now(UTC))]
        self.revisions = {}  # of the reference: of the store

    def opened(self):
        raise NotImplementedError

    def teardown(self):
        self.store.close()

    def _now(self, *places):
        """Note when this step was done, and its number in the store."""
        for namespace, key in places:
            line = self.model.lines.get((namespace, key), ())
            if line and line[-1].revision == self.model.step:
                last = self.store.history(namespace, key)[-1]
                known = self.revisions.setdefault(self.model.step, last.revision)
                assert known == last.revision
        self.times.append((self.model.step, datetime.now(UTC)))

    # What BaseStore can do

    @rule(namespace=namespaces, key=keys, value=values, index=indexed)
    def put(self, namespace, key, value, index):
        self.store.put(namespace, key, value, index)
        self.model.write([((namespace, key), value, index, (), (), None)])
        self._now((namespace, key))

    @rule(ops=st.lists(st.tuples(namespaces, keys, st.none() | values, indexed), max_size=5))
    def batch(self, ops):
        self.store.batch([PutOp(*op) for op in ops])
        last = {(namespace, key): (value, index) for namespace, key, value, index in ops}
        self.model.write([(at, value, index, (), (), None) for at, (value, index) in last.items()])
        self._now(*last)

    # What a ledger can do

    def _expected(self, place, which):
        item = self.model.items.get(place)
        right = self.revisions[item.revision] if item else 0
        return {"any": None, "right": right, "wrong": right + 1}[which]

    @rule(
        namespace=namespaces,
        given=st.lists(writes, max_size=3, unique_by=lambda write: write[0]),
        talk=st.none() | st.tuples(st.sampled_from(THREADS), st.lists(messages, max_size=4)),
        cursor=st.none() | st.tuples(st.sampled_from(THREADS), st.integers(0, 5)),
        recalled=st.lists(keys, max_size=3),
    )
    def commit(self, namespace, given, talk, cursor, recalled):
        thread, said = talk or (None, [])
        given = [
            (*write[:4], self._standing(namespace, write[0], write[4], given), write[5])
            for write in given
        ]
        receipt = self.store.commit(
            ChangeSet(
                namespace,
                tuple(self._write(namespace, *write) for write in given),
                (Said(tuple(Message(r, t, id=i) for r, t, i in said), thread),) if talk else (),
                (Cursor(cursor[0], cursor[1], "reader"),) if cursor else (),
                tuple(recalled),
            )
        )
        if any(write[-1] == "wrong" for write in given):
            wanted = ["conflict" if write[-1] == "wrong" else "rejected" for write in given]
            assert [change.action for change in receipt.changes] == wanted
            assert (receipt.revision, receipt.journal) == (None, ())
            return
        told = self.model.say(namespace, thread, said) if said else []
        self._note_keys(told, receipt)
        talk_of = {("message", entry.key) for entry, _ in told}
        talk_of |= {("thread", thread)} if said else set()
        wanted = self.model.write(
            [
                ((namespace, key), value, index, (source,) if source else talk_of, links, None)
                for key, value, index, source, links, _ in given
            ]
        )
        assert [change.action for change in receipt.changes] == wanted
        if cursor:
            self.model.read_on(namespace, cursor[0], "reader", cursor[1])
        for key in recalled:
            if (namespace, key) in self.model.items:
                self.model.items[namespace, key].recalls += 1
        self._now(*((namespace, write[0]) for write in given))

    def _write(self, namespace, key, value, index, source, links, which):
        named = {"document": "documents", "memory": "memories"}
        origin = Provenance(**{named[source[0]]: (source[1],)}) if source else None
        return Write(
            key,
            value,
            self._expected((namespace, key), which),
            tuple(index) if index else index,
            supersedes=links,
            provenance=origin,
        )

    def _standing(self, namespace, key, links, given):
        """Return the other keys that a write may supersede: known before, or put along with it."""
        put = {write[0] for write in given if write[1] is not None}
        return tuple(
            link
            for link in links
            if link != key and (link in put or self.store.history(namespace, link))
        )

    def _note_keys(self, told, receipt):
        actions = ["inserted" if new else "unchanged" for _, new in told]
        assert [change.action for change in receipt.journal] == actions
        for (entry, new), change in zip(told, receipt.journal, strict=True):
            entry.key = change.key if new else entry.key
            assert (entry.key, entry.seq) == (change.key, change.after["seq"])

    @rule(namespace=namespaces, key=keys, value=values, source=origins)
    def write_from_a_source(self, namespace, key, value, source):
        self.commit(namespace, [(key, value, None, source, (), "right")], None, None, [])

    @rule(namespace=namespaces, value=values, key=keys, source=origins)
    def write_from_another(self, namespace, key, value, source):
        self.write_from_a_source(namespace, key, value, source)

    @rule(namespace=namespaces, key=keys, pinned=st.booleans())
    def pin(self, namespace, key, pinned):
        item = self.model.items.get((namespace, key))
        assert self.store.pin(namespace, key, pinned) is (item is not None)
        if item:
            item.pinned = pinned

    # Undoing

    @rule(namespace=namespaces, key=keys)
    def revert_the_last_change(self, namespace, key):
        line = self.model.lines.get((namespace, key), ())
        chosen = {((namespace, key), v.revision) for v in line[-1:]}
        self._reverted(chosen, self.store.revert(namespace, key=key))

    @rule(prefix=prefixes, key=st.none() | keys, document=st.booleans(), data=st.data())
    def revert_a_change_set_or_a_source(self, prefix, key, document, data):
        if document:
            named = self.model.naming("document", "d1", self._below(prefix))
            given = {"source": Source("document", "d1")}
        elif self.revisions:
            revision = data.draw(st.sampled_from(sorted(self.revisions)))
            versions = ((p, v.revision) for p, line in self.model.lines.items() for v in line)
            named = {version for version in versions if version[1] == revision}
            given = {"revision": self.revisions[revision]}
        else:
            return
        chosen = {
            (place, revision)
            for place, revision in named
            if (place == (prefix, key) if key else place[0] in self._below(prefix))
        }
        self._reverted(chosen, self.store.revert(prefix, key=key, **given))

    def _reverted(self, chosen, receipt):
        refused, wrote = self.model.revert(chosen)
        keys = [change.key for change in receipt.changes if change.action == "rejected"]
        assert sorted(keys) == sorted(key for _, key in refused)
        assert (receipt.revision is not None) is wrote
        self._now(*{place for place, _ in chosen})

    # Erasing

    def _below(self, prefix):
        return [namespace for namespace in NAMESPACES if namespace[: len(prefix)] == prefix]

    def _forgotten(self, erased, versions, said=()):
        wanted = self.model.forget(versions, said)
        assert (erased.memories, erased.restored, erased.versions, erased.messages) == wanted
        assert erased.complete
        self._now()

    @rule(namespace=namespaces, key=keys)
    def forget_a_memory(self, namespace, key):
        line = self.model.lines.get((namespace, key), ())
        versions = {((namespace, key), v.revision) for v in line}
        versions |= self.model.naming("memory", key, [namespace])
        self._forgotten(self.store.forget(namespace, key=key), versions)

    @rule(prefix=prefixes, sort=st.sampled_from(["document", "document", "thread"]), nth=few)
    def forget_a_source(self, prefix, sort, nth):
        below = self._below(prefix)
        name = (DOCUMENTS if sort == "document" else THREADS)[nth]
        versions, said = self.model.naming(sort, name, below), []
        if sort == "thread":
            said = [(at, s) for at, s in self._said() if at[0] in below and at[1] == name]
        self._forgotten(self.store.forget(prefix, source=Source(sort, name)), versions, said)
        if sort == "thread":
            self.model.forget_names(below, name)

    @rule(data=st.data(), by_key=st.booleans())
    def forget_a_message(self, data, by_key):
        if not self._said():
            return
        at, said = data.draw(st.sampled_from(self._said()))
        how = {"key": said.key} if by_key else {"source": Source("message", said.key)}
        below = [at[0]] if by_key else self._below(at[0])
        same = [(at, s) for at, s in self._said() if at[0] in below and s.key == said.key]
        self._forgotten(self.store.forget(at[0], **how), set(), same)

    @rule(prefix=st.sampled_from(PREFIXES[1:]), tag=st.sampled_from([None, "red", "blue", "blue"]))
    def forget_a_namespace_or_by_filter(self, prefix, tag):
        below = self._below(prefix)
        if tag:
            places, said = self.model.newest(prefix, lambda value: value.get("tag") == tag), []
            given = {"filter": {"tag": tag}}
        else:
            places = [place for place in self.model.lines if place[0] in below]
            said = [(at, s) for at, s in self._said() if at[0] in below]
            given = {}
        versions = {(place, v.revision) for place in places for v in self.model.lines[place]}
        self._forgotten(self.store.forget(prefix, **given), versions, said)
        if not tag:
            self.model.forget_names(below)

    def _said(self):
        return [(at, said) for at, thread in self.model.threads.items() for said in thread.said]

    # Reading: what has arguments

    @rule(prefix=prefixes, limit=st.integers(1, 4), n=st.integers(0, 2), tag=st.booleans())
    def search_in_pages(self, prefix, limit, n, tag):
        given = {"n": {"$gte": n}} | ({"tag": "red"} if tag else {})
        wanted = self.model.newest(
            prefix,
            lambda value: value.get("n", -1) >= n and (not tag or value.get("tag") == "red"),
        )
        for some, places in ((given, wanted), (None, self.model.newest(prefix))):
            found = []
            for offset in range(0, len(places) + limit, limit):
                page = self.store.search(prefix, filter=some, limit=limit, offset=offset)
                assert len(page) == min(limit, max(0, len(places) - offset))
                found += page
            assert [(item.namespace, item.key) for item in found] == places

    @rule(prefix=prefixes, query=st.lists(st.sampled_from(WORDS), min_size=1, max_size=2))
    def search_by_what_it_is_about(self, prefix, query):
        query = " ".join(query)
        found = self.store.search(prefix, query=query, limit=100)
        scored = {(item.namespace, item.key): item.score for item in found}
        assert len(scored) == len(found)
        wanted = self.model.by_words(prefix, query)
        if self.has_index:
            near = self.model.by_vectors(prefix, query)
            waiting = [
                place
                for place in wanted
                if self.model.items[place].pending and self.model.text(place)
            ]
            assert set(scored) == set(near) | set(waiting)
            wanted = near
        assert {at: scored[at] for at in wanted} == pytest.approx(wanted, abs=1e-5)
        scores = [item.score for item in found]
        assert scores == sorted(scores, reverse=True)

    @rule(namespace=namespaces, key=keys, data=st.data())
    def diff(self, namespace, key, data):
        line = self.model.lines.get((namespace, key), ())
        values = {0: {}} | {self.revisions[v.revision]: v.value or {} for v in line}
        a, b = (data.draw(st.sampled_from(sorted(values))) for _ in "ab")
        patch = self.store.diff(namespace, key, a, b)
        assert jsonpatch.apply_patch(values[a], patch) == values[b]

    @precondition(lambda self: self.has_index)
    @rule(prefix=prefixes)
    def reindex(self, prefix):
        waiting = [
            item
            for place, item in self.model.items.items()
            if item.pending and place[0] in self._below(prefix)
        ]
        assert self.store.reindex(prefix) == len(waiting)
        for item in waiting:
            item.pending = False

    # Reading: everything there is, after each step

    @invariant()
    def items_and_versions_are_the_same(self):
        assert self.store.list_namespaces() == sorted({place[0] for place in self.model.items})
        for namespace in NAMESPACES:
            records = dict(zip(KEYS, self.store.records(namespace, KEYS), strict=True))
            for key in KEYS:
                self._same_memory((namespace, key), records[key])

    def _same_memory(self, place, record):
        line = self.model.lines.get(place, ())
        history = self.store.history(*place)
        assert [(v.revision, v.value, v.base, set(v.supersedes), _origins(v)) for v in history] == [
            (
                self.revisions[v.revision],
                v.value,
                v.base and self.revisions[v.base],
                set(v.supersedes),
                v.sources,
            )
            for v in line
        ]
        item, found = self.model.items.get(place), self.store.get(*place)
        assert (found and found.value) == self.model.value(place)
        if item is None:
            assert record is None
            return
        assert record.version.revision == self.revisions[item.revision]
        assert (record.pinned, record.recalls) == (item.pinned, item.recalls)
        assert record.superseded_by == self.model.superseded_by(place)
        assert record.created_at == found.created_at <= found.updated_at

    @invariant()
    def the_past_and_what_comes_from_a_source_are_the_same(self):
        for step, time in (self.times[len(self.times) * 2 // 3], self.times[-1]):
            found = {(v.namespace, v.key): v.value for v in self.store.as_of(time, ("a",))}
            assert found == self.model.as_of(step, ("a",))
        for name in DOCUMENTS:
            found = self.store.derived_from((), Source("document", name))
            named = self.model.naming("document", name, NAMESPACES)
            assert {((v.namespace, v.key), v.revision) for v in found} == {
                (place, self.revisions[revision]) for place, revision in self.model.derived(named)
            }

    @invariant()
    def the_journal_is_the_same(self):
        for namespace in NAMESPACES:
            threads = {
                name: thread
                for (place, name), thread in self.model.threads.items()
                if place == namespace
            }
            assert self.store.threads(namespace) == {n: t.last for n, t in threads.items()}
            for name in THREADS:
                said = threads[name].said if name in threads else []
                entries = self.store.journal(namespace, name)
                assert [(e.key, e.seq, (e.message.role, e.message.text)) for e in entries] == [
                    (s.key, s.seq, s.words) for s in said
                ]
                wanted = self.model.cursors.get((namespace, name, "reader"), 0)
                assert self.store.cursor(namespace, name, "reader") == wanted


def _origins(version):
    return {(source.sort, source.ref) for source in version.provenance.sources()}


def run(examples, opened, *, has_index):
    """Run a model against stores that are opened like this."""
    kept = {"opened": lambda self: opened(), "has_index": has_index}
    steps = settings(max_examples=examples, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(type("Machine", (Model,), kept), settings=steps)


@pytest.fixture
def model_examples(request):
    return request.config.getoption("--model-examples", 20)


@pytest.mark.parametrize("given", [None, index()], ids=["words", "vectors"])
def test_sqlite_does_what_the_reference_does(model_examples, given):
    run(model_examples, lambda: open_store(":memory:", index=given), has_index=bool(given))


@pytest.mark.parametrize("given", [None, index()], ids=["words", "vectors"])
def test_postgres_does_what_the_reference_does(open_postgres, model_examples, given):
    examples = max(2, model_examples // 12)
    run(examples, lambda: open_postgres(index=given), has_index=bool(given))
