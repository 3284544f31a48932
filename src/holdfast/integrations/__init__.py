"""holdfast inside other frameworks: `create_agent`, graphs, and agents of any kind.

Names load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.integrations.agent_memory import AgentMemory, Recall
    from holdfast.integrations.middleware import MemoryMiddleware
    from holdfast.integrations.nodes import recall_node, reflect_node
    from holdfast.integrations.summarizing import SummarizationMiddleware

_WHERE = {
    "AgentMemory": "holdfast.integrations.agent_memory",
    "MemoryMiddleware": "holdfast.integrations.middleware",
    "Recall": "holdfast.integrations.agent_memory",
    "SummarizationMiddleware": "holdfast.integrations.summarizing",
    "recall_node": "holdfast.integrations.nodes",
    "reflect_node": "holdfast.integrations.nodes",
}

__all__ = [
    "AgentMemory",
    "MemoryMiddleware",
    "Recall",
    "SummarizationMiddleware",
    "recall_node",
    "reflect_node",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'holdfast.integrations' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
