"""Reflection that somebody else does: on a LangGraph server, or in a queue of your own."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.jobs.carriers import UNDONE, Carrier, LangGraphCarrier, Line, server_thread
from holdfast.jobs.lanes import Lanes
from holdfast.journal import digest, is_said, overlap, said
from holdfast.memory import clean
from holdfast.namespace import NamespaceTemplate, current_config, thread_of
from holdfast.wording import read_messages

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

_THREADS = 10_000
_OWN_THREAD = uuid.UUID("0c1f6a52-3a0e-5d0f-8b57-5a3c86d5f1aa")


class RemoteReflectionExecutor:
    """Hands conversations to a reflector that runs elsewhere, once a thread has been quiet.

    Each submit is a run. A newer one of the same thread replaces what is not done yet, and takes
    its messages along: submit each turn alone, and the one run that is left gets all of them.
    Executors do not know of each other, so all submits of a thread should come from one of them.

    Args:
        namespace: Where the reflector writes, and `search` looks; variables are filled in from
            the `configurable` of each call.
        reflector: The name of the graph on the server, or the id of an assistant.
        url: The server; left out, it is the one that this process is, else the SDK's default.
        client: The SDK's client for awaiting callers, instead of a url. Blocking calls are made
            with its address, headers, cookies and time limits; where it needs more (certificates,
            a proxy) give `sync_client` too.
        sync_client: The SDK's client for blocking callers.
        carrier: A queue of your own, instead of a server.
        keep: Keys of the caller's `configurable` that the reflector gets, beside the namespace
            and the thread; nothing else of it leaves this process.
        own_threads: Whether runs get threads of their own, one for each namespace, thread and set
            of kept values. On the conversation's own thread (False, as LangMem does it) a run
            replaces the run of the agent that submits it, and writes into the agent's state.

    Raises:
        ConfigurationError: An argument cannot be what it is meant for.

    Example:
        >>> executor = RemoteReflectionExecutor(
        ...     ("memories", "{user_id}"), "reflect", url="http://127.0.0.1:2024", keep=("user_id",)
        ... )
        >>> executor.shutdown()
    """

    def __init__(
        self,
        namespace: str | tuple[str, ...],
        reflector: str,
        *,
        url: str | None = None,
        client: LangGraphClient | None = None,
        sync_client: SyncLangGraphClient | None = None,
        carrier: Carrier | None = None,
        keep: Sequence[str] = (),
        own_threads: bool = True,
    ) -> None:
        if not isinstance(reflector, str) or not reflector:
            raise ConfigurationError(
                f"reflector must be the name of a graph on the server, got {shown(reflector)}."
            )
        if isinstance(keep, str) or not all(isinstance(key, str) for key in keep):
            raise ConfigurationError(
                f"keep must be keys of configurable, such as ('user_id',); got {shown(keep)}."
            )
        self._template = NamespaceTemplate(namespace)
        self.namespace = self._template.template
        self._reflector = reflector
        self._keep = tuple(keep)
        self._own_threads = own_threads
        self._line = Line(url, client, sync_client)
        self._carrier = carrier or LangGraphCarrier(reflector, self._line)
        self._searches = carrier is None or any((url, client, sync_client))
        self._sent = _Sent()
        self._lanes = Lanes()

    def submit(
        self,
        payload: Mapping[str, Any],
        /,
        config: RunnableConfig | None = None,
        *,
        after_seconds: float = 0,
        thread_id: str | uuid.UUID | None = None,
    ) -> Future[str]:
        """Hand over a conversation, without waiting for the server.

        Args:
            payload: Input of the reflector, such as `{"messages": [...]}`, as JSON data.
            config: Names the thread, the values of the namespace and what is kept; inside a
                graph it may be left out.
            after_seconds: How long the thread must be quiet before the run begins.
            thread_id: The conversation's thread; left out, it is the config's.

        Returns:
            The run's id, once it was sent; what the server answers otherwise is its exception.

        Raises:
            InputError: The payload or what is kept is no JSON data, or a message is unreadable.
            ConfigurationError: Something of the config is missing, or the executor is shut down.
        """
        config = current_config(config)
        configurable = self._told(self._thread(thread_id, config), config)
        read = _Payload.of(payload)
        thread = self._run_thread(read, configurable)
        work = partial(self._send, read, thread, configurable, _delay(after_seconds))
        return self._lanes.submit(thread or object(), work)

    def search(
        self,
        query: str | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        namespace: str | tuple[str, ...] | None = None,
    ) -> list[dict[str, Any]]:
        """Search the server's store.

        Args:
            query: What for; None lists.
            filter: What the values must hold.
            limit: How many at most.
            offset: How many to skip.
            namespace: Where, if not in the executor's; `()` is everywhere.

        Returns:
            Items as the SDK returns them, `namespace` as a tuple.
        """
        place = self._place(namespace)
        found = self._line.call(
            "store", "search_items", place, query=query, filter=filter, limit=limit, offset=offset
        )
        return _items(found)

    async def asearch(
        self,
        query: str | None = None,
        *,
        filter: Mapping[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        namespace: str | tuple[str, ...] | None = None,
    ) -> list[dict[str, Any]]:
        """Search the server's store, awaiting; see `search`."""
        place = self._place(namespace)
        client = self._line.awaited()
        asked: dict[str, Any] = {"query": query, "filter": filter, "limit": limit, "offset": offset}
        if client is None:
            return _items(
                await asyncio.to_thread(self._line.call, "store", "search_items", place, **asked)
            )
        return _items(await client.store.search_items(place, **asked))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more submits; what was submitted is still sent.

        Args:
            wait: Whether to wait until it is; runs that were sent go on in any case.
            cancel_futures: Whether what is not being sent yet is dropped instead.
        """
        self._lanes.close(wait, cancel=cancel_futures)
        if wait:
            self._line.close()

    def __enter__(self) -> RemoteReflectionExecutor:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown(wait=True)

    def _place(self, namespace: str | tuple[str, ...] | None) -> tuple[str, ...]:
        if not self._searches:
            raise ConfigurationError(
                "There is no server to search: the executor has a carrier only. Search the store "
                "that your reflector writes to, or give url=... or client=... too."
            )
        if namespace is None:
            return self._template()
        return NamespaceTemplate(namespace)() if namespace else ()

    def _thread(self, given: Any, config: RunnableConfig) -> str | None:
        """Return the name of the conversation's thread, if it has one."""
        if given is not None and not isinstance(given, str | uuid.UUID):
            raise ConfigurationError(f"thread_id must be a text or a UUID, got {shown(given)}.")
        thread = thread_of({"configurable": {"thread_id": given}}) or thread_of(config)
        shared = not self._own_threads and isinstance(self._carrier, LangGraphCarrier)
        return server_thread(thread) if shared and thread else thread

    def _told(self, thread: str | None, config: RunnableConfig) -> dict[str, Any]:
        """Return the `configurable` that is sent: what is named here, and nothing else."""
        given = config.get("configurable") or {}
        told = {
            key: _json(given[key], f"configurable[{key!r}]") for key in self._keep if key in given
        }
        told["namespace"] = list(self._template(config))
        if thread is not None:
            told["thread_id"] = thread
        return told

    def _run_thread(self, payload: _Payload, configurable: Mapping[str, Any]) -> str | None:
        """Return the thread of the run: what two submits share, if one may replace the other."""
        thread: str | None = configurable.get("thread_id")
        if thread is None:
            return None
        if self._own_threads:
            # What has no messages cannot take those of others along, so it must not replace them.
            told = [self._reflector, configurable, payload.names is None]
            return str(uuid.uuid5(_OWN_THREAD, json.dumps(told, sort_keys=True)))
        return thread

    def _send(
        self,
        payload: _Payload,
        thread: str | None,
        configurable: Mapping[str, Any],
        after_seconds: float,
    ) -> str:
        """Send one run, with what the run that it replaces has not done; return its id."""
        before = self._sent.get(thread)
        # On a thread that is not our own, the last submit may have been another user's.
        if before is not None and before.configurable == configurable:
            whole = payload.after(before.payload)
            if whole != payload and self._carrier.state(thread, before.run_id) in UNDONE:
                payload = whole
        run_id = self._carrier.send(
            payload.data, thread_id=thread, configurable=configurable, after_seconds=after_seconds
        )
        self._sent.put(thread, _Run(run_id, payload, configurable))
        return run_id


@dataclass(frozen=True, slots=True)
class _Payload:
    """Input of a reflector, and a name for each message in it (None for an instruction)."""

    data: Mapping[str, Any]
    names: tuple[str | None, ...] | None

    @classmethod
    def of(cls, given: Any) -> _Payload:
        """Read a payload; from here on it does not change when the caller's does.

        Raises:
            InputError: It is no dict of JSON data, or a message in it cannot be read.
        """
        if not isinstance(given, Mapping):
            raise InputError(
                f"submit() takes the reflector's input, such as {{'messages': [...]}}; got "
                f"{shown(given)}."
            )
        if "messages" not in given:
            return cls(_json(dict(given), "The payload"), None)
        messages = read_messages(given["messages"])
        names = (digest(said(m), m.id or "") if is_said(m) else None for m in messages)
        data = {**given, "messages": list(given["messages"])}
        return cls(_json(data, "The payload"), tuple(names))

    def after(self, earlier: _Payload) -> _Payload:
        """Return this with the earlier messages in front, what both have taken once."""
        if self.names is None or earlier.names is None:
            return self
        told = [name for name in earlier.names if name is not None]
        shared = overlap(told, [name for name in self.names if name is not None])
        messages, names = list(earlier.data["messages"]), list(earlier.names)
        for message, name in zip(self.data["messages"], self.names, strict=True):
            if name is None:
                repeated = message in messages  # instructions stand in front of every call
            else:
                repeated, shared = shared > 0, shared - 1
            if not repeated:
                messages.append(message)
                names.append(name)
        return _Payload({**self.data, "messages": messages}, tuple(names))


@dataclass(frozen=True, slots=True)
class _Run:
    run_id: str
    payload: _Payload
    configurable: Mapping[str, Any]


class _Sent:
    """The last run of each thread that was heard of lately."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, thread: str | None) -> _Run | None:
        with self._lock:
            return None if thread is None else self._runs.get(thread)

    def put(self, thread: str | None, run: _Run) -> None:
        if thread is None or run.payload.names is None:
            return
        with self._lock:
            self._runs[thread] = run
            self._runs.move_to_end(thread)
            if len(self._runs) > _THREADS:
                self._runs.popitem(last=False)


def _delay(given: Any) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(given) or given < 0:
        raise ConfigurationError(
            f"after_seconds must be a number of seconds from 0 on, got {shown(given)}."
        )
    return cast("float", given)


def _json(given: Any, place: str) -> Any:
    """Return a copy as JSON data, half pairs of surrogates replaced."""
    try:
        text = json.dumps(given, ensure_ascii=False, allow_nan=False, default=_plain)
        return json.loads(clean(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{place} cannot be sent to another process: {error}. Give JSON data, got "
            f"{shown(given)}."
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):  # LangChain's messages are, too
        return value.model_dump(mode="json")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no JSON data")


def _items(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**item, "namespace": tuple(item["namespace"])} for item in found["items"]]
