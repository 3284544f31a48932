"""`search_memory`: an agent looks up its memories. No model is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool
from langgraph.store.base import BaseStore, SearchItem

from holdfast import wording
from holdfast.errors import InputError
from holdfast.flow import Flow
from holdfast.memory import clean
from holdfast.mending import blocks_text, read_json
from holdfast.namespace import current_store
from holdfast.retrieval.finding import find
from holdfast.retrieval.noting import note
from holdfast.retrieval.saying import only_calls, spoken_of
from holdfast.stores.filters import check_filter
from holdfast.stores.plain import fenced
from holdfast.tools.base import Refusal, memory_tool, tool_namespace
from holdfast.wording import read_messages

MOST = 100
"""How many memories one search returns at most."""

_FIELD = re.compile(r"[^\W\d][\w.\-]*\Z|\$(?:and|or)\Z")


def create_search_memory_tool(
    namespace: tuple[str, ...] | str | None = None,
    *,
    instructions: str = "",
    store: BaseStore | None = None,
    response_format: Literal["content", "content_and_artifact"] = "content",
    name: str = "search_memory",
    namespace_prefix: tuple[str, ...] | str | None = None,
) -> StructuredTool:
    """Create a tool with which an agent searches its memories.

    Args:
        namespace: Where to search; it may hold variables, see `NamespaceTemplate`. Left out,
            every user shares `("memories",)`, which is logged once.
        instructions: When and how to use the tool; braces in it are just text.
        store: Any LangGraph `BaseStore`; by default that of the running graph.
        response_format: `"content_and_artifact"` adds the items to the answer.
        name: The tool's name.
        namespace_prefix: The older name of `namespace`.

    Returns:
        A LangChain tool with the arguments `query`, `limit`, `offset` and `filter`; sync and
        async. It answers with a JSON list of `key`, `value`, `updated_at` and `score`: the best
        matches first, then the newest, whose score is null.

    Raises:
        ConfigurationError: A setting cannot work; the message says which.

    Example:
        >>> from holdfast import create_search_memory_tool, open_store
        >>> with open_store(":memory:") as store:
        ...     store.put(("memories", "nora"), "k", {"content": "likes tea"})
        ...     tool = create_search_memory_tool(("memories", "nora"), store=store)
        ...     print(tool.invoke({"query": "tea"})[:49])
        [{"key": "k", "value": {"content": "likes tea"},
    """
    template = tool_namespace(name, namespace, namespace_prefix)

    def work(arguments: dict[str, Any], config: RunnableConfig, messages: Any) -> Flow[Any]:
        query = _query(arguments.get("query"))
        limit = _number(arguments, "limit", default=10, least=1, most=MOST)
        offset = _number(arguments, "offset", default=0, least=0, most=100_000)
        wanted = _filter(arguments.get("filter"))
        namespace = template(config)
        place = fenced(current_store(store, config), namespace), namespace
        most = offset + limit
        try:
            found = yield from find(
                *place,
                query,
                most,
                wanted=_beside(messages),
                fill=True,
                filter=wanted,
                said=wanted is None,
            )
        except (InputError, ValueError) as error:
            if wanted is None:
                raise
            raise Refusal(f"The filter cannot be used: {error} Search without it.") from error
        page = found[offset:]
        matched = [(item.namespace, item.key) for item in page if item.score is not None]
        yield from note(place[0], matched, config)
        shown = clean(wording.as_json([_shown(item) for item in page]))
        return (shown, page) if response_format == "content_and_artifact" else shown

    description = wording.text("search_memory", instructions=instructions.strip()).strip()
    parameters = wording.tool("search_memory_tool")
    return memory_tool(name, description, parameters, work, response_format)


def _beside(messages: Sequence[Any]) -> Callable[[SearchItem], bool]:
    """Return what counts: no calls without a word, and nothing that is being said now."""
    spoken = {(one.role, one.text) for one in read_messages(messages)} if messages else set()

    def counts(item: SearchItem) -> bool:
        return not only_calls(item.value) and spoken_of(item.value) not in spoken

    return counts


def _shown(item: SearchItem) -> dict[str, Any]:
    return {
        "key": item.key,
        "value": item.value,
        "updated_at": item.updated_at.isoformat(),
        "score": item.score,
    }


def _query(given: Any) -> str:
    said = blocks_text(given) if isinstance(given, list) else given
    if not isinstance(said, str) or not said.strip():
        raise Refusal(f"query must be a text that says what to look for; got {given!r}.")
    return said


def _number(arguments: Mapping[str, Any], name: str, *, default: int, least: int, most: int) -> int:
    given = arguments.get(name)
    if given is None:
        return default
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        raise Refusal(f"{name} must be a whole number, got {given!r}.") from None
    if number < least:
        raise Refusal(f"{name} must be at least {least}, got {given!r}.")
    return min(number, most)


def _filter(given: Any) -> dict[str, Any] | None:
    wanted = read_json(given) if isinstance(given, str) and given.strip() else given
    if wanted in (None, "", {}):
        if isinstance(given, str) and given.strip() not in ("", "null", "{}"):
            raise Refusal(
                f"filter must be a JSON object such as {{'kind': 'Memory'}}, got {given!r}."
            )
        return None
    try:
        check_filter(wanted)
        _check_fields(wanted)
    except InputError as error:
        raise Refusal(f"The filter cannot be used: {error} Search without it.") from None
    return dict(wanted)


def _check_fields(wanted: Any) -> None:
    """Refuse field names that no value has: some stores put them into their SQL."""
    for name, inner in wanted.items() if isinstance(wanted, Mapping) else ():
        if not _FIELD.match(str(name)) and not str(name).startswith("$"):
            raise InputError(f"{name!r} is no field of a memory.")
        for one in inner if isinstance(inner, list) else [inner]:
            _check_fields(one)
