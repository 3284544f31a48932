"""Long-term memory for LLM agents: kept, versioned, traceable, and found again.

Names load when they are first used, so that `import holdfast` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.episodes import Episode, Triple
    from holdfast.errors import ConfigurationError, HoldfastError
    from holdfast.extract.thread import create_thread_extractor
    from holdfast.history import (
        ChangeSet,
        Cursor,
        Entry,
        Erasure,
        Finding,
        Provenance,
        Record,
        Said,
        Source,
        Version,
        Write,
    )
    from holdfast.integrations.agent_memory import AgentMemory, Recall
    from holdfast.integrations.middleware import MemoryMiddleware
    from holdfast.integrations.nodes import recall_node, reflect_node
    from holdfast.job import Fence, Job, Outcome, Ticket
    from holdfast.jobs import Limits, Retry, Worker
    from holdfast.ledger import Ledger
    from holdfast.managers.consolidating import (
        Consolidate,
        Consolidation,
        aconsolidate,
        consolidate,
    )
    from holdfast.managers.episodes import create_episode_manager
    from holdfast.managers.later import ReflectionExecutor
    from holdfast.managers.memory_manager import create_memory_enricher, create_memory_manager
    from holdfast.managers.store_manager import (
        MemoryStoreManager,
        create_memory_store_enricher,
        create_memory_store_manager,
    )
    from holdfast.managers.summaries import ConversationSummary, create_thread_summarizer
    from holdfast.memory import (
        Change,
        ExtractedMemory,
        Memory,
        MemoryPhase,
        Receipt,
        RemoveDoc,
        Rule,
    )
    from holdfast.namespace import NamespaceTemplate, decode_label, encode_label
    from holdfast.optimize import (
        AnnotatedTrajectory,
        Gate,
        Learn,
        MultiPromptOptimizerInput,
        OptimizedPrompt,
        OptimizerInput,
        Prompt,
        alearn_from,
        create_multi_prompt_optimizer,
        create_prompt_optimizer,
        find_signals,
        learn_from,
    )
    from holdfast.optimize.learned import Learned
    from holdfast.optimize.prompt_store import PromptStore
    from holdfast.optimize.prompt_versions import PromptVersion
    from holdfast.ranking.weights import Ranking
    from holdfast.retrieval.asking import arecall, recall
    from holdfast.retrieval.context import Context, Recalled
    from holdfast.retrieval.episodes import Episodes, arecall_episodes, recall_episodes
    from holdfast.retrieval.searcher import create_memory_searcher
    from holdfast.retrieval.triples import FoundTriple, afind_triples, find_triples
    from holdfast.stores.opening import open_store
    from holdfast.stores.postgres.store import PostgresStore
    from holdfast.stores.sqlite.store import SqliteStore
    from holdfast.tools.manage import create_manage_memory_tool
    from holdfast.tools.search import create_search_memory_tool
    from holdfast.tools.toolbox import Toolbox
    from holdfast.transfer.importing import import_chatgpt, import_items, import_mem0
    from holdfast.transfer.jsonl import export_store, import_store

__version__ = "0.1.0"

_ROOMS = {
    "holdfast.episodes": ("Episode", "Triple"),
    "holdfast.errors": ("ConfigurationError", "HoldfastError"),
    "holdfast.extract.thread": ("create_thread_extractor",),
    "holdfast.history": (
        "ChangeSet",
        "Cursor",
        "Entry",
        "Erasure",
        "Finding",
        "Provenance",
        "Record",
        "Said",
        "Source",
        "Version",
        "Write",
    ),
    "holdfast.integrations.agent_memory": ("AgentMemory", "Recall"),
    "holdfast.integrations.middleware": ("MemoryMiddleware",),
    "holdfast.integrations.nodes": ("recall_node", "reflect_node"),
    "holdfast.job": ("Fence", "Job", "Outcome", "Ticket"),
    "holdfast.jobs": ("Limits", "Retry", "Worker"),
    "holdfast.ledger": ("Ledger",),
    "holdfast.managers.consolidating": (
        "Consolidate",
        "Consolidation",
        "aconsolidate",
        "consolidate",
    ),
    "holdfast.managers.episodes": ("create_episode_manager",),
    "holdfast.managers.later": ("ReflectionExecutor",),
    "holdfast.managers.memory_manager": ("create_memory_enricher", "create_memory_manager"),
    "holdfast.managers.store_manager": (
        "MemoryStoreManager",
        "create_memory_store_enricher",
        "create_memory_store_manager",
    ),
    "holdfast.managers.summaries": ("ConversationSummary", "create_thread_summarizer"),
    "holdfast.memory": (
        "Change",
        "ExtractedMemory",
        "Memory",
        "MemoryPhase",
        "Receipt",
        "RemoveDoc",
        "Rule",
    ),
    "holdfast.namespace": ("NamespaceTemplate", "decode_label", "encode_label"),
    "holdfast.optimize": (
        "AnnotatedTrajectory",
        "Gate",
        "Learn",
        "MultiPromptOptimizerInput",
        "OptimizedPrompt",
        "OptimizerInput",
        "Prompt",
        "alearn_from",
        "create_multi_prompt_optimizer",
        "create_prompt_optimizer",
        "find_signals",
        "learn_from",
    ),
    "holdfast.optimize.prompt_store": ("PromptStore",),
    "holdfast.optimize.learned": ("Learned",),
    "holdfast.optimize.prompt_versions": ("PromptVersion",),
    "holdfast.ranking.weights": ("Ranking",),
    "holdfast.retrieval.asking": ("arecall", "recall"),
    "holdfast.retrieval.context": ("Context", "Recalled"),
    "holdfast.retrieval.episodes": ("Episodes", "arecall_episodes", "recall_episodes"),
    "holdfast.retrieval.searcher": ("create_memory_searcher",),
    "holdfast.retrieval.triples": ("FoundTriple", "afind_triples", "find_triples"),
    "holdfast.stores.opening": ("open_store",),
    "holdfast.stores.postgres.store": ("PostgresStore",),
    "holdfast.stores.sqlite.store": ("SqliteStore",),
    "holdfast.tools.manage": ("create_manage_memory_tool",),
    "holdfast.tools.search": ("create_search_memory_tool",),
    "holdfast.tools.toolbox": ("Toolbox",),
    "holdfast.transfer.importing": ("import_chatgpt", "import_items", "import_mem0"),
    "holdfast.transfer.jsonl": ("export_store", "import_store"),
}
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "AgentMemory",
    "AnnotatedTrajectory",
    "Change",
    "ChangeSet",
    "ConfigurationError",
    "Consolidate",
    "Consolidation",
    "Context",
    "ConversationSummary",
    "Cursor",
    "Entry",
    "Episode",
    "Episodes",
    "Erasure",
    "ExtractedMemory",
    "Fence",
    "Finding",
    "FoundTriple",
    "Gate",
    "HoldfastError",
    "Job",
    "Learn",
    "Learned",
    "Ledger",
    "Limits",
    "Memory",
    "MemoryMiddleware",
    "MemoryPhase",
    "MemoryStoreManager",
    "MultiPromptOptimizerInput",
    "NamespaceTemplate",
    "OptimizedPrompt",
    "OptimizerInput",
    "Outcome",
    "PostgresStore",
    "Prompt",
    "PromptStore",
    "PromptVersion",
    "Provenance",
    "Ranking",
    "Recall",
    "Recalled",
    "Receipt",
    "Record",
    "ReflectionExecutor",
    "RemoveDoc",
    "Retry",
    "Rule",
    "Said",
    "Source",
    "SqliteStore",
    "Ticket",
    "Toolbox",
    "Triple",
    "Version",
    "Worker",
    "Write",
    "aconsolidate",
    "afind_triples",
    "alearn_from",
    "arecall",
    "arecall_episodes",
    "consolidate",
    "create_episode_manager",
    "create_manage_memory_tool",
    "create_memory_enricher",
    "create_memory_manager",
    "create_memory_searcher",
    "create_memory_store_enricher",
    "create_memory_store_manager",
    "create_multi_prompt_optimizer",
    "create_prompt_optimizer",
    "create_search_memory_tool",
    "create_thread_extractor",
    "create_thread_summarizer",
    "decode_label",
    "encode_label",
    "export_store",
    "find_signals",
    "find_triples",
    "import_chatgpt",
    "import_items",
    "import_mem0",
    "import_store",
    "learn_from",
    "open_store",
    "recall",
    "recall_episodes",
    "recall_node",
    "reflect_node",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
