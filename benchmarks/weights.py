"""Prints what each dependency of holdfast weighs, installed, as the table in docs/architecture.md.

python benchmarks/weights.py
"""

from __future__ import annotations

import re
from importlib.metadata import distribution, requires


def megabytes(name: str) -> float:
    """Return the size of a distribution's own files, without what it depends on."""
    files = distribution(name).files or []
    sizes = (path.locate() for path in files if "__pycache__" not in str(path))
    return sum(path.stat().st_size for path in sizes if path.exists()) / 1e6


def dependencies() -> list[str]:
    """Return the names of what holdfast needs, extras left out."""
    listed = requires("holdfast") or []
    return [re.split(r"[^\w.-]", line)[0] for line in listed if "extra ==" not in line]


if __name__ == "__main__":
    for name in dependencies():
        print(f"{name:22} {distribution(name).version:10} {megabytes(name):6.1f} MB")
