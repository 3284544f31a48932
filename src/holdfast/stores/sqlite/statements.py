"""The named statements of this folder's `.sql` files."""

from __future__ import annotations

import functools
import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@functools.cache
def statements() -> dict[str, str]:
    """Return the SQL of each statement by its name."""
    parts = _NAME.split((files(__package__) / "statements.sql").read_text(encoding="utf-8"))
    return {name: sql.strip() for name, sql in zip(parts[1::2], parts[2::2], strict=True)}


@functools.cache
def migrations() -> tuple[str, ...]:
    """Return the numbered scripts that build the file's tables, oldest first."""
    scripts = sorted(
        (entry for entry in files(__package__).iterdir() if re.match(r"\d{3}_", entry.name)),
        key=lambda entry: entry.name,
    )
    return tuple(script.read_text(encoding="utf-8") for script in scripts)
