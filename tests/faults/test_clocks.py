"""The clock goes back: versions stay in the order in which they were written."""

from dataclasses import replace
from datetime import timedelta

import fault_clocks as clocks
import pytest
from fault_checks import Expected, check
from fault_log import NS, read_log
from fault_processes import run


@pytest.mark.parametrize("seed", range(2))
def test_history_stays_in_order_when_the_clock_is_put_back(seed, orders):
    orders = replace(orders, seed=seed)
    run(clocks.write_while_the_clock_is_set, orders)
    with orders.open() as store:
        expected = Expected(store, [read_log(orders.log)])
        check(store, expected)  # which compares with the log, and sees times that never decrease
        for (_, key), _told in expected.versions.items():
            _check_times(store, key)
        everything = store.as_of("9999-01-01", NS)
        assert {version.key: version.value for version in everything} == {
            key: value for (_, key), value in expected.live.items()
        }


def _check_times(store, key):
    versions = store.history(NS, key)
    for version in versions:
        held = [v for v in versions if v.recorded_at <= version.recorded_at][-1]
        found = store.as_of(version.recorded_at, NS, key=key)
        assert found == ([held] if held.value is not None else [])
    before = versions[0].recorded_at - timedelta(microseconds=1)
    assert store.as_of(before, NS, key=key) == []
    item = store.get(NS, key)
    assert item is None or item.created_at <= item.updated_at == versions[-1].recorded_at
