"""The searcher: a model writes queries, each is searched, and what is found is merged."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.store.base import BaseStore, SearchItem

from holdfast.errors import ConfigurationError
from holdfast.flow import Flow, FlowRunnable
from holdfast.memory import MessagesState
from holdfast.namespace import NamespaceTemplate, current_store
from holdfast.retrieval.finding import find_all
from holdfast.retrieval.noting import note
from holdfast.retrieval.queries import QueryWriter
from holdfast.stores.plain import fenced
from holdfast.wording import read_state


class MemorySearcher(FlowRunnable[MessagesState, list[SearchItem]]):
    """Finds the memories that matter in a conversation; see `create_memory_searcher`."""

    name = "memory_searcher"

    def __init__(
        self,
        model: str | BaseChatModel,
        prompt: str | None,
        namespace: tuple[str, ...] | str,
        store: BaseStore | None,
        limit: int,
    ) -> None:
        if limit < 1:
            raise ConfigurationError(f"limit must be at least 1, got {limit!r}.")
        self._queries = QueryWriter(model, prompt, required=True)
        self.namespace = NamespaceTemplate(namespace)
        self._store = store
        self._limit = limit

    def flow(self, input: MessagesState, config: RunnableConfig) -> Flow[list[SearchItem]]:
        """Return the work for one input as a flow."""
        messages = read_state(input, "A searcher")
        namespace = self.namespace(config)
        store = fenced(current_store(self._store, config), namespace)
        queries, _ = yield from self._queries.flow(messages)
        found = yield from find_all(store, namespace, queries, self._limit)
        yield from note(store, [(item.namespace, item.key) for item in found], config)
        return found


def create_memory_searcher(
    model: str | BaseChatModel,
    prompt: str | None = None,
    *,
    namespace: tuple[str, ...] | str = ("memories", "{langgraph_user_id}"),
    store: BaseStore | None = None,
    limit: int = 10,
) -> Runnable[Any, list[SearchItem]]:
    """Create a searcher: a model reads a conversation and writes queries; each is searched.

    Args:
        model: A chat model, or its name.
        prompt: What to search for, in your words; braces in it are just text.
        namespace: Where memories live; it may hold variables, see `NamespaceTemplate`.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        limit: How many memories to return at most.

    Returns:
        A Runnable. Its input is `{"messages"}`; it returns items, best first, each once.

    Raises:
        ConfigurationError: The model, the namespace or the limit cannot work.
        ModelAnswerError: When run: the model wrote no query, also when asked again.

    Example:
        >>> from holdfast import create_memory_searcher, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> model = ScriptedModel([[("search_memory", {"query": "food that Ines cannot eat"})]])
        >>> with open_store(":memory:") as store:
        ...     store.put(("m",), "k", {"content": "Ines cannot eat peanuts"})
        ...     searcher = create_memory_searcher(model, namespace=("m",), store=store)
        ...     found = searcher.invoke({"messages": [("user", "What shall I cook for Ines?")]})
        >>> found[0].value["content"]
        'Ines cannot eat peanuts'
    """
    return MemorySearcher(model, prompt, namespace, store, limit)
