"""The HTTP below a local provider, and what both protocols share."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langchain_core.messages import AIMessage

from holdfast.testing.scripted import Request

_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "cookie"})
_PIECE = 8


class ProviderError(Exception):
    """A reply that makes a local provider answer with an error, in the provider's own shape.

    The official clients retry 408, 409, 429 and 5xx on their own: make them with `max_retries=0`
    to see the error, or script one reply for each try.

    Args:
        status: The HTTP status, 401 or 529 for example.
        message: What the provider says.
        retry_after: After how many seconds the client may try again; sent as headers.
        code: The provider's code for the cause; each status has a usual one for OpenAI.
        param: The part of the request that is at fault (OpenAI only).

    Example:
        >>> ProviderError(429, "Slow down.", retry_after=0).status
        429
    """

    def __init__(
        self,
        status: int,
        message: str = "The script says so.",
        retry_after: float | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.code = code
        self.param = param

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell a client when to try again."""
        if self.retry_after is None:
            return {}
        # The clients take 0 for "not said" and back off half a second; a millisecond they obey.
        milliseconds = max(1, round(self.retry_after * 1000))
        return {"retry-after": f"{self.retry_after:g}", "retry-after-ms": str(milliseconds)}


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived at a local provider.

    Args:
        path: The path, with its query.
        headers: Names in lowercase; the value of a key is replaced by `***`.
        body: The parsed JSON, or None if there was none.

    Example:
        >>> Received("/v1/models", {"authorization": "***"}, None).path
        '/v1/models'
    """

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back: one JSON body, or a stream of server-sent events."""

    body: Any = None
    events: Iterable[bytes] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A request for a chat reply, read by one of the protocols.

    Its `request.tool_choice` is in LangChain's form: `auto`, `any`, `none`, or a tool's name.
    """

    request: Request
    structured: bool
    parallel: bool
    answer: Callable[[AIMessage, int], Response]


def event(data: Any, name: str | None = None) -> bytes:
    """Return a server-sent event; text is sent as it is, everything else as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n".encode()


def pieces(text: str) -> Iterator[str]:
    """Yield a text in the pieces in which it is streamed."""
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))


def required(body: Any, *names: str) -> dict[str, Any]:
    """Return a request's body, if it is an object that has these fields.

    Raises:
        ProviderError: It is no object, or lacks one of them.
    """
    if not isinstance(body, dict):
        raise ProviderError(400, "We could not parse the JSON body of your request.")
    for name in names:
        if name not in body:
            raise ProviderError(400, f"{name}: Field required", param=name)
    return body


def objects(value: Any, name: str) -> list[dict[str, Any]]:
    """Return a list of objects.

    Raises:
        ProviderError: It is something else.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ProviderError(400, f"{name}: Input should be a list of objects", param=name)
    return value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LocalServer

    def handle(self) -> None:
        # A client that gave up waiting has closed its end; nobody is left to tell.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: a test's output belongs to the test."""

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body: Any = None
        with contextlib.suppress(ValueError):
            body = json.loads(raw)
        headers = {name.lower(): value for name, value in self.headers.items()}
        hidden = {name: "***" for name in headers if name in _KEY_HEADERS}
        response = self.server.respond(Received(self.path, {**headers, **hidden}, body))
        if response is None:
            self.close_connection = True
        elif response.events is None:
            data = json.dumps(response.body, ensure_ascii=False).encode()
            size = {"content-type": "application/json", "content-length": str(len(data))}
            self.wfile.write(self._head(response, size) + data)
        else:
            kind = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
            self._stream(self._head(response, kind), response.events)

    def _head(self, response: Response, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {response.status} {responses.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in {**headers, **response.headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _stream(self, head: bytes, events: Iterable[bytes]) -> None:
        # The head waits for the first event: two packets would cost 40 ms on loopback.
        for data in events:
            self.wfile.write(head + b"%x\r\n%s\r\n" % (len(data), data))
            head = b""
        self.wfile.write(head + b"0\r\n\r\n")


class LocalServer(ThreadingHTTPServer):
    """An HTTP server on a free port of 127.0.0.1 that leaves no thread or socket when closed.

    Args:
        respond: Answers a request; None drops the connection.
    """

    request_queue_size = 128
    # An interpreter that ends without closing the server must not wait for idle clients.
    daemon_threads = True

    def __init__(self, respond: Callable[[Received], Response | None]) -> None:
        self.respond = respond
        self._connections: dict[Any, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="local-provider", daemon=True
        )
        self._acceptor.start()

    def server_bind(self) -> None:
        """Bind without the name look-up of the standard library, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, remembered for `close`."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="local-provider-connection",
            daemon=True,
        )
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def close_request(self, request: Any) -> None:
        """Close a connection that has ended."""
        super().close_request(request)
        with self._lock:
            self._connections.pop(request, None)

    def close(self) -> None:
        """Stop accepting, end the open connections, and wait for their threads."""
        self.shutdown()
        self._acceptor.join()
        self.server_close()
        with self._lock:
            connections = list(self._connections.items())
        for connection, thread in connections:
            # Wakes a thread that waits for the next request of an idle client.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
