"""holdfast inside other frameworks: `create_agent`, graphs, and agents of any kind.

Names load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.integrations.summarizing import SummarizationMiddleware

_WHERE = {"SummarizationMiddleware": "holdfast.integrations.summarizing"}

__all__ = ["SummarizationMiddleware"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'holdfast.integrations' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
