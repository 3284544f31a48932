"""The named statements and numbered scripts of the `.sql` files."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files

_SHARED = "holdfast.stores.plan"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_LIST = re.compile(r"IN (INTS|TEXTS)\((:\w+)\)")


def load(package: str, lists: Callable[[str, str], str]) -> dict[str, str]:
    """Return the statements that all backends share, and those of one backend, by name.

    Args:
        package: The backend's, such as `holdfast.stores.sqlite`.
        lists: Writes "is one of these" in the backend's words, from `INTS` or `TEXTS` and the
            parameter.
    """
    found: dict[str, str] = {}
    shared = (entry for entry in files(_SHARED).iterdir() if entry.name.endswith(".sql"))
    for file in (*shared, files(package) / "statements.sql"):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, sql in zip(parts[1::2], parts[2::2], strict=True):
            plain = _COMMENT.sub("", sql).strip()
            found[name] = _LIST.sub(lambda match: lists(match[1], match[2]), plain)
    return found


def migrations(package: str) -> tuple[str, ...]:
    """Return the numbered scripts that build a backend's tables, oldest first."""
    scripts = sorted(
        (entry for entry in files(package).iterdir() if re.match(r"\d{3}_", entry.name)),
        key=lambda entry: entry.name,
    )
    return tuple(script.read_text(encoding="utf-8") for script in scripts)
