"""Reflection later: LangMem's `ReflectionExecutor`, on a queue that loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from langchain_core.runnables import Runnable
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError
from holdfast.jobs.carriers import Carrier
from holdfast.jobs.handling import Limits, Retry
from holdfast.jobs.remote import RemoteReflectionExecutor
from holdfast.jobs.worker import LEASE
from holdfast.managers.executor import MAX_WAIT, LocalReflectionExecutor
from holdfast.managers.reflecting import Reading


@overload
def ReflectionExecutor(
    reflector: str,
    namespace: tuple[str, ...] | str,
    /,
    *,
    url: str | None = None,
    client: Any = None,
    sync_client: Any = None,
    carrier: Carrier | None = None,
    keep: Sequence[str] = (),
    own_threads: bool = True,
) -> RemoteReflectionExecutor: ...


@overload
def ReflectionExecutor(
    reflector: Runnable[Any, Any],
    namespace: tuple[str, ...] | str | None = None,
    /,
    *,
    store: BaseStore | None = None,
    keep: Sequence[str] = (),
    max_wait: float = MAX_WAIT,
    work: bool = True,
    concurrency: int = 1,
    lease: float = LEASE,
    retry: Retry | None = None,
    limits: Limits | None = None,
    reader: str | None = None,
    reading: Reading | None = None,
) -> LocalReflectionExecutor: ...


def ReflectionExecutor(
    reflector: Runnable[Any, Any] | str,
    namespace: tuple[str, ...] | str | None = None,
    /,
    **settings: Any,
) -> LocalReflectionExecutor | RemoteReflectionExecutor:
    """Create what reflects on conversations later, when they have settled.

    In a store of ours, every submit keeps its messages in the journal and puts a job, in one
    transaction; whoever does the job reads on from where it stopped. So several submits within
    the quiet period become one reflection over all of their messages, nothing is lost when a
    process ends, and nothing counts twice. In any other `BaseStore` the memories are kept there,
    while messages and jobs that wait are in this process alone: a crash loses those, and may let
    the last window of a conversation be told twice.

    Args:
        reflector: A memory manager, or any Runnable; or the name of a graph on a LangGraph server.
        namespace: For a graph, where its memories live. For a Runnable, where its jobs do, where
            it has no attribute `namespace`.
        store: Where memories live; by default the manager's own store, else that of the graph that
            submits.
        keep: Keys of `configurable` that are stored with a job, for workers in other processes.
            Of a config, nothing else is stored.
        max_wait: Seconds for which a reflection is put off at most, by default an hour: a user
            who never pauses is reflected upon as well.
        work: Whether this process does the work too; False leaves it to `holdfast worker`.
        concurrency: How many reflections run at once in this process.
        lease: Seconds after which another process takes over what this one does, if it is silent.
        retry: How often a failed reflection is tried again.
        limits: What models may cost in each namespace on each day.
        reader: Under which name it is noted how far a thread is read; by default one that follows
            from the kinds of the manager's schemas, so that two managers read the same threads.
            For another Runnable, the name by which workers know it.
        reading: How many tokens of new messages, and how many earlier ones, a model is shown.
        url: Of a LangGraph server.
        client: A client of `langgraph_sdk`, in place of a url.
        sync_client: A synchronous one.
        carrier: Another queue to hand the work to, in place of a LangGraph server.
        own_threads: Whether runs on the server get threads of their own; see
            `holdfast.jobs.RemoteReflectionExecutor`.

    Returns:
        An executor: `submit`, `search`, `asearch`, `shutdown`; a context manager.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from holdfast import ReflectionExecutor, create_memory_store_manager, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> store = open_store(":memory:")
        >>> model = ScriptedModel([[("Memory", {"content": "Nora likes tea"})]])
        >>> manager = create_memory_store_manager(model, namespace=("memories",))
        >>> with ReflectionExecutor(manager, store=store) as executor:
        ...     thread = {"configurable": {"thread_id": "monday"}}
        ...     later = executor.submit({"messages": [("user", "Hello!")]}, thread, after_seconds=9)
        ...     later = executor.submit({"messages": [("user", "Tea, please!")]}, thread)
        ...     receipt = later.result()
        >>> [change.after["content"] for change in receipt.inserted], receipt.usage.model_calls
        (['Nora likes tea'], 1)
        >>> store.close()
    """
    if isinstance(reflector, str):
        if namespace is None:
            raise ConfigurationError(
                f"ReflectionExecutor({reflector!r}, ...) names a graph on a server; say where its "
                "memories live: ReflectionExecutor('graph', ('memories', 'nora'), url=...)."
            )
        return RemoteReflectionExecutor(namespace, reflector, **settings)
    return LocalReflectionExecutor(reflector, namespace, **settings)
