"""The stateless manager: messages and memories in, memories out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig

from holdfast import wording
from holdfast.errors import ConfigurationError
from holdfast.extract import Draft, Extractor, resolve_model
from holdfast.extract.draft import Allowed, Doc
from holdfast.flow import Flow, FlowRunnable
from holdfast.managers.inputs import read_existing, read_input
from holdfast.memory import (
    ExtractedMemory,
    Memory,
    MemoryState,
    Receipt,
    Remembered,
    RemoveDoc,
)
from holdfast.schema import as_schemas


class MemoryManager(FlowRunnable[MemoryState, list[ExtractedMemory]]):
    """Extracts memories from conversations; see `create_memory_manager`."""

    name = "memory_manager"

    def __init__(
        self,
        model: str | BaseChatModel,
        *,
        schemas: Sequence[Any] | None = None,
        instructions: str | None = None,
        enable_inserts: bool = True,
        enable_updates: bool = True,
        enable_deletes: bool = False,
        max_repairs: int = 1,
    ) -> None:
        if model is None:
            raise ConfigurationError(
                "create_memory_manager needs a model. Without one, create_memory_store_manager"
                "(None, ...) keeps messages verbatim in a store."
            )
        self.model = resolve_model(model)
        self.schemas = as_schemas(schemas or (Memory,))
        if instructions is None:
            instructions = wording.text("memory_instructions")
        allowed = Allowed(enable_inserts, enable_updates, enable_deletes)
        self._extractor = Extractor(self.model, self.schemas, instructions, allowed, max_repairs)

    def flow(self, input: MemoryState, config: RunnableConfig) -> Flow[list[ExtractedMemory]]:
        """Return the work for one input as a flow."""
        messages, max_steps = read_input(input)
        draft = Draft(read_existing(input.get("existing"), self.schemas), self.schemas)
        usage = yield from self._extractor.flow(draft, messages, max_steps)
        return Remembered(_memories(draft.docs), Receipt(draft.changes(), None, usage))

    async def __call__(
        self, messages: Iterable[Any], existing: Iterable[Any] | None = None
    ) -> list[ExtractedMemory]:
        """Extract memories from messages: `await manager(messages, existing)`."""
        return await self.ainvoke({"messages": messages, "existing": existing or ()})


def _memories(docs: Sequence[Doc]) -> list[ExtractedMemory]:
    """Return the memories, those that the model touched first; deletions as `RemoveDoc`."""
    listed: list[ExtractedMemory] = []
    for doc in sorted(docs, key=lambda doc: not doc.touched):
        if doc.now is not None:
            listed.append(ExtractedMemory(doc.id, doc.content))
        elif not doc.is_new:
            listed.append(ExtractedMemory(doc.id, RemoveDoc(json_doc_id=doc.id)))
    return listed


def create_memory_manager(
    model: str | BaseChatModel,
    /,
    *,
    schemas: Sequence[Any] | None = None,
    instructions: str | None = None,
    enable_inserts: bool = True,
    enable_updates: bool = True,
    enable_deletes: bool = False,
    max_repairs: int = 1,
) -> Runnable[MemoryState, list[ExtractedMemory]]:
    """Create a manager that turns messages, and memories that exist, into memories.

    It keeps nothing itself; `create_memory_store_manager` does. In the common case it asks the
    model once.

    Args:
        model: A chat model, or its name, such as `"openai:gpt-5-mini"`.
        schemas: The shapes of memories: pydantic models, dataclasses, TypedDicts or JSON Schema
            dicts. By default `Memory`, a text.
        instructions: What to remember, in your words; braces in it are just text.
        enable_inserts: Whether new memories may be made. If not, the first of each schema still
            may: a profile, of which there is one.
        enable_updates: Whether existing ones may be changed.
        enable_deletes: Whether existing ones may be removed.
        max_repairs: How often what the model got wrong is sent back to it.

    Returns:
        A Runnable. Its input is `{"messages", "existing"?, "max_steps"?}`; `existing` holds
        results of an earlier call, `(id, content)`, `(id, kind, dict)` or texts. It returns all
        memories as `ExtractedMemory(id, content)`, untouched ones included; `RemoveDoc` stands for
        one that was deleted. In process, `.receipt` on the list says what happened and why not.

    Raises:
        ConfigurationError: The model or a schema cannot be used.

    Example:
        >>> from holdfast import create_memory_manager
        >>> from holdfast.testing import ScriptedModel
        >>> model = ScriptedModel([[("Memory", {"content": "Nora likes tea"})]])
        >>> manager = create_memory_manager(model)
        >>> memories = manager.invoke({"messages": [{"role": "user", "content": "Tea, please!"}]})
        >>> memories[0].content
        Memory(content='Nora likes tea')
        >>> len(memories.receipt.inserted)
        1
    """
    return MemoryManager(
        model,
        schemas=schemas,
        instructions=instructions,
        enable_inserts=enable_inserts,
        enable_updates=enable_updates,
        enable_deletes=enable_deletes,
        max_repairs=max_repairs,
    )


def single(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a manager's arguments with `kind="single"` read as: one document, always updated.

    Raises:
        ConfigurationError: The kind is unknown, or contradicts another argument.
    """
    if kind not in ("single", "multi"):
        raise ConfigurationError(f"kind must be 'single' or 'multi', got {kind!r}.")
    if kind == "multi":
        return arguments
    for name, needed in (("enable_inserts", False), ("enable_updates", True)):
        if arguments.get(name, needed) is not needed:
            raise ConfigurationError(
                f"kind='single' keeps one document and updates it: leave {name} out."
            )
    return {**arguments, "enable_inserts": False}


def create_memory_enricher(
    model: str | BaseChatModel,
    /,
    schemas: Sequence[Any] | None = None,
    *,
    kind: Literal["single", "multi"] = "multi",
    **arguments: Any,
) -> Runnable[MemoryState, list[ExtractedMemory]]:
    """Create a memory manager under its older name.

    Args:
        model: As in `create_memory_manager`.
        schemas: As there.
        kind: `"single"` keeps one document of each schema and updates it; `"multi"` many.
        arguments: Further arguments of `create_memory_manager`.

    Raises:
        ConfigurationError: As there, or `kind` contradicts another argument.

    Example:
        >>> from holdfast import create_memory_enricher
        >>> from holdfast.testing import ScriptedModel
        >>> enricher = create_memory_enricher(ScriptedModel([[]]), kind="single")
        >>> enricher.invoke({"messages": []})
        []
    """
    return create_memory_manager(model, schemas=schemas, **single(kind, arguments))
