"""Tests that any LangGraph `BaseStore` can be held against.

A class of tests for pytest: inherit from it, say how your store is opened, run pytest.

    import pytest
    from langgraph.store.memory import InMemoryStore

    from holdfast.testing.store_conformance import StoreConformance


    class TestInMemoryStore(StoreConformance):
        @pytest.fixture
        def make_store(self):
            def opened(index=None, ttl=None):
                if ttl is not None:
                    raise NotImplementedError("InMemoryStore takes no ttl")
                return InMemoryStore(index=index)

            return opened

The report on LangGraph's and our own stores is `docs/conformance.md`.
"""

import pytest

_PARTS = (
    "batches",
    "concurrency",
    "erasing",
    "filters",
    "items",
    "journals",
    "ledgers",
    "namespaces",
    "searching",
    "suite",
    "ttl",
    "vectors",
    "versions",
    "words",
)
# Before the parts are imported, so that a failing assert shows its values.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from holdfast.testing.store_conformance.embedder import WordVectors  # noqa: E402
from holdfast.testing.store_conformance.suite import CAPABILITIES, MakeStore  # noqa: E402
from holdfast.testing.store_conformance.whole import StoreConformance  # noqa: E402

__all__ = ["CAPABILITIES", "MakeStore", "StoreConformance", "WordVectors"]
