"""Which advisory locks stand for the places that a transaction writes to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

SINGLE = 64
"""Up to how many places are locked one by one; for more, their namespaces are locked whole."""

BUCKETS = 512
"""Over how many locks all namespaces are spread: the server has room for some thousand locks."""


def wanted(schema: str, places: Sequence[tuple[str, str]]) -> dict[str, list[int] | list[bool]]:
    """Return the locks for some places: their numbers, and which of them may be shared.

    A few places are locked each for itself, and their namespaces are shared with other writers;
    a place with an empty key is a whole namespace. The numbers rise, and every transaction takes
    all its locks in one go: so no two can wait for each other.

    Args:
        schema: Of the tables; locks are known in the whole database.
        places: Paths and keys.

    Example:
        >>> few = wanted("holdfast", [("m.nora", "tea"), ("m.nora", "ferry")])
        >>> len(few["numbers"]), sum(few["shared"])
        (3, 1)
        >>> many = wanted("holdfast", [("m.nora", str(n)) for n in range(100)])
        >>> len(many["numbers"]), sum(many["shared"])
        (1, 0)
    """
    one_by_one = len(places) <= SINGLE
    shared: dict[int, bool] = {}
    for path, key in places:
        space = _space(schema, path)
        shared[space] = shared.get(space, True) and one_by_one and bool(key)
        if one_by_one and key:
            shared[number(schema, "place", path, key)] = False
    numbers = sorted(shared)
    return {"numbers": numbers, "shared": [shared[one] for one in numbers]}


def number(*parts: str) -> int:
    """Return the number of the advisory lock that stands for some texts."""
    text = "\0".join(("holdfast", *parts))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def channel(schema: str) -> str:
    """Return the name under which the server tells of the jobs of a schema."""
    return f"holdfast_{number(schema, 'jobs') & 0xFFFFFFFFFFFFFFFF:x}"


def _space(schema: str, path: str) -> int:
    return number(schema, "spaces", str(number(path) % BUCKETS))
