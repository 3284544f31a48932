"""A pytest plugin that puts holdfast's stores in the place of LangGraph's, before collection.

LangGraph's tests open stores by `InMemoryStore(index=...)` and by `from_conn_string`; here each
opens a holdfast store. HOLDFAST_UNDER_TEST names where: ":memory:", or a PostgreSQL server, in
which each store gets a database of its own. EXCLUDED_TESTS is a JSON list of tests to leave out.
Run by benchmarks/langgraph_store_tests.py.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import types
import uuid
from urllib.parse import urlsplit

import langgraph.store.memory
import langgraph.store.sqlite

from holdfast import open_store

SERVER = os.environ["HOLDFAST_UNDER_TEST"]
OPENED = contextlib.ExitStack()


def new_database() -> str:
    """Make an empty database, dropped at the end, and return its address."""
    import psycopg

    name = f"langgraph_tests_{uuid.uuid4().hex}"

    def run(statement: str) -> None:
        with psycopg.connect(SERVER, autocommit=True) as admin:
            admin.execute(f'{statement} DATABASE "{name}"')

    run("CREATE")
    OPENED.callback(run, "DROP")
    return urlsplit(SERVER)._replace(path=f"/{name}").geturl()


def opened(path, index=None, ttl=None):
    """Open a store; what LangGraph's SqliteStore reads as `text_fields` is `fields` elsewhere."""
    if index is not None:
        fields = index.get("fields") or index.get("text_fields") or ["$"]
        index = {"dims": index["dims"], "embed": index["embed"], "fields": fields}
    address = path if SERVER == ":memory:" else new_database()
    return OPENED.enter_context(open_store(address, index=index, ttl=ttl))


class InMemoryStore:
    """Stands for LangGraph's InMemoryStore."""

    def __new__(cls, *, index=None):
        return opened(":memory:", index)


class SqliteStore:
    """Stands for LangGraph's SqliteStore."""

    @classmethod
    @contextlib.contextmanager
    def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        store = opened(conn_string, index, ttl)
        store.setup = lambda: None
        with store:
            yield store


class AsyncSqliteStore:
    """Stands for LangGraph's AsyncSqliteStore."""

    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(cls, conn_string, *, index=None, ttl=None):
        async def setup():
            return None

        store = opened(conn_string, index, ttl)
        store.setup = setup
        async with store:
            yield store


langgraph.store.memory.InMemoryStore = InMemoryStore
langgraph.store.sqlite.SqliteStore = SqliteStore
langgraph.store.sqlite.AsyncSqliteStore = AsyncSqliteStore

if importlib.util.find_spec("pytest_mock") is None:
    # Named in a signature of tests that are excluded; it need not be installed for that.
    stub = types.ModuleType("pytest_mock")
    stub.MockerFixture = object
    sys.modules["pytest_mock"] = stub


def pytest_collection_modifyitems(config, items):
    """Leave out exactly the tests that are named; `--deselect` would take prefixes for names."""
    excluded = set(json.loads(os.environ["EXCLUDED_TESTS"]))
    out = [item for item in items if {item.nodeid, item.nodeid.partition("[")[0]} & excluded]
    items[:] = [item for item in items if item not in out]
    config.hook.pytest_deselected(items=out)


def pytest_sessionfinish():
    """Close what tests left open, and drop the databases."""
    OPENED.close()
