"""What `import holdfast` gives, and costs."""

import doctest
import importlib
import json
import pkgutil
import socket
import statistics
import subprocess
import sys
import typing

import pytest

import holdfast

PUBLIC = {
    "AgentMemory",
    "Recall",
    "MemoryMiddleware",
    "recall_node",
    "reflect_node",
    "Episode",
    "Episodes",
    "FoundTriple",
    "Triple",
    "afind_triples",
    "arecall_episodes",
    "create_episode_manager",
    "find_triples",
    "recall_episodes",
    "AnnotatedTrajectory",
    "Gate",
    "Learned",
    "MultiPromptOptimizerInput",
    "OptimizedPrompt",
    "OptimizerInput",
    "Prompt",
    "PromptStore",
    "PromptVersion",
    "create_multi_prompt_optimizer",
    "create_prompt_optimizer",
    "Change",
    "ConfigurationError",
    "Context",
    "ConversationSummary",
    "ChangeSet",
    "Cursor",
    "Entry",
    "Erasure",
    "Finding",
    "Job",
    "Learn",
    "Ledger",
    "find_signals",
    "alearn_from",
    "learn_from",
    "PostgresStore",
    "Provenance",
    "Record",
    "Said",
    "Source",
    "Toolbox",
    "Version",
    "Write",
    "export_store",
    "import_chatgpt",
    "import_items",
    "import_mem0",
    "import_store",
    "create_manage_memory_tool",
    "create_memory_searcher",
    "create_search_memory_tool",
    "create_thread_extractor",
    "create_thread_summarizer",
    "ExtractedMemory",
    "HoldfastError",
    "Memory",
    "MemoryPhase",
    "MemoryStoreManager",
    "NamespaceTemplate",
    "Recalled",
    "Ranking",
    "Receipt",
    "RemoveDoc",
    "Rule",
    "SqliteStore",
    "Fence",
    "Limits",
    "Outcome",
    "ReflectionExecutor",
    "Retry",
    "Ticket",
    "Worker",
    "Consolidate",
    "Consolidation",
    "aconsolidate",
    "arecall",
    "consolidate",
    "create_memory_enricher",
    "create_memory_manager",
    "create_memory_store_enricher",
    "create_memory_store_manager",
    "decode_label",
    "encode_label",
    "open_store",
    "recall",
}
HEAVY = {"langchain", "langchain_core", "langgraph", "pydantic", "numpy", "typer", "jsonschema"}


def modules():
    for found in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not found.name.endswith("__main__"):
            yield found.name


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_public_names_are_these_and_all_load():
    assert set(holdfast.__all__) == PUBLIC == set(holdfast._WHERE)
    assert set(dir(holdfast)) >= PUBLIC
    for name in PUBLIC:
        assert getattr(holdfast, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = holdfast.nothing


def test_names_stay_the_same_after_every_room_was_imported():
    # A folder named like a function would hide it once the folder is imported.
    for name in modules():
        importlib.import_module(name)
    assert callable(holdfast.recall)
    assert not any(isinstance(getattr(holdfast, name), type(sys)) for name in PUBLIC)


def test_import_loads_nothing_heavy():
    loaded = json.loads(
        run("import holdfast, sys, json; print(json.dumps([m.split('.')[0] for m in sys.modules]))")
    )
    assert not HEAVY & set(loaded)


def test_import_costs_at_most_150_ms():
    timed = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    cost = statistics.median(float(run(timed.format("import holdfast"))) for _ in range(5))
    assert cost < 0.150


@pytest.mark.parametrize("name", list(modules()))
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    results = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert results.failed == 0


def test_public_functions_show_an_example_and_their_types():
    for name in PUBLIC:
        value = getattr(holdfast, name)
        assert value.__doc__, name
        if callable(value) and not isinstance(value, type):
            assert "Example:" in value.__doc__ or "see `" in value.__doc__, name
            assert "return" in typing.get_type_hints(
                value, localns={"RunnableConfig": typing.Any}
            ), name


def test_the_guard_refuses_the_network_here_and_in_child_processes():
    from sitecustomize import NetworkRefused

    with socket.socket() as probe, pytest.raises(NetworkRefused):
        probe.connect(("192.0.2.1", 80))
    code = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\n"
    code += "except Exception as error: print(type(error).__name__)"
    assert run(code).strip() == "NetworkRefused"
