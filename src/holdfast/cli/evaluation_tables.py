"""A report of an evaluation as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from holdfast.cli import output

TABLES = {
    "turns": ("recall@1", "recall@5", "recall@10", "recall@20"),
    "turns, among the first ten": ("any@10", "all@10", "MRR", "NDCG@10"),
    "sessions, by their best turn, among five": tuple(
        f"session {what}@5" for what in ("recall", "any", "all")
    ),
    "sessions, by their best turn, among ten": tuple(
        f"session {what}@10" for what in ("recall", "any", "all")
    ),
    "all evidence within so many tokens": tuple(f"all in {n}" for n in (500, 1000, 2000, 4000)),
}
COMPARED = ("recall@10", "all@10", "MRR", "all in 1000")
"""What is shown of each category, and of the differences."""


def show(made: Mapping[str, Any]) -> None:
    """Print a report: overall, by category, differences, cost, and what was run."""
    overall, *categories = made["groups"]
    group = made["groups"][overall]
    for title, metrics in TABLES.items():
        _print(f"{overall}: {title}", {"": group["rows"]}, metrics)
    if len(categories) > 1:
        by_category = {
            f"{name}: {made['groups'][name]['questions']}": made["groups"][name]["rows"]
            for name in categories
        }
        _print("by category", by_category, COMPARED)
    baseline = made["baseline"]
    apart = {name: row for name, row in group["differences"].items() if name != baseline}
    if apart:
        _print(f"{overall}: difference to {baseline}", {"": apart}, COMPARED, signed=True)
    _print_cost(made)
    for line in lines(made):
        output.console().print(output.plain(line))


def _print(
    title: str,
    sections: Mapping[str, Mapping[str, Any]],
    metrics: Sequence[str],
    *,
    signed: bool = False,
) -> None:
    """Print a table of percentages, each with its 95 % interval."""
    table = _table(title, metrics)
    for section, rows in sections.items():
        if section:
            table.add_row(output.plain(section), style="bold")
        for name, row in rows.items():
            cells = [cell(row[metric], signed=signed) for metric in metrics]
            table.add_row(output.plain(name), *cells)
    output.console().print(table, "")


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.header_style, table.title_style = "bold", "italic"
    table.add_column("row")
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def cell(found: Mapping[str, float], *, signed: bool = False) -> str:
    """Return a mean and its interval in per cent; that of a difference not rounded to whole ones.

    Example:
        >>> cell({"mean": 0.5, "low": 0.412, "high": 0.588})
        '50.0 (41..59)'
    """
    mean, low, high = (100 * found[part] for part in ("mean", "low", "high"))
    if signed:
        return f"{mean:+.1f} ({low:+.1f}..{high:+.1f})"
    return f"{mean:.1f} ({low:.0f}..{high:.0f})"


def _print_cost(made: Mapping[str, Any]) -> None:
    headings = ("tokens of ten", "build ms", "index kB", "p50 ms", "p95 ms")
    table = _table("cost; time of the embedder taken off", headings)
    overall = next(iter(made["groups"].values()))["rows"]
    for name, cost in made["cost"].items():
        cells = (
            f"{overall[name]['tokens@10']['mean']:.0f}",
            f"{1000 * cost['build_seconds']:,.0f}",
            f"{cost['bytes'] / 1000:,.0f}",
            f"{cost['p50_ms']:.2f}",
            f"{cost['p95_ms']:.2f}",
        )
        table.add_row(output.plain(name), *cells)
    output.console().print(table, "")


def lines(made: Mapping[str, Any]) -> list[str]:
    """Return what was run, when and where, and what was left out."""
    from holdfast.evaluate.reporting import left_out_line

    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    questions = output.amount(made["questions"], "question", "questions")
    over = output.amount(len(made["conversations"]), "conversation", "conversations")
    found = [
        f"{made['date']}, {versions}, {made['machine']['cpus']} cpus; {questions} about {over}; "
        f"{left_out_line(made)}.",
        f"In brackets 95 % of {made['resamples']:,} resamples over questions, seed {made['seed']}.",
    ]
    embedder = made["embedder"]
    if embedder:
        found.append(
            f"Embedder {embedder['fingerprint']}: {embedder['texts_computed']} texts in "
            f"{embedder['seconds']:.1f} s; the others were known."
        )
    for why in dict.fromkeys(made["rows_left_out"].values()):
        names = [name for name, reason in made["rows_left_out"].items() if reason == why]
        found.append(f"Left out: {', '.join(names)}: {why} (--embedder).")
    return found
