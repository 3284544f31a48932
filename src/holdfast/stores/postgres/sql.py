"""The statements as psycopg takes them."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from holdfast.stores.statements import load
from holdfast.stores.statements import migrations as load_migrations

PACKAGE = "holdfast.stores.postgres"

_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
_ANSWERS = re.compile(r"^(SELECT|WITH)\b|\bRETURNING\b")


class Statement(NamedTuple):
    """A statement.

    Args:
        text: With its parameters as `%(name)s`.
        answers: Whether it gives rows.
    """

    text: str
    answers: bool


@functools.cache
def statements() -> dict[str, Statement]:
    """Return each statement by its name."""
    return {name: _statement(text) for name, text in load(PACKAGE, _is_one_of).items()}


@functools.cache
def migrations() -> tuple[str, ...]:
    """Return the numbered scripts that build the tables, oldest first."""
    return load_migrations(PACKAGE)


def _is_one_of(kind: str, name: str) -> str:
    if kind == "INTS":
        return f"= ANY(CAST({name} AS bigint[]))"
    # How many keys there are makes no other plan better; seen by the planner, it is reason enough
    # to plan each time anew, which takes longer than to read a few keys.
    return f"= ANY(ARRAY(SELECT unnest(CAST({name} AS text[]))))"


def _statement(text: str) -> Statement:
    named = _PARAMETER.sub(r"%(\1)s", text.replace("%", "%%"))
    return Statement(named, bool(_ANSWERS.search(text)))
