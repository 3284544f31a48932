"""The command that serves memories over the Model Context Protocol."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.running import called, loaded
from holdfast.cli.shared import (
    NAMESPACE,
    AnyUser,
    Dims,
    Embed,
    Store,
    app,
    index_of,
    opened,
    told,
)
from holdfast.errors import InputError
from holdfast.namespace import NamespaceTemplate

PORTS = 65_535


@app.command()
@told
def mcp(
    store: Store = None,
    namespace: Annotated[
        str | None,
        typer.Option(help="Whose memories, such as memories/nora, or memories/{user_id}."),
    ] = None,
    user: AnyUser = None,
    http: Annotated[
        str | None, typer.Option(help="Serve HTTP at HOST:PORT, or PORT of this machine alone.")
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(help="module:factory of a token verifier, for HTTP; see docs/mcp.md."),
    ] = None,
    without_auth: Annotated[
        bool, typer.Option("--without-auth", help="Serve other machines without any token.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Let all whom --auth lets in share one namespace.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which clients call this server; may be repeated."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer no tools that write.")
    ] = False,
    embed: Embed = None,
    dims: Dims = None,
) -> None:
    """Serve memories to MCP clients: over stdin and stdout, or over HTTP."""
    from holdfast.integrations.mcp import create_mcp_server, needed

    needed()
    address = _address(http) if http else None
    verifier, settings = _auth(auth) if auth else (None, None)
    _check(address, auth, allow_host, without_auth)
    labels = _labels(namespace, user, authenticated=auth is not None, shared=shared)
    index = index_of(embed, dims)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with opened(store, None, everyone=True, make=not read_only, index=index) as kept:
        server = create_mcp_server(
            kept,
            labels,
            read_only=read_only,
            token_verifier=verifier,
            auth=settings,
            shared=shared,
        )
        _serve(server, address, allow_host or ())


def _serve(server: Any, address: tuple[str, int] | None, names: Sequence[str]) -> None:
    """Serve over stdin and stdout, or at an address, until told to stop."""
    from holdfast.integrations.mcp.serving import listening, serve_http, serve_stdio

    if address is None:
        if sys.stdin.isatty():
            _note("holdfast: MCP on stdin and stdout, for a client to start; Ctrl-C ends it")
        serve_stdio(server)
        return
    listener = listening(*address)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    _note(f"holdfast: MCP at http://{shown}:{port}/mcp")
    serve_http(server, listener, address[0], names)
    _note("holdfast: MCP stopped")


def _check(
    address: tuple[str, int] | None,
    auth: str | None,
    allow_host: list[str] | None,
    without_auth: bool,
) -> None:
    """Refuse what would leave the memories open to whoever finds them."""
    from holdfast.integrations.mcp.serving import LOOPBACK, security

    if address is None:
        if auth or allow_host or without_auth:
            raise InputError("--auth, --without-auth and --allow-host are of --http; give that too")
        return
    security(address[0], allow_host or ())
    if auth and without_auth:
        raise InputError("give --auth or --without-auth, not both")
    if address[0] not in LOOPBACK and not auth and not without_auth:
        raise InputError(
            f"{address[0]} can be reached by other machines, and nobody is asked for a token: give "
            "--auth module:factory, serve 127.0.0.1, or say --without-auth if that is meant"
        )


def _labels(
    namespace: str | None, user: str | None, *, authenticated: bool, shared: bool = False
) -> tuple[str, ...]:
    """Return the namespace's labels, maybe with variables."""
    if shared and not authenticated:
        raise InputError("--shared is of --auth: without it nobody has memories of their own")
    labels = _named(namespace, user, authenticated=authenticated and not shared)
    if authenticated and not shared and not NamespaceTemplate(labels).vars:
        given = f"--user {user}" if namespace is None else f"--namespace {namespace}"
        raise InputError(
            f"{given} with --auth is one namespace, which everybody who signs in would read and "
            "write: give --namespace with a variable, such as 'memories/{user_id}', leave both "
            "out for that one, or say --shared if it is meant"
        )
    return labels


def _named(namespace: str | None, user: str | None, *, authenticated: bool) -> tuple[str, ...]:
    if (namespace is None) == (user is None):
        if authenticated and namespace is None:
            return NAMESPACE
        raise InputError(
            "name whose memories to serve: --namespace memories/nora, or --user nora for the same"
        )
    if namespace is not None:
        return tuple(namespace.split("/"))
    if not user:
        raise InputError("--user is empty; name whose memories are meant, such as --user nora")
    if "{" in user or "}" in user:
        raise InputError(f"--user {user} has a brace; for variables there is --namespace")
    return tuple(label.format(user_id=user) for label in NAMESPACE)


def _address(given: str) -> tuple[str, int]:
    """Return host and port; without a host, of this machine alone.

    Example:
        >>> _address("8000"), _address("[::1]:0")
        (('127.0.0.1', 8000), ('::1', 0))
    """
    host, _, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or int(port) > PORTS:
        raise InputError(f"--http is HOST:PORT, such as 127.0.0.1:8000; got {given}")
    return host or "127.0.0.1", int(port)


def _auth(name: str) -> tuple[Any, Any]:
    """Return the token verifier that a name stands for, and its OAuth settings, if it has such."""
    found = loaded("--auth", name, "agent.auth:verifier")
    if inspect.isclass(found) or (callable(found) and not hasattr(found, "verify_token")):
        found = called("--auth", name, found, "a token verifier")
    pair = found if isinstance(found, tuple) else (found, None)
    if len(pair) != 2 or not hasattr(pair[0], "verify_token"):
        raise InputError(
            f"--auth {name} gives {found!r}; it is to give an object with an async "
            "verify_token(token), or a pair of such an object and the SDK's AuthSettings"
        )
    return pair


def _note(text: str) -> None:
    output.console(to_errors=True).print(output.plain(text), soft_wrap=True)
