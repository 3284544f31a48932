"""Vectors made later: for what was stored without, or with those of another embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from holdfast.stores.plan.documents import read_value
from holdfast.stores.plan.effects import Draw, Plan, Row, Sql, SqlMany
from holdfast.stores.plan.indexing import Indexing, Vector, read_fields
from holdfast.stores.plan.journal import entry_of, message_text
from holdfast.stores.plan.spaces import spaces_below

BATCH = 128
"""How many documents are embedded before they are written."""


class Waiting(NamedTuple):
    """A document without a vector of the embedder.

    Args:
        id: Its number.
        key: Its key.
        space: Its space.
        sort: `memory` or `message`.
        generation: The revision that last changed it.
        texts: What of it is indexed.
    """

    id: int
    key: str
    space: int
    sort: str
    generation: int
    texts: tuple[str, ...]


def count(namespace: Sequence[str], embedder: str) -> Plan[int]:
    """Return how many documents have no vector of an embedder."""
    spaces = yield from spaces_below(namespace)
    (row,) = yield Sql("count_pending", {"spaces": list(spaces), "embedder": embedder})
    return int(row["pending"])


def pending(
    namespace: Sequence[str], embedder: str, after: int, indexing: Indexing
) -> Plan[list[Waiting]]:
    """Return the next documents that have no vector of an embedder."""
    spaces = yield from spaces_below(namespace)
    where = {"spaces": list(spaces), "embedder": embedder, "after": after, "limit": BATCH}
    rows = yield Sql("pending", where)
    messages = [row["id"] for row in rows if row["sort"] == "message"]
    told = yield Sql("messages_by_id", {"ids": messages})
    spoken = {row["id"]: message_text(entry_of(row).message) for row in told}
    return [_waiting(row, spoken, indexing) for row in rows]


def _waiting(row: Row, spoken: Mapping[int, str], indexing: Indexing) -> Waiting:
    if row["sort"] == "message":
        texts = [spoken[row["id"]]]
    else:
        texts = indexing.texts(read_value(row["value"]) or {}, read_fields(row["fields"]))
    place = (row["id"], row["key"], row["space"], row["sort"], row["generation"])
    return Waiting(*place, tuple(texts))


def fill(waiting: Sequence[Waiting], vectors: Mapping[str, Vector], embedder: str) -> Plan[None]:
    """Write the vectors of documents that were not changed meanwhile."""
    (revision,) = yield Draw(1)
    spaces: set[int] = set()
    for one in waiting:
        where = {"id": one.id, "embedder": embedder, "revision": revision}
        if not (yield Sql("has_embedder", {**where, "generation": one.generation})):
            continue
        yield Sql("drop_vectors", {"id": one.id})
        yield SqlMany(
            "put_vector",
            [
                {
                    "document": one.id,
                    "part": part,
                    "embedder": embedder,
                    "space": one.space,
                    "sort": one.sort,
                    "vector": vectors[text],
                }
                for part, text in enumerate(one.texts)
            ],
        )
        spaces.add(one.space)
    yield SqlMany(
        "raise_generation", [{"space": id, "revision": revision} for id in sorted(spaces)]
    )
