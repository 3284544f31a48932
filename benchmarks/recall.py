"""Measures how well messages are found again: holdfast beside other ways, on two sets of chats.

    HOLDFAST_EVAL_DATA=FOLDER .venv/bin/python benchmarks/recall.py
    ... benchmarks/recall.py --data locomo --only conv-30 --results /tmp/tried

The folder holds `locomo10.json` (github.com/snap-research/locomo, people with each other) and
`beam100k.jsonl.gz` (BEAM, people with an assistant, in the form of docs/evaluation.md). They are
not part of this project; where HOLDFAST_EVAL_DATA is not set, nothing is run.

The conversations with which settings were chosen are left out: conv-26, conv-30 and conv-41 of
LoCoMo, and the first six chats of BEAM. The embedder is all-MiniLM-L6-v2 (see `minilm.py`); its
vectors are kept beside it, so that only the first run computes them.

The results are written to `benchmarks/results/recall.json` and `recall.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import minilm
from machine import load_average

from holdfast.evaluate import (
    Conversation,
    Vectors,
    chosen,
    evaluate,
    read_jsonl,
    read_locomo,
    report,
    rows_of,
)
from holdfast.evaluate.reporting import OVERALL, left_out_line, write_outcomes

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Chats:
    """A set of conversations.

    Args:
        title: What it is called on the page.
        file: Its name in the folder.
        read: What reads it.
        used: Conversations with which settings were chosen.
    """

    title: str
    file: str
    read: Callable[[Path], list[Conversation]]
    used: tuple[str, ...]


DATA = {
    "locomo": Chats(
        "LoCoMo: people with each other",
        "locomo10.json",
        read_locomo,
        ("conv-26", "conv-30", "conv-41"),
    ),
    "beam": Chats(
        "BEAM, 100K tokens: people with an assistant",
        "beam100k.jsonl.gz",
        read_jsonl,
        tuple(f"beam100K-{number}" for number in range(1, 7)),
    ),
}
TABLES = {
    "Turns": ("recall@1", "recall@5", "recall@10", "recall@20", "any@10", "all@10"),
    "Turns, by rank; sessions, by their best turn": (
        *("MRR", "NDCG@10"),
        *("session recall@5", "session all@5", "session recall@10", "session all@10"),
    ),
    "All evidence within so many tokens": tuple(f"all in {n}" for n in (500, 1000, 2000, 4000)),
}
COMPARED = ("recall@10", "all@10", "MRR", "NDCG@10", "all in 1000")


def measured(chats: Chats, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Return the report of one set."""
    file = folder / chats.file
    used = () if given.only else chats.used
    conversations = chosen(chats.read(file), given.only, used)
    embedder = f"local:{minilm.folder()}"
    cache = minilm.models() / "vectors.sqlite"
    vectors = Vectors({"embed": embedder, "dims": minilm.DIMS}, cache)
    rows, left_out = rows_of(given.rows, vectors)

    def tell(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"{time.strftime('%H:%M:%S')} {chats.file}: {done} of {total}", file=sys.stderr)

    runs = evaluate(conversations, rows, vectors=vectors, progress=tell)
    made = report(runs, conversations, vectors=vectors, rows_left_out=left_out, seed=given.seed)
    if given.out:
        write_outcomes(runs, made, given.out / chats.file.split(".")[0])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    made["groups"] = {
        name: group if name == OVERALL else _short(group) for name, group in made["groups"].items()
    }
    return {"title": chats.title, "file": chats.file, "sha256": digest, "used": used} | made


def _short(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a category."""
    rows = group["rows"].items()
    return {
        "questions": group["questions"],
        "rows": {name: {one: row[one] for one in COMPARED} for name, row in rows},
    }


# The page


def as_markdown(whole: Mapping[str, Any]) -> str:
    """Return the results as a Markdown page."""
    lines = [
        "# Messages found again",
        "",
        f"{whole['date']}, {whole['cores']} cores, `{whole['command']}`",
        "",
        "- " + ", ".join(f"{name} {number}" for name, number in whole["versions"].items()),
        f"- Load average before and after: {whole['load_average'][0]} and "
        f"{whole['load_average'][1]}; the times are of no use where it is much above 0 before.",
        "- In per cent, with the 95 % interval of a bootstrap over questions in brackets. What the "
        "rows and the metrics are: [docs/evaluation.md](../../docs/evaluation.md).",
        "",
    ]
    for made in whole["data"]:
        lines += _of_set(made)
    return "\n".join(lines).rstrip() + "\n"


def _of_set(made: Mapping[str, Any]) -> Iterator[str]:
    group = made["groups"][OVERALL]
    yield from (f"## {made['title']}", "")
    without = f"; without {', '.join(made['used'])}" if made["used"] else ""
    number = len(made["conversations"])
    yield (
        f"{made['questions']} questions about {number} conversation{'' if number == 1 else 's'}"
        f"{without}; {left_out_line(made)}. `{made['file']}`, sha256 `{made['sha256'][:16]}...`"
    )
    yield ""
    for title, metrics in TABLES.items():
        yield from _table(title, metrics, group["rows"])
    yield from _table(
        f"Difference to {made['baseline']}, by pairs",
        COMPARED,
        {name: row for name, row in group["differences"].items() if name != made["baseline"]},
        signed=True,
    )
    for category, found in made["groups"].items():
        if category != OVERALL:
            yield from _table(f"{category}: {found['questions']}", COMPARED, found["rows"])
    yield from _costs(made)


def _table(
    title: str, metrics: Sequence[str], rows: Mapping[str, Any], *, signed: bool = False
) -> Iterator[str]:
    yield f"| {title} | " + " | ".join(metrics) + " |"
    yield "|---|" + "---:|" * len(metrics)
    for name, row in rows.items():
        yield f"| {name} | " + " | ".join(_cell(row[one], signed) for one in metrics) + " |"
    yield ""


def _cell(found: Mapping[str, float], signed: bool) -> str:
    form = "{:+.1f}" if signed else "{:.1f}"
    mean, low, high = (form.format(100 * found[part]) for part in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def _costs(made: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| Cost, time of the embedder taken off | tokens of ten turns | indexes built in s | "
        "indexes in MB | p50 ms a question | p95 ms |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for name, cost in made["cost"].items():
        tokens = made["groups"][OVERALL]["rows"][name]["tokens@10"]["mean"]
        yield (
            f"| {name} | {tokens:.0f} | {cost['build_seconds']:.2f} | {cost['bytes'] / 1e6:.2f} | "
            f"{cost['p50_ms']:.2f} | {cost['p95_ms']:.2f} |"
        )
    yield ""


def command_line() -> str:
    """Return the command that was given, relative to the repository."""
    python = Path(sys.executable)
    shown = python.relative_to(ROOT) if python.is_relative_to(ROOT) else Path("python")
    given = list(sys.argv[1:])
    if "--out" in given:  # where the files of single questions went is of no use to others
        place = given.index("--out")
        del given[place : place + 2]
    return " ".join([shown.as_posix(), "benchmarks/recall.py", *given])


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""

    def names(text: str) -> list[str]:
        return [one for one in text.split(",") if one]

    parser = argparse.ArgumentParser(description="How well messages are found again.")
    parser.add_argument("--data", choices=DATA, help="one set only")
    parser.add_argument("--only", type=names, default=[], help="these conversations, to try it out")
    parser.add_argument("--rows", type=names, default=[], help="these rows only")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    parser.add_argument("--out", type=Path, help="a folder for what came of each question")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder to write to")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark, and write the results."""
    given = arguments()
    folder = os.environ.get("HOLDFAST_EVAL_DATA")
    if not folder:
        print("HOLDFAST_EVAL_DATA names no folder with LoCoMo and BEAM; recall is not measured.")
        return
    load = load_average()
    made = [
        measured(chats, Path(folder), given)
        for name, chats in DATA.items()
        if given.data in (None, name)
    ]
    whole = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command_line(),
        "cores": os.cpu_count(),
        "load_average": [load, load_average()],
        "versions": made[0]["versions"],
        "data": made,
    }
    given.results.mkdir(parents=True, exist_ok=True)
    as_json = json.dumps(whole, indent=2) + "\n"
    (given.results / "recall.json").write_text(as_json, encoding="utf-8")
    page = as_markdown(whole)
    (given.results / "recall.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
