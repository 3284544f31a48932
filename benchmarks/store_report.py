"""What came out: numbers of each case, aims held against them, and the page of results."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store_data import FILTER_SHARE, LIMIT
from store_entries import (
    ENTRIES,
    HoldfastPostgres,
    HoldfastSqlite,
    LangGraphMemory,
    LangGraphPostgres,
    LangGraphSqlite,
)
from store_turns import OPERATIONS, Turn

PAIRS = (
    (HoldfastSqlite.title, LangGraphSqlite.title),
    (HoldfastSqlite.title, LangGraphMemory.title),
    (HoldfastPostgres.title, LangGraphPostgres.title),
)
"""Whose time is divided by whose."""

PLAIN, FILTERED = "plain", "filtered"
PUTS = ("put", "put over an existing key", "put without index")
SEARCH = "vector search"


def summary(turns: Sequence[Turn], threads: int) -> dict[str, Any]:
    """Return the numbers of one store, operation and count of threads, over all rounds."""
    every = [one for turn in turns for one in turn.milliseconds]
    calls = sum(len(turn.milliseconds) for turn in turns)
    return {
        "median_ms": round(statistics.median(every), 4),
        "p95_ms": round(statistics.quantiles(every, n=20, method="inclusive")[-1], 4),
        "calls": calls,
        "calls_per_second": round(calls / sum(turn.seconds for turn in turns), 1),
        "ms_per_round": [round(_figure(turn, threads), 4) for turn in turns],
    }


def _figure(turn: Turn, threads: int) -> float:
    """Return what ratios are made of: the median; of several threads the clock's time per call.

    Where threads queue for a lock, some wait long and some not at all: no median tells that.
    """
    if threads == 1:
        return statistics.median(turn.milliseconds)
    return 1000 * turn.seconds / len(turn.milliseconds)


def ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the median of the rounds' ratios, the smallest and the largest."""
    rounds = zip(ours["ms_per_round"], theirs["ms_per_round"], strict=True)
    ratios = [one / other for one, other in rounds]
    return statistics.median(ratios), min(ratios), max(ratios)


# Aims


@dataclass(frozen=True)
class Reading:
    """One number that an aim is about, and where it was read."""

    value: float
    where: str


@dataclass(frozen=True)
class Aim:
    """What is wanted of a number in every case that has it.

    Args:
        text: In words.
        most: What the number may be at most.
        read: Finds the number in all cases.
    """

    text: str
    most: float
    read: Callable[[Sequence[Mapping[str, Any]]], Iterator[Reading]]


def _ratios(
    pair: tuple[str, str], operations: Sequence[str], layout: str | None = None
) -> Callable[[Sequence[Mapping[str, Any]]], Iterator[Reading]]:
    def read(cases: Sequence[Mapping[str, Any]]) -> Iterator[Reading]:
        for case in cases:
            if layout not in {None, case["layout"]}:
                continue
            for operation in operations:
                timed = case["timings"].get(operation, {}).get("1", {})
                if all(title in timed for title in pair):
                    value = ratio(timed[pair[0]], timed[pair[1]])[0]
                    yield Reading(value, f"{operation}, {_place(case)}")

    return read


def _in_one_namespace_at_100k(
    cases: Sequence[Mapping[str, Any]],
) -> Iterator[Reading]:
    there = [c for c in cases if c["size"] == 100_000 and c["layout"] == "one namespace"]
    yield from _ratios(PAIRS[0], [SEARCH])(there)


def _short(cases: Sequence[Mapping[str, Any]]) -> Iterator[Reading]:
    for case in cases:
        for sort, measured in case["recall"].get(HoldfastPostgres.title, {}).items():
            yield Reading(measured["missing"], f"{sort}, {_place(case)}")


def _place(case: Mapping[str, Any]) -> str:
    return f"{case['size']:,} in {case['layout']}"


AIMS = (
    Aim(
        "SQLite: vector search among 100,000 in one namespace takes at most 0.2 of the time of "
        "LangGraph's SqliteStore",
        0.2,
        _in_one_namespace_at_100k,
    ),
    Aim(
        "SQLite: vector search in one namespace is never slower than LangGraph's InMemoryStore",
        1.0,
        _ratios(PAIRS[1], [SEARCH], "one namespace"),
    ),
    Aim(
        "SQLite: nor in one of 100 namespaces",
        1.0,
        _ratios(PAIRS[1], [SEARCH], "100 namespaces"),
    ),
    Aim(
        "SQLite: a put takes at most 1.5 times that of LangGraph's SqliteStore",
        1.5,
        _ratios(PAIRS[0], PUTS),
    ),
    Aim(
        "PostgreSQL: a put takes at most 1.5 times that of LangGraph's PostgresStore",
        1.5,
        _ratios(PAIRS[2], PUTS),
    ),
    Aim(
        "PostgreSQL: vector search takes at most 1.2 times that of LangGraph's PostgresStore",
        1.2,
        _ratios(PAIRS[2], [SEARCH, "vector search with a filter"]),
    ),
    Aim("PostgreSQL: vector search is never short of results (items missing)", 0, _short),
)


def held(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each aim with its worst case, and whether it is met; None where not measured."""
    found = []
    for aim in AIMS:
        readings = list(aim.read(cases))
        worst = max(readings, key=lambda one: one.value, default=None)
        found.append(
            {
                "aim": aim.text,
                "worst": None if worst is None else round(worst.value, 3),
                "where": None if worst is None else worst.where,
                "cases": len(readings),
                "cases_met": sum(one.value <= aim.most for one in readings),
                "met": None if worst is None else worst.value <= aim.most,
            }
        )
    return found


# The page


def as_markdown(report: Mapping[str, Any]) -> str:
    """Return the report as a Markdown page."""
    lines = [
        "# Stores: holdfast's and LangGraph's",
        "",
        "| Aim | Worst case | Where | Cases met | Met |",
        "|---|---:|---|---:|---|",
        *map(_aim_row, report["aims"]),
        "",
        *_notes(report),
    ]
    for case in report["cases"]:
        lines += [f"## {case['size']:,} memories in {case['layout']}", ""]
        for threads in report["threads"]:
            lines += _timings(case, threads)
        lines += _answers(case)
    return "\n".join(lines) + "\n"


def _aim_row(aim: Mapping[str, Any]) -> str:
    if aim["met"] is None:
        return f"| {aim['aim']} | - | - | - | not measured |"
    met = "yes" if aim["met"] else "**no**"
    cases = f"{aim['cases_met']} of {aim['cases']}"
    return f"| {aim['aim']} | {aim['worst']:g} | {aim['where']} | {cases} | {met} |"


def _notes(report: Mapping[str, Any]) -> list[str]:
    before, after = report["load_average"]
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    return [
        f"{report['date']}, {report['cores']} cores, {report['seconds'] / 60:.0f} min, "
        f"`{report['command']}`",
        "",
        f"- Load average before and after: {before} and {after}; on an idle machine 0, and about "
        "the number of cores or below after a run that had them for itself.",
        f"- {versions}",
        *(f"- {title} commits with: {how}" for title, how in report["commits"].items()),
        f"- Writing 4 kB and syncing it to this disk takes {report['sync_ms']:.2f} ms (median).",
        f"- {_LOADING[report['loads_extensions']]}",
        "",
        f"{report['rounds']} rounds; in each, every operation is asked of one store after the "
        "other, each round beginning with another store. Milliseconds are of single calls as the "
        "caller sees them: median / p95 over all rounds. With one thread, a ratio is that of the "
        "medians; with several it is that of the clock's time per call, since a call's own time "
        "is mostly waiting. It is the median over the rounds, its range in brackets; below 1 "
        "holdfast is faster. Slow calls are made less often (3 a round at least).",
        "",
        "Vectors are made from texts by seeded hashes, around some centres, and are ready as lists "
        "before a call is timed: embedding costs the same look-up everywhere. Each store is "
        "loaded by batches of puts; on PostgreSQL the HNSW index is set aside while loading, built "
        "at once, and statistics are gathered, for both stores alike. New memories are taken out "
        "again after each turn.",
        "",
    ]


_LOADING = {
    True: "This Python loads SQLite extensions; LangGraph's SqliteStore loads sqlite-vec itself.",
    False: (
        "This Python cannot load SQLite extensions, and there LangGraph's SqliteStore ends in an "
        "AttributeError at `setup()` with an index. The benchmark has SQLite itself load "
        "sqlite-vec into that store's connection, so both run on the same Python and SQLite."
    ),
}


def _titles(case: Mapping[str, Any]) -> list[str]:
    return [entry.title for entry in ENTRIES.values() if entry.title in case["recall"]]


def _pairs(titles: Sequence[str]) -> list[tuple[str, str]]:
    return [pair for pair in PAIRS if all(title in titles for title in pair)]


def _short_name(title: str) -> str:
    return title.removeprefix("LangGraph ")


def _timings(case: Mapping[str, Any], threads: int) -> Iterator[str]:
    titles = _titles(case)
    pairs = _pairs(titles)
    ratios = [f"{one.split()[-1]} / {_short_name(other)}" for one, other in pairs]
    several = "; calls a second behind the semicolon" if threads > 1 else ""
    many = f"{threads} thread{'s' if threads > 1 else ''}"
    yield f"{many}: milliseconds, median / p95{several}; ratios."
    yield ""
    yield f"| {many} | " + " | ".join([*map(_short_name, titles), *ratios]) + " |"
    yield "|---|" + "---:|" * (len(titles) + len(ratios))
    for operation in OPERATIONS:
        timed = case["timings"].get(operation.name, {}).get(str(threads), {})
        if timed:
            cells = [_time(timed.get(title), threads) for title in titles]
            cells += [_ratio(timed, pair) for pair in pairs]
            yield f"| {operation.name} | " + " | ".join(cells) + " |"
    yield ""


def _time(numbers: Mapping[str, Any] | None, threads: int) -> str:
    if numbers is None:
        return "-"
    times = f"{_digits(numbers['median_ms'])} / {_digits(numbers['p95_ms'])}"
    return f"{times}; {numbers['calls_per_second']:,.0f}" if threads > 1 else times


def _digits(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def _ratio(timed: Mapping[str, Any], pair: tuple[str, str]) -> str:
    if not all(title in timed for title in pair):
        return "-"
    middle, low, high = ratio(timed[pair[0]], timed[pair[1]])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _answers(case: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Recall@{LIMIT} against comparing with every item, of so many questions; answers short "
        f"of {LIMIT}, or of all that pass. The filter lets 1 item in {FILTER_SHARE} through."
    )
    yield ""
    yield "| Store | Recall | Short | Recall, filter | Short, filter | Loaded in s |"
    yield "|---|---:|---:|---:|---:|---:|"
    for title in _titles(case):
        cells = []
        for sort in (PLAIN, FILTERED):
            measured = case["recall"][title][sort]
            cells.append(f"{measured['recall']:.3f} of {measured['asked']}")
            cells.append(f"{measured['short']} ({measured['missing']} items missing)")
        cells.append(f"{case['loading'][title]:.1f}")
        yield f"| {title} | " + " | ".join(cells) + " |"
    yield ""
