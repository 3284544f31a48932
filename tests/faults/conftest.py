"""How much the tests of this folder do; the defaults are for every run, more is asked for."""

import pytest
from fault_processes import Orders


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption("--sqlite-rounds", type=int, default=10, help="processes killed on SQLite")
    group.addoption("--postgres-rounds", type=int, default=5, help="processes killed on PostgreSQL")
    group.addoption("--updates", type=int, default=40, help="updates by each of 8 processes")
    group.addoption("--submits", type=int, default=150, help="reflections while workers are killed")


@pytest.fixture
def sqlite(tmp_path):
    """Return what a process is told that is to use a new file."""
    return Orders(str(tmp_path / "x.db"), tmp_path, "p", 0)


@pytest.fixture
def postgres(postgres_url, postgres_schema, tmp_path):
    """Return what a process is told that is to use new tables."""
    return Orders(postgres_url, tmp_path, "p", 0, settings={"schema": postgres_schema})


@pytest.fixture(params=["sqlite", "postgres"])
def orders(request):
    """Return what a process is told that is to use a new store, of each sort."""
    return request.getfixturevalue(request.param)
