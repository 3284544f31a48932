"""`manage_memory`: an agent creates, updates and deletes its memories. No model is asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool
from langgraph.store.base import BaseStore

from holdfast import wording
from holdfast.errors import ConfigurationError, InputError
from holdfast.flow import Flow, exclusively
from holdfast.history import Provenance
from holdfast.memory import profile_key, same, unwrap, wrap
from holdfast.mending import read_json
from holdfast.namespace import NamespaceTemplate, current_store, thread_of
from holdfast.retrieval.finding import read_profiles
from holdfast.schema import Invalid, Schema, as_schema
from holdfast.stores.plain import TRIES, Held, Lost, fenced, held
from holdfast.tools.base import Refusal, memory_tool, tool_namespace
from holdfast.tools.writing import Place, create, get, put, remembered_text

Action = Literal["create", "update", "delete"]
ACTIONS: tuple[str, ...] = get_args(Action)


class _Manager:
    """What the tool does, for one setting."""

    def __init__(
        self,
        namespace: NamespaceTemplate,
        schema: Schema | None,
        permitted: tuple[str, ...],
        store: BaseStore | None,
        *,
        single: bool,
    ) -> None:
        self.namespace = namespace
        self.schema = schema
        self.kind = schema.kind if schema else "Memory"
        self.permitted = permitted
        self.store = store
        self.single = single

    @property
    def stands(self) -> bool | None:
        """Whether a new memory is to be considered whatever is asked: a profile is."""
        return self.single or (self.schema is not None and self.schema.standing) or None

    def flow(self, arguments: dict[str, Any], config: RunnableConfig) -> Flow[str]:
        namespace = self.namespace(config)
        store = fenced(current_store(self.store, config), namespace)
        run = config.get("run_id")
        source = Provenance(
            who="assistant", thread=thread_of(config), run=None if run is None else str(run)
        )
        for _ in range(TRIES):
            try:
                return (yield from self._done(Place(store, namespace, source), arguments))
            except Lost:
                continue
        raise Refusal("Others change this memory at this moment; nothing was changed. Try again.")

    def _done(self, place: Place, arguments: dict[str, Any]) -> Flow[str]:
        action = self._action(arguments)
        id = _text(arguments.get("id"))
        if action == "create" and id and not self.single:
            raise Refusal(
                f"A new memory gets its id from the store: leave id out to create one, or give "
                f"action 'update' to change {id!r}. Nothing was created."
            )
        content = None if action == "delete" else self._content(arguments)
        if self.single:
            return (yield from self._single(place, action, content))
        if action == "create":
            return (yield from self._create(place, content))
        if not id:
            raise Refusal(f"To {action} a memory, give its id, as search_memory shows it.")
        release = yield exclusively(place.store, place.namespace)
        try:
            item = yield from get(place, id)
            if item is None:
                raise Refusal(
                    f"There is no memory with the id {id!r}; nothing was {action}d. "
                    "Search for it, and give the id exactly as it is shown; memories of namespaces "
                    "below this one can be read, not changed."
                )
            if action == "delete":
                yield from put(place, item.key, None, item)
                return f"deleted memory {item.key}"
            return (yield from self._update(place, item, content))
        finally:
            release()

    def _action(self, arguments: Mapping[str, Any]) -> str:
        default = "create" if "create" in self.permitted else self.permitted[0]
        action = arguments.get("action")
        if action is None:
            return default
        said = str(action).strip().lower()
        if said not in self.permitted:
            listed = ", ".join(map(repr, self.permitted))
            raise Refusal(f"The action {action!r} is not one of {listed}. Nothing was changed.")
        return said

    def _content(self, arguments: Mapping[str, Any]) -> Any:
        """Return what to remember: a text, or the fields of a document."""
        given = arguments.get("content")
        if self.schema is None:
            return remembered_text(given)
        if given is None:
            # Some models spread the fields beside the other arguments.
            given = {k: v for k, v in arguments.items() if k in self.schema.fields}
        if isinstance(given, str):
            given = read_json(given)
        elif self.schema.holds(given):
            given = self.schema.dump(given)
        if not isinstance(given, Mapping) or not given:
            fields = ", ".join(self.schema.fields)
            raise Refusal(f"content must be an object with fields of {self.kind}: {fields}.")
        return dict(given)

    def _create(self, place: Place, content: Any) -> Flow[str]:
        value = self._value(self._validated(content))
        there, is_new = yield from create(place, value, self.stands)
        if not is_new:
            return f"memory {there.key} says that already; nothing new was created"
        return f"created memory {there.key}"

    def _single(self, place: Place, action: str, content: Any) -> Flow[str]:
        key = profile_key(self.kind)
        release = yield exclusively(place.store, place.namespace)
        try:
            found = yield from self._documents(place, key)
            if found and action == "delete":
                yield from put(place, found[0].key, None, found[0])
                return f"deleted memory {found[0].key}"
            if found:
                return (yield from self._update(place, found[0], content))
            if action == "delete" or "create" not in self.permitted:
                raise Refusal(f"There is no {self.kind} yet; nothing was {action}d.")
            value = self._value(self._validated(content))
            yield from put(place, key, value, None, self.stands)
            return f"created memory {key}"
        finally:
            release()

    def _documents(self, place: Place, key: str) -> Flow[list[Held]]:
        """Return the one document; a text by its key only, since others are of its kind too."""
        if self.schema is not None:
            found = yield from read_profiles(place.store, place.namespace, [self.kind], 1)
            key = found[0].key if found else key
        (item,) = yield from held(place.store, place.namespace, [key])
        return [item] if item is not None else []

    def _update(self, place: Place, item: Held, content: Any) -> Flow[str]:
        kind, before = unwrap(item.value)
        if self.schema is None:
            if set(before) != {"content"}:
                fields = ", ".join(before)
                raise Refusal(
                    f"Memory {item.key} is a {kind} with the fields {fields}; a text cannot take "
                    "its place. Nothing was updated."
                )
            value = wrap(kind, {"content": content}, item.value)
        else:
            if kind != self.kind:
                raise Refusal(
                    f"Memory {item.key} is a {kind}, not a {self.kind}. Nothing was updated."
                )
            unknown = [name for name in content if not self.schema.has(name)]
            if unknown:
                raise Refusal(
                    f"{self.kind} has no field {unknown[0]!r}; it has "
                    f"{', '.join(self.schema.fields)}. Nothing was updated."
                )
            after = self._validated({**before, **content})
            value = wrap(kind, after, item.value)
        if same(item.value, value):
            return f"memory {item.key} says that already; nothing was changed"
        yield from put(place, item.key, value, item)
        return f"updated memory {item.key}"

    def _validated(self, content: Any) -> Any:
        if self.schema is None:
            return content
        try:
            return self.schema.take(content)[1]
        except Invalid as invalid:
            reasons = "; ".join(str(failure).removesuffix(" @ ") for failure in invalid.failures)
            raise Refusal(
                f"The content is no valid {self.kind}: {reasons}. Nothing was changed."
            ) from None

    def _value(self, content: Any) -> dict[str, Any]:
        return {"kind": self.kind, "content": content}


def _text(given: Any) -> str:
    return str(given).strip() if isinstance(given, str | int | uuid.UUID) else ""


def _parameters(schema: Schema | None, permitted: Sequence[str], *, single: bool) -> dict[str, Any]:
    """Return the tool's arguments, shaped by what it may do."""
    told = wording.tool("manage_memory")
    properties: dict[str, Any] = {}
    required: list[str] = []
    if set(permitted) != {"delete"}:
        content = told["content"]
        if schema is not None:
            partly = "update" in permitted
            shape = {k: v for k, v in schema.parameters.items() if k != "required" or not partly}
            about = [schema.description, *([told["fields"]] if partly else [])]
            content = {**shape, "description": " ".join(about)}
        properties["content"] = content
        if "delete" not in permitted:
            required.append("content")
    properties["action"] = {**told["action"], "enum": list(permitted)}
    if not single and set(permitted) != {"create"}:
        properties["id"] = told["id"]
        if "create" not in permitted:
            required.append("id")
    return {"type": "object", "properties": properties, "required": required}


def _description(permitted: Sequence[str], instructions: str, *, single: bool) -> str:
    how = wording.tool("manage_memory")["how"]
    *first, last = permitted
    verbs = f"{', '.join(first)} or {last}" if first else last
    line = how["single"] if single else how["id"] if set(permitted) != {"create"} else ""
    said = wording.text(
        "manage_memory", verbs=verbs.capitalize(), how=line, instructions=instructions.strip()
    )
    return "\n".join(filter(None, said.splitlines()))


def create_manage_memory_tool(
    namespace: tuple[str, ...] | str | None = None,
    *,
    instructions: str | None = None,
    schema: Any = str,
    actions_permitted: Sequence[Action] | None = ("create", "update", "delete"),
    store: BaseStore | None = None,
    name: str = "manage_memory",
    kind: Literal["multi", "single"] = "multi",
    namespace_prefix: tuple[str, ...] | str | None = None,
) -> StructuredTool:
    """Create a tool with which an agent creates, updates and deletes its own memories.

    What the model can mend (an unknown id, a wrong action, content that does not fit) is answered
    in words, and nothing is changed; it says "updated" only when something was.

    Args:
        namespace: Where memories live; it may hold variables, see `NamespaceTemplate`. Left out,
            every user shares `("memories",)`, which is logged once.
        instructions: When to use the tool, in your words; braces in it are just text.
        schema: `str`, or a schema as in `create_memory_manager`. With a schema, an update changes
            only the fields given, and the whole is validated.
        actions_permitted: What the agent may do; it shapes the tool's arguments.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        name: The tool's name.
        kind: `"single"` keeps one document in the namespace: creating it again updates it.
        namespace_prefix: The older name of `namespace`.

    Returns:
        A LangChain tool with the arguments `content`, `action` and `id`; sync and async. It stores
        `{"kind": <schema or "Memory">, "content": ...}`, and answers with the memory's id.

    Raises:
        ConfigurationError: A setting cannot work; the message says which.

    Example:
        >>> from holdfast import create_manage_memory_tool, open_store
        >>> with open_store(":memory:") as store:
        ...     tool = create_manage_memory_tool(("memories", "nora"), store=store)
        ...     answer = tool.invoke({"content": "likes tea"})
        ...     store.search(("memories", "nora"))[0].value
        {'kind': 'Memory', 'content': 'likes tea'}
        >>> answer.split(" ")[0]
        'created'
    """
    permitted = tuple(dict.fromkeys(actions_permitted or ()))
    if not permitted or not set(permitted) <= set(ACTIONS):
        raise ConfigurationError(
            f"actions_permitted must be some of {', '.join(ACTIONS)}; got {actions_permitted!r}."
        )
    if kind not in ("multi", "single"):
        raise ConfigurationError(f"kind must be 'multi' or 'single', got {kind!r}.")
    shape = None if schema is str else as_schema(schema)
    single = kind == "single"
    manager = _Manager(
        tool_namespace(name, namespace, namespace_prefix), shape, permitted, store, single=single
    )
    text = wording.text("manage_instructions") if instructions is None else instructions
    return memory_tool(
        name,
        _description(permitted, text, single=single),
        _parameters(shape, permitted, single=single),
        _told(manager),
    )


def _told(manager: _Manager) -> Any:
    def work(arguments: dict[str, Any], config: RunnableConfig, _said: Any) -> Flow[str]:
        try:
            return (yield from manager.flow(arguments, config))
        except InputError as error:
            raise Refusal(f"{error} Nothing was changed.") from error

    return work
