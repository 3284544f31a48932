"""`extract_memories`: a graph that keeps what is worth remembering of conversations.

Example:
    >>> from holdfast import open_store
    >>> from holdfast.testing import ScriptedModel
    >>> from langgraph.func import entrypoint
    >>> with open_store(":memory:") as store:
    ...     @entrypoint(store=store)
    ...     def server(asked):
    ...         return extract_memories.invoke(asked)
    ...     model = ScriptedModel([[("Memory", {"content": "Nora likes tea"})]])
    ...     done = server.invoke(
    ...         {"messages": [("user", "Tea, please!")]}, {"configurable": {"model": model}}
    ...     )
    ...     [item.value["content"] for item in store.search(("memories",))]
    [{'content': 'Nora likes tea'}]
    >>> done["updated_memories"][0]["namespace"]
    ('memories',)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Required

from langchain_core.runnables import RunnableConfig
from langgraph.channels import EphemeralValue
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from holdfast import wording
from holdfast.errors import InputError, shown
from holdfast.flow import Call, Flow
from holdfast.graphs.node import Node
from holdfast.graphs.places import place_of
from holdfast.graphs.settings import model_of, read_settings
from holdfast.managers.store_manager import MemoryStoreManager, create_memory_store_manager
from holdfast.memory import Message
from holdfast.trajectories import Trajectory, read_trajectories, rendered_feedback

_SETTINGS: Mapping[str, type] = {
    "model": object,
    "query_model": object,
    "query_limit": int,
    "instructions": str,
    "enable_inserts": bool,
    "enable_updates": bool,
    "enable_deletes": bool,
}


class ExtractInput(TypedDict, total=False):
    """What `extract_memories` takes.

    Args:
        messages: A conversation, a `(messages, feedback)` pair, or a list of conversations and
            pairs. Feedback is a text, a score, or a dict of texts and scores.
        schemas: The shapes of memories: one JSON Schema with a `title`, or a list of them; in this
            process also classes. By default memories are texts.
        namespace: Where they go, as a list of labels; by default `["memories"]`. Where the server
            knows who calls, it stands below the caller's identity.
    """

    messages: Required[Annotated[list[Any], EphemeralValue]]
    schemas: Annotated[list[Any] | dict[str, Any] | None, EphemeralValue]
    namespace: Annotated[list[str] | tuple[str, ...] | None, EphemeralValue]


class ExtractOutput(TypedDict):
    """What `extract_memories` gives.

    Args:
        updated_memories: What was put, each `{"namespace", "key", "value"}`, its value
            `{"kind", "content"}`.
        receipts: What became of each thing that the model asked for, for each conversation;
            `Receipt.to_dict()` says their form.
    """

    updated_memories: list[dict[str, Any]]
    receipts: list[dict[str, Any]]


class ExtractContext(TypedDict, total=False):
    """How a run extracts; what is left out is as in `create_memory_store_manager`.

    Args:
        model: A chat model's name; by default that of `HOLDFAST_MODEL`.
        query_model: The name of one that writes the queries for what is known.
        query_limit: How many known memories the model is shown at most.
        instructions: What to remember.
        enable_inserts: Whether new memories may be made; if not, there is a profile of each schema.
        enable_updates: Whether existing ones may be changed.
        enable_deletes: Whether existing ones may be removed.
    """

    model: str
    query_model: str
    query_limit: int
    instructions: str
    enable_inserts: bool
    enable_updates: bool
    enable_deletes: bool


class _State(ExtractInput, ExtractOutput):
    """What the graph holds; inputs are gone after the run, so that the next begins without them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The input of a run, read."""

    conversations: Sequence[tuple[Sequence[Message], str]]
    schemas: Sequence[Any] | None
    namespace: tuple[str, ...]


class ExtractMemories(Node[ExtractOutput]):
    """The node of `extract_memories`."""

    name = "extract"

    def work(self, input: Any, config: RunnableConfig) -> Flow[ExtractOutput]:
        """Return the work for one input as a flow."""
        asked = _read(input, config)
        if not asked.conversations:
            return ExtractOutput(updated_memories=[], receipts=[])
        settings = read_settings(config, _SETTINGS)
        # To load a provider's client, or our wordings, reads files: not on an event loop.
        manager: MemoryStoreManager = yield Call(partial(_manager, asked, settings))
        done = []
        for messages, feedback in asked.conversations:
            done.append((yield from manager.hear(messages, config, feedback=feedback)))
        return ExtractOutput(
            updated_memories=[put for each in done for put in each],
            receipts=[each.receipt.to_dict() for each in done],
        )


def _read(input: Any, config: RunnableConfig) -> _Asked:
    if not isinstance(input, Mapping) or "messages" not in input:
        raise InputError(f"extract_memories takes {{'messages': [...]}}, got {shown(input)}.")
    messages = input["messages"]
    told = [] if messages is None or messages == [] else read_trajectories(messages)
    conversations = [(one.said, _feedback(number, one)) for number, one in enumerate(told)]
    schemas = input.get("schemas")
    if isinstance(schemas, Mapping):
        schemas = [schemas]
    return _Asked(conversations, schemas, place_of(input.get("namespace"), config))


def _feedback(number: int, one: Trajectory) -> str:
    feedback = one.feedback
    if feedback is not None and not isinstance(feedback, str | int | float | Mapping):
        raise InputError(
            f"The feedback on conversation {number} must be a text, a score, or a dict of these; "
            f"got {shown(feedback)}."
        )
    return rendered_feedback(feedback)


def _manager(asked: _Asked, settings: dict[str, Any]) -> MemoryStoreManager:
    wording.load()
    given = dict(settings)
    model = model_of(given)
    if any(feedback for _, feedback in asked.conversations):
        instructions = given.get("instructions") or wording.text("memory_instructions")
        given["instructions"] = f"{instructions.strip()}\n\n{wording.text('extract_feedback')}"
    return create_memory_store_manager(
        model, schemas=asked.schemas, namespace=asked.namespace, **given
    )


extract_memories = (
    StateGraph(
        _State,
        context_schema=ExtractContext,
        input_schema=ExtractInput,
        output_schema=ExtractOutput,
    )
    .add_node("extract", ExtractMemories(), input_schema=ExtractInput)
    .add_edge(START, "extract")
    .compile(name="extract_memories")
)
"""Keeps what is worth remembering of conversations in the store of the server that runs it.

It has no store of its own: a server hands its own over, and so does whoever calls it as a part of
a graph that was compiled with one. Input, output and settings: `ExtractInput`, `ExtractOutput`,
`ExtractContext`.
"""
