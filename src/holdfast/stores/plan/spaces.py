"""Spaces: the namespaces that a database holds, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from holdfast.stores.plan.effects import Draw, Plan, Row, Sql, SqlMany

T = TypeVar("T")

CHUNK = 500
"""How many keys or ids go into one statement."""

_HIGHEST = "\U0010ffff" * 64  # a label may begin with it, but hardly so often


def joined(namespace: Sequence[str]) -> str:
    """Return a namespace as it stands in the database; no label holds a period."""
    return ".".join(namespace)


def labels(path: str) -> tuple[str, ...]:
    """Return the namespace that a path stands for."""
    return tuple(path.split("."))


def below(namespace: Sequence[str]) -> dict[str, str]:
    """Return the range of paths of a namespace and of what stands below it."""
    path = joined(namespace)
    if not path:
        return {"path": "", "low": "", "high": _HIGHEST}
    return {"path": path, "low": f"{path}.", "high": f"{path}/"}  # "/" comes right after "."


def spaces_below(namespace: Sequence[str]) -> Plan[dict[int, str]]:
    """Return the paths of a namespace and of what stands below it, by number."""
    rows = yield Sql("spaces_below", below(namespace))
    return {row["id"]: row["path"] for row in rows}


def space_of(namespace: Sequence[str]) -> Plan[int | None]:
    """Return the number of exactly this namespace; None when nothing was ever written there."""
    rows = yield Sql("space", {"path": joined(namespace)})
    return rows[0]["id"] if rows else None


def spaces_made(paths: Iterable[str]) -> Plan[dict[str, int]]:
    """Return the number of each path, making those that are not there yet."""
    wanted = sorted(set(paths))
    found: dict[str, int] = {}
    for part in chunks(wanted):
        rows = yield Sql("spaces_named", {"paths": part})
        found |= {row["path"]: row["id"] for row in rows}
    missing = [path for path in wanted if path not in found]
    if missing:
        ids = yield Draw(len(missing))
        new = [{"id": id, "path": path} for id, path in zip(ids, missing, strict=True)]
        yield SqlMany("make_space", new)
        for part in chunks(missing):
            rows = yield Sql("spaces_named", {"paths": part})
            found |= {row["path"]: row["id"] for row in rows}
    return found


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield a sequence in parts of a bounded size."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def now_text() -> str:
    """Return the time now, in the form in which it is stored."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def is_over(item: Row) -> bool:
    """Tell whether an item's time to live is over."""
    return item["expires_at"] is not None and item["expires_at"] <= now_text()


def time_of(text: Any) -> datetime | None:
    """Return a stored time."""
    return None if text is None else datetime.fromisoformat(text)
