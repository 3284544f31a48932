"""The server: tools, resources and a prompt, each a few lines over a flow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer, ResourceSecurity
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, CallToolResult, TextContent, ToolAnnotations
from pydantic import ValidationError

from holdfast import wording
from holdfast.errors import InputError, StoreBusy, shown
from holdfast.flow import Flow, arun
from holdfast.integrations.mcp import changing, reading
from holdfast.integrations.mcp.answers import (
    Answer,
    Document,
    Memories,
    Page,
    RecalledContext,
    Results,
    Whole,
    Written,
)
from holdfast.integrations.mcp.places import MEMORY_URI, STANDING_URI, Scope
from holdfast.tools.base import Refusal

T = TypeVar("T")
Answer_ = TypeVar("Answer_", bound=Answer)

log = logging.getLogger("holdfast")

NOWHERE = "https://authorization.invalid"
"""Stands where no authorization server is named; it is told to nobody."""

ANY_ID = ResourceSecurity(reject_path_traversal=False, reject_absolute_paths=False)
"""An id is a key and never a path of files."""

FORMS = {"integer": "a whole number", "string": "a text", "object": "an object"}
"""The types of arguments, as a model is told them."""

READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
ADDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
CHANGES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


def build(
    store: Any,
    namespace: Sequence[str] | str | Any,
    read_only: bool,
    token_verifier: TokenVerifier | None,
    auth: AuthSettings | None,
    shared: bool,
    name: str,
    instructions: str | None,
) -> MCPServer[None]:
    """Return the server; the arguments are those of `create_mcp_server`."""
    scope = Scope(store, namespace, token_verifier is not None, shared)
    face = Face(scope, record=not read_only)
    if token_verifier is not None and auth is None:
        auth = AuthSettings.model_validate({"issuer_url": NOWHERE, "resource_server_url": None})
    told = "mcp_instructions_read_only" if read_only else "mcp_instructions"
    server: MCPServer[None] = MCPServer(
        name,
        title="Long-term memory",
        instructions=wording.text(told) if instructions is None else instructions,
        version=version("holdfast"),
        token_verifier=token_verifier,
        auth=auth,
        tools=face.tools(read_only),
        log_level="WARNING",
    )
    _add_resources(server, face)
    return server


def _add_resources(server: MCPServer[None], face: Face) -> None:
    words = wording.tool("mcp_resources")
    server.resource(STANDING_URI, name="standing", mime_type="text/plain", **words["standing"])(
        face.standing
    )
    server.resource(
        MEMORY_URI + "{id}",
        name="memory",
        mime_type="application/json",
        security=ANY_ID,
        **words["memory"],
    )(face.memory)
    server.prompt(name="recall", **words["recall"])(face.recall)


class Face:
    """What clients call.

    Args:
        scope: The namespace of each request.
        record: Whether what is found is counted as recalled.
    """

    def __init__(self, scope: Scope, *, record: bool) -> None:
        self._scope = scope
        self._record = record

    def tools(self, read_only: bool) -> list[Tool]:
        """Return the tools, described in the house's words."""
        reads: list[Any] = [
            *(self.search_memories, self.get_memory, self.list_memories, self.recall_context),
            *(self.search, self.fetch),
        ]
        listed = [_tool(function, READS) for function in reads]
        if read_only:
            return listed
        changes = [
            _tool(function, CHANGES) for function in (self.update_memory, self.delete_memory)
        ]
        return [_tool(self.add_memory, ADDS), *changes, *listed]

    async def search_memories(
        self, query: str, limit: int = 10, kind: str = ""
    ) -> Annotated[CallToolResult, Memories]:
        """Find memories."""
        place = self._place(ToolError)
        work = reading.search(place, query, limit, kind, record=self._record)
        return await _answered(work)

    async def get_memory(self, id: str) -> Annotated[CallToolResult, Whole]:
        """Read one memory with its past."""
        return await _answered(reading.whole(self._place(ToolError), id))

    async def list_memories(
        self, limit: int = 20, offset: int = 0
    ) -> Annotated[CallToolResult, Page]:
        """Read all memories, page by page."""
        return await _answered(reading.listing(self._place(ToolError), limit, offset))

    async def recall_context(
        self, topic: str, token_budget: int = 1000
    ) -> Annotated[CallToolResult, RecalledContext]:
        """Recall a topic as a text for a prompt."""
        place = self._place(ToolError)
        work = reading.context(place, topic, token_budget, record=self._record)
        return await _answered(work, lambda found: found.text)

    async def add_memory(self, content: str) -> Annotated[CallToolResult, Written]:
        """Remember something new."""
        return await _answered(changing.add(self._place(ToolError), content))

    async def update_memory(
        self,
        id: str,
        expected_version: int,
        content: str = "",
        fields: dict[str, Any] | None = None,
    ) -> Annotated[CallToolResult, Written]:
        """Change a memory."""
        place = self._place(ToolError)
        work = changing.update(place, id, expected_version, content, fields or {})
        return await _answered(work)

    async def delete_memory(self, id: str) -> Annotated[CallToolResult, Written]:
        """Delete a memory."""
        return await _answered(changing.delete(self._place(ToolError), id))

    async def search(self, query: str) -> Annotated[CallToolResult, Results]:
        """Find what ChatGPT asks for."""
        work = reading.results(self._place(ToolError), query, record=self._record)
        return await _answered(work)

    async def fetch(self, id: str) -> Annotated[CallToolResult, Document]:
        """Read what `search` found."""
        return await _answered(reading.document(self._place(ToolError), id))

    async def standing(self) -> str:
        """Return what stands."""
        found = await _done(reading.standing(self._place(ResourceError)), ResourceError)
        return found or wording.text("mcp_nothing_stands")

    async def memory(self, id: str) -> str:
        """Return a memory as JSON."""
        work = reading.whole(self._place(ResourceError), id)
        return (await _done(work, ResourceNotFoundError)).model_dump_json(indent=2)

    async def recall(self, topic: str, token_budget: str = "1000") -> str:
        """Return a message that brings along what is remembered."""
        budget = int(token_budget) if token_budget.strip().isdecimal() else 0
        place = self._place(_invalid)
        found = await _done(reading.context(place, topic, budget, record=self._record), _invalid)
        return wording.text("mcp_recall", topic=topic.strip(), context=found.text)

    def _place(self, told: Callable[[str], Exception]) -> Any:
        try:
            return self._scope.place()
        except Refusal as refusal:
            log.warning("MCP: %s", refusal)
            raise told(str(refusal)) from refusal


class _Tool(Tool):
    """A tool that says in words which argument does not fit."""

    async def run(
        self, arguments: dict[str, Any], context: Any, convert_result: bool = False
    ) -> Any:
        """Run the tool, if its arguments fit."""
        known = self.parameters["properties"]
        if unknown := [name for name in arguments if name not in known]:
            raise ToolError(
                f"{self.name} has no argument {shown(unknown[0])}; it takes {', '.join(known)}. "
                "Nothing was done."
            )
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            said = dict.fromkeys(_misfit(one, known) for one in error.errors())
            raise ToolError(f"{'; '.join(said)}. Nothing was done.") from error
        return await super().run(arguments, context, convert_result)


def _misfit(error: Any, known: Mapping[str, Any]) -> str:
    """Return what is wrong with one argument, in words."""
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{name} is missing"
    expected = known[name].get("type") or known[name]["anyOf"][0]["type"]
    return f"{name} must be {FORMS[expected]}, got {shown(error['input'])}"


def _tool(function: Any, annotations: ToolAnnotations) -> Tool:
    """Return a function as a tool, described in the words of the file of its name."""
    name = function.__name__
    words = wording.tool(f"mcp_{name}")
    made = _Tool.from_function(
        function, title=words["title"], description=words["description"], annotations=annotations
    )
    for argument, said in words["arguments"].items():
        made.parameters["properties"][argument]["description"] = said
    made.parameters["additionalProperties"] = False
    return made


async def _done(work: Flow[T], told: Callable[[str], Exception]) -> T:
    """Run a flow; what a model can mend becomes an error that is told to it."""
    try:
        return await arun(work)
    except (Refusal, InputError) as error:
        raise told(str(error)) from error
    except StoreBusy as error:
        log.warning("MCP: %s", error)
        raise told(wording.text("mcp_busy")) from error


async def _answered(
    work: Flow[Answer_], text: Callable[[Answer_], str] = Answer.model_dump_json
) -> CallToolResult:
    """Run a flow; return its answer both as data and as a text, by default its JSON on one line."""
    answer = await _done(work, ToolError)
    content = TextContent(type="text", text=text(answer))
    return CallToolResult(content=[content], structured_content=answer.model_dump(mode="json"))


def _invalid(said: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=said)
