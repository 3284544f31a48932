"""Every figure that a document quotes stands in a result that a script has written."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def quoting():
    spec = importlib.util.spec_from_file_location("quoting", ROOT / "benchmarks" / "quoting.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documents_quote_what_the_results_say(quoting):
    assert quoting.stale() == [], "run benchmarks/quoting.py"


def test_results_are_quoted_only_where_figures_are_made_from_them(quoting):
    marked = set()
    for path in quoting.documents():
        text = path.read_text(encoding="utf-8")
        marked |= {found["name"] for found in quoting.MARKED.finditer(text)}
        rest = quoting.MARKED.sub("", text)
        assert "<!-- figures" not in rest, f"{path.name} has a mark without its end"
        timed = re.findall(r"\b[0-9.]+ (?:ms|milliseconds|µs)\b", rest)
        assert timed == [], f"{path.name} quotes {timed} by hand"
    assert marked == set(quoting.FIGURES)


def test_a_changed_figure_is_noticed(quoting, tmp_path, monkeypatch):
    name = "habits"
    whole = json.loads((quoting.RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    whole["rankings"]["both"]["MRR"]["mean"] += 0.1
    for file in quoting.RESULTS.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / f"{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    monkeypatch.setattr(quoting, "RESULTS", tmp_path)
    assert quoting.stale() == ["docs/recall.md"]


def test_results_tell_when_and_how_they_were_made(quoting):
    for file in quoting.RESULTS.glob("*.json"):
        whole = json.loads(file.read_text(encoding="utf-8"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", whole["date"]), file.name
        assert whole["command"], file.name
        assert whole["cores"], file.name
