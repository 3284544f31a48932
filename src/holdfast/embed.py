"""One embedder, whatever a user gives as one: which it is, its vectors, its failures.

Nothing of LangChain, numpy or a model is loaded before an embedder is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from holdfast.background import Background, is_async
from holdfast.errors import ConfigurationError, EmbedderFailed, cut, shown

BATCH = 128
"""How many texts an embedder is given in one call, at most."""

TIMEOUT = 30.0
"""Seconds that one call of an embedder may take, where the index names no `timeout`."""

KEPT = 8
"""How many threads wait for the next call of an embedder: to start one takes longer than a put."""

Vectors = list[list[float]]

_FORMS = (
    "a LangChain Embeddings, a function of a list of texts, 'provider:model' such as "
    "'openai:text-embedding-3-small', or 'local:<model name or folder>'"
)
# Their class would count tokens with tiktoken, which downloads its tables.
_COUNTS_TOKENS = ("openai", "azure_openai")
_NAMES = ("model", "model_name", "model_id")


@dataclass(frozen=True, slots=True)
class _Calls:
    """How to get the vectors of some texts; an embedder may have one way or both."""

    blocking: Callable[[list[str]], Any] | None
    awaiting: Callable[[list[str]], Awaitable[Any]] | None


@dataclass(frozen=True, slots=True)
class _Source:
    """What a user gave: who it is, and how documents and questions become vectors."""

    identity: str
    documents: _Calls
    query: _Calls


class Embedder:
    """Turns texts into vectors that were checked; made by `as_embedder`.

    Equal texts are embedded once, at most `BATCH` of them in one call. Blocking code runs in
    daemon threads, so that neither an event loop nor the interpreter's exit waits for an embedder
    that hangs; code that can only be awaited serves blocking callers from a loop in the background.

    Attributes:
        fingerprint: Which embedder this is, the same in every process.
        dims: How many numbers a vector has.

    Example:
        >>> embedder = as_embedder({"embed": lambda texts: [[len(t), 1] for t in texts], "dims": 2})
        >>> embedder.documents(["tea", "coffee"])
        [[3.0, 1.0], [6.0, 1.0]]
        >>> embedder.query("tea")
        [3.0, 1.0]
    """

    def __init__(self, fingerprint: str, dims: int, timeout: float, source: _Source) -> None:
        self.fingerprint = fingerprint
        self.dims = dims
        self._timeout = timeout
        self._source = source
        self._loops: dict[str, weakref.ref[asyncio.AbstractEventLoop]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fingerprint!r})"

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Return the vector of each text that is to be found, in order; blocking.

        Raises:
            EmbedderFailed: The embedder raised, was too slow, or gave vectors of no use.
        """
        found: dict[str, list[float]] = {}
        for batch in _batches(texts):
            found.update(zip(batch, self._run(self._source.documents, batch), strict=True))
        return [list(found[text]) for text in texts]

    async def adocuments(self, texts: Sequence[str]) -> Vectors:
        """Return the vector of each text that is to be found, in order; awaiting.

        Raises:
            EmbedderFailed: The embedder raised, was too slow, or gave vectors of no use.
        """
        found: dict[str, list[float]] = {}
        for batch in _batches(texts):
            found.update(zip(batch, await self._arun(self._source.documents, batch), strict=True))
        return [list(found[text]) for text in texts]

    def query(self, text: str) -> list[float]:
        """Return the vector of a text that looks for others; blocking.

        Raises:
            EmbedderFailed: The embedder raised, was too slow, or gave a vector of no use.
        """
        return self._run(self._source.query, [text])[0]

    async def aquery(self, text: str) -> list[float]:
        """Return the vector of a text that looks for others; awaiting.

        Raises:
            EmbedderFailed: The embedder raised, was too slow, or gave a vector of no use.
        """
        return (await self._arun(self._source.query, [text]))[0]

    def _run(self, calls: _Calls, texts: list[str]) -> Vectors:
        if calls.blocking is not None:
            pending = _in_thread(partial(self._called, calls.blocking, texts))
        else:
            pending = _BACKGROUND.start(self._awaited(calls, texts))
        try:
            return pending.result(self._timeout)
        except TimeoutError as error:
            raise self._too_slow(texts) from error
        finally:
            pending.cancel()

    async def _arun(self, calls: _Calls, texts: list[str]) -> Vectors:
        try:
            async with asyncio.timeout(self._timeout):
                if calls.awaiting is not None and (calls.blocking is None or self._at_home()):
                    return await self._awaited(calls, texts)
                assert calls.blocking is not None
                called = partial(self._called, calls.blocking, texts)
                return await asyncio.wrap_future(_in_thread(called))
        except TimeoutError as error:
            raise self._too_slow(texts) from error

    def _at_home(self) -> bool:
        """Tell whether this is the loop that awaited first: clients keep connections of theirs."""
        loop = asyncio.get_running_loop()
        return self._loops.setdefault("first", weakref.ref(loop))() is loop

    # What the embedder raises becomes ours where it is called, so that a TimeoutError further out
    # can only be that of the caller's own waiting.

    def _called(self, call: Callable[[list[str]], Any], texts: list[str]) -> Vectors:
        try:
            vectors = call(list(texts))
        except Exception as error:
            raise self._raised(error) from error
        return self._checked(vectors, len(texts))

    async def _awaited(self, calls: _Calls, texts: list[str]) -> Vectors:
        assert calls.awaiting is not None
        try:
            vectors = await calls.awaiting(list(texts))
        except Exception as error:
            raise self._raised(error) from error
        return self._checked(vectors, len(texts))

    def _checked(self, vectors: Any, count: int) -> Vectors:
        name = f"The embedder {self.fingerprint!r}"
        try:
            found = [list(map(float, vector)) for vector in vectors]
        except (TypeError, ValueError, OverflowError) as error:
            raise EmbedderFailed(
                f"{name} gave {type(vectors).__name__!r} that is no list of vectors ({error}); it "
                "must give a list of numbers for each text."
            ) from error
        if len(found) != count:
            raise EmbedderFailed(
                f"{name} gave {len(found)} vector(s) for {count} text(s); it must give one each."
            )
        for vector in found:
            if len(vector) != self.dims:
                raise EmbedderFailed(
                    f"{name} gave a vector of {len(vector)} numbers where 'dims' says "
                    f"{self.dims}; set 'dims' to the length of its vectors."
                )
            if not all(map(math.isfinite, vector)):
                raise EmbedderFailed(
                    f"{name} gave a vector with a number that is not finite (nan or infinite); "
                    "nothing can be compared with it."
                )
        return found

    def _raised(self, error: Exception) -> EmbedderFailed:
        return EmbedderFailed(
            f"The embedder {self.fingerprint!r} raised {type(error).__name__}: "
            f"{cut(str(error), 200)}"
        )

    def _too_slow(self, texts: Sequence[str]) -> EmbedderFailed:
        return EmbedderFailed(
            f"The embedder {self.fingerprint!r} took longer than {self._timeout:g} seconds for "
            f"{len(texts)} text(s); see why it hangs, or set 'timeout' in the index higher."
        )


def as_embedder(index: Mapping[str, Any]) -> Embedder:
    """Return the embedder that LangGraph's index configuration names.

    Args:
        index: `embed` is a LangChain `Embeddings`, a function of a list of texts (sync or async)
            for documents and questions alike, `"provider:model"`, or `"local:..."` with a folder
            that holds an ONNX model and its tokenizer, or the name of a model of fastembed.
            `dims` is the length of its vectors. `timeout` is how many seconds one call may take
            (30). `fingerprint` says which embedder it is, where that does not show by its name:
            functions without a name, or arguments that change the vectors. Other keys are
            left to the store.

    Raises:
        ConfigurationError: A key is missing or of the wrong type, or the embedder cannot be had.

    Example:
        >>> def lengths(texts):
        ...     return [[len(text)] for text in texts]
        >>> as_embedder({"embed": lengths, "dims": 1, "fingerprint": "lengths-1"}).fingerprint
        'lengths-1/1'
    """
    if not isinstance(index, Mapping):
        raise ConfigurationError(
            f"The index must be a mapping with 'embed' and 'dims', got {shown(index)}."
        )
    dims, timeout = index.get("dims"), index.get("timeout", TIMEOUT)
    if not isinstance(dims, int) or isinstance(dims, bool) or dims < 1:
        raise ConfigurationError(
            f"index['dims'] must be the length of the embedder's vectors, got {shown(dims)}."
        )
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 < timeout <= threading.TIMEOUT_MAX:
        raise ConfigurationError(
            f"index['timeout'] must be a positive number of seconds, got {shown(timeout)}."
        )
    named = index.get("fingerprint", "unnamed")
    if not isinstance(named, str) or not named:
        raise ConfigurationError(
            f"index['fingerprint'] must be a text that names the embedder, got {shown(named)}."
        )
    source = _source(index.get("embed"))
    name = named if "fingerprint" in index else source.identity
    return Embedder(f"{name}/{dims}", dims, float(timeout), source)


def _source(embed: Any) -> _Source:
    if isinstance(embed, str):
        return _of_name(embed)
    from langchain_core.embeddings import Embeddings
    from langgraph.store.base.embed import EmbeddingsLambda

    if isinstance(embed, EmbeddingsLambda):
        # LangGraph's wrapper of a function: it would hide its name, and block where it cannot.
        embed = getattr(embed, "afunc", None) or embed.func
    if isinstance(embed, Embeddings):
        return _of_methods(embed, _identity(embed))
    if callable(embed) and not isinstance(embed, type):
        calls = _Calls(None, embed) if is_async(embed) else _Calls(embed, None)
        return _Source(_identity(embed), calls, calls)
    raise ConfigurationError(f"index['embed'] must be {_FORMS}; got {shown(embed)}.")


def _of_name(name: str) -> _Source:
    provider, _, model = (part.strip() for part in name.partition(":"))
    if not model:
        raise ConfigurationError(f"index['embed'] must be {_FORMS}; got {name!r}.")
    if provider.lower() == "local":
        from holdfast.embed_local import load_local

        found = load_local(model)
        return _of_methods(found, f"local:{found.identity}")
    from langchain.embeddings import init_embeddings

    settings: dict[str, Any] = {}
    if provider.lower() in _COUNTS_TOKENS:
        settings["check_embedding_ctx_length"] = False
    try:
        made = init_embeddings(f"{provider}:{model}", **settings)
    except Exception as error:
        raise ConfigurationError(
            f"There is no embedder {name!r}: {cut(str(error), 300)}"
        ) from error
    return _of_methods(made, f"{provider.lower()}:{model}")


def _of_methods(embed: Any, identity: str) -> _Source:
    def one(text: Sequence[str]) -> list[Any]:
        return [embed.embed_query(text[0])]

    async def aone(text: Sequence[str]) -> list[Any]:
        return [await embed.aembed_query(text[0])]

    return _Source(
        identity,
        _Calls(embed.embed_documents, _own(embed, "aembed_documents")),
        _Calls(one, aone if _own(embed, "aembed_query") else None),
    )


def _own(embed: Any, method: str) -> Callable[[list[str]], Awaitable[Any]] | None:
    """Return an awaiting method, unless it is LangChain's default.

    That one runs the blocking method in a thread which the interpreter waits for at its exit.
    """
    from langchain_core.embeddings import Embeddings

    if getattr(type(embed), method, None) in (None, getattr(Embeddings, method)):
        return None
    found: Callable[[list[str]], Awaitable[Any]] = getattr(embed, method)
    return found


def _identity(embed: Any) -> str:
    """Return a name that is the same in every process: no address, no object's text."""
    while isinstance(embed, partial):
        embed = embed.func
    if hasattr(embed, "__qualname__"):
        return f"{embed.__module__}.{embed.__qualname__}"
    kind = f"{type(embed).__module__}.{type(embed).__qualname__}"
    for name in _NAMES:
        model = getattr(embed, name, None)
        if isinstance(model, str) and model:
            return f"{kind}:{model}"
    return kind


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    each_once = list(dict.fromkeys(texts))
    for start in range(0, len(each_once), BATCH):
        yield each_once[start : start + BATCH]


class _Worker:
    """A daemon thread that takes one call after the other; one that hangs is never idle again."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Vectors], Future[Vectors]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True, name="holdfast-embedder")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread is there; it is not in a forked process."""
        return self._thread.is_alive()

    def start(self, call: Callable[[], Vectors]) -> Future[Vectors]:
        """Run a call, with the caller's context variables."""
        future: Future[Vectors] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it, only leave it
        self._calls.put((partial(contextvars.copy_context().run, call), future))
        return future

    def _work(self) -> None:
        kept = True
        while kept:
            call, future = self._calls.get()
            try:
                tell = partial(future.set_result, call())
            except BaseException as error:  # noqa: BLE001  # handed to whoever waits
                tell = partial(future.set_exception, error)
            kept = len(_IDLE) < KEPT
            if kept:
                _IDLE.append(self)  # before anyone is told, who may have another call at once
            tell()
            del call, future, tell  # nothing of a call is held until the next one


_IDLE: deque[_Worker] = deque()


def _in_thread(call: Callable[[], Vectors]) -> Future[Vectors]:
    """Run a call in a daemon thread that has nothing else to do."""
    while _IDLE:
        with contextlib.suppress(IndexError):  # another thread was faster
            worker = _IDLE.pop()
            if worker.alive:
                return worker.start(call)
    return _Worker().start(call)


_BACKGROUND = Background("holdfast-embedders")
