"""Memories over the Model Context Protocol: tools, resources and a prompt for any MCP client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.errors import ConfigurationError
from holdfast.ledger import LedgerStore
from holdfast.namespace import NamespaceTemplate

if TYPE_CHECKING:
    from mcp.server.auth.provider import TokenVerifier
    from mcp.server.auth.settings import AuthSettings
    from mcp.server.mcpserver import MCPServer

__all__ = ["create_mcp_server", "needed"]


def create_mcp_server(
    store: LedgerStore,
    namespace: Sequence[str] | str | NamespaceTemplate,
    *,
    read_only: bool = False,
    token_verifier: TokenVerifier | None = None,
    auth: AuthSettings | None = None,
    shared: bool = False,
    name: str = "holdfast",
    instructions: str | None = None,
) -> MCPServer[None]:
    """Create an MCP server over the memories of one namespace, or of one for each identity.

    No argument of a tool names a namespace: it comes from here, or from who is authenticated.

    Args:
        store: What `open_store` or `scoped` returns; it stays open as long as the server is used.
        namespace: Labels as people wrote them. It may hold variables, which are filled in from the
            verified token of each request: `{user_id}`, `{subject}` and `{sub}` are its subject,
            `{client_id}` its client, and any other name is a claim. One that the token lacks is
            refused; nothing stands in for it.
        read_only: Whether to leave out the tools that write; recalls are not counted then either.
        token_verifier: The SDK's `TokenVerifier`, for HTTP: asked for every bearer token.
        auth: The SDK's settings of OAuth, where clients are to find the authorization server.
        shared: Whether all identities may share one namespace. Without it, a namespace without a
            variable is refused where there is a verifier.
        name: What the server calls itself.
        instructions: What a model is told about the whole server; by default the house's words.

    Returns:
        The SDK's server: `run()` serves stdio, `streamable_http_app()` is for any ASGI server.

    Raises:
        ConfigurationError: A setting cannot work, or the package `mcp` is not installed.

    Example:
        >>> import asyncio
        >>> from mcp import Client
        >>> from holdfast import open_store
        >>> from holdfast.integrations.mcp import create_mcp_server
        >>> async def main():
        ...     async with open_store(":memory:") as store:
        ...         server = create_mcp_server(store, ("memories", "nora"))
        ...         async with Client(server) as client:
        ...             await client.call_tool("add_memory", {"content": "Nora likes tea"})
        ...             found = await client.call_tool("search_memories", {"query": "tea"})
        ...             return found.structured_content["memories"][0]["text"]
        >>> asyncio.run(main())
        'Nora likes tea'
    """
    needed()
    from holdfast.integrations.mcp.server import build

    return build(store, namespace, read_only, token_verifier, auth, shared, name, instructions)


def needed() -> None:
    """Raise ConfigurationError where the package `mcp` is not there, or too old."""
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError as error:
        if (error.name or "mcp").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise ConfigurationError(
            f"MCP needs a package that is not there ({error}); run pip install 'holdfast[mcp]'."
        ) from error
