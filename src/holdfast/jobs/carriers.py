"""How reflection is handed to a queue that is not ours: the seam, and LangGraph's server."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from uuid import UUID

from holdfast.errors import ConfigurationError, shown

if TYPE_CHECKING:
    from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

State = Literal["pending", "running", "success", "error", "replaced", "gone"]
"""What became of a run: `replaced` has made way for a newer one of its thread before it was done;
`gone` is unknown, or was deleted together with its thread."""

UNDONE: frozenset[State] = frozenset(("pending", "running", "replaced"))
"""States of a run whose messages are lost, unless the run that replaces it has them."""


class Carrier(Protocol):
    """Hands reflection to a queue: implement it to use your own.

    Both methods may block, and are called in threads; those for one thread id never overlap, and
    come in the order of the submits. What they raise becomes the exception of the submit's future.

    Example:
        >>> class Printed:
        ...     def send(self, payload, *, thread_id, configurable, after_seconds):
        ...         print(len(payload["messages"]), "for", configurable["namespace"])
        ...         return "job-1"
        ...
        ...     def state(self, thread_id, run_id):
        ...         return "success"
        >>> from holdfast.jobs.remote import RemoteReflectionExecutor
        >>> with RemoteReflectionExecutor("notes", "reflect", carrier=Printed()) as executor:
        ...     sent = executor.submit({"messages": [{"role": "user", "content": "tea"}]})
        ...     sent.result()
        1 for ['notes']
        'job-1'
    """

    def send(
        self,
        payload: Mapping[str, Any],
        *,
        thread_id: str | None,
        configurable: Mapping[str, Any],
        after_seconds: float,
    ) -> str:
        """Hand over one run; return its id.

        Args:
            payload: What is reflected on, JSON data. It holds what earlier runs of this thread
                have not done, so it should replace them.
            thread_id: What must be done in order, a UUID; None where the run belongs to nothing.
            configurable: For the run's config, JSON data: `namespace`, the conversation's
                `thread_id` where it has one, and what was asked to be kept.
            after_seconds: How long to wait for newer runs of the thread, before this one begins.
        """
        ...

    def state(self, thread_id: str | None, run_id: str) -> State:
        """Return what became of a run that was sent."""
        ...


class Line:
    """A LangGraph server, called by blocking callers with whichever client there is.

    Args:
        url: Where it is; None is the server that this process is, else the SDK's default.
        client: Used for `asearch`; its address and headers for the rest.
        sync_client: Used for all else.
    """

    def __init__(
        self,
        url: str | None = None,
        client: LangGraphClient | None = None,
        sync_client: SyncLangGraphClient | None = None,
    ) -> None:
        self._url = url
        self._client = client
        self._sync_client = sync_client
        self._own: SyncLangGraphClient | None = None
        self._lock = threading.Lock()

    def call(self, room: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call one method of a room of the SDK's client (`runs`, `store`), blocking.

        Raises:
            ConfigurationError: This would block the event loop on which the server answers.
        """
        client = self.awaited()
        if client is None or not self._in_process(client):
            return getattr(getattr(self._blocking(), room), method)(*args, **kwargs)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # Such a client holds no connections, so it may be used on a loop of our own.
            return asyncio.run(getattr(getattr(client, room), method)(*args, **kwargs))
        raise ConfigurationError(
            f"{room}.{method} would block the event loop on which this server answers it. "
            "Await asearch(...), or give url=..."
        )

    def awaited(self) -> LangGraphClient | None:
        """Return the client for awaiting callers, if there is one that may be used on any loop."""
        if self._client is None and self._url is None and self._sync_client is None:
            # The SDK would import a server that is installed, though this process is none.
            if "langgraph_api.server" not in sys.modules:
                return None
            from langgraph_sdk import get_client

            self._client = get_client()
        return self._client

    def close(self) -> None:
        """Close connections that were opened here; the next call opens new ones."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def _in_process(self, client: LangGraphClient) -> bool:
        import httpx

        transport = getattr(client.http.client, "_transport", None)
        return self._sync_client is None and isinstance(transport, httpx.ASGITransport)

    def _blocking(self) -> SyncLangGraphClient:
        if self._sync_client is not None:
            return self._sync_client
        with self._lock:
            if self._own is None:
                self._own = self._made()
            return self._own

    def _made(self) -> SyncLangGraphClient:
        from langgraph_sdk import get_sync_client

        if self._client is None:
            return get_sync_client(url=self._url)
        # An httpx.AsyncClient keeps connections that belong to one event loop: used on a second
        # one, it raises "Event loop is closed". So the same settings serve a client of our own.
        given = self._client.http.client
        made = get_sync_client(url=str(given.base_url), api_key=None)
        made.http.client.timeout = given.timeout
        made.http.client.headers = given.headers
        made.http.client.cookies = given.cookies
        if given.auth is not None:
            made.http.client.auth = given.auth
        return made


class LangGraphCarrier:
    """Hands reflection to a graph on a LangGraph server.

    Args:
        reflector: The name of the graph, or the id of an assistant.
        line: The server.

    Example:
        >>> carrier = LangGraphCarrier("reflect", Line(url="http://127.0.0.1:2024"))
    """

    def __init__(self, reflector: str, line: Line) -> None:
        self._reflector = reflector
        self._line = line

    def send(
        self,
        payload: Mapping[str, Any],
        *,
        thread_id: str | None,
        configurable: Mapping[str, Any],
        after_seconds: float,
    ) -> str:
        """Create a run that replaces what the thread has pending; return its id."""
        told = dict(configurable)
        if told.get("thread_id") not in (None, thread_id):
            # The server overwrites `thread_id` with the thread of the run.
            told["conversation_thread_id"] = told["thread_id"]
        run = self._line.call(
            "runs",
            "create",
            thread_id,
            self._reflector,
            input=payload,
            config={"configurable": told},
            multitask_strategy="rollback",
            if_not_exists="create",
            after_seconds=after_seconds,
        )
        return str(run["run_id"])

    def state(self, thread_id: str | None, run_id: str) -> State:
        """Ask the server what became of a run."""
        status = self._found("runs", thread_id, run_id)
        if status is None:
            # A rollback deletes the run that it replaces. Who deletes the thread wants it gone.
            return "gone" if self._found("threads", thread_id) is None else "replaced"
        known = ("pending", "running", "success")
        return cast("State", status) if status in known else "error"

    def _found(self, room: str, *ids: str | None) -> str | None:
        import httpx

        try:
            return str(self._line.call(room, "get", *ids)["status"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
            return None


def server_thread(thread_id: str) -> str:
    """Return the name of a thread as a LangGraph server spells it.

    Raises:
        ConfigurationError: It is no UUID; the server takes nothing else.

    Example:
        >>> server_thread("8EF4C940-E5BC-11F1-A587-02FC00000001")
        '8ef4c940-e5bc-11f1-a587-02fc00000001'
    """
    try:
        return str(UUID(thread_id))
    except ValueError:
        raise ConfigurationError(
            f"A LangGraph server takes UUIDs as thread ids, got {shown(thread_id)}. Leave "
            "own_threads=True, which takes any name, or give "
            "thread_id=uuid.uuid5(uuid.NAMESPACE_URL, name)."
        ) from None
