"""Runs a flow for a blocking or an awaiting caller, and gives it LangChain's face.

A flow is a generator that yields *effects* and is sent their results. The two drivers in here are
the only code that calls a model or a store, so what a flow decides is written once for sync and
async. (The idea is httpx's `Auth.auth_flow` and psycopg's generators.)
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, TypeVar, cast
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import set_config_context
from langgraph.store.base import BaseStore, Op, PutOp

from holdfast.background import Background, is_async
from holdfast.ledger import Ledger
from holdfast.namespace import current_config
from holdfast.operations import Commit, LedgerOp

Input = TypeVar("Input")
Output = TypeVar("Output")
T = TypeVar("T")

NO_STREAM = "nostream"
"""LangGraph's tag for a model whose tokens must not reach `stream_mode="messages"`."""


AT_ONCE = 8
"""How many flows run side by side at most, in threads."""

_LOCKS = tuple(threading.Lock() for _ in range(256))
_PAUSE = 0.001
_BACKGROUND = Background("holdfast-calls")


@dataclass(frozen=True, slots=True)
class Ask:
    """Effect: send messages to a model, be sent its answer."""

    model: Runnable[Any, BaseMessage]
    messages: Sequence[BaseMessage]


@dataclass(frozen=True, slots=True)
class Hand:
    """Effect: hand an input to a Runnable that a user gave, be sent its output."""

    runnable: Runnable[Any, Any]
    input: Any


@dataclass(frozen=True, slots=True)
class StoreOps:
    """Effect: run operations on a store in one batch, be sent their results in order."""

    store: BaseStore
    ops: Sequence[Op]


@dataclass(frozen=True, slots=True)
class StoreCall:
    """Effect: call one method of a store (its `a...` twin when awaiting), be sent its result."""

    store: BaseStore
    method: Literal["get", "search", "put", "delete"]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Effect: wait until no other flow of this process holds the place; be sent its release.

    For a read and a write that belong together, in stores that cannot compare versions. Hold one
    place at a time, ask no model meanwhile, and always call the release in a `finally`.
    """

    lock: threading.Lock


@dataclass(frozen=True, slots=True)
class Perform:
    """Effect: do one operation of a ledger, be sent its result."""

    ledger: Ledger
    op: LedgerOp[Any]


@dataclass(frozen=True, slots=True)
class Together:
    """Effect: run flows side by side, be sent their results in order.

    The first error ends the others, as far as they have not begun or can be cancelled, and is
    raised; what others met meanwhile is added to it as notes.
    """

    flows: Sequence[Flow[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """Effect: call a function that a user gave, be sent what it returns.

    It may be an async one, whoever drives the flow: for a blocking caller it is awaited in a loop
    that runs in a thread of its own. For an awaiting caller a plain one is called in a thread,
    so that it cannot block the loop.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()


Effect = Ask | Hand | StoreOps | StoreCall | Hold | Perform | Together | Call
Flow = Generator[Effect, Any, T]


def exclusively(store: BaseStore, namespace: tuple[str, ...]) -> Hold:
    """Return the effect that holds a namespace of a store against other flows of this process."""
    whole = getattr(store, "whole", store)  # a fence is made anew for each call
    return Hold(_LOCKS[hash((id(whole), namespace)) % len(_LOCKS)])


def run(flow: Flow[T], config: RunnableConfig | None = None) -> T:
    """Drive a flow to its end, blocking.

    Errors of a model or store are thrown into the flow where it waits; the flow is always closed.
    """
    return drive(flow, partial(_perform, config=config))


async def arun(flow: Flow[T], config: RunnableConfig | None = None) -> T:
    """Drive a flow to its end, awaiting; cancellation is thrown into it like an error."""
    return await adrive(flow, partial(_aperform, config=config))


def drive(steps: Generator[Any, Any, T], perform: Callable[[Any], Any]) -> T:
    """Drive a generator to its end: what it yields is performed, and it is sent the result."""
    try:
        asked = next(steps)
        while True:
            try:
                result = perform(asked)
            except BaseException as error:
                asked = steps.throw(error)
            else:
                asked = steps.send(result)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        steps.close()


async def adrive(
    steps: Generator[Any, Any, T], perform: Callable[[Any], Coroutine[Any, Any, Any]]
) -> T:
    """Drive a generator to its end, awaiting what it yields."""
    try:
        asked = next(steps)
        while True:
            try:
                result = await perform(asked)
            except BaseException as error:
                asked = steps.throw(error)
            else:
                asked = steps.send(result)
    except StopIteration as stop:
        return cast("T", stop.value)
    finally:
        steps.close()


def _model_config(config: RunnableConfig | None) -> RunnableConfig:
    tags = (config or {}).get("tags") or []
    return cast("RunnableConfig", {**(config or {}), "tags": [*tags, NO_STREAM]})


def _asked(ask: Ask, config: RunnableConfig) -> Any:
    if _takes_config(ask.model.invoke):
        return ask.model.invoke(ask.messages, config)
    # Models made for tests often override `invoke(messages)` alone; below it, LangChain finds the
    # config in the context.
    with set_config_context(config) as context:
        return context.run(ask.model.invoke, ask.messages)


async def _aasked(ask: Ask, config: RunnableConfig) -> Any:
    if _takes_config(ask.model.ainvoke):
        return await ask.model.ainvoke(ask.messages, config)
    with set_config_context(config) as context:
        return await asyncio.create_task(ask.model.ainvoke(ask.messages), context=context)


def _takes_config(call: Callable[..., Any]) -> bool:
    try:
        inspect.signature(call).bind([], None)
    except TypeError:
        return False
    return True


def _perform(effect: Effect, config: RunnableConfig | None) -> Any:
    if isinstance(effect, Ask):
        return _asked(effect, _model_config(config))
    if isinstance(effect, Hand):
        return effect.runnable.invoke(effect.input, config)
    if isinstance(effect, Hold):
        effect.lock.acquire()
        return effect.lock.release
    if isinstance(effect, Perform):
        return effect.ledger.perform(effect.op)
    if isinstance(effect, Together):
        return _side_by_side(effect.flows, config)
    if isinstance(effect, Call):
        result = effect.function(*effect.args)
        return _BACKGROUND.wait_for(_awaited(result)) if inspect.isawaitable(result) else result
    return _blocking(effect)()


async def _aperform(effect: Effect, config: RunnableConfig | None) -> Any:
    if isinstance(effect, Ask):
        return await _aasked(effect, _model_config(config))
    if isinstance(effect, Hand):
        return await effect.runnable.ainvoke(effect.input, config)
    if isinstance(effect, Hold):
        # Waiting in a thread could use up the very pool that the holder needs.
        while not effect.lock.acquire(blocking=False):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE)
        return effect.lock.release
    if isinstance(effect, Perform):
        performed = effect.ledger.aperform(effect.op)
        return await (_to_the_end(performed) if isinstance(effect.op, Commit) else performed)
    if isinstance(effect, Together):
        return await _aside_by_side(effect.flows, config)
    if isinstance(effect, Call):
        return await _acalled(effect)
    writes = (
        any(isinstance(op, PutOp) for op in effect.ops)
        if isinstance(effect, StoreOps)
        else effect.method in ("put", "delete")
    )
    return await (_to_the_end(_awaiting(effect)) if writes else _awaiting(effect))


def _side_by_side(flows: Sequence[Flow[Any]], config: RunnableConfig | None) -> list[Any]:
    if not flows:
        return []
    with ThreadPoolExecutor(min(len(flows), AT_ONCE)) as pool:
        # Threads see the context variables of whoever asked, each in a copy of its own.
        started = [pool.submit(copy_context().run, run, flow, config) for flow in flows]
        wait(started, return_when=FIRST_EXCEPTION)
        for future in started:
            future.cancel()
    errors = [e for future in started if not future.cancelled() and (e := future.exception())]
    if errors:
        raise _noted(errors)
    return [future.result() for future in started]


async def _aside_by_side(flows: Sequence[Flow[Any]], config: RunnableConfig | None) -> list[Any]:
    tasks = [asyncio.ensure_future(arun(flow, config)) for flow in flows]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    errors = [e for task in tasks if not task.cancelled() and (e := task.exception())]
    if errors:
        raise _noted(errors)
    return [task.result() for task in tasks]


def _noted(errors: Sequence[BaseException]) -> BaseException:
    """Return the first error, with what the others say as notes."""
    first = errors[0]
    for other in errors[1:]:
        first.add_note(f"Beside it: {type(other).__name__}: {other}")
    return first


async def _acalled(effect: Call) -> Any:
    if is_async(effect.function):
        return await effect.function(*effect.args)
    result = await asyncio.to_thread(effect.function, *effect.args)
    return await result if inspect.isawaitable(result) else result


async def _awaited(result: Awaitable[T]) -> T:
    return await result


def _blocking(effect: StoreOps | StoreCall) -> Callable[[], Any]:
    if isinstance(effect, StoreOps):
        return partial(effect.store.batch, effect.ops)
    return partial(getattr(effect.store, effect.method), *effect.args, **effect.kwargs)


async def _awaiting(effect: StoreOps | StoreCall) -> Any:
    try:
        if isinstance(effect, StoreOps):
            return await effect.store.abatch(effect.ops)
        method = getattr(effect.store, f"a{effect.method}")
        return await method(*effect.args, **effect.kwargs)
    except NotImplementedError:
        # Some stores are for blocking callers only; they must not block this loop.
        return await asyncio.to_thread(_blocking(effect))


async def _to_the_end(commit: Coroutine[Any, Any, Any]) -> Any:
    """Await a commit that was sent, even when the caller is cancelled; then be cancelled."""
    task = asyncio.ensure_future(commit)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()


class FlowRunnable(Runnable[Input, Output], Generic[Input, Output]):
    """A Runnable whose work is a flow: `invoke`, `ainvoke`, `batch`, traces and callbacks."""

    name: str | None = None

    @abstractmethod
    def flow(self, input: Input, config: RunnableConfig) -> Flow[Output]:
        """Return the work for one input as a flow."""

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run for one input, blocking; inside a graph the config may be left out."""
        return self._call_with_config(self._run, input, current_config(config), **kwargs)

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Run for one input, awaiting; inside a graph the config may be left out."""
        return await self._acall_with_config(self._arun, input, current_config(config), **kwargs)

    def _run(
        self, input: Input, run_manager: CallbackManagerForChainRun, config: RunnableConfig
    ) -> Output:
        return run(self.flow(input, _with_run(config, run_manager.run_id)), config)

    async def _arun(
        self, input: Input, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
    ) -> Output:
        return await arun(self.flow(input, _with_run(config, run_manager.run_id)), config)


def _with_run(config: RunnableConfig, run_id: UUID) -> RunnableConfig:
    """Return the config of a flow, which may name its run as a source; its models do not see it."""
    return cast("RunnableConfig", {**config, "run_id": run_id})
