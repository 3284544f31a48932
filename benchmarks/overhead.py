"""Measures the time that holdfast itself spends around a chat model, next to LangMem's.

    .venv/bin/python benchmarks/overhead.py

The chat model is a script in this file, the same for both libraries. It answers at once, and the
time inside it is taken off, so what is left is the library's own work: building prompts and tools,
reading the answer, applying it, and for the store managers looking up and writing.

LangMem lives in a virtual environment of its own, which is made on first use: `.venv-langmem`, or
the folder that HOLDFAST_BENCH_ENV names. This file runs itself as a worker in each environment,
turn by turn, so that a machine that slows down hits both; each ratio is of two neighbouring turns.

The results are written to `benchmarks/results/overhead.json` and `overhead.md`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LANGMEM = "0.0.30"
TARGET = 0.1
"""The share of LangMem's time that holdfast may take, by its own aim."""

WARM_UP = 5
NAMESPACE = ("memories",)
LIBRARIES = ("holdfast", "langmem")
PACKAGES = (*LIBRARIES, "langchain-core", "langgraph", "pydantic")

# What both libraries are given

CONVERSATION = [
    ("user", "Hi! Quick one: I moved from Utrecht to Ghent on the first of May, for the new job."),
    ("assistant", "Congratulations! How are you settling in, and what will you be working on?"),
    ("user", "Route planning for a tram operator. I cycle to the office, twenty minutes each way."),
    ("assistant", "That sounds lovely. Shall I keep suggesting places for your Friday dinners?"),
    ("user", "Yes, but no shellfish any more, the doctor says I am allergic. Ramen is still fine."),
    ("assistant", "Noted: no shellfish, ramen welcome. I will look for places around Ghent."),
]
_PEOPLE = ("Nora", "Tom", "Aisha", "Jonas", "Mei", "Pavel", "Rosa", "Idris", "Lena", "Hugo")
_FACTS = (
    "{} has dinner out on Fridays, most often ramen, and books for two at half past seven.",
    "{} lives in Utrecht, in the flat above the bakery, and works from home on Mondays.",
    "{} prefers short answers with the source named, and reads them on the train.",
    "{} is learning Portuguese for a trip to Lisbon that is planned for September.",
    "{} plays badminton on Tuesday evenings and is not to be disturbed before nine.",
)
FACTS = [fact.format(person) for fact in _FACTS for person in _PEOPLE]
INSERTED = "Nora moved to Ghent on 1 May for a job in route planning, and cycles to the office."
PATCHED = "Nora must not eat shellfish, her doctor says she is allergic; ramen is still fine."

# The chat model

_SHOWN_ID = re.compile(r'<(?:instance|memory) id="?([\w-]+)')
"""An existing memory's id as LangMem's prompt shows it, and as holdfast's does."""


@dataclass
class Spent:
    """What was spent in a model, and sent to it.

    Args:
        seconds: Time in which it made its answers.
        binding: Time in which tools were bound to it.
        calls: How often it was asked.
        characters: Of the prompts: message contents, and the tools as JSON.
    """

    seconds: float = 0.0
    binding: float = 0.0
    calls: int = 0
    characters: int = 0


class RuleModel(BaseChatModel):
    """A chat model that answers by the tools on offer; it counts, and times itself."""

    _spent: Spent = PrivateAttr(default_factory=Spent)

    @property
    def _llm_type(self) -> str:
        return "rule"

    def start_anew(self) -> Spent:
        """Start counting anew; return what will be counted into."""
        self._spent = Spent()
        return self._spent

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools bound, as a provider's integration does it."""
        start = time.perf_counter()
        converted = [convert_to_openai_tool(tool) for tool in tools]
        bound = self.bind(tools=converted, tool_choice=tool_choice, **kwargs)
        self._spent.binding += time.perf_counter() - start
        return bound

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        start = time.perf_counter()
        tools = kwargs.get("tools") or []
        contents = [str(message.content) for message in messages]
        self._spent.calls += 1
        self._spent.characters += sum(map(len, contents))
        self._spent.characters += len(json.dumps(tools, ensure_ascii=False))
        message = AIMessage(content="", tool_calls=answer("\n".join(contents), tools))
        result = ChatResult(generations=[ChatGeneration(message=message)])
        self._spent.seconds += time.perf_counter() - start
        return result


def answer(prompt: str, tools: Sequence[dict[str, Any]]) -> list[Any]:
    """Return one new memory and, where there are memories, a patch of the eighth, else the last."""
    offered = {tool["function"]["name"] for tool in tools}
    ids = _SHOWN_ID.findall(prompt)
    calls: list[tuple[str, dict[str, Any]]] = []
    if "Memory" in offered:
        calls.append(("Memory", {"content": INSERTED}))
    if "PatchDoc" in offered and ids:
        patch = {"op": "replace", "path": "/content", "value": PATCHED}
        about = {"json_doc_id": ids[:8][-1], "planned_edits": "Add the allergy."}
        calls.append(("PatchDoc", {**about, "patches": [patch]}))
    return [
        {"name": name, "args": arguments, "id": f"call_{number}", "type": "tool_call"}
        for number, (name, arguments) in enumerate(calls)
    ]


# The worker: measures one library, in its environment


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Args:
        prepare: Makes the input, and the world as it must be before a call; not timed.
        run: What is timed.
        texts: What a right result holds.
        length: How many entries a right result has.
    """

    prepare: Callable[[], dict[str, Any]]
    run: Callable[[dict[str, Any]], Sequence[Any]]
    texts: tuple[str, ...]
    length: int

    def check(self, result: Sequence[Any]) -> None:
        """Refuse to time what does not do its work."""
        if len(result) != self.length or not all(text in str(result) for text in self.texts):
            raise SystemExit(f"Not the result that was expected: {result}")


def conversation() -> list[dict[str, str]]:
    """Return the conversation, fresh, since a library might change it."""
    return [{"role": role, "content": text} for role, text in CONVERSATION]


def manager_case(library: Any, model: RuleModel, existing: int) -> Case:
    """Return the case of the stateless manager with so many existing memories."""
    manager = library.create_memory_manager(model)

    def prepare() -> dict[str, Any]:
        known = [
            (f"mem-{number:02}", "Memory", {"content": text})
            for number, text in enumerate(FACTS[:existing])
        ]
        return {"messages": conversation(), "existing": known}

    texts = (INSERTED, PATCHED) if existing else (INSERTED,)
    return Case(prepare, manager.invoke, texts, existing + 1)


def store_manager_case(library: Any, model: RuleModel, existing: int) -> Case:
    """Return the case of the store manager; before each call the store is as it was."""
    from langgraph.store.memory import InMemoryStore

    store = InMemoryStore()
    manager = library.create_memory_store_manager(model, store=store, namespace=NAMESPACE)

    def prepare() -> dict[str, Any]:
        for item in store.search(NAMESPACE, limit=1000):
            store.delete(item.namespace, item.key)
        for number, text in enumerate(FACTS[:existing]):
            store.put(
                NAMESPACE, f"mem-{number:02}", {"kind": "Memory", "content": {"content": text}}
            )
        return {"messages": conversation()}

    return Case(prepare, manager.invoke, (INSERTED, PATCHED), 2)


def cases(library: Any, model: RuleModel) -> dict[str, Case]:
    """Return what is measured, by its name in the results."""
    return {
        "memory manager, 0 existing memories": manager_case(library, model, 0),
        "memory manager, 50 existing memories": manager_case(library, model, 50),
        "store manager, 5 stored memories": store_manager_case(library, model, 5),
    }


def measure(case: Case, model: RuleModel, calls: int) -> dict[str, Any]:
    """Return the milliseconds of each call outside the model, and what the model was sent."""
    for _ in range(WARM_UP):
        case.check(case.run(case.prepare()))
    milliseconds: list[float] = []
    binding: list[float] = []
    sent: set[tuple[int, int]] = set()
    for _ in range(calls):
        given = case.prepare()
        spent = model.start_anew()
        start = time.perf_counter()
        result = case.run(given)
        whole = time.perf_counter() - start
        milliseconds.append(1000 * (whole - spent.seconds))
        binding.append(1000 * spent.binding)
        sent.add((spent.calls, spent.characters))
        case.check(result)
    if len(sent) != 1:
        raise SystemExit(f"What the model was sent differs from call to call: {sorted(sent)}")
    model_calls, characters = sent.pop()
    return {
        "milliseconds": milliseconds,
        "binding": binding,
        "model_calls": model_calls,
        "prompt_characters": characters,
    }


def versions() -> dict[str, str]:
    """Return the versions of what runs here."""
    there = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            there[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # holdfast and LangMem have an environment each
    return there


def work(name: str, calls: int) -> None:
    """Measure one library, and print what came out as JSON."""
    library = importlib.import_module(name)
    model = RuleModel()
    measured = {case: measure(c, model, calls) for case, c in cases(library, model).items()}
    print(json.dumps({"versions": versions(), "cases": measured}))


# The parent: runs the workers in turn, and compares


def langmem_python() -> Path:
    """Return the Python that has LangMem; make its environment where there is none yet."""
    folder = Path(os.environ.get("HOLDFAST_BENCH_ENV") or ROOT / ".venv-langmem").absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print("Making an environment for LangMem; this happens once.", file=sys.stderr)
        venv.create(folder, with_pip=True)
    ask = "import importlib.metadata as m; print(m.version('langmem'))"
    found = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    if found.stdout.strip() != LANGMEM:
        # With holdfast's constraints, both run on the same versions of what they share.
        install = ["-m", "pip", "install", "--quiet", "-c", "constraints.txt"]
        subprocess.run([str(python), *install, f"langmem=={LANGMEM}"], cwd=ROOT, check=True)
    return python


def run_worker(python: Path, library: str, calls: int) -> dict[str, Any]:
    """Return what the worker for a library measured, in a process of its own."""
    environment = {**os.environ, "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false"}
    command: list[str | Path] = [python, Path(__file__), "--worker", library, "--calls", str(calls)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The worker for {library} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run_rounds(rounds: int, calls: int) -> dict[str, list[dict[str, Any]]]:
    """Return what the workers measured, library by library, after running them in turn."""
    pythons = {"holdfast": Path(sys.executable), "langmem": langmem_python()}
    measured: dict[str, list[dict[str, Any]]] = {library: [] for library in LIBRARIES}
    for number in range(rounds):
        for library in LIBRARIES:
            measured[library].append(run_worker(pythons[library], library, calls))
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return measured


def summary(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one library's numbers for one case over all rounds."""
    everything = [one for measured in rounds for one in measured["milliseconds"]]
    binding = [one for measured in rounds for one in measured["binding"]]
    return {
        "median_ms": round(statistics.median(everything), 4),
        "p95_ms": round(statistics.quantiles(everything, n=20)[-1], 4),
        "of_it_binding_tools_ms": round(statistics.median(binding), 4),
        "median_ms_per_round": [
            round(statistics.median(measured["milliseconds"]), 4) for measured in rounds
        ],
        "model_calls": max(measured["model_calls"] for measured in rounds),
        "prompt_characters": max(measured["prompt_characters"] for measured in rounds),
    }


def compare(measured: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return both libraries' numbers and the ratios, case by case."""
    compared: dict[str, dict[str, Any]] = {}
    for case in measured["holdfast"][0]["cases"]:
        ours, theirs = (
            summary([worker["cases"][case] for worker in measured[library]])
            for library in LIBRARIES
        )
        medians = zip(ours["median_ms_per_round"], theirs["median_ms_per_round"], strict=True)
        ratios = [round(one / other, 4) for one, other in medians]
        prompt = ours["prompt_characters"] / theirs["prompt_characters"]
        compared[case] = {
            "holdfast": ours,
            "langmem": theirs,
            "ratio": round(statistics.median(ratios), 4),
            "ratio_per_round": ratios,
            "prompt_ratio": round(prompt, 4),
        }
    return compared


def command_line() -> str:
    """Return the command that was given, relative to the repository."""
    python = Path(sys.executable)
    shown = python.relative_to(ROOT) if python.is_relative_to(ROOT) else Path("python")
    return " ".join([shown.as_posix(), "benchmarks/overhead.py", *sys.argv[1:]])


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report as a Markdown page."""
    bound = [f"{one['langmem']['of_it_binding_tools_ms']:.1f}" for one in report["cases"].values()]
    head = "| Case | holdfast: median / p95 | LangMem: median / p95 | Ratio (rounds) "
    lines = [
        "# Time spent around the chat model: holdfast and LangMem",
        "",
        f"{head}| Model calls | Prompt characters |",
        "|---|---:|---:|---:|---:|---:|",
        *(_row(case, numbers) for case, numbers in report["cases"].items()),
        "",
        f"Milliseconds per call, the time inside the model taken off; {report['rounds']} rounds of "
        f"{report['calls_per_round']} calls, the libraries in turn. The ratio is the median over "
        f"the rounds, its range in brackets; the aim is at most {report['target']}. Calls and "
        "characters are holdfast's, then LangMem's. Managers are made once, with each library's "
        "defaults, and asked again and again.",
        "",
        "Binding tools to the model counts as the library's work. LangMem does it in each call, "
        f"which takes {' / '.join(bound)} ms of its time in these cases; holdfast does it once "
        "for each manager and set of tools.",
        "",
        f"{report['date']}, {report['cores']} cores, `{report['command']}`",
        "",
    ]
    for library in LIBRARIES:
        there = ", ".join(
            f"{name} {number}" for name, number in report["versions"][library].items()
        )
        lines.append(f"- Environment of {library}: {there}")
    return "\n".join(lines) + "\n"


def _row(case: str, numbers: dict[str, Any]) -> str:
    ours, theirs, ratios = numbers["holdfast"], numbers["langmem"], numbers["ratio_per_round"]
    return (
        f"| {case} | {ours['median_ms']:.2f} / {ours['p95_ms']:.2f} "
        f"| {theirs['median_ms']:.2f} / {theirs['p95_ms']:.2f} "
        f"| {numbers['ratio']:.3f} ({min(ratios):.3f} to {max(ratios):.3f}) "
        f"| {ours['model_calls']} / {theirs['model_calls']} "
        f"| {ours['prompt_characters']:,} / {theirs['prompt_characters']:,} "
        f"({numbers['prompt_ratio']:.2f}) |"
    )


def main() -> None:
    """Run the benchmark, or one worker of it."""
    parser = argparse.ArgumentParser(description="Time around the model: holdfast and LangMem.")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each library")
    parser.add_argument("--calls", type=int, default=60, help="timed calls per case and turn")
    parser.add_argument("--worker", choices=LIBRARIES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.calls)
        return
    measured = run_rounds(given.rounds, given.calls)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command_line(),
        "cores": os.cpu_count(),
        "rounds": given.rounds,
        "calls_per_round": given.calls,
        "target": TARGET,
        "versions": {library: measured[library][0]["versions"] for library in LIBRARIES},
        "cases": compare(measured),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "overhead.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    page = as_markdown(report)
    (RESULTS / "overhead.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
