"""Threads, event loops, and the async twin of every method."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langgraph.store.base import BaseStore, GetOp, PutOp, SearchOp

from holdfast.testing.store_conformance.suite import NS, Suite, held, keys

THREADS = 8
SLOWEST_BEAT = 0.05
"""Seconds between two beats of a free loop, on the average, also on a busy machine."""
LET_PASS = 0.5
"""Seconds without a beat that are forgiven: work in memory that is over so soon needs no thread."""


class Concurrency(Suite):
    """Threads and event loops"""

    def test_eight_threads(self, store: BaseStore) -> None:
        """8 threads put, get, search, list and delete at once."""
        start = threading.Barrier(THREADS)

        def work(name: int) -> None:
            start.wait()
            for number in range(40):
                namespace = (*NS, f"n{name}-{number}")
                store.put(namespace, "k", {"n": number})
                store.put(namespace, "gone", {"n": number})
                assert held(store.get(namespace, "k")) == {"n": number}
                store.delete(namespace, "gone")
                assert store.search(NS, filter={"n": number}, limit=1_000)
                assert store.list_namespaces(limit=1_000)

        with ThreadPoolExecutor(THREADS) as threads:
            for done in [threads.submit(work, name) for name in range(THREADS)]:
                done.result()
        assert len(store.search(NS, limit=1_000)) == THREADS * 40

    def test_async_methods(self, store: BaseStore) -> None:
        """Every async method does what its sync twin does."""

        async def scenario() -> dict[str, Any]:
            await store.aput(NS, "a", {"n": 1})
            await store.aput(NS, "b", {"n": 2})
            await store.aput((*NS, "below"), "c", {"n": 3})
            await store.adelete(NS, "b")
            await store.abatch([PutOp(NS, "d", {"n": 4}), PutOp(NS, "a", {"n": 5})])
            return {
                "get": held(await store.aget(NS, "a")),
                "gone": await store.aget(NS, "b"),
                "search": sorted(keys(await store.asearch(NS))),
                "filter": keys(await store.asearch(NS, filter={"n": {"$gte": 5}})),
                "page": len(await store.asearch(NS, limit=2, offset=2)),
                "list": sorted(await store.alist_namespaces(prefix=("suite",))),
                "depth": await store.alist_namespaces(max_depth=1),
                "batch": [held(item) for item in await store.abatch([GetOp(NS, "d")])],  # type: ignore[arg-type]
            }

        expected = {
            "get": {"n": 5},
            "gone": None,
            "search": ["a", "c", "d"],
            "filter": ["a"],
            "page": 1,
            "list": [NS, (*NS, "below")],
            "depth": [NS[:1]],
            "batch": [{"n": 4}],
        }
        assert self.run(scenario()) == expected

    def test_awaited_batches(self, store: BaseStore) -> None:
        """An awaited batch may be empty, or any iterable; of its puts the last wins."""
        assert self.run(store.abatch([])) == []
        puts = (PutOp(NS, "k", {"n": number}) for number in range(3))
        assert self.run(store.abatch(puts)) == [None, None, None]
        assert held(store.get(NS, "k")) == {"n": 2}

    def test_many_awaited_at_once(self, store: BaseStore) -> None:
        """100 writes and reads awaited at once all end, each with its own result."""

        async def scenario() -> list[Any]:
            await asyncio.gather(*(store.aput(NS, str(n), {"n": n}) for n in range(100)))
            return await asyncio.gather(*(store.aget(NS, str(n)) for n in range(100)))

        assert [held(item) for item in self.run(scenario())] == [{"n": n} for n in range(100)]

    def test_operations_of_one_tick(self, store: BaseStore) -> None:
        """A put and reads started in one tick all end; what was awaited is then there."""

        async def scenario() -> Any:
            await asyncio.gather(
                store.aput(NS, "k", {"n": 1}),
                store.aget(NS, "k"),
                store.asearch(NS),
                store.adelete(NS, "other"),
            )
            return await store.aget(NS, "k")

        assert held(self.run(scenario())) == {"n": 1}

    def test_async_methods_do_not_block_the_loop(self, store: BaseStore) -> None:
        """Async methods do not block the loop (half a second of 5,000 puts is let pass)."""
        ops = [PutOp(NS, str(n), {"n": n, "text": f"some words {n}"}) for n in range(5_000)]

        async def scenario() -> None:
            await store.abatch(ops)
            await store.abatch([SearchOp(NS, filter={"n": {"$gte": 0}}, limit=5_000)])

        took, beats = self.run(_heartbeats(scenario))
        assert beats >= (took - LET_PASS) / SLOWEST_BEAT

    def test_sync_methods_work_inside_a_loop(self, store: BaseStore) -> None:
        """Sync methods work inside a running loop, too."""

        async def scenario() -> Any:
            store.put(NS, "k", {"n": 1})
            return store.get(NS, "k")

        assert held(self.run(scenario())) == {"n": 1}

    def test_several_loops_share_a_store(self, store: BaseStore) -> None:
        """A store may be awaited from several loops."""
        self.run(store.aput(NS, "k", {"n": 1}))

        def in_another_loop() -> Any:
            async def read() -> Any:
                return await store.aget(NS, "k")

            return asyncio.run(read())

        with ThreadPoolExecutor(1) as threads:
            assert held(threads.submit(in_another_loop).result(timeout=30)) == {"n": 1}


async def _heartbeats(work: Callable[[], Coroutine[Any, Any, None]]) -> tuple[float, int]:
    """Run work beside a heartbeat; return how long it took, and how often the heart beat."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.002)
            beats += 1

    beating = asyncio.create_task(beat())
    start = time.perf_counter()
    try:
        await work()
    finally:
        beating.cancel()
    return time.perf_counter() - start, beats
