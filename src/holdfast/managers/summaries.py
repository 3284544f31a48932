"""Keeps the summary of each conversation as a memory."""

from __future__ import annotations

import hashlib
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.store.base import BaseStore, GetOp
from pydantic import BaseModel, Field

from holdfast.errors import ConfigurationError
from holdfast.extract.thread import ThreadExtractor
from holdfast.flow import Flow, FlowRunnable, StoreOps
from holdfast.history import ChangeSet, Provenance, Write
from holdfast.managers.inputs import read_input
from holdfast.memory import Action, Change, Receipt, Remembered, same, unwrap
from holdfast.namespace import NamespaceTemplate, current_store, decode_namespace, thread_of
from holdfast.schema import as_schema
from holdfast.stores.plain import fenced, write


class ConversationSummary(BaseModel):
    """One conversation in short, so that later ones can refer to it."""

    title: str = Field(description="A few words that tell it from other conversations.")
    summary: str = Field(description="What was said, decided and found out, with names and dates.")
    open_ends: list[str] = Field(
        default_factory=list, description="What was left undone or promised."
    )


class ThreadSummarizer(FlowRunnable[Any, list[dict[str, Any]]]):
    """Keeps a thread's summary as a memory; see `create_thread_summarizer`."""

    name = "thread_summarizer"

    def __init__(
        self,
        model: str | BaseChatModel,
        schema: Any,
        instructions: str | None,
        namespace: tuple[str, ...] | str,
        store: BaseStore | None,
    ) -> None:
        self._extractor = ThreadExtractor(model, as_schema(schema), instructions)
        self.namespace = NamespaceTemplate(namespace)
        self._store = store

    def flow(self, input: Any, config: RunnableConfig) -> Flow[list[dict[str, Any]]]:
        """Return the work for one input as a flow."""
        namespace = self.namespace(config)
        store = fenced(current_store(self._store, config), namespace)
        thread = thread_of(config)
        if thread is None:
            raise ConfigurationError(
                "A summary is kept under its thread: give config={'configurable': "
                "{'thread_id': ...}}."
            )
        messages, _ = read_input(input)
        document, usage = yield from self._extractor.extract(messages)
        schema = self._extractor.schema
        digest = hashlib.blake2b(thread.encode(), digest_size=8).hexdigest()
        key = f"{schema.kind}-{digest}"
        (item,) = yield StoreOps(store, [GetOp(namespace, key)])
        before = unwrap(item.value)[1] if item else None
        after = schema.dump(document)
        value = {"kind": schema.kind, "content": after}
        action: Action = "unchanged" if same(before, after) else "updated" if item else "inserted"
        puts = []
        if action != "unchanged":
            source = Provenance(who="assistant", thread=thread)
            yield from write(store, ChangeSet(namespace, (Write(key, value),), provenance=source))
            puts = [{"namespace": decode_namespace(namespace), "key": key, "value": value}]
        change = Change(action, key, schema.kind, before, after)
        return Remembered(puts, Receipt((change,), decode_namespace(namespace), usage))


def create_thread_summarizer(
    model: str | BaseChatModel,
    /,
    *,
    schema: Any = ConversationSummary,
    instructions: str | None = None,
    namespace: tuple[str, ...] | str = ("memories", "{langgraph_user_id}"),
    store: BaseStore | None = None,
) -> Runnable[Any, list[dict[str, Any]]]:
    """Create a keeper of summaries of past conversations: one memory for each thread.

    Args:
        model: A chat model, or its name.
        schema: The shape of a summary; by default `ConversationSummary`.
        instructions: What to put in it, in your words; braces in it are just text.
        namespace: Where memories live; it may hold variables, see `NamespaceTemplate`.
        store: Any LangGraph `BaseStore`; by default that of the running graph.

    Returns:
        A Runnable. Its input is `{"messages"}`, the whole conversation; the thread is `thread_id`
        in `configurable`. It returns what was put, with the `.receipt`; summarising a thread again
        updates its memory.

    Raises:
        ConfigurationError: A setting cannot work, or when run: there is no thread or store.
        ModelAnswerError: When run: the model gave no valid summary, also when asked again.

    Example:
        >>> from holdfast import create_thread_summarizer, open_store
        >>> from holdfast.testing import ScriptedModel
        >>> answer = {"title": "Tea", "summary": "Nora likes tea."}
        >>> model = ScriptedModel([[("ConversationSummary", answer)]])
        >>> with open_store(":memory:") as store:
        ...     keeper = create_thread_summarizer(model, namespace=("m",), store=store)
        ...     puts = keeper.invoke(
        ...         {"messages": [("user", "Tea!")]}, {"configurable": {"thread_id": "t1"}}
        ...     )
        >>> puts[0]["value"]["content"]["title"]
        'Tea'
    """
    return ThreadSummarizer(model, schema, instructions, namespace, store)
