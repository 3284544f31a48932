"""A model that writes the queries for what may be known about a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast import wording
from holdfast.extract.answer import Answer
from holdfast.extract.one_tool import OneTool
from holdfast.flow import Flow
from holdfast.memory import Failure, Message, Usage
from holdfast.schema import Invalid


class QueryWriter:
    """Asks a model what to look for.

    Args:
        model: A chat model, or its name.
        instructions: What to search for; braces in it are just text.
        required: Whether a model that writes no query is asked once more, and then an error.
    """

    def __init__(
        self, model: Any, instructions: str | None = None, *, required: bool = False
    ) -> None:
        system = wording.text("search_instructions") if instructions is None else instructions
        self._asker = OneTool(model, wording.tool("search_memory"), system)
        self._required = required

    def flow(self, messages: Sequence[Message]) -> Flow[tuple[list[str], Usage]]:
        """Return the queries, each once, and what they cost.

        Raises:
            ModelAnswerError: None was written, though one is required.
        """
        conversation = wording.render_messages(messages)
        request = wording.text("search_request", conversation=conversation)
        return (yield from self._asker.flow(request, self._queries))

    def _queries(self, answer: Answer) -> list[str]:
        calls = [call for call in answer.calls if call.name == self._asker.name]
        given = [(call.arguments or {}).get("query") for call in calls]
        queries = [query.strip() for query in given if isinstance(query, str) and query.strip()]
        if self._required and not queries:
            raise Invalid([Failure("no query was given", self._asker.name)])
        return list(dict.fromkeys(queries))
