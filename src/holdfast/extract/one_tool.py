"""Asks a model to call one tool, and once more, with the reasons, when it did not do it well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from holdfast import wording
from holdfast.errors import ModelAnswerError
from holdfast.extract.answer import Answer, read_answer, replies
from holdfast.extract.models import bind, resolve_model
from holdfast.flow import Ask, Flow
from holdfast.memory import Usage
from holdfast.schema import Invalid

T = TypeVar("T")


class OneTool:
    """A model with one tool, or with that tool told in words where it takes none.

    Args:
        model: A chat model, or its name.
        function: The tool's name, description and parameters.
        instructions: The constant part of the request.
    """

    def __init__(self, model: Any, function: Mapping[str, Any], instructions: str) -> None:
        self.name = str(function["name"])
        self._plain = resolve_model(model)
        tool = {"type": "function", "function": dict(function)}
        self._bound = bind(self._plain, [tool])
        if self._bound is None:
            told = wording.text("tools_in_text", tools=wording.as_json(tool))
            instructions = f"{instructions}\n\n{told}"
        self._system = SystemMessage(instructions)

    def flow(self, request: str, accept: Callable[[Answer], T]) -> Flow[tuple[T, Usage]]:
        """Return what `accept` makes of the answer, and what it cost.

        Args:
            request: The changing part of the request.
            accept: Reads an answer; raises `Invalid` when it is to be asked for again.

        Raises:
            ModelAnswerError: It was not accepted, also when it was asked for again.
        """
        asked: list[BaseMessage] = [self._system, HumanMessage(request)]
        usage = Usage()
        reasons: list[str] = []
        for _ in range(2):
            message = yield Ask(self._bound or self._plain, asked)
            usage = usage.plus(getattr(message, "usage_metadata", None))
            answer = read_answer(message, (self.name,), text_only=self._bound is None)
            try:
                return accept(answer), usage
            except Invalid as invalid:
                reasons = [str(failure) for failure in invalid.failures]
            asked += [answer.message, *self._again(answer, reasons)]
        raise ModelAnswerError(
            f"The model gave no valid call of {self.name}, also when it was asked again: "
            f"{'; '.join(reasons)}. It said: {str(message.text)[:200]!r}."
        )

    def _again(self, answer: Answer, reasons: list[str]) -> list[BaseMessage]:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        again = wording.text("call_again", failures=listed, tool=self.name)
        if answer.in_text:
            return [HumanMessage(again)]
        return replies(answer, [again] * len(answer.calls))
