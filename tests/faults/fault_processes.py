"""Processes on one store: told what to use, started, and waited for."""

import hashlib
import multiprocessing
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.stores.opening import open_store

DIMS = 32

processes = multiprocessing.get_context("forkserver")
# What takes long to import; no process then waits for it.
processes.set_forkserver_preload(
    [
        "jsonpatch",
        "langchain_core.embeddings",
        "numpy",
        "holdfast.embed",
        "holdfast.jobs",
        "holdfast.managers.executor",
        "holdfast.stores.postgres.database",
        "holdfast.stores.postgres.store",
        "holdfast.stores.sqlite.store",
        "holdfast.testing",
    ]
)


def embed(texts):
    """Return a vector for each text, the same for a text and its mirror image.

    So a memory is found by its vector alone where it is asked for by its mirror image, which has
    no word of it.
    """
    return [_vector(min(text, text[::-1])) for text in texts]


def _vector(text):
    digest = hashlib.shake_128(text.encode()).digest(2 * DIMS)
    return [int.from_bytes(digest[i : i + 2]) / 32768 - 1 for i in range(0, 2 * DIMS, 2)]


INDEX = {"embed": embed, "dims": DIMS}


@dataclass(frozen=True)
class Orders:
    """What one process is told: which store, how to open it, who it is, where its files are."""

    url: str
    folder: Path
    name: str
    seed: int
    index: bool = False
    settings: dict = field(default_factory=dict)

    @property
    def log(self):
        return self.folder / f"{self.name}.log"

    @property
    def error(self):
        return self.folder / f"{self.name}.error"

    @property
    def stop(self):
        return self.folder / "stop"

    def open(self):
        """Open the store."""
        return open_store(self.url, index=INDEX if self.index else None, **self.settings)


def start(task, orders, *more):
    """Start a process; what it raises is in its file of errors."""
    process = processes.Process(target=_run, args=(task, orders, *more), name=orders.name)
    process.start()
    return process


def _run(task, orders, *more):
    try:
        task(orders, *more)
    except BaseException:
        orders.error.write_text(traceback.format_exc(), encoding="utf-8")
        raise


def run(task, orders, *more):
    """Run a process to its end, which must be a good one."""
    wait_for([start(task, orders, *more)], orders.folder)


def wait_for(started, folder):
    """Wait until all have ended, which must be well."""
    for process in started:
        process.join(600)
    see_no_error(folder)
    assert [process.exitcode for process in started] == [0] * len(started)


def see_no_error(folder):
    """See that no process has raised anything yet."""
    errors = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.error"))]
    assert not errors, errors[0]
