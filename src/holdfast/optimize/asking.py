"""Asks a model step by step: it thinks with tools, until it calls one that decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from holdfast import wording
from holdfast.errors import ModelAnswerError
from holdfast.extract.answer import Answer, Call, read_answer, replies
from holdfast.extract.models import bind
from holdfast.flow import Ask, Flow
from holdfast.memory import Failure, Usage
from holdfast.schema import Invalid

T = TypeVar("T")

THINKING = ("think", "critique")


@dataclass(frozen=True, slots=True)
class Decided:
    """What a model decided.

    Args:
        call: Its call of the tool that decides.
        usage: What it cost.
    """

    call: Call
    usage: Usage


class Steps:
    """A model that thinks for some steps and then decides, in one conversation.

    Args:
        model: The chat model.
        system: The constant part of the request.
        deciding: Names of the tools that decide.
        least: How many steps it thinks at least.
        most: How many steps it has in all; in the last it can only decide.
    """

    def __init__(
        self, model: BaseChatModel, system: str, deciding: Sequence[str], least: int, most: int
    ) -> None:
        self._model = model
        self._system = system
        self._deciding = tuple(deciding)
        self._least = least
        self._most = most

    def flow(self, request: str, accept: Callable[[Call], T]) -> Flow[tuple[T, Usage]]:
        """Return what `accept` makes of the deciding call, and what it cost.

        What is not accepted goes back once, with the reasons.

        Args:
            request: The changing part of the request.
            accept: Reads the call; raises `Invalid` where it is to be made again.

        Raises:
            ModelAnswerError: There was no such call, or it was not accepted again.
        """
        said: list[BaseMessage] = []
        usage, step, again = Usage(), 0, True
        while True:
            names = self._offered(step)
            answer, usage = yield from self._ask(request, said, names, usage)
            call = next((call for call in answer.calls if call.name in self._deciding), None)
            last = step >= self._most - 1
            try:
                if call is not None and call.name in names:
                    return accept(call), usage
                if last:
                    raise Invalid([Failure(f"call one of {', '.join(names)}", "answer")])
                said += _told(answer, wording.text("optimize_step", tools=", ".join(names)))
                step += 1
            except Invalid as invalid:
                if not again:
                    raise ModelAnswerError(_unusable(names, invalid, answer)) from invalid
                again = False
                said += _told(answer, _reasons(invalid, names))
                step = self._most - 1  # what is left to do is to decide

    def _offered(self, step: int) -> tuple[str, ...]:
        if step >= self._most - 1:
            return self._deciding
        return THINKING if step < self._least else (*THINKING, *self._deciding)

    def _ask(
        self, request: str, said: Sequence[BaseMessage], names: Sequence[str], usage: Usage
    ) -> Flow[tuple[Answer, Usage]]:
        tools = [{"type": "function", "function": wording.tool(name)} for name in names]
        bound = bind(self._model, tools)
        system = self._system
        if bound is None:
            listed = "\n".join(map(wording.as_json, tools))
            system = f"{system}\n\n{wording.text('tools_in_text', tools=listed)}"
        asked = [SystemMessage(system), HumanMessage(request), *said]
        message = yield Ask(bound or self._model, asked)
        answer = read_answer(message, names, text_only=bound is None)
        return answer, usage.plus(getattr(message, "usage_metadata", None))


def _told(answer: Answer, text: str) -> list[BaseMessage]:
    """Return the answer, and what it is told in return."""
    if answer.in_text:
        return [answer.message, HumanMessage(text)]
    return [answer.message, *replies(answer, [text] * len(answer.calls))]


def _reasons(invalid: Invalid, names: Sequence[str]) -> str:
    listed = "\n".join(f"- {failure}" for failure in invalid.failures)
    return wording.text("call_again", failures=listed, tool=" or ".join(names))


def _unusable(names: Sequence[str], invalid: Invalid, answer: Answer) -> str:
    reasons = "; ".join(map(str, invalid.failures))
    return (
        f"The model gave no valid call of {' or '.join(names)}, also when it was asked again: "
        f"{reasons}. It said: {str(answer.message.text)[:200]!r}."
    )


def text_of(arguments: Mapping[str, Any] | None, name: str) -> str:
    """Return an argument that is a text; "" where there is none."""
    value = (arguments or {}).get(name)
    return value if isinstance(value, str) else ""
