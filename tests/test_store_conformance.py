"""Our stores held against the suite that we publish, nothing skipped; and the suite itself."""

import contextlib
import itertools

import pytest

from holdfast import open_store
from holdfast.testing.store_conformance import CAPABILITIES, StoreConformance

pytest_plugins = ["pytester"]


class TestSqliteStore(StoreConformance):
    required = CAPABILITIES

    @pytest.fixture
    def make_store(self, tmp_path):
        numbers = itertools.count()
        with contextlib.ExitStack() as stack:

            def opened(index=None, ttl=None):
                path = tmp_path / f"{next(numbers)}.db"
                return stack.enter_context(open_store(path, index=index, ttl=ttl))

            yield opened


class TestPostgresStore(StoreConformance):
    required = CAPABILITIES

    @pytest.fixture
    def make_store(self, open_postgres):
        return open_postgres


# The suite itself, on a store whose faults are known

IN_MEMORY = """
import pytest
from langgraph.store.memory import InMemoryStore
from holdfast.testing.store_conformance import StoreConformance

class TestStore(StoreConformance):
    required = {required}
    large_batch = 100

    @pytest.fixture
    def make_store(self):
        def opened(index=None, ttl=None):
            if ttl is not None:
                raise NotImplementedError("InMemoryStore takes no ttl")
            return InMemoryStore(index=index)

        return opened
"""
FAULTS = {
    "test_get_makes_no_namespace",
    "test_created_at_is_kept_on_update",
    "test_returned_values_share_no_memory",
    "test_dates_are_compared",
    "test_or",
    "test_equal_texts_in_one_batch",
    "test_no_stale_vector_after_index_false",
}


@pytest.fixture
def small(pytester):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    return pytester


def names(reports):
    return {report.nodeid.rpartition("::")[2].partition("[")[0] for report in reports}


def test_the_suite_finds_known_faults_and_skips_what_is_not_there(small):
    small.makepyfile(IN_MEMORY.format(required="()"))
    passed, skipped, failed = small.inline_run("-p", "no:cacheprovider").listoutcomes()
    assert names(failed) >= FAULTS
    assert names(passed) >= {"test_pages_are_exact", "test_a_very_large_batch", "test_nested_dicts"}
    reasons = {report.longrepr[2] for report in skipped}
    assert "Skipped: no TTL: InMemoryStore takes no ttl" in reasons
    assert "Skipped: no words: without an index, search gives no scores" in reasons
    assert "Skipped: no ledger: the store is no holdfast.ledger.Ledger" in reasons


def test_what_is_required_fails_where_it_is_not_there(small):
    small.makepyfile(IN_MEMORY.format(required="('ttl', 'filters')"))
    run = small.inline_run("-p", "no:cacheprovider", "-k", "reads_refresh or test_in or history")
    passed, skipped, failed = run.listoutcomes()
    assert names(failed) == {"test_reads_refresh", "test_in"}
    assert any("'ttl' is required, but: no TTL" in report.longreprtext for report in failed)
    assert not passed
    assert "test_a_deleted_memory_is_gone_but_not_its_history" in names(skipped)


def test_a_class_that_opens_no_store_says_what_to_write(small):
    small.makepyfile(
        "from holdfast.testing.store_conformance import StoreConformance\n"
        "class TestNothing(StoreConformance): pass"
    )
    result = small.runpytest("-p", "no:cacheprovider", "-k", "test_pages_are_exact")
    result.stdout.fnmatch_lines(["*TestNothing does not say how to open its store*"])
