"""Writes the figures that the documents quote, from the files in `benchmarks/results`.

    .venv/bin/python benchmarks/quoting.py
    .venv/bin/python benchmarks/quoting.py --check

A document quotes figures between two marks, `<!-- figures: NAME -->` and `<!-- end of figures -->`;
what stands between them is made here, so that no figure is quoted that is not in a result. With
`--check` nothing is written, and what is not as the results have it is told.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MARKED = re.compile(
    r"(?P<begin><!-- figures: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end of figures -->)",
    re.DOTALL,
)
OVERALL = "all questions"
SHOWN = ("langgraph", "bm25", "dense", "rrf", "zsum", "holdfast-words", "holdfast")
TAKEN = ("good", "neutral", "bad")
METRICS = ("recall@5", "recall@10", "all@10", "MRR", "session recall@5", "all in 1000")


def result(name: str) -> dict[str, Any]:
    """Return a file of results."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def source(name: str, whole: dict[str, Any]) -> str:
    """Return where figures come from."""
    return f"{whole['date']}, {whole['cores']} cores: `benchmarks/results/{name}.md`"


def percent(found: dict[str, float], *, signed: bool = False) -> str:
    """Return a mean with its interval, in per cent."""
    form = "{:+.1f}" if signed else "{:.1f}"
    mean, low, high = (form.format(100 * found[part]) for part in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def short(found: dict[str, float]) -> str:
    """Return a mean in per cent."""
    return f"{100 * found['mean']:.1f}"


def recall_short() -> Iterator[str]:
    """Yield how well messages are found, in a few rows."""
    whole = result("recall")
    yield f"Evidence among the first ten found, in per cent; {told_of(whole)}."
    yield ""
    yield "| | " + " | ".join(made["title"] for made in whole["data"]) + " |"
    yield "|---|" + "---:|" * len(whole["data"])
    names = {
        "langgraph": "LangGraph's `InMemoryStore` with MiniLM, as LangMem searches",
        "zsum": "BM25 and MiniLM, z-scores added",
        "holdfast-words": "holdfast, no embedder",
        "holdfast": "holdfast with MiniLM",
    }
    for name, title in names.items():
        cells = (short(rows(made)[name]["recall@10"]) for made in whole["data"])
        yield f"| {title} | " + " | ".join(cells) + " |"


def recall_whole() -> Iterator[str]:
    """Yield how well messages are found, beside other ways."""
    whole = result("recall")
    yield f"In per cent; {told_of(whole)}."
    for made in whole["data"]:
        yield ""
        chats = len(made["conversations"])
        yield f"**{made['title']}** ({made['questions']} questions, {chats} chats)"
        yield ""
        yield "| | " + " | ".join(METRICS) + " | recall@10 to zsum |"
        yield "|---|" + "---:|" * (len(METRICS) + 1)
        differences = made["groups"][OVERALL]["differences"]
        for name in SHOWN:
            cells = [short(rows(made)[name][metric]) for metric in METRICS]
            beside = "" if name == "zsum" else percent(differences[name]["recall@10"], signed=True)
            yield f"| `{name}` | " + " | ".join([*cells, beside]) + " |"


def recall_signals() -> Iterator[str]:
    """Yield what is lost when each signal is switched off."""
    whole = result("recall")
    yield f"Recall@10 without one signal, in per cent; {told_of(whole)}."
    yield ""
    yield "| without | " + " | ".join(made["title"] for made in whole["data"]) + " |"
    yield "|---|" + "---:|" * len(whole["data"])
    names = [name for name in rows(whole["data"][0]) if name.startswith("holdfast-no-")]
    for name in ["holdfast", *names]:
        cells = (short(rows(made)[name]["recall@10"]) for made in whole["data"])
        title = "nothing" if name == "holdfast" else f"`{name.removeprefix('holdfast-no-')}`"
        yield f"| {title} | " + " | ".join(cells) + " |"


def rows(made: dict[str, Any]) -> dict[str, Any]:
    """Return the rows over all questions of a set."""
    found: dict[str, Any] = made["groups"][OVERALL]["rows"]
    return found


def told_of(whole: dict[str, Any]) -> str:
    """Return what was measured, and where it stands."""
    used = "; ".join(
        f"{made['title'].partition(':')[0]} without {used_of(made)}" for made in whole["data"]
    )
    return f"{used}, with which settings were chosen; {source('recall', whole)}"


def used_of(made: dict[str, Any]) -> str:
    """Return which conversations were left out."""
    used = made["used"]
    return ", ".join(used) if len(used) < 4 else f"{used[0]} to {used[-1]}"


def latency() -> Iterator[str]:
    """Yield what a recall costs."""
    whole = result("latency")
    where = source("latency", whole)
    yield f"Milliseconds for ten of one namespace, without an embedder's time; {where}."
    yield ""
    yield (
        "| store | messages | found by | p50 | p95 | after a write, p95 | first | write, p50 | "
        "memory MB | disk MB |"
    )
    yield "|---|---:|---|" + "---:|" * 7
    for one in whole["cases"]:
        found_by = "words and vectors" if one["vectors"] else "words"
        yield (
            f"| {one['store']} | {one['size']:,} | {found_by} | {one['recall_ms']['p50']:.0f} | "
            f"{one['recall_ms']['p95']:.0f} | {one['after_a_write_ms']['p95']:.0f} | "
            f"{one['first_ms']} | {one['write_ms']['p50']:.1f} | {one['memory_mb']:.0f} | "
            f"{one['disk_mb']:.0f} |"
        )


def habits() -> Iterator[str]:
    """Yield what importance and strength are worth in a simulated year."""
    whole = result("habits")
    yield (
        f"{whole['users']} simulated users whose habits change, {whole['days']} days each; "
        f"{source('habits', whole)}."
    )
    yield ""
    yield "| ranked by words and | MRR | the needed one first, % |"
    yield "|---|---:|---:|"
    for name, row in whole["rankings"].items():
        yield f"| {name} | {row['MRR']['mean']:.2f} | {100 * row['first']['mean']:.0f} |"


def stores() -> Iterator[str]:
    """Yield what was aimed at with the stores, and what came of it."""
    whole = result("stores")
    yield f"Ratios of times in one run, the worst of all cases; {source('stores', whole)}."
    yield ""
    yield "| aim | worst | where | met in |"
    yield "|---|---:|---|---:|"
    for one in whole["aims"]:
        met = f"{one['cases_met']} of {one['cases']}"
        yield f"| {one['aim']} | {one['worst']} | {one['where']} | {met} |"


def background() -> Iterator[str]:
    """Yield what a submit costs, and how late a reflection begins."""
    whole = result("background")
    where = source("background", whole)
    yield f"Milliseconds, in the middle and of which 95 % stay below; {where}."
    yield ""
    yield "| store | jobs that wait | submit, p50 | p95 | begins after it is due, p50 | p95 |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in whole["cases"]:
        submit, start = one["submit_ms"], one["start_ms"]
        yield (
            f"| {one['store']} | {one['waiting']:,} | {submit['p50']:.1f} | {submit['p95']:.1f} | "
            f"{start['p50']:.1f} | {start['p95']:.1f} |"
        )


def prompts() -> Iterator[str]:
    """Yield what a gate lets in and keeps out."""
    whole = result("prompts")
    yield (
        f"{whole['seeds']} simulated runs of each row; the gain of a score from 0 to 1 on fresh "
        f"trajectories, with the 95 % interval; {source('prompts', whole)}."
    )
    yield ""
    yield "| proposed | gate | gain | good taken, % | neutral, % | bad, % |"
    yield "|---|---|---:|---:|---:|---:|"
    for proposed, rows in whole["cases"].items():
        for gate, row in rows.items():
            gain = row["gain"]
            taken = " | ".join(f"{100 * row['taken'][kind]:.1f}" for kind in TAKEN)
            yield (
                f"| {proposed} | {'yes' if gate == 'gate' else 'no'} | {gain['mean']:+.3f} "
                f"({gain['low']:+.3f} to {gain['high']:+.3f}) | {taken} |"
            )


FIGURES: dict[str, Callable[[], Iterator[str]]] = {
    "recall-short": recall_short,
    "recall": recall_whole,
    "signals": recall_signals,
    "latency": latency,
    "habits": habits,
    "stores": stores,
    "background": background,
    "prompts": prompts,
}


def renewed(text: str) -> str:
    """Return a document with its figures as the results have them."""

    def made(found: re.Match[str]) -> str:
        lines = "\n".join(FIGURES[found["name"]]())
        return f"{found['begin']}{lines}\n{found['end']}"

    return MARKED.sub(made, text)


def documents() -> list[Path]:
    """Return the documents that may quote figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def stale() -> list[str]:
    """Return the documents whose figures are not those of the results."""
    read = {path: path.read_text(encoding="utf-8") for path in documents()}
    return [
        path.relative_to(ROOT).as_posix() for path, text in read.items() if renewed(text) != text
    ]


def main() -> None:
    """Renew the figures, or tell where they are not those of the results."""
    parser = argparse.ArgumentParser(description="The figures that the documents quote.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        sys.exit("\n".join(stale()) or 0)
    for path in documents():
        text = path.read_text(encoding="utf-8")
        path.write_text(renewed(text), encoding="utf-8")


if __name__ == "__main__":
    main()
