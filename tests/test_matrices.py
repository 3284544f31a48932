"""Vectors in SQLite: found as they are now, whoever wrote them, within a bound of memory."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from langgraph.store.base import PutOp

from holdfast import open_store
from holdfast.stores.sqlite.store import SqliteStore

DIMS = 64
NS = ("m",)


def embed(texts):
    """Return a direction of its own for each text, the same in every process."""
    found = []
    for text in texts:
        rng = np.random.default_rng(int.from_bytes(text.encode()[:8].ljust(8), "little"))
        found.append(rng.normal(size=DIMS).tolist())
    return found


INDEX = {"embed": embed, "dims": DIMS, "fields": ["text"]}


def nearest(store, text, limit=1, prefix=NS):
    return [item.key for item in store.search(prefix, query=text, limit=limit)]


def test_what_another_store_on_the_file_wrote_is_found_at_once(tmp_path):
    with (
        open_store(tmp_path / "x.db", index=INDEX) as one,
        SqliteStore(tmp_path / "x.db", index=INDEX) as other,
    ):
        one.put(NS, "a", {"text": "alpha"})
        assert nearest(other, "alpha") == ["a"]
        one.put(NS, "b", {"text": "beta"})
        assert nearest(other, "beta") == ["b"]
        one.put(NS, "b", {"text": "gamma"})
        assert nearest(other, "gamma") == ["b"]
        found = {item.key: item.score for item in other.search(NS, query="beta")}
        assert found["b"] < 0.9
        one.delete(NS, "b")
        assert nearest(other, "gamma", limit=5) == ["a"]
        one.put(NS, "a", {"text": "alpha"}, index=False)
        assert nearest(other, "alpha") == []


def test_an_item_of_many_vectors_takes_one_place_with_its_best(tmp_path):
    index = {**INDEX, "fields": ["texts[*]"]}
    with open_store(":memory:", index=index) as store:
        store.put(NS, "many", {"texts": [f"part {n}" for n in range(40)]})
        for n in range(5):
            store.put(NS, f"one{n}", {"texts": [f"other {n}"]})
        found = store.search(NS, query="part 7", limit=6)
        assert len({item.key for item in found}) == len(found) == 6
        assert (found[0].key, round(found[0].score, 4)) == ("many", 1.0)


def test_a_prefix_is_searched_over_all_its_namespaces_and_memory_stays_bounded(tmp_path):
    with SqliteStore(tmp_path / "x.db", index=INDEX, vector_cache_mb=1) as store:
        for space in range(30):
            store.batch(
                [PutOp(("m", f"s{space}"), str(n), {"text": f"{space} {n}"}) for n in range(200)]
            )
        for space in range(30):
            (found,) = store.search(NS, query=f"{space} 77", limit=1)
            assert (found.namespace, found.key) == (("m", f"s{space}"), "77")
        kept = list(store._matrices._kept.values())
        assert sum(matrix.size for matrix in kept) <= 1 << 20
        assert nearest(store, "12 3", prefix=("m", "s12")) == ["3"]


def test_searches_of_many_threads_meet_writes_without_harm(tmp_path):
    with open_store(tmp_path / "x.db", index=INDEX) as store:
        store.batch([PutOp(NS, f"k{n}", {"text": f"text {n}"}) for n in range(100)])
        wrong = []

        def search():
            for n in range(100):
                if nearest(store, f"text {n}") != [f"k{n}"]:
                    wrong.append(n)

        threads = [threading.Thread(target=search) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(60):
            store.put(NS, f"new{n}", {"text": f"new {n}"})
            if n % 3 == 0:
                store.delete(NS, f"new{n}")
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(store.search(NS, limit=1_000)) == 140


@pytest.mark.parametrize("module", ["numpy", "psycopg", "onnxruntime", "fastembed"])
def test_importing_the_stores_loads_nothing_heavy(module):
    code = (
        "import sys, holdfast.stores; s = holdfast.stores.open_store(':memory:');"
        "s.put(('a',), 'k', {'text': 'tea'}); s.search(('a',), query='tea'); s.close();"
        f"print({module!r} in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
