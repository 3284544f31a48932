"""The factories of store managers, under LangMem's names and its older ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError
from holdfast.managers.memory_manager import single
from holdfast.managers.store_manager import NAMESPACE, MemoryStoreManager
from holdfast.memory import MemoryPhase


def create_memory_store_manager(
    model: str | BaseChatModel | None,
    /,
    *,
    schemas: Sequence[Any] | None = None,
    instructions: str | None = None,
    default: Any = None,
    default_factory: Callable[[RunnableConfig], Any] | None = None,
    enable_inserts: bool = True,
    enable_updates: bool = True,
    enable_deletes: bool = False,
    query_model: str | BaseChatModel | None = None,
    query_limit: int = 5,
    namespace: tuple[str, ...] | str = NAMESPACE,
    store: BaseStore | None = None,
    phases: Sequence[MemoryPhase] | None = None,
    max_repairs: int = 1,
) -> MemoryStoreManager:
    """Create a manager that keeps what is worth remembering of a conversation in a store.

    Args:
        model: A chat model, its name, or None: then no model is asked, and each message is kept
            verbatim with its speaker, time and thread (`thread_id` in `configurable`).
        schemas: The shapes of memories, as in `create_memory_manager`.
        instructions: What to remember, in your words; braces in it are just text.
        default: What is known as long as nothing is: an instance of a schema, a dict or a text.
            It is stored under the key `"default"`.
        default_factory: A function of the RunnableConfig that returns such a default.
        enable_inserts: Whether new memories may be made. If not, there is one document of each
            schema, a profile, which is made if absent and updated from then on.
        enable_updates: Whether existing ones may be changed.
        enable_deletes: Whether existing ones may be removed.
        query_model: A model that writes the queries for what is known. By default the words of
            the whole new stretch of conversation are the query, in one search.
        query_limit: How many known memories the model is shown at most.
        namespace: Where memories live; it may hold variables, see `NamespaceTemplate`.
        store: Any LangGraph `BaseStore`; by default that of the running graph, on each call.
        phases: Further passes over what is known then, each with its own instructions.
        max_repairs: How often what the model got wrong is sent back to it.

    Returns:
        A Runnable. Its input is `{"messages", "max_steps"?}`; it returns what was put, as
        `{"namespace", "key", "value"}`, with the `.receipt` on the list. It also has `get`,
        `search`, `put`, `delete`, and their async forms.

    Raises:
        ConfigurationError: An argument cannot work; the message says which.

    Example:
        >>> from holdfast import create_memory_store_manager, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> store = open_store(":memory:")
        >>> model = ScriptedModel([[("Memory", {"content": "Nora likes tea"})]])
        >>> manager = create_memory_store_manager(model, namespace=("memories",), store=store)
        >>> puts = manager.invoke({"messages": [{"role": "user", "content": "Tea, please!"}]})
        >>> puts[0]["value"]
        {'kind': 'Memory', 'content': {'content': 'Nora likes tea'}}
        >>> store.close()
    """
    return MemoryStoreManager(
        model,
        schemas=schemas,
        instructions=instructions,
        default=default,
        default_factory=default_factory,
        enable_inserts=enable_inserts,
        enable_updates=enable_updates,
        enable_deletes=enable_deletes,
        query_model=query_model,
        query_limit=query_limit,
        namespace=namespace,
        store=store,
        phases=phases,
        max_repairs=max_repairs,
    )


def create_memory_store_enricher(
    model: str | BaseChatModel | None,
    /,
    schemas: Sequence[Any] | None = None,
    *,
    kind: Literal["single", "multi"] = "multi",
    namespace_prefix: tuple[str, ...] | str | None = None,
    **arguments: Any,
) -> MemoryStoreManager:
    """Create a store manager under its older name.

    Args:
        model: As in `create_memory_store_manager`.
        schemas: As there.
        kind: `"single"` keeps one document of each schema and updates it; `"multi"` many.
        namespace_prefix: The older name of `namespace`.
        arguments: Further arguments of `create_memory_store_manager`.

    Raises:
        ConfigurationError: As there, or two arguments contradict each other.

    Example:
        >>> from holdfast import create_memory_store_enricher, open_store
        >>> enricher = create_memory_store_enricher(None, namespace_prefix=("team",))
        >>> enricher.namespace
        NamespaceTemplate(('team',))
    """
    if namespace_prefix is not None:
        if "namespace" in arguments:
            raise ConfigurationError("Give namespace or its older name namespace_prefix, not both.")
        arguments["namespace"] = namespace_prefix
    return create_memory_store_manager(model, schemas=schemas, **single(kind, arguments))
