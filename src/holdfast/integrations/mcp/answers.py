"""What the tools answer: typed, so that clients get a schema of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

Done = Literal["added", "updated", "deleted", "unchanged"]


class Answer(BaseModel):
    """An answer; what is not known of it is left out."""

    @model_serializer(mode="wrap")
    def _told(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class Memory(Answer):
    """A memory, with `text` or `fields`; or what somebody said, of kind Message.

    Where `is_cut`, the text is only its beginning, and `get_memory` returns the whole.
    """

    id: str
    kind: str
    text: str | None = None
    fields: dict[str, Any] | None = None
    is_cut: bool | None = None
    time: str
    version: int | None = None
    score: float | None = None
    stands: bool | None = None
    no_longer_so: bool | None = None
    speaker: str | None = None
    thread: str | None = None


class Memories(Answer):
    """Memories, the best match first."""

    memories: list[Memory]


class Page(Answer):
    """One page of memories; `next_offset` is missing on the last."""

    memories: list[Memory]
    next_offset: int | None = None


class Written(Answer):
    """What became of a memory."""

    id: str
    done: Done
    version: int | None = None


class Past(Answer):
    """One version of a memory; without `text` and `fields` it was deleted then."""

    version: int
    time: str
    text: str | None = None
    fields: dict[str, Any] | None = None
    whose_word: str | None = None


class Said(Answer):
    """A message that a memory comes from, verbatim."""

    id: str
    speaker: str
    text: str
    time: str
    thread: str


class Whole(Memory):
    """A memory with its past, oldest version first, and with what it comes from."""

    created: str | None = None
    importance: int | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    superseded_by: list[str] | None = None
    versions: int | None = None
    history: list[Past] | None = None
    sources: list[Said] | None = None
    other_sources: list[str] | None = None


class Source(Answer):
    """What stands behind a `cited` mark of a context."""

    cited: str
    id: str
    kind: str
    time: str


class RecalledContext(Answer):
    """What is remembered about a topic, as a text for a prompt, and where its parts come from."""

    text: str
    tokens: int
    sources: list[Source]


class Result(Answer):
    """One result of `search`."""

    id: str
    title: str
    url: str


class Results(Answer):
    """What `search` finds, in the shape that ChatGPT asks for."""

    results: list[Result]


class Document(Answer):
    """What `fetch` returns, in the shape that ChatGPT asks for."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str] | None = None
