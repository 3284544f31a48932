"""The site of the documents: built without a warning, every public name in its reference."""

import os
import re
import subprocess
import sys
from pathlib import Path

import holdfast

ROOT = Path(__file__).parent.parent


def run(*command):
    settings = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


def words_of(picture):
    return re.sub(r"<[^>]+>|\s+", " ", picture.read_text(encoding="utf-8"))


def test_the_site_is_built_without_a_warning(tmp_path):
    done = run("-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    page = (tmp_path / "site" / "reference" / "recall.html").read_text(encoding="utf-8")
    assert "budget_tokens" in page
    assert (tmp_path / "site" / "index.html").exists()


def test_every_public_name_is_in_the_reference_once():
    pages = (ROOT / "docs" / "reference").glob("*.md")
    told = [
        name
        for page in pages
        for name in re.findall(r"^::: holdfast\.([A-Za-z0-9_]+)$", page.read_text(), re.MULTILINE)
        if name not in ("errors",)
    ]
    assert sorted(told) == sorted(holdfast.__all__)


def test_pictures_are_made_by_the_run_that_they_show(tmp_path):
    done = run("scripts/pictures.py", str(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
    assert [picture.name for picture in shown] == sorted(p.name for p in tmp_path.iterdir())
    for picture in shown:
        assert words_of(tmp_path / picture.name) == words_of(picture)
