"""What is timed, and how: operations, turns of calls, and the stores in turn."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from langgraph.store.base import BaseStore, PutOp, SearchItem
from store_data import LIMIT, Corpus, Question, SyntheticEmbedder, seed
from store_entries import Entry

BUDGET = 0.4
"""Seconds that one turn aims at; what is slow is called less often, but at least `LEAST` times."""

LEAST, MOST = 3, 60
"""Calls of one thread in one turn."""

QUESTIONS = 60
RECALL_BUDGET = 10.0
"""Seconds after which no further question is asked for recall."""

_WARM = 10_000_000
"""Numbers of the calls that warm up, apart from those that are timed."""


Namespace = tuple[str, ...]


class Written(NamedTuple):
    """A memory as it is put."""

    namespace: Namespace
    key: str
    value: dict[str, Any]


class Bench:
    """One corpus, and what is asked of every store that holds it."""

    def __init__(self, corpus: Corpus, embed: SyntheticEmbedder) -> None:
        self.corpus = corpus
        self.embed = embed
        self.plain = corpus.questions(QUESTIONS, filtered=False)
        self.filtered = corpus.questions(QUESTIONS, filtered=True)

    def prepare(self, calls: Sequence[int]) -> None:
        """Have the vectors of all texts ready that these calls may embed."""
        texts = [one.query for one in (*self.plain, *self.filtered)]
        texts += [self.new(call).value["text"] for call in calls]
        texts += [self.changed(call).value["text"] for call in calls]
        self.embed.prepare(texts)

    # What one call is given

    def new(self, call: int) -> Written:
        """Return a memory that is not there yet."""
        number = self.corpus.size + call
        place = self.corpus.namespace(number)
        return Written(place, f"new-{call}", self.corpus.value(number))

    def changed(self, call: int) -> Written:
        """Return a memory that is there, with other words."""
        number = self._old(call)
        place = self.corpus.namespace(number)
        return Written(place, str(number), self.corpus.value(number, f"{call}"))

    def there(self, call: int) -> tuple[Namespace, str]:
        """Return the namespace and key of a memory that is there."""
        number = self._old(call)
        return self.corpus.namespace(number), str(number)

    def question(self, call: int) -> Question:
        """Return a question to all items of a namespace."""
        return self.plain[call % QUESTIONS]

    def filtered_question(self, call: int) -> Question:
        """Return a question to the items that pass a filter."""
        return self.filtered[call % QUESTIONS]

    def question_after_put(self, call: int) -> tuple[Question, Written]:
        """Return a question, and a memory to put into the namespace that it searches."""
        question = self.question(call)
        return question, self.new(call)._replace(namespace=question.namespace)

    def words(self, call: int) -> tuple[Namespace, str]:
        """Return a namespace, and three words of a memory in it."""
        number = self._old(call)
        words = self.corpus.value(number)["text"].split()[:3]
        return self.corpus.namespace(number), " ".join(words)

    def _old(self, call: int) -> int:
        return seed(f"memory of call {call}") % self.corpus.size


def ask(store: BaseStore, one: Question) -> list[SearchItem]:
    """Ask a question of a store."""
    return store.search(one.namespace, query=one.query, filter=one.filter, limit=LIMIT)


def put(store: BaseStore, one: Written) -> None:
    """Put a memory with its vector."""
    store.put(one.namespace, one.key, one.value)


def put_plain(store: BaseStore, one: Written) -> None:
    """Put a memory without a vector."""
    store.put(one.namespace, one.key, one.value, index=False)


def search_words(store: BaseStore, given: tuple[Namespace, str]) -> list[SearchItem]:
    """Search by words."""
    place, query = given
    return store.search(place, query=query, limit=LIMIT)


@dataclass(frozen=True)
class Operation:
    """One thing that is timed.

    Args:
        name: In the results.
        given: Makes what a call is given; not timed.
        run: One call.
        before: What comes before each call; not timed.
        found: Whether a right result is something, and not None.
        added: Which new memory a call puts, to be taken out again.
        words: Whether it is asked of the store that ranks by words.
        alone: Whether it is timed with one thread only.
    """

    name: str
    given: Callable[[Bench, int], Any]
    run: Callable[[BaseStore, Any], Any]
    before: Callable[[BaseStore, Any], Any] | None = None
    found: bool = False
    added: Callable[[Any], Written] | None = None
    words: bool = False
    alone: bool = False

    def store(self, entry: Entry) -> BaseStore | None:
        """Return the store that it is asked of; None where there is no such store."""
        return entry.by_words if self.words else entry.store


OPERATIONS = (
    Operation("put", Bench.new, put, added=lambda one: one),
    Operation("put over an existing key", Bench.changed, put),
    Operation("put without index", Bench.new, put_plain, added=lambda one: one),
    Operation("get", Bench.there, lambda store, one: store.get(*one), found=True),
    Operation("vector search", Bench.question, ask, found=True),
    Operation("vector search with a filter", Bench.filtered_question, ask),
    Operation(
        "vector search just after a put",
        Bench.question_after_put,
        lambda store, both: ask(store, both[0]),
        before=lambda store, both: put(store, both[1]),
        found=True,
        added=lambda both: both[1],
        alone=True,
    ),
    Operation("word search", Bench.words, search_words, found=True, words=True),
)


@dataclass
class Turn:
    """What one turn of calls took: each call, and the whole by the clock."""

    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


def take_turn(
    bench: Bench, entry: Entry, operation: Operation, calls: Sequence[int], threads: int
) -> Turn:
    """Time some calls, spread over threads; then take out again what they added."""
    store = operation.store(entry)
    assert store is not None
    given = [operation.given(bench, call) for call in calls]
    turn = Turn()
    results: list[Any] = []

    def some(mine: Sequence[Any]) -> None:
        for one in mine:
            if operation.before is not None:
                operation.before(store, one)
            start = time.perf_counter()
            result = operation.run(store, one)
            turn.milliseconds.append(1000 * (time.perf_counter() - start))
            results.append(result)

    if threads == 1:
        some(given)
        turn.seconds = sum(turn.milliseconds) / 1000
    else:
        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            list(pool.map(some, [given[first::threads] for first in range(threads)]))
            turn.seconds = time.perf_counter() - start
    if operation.found and not all(results) and not entry.may_be_short:
        raise SystemExit(f"{entry.title} found nothing in {operation.name!r}.")
    if operation.added is not None:
        added = [operation.added(one) for one in given]
        store.batch([PutOp(one.namespace, one.key, None) for one in added])
    return turn


def warm_up(bench: Bench, entry: Entry, operation: Operation) -> float:
    """Call some times; return the seconds that a call takes by then."""
    taken: list[float] = []
    for call in range(_WARM, _WARM + 12):
        taken.append(take_turn(bench, entry, operation, [call], 1).seconds)
        if sum(taken) > 2 * BUDGET and len(taken) > 1:
            break
    return statistics.median(taken[len(taken) // 2 :])


def calls_in_turn(seconds: float, threads: int) -> int:
    """Return how many calls a turn has, given what one takes; the same share for each thread."""
    count = max(LEAST, min(MOST * threads, round(BUDGET / seconds)))
    return -(-count // threads) * threads


def rounds_of(
    bench: Bench, entries: Sequence[Entry], rounds: int, threads: Sequence[int]
) -> Iterator[tuple[str, int, str, Turn]]:
    """Yield (operation, threads, store, turn): for each operation, one store after the other.

    Each round starts with another store, so that none always comes first.
    """
    bench.prepare(range(_WARM, _WARM + 12))
    pace = {
        (operation.name, entry.title): warm_up(bench, entry, operation)
        for operation in OPERATIONS
        for entry in entries
        if operation.store(entry) is not None
    }
    for number in range(rounds):
        first = number % len(entries)
        order = [*entries[first:], *entries[:first]]
        for operation in OPERATIONS:
            for count in threads:
                if operation.alone and count > 1:
                    continue
                start = seed(f"{number} {operation.name} {count}") % 1000 * 10_000
                bench.prepare(range(start, start + MOST * count))
                for entry in order:
                    if (operation.name, entry.title) not in pace:
                        continue
                    amount = calls_in_turn(pace[operation.name, entry.title], count)
                    calls = range(start, start + amount)
                    turn = take_turn(bench, entry, operation, calls, count)
                    yield operation.name, count, entry.title, turn
        print(f"    round {number + 1} of {rounds}", file=sys.stderr)


@dataclass(frozen=True)
class Recall:
    """How right the answers of a store are.

    Args:
        asked: How many questions.
        recall: The mean share of the nearest ten (or all that pass) that was found.
        short: How many answers had fewer items than the limit, though there were more.
        missing: How many items were missing in them.
    """

    asked: int
    recall: float
    short: int
    missing: int


def recall_of(bench: Bench, entry: Entry, questions: Sequence[Question]) -> Recall:
    """Compare the answers of a store with those found by looking at every item."""
    bench.prepare([])
    shares: list[float] = []
    missing: list[int] = []
    start = time.perf_counter()
    for one in questions:
        if not one.truth:
            continue
        found = {item.key for item in ask(entry.store, one)}
        shares.append(len(found & set(one.truth)) / len(one.truth))
        missing.append(max(0, len(one.truth) - len(found)))
        if time.perf_counter() - start > RECALL_BUDGET:
            break
    short = sum(gap > 0 for gap in missing)
    return Recall(len(shares), round(statistics.mean(shares), 4), short, sum(missing))
