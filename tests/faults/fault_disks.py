"""Processes that meet a disk that is full, or that they may not write to."""

import json
import os
import resource
import threading
from dataclasses import replace
from pathlib import Path

from fault_log import NS, Log
from fault_writers import Planner, do, value_of

from holdfast.errors import StoreError
from holdfast.history import Source
from holdfast.stores.opening import open_store

NOBODY = 65534


def write_until_full(orders):
    """Write change sets until no file can grow; go on when there is room again."""
    planner, log = Planner(orders.name, orders.seed), Log(orders.log)
    refused = []
    with orders.open() as store:
        for _ in range(5):
            do(store, log, planner.heavy(store))
        _let_files_have(_largest(orders) + 40_000)
        for _ in range(20):
            step = planner.many(30)
            try:
                do(store, log, step)
            except StoreError as error:
                log.done(step, conflict=True)
                refused.append([type(error).__name__, str(error)])
                assert len(store.search(NS, query="harbour", limit=3)) == 3
        _let_files_have(resource.RLIM_INFINITY)
        do(store, log, planner.many(30))
    _tell(orders, refused)


def forget_while_full(orders):
    """Erase where there is room for that, but not for a file written anew."""
    planner, log = Planner(orders.name, orders.seed), Log(orders.log)
    with orders.open() as store:
        for _ in range(20):
            do(store, log, planner.many(50))
        secret = planner.secret()
        do(store, log, secret)
    with orders.open() as store:
        _let_files_have(_largest(orders) // 2)
        log.begin(replace(secret, forget="thread"))
        erased = store.forget(NS, source=Source("thread", secret.run))
        log.done(secret)
        _tell(orders, erased.to_dict())


def _largest(orders):
    return max(file.stat().st_size for file in orders.folder.glob("x.db*"))


def _let_files_have(size):
    """Let no file of this process grow beyond a size, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def use_what_may_not_be_written(orders, folder):
    """Read and write stores as somebody who may not write to them; root may do anything."""
    open_store(":memory:").close()  # everything is imported: somebody else might not be able to
    log = os.open(orders.folder / "told", os.O_WRONLY | os.O_CREAT)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    told = {}
    for path in sorted(Path(folder).glob("*/x.db")):
        told[path.parent.name] = _tried(path)
    told["new"] = _tried(Path(folder) / "no-file" / "new.db")
    os.write(log, json.dumps(told).encode())


def _tried(path):
    told = []
    try:
        with open_store(path) as store:
            told.append([item.key for item in store.search(NS, query="tea")])
            store.put(NS, "ferry", value_of("ferry"))
    except StoreError as error:
        told.append([type(error).__name__, str(error)])
    return told


def move_and_read(orders, folder):
    """Open a store by a relative path, go elsewhere, and read in many threads at once."""
    os.chdir(orders.folder)
    with open_store("x.db") as store:
        store.put(NS, "tea", value_of("tea"))
        os.chdir(folder)
        seen = []
        together = threading.Barrier(8)

        def read():
            together.wait()
            seen.extend(bool(store.get(NS, "tea")) for _ in range(50))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [True] * 400
        assert os.listdir(folder) == []


def _tell(orders, what):
    (orders.folder / "told").write_text(json.dumps(what), encoding="utf-8")
