"""Runs a server until its client leaves or it is told to stop; what was begun is written whole."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from holdfast.errors import ConfigurationError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATH = "/mcp"
GRACE = 5
"""Seconds that open connections have to end in."""

_CHUNK = 65_536


def serve_stdio(server: MCPServer[Any]) -> None:
    """Serve the client at the other end of stdin and stdout, until it closes them.

    SIGTERM and Ctrl-C end it in the same way: as if the client had closed its end.
    """
    with _ending_at_signals():
        anyio.run(server.run_stdio_async)


@contextmanager
def _ending_at_signals() -> Iterator[None]:
    """Let the signals to stop look like the end of stdin.

    The SDK reads stdin in a thread that cannot be interrupted; so it is given the end of a socket
    pair, and what comes in from the real stdin is passed on.
    """
    if not _is_stdin() or not hasattr(socket, "AF_UNIX"):
        yield
        return
    ours, theirs = socket.socketpair()
    stdin = os.dup(0)
    os.dup2(theirs.fileno(), 0)
    theirs.close()
    # A daemon: blocked in a read that nothing ends, it must not keep the process.
    threading.Thread(target=_pass_on, args=(stdin, ours), daemon=True).start()
    try:
        with _signals(lambda: _shut(ours)):
            yield
    finally:
        os.dup2(stdin, 0)
        _shut(ours)


def _is_stdin() -> bool:
    try:
        return sys.stdin.fileno() == 0
    except (AttributeError, OSError, ValueError):
        return False


def _pass_on(source: int, target: socket.socket) -> None:
    try:
        while read := os.read(source, _CHUNK):
            target.sendall(read)
    except OSError:
        return  # the server has gone; there is nobody to pass it on to
    finally:
        _shut(target)


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was shut before


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call something at the first SIGTERM or Ctrl-C; the second is as it was before."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def once(*_: Any) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop()

    for number in numbers:
        signal.signal(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any that is free.

    Raises:
        OSError: The address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def serve_http(
    server: MCPServer[Any], listener: socket.socket, host: str, allowed: Sequence[str] = ()
) -> None:
    """Serve streamable HTTP at `/mcp`, until told to stop by SIGTERM or Ctrl-C.

    Args:
        server: The server.
        listener: A socket that listens.
        host: The host it listens on.
        allowed: Names by which clients may call this machine, besides those of loopback.
    """
    import uvicorn

    app = server.streamable_http_app(
        streamable_http_path=PATH,
        host=host,
        transport_security=security(host, allowed),
        # No tool asks the client back, so no process need know what another was told before.
        stateless_http=True,
        json_response=True,
    )
    config = uvicorn.Config(
        app, log_level="warning", lifespan="on", timeout_graceful_shutdown=GRACE
    )
    running = uvicorn.Server(config)

    def stop() -> None:
        running.should_exit = True

    with _signals(stop), listener:
        running.run(sockets=[listener])


def security(host: str, allowed: Sequence[str]) -> TransportSecuritySettings | None:
    """Return which Host and Origin headers are taken; None for those of the SDK.

    Raises:
        ConfigurationError: A name is no host.

    Example:
        >>> security("0.0.0.0", ["memory.example.com"]).allowed_origins
        ['https://memory.example.com', 'https://memory.example.com:*']
    """
    if not allowed:
        return None
    for name in allowed:
        if not name or any(sign in name for sign in "/*:@ "):
            raise ConfigurationError(
                f"{name!r} is no name of a host; give it without scheme and port, such as "
                "memory.example.com."
            )
    hosts = [form for name in allowed for form in (name, f"{name}:*")]
    origins = [f"https://{form}" for form in hosts]
    if host in LOOPBACK:
        own = [f"{'[::1]' if name == '::1' else name}:*" for name in LOOPBACK]
        origins += [f"http://{form}" for form in own]
        hosts += own
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
