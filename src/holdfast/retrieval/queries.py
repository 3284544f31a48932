"""A model that writes the queries for what may be known about a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from holdfast import wording
from holdfast.errors import ModelAnswerError
from holdfast.extract import resolve_model
from holdfast.extract.answer import Answer, read_answer, replies
from holdfast.extract.models import bind
from holdfast.flow import Ask, Flow
from holdfast.memory import Message, Usage

_SEARCH = "search_memory"


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
        self._plain = resolve_model(model)
        tool = {"type": "function", "function": wording.tool(_SEARCH)}
        self._bound = bind(self._plain, [tool])
        system = wording.text("search_instructions") if instructions is None else instructions
        if self._bound is None:
            told = wording.text("tools_in_text", tools=wording.as_json(tool))
            system = f"{system}\n\n{told}"
        self._system = SystemMessage(system)
        self._required = required

    def flow(self, messages: Sequence[Message]) -> Flow[tuple[list[str], Usage]]:
        """Return the queries, each once, and what they cost.

        Raises:
            ModelAnswerError: None was written, though one is required.
        """
        conversation = wording.render_messages(messages)
        request = wording.text("search_request", conversation=conversation)
        asked: list[BaseMessage] = [self._system, HumanMessage(request)]
        usage = Usage()
        for _ in range(2 if self._required else 1):
            message = yield Ask(self._bound or self._plain, asked)
            usage = usage.plus(getattr(message, "usage_metadata", None))
            answer = read_answer(message, (_SEARCH,), text_only=self._bound is None)
            queries = _queries(answer)
            if queries:
                return queries, usage
            asked += [answer.message, *_repair(answer)]
        if self._required:
            raise ModelAnswerError(
                f"The model called {_SEARCH} with no query, also when it was asked again; it said: "
                f"{str(message.text)[:200]!r}. Use a model that takes tools."
            )
        return [], usage


def _queries(answer: Answer) -> list[str]:
    given = [(call.arguments or {}).get("query") for call in answer.calls if call.name == _SEARCH]
    return list(dict.fromkeys(q.strip() for q in given if isinstance(q, str) and q.strip()))


def _repair(answer: Answer) -> list[BaseMessage]:
    again = wording.text("search_repair")
    if answer.in_text:
        return [HumanMessage(again)]
    return replies(answer, [again] * len(answer.calls))
