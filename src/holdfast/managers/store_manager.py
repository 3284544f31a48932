"""The stateful manager: finds what is known, lets a model change it, commits the changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast import wording
from holdfast.errors import ConfigurationError
from holdfast.extract import Draft, Extractor, model_name, resolve_model
from holdfast.extract.draft import Allowed
from holdfast.flow import Flow
from holdfast.history import ChangeSet, Provenance, Said
from holdfast.journal import digest
from holdfast.managers.committing import commit
from holdfast.managers.direct import DirectAccess
from holdfast.managers.inputs import read_default, read_input
from holdfast.managers.keeping import keep
from holdfast.managers.known import KnownItems, look_up
from holdfast.managers.memory_manager import single
from holdfast.memory import Memory, MemoryPhase, Message, Remembered, Usage
from holdfast.namespace import NamespaceTemplate, current_config, current_store, thread_of
from holdfast.retrieval.queries import QueryWriter
from holdfast.schema import Schema, as_schemas
from holdfast.stores.plain import fenced
from holdfast.trajectories import with_feedback

NAMESPACE = ("memories", "{langgraph_user_id}")
"""Where memories live by default, as in LangMem."""

READER = "reflection"
"""The name of the reader that a manager of plain memories is."""

_PHASE_KEYS = frozenset(MemoryPhase.__annotations__)


@dataclass(frozen=True, slots=True)
class Later:
    """Passes of a manager over what is known.

    Args:
        passes: Each with its instructions.
        prompt: The version of all of these.
        own: Whether they are the manager's phases.
    """

    passes: tuple[Extractor, ...]
    prompt: str | None
    own: bool


class MemoryStoreManager(DirectAccess):
    """Extracts memories from conversations and keeps them; see `create_memory_store_manager`."""

    name = "memory_store_manager"

    def __init__(
        self,
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
    ) -> None:
        if not isinstance(query_limit, int) or query_limit < 1:
            raise ConfigurationError(f"query_limit must be a number from 1, got {query_limit!r}.")
        if default is not None and default_factory is not None:
            raise ConfigurationError("Give either default or default_factory, not both.")
        self.schemas = as_schemas(schemas or (Memory,))
        self.namespace = NamespaceTemplate(namespace)
        self.query_limit = query_limit
        self.allowed = Allowed(enable_inserts, enable_updates, enable_deletes)
        self.default_factory = default_factory
        if default is not None:
            fitting = read_default(default, self.schemas)
            self.default_factory = lambda config: fitting[1]
        self._store = store
        self._prompt: str | None = None
        self.model = None if model is None else resolve_model(model)
        self._queries = None if query_model is None else QueryWriter(query_model)
        self._passes: list[tuple[Extractor, bool]] = []
        self._phases = tuple(phases or ())
        self._max_repairs = max_repairs
        if self.model is not None:
            text = wording.text("memory_instructions") if instructions is None else instructions
            self._prompt = f"instructions-{digest(text)[:8]}"
            first = Extractor(self.model, self.schemas, text, self.allowed, max_repairs)
            self._passes = [(first, True), *(self._phase(phase) for phase in self._phases)]

    def _phase(self, phase: Mapping[str, Any], *, inserts: bool = True) -> tuple[Extractor, bool]:
        unknown = set(phase) - _PHASE_KEYS
        if unknown:
            raise ConfigurationError(
                f"A phase has unknown keys {sorted(unknown)}; known are {sorted(_PHASE_KEYS)}."
            )
        allowed = Allowed(
            inserts and phase.get("enable_inserts", True),
            phase.get("enable_updates", True),
            phase.get("enable_deletes", True),
        )
        text = phase.get("instructions") or wording.text("phase_instructions")
        assert self.model is not None
        extractor = Extractor(self.model, self.schemas, text, allowed, self._max_repairs)
        return extractor, bool(phase.get("include_messages", False))

    @cached_property
    def later(self) -> Later:
        """The passes over what is known when nothing is said: its phases, or one of ours.

        Where there is one document of each kind they make no second one.
        """
        ours = {"instructions": wording.text("consolidate_instructions")}
        phases = self._phases or (ours,)
        texts = [phase.get("instructions") or "" for phase in phases]
        if self.model is None:
            return Later((), None, own=False)
        passes = (self._phase(phase, inserts=self.allowed.inserts)[0] for phase in phases)
        prompt = f"consolidation-{digest(*texts)[:8]}"
        return Later(tuple(passes), prompt, own=bool(self._phases))

    # The work

    def flow(self, input: Any, config: RunnableConfig) -> Flow[list[dict[str, Any]]]:
        """Return the work for one input as a flow."""
        messages, max_steps = read_input(input)
        return (yield from self.hear(messages, config, max_steps=max_steps))

    def hear(
        self,
        messages: Sequence[Message],
        config: RunnableConfig,
        *,
        feedback: str = "",
        max_steps: int = 1,
        review: Callable[[Draft], None] | None = None,
    ) -> Flow[Remembered]:
        """Keep what was said, with what the model makes of it, in one commit.

        Args:
            messages: What was said.
            config: Of this call; it names the thread and fills in the namespace.
            feedback: What somebody thought of it: shown to the model, and not kept as said.
            max_steps: How many turns the model may take.
            review: Changes what the model made, before it is committed.
        """
        namespace = self.namespace(config)
        store = fenced(self.store_for(config), namespace)
        said = Said(tuple(messages), thread_of(config))
        if self.model is None:
            return (yield from keep(store, namespace, said))
        along = ChangeSet(
            namespace,
            journal=(replace(said, read_by=self.reader),),
            provenance=self.provenance(config, messages),
        )
        shown = with_feedback(messages, feedback)
        told = self.remember(store, shown, config, along, max_steps=max_steps, review=review)
        return (yield from told)

    def remember(
        self,
        store: BaseStore,
        messages: Sequence[Message],
        config: RunnableConfig,
        along: ChangeSet,
        *,
        earlier: Sequence[Message] = (),
        max_steps: int = 1,
        review: Callable[[Draft], None] | None = None,
    ) -> Flow[Remembered]:
        """Let the model change what is known, by what was said, and commit what comes of it.

        Args:
            store: Where to, fenced to the namespace.
            messages: What was said.
            config: Of this call.
            along: What is committed along with the memories; its namespace is theirs.
            earlier: What was said before, so that it can be understood.
            max_steps: How many turns the model may take.
            review: Changes what the model made, before it is committed.
        """
        namespace = along.namespace
        items, usage = yield from self._known(store, namespace, messages, config)
        draft = Draft(items.known, self.schemas)
        for extractor, with_messages in self._passes:
            shown = messages if with_messages else []
            usage += yield from extractor.flow(draft, shown, max_steps, earlier)
            max_steps = 1
        if review is not None:
            review(draft)
        puts, receipt = yield from commit(
            store,
            namespace,
            draft.changes(),
            items,
            self.schemas,
            one_each=not self.allowed.inserts,
            along=along,
        )
        run = along.provenance.run
        return Remembered(puts, replace(receipt, usage=usage, run=run))

    def provenance(self, config: RunnableConfig, messages: Sequence[Message]) -> Provenance:
        """Return where memories come from: whose words, which run, model and instructions."""
        run = config.get("run_id")
        by_user = any(message.role == "user" for message in messages)
        return Provenance(
            who="user" if by_user else "assistant",
            thread=thread_of(config),
            run=None if run is None else str(run),
            model=model_name(self.model),
            prompt=self._prompt,
        )

    def _known(
        self,
        store: BaseStore,
        namespace: tuple[str, ...],
        messages: Sequence[Message],
        config: RunnableConfig,
    ) -> Flow[tuple[KnownItems, Usage]]:
        queries, usage = None, Usage()
        if self._queries is not None and self.allowed.inserts:
            queries, usage = yield from self._queries.flow(messages)
        found = yield from look_up(
            store,
            namespace,
            messages,
            limit=self.query_limit,
            queries=queries,
            profiles=None if self.allowed.inserts else self.schemas,
        )
        items = KnownItems(found)
        if not found and (default := self.default(config)):
            items.add_default(*default)
        return items, usage

    # What it works on

    @property
    def reader(self) -> str:
        """The name under which it is noted how far this manager has read a thread.

        Managers whose schemas have different names each read every message; other instructions
        make no other reader, which would begin at the first message again.
        """
        kinds = sorted(schema.kind for schema in self.schemas)
        return READER if kinds == ["Memory"] else f"{READER}:{'+'.join(kinds)}"

    def default(self, config: RunnableConfig) -> tuple[Schema, Any] | None:
        """Return the default as its schema and an instance; None when there is none."""
        if self.default_factory is None:
            return None
        return read_default(self.default_factory(config), self.schemas)

    def store_for(self, config: RunnableConfig) -> BaseStore:
        """Return the store of this call: the manager's own, else the running graph's.

        Raises:
            ConfigurationError: There is neither.
        """
        return current_store(self._store, config)

    @property
    def own_store(self) -> BaseStore | None:
        """The store that it was given; None where it takes that of the running graph."""
        return self._store

    def using(self, store: BaseStore) -> MemoryStoreManager:
        """Return this manager on another store.

        Example:
            >>> from holdfast import create_memory_store_manager, open_store
            >>> with open_store(":memory:") as store:
            ...     manager = create_memory_store_manager(None, namespace="notes").using(store)
            ...     len(manager.invoke({"messages": [("user", "The key is under the mat.")]}))
            1
        """
        twin = copy.copy(self)
        twin._store = store
        return twin

    @property
    def store(self) -> BaseStore:
        """The store of a call made here and now."""
        return self.store_for(current_config())

    async def __call__(self, messages: Iterable[Any]) -> list[dict[str, Any]]:
        """Remember messages: `await manager(messages)`."""
        return await self.ainvoke({"messages": messages})

    async def manage_memories(
        self, messages: Iterable[Any], config: RunnableConfig | None = None
    ) -> list[dict[str, Any]]:
        """Remember messages, under the older name of this."""
        return await self.ainvoke({"messages": messages}, config)


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
