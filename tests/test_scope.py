"""What one tenant can do to another, and learn of it: nothing.

Every public operation of a fenced store is called, thousands of times and with evil arguments, as
tenant A. Each call is made twice: in a store that tenant B has filled, and in one where B never
was. What comes of it must be the same, B's words must not be in it, and B's data must stay as they
were. `--scope-calls 100000` asks for more calls, `--scope-seed` for others.
"""

import asyncio
import contextlib
import dataclasses
import random
import re
import secrets
from datetime import datetime

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

from holdfast import open_store
from holdfast import operations as ledger
from holdfast.dump import KINDS
from holdfast.errors import HoldfastError, OutOfScope
from holdfast.history import ChangeSet, Cursor, Job, Provenance, Said, Source, Write
from holdfast.job import Ticket
from holdfast.memory import Message
from holdfast.namespace import encode_label
from reference_store import index

LONG = "x" * 1_500
AGES = 1e6  # seconds, so that no lease ends between a call in one store and in the other
# Tenant A, and tenant B.
PAIRS = [
    (("m", "a"), ("m", "ab")),
    (("m", "ab"), ("m", "a")),
    (("m", "a"), ("m", "a-")),
    (("m", "a"), ("m", "a/b")),
    (("m", "a", "b"), ("m", "a")),
    (("m", "a"), ("m",)),
    (("a", "b"), ("a", "b c")),
    (("m", encode_label("a.b")), ("m", "a", "b")),
    (("m", "a"), ("m", encode_label("a.b"))),
    (("m", "%"), ("m", "x")),
    (("m", "100%"), ("m", "100x")),
    (("m", "_"), ("m", "x")),
    (("m", "*"), ("m", "x")),
    (("*",), ("m",)),
    (("m", "'"), ("m", "''")),
    (("m", 'a"b'), ("m", "ab")),
    (("m", "x'; DROP TABLE items; --"), ("m", "x")),
    (("m", "\\"), ("m", "\\\\")),
    (("m", "n\u043era"), ("m", "nora")),  # Cyrillic o
    (("m\u0301",), ("m",)),
    (("m\u0301",), ("\u1e3f",)),  # the same letter, composed
    (("m", "a "), ("m", "a")),
    (("m", "a"), ("m", "a\u200b")),
    (("m", "A"), ("m", "a")),
    (("m", "stra\u00dfe"), ("m", "strasse")),
    (("m", "a\n"), ("m", "a")),
    (("m", "\U0010ffff"), ("m", "\ue000")),
    (("m", LONG), ("m", f"{LONG}y")),
    (("1",), ("m1",)),
]


class Rev:
    """A revision that is not the same number in both stores.

    Args:
        nth: Which of the memory "tea" of tenant A, from the last one back; None for one that is
            B's, where B is.
    """

    def __init__(self, nth):
        self.nth = nth

    def __repr__(self):
        return f"Rev({self.nth})"


class World:
    """One store with tenant A in it, and perhaps tenant B."""

    def __init__(self, store, a, loop):
        self.whole = store
        self.fenced = store.scoped(a)
        self._loop = loop
        self.foreign = 10**9

    def call(self, name, args, settings):
        """Call a method as tenant A; return what came of it, an error too."""
        args, settings = self.filled(args), self.filled(settings)
        told = []
        if "progress" in settings:
            settings["progress"] = lambda *numbers: told.append(numbers)
        try:
            result = getattr(self.fenced, name)(*args, **settings)
            if asyncio.iscoroutine(result):
                result = self._loop.run_until_complete(result)
        except Exception as error:
            return error
        if any(isinstance(op, ledger.NextJob | ledger.Spend) for op in args) and result:
            result = result > 0  # seconds, which go by between two calls
        taken = [op.take.records for op in args if isinstance(op, ledger.Export)]
        return [result, told, *taken]

    def filled(self, given):
        """Return arguments with the revisions of this store in them."""
        if isinstance(given, Rev):
            own = [] if given.nth is None else self.whole.history(self.fenced.scope, "tea")
            return own[-1 - given.nth % len(own)].revision if own else self.foreign
        if isinstance(given, tuple) and hasattr(given, "_fields"):
            return type(given)(*map(self.filled, given))
        if isinstance(given, tuple | list):
            return type(given)(map(self.filled, given))
        if isinstance(given, dict):
            return {name: self.filled(inner) for name, inner in given.items()}
        if isinstance(given, Take):
            return Take()
        if dataclasses.is_dataclass(given):
            names = [field.name for field in dataclasses.fields(given)]
            return dataclasses.replace(
                given, **{name: self.filled(getattr(given, name)) for name in names}
            )
        return given


class Take:
    """Takes the records of an export."""

    def __init__(self):
        self.records = []

    def __call__(self, record):
        self.records.append(record)


# What differs between two stores that hold the same.
NUMBERS = {"revision", "base", "salt", "digest", "ticket", "tickets", "fence"}


def plain(result):
    """Return a result without the numbers and times of its store."""
    if isinstance(result, BaseException):
        return type(result).__name__, re.sub(r"\d+", "#", str(result))
    if isinstance(result, BaseStore):
        return [result.scope, plain(result.search(result.scope)), result.list_namespaces()]
    if dataclasses.is_dataclass(result):
        result = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    elif hasattr(result, "dict"):  # an item
        result = {**result.dict(), "score": getattr(result, "score", None)}
    if isinstance(result, dict):
        return {name: _plain_field(name, inner) for name, inner in result.items()}
    if isinstance(result, list | tuple):
        return [plain(inner) for inner in result]
    if isinstance(result, float):
        return round(result, 6)
    return result


def _plain_field(name, value):
    if name in NUMBERS or str(name).endswith("_at") or isinstance(value, datetime):
        return value is not None
    if name == "strength":
        return round(value, 3)  # fades by the time between two recalls, which is not the same
    if name in ("reason", "detail") and value is not None:
        return re.sub(r"\d+", "#", value)
    return plain(value)


# LangGraph's own check of a namespace raises the latter two.
REFUSALS = (HoldfastError, InvalidNamespaceError, TypeError)

# Tenants


KNOWN = ["tea", "k_1", "k%1", "profile-User", "", "a\u0301", "\u00e1"]
THREADS = ["monday", "m\u00f6nday", "mo%day", "mo_day"]
WORDS = ["ferry", "harbour", "nine", "cake"]


class Secrets:
    """Words of tenant B that tenant A never says."""

    def __init__(self):
        self.words = []

    def __call__(self):
        self.words.append(f"zq{secrets.token_hex(10)}")
        return self.words[-1]

    def none_in(self, *told):
        text = "\n".join(map(str, told)).casefold()
        return not any(word in text for word in self.words)


def settle(store, namespace, secret):
    """Let a tenant fill its place, with names that others use too and names that none can know."""
    for place in (namespace, (*namespace, "deep"), (*namespace, secret())):
        keys = (*KNOWN, "waits", secret(), secret())
        threads = (*THREADS, secret())
        store.commit(
            ChangeSet(
                place,
                tuple(a_memory(n, key, ("tea", keys[-1]), secret) for n, key in enumerate(keys)),
                tuple(a_talk(thread, secret) for thread in threads),
                (*(Cursor(thread, 3) for thread in threads), Cursor("monday", 2, secret())),
                ("tea", "k_1"),
                (Job("nightly", {secret(): secret()}, "2030-01-01"), Job(secret())),
            )
        )
        store.pin(place, "tea")
        store.put(place, "k_1", {"content": f"ferry again {secret()}"})
        store.delete(place, "profile-User")
        # What falls back to an earlier version waits for its vectors.
        lie = Write("waits", {"content": secret()}, provenance=Provenance(documents=("lie.pdf",)))
        store.commit(ChangeSet(place, (lie,)))
        store.forget(place, source=Source("document", "lie.pdf"))


def a_memory(n, key, older, secret):
    value = {"content": f"{WORDS[n % 4]} ferry {secret()}", "n": n, secret(): [secret()]}
    named = ("user", "monday", "nightly", (), ("report.pdf",), ("k_1",), secret(), secret())
    hidden = ("person", secret(), secret(), (), (secret(),), (secret(),))
    why = Provenance(*named if n % 2 else hidden)
    links = tuple(one for one in older if one != key)
    return Write(key, value, importance=4, supersedes=links, provenance=why)


def a_talk(thread, secret):
    said = [f"{word} {secret()}" for word in (*WORDS, "the ferry leaves")]
    messages = [Message("user", text, secret(), None, secret()) for text in said]
    call = Message("assistant", "hello", calls=((secret(), secret()),))
    return Said((*messages, call, Message("user", "hello")), thread)


def held_by(store, namespace, fence):
    """Return all that a tenant's namespace holds, without what stands below another's fence."""
    take = Take()
    store.perform(ledger.Export(namespace, take))
    below = list(fence[len(namespace) :]) if fence[: len(namespace)] == namespace else None
    records = [
        record
        for record in take.records
        if below is None or record["namespace"][: len(below)] != below
    ]
    scores = [
        (item.namespace, item.key, item.score)
        for item in store.search(namespace, query="ferry", limit=1_000)
        if below is None
    ]
    jobs = [job for job in store.jobs(namespace) if job.namespace[: len(fence)] != fence]
    return records, scores, jobs


# What tenant A may think of


class Draw:
    """Draws arguments: mostly A's own, sometimes B's, sometimes what is none."""

    def __init__(self, rng, a, b):
        self._rng = rng
        self._a, self._b = a, b

    def one(self, *given):
        return self._rng.choice(given)

    def some(self, draw, most=3):
        return tuple(draw() for _ in range(self._rng.randrange(most + 1)))

    def ns(self):
        if self._rng.random() < 0.7:
            return self.one(self._a, self._a, (*self._a, "deep"), (*self._a, "new"), list(self._a))
        last = self._a[-1]
        return self.one(
            self._b,
            (*self._b, "deep"),
            list(self._b),
            (),
            self._a[:-1],
            (*self._a[:-1], f"{last}."),
            (*self._a[:-1], f"{last}%"),
            (*self._a[:-1], "*"),
            (".".join(self._a), "deep"),
            ".".join(self._a),
            (*self._a, ""),
            (*self._a, "..", *self._b),
            (*self._a, "x.y"),
            (*self._a, 7),
            (*self._a, "*"),
            (*self._a, "\ud83d"),
            None,
        )

    def key(self):
        if self._rng.random() < 0.9:
            return self.one(*KNOWN, "mine", "new")
        return self.one("%", "_", "*", "'", "\x00", "\ud83d", LONG, 7, None, "' OR '1'='1")

    def word(self):
        odd = ('"', "ferry OR nine", "*", "", "%", "the", f"{LONG} ferry")
        return self.one(*WORDS) if self._rng.random() < 0.8 else self.one(*odd)

    def thread(self):
        return self.one(*THREADS, "once", None, "", "%", "mon\x00day", "\ud83d")

    def rev(self):
        return Rev(self.one(None, 0, 0, 1, 2, 5))

    def maybe_rev(self):
        return self.one(None, None, self.rev(), 0, -1, "1")

    def source(self):
        sort = self.one("thread", "run", "document", "memory", "message")
        ref = {"thread": "monday", "run": "nightly", "document": "report.pdf", "memory": "tea"}
        return self.one(Source(sort, ref.get(sort, self.message())), "thread:monday")

    def message(self):
        return self._rng.choice(self.messages)

    messages = ("none",)

    def value(self):
        text = f"{self.word()} {self.word()}"
        return self.one({"content": text}, {"content": text, "n": self._rng.randrange(5)}, None)

    def provenance(self):
        known = {"document": "documents", "memory": "memories", "message": "messages"}
        source = self.source()
        if isinstance(source, str):
            return self.one(None, source, Provenance())
        if source.sort in known:
            return Provenance(**{known[source.sort]: (source.ref,)})
        return Provenance(**{source.sort: source.ref})

    def write(self):
        return Write(
            self.key(),
            self.value(),
            expect=self.one(None, None, None, 0, self.rev()),
            index=self.one(None, None, False, ("content",)),
            ttl=self.one(None, None, None, 1_000, 0),
            supersedes=self.one((), (), ("tea",), ("k_1", "mine")),
            provenance=self.provenance(),
        )

    def changes(self):
        said = tuple(Message(self.one("user", "system"), self.word()) for _ in range(3))
        return ChangeSet(
            self.ns(),
            self.some(self.write),
            self.some(lambda: Said(said[: self._rng.randrange(4)], self.thread()), 1),
            self.some(lambda: Cursor(self.thread(), self._rng.randrange(9)), 1),
            self.some(self.key, 2),
            self.some(lambda: Job(self.one("nightly", "own"), {}, "2030-01-01"), 1),
            self.one((), (), ("nightly",)),
        )

    def job(self):
        return self.one("nightly", "own", "nightly", "", 7, "\x00")

    def ticket(self):
        # Numbers of a store are its own; these are before or after all of them.
        return self.one(0, 10**12)

    def handlers(self):
        return self.one(("", " x"), ("",), (), "x", (7,))

    def held(self):
        return Job(self.job(), namespace=self.one(self._a, self._b), fence=self.rev())

    def filter(self):
        return self.one(None, {"n": 1}, {"n": {"$gte": 1}}, {}, {"content": {"$ne": ""}}, {"$x": 1})

    def condition(self):
        path = self.one(self._b[:1], ("*",), self._a, self._b, ("*", "*"), ("deep",))
        return MatchCondition(self.one("prefix", "suffix"), path)

    def page(self):
        return {"limit": self.one(1, 3, 100, 0), "offset": self.one(0, 0, 1, 5)}

    def op(self):
        return self.one(
            GetOp(self.ns(), self.key()),
            PutOp(self.ns(), self.key(), self.value()),
            SearchOp(self.ns(), self.filter(), **self.page(), query=self.one(None, self.word())),
            ListNamespacesOp(self.some(self.condition, 2), self.one(None, 1, 2), **self.page()),
        )

    def forgetting(self):
        return self.one(
            {"key": self.key()},
            {"key": self.key()},
            {"source": self.source()},
            {"filter": self.filter()},
            {"key": "tea", "source": self.source()},
        )

    def record(self):
        label = self.one([], ["deep"], ["x.y"], [".."], ["*"], list(self._b), [""])
        version = {
            "revision": self.one(None, 1, 1 << 52, self._rng.randrange(400)),
            "value": {"content": self.word()},
            "recorded_at": "2026-01-01",
        }
        item = {"created_at": "2026-01-01", "updated_at": "2026-01-01"}
        key = self.one("tea", "new", "%", "", "\x00", "\ud83d", LONG)
        memory = {"record": "memory", "namespace": label, "key": key}
        job = {"record": "job", "namespace": label, "name": "nightly", "payload": {}}
        record = self.one(
            {**memory, "versions": [version], "item": item},
            {"record": "thread", "namespace": label, "thread": "import", "last": 3},
            {**job, "due_at": "2030-01-01"},
            {"record": "erased", "digest": "0" * 64, "erased_at": "2026-01-01"},
        )
        return KINDS[record["record"]].model_validate(record)


def call(*args, **settings):
    return args, settings


def listing(draw):
    return {
        "prefix": draw.one(None, *(condition.path for condition in [draw.condition()])),
        "suffix": draw.one(None, ("deep",), ("*",)),
        "max_depth": draw.one(None, 1, 2, 9),
        **draw.page(),
    }


# How each operation of a ledger is drawn, and through it the method of the same name.
OPS = {
    ledger.Commit: lambda d: ledger.Commit(d.changes()),
    ledger.Records: lambda d: ledger.Records(d.ns(), d.some(d.key)),
    ledger.History: lambda d: ledger.History(d.ns(), d.key()),
    ledger.AsOf: lambda d: ledger.AsOf(d.ns(), "2999", d.one(None, d.key())),
    ledger.Diff: lambda d: ledger.Diff(d.ns(), d.one("tea", d.key()), d.one(0, d.rev()), d.rev()),
    ledger.Revert: lambda d: ledger.Revert(
        d.ns(), d.one(None, d.key()), d.maybe_rev(), d.one(None, None, d.source())
    ),
    ledger.Sources: lambda d: ledger.Sources(d.ns(), d.key(), d.maybe_rev()),
    ledger.DerivedFrom: lambda d: ledger.DerivedFrom(d.ns(), d.source()),
    ledger.Journal: lambda d: ledger.Journal(d.ns(), d.thread(), d.one(0, 2), d.one(0, 2, 99)),
    ledger.Neighbours: lambda d: ledger.Neighbours(d.ns(), d.message(), d.one(0, 2, 99)),
    ledger.Rank: lambda d: ledger.Rank(d.ns(), d.word()),
    ledger.SearchJournal: lambda d: ledger.SearchJournal(d.ns(), d.word(), **d.page()),
    ledger.Threads: lambda d: ledger.Threads(d.ns()),
    ledger.ReadCursor: lambda d: ledger.ReadCursor(d.ns(), d.thread(), d.one("reflection", "x")),
    ledger.Jobs: lambda d: ledger.Jobs(d.ns()),
    ledger.NextJob: lambda d: ledger.NextJob(d.ns(), d.handlers()),
    ledger.ClaimJob: lambda d: ledger.ClaimJob(d.ns(), d.handlers(), "w", d.one(AGES, -1, "1")),
    ledger.RenewJobs: lambda d: ledger.RenewJobs(d.ns(), d.some(d.held), AGES),
    ledger.SettleJob: lambda d: ledger.SettleJob(
        d.ns(), d.job(), d.rev(), d.one("done", "again", "dead", "gone"), d.one(0.0, AGES, None)
    ),
    ledger.Outcomes: lambda d: ledger.Outcomes(
        d.ns(), d.some(lambda: d.one((d.job(), d.ticket()), (d.job(),), "x"))
    ),
    ledger.CancelJob: lambda d: ledger.CancelJob(d.ns(), d.job(), d.one(None, None, d.ticket())),
    ledger.RetryJob: lambda d: ledger.RetryJob(d.ns(), d.job()),
    ledger.Spend: lambda d: ledger.Spend(d.ns(), d.one(0, 1, -1), d.one(0, 5), d.one(None, 2)),
    ledger.Pin: lambda d: ledger.Pin(d.ns(), d.key(), d.one(True, False)),
    ledger.NoteRecall: lambda d: ledger.NoteRecall(d.ns(), d.some(d.key), d.one(None, d.thread())),
    ledger.RecalledIn: lambda d: ledger.RecalledIn(d.ns(), d.thread()),
    ledger.NoLongerSo: lambda d: ledger.NoLongerSo(d.ns(), d.some(d.key)),
    ledger.Around: lambda d: ledger.Around(d.ns(), d.some(d.message), d.one(0, 2, 99)),
    ledger.Standing: lambda d: ledger.Standing(d.ns(), d.one(0, 1, 100)),
    ledger.Forget: lambda d: ledger.Forget(d.ns(), **d.forgetting()),
    ledger.Reindex: lambda d: ledger.Reindex(d.ns()),
    ledger.Doctor: lambda d: ledger.Doctor(d.ns()),
    ledger.Keys: lambda d: ledger.Keys(d.ns(), d.one("", "k", "%", d.key()), d.one(True, False)),
    ledger.Export: lambda d: ledger.Export(d.ns(), Take()),
    ledger.Import: lambda d: ledger.Import(d.ns(), [("1", d.record())]),
}


def any_op(draw):
    return OPS[draw.one(*OPS)](draw)


# How each public method is called. A new method without a line here fails the test below.
METHODS = {
    "batch": lambda d: call(list(d.some(d.op))),
    "get": lambda d: call(d.ns(), d.key()),
    "put": lambda d: call(d.ns(), d.key(), d.value() or {}, d.one(None, False, ["content"])),
    "delete": lambda d: call(d.ns(), d.key()),
    "search": lambda d: call(d.ns(), query=d.one(None, d.word()), filter=d.filter(), **d.page()),
    "list_namespaces": lambda d: call(**listing(d)),
    "perform": lambda d: call(any_op(d)),
    "commit": lambda d: call(d.changes()),
    "records": lambda d: call(d.ns(), d.some(d.key)),
    "history": lambda d: call(d.ns(), d.key()),
    "as_of": lambda d: call(d.one("2999-01-01", "2026-01-01"), d.ns(), key=d.one(None, d.key())),
    "diff": lambda d: call(d.ns(), d.one("tea", d.key()), d.one(0, d.rev()), d.rev()),
    "revert": lambda d: call(
        d.ns(),
        key=d.one(None, d.key()),
        revision=d.maybe_rev(),
        source=d.one(None, None, d.source()),
    ),
    "sources": lambda d: call(d.ns(), d.one("tea", d.key()), revision=d.maybe_rev()),
    "derived_from": lambda d: call(d.ns(), d.source()),
    "journal": lambda d: call(d.ns(), d.thread(), after=d.one(0, 2), limit=d.one(0, 2, 99)),
    "neighbours": lambda d: call(d.ns(), d.message(), before=d.one(0, 2, 99)),
    "search_journal": lambda d: call(d.ns(), d.word(), **d.page()),
    "threads": lambda d: call(d.ns()),
    "cursor": lambda d: call(d.ns(), d.thread()),
    "jobs": lambda d: call(d.ns()),
    "cancel_job": lambda d: call(d.ns(), d.job()),
    "retry_job": lambda d: call(d.ns(), d.job()),
    "outcome": lambda d: call(Ticket(d.ns(), d.job(), d.one(d.ticket(), d.ticket(), "1"))),
    "pin": lambda d: call(d.ns(), d.key(), d.one(True, False)),
    "note_recall": lambda d: call(d.ns(), d.some(d.key), thread=d.one(None, d.thread())),
    "recalled_in": lambda d: call(d.ns(), d.thread()),
    "standing": lambda d: call(d.ns(), limit=d.one(0, 1, 100)),
    "forget": lambda d: call(d.ns(), **d.forgetting()),
    "reindex": lambda d: call(d.ns(), progress=None),
    "doctor": lambda d: call(d.ns(), progress=None),
    "keys": lambda d: call(d.ns(), d.one("", "k", "%", "_"), messages=d.one(True, False)),
}
WITHOUT_TWIN = {"scoped": lambda d: call(d.ns())}
CASES = METHODS | {f"a{name}": case for name, case in METHODS.items()} | WITHOUT_TWIN


def test_every_public_method_and_operation_has_a_case():
    with open_store(":memory:") as store:
        fenced = store.scoped(("m",))
        names = {name for name in dir(fenced) if not name.startswith("_")}
        methods = {name for name in names if callable(getattr(fenced, name))}
        # `whole` is what the operator put the fence around; no tenant is given the fence itself.
        assert names - methods == {"scope", "supports_ttl", "ttl_config", "whole"}
        # `listen` gives what tells when to look again, and nothing of what there is to see.
        assert methods - {"whole", "listen"} == set(CASES)
    operations = {
        thing
        for thing in vars(ledger).values()
        if isinstance(thing, type) and issubclass(thing, ledger.LedgerOp)
    }
    assert operations - {ledger.LedgerOp} == set(OPS)


@pytest.fixture
def scope_calls(request):
    return request.config.getoption("--scope-calls", 5_000)


@pytest.fixture
def scope_seed(request):
    return request.config.getoption("--scope-seed", "scope")


@pytest.fixture
def new_sqlite():
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(open_store(":memory:", **settings))


@pytest.fixture(params=["new_sqlite", "open_postgres"])
def new_store(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_whatever_a_tenant_calls_it_is_as_if_nobody_else_was_there(
    new_sqlite, scope_calls, scope_seed, number
):
    calls_of_a_tenant(new_sqlite, scope_calls // len(PAIRS), scope_seed, number)


@pytest.mark.parametrize("number", range(1, len(PAIRS), 9))
def test_so_it_is_on_postgres(open_postgres, scope_calls, scope_seed, number):
    calls_of_a_tenant(open_postgres, scope_calls // 100, scope_seed, number)


def calls_of_a_tenant(new_store, calls, seed, number):
    """Call what can be called as tenant A, so many times, and see that it is as it should be."""
    a, b = PAIRS[number]
    draw = Draw(random.Random(f"{seed} {number}"), a, b)
    secret, own = Secrets(), Secrets()
    settings = {"index": index()} if number % 2 else {}
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        full, lone = (World(new_store(**settings), a, loop) for _ in "ab")
        settle(full.whole, b, secret)
        full.foreign = full.whole.history(b, "tea")[-1].revision
        for world in (full, lone):
            settle(world.whole, a, again(own))
        talk = [*full.whole.journal(a, "monday"), *full.whole.journal(b, "monday")]
        draw.messages = [entry.key for entry in talk]
        before = held_by(full.whole, b, a)
        assert not secret.none_in(before)
        for turn in range(calls):
            name = draw.one(*CASES)
            args, given = CASES[name](draw)
            told = f"turn {turn}: {name}(*{args!r}, **{given!r})"
            here = full.call(name, args, given)
            there = lone.call(name, args, given)
            assert secret.none_in(repr(here), here), told
            assert plain(here) == plain(there), told
            assert isinstance(here, REFUSALS) or not isinstance(here, BaseException), told
        assert held_by(full.whole, b, a) == before


def again(secret):
    """Return words once made, from the first on; new ones after the last."""
    made = iter(list(secret.words))
    return lambda: next(made, None) or secret()


def test_what_is_outside_of_the_fence_is_refused_by_name():
    with open_store(":memory:") as store:
        store.put(("m", "nora"), "tea", {"content": "likes tea"})
        fenced = store.scoped(("m", "ines"))
        with pytest.raises(OutOfScope, match=r"\('m', 'nora'\) is outside of \('m', 'ines'\)"):
            fenced.get(("m", "nora"), "tea")
        with pytest.raises(OutOfScope):
            fenced.batch([PutOp(("m", "ines"), "own", {}), PutOp(("m", "nora"), "tea", {})])
        assert fenced.get(("m", "ines"), "own") is None
        with pytest.raises(OutOfScope):
            fenced.scoped(("m",))
        assert fenced.scoped(("m", "ines", "deep")).scope == ("m", "ines", "deep")


@pytest.mark.parametrize("by", ["words", "vectors"])
@pytest.mark.parametrize("what", ["memories", "messages"])
def test_scores_do_not_move_when_another_tenant_writes(new_store, by, what):
    store = new_store(**({"index": index()} if by == "vectors" else {}))
    texts = ["the ferry leaves", "a train at nine", "nine ferries", "cake"]

    def write(namespace, texts):
        said = Said(tuple(Message("user", text) for text in texts), "t")
        store.commit(ChangeSet(namespace, journal=(said,)))
        for n, text in enumerate(texts):
            store.put(namespace, str(n), {"content": text})

    def scores():
        find = store.search if what == "memories" else store.search_journal
        query = {"query": "ferry nine"} if what == "memories" else {}
        given = () if what == "memories" else ("ferry nine",)
        return [(one.key, one.score) for one in find(("m", "a"), *given, **query)]

    write(("m", "a"), texts)
    before = scores()
    assert before
    for other in (("m", "b"), ("m",), ("m", "ab"), ("m", "a b")):
        write(other, ["ferry ferry ferry", "nine", *texts * 3])
        assert scores() == before
    store.forget(("m", "b"))
    assert scores() == before
