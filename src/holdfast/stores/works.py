"""What each call of a store comes to: texts embedded first, then transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from langgraph.store.base import (
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    validate_op_namespace,
)

from holdfast import operations
from holdfast.errors import (
    ConfigurationError,
    EmbedderFailed,
    InputError,
    StoreError,
    StoreUnreadable,
    shown,
)
from holdfast.history import Erasure, Finding, Found
from holdfast.memory import Receipt
from holdfast.stores.filters import check_filter
from holdfast.stores.noting import Notes
from holdfast.stores.plan import (
    erasing,
    examining,
    recalling,
    recalls,
    reindexing,
    restoring,
    reverting,
)
from holdfast.stores.plan.checking import check_listing, check_op, check_page
from holdfast.stores.plan.committing import Ready, commit, prepare, prepare_put
from holdfast.stores.plan.effects import (
    EmbedQuery,
    EmbedTexts,
    Examine,
    Plan,
    Scrub,
    Sql,
    SqlMany,
    Transaction,
    Work,
)
from holdfast.stores.plan.erasing import SCRUB
from holdfast.stores.plan.indexing import Indexing, Vector
from holdfast.stores.plan.reading import Read, Refresh, get, list_namespaces, search
from holdfast.stores.plan.single import PLANS, WRITING
from holdfast.stores.plan.spaces import now_text
from holdfast.stores.plan.values import check_labels, check_namespace, check_place
from holdfast.stores.plan.writing import Prepared, Written, expiry, last_of_each, write_all

SWEEP_MINUTES = 5
GIVEN_UP = 3
"""After how many texts, none of which it could embed, an embedder is tried with a harmless one."""

HARMLESS = "a"

SWEPT = 500
"""How many expired memories are erased in one transaction."""

TRIES = 5
"""How often a revert is made again when somebody else writes meanwhile."""

log = logging.getLogger("holdfast")


# LangGraph's operations


def listed(ops: Any) -> list[Op]:
    """Return the operations of a batch; what they are is checked later."""
    if not isinstance(ops, Iterable):
        raise InputError(f"batch takes a list of operations, got {shown(ops)}.")
    return list(ops)


def items(ops: Sequence[Op], indexing: Indexing) -> Work[list[Result]]:
    """Run LangGraph's operations in one transaction."""
    writes = last_of_each(_checked(ops, indexing))
    vectors = yield from _vectors([text for write in writes for text in write.texts], indexing)
    if vectors is not None:
        for write in writes:
            write.vectors = [vectors[text] for text in write.texts]
    queries = [op.query for op in ops if isinstance(op, SearchOp) and op.query]
    asked = yield from _questions(queries, indexing)
    plan = partial(_items, ops, writes, asked, indexing.fingerprint)
    single = len(ops) == 1 and isinstance(ops[0], GetOp)
    reads = yield Transaction(plan, writes=bool(writes), single=single)
    refreshed = [one for read in reads for one in read.refreshed]
    if refreshed:
        yield Transaction(partial(_refresh, refreshed), writes=True)
    return [read.result for read in reads]


def _checked(ops: Sequence[Op], indexing: Indexing) -> list[Prepared]:
    """Check every operation before anything is written; return the writes."""
    writes: list[Prepared] = []
    for op in ops:
        if isinstance(op, GetOp | PutOp | SearchOp):
            named = op.namespace_prefix if isinstance(op, SearchOp) else op.namespace
            if not isinstance(named, tuple | list):
                check_labels(named)  # LangGraph would take the letters of a text for labels
        validate_op_namespace(op)
        if isinstance(op, PutOp):
            writes.append(prepare_put(op, indexing))
        elif isinstance(op, GetOp):
            check_place(op.namespace, op.key)
        elif isinstance(op, SearchOp):
            check_filter(op.filter)
            check_page(op.limit, op.offset)
            if op.query is not None and not isinstance(op.query, str):
                raise InputError(f"query must be a text, got {shown(op.query)}.")
            check_labels(op.namespace_prefix)
        elif isinstance(op, ListNamespacesOp):
            check_page(op.limit, op.offset)
            check_listing(op)
        else:
            raise InputError(f"{shown(op)} is not an operation of a store.")
    return writes


def _items(
    ops: Sequence[Op], writes: Sequence[Prepared], asked: dict[str, Vector], embedder: str | None
) -> Plan[list[Read]]:
    reads: list[Read] = []
    for op in ops:
        if isinstance(op, GetOp):
            reads.append((yield from get(op)))
        elif isinstance(op, SearchOp):
            reads.append((yield from search(op, asked.get(op.query or ""), embedder)))
        elif isinstance(op, ListNamespacesOp):
            reads.append((yield from list_namespaces(op)))
        else:
            reads.append(Read(None))
    if writes:
        yield from write_all(writes, embedder)
    return reads


def _refresh(items: Sequence[Refresh]) -> Plan[None]:
    now = now_text()
    yield SqlMany("refresh", [{"id": id, "expires_at": expiry(now, ttl)} for id, ttl in items])


def _vectors(texts: Sequence[str], indexing: Indexing) -> Work[dict[str, Vector] | None]:
    """Embed texts, each once; None where that is still to be done."""
    if indexing.embedder is None:
        return None
    if not texts:
        return {}
    try:
        return cast("dict[str, Vector]", (yield EmbedTexts(tuple(dict.fromkeys(texts)))))
    except EmbedderFailed as error:
        log.warning("Stored without vectors, until reindex() makes them: %s", error)
        return None


def _questions(queries: Sequence[str], indexing: Indexing) -> Work[dict[str, Vector]]:
    found: dict[str, Vector] = {}
    if indexing.embedder is None:
        return found
    for query in dict.fromkeys(queries):
        try:
            found[query] = yield EmbedQuery(query)
        except EmbedderFailed as error:
            log.warning("Searched by words alone, since the embedder failed: %s", error)
    return found


# The ledger's operations


def work(op: operations.LedgerOp[Any], indexing: Indexing, default_ttl: float | None) -> Work[Any]:
    """Return what an operation of the ledger comes to."""
    if not isinstance(op, operations.LedgerOp):
        raise InputError(f"perform takes an operation of a ledger, got {shown(op)}.")
    if isinstance(op, operations.Commit):
        return _commit(prepare(op.changes, indexing, default_ttl), indexing)
    check_namespace(op.namespace, root=True)
    check_op(op)
    if type(op) in _WORKS:
        return _WORKS[type(op)](op, indexing)
    if type(op) not in PLANS:
        raise InputError(f"{shown(op)} is not an operation that a ledger knows.")
    return _read(op)


_COUNTED = (
    *(operations.Commit, operations.Records, operations.RecalledIn, operations.Export),
    *(operations.Forget, operations.Doctor),
)
"""Operations before which everything that was recalled is written down."""


def with_notes(
    op: operations.LedgerOp[Any], notes: Notes, indexing: Indexing, default_ttl: float | None
) -> Work[Any]:
    """Return what an operation comes to, with what was recalled before it.

    Args:
        op: The operation.
        notes: What was recalled and still waits.
        indexing: How it is indexed.
        default_ttl: Minutes that a memory lives.
    """
    asked = work(op, indexing, default_ttl)
    if isinstance(op, operations.NoteRecall):
        return noted(notes.add(op))
    if isinstance(op, _COUNTED):
        return _after(notes.take(), asked)
    return asked


def _after(waiting: Sequence[operations.NoteRecall], asked: Work[Any]) -> Work[Any]:
    yield from noted(waiting)
    return (yield from asked)


def noted(waiting: Sequence[operations.NoteRecall]) -> Work[None]:
    """Write down what was recalled.

    Whoever only reads is not to fail over it: where the store cannot be written to, it is not
    counted.
    """
    if not waiting:
        return
    try:
        yield Transaction(partial(recalls.note, waiting), writes=True)
    except StoreError as error:
        log.warning("%d recalls are not counted: %s", len(waiting), error)


def _read(op: operations.LedgerOp[Any]) -> Work[Any]:
    plan = partial(PLANS[type(op)], op)
    return (yield Transaction(plan, writes=isinstance(op, WRITING)))


def _rank(op: operations.Rank, indexing: Indexing) -> Work[list[Found]]:
    vector = None
    if indexing.embedder is not None:
        names = yield Transaction(partial(recalling.speakers, op), writes=False)
        asked = recalling.masked(op.question, names)
        vector = (yield from _questions([asked], indexing)).get(asked)
    plan = partial(recalling.recall, op, vector, indexing)
    return cast("list[Found]", (yield Transaction(plan, writes=False)))


def _commit(ready: Ready, indexing: Indexing) -> Work[Receipt]:
    vectors = yield from _vectors(ready.texts(), indexing)
    if vectors is not None:
        ready.embedded(vectors)
    plan = partial(commit, ready, indexing.fingerprint)
    return cast("Receipt", (yield Transaction(plan, writes=True)))


def _revert(op: operations.Revert, indexing: Indexing) -> Work[Receipt]:
    for _ in range(TRIES):
        undoing = yield Transaction(partial(reverting.revert, op, indexing), writes=False)
        writes = undoing.writes
        vectors = yield from _vectors([t for write in writes for t in write.texts], indexing)
        for write in writes:
            write.vectors = None if vectors is None else [vectors[t] for t in write.texts]
        written = Written(None, [])
        if writes:
            plan = partial(write_all, writes, indexing.fingerprint)
            written = yield Transaction(plan, writes=True)
        if written.revision is not None or not writes:
            break
    return reverting.told(op, undoing, written)


def _forget(op: operations.Forget, indexing: Indexing) -> Work[Erasure]:
    check_filter(op.filter)
    if op.filter is not None and not op.filter:
        raise InputError("An empty filter would forget every memory; leave it out to mean that.")
    erased = yield Transaction(partial(erasing.forget, op, indexing), writes=True)
    if (yield Transaction(partial(setting, SCRUB), writes=False)) is None:
        return cast("Erasure", erased)
    reason = yield Scrub()
    if reason is None:
        return cast("Erasure", erased)
    counts = (erased.memories, erased.restored, erased.versions, erased.messages)
    return Erasure(*counts, complete=False, reason=reason)


def _reindex(op: operations.Reindex, indexing: Indexing) -> Work[int]:
    embedder = indexing.fingerprint
    if embedder is None:
        raise ConfigurationError(
            "This store has no embedder; open it with index={'embed': ..., 'dims': ...} to reindex."
        )
    done, after = 0, 0
    refused: dict[str, EmbedderFailed] = {}
    total = yield Transaction(partial(reindexing.count, op.namespace, embedder), writes=False)
    while True:
        plan = partial(reindexing.pending, op.namespace, embedder, after, indexing)
        waiting = yield Transaction(plan, writes=False)
        if not waiting:
            break
        after = waiting[-1].id
        ready, vectors = yield from _embedded(waiting, refused)
        yield Transaction(partial(reindexing.fill, ready, vectors, embedder), writes=True)
        done += len(ready)
        if op.progress is not None:
            op.progress(done, max(total, done))
    if refused:
        key, error = next(iter(refused.items()))
        raise EmbedderFailed(
            f"{done} were embedded, {len(refused)} could not be, among them {key!r}: {error} They "
            "are found by their words; shorten or delete them, or mend the embedder, and try again."
        ) from error
    return done


def _embedded(
    waiting: Sequence[reindexing.Waiting], refused: dict[str, EmbedderFailed]
) -> Work[tuple[Sequence[reindexing.Waiting], dict[str, Vector]]]:
    """Embed what waits; where that fails, one by one, so that one text stops no others.

    Args:
        waiting: What waits.
        refused: Takes what the embedder cannot do, by key.

    Raises:
        EmbedderFailed: The embedder is out of order: it cannot do a harmless text either.
    """
    texts = dict.fromkeys(text for one in waiting for text in one.texts)
    try:
        return waiting, (yield EmbedTexts(tuple(texts))) if texts else {}
    except EmbedderFailed as error:
        log.warning("Embedding one by one, since the embedder failed: %s", error)
    vectors: dict[str, Vector] = {}
    ready: list[reindexing.Waiting] = []
    for number, one in enumerate(waiting):
        try:
            vectors |= yield EmbedTexts(one.texts)
            ready.append(one)
        except EmbedderFailed as error:
            refused[one.key] = error
            if not ready and number == GIVEN_UP - 1:
                yield EmbedTexts((HARMLESS,))
    return ready, vectors


def _doctor(op: operations.Doctor, indexing: Indexing) -> Work[list[Finding]]:
    told = yield Examine()
    found = [Finding("database", (), None, detail) for detail in told]
    try:
        found += yield Transaction(partial(examining.examine, op, indexing), writes=False)
    except StoreUnreadable as error:
        found.append(Finding("database", (), None, str(error)))
    return found


def _import(op: operations.Import, indexing: Indexing) -> Work[int]:
    return cast("int", (yield Transaction(partial(restoring.restore, op, indexing), writes=True)))


def sweep() -> Work[int]:
    """Erase what has expired."""
    done = 0
    while True:
        number: int = yield Transaction(partial(erasing.sweep, SWEPT), writes=True)
        done += number
        if number < SWEPT:
            return done


def setting(name: str) -> Plan[str | None]:
    """Return a setting of the database."""
    rows = yield Sql("setting", {"name": name})
    return rows[0]["value"] if rows else None


def _note(op: operations.NoteRecall, indexing: Indexing) -> Work[None]:
    return noted([op])


_WORKS: dict[type, Callable[[Any, Indexing], Work[Any]]] = {
    operations.Rank: _rank,
    operations.NoteRecall: _note,
    operations.Revert: _revert,
    operations.Forget: _forget,
    operations.Reindex: _reindex,
    operations.Doctor: _doctor,
    operations.Import: _import,
}
"""What operations come to that are more than one plan in one transaction."""
