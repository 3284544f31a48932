"""Vectors in PostgreSQL: an index for each embedder, and the search for the nearest."""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg.adapt import Buffer, Dumper
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.sql import Literal

from holdfast.stores.plan.effects import Nearest
from holdfast.stores.plan.indexing import Vector
from holdfast.stores.postgres.sql import statements

INDEXED, INDEXED_BY_HALVES = 2_000, 4_000
"""The longest vectors that pgvector can index, in floats of 4 bytes and of 2."""

SMALL = 2_000
"""Up to how many vectors are compared one by one, which is exact, and faster than an index over
many namespaces of which only one is asked for."""

FEWEST, MOST = 100, 1_000
"""How many candidates a search in the index holds; pgvector allows no more."""

SETTINGS = {
    # Where few of the nearest are in scope, the index is read on. What comes late and is nearer
    # than what came before is kept: it is put in order here.
    "hnsw.iterative_scan": "relaxed_order",
    # Whoever has to read further than this is sooner done without the index; see `nearest`.
    "hnsw.max_scan_tuples": "20000",
}

Query = Callable[[str, Mapping[str, Any]], Sequence[Mapping[str, Any]]]


def index_name(embedder: str) -> str:
    """Return the name of the index over an embedder's vectors."""
    return f"vectors_near_{hashlib.blake2b(embedder.encode(), digest_size=8).hexdigest()}"


def is_indexed(dims: int) -> bool:
    """Tell whether vectors of this length have an index."""
    return dims <= INDEXED_BY_HALVES


@functools.lru_cache(maxsize=256)
def shaped(name: str, embedder: str, dims: int) -> str:
    """Return a statement about one embedder's vectors."""
    kind = "vector" if dims <= INDEXED else "halfvec"
    parts = {
        "{index}": index_name(embedder),
        "{type}": f"{kind}({dims})",
        "{order}": f"{kind}_ip_ops",
        "{embedder}": Literal(embedder).as_string().replace("%", "%%"),
    }
    text = statements()[name].text
    for part, words in parts.items():
        text = text.replace(part, words)
    return text


def nearest(asked: Nearest, query: Query) -> list[tuple[int, float]]:
    """Return the documents with the nearest vectors, best first, each with its best vector's score.

    Args:
        asked: What is looked for.
        query: Runs a statement, and returns its rows.
    """
    dims = len(asked.vector)
    where = {"embedder": asked.embedder, "sort": asked.sort, "spaces": list(asked.spaces)}
    (scope,) = query(statements()["vectors_in_scope"].text, {**where, "limit": SMALL + 1})
    where["vector"] = asked.vector
    if scope["number"] > SMALL and is_indexed(dims):
        found = _by_index(asked, where, query)
        # An index may end before everything in scope was seen.
        if len(found) >= asked.count:
            return found[: asked.count]
    exactly = shaped("nearest_exactly", asked.embedder, dims)
    return _ranked(query(exactly, {**where, "limit": asked.count}))


def _by_index(asked: Nearest, where: Mapping[str, Any], query: Query) -> list[tuple[int, float]]:
    text = shaped("nearest", asked.embedder, len(asked.vector))
    limit = asked.count
    while True:
        # So many candidates are held at a time: more find the true nearest more often.
        query(statements()["ef_search"].text, {"number": min(max(limit, FEWEST), MOST)})
        rows = query(text, {**where, "limit": limit})
        found = _ranked(rows)
        if len(found) >= asked.count or len(rows) < limit:
            return found
        limit *= 4  # several vectors of one document


def _ranked(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    best: dict[int, float] = {}
    for row in rows:
        id, score = row["document"], row["score"]
        best[id] = max(score, best.get(id, score))
    return sorted(best.items(), key=lambda one: (-one[1], -one[0]))


class VectorDumper(Dumper):
    """Sends a vector as an array of floats, in the form in which the server receives arrays."""

    format = Format.BINARY
    oid = types["float4"].array_oid

    def dump(self, obj: Vector) -> Buffer:
        """Return the head of the array, then each number after its length in bytes."""
        head = struct.pack(">iiIii", 1, 0, types["float4"].oid, len(obj), 1)
        each = [part for number in obj for part in (4, number)]
        return head + struct.pack(f">{'if' * len(obj)}", *each)
