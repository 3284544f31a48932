"""Placeholder until the room of remote work is merged."""

from typing import Any

Carrier = Any


class RemoteReflectionExecutor:
    """X."""

    def __init__(self, *a: Any, **k: Any) -> None:
        """X."""
