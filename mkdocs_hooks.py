"""What the site takes from outside of `docs`: the README as its front page, and measurements."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent
FRONT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere in the repository."""
    results = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    pages = {name: ROOT / source for source, name in FRONT.items()}
    pages |= {f"benchmarks/results/{path.name}": path for path in results}
    for name, path in pages.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where the pages stand in the site."""
    text = markdown.replace("](../benchmarks/", "](benchmarks/")
    for source, name in FRONT.items():
        text = text.replace(f"](../{source}", f"]({name}").replace(f"]({source}", f"]({name}")
    text = text.replace("](../../docs/", "](../../")
    return text.replace("](docs/", "](") if page.file.src_uri in FRONT.values() else text


class Examples(griffe.Extension):
    """Lets the section `Example:` of our docstrings be read as griffe's `Examples:`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object, before it is parsed."""
        if obj.docstring is not None:
            told = obj.docstring.value
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", told, flags=re.MULTILINE)
