"""Processes killed with SIGKILL while four others write and read the same store.

Whatever the store acknowledged is there afterwards, whole and findable; of what it did not
acknowledge there is all or nothing.
"""

from dataclasses import replace
from pathlib import Path

import fault_writers as writers
from fault_checks import Expected, check, check_bytes, check_vectors
from fault_killing import kill_one
from fault_log import NS, Log, read_log
from format_one import build, message

SCENARIOS = [
    "heavy_commits",
    "reindexing",
    "heavy_commits",
    "forgetting",
    "opening",
    "heavy_commits",
    "commits",
    "heavy_commits",
    "commits",
    "heavy_commits",
]


def pytest_generate_tests(metafunc):
    for backend, rounds in (("sqlite", 10), ("postgres", 5)):
        if f"{backend}_round" in metafunc.fixturenames:
            count = metafunc.config.getoption(f"{backend}_rounds", default=rounds)
            metafunc.parametrize(f"{backend}_round", range(count))


def test_a_killed_process_leaves_whole_change_sets_in_sqlite(sqlite_round, sqlite):
    orders = replace(sqlite, name="old", seed=sqlite_round)
    scenario = SCENARIOS[sqlite_round % len(SCENARIOS)]
    if scenario == "opening" and sqlite_round // len(SCENARIOS) % 2 == 0:
        _build_old_file(orders)  # else the file is made
    expected = play(scenario, orders)
    check_bytes(Path(orders.url), expected.gone)


def test_a_killed_process_leaves_whole_change_sets_in_postgres(postgres_round, postgres):
    orders = replace(postgres, name="old", seed=postgres_round)
    play(SCENARIOS[postgres_round % len(SCENARIOS)], orders)


def play(scenario, orders):
    """Let processes work and one be killed; open the store again and look at everything."""
    index = scenario == "reindexing" or orders.seed % 2 == 0
    if scenario == "reindexing":
        _fill_without_vectors(orders, 16 if orders.url.endswith(".db") else 6)
    kill_one(scenario, replace(orders, index=index))
    logs = [read_log(path) for path in sorted(orders.folder.glob("*.log"))]
    with orders.open() as store:
        expected = Expected(store, logs)
        check(store, expected, orders.seed)
    with replace(orders, index=True).open() as store:
        pending = store.reindex()
        assert not pending or not index or scenario in ("reindexing", "opening")
        check_vectors(store, expected, orders.seed)
    return expected


def _fill_without_vectors(orders, times):
    planner, log = writers.Planner(orders.name, orders.seed), Log(orders.log)
    with orders.open() as store:
        for _ in range(times):
            writers.do(store, log, planner.many(40))


def _build_old_file(orders):
    planner, log, items = writers.Planner(orders.name, orders.seed), Log(orders.log), []
    for number in range(10):
        step = replace(planner.many(60), said={f"thread-{number}": planner.texts(20)})
        log.begin(step)
        for key, text in step.writes.items():
            items.append((NS, key, writers.value_of(text, step.number)))
        for thread, texts in step.said.items():
            items += [(NS, *message(thread, seq, text)) for seq, text in enumerate(texts, start=1)]
        log.done(step)
    build(orders.url, items)
