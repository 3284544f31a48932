"""Vectors of a space as one matrix in memory, so that a search is one product."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.stores.plan.effects import Nearest, Sql
from holdfast.stores.recent import Recent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEGABYTE = 1 << 20


class Matrix:
    """The vectors of one space, one sort and one embedder, up to a generation.

    A change leaves the old rows in place, marked as dead, until half of them are.
    """

    def __init__(self) -> None:
        import numpy as np

        self.lock = threading.Lock()
        self.generation = -1
        self._used = 0
        self._alive = 0
        self._ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self._rows: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return int(self._rows.nbytes + self._ids.nbytes)

    def refresh(
        self,
        generation: int,
        changed: Iterable[int],
        vectors: Sequence[tuple[int, bytes]],
    ) -> None:
        """Take over what changed up to a generation.

        Args:
            generation: Of the space, as the reading transaction saw it.
            changed: Documents whose old vectors are no longer so.
            vectors: New ones, by document.
        """
        import numpy as np

        gone = np.fromiter(changed, np.int64)
        if gone.size and self._used:
            dead = np.isin(self._ids[: self._used], gone)
            self._ids[: self._used][dead] = -1
            self._alive -= int(dead.sum())
        if vectors:
            self._append(vectors)
        if self._alive < self._used // 2:
            self._compact()
        self.generation = generation

    def _append(self, vectors: Sequence[tuple[int, bytes]]) -> None:
        import numpy as np

        data = b"".join(vector for _, vector in vectors)
        fresh = np.frombuffer(data, np.float32).reshape(len(vectors), -1)
        needed = self._used + len(vectors)
        if needed > len(self._ids):
            room = max(needed, len(self._ids) * 3 // 2)
            rows = np.zeros((room, fresh.shape[1]), np.float32)
            ids = np.full(room, -1, np.int64)
            rows[: self._used] = self._rows[: self._used] if self._used else 0
            ids[: self._used] = self._ids[: self._used]
            self._rows, self._ids = rows, ids
        self._rows[self._used : needed] = fresh
        self._ids[self._used : needed] = [document for document, _ in vectors]
        self._used, self._alive = needed, self._alive + len(vectors)

    def _compact(self) -> None:
        keep = self._ids[: self._used] >= 0
        self._rows = self._rows[: self._used][keep].copy()
        self._ids = self._ids[: self._used][keep].copy()
        self._used = self._alive = len(self._ids)

    def view(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return ids and vectors as they are now; a later refresh only marks some as dead."""
        return self._ids[: self._used], self._rows[: self._used]


def _nearest(
    ids: NDArray[np.int64],
    rows: NDArray[np.float32],
    vector: NDArray[np.float32],
    count: int,
) -> list[tuple[int, float]]:
    """Return the nearest documents and their cosines, best first, each once."""
    import numpy as np

    used = len(ids)
    if not used:
        return []
    # Row by row: a product of matrices runs in as many threads as there are cores, each of which
    # waits for the others, and where several search at once that takes ten times as long.
    scores = np.where(ids >= 0, np.einsum("ij,j->i", rows, vector), -np.inf)
    take = min(used, count)
    while True:
        # With all that are as near as the last, since every page must agree on their order.
        least = np.partition(scores, used - take)[used - take]
        near = scores >= least
        best = _ranked(ids[near], scores[near])
        if len(best) >= count or take >= used:
            return best[:count]
        take = min(used, take * 2)  # several vectors of one document, or dead rows


def _ranked(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> list[tuple[int, float]]:
    """Return each document with its best score, best first, ties by id."""
    import numpy as np

    order = np.lexsort((-ids, -scores))
    best: dict[int, float] = {}
    for id, score in zip(ids[order].tolist(), scores[order].tolist(), strict=True):
        if id >= 0:
            best.setdefault(id, score)
    return list(best.items())


class Matrices:
    """The matrices that were used last, within a bound of memory.

    Args:
        most: How many bytes they may take together.
    """

    def __init__(self, most: int) -> None:
        self._kept: Recent[tuple[int, str, str], Matrix] = Recent(
            Matrix, lambda matrix: matrix.size, most
        )

    def search(
        self, asked: Nearest
    ) -> Generator[Sql, Sequence[Mapping[str, Any]], list[tuple[int, float]]]:
        """Return the nearest documents of all spaces; yields what must be read for that."""
        import numpy as np

        vector = np.asarray(asked.vector, np.float32)
        rows = yield Sql("generations", {"spaces": list(asked.spaces)})
        found: list[tuple[int, float]] = []
        grown = False
        for row in rows:
            matrix = self._kept.get((row["id"], asked.sort, asked.embedder))
            with matrix.lock:
                if row["generation"] > matrix.generation:
                    yield from _load(matrix, asked, row)
                    grown = True
                ids, vectors = matrix.view()
            found += _nearest(ids, vectors, vector, asked.count)
        if grown:
            self._kept.bound()
        return sorted(found, key=lambda one: (-one[1], -one[0]))[: asked.count]

    def clear(self) -> None:
        """Let go of all."""
        self._kept.clear()


def _load(
    matrix: Matrix, asked: Nearest, space: Mapping[str, Any]
) -> Generator[Sql, Sequence[Mapping[str, Any]], None]:
    where = {
        "space": space["id"],
        "generation": matrix.generation,
        "sort": asked.sort,
        "embedder": asked.embedder,
    }
    changed: Sequence[Mapping[str, Any]] = ()
    if matrix.generation >= 0:
        changed = yield Sql("changed_documents", where)
    vectors = yield Sql("new_vectors", where)
    matrix.refresh(
        space["generation"],
        [row["id"] for row in changed],
        [(row["document"], row["vector"]) for row in vectors],
    )
