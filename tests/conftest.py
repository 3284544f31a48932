"""What all tests share: no network, no keys, no settings of the person who runs them."""

import contextlib
import importlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["amounts", "clients", "langgraph_server", "postgres"]

# How long an example takes says more of what else the machine does than of us.
settings.register_profile("holdfast", deadline=None)
settings.load_profile("holdfast")

HERE = Path(__file__).parent
GUARD = str(HERE / "guard")

os.environ["PYTHONPATH"] = os.pathsep.join(
    part for part in (GUARD, os.environ.get("PYTHONPATH")) if part
)
os.environ["LANGSMITH_TRACING"] = "false"
OURS = "HOLDFAST_TEST_"  # what the tests themselves are told
for name in list(os.environ):
    settings = name.startswith(("HOLDFAST_", "OPENAI_", "ANTHROPIC_", "LANGCHAIN_"))
    if settings and not name.startswith(OURS):
        del os.environ[name]

if not hasattr(sys.modules.get("sitecustomize"), "NetworkRefused"):
    sys.path.insert(0, GUARD)
    sys.modules.pop("sitecustomize", None)
    importlib.import_module("sitecustomize")  # installs the guard in this process


@pytest.fixture(params=["sqlite", "in-memory"])
def store(request):
    """Our own store, and one that knows nothing of words or of us."""
    from langgraph.store.memory import InMemoryStore

    from holdfast import open_store

    if request.param == "in-memory":
        yield InMemoryStore()
    else:
        with open_store(":memory:") as opened:
            yield opened


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """Opens a database of some name, as often as wanted, each time with settings of its own."""
    postgres = request.param == "postgres"
    open_postgres = request.getfixturevalue("open_postgres") if postgres else None
    schema = request.getfixturevalue("postgres_schema") if postgres else None
    from holdfast import open_store

    with contextlib.ExitStack() as stack:

        def make(name="x", **settings):
            if postgres:
                return open_postgres(schema=f"{schema}_{name}", **settings)
            return stack.enter_context(open_store(tmp_path / f"{name}.db", **settings))

        yield make
