"""Asks a model what should be remembered: one call in the common case, one repair turn at most."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable

from holdfast import wording
from holdfast.errors import ConfigurationError
from holdfast.extract.answer import Answer, read_answer, replies
from holdfast.extract.draft import DONE, PATCH, REMOVE, Allowed, Draft, Outcome
from holdfast.extract.models import bind
from holdfast.flow import Ask, Flow
from holdfast.memory import Message, Usage
from holdfast.schema import Schema

log = logging.getLogger("holdfast")


@dataclass(frozen=True, slots=True)
class _Offer:
    """A model with the tools of one moment bound; `in_text` when it cannot take tools."""

    model: Runnable[Any, BaseMessage]
    system: SystemMessage
    names: tuple[str, ...]
    in_text: bool


class Extractor:
    """The extraction engine.

    Args:
        model: The chat model.
        schemas: The shapes that new memories may have.
        instructions: What to remember, in the user's words; braces in it are just text.
        allowed: What the model may do, whatever it says.
        max_repairs: How often failures are sent back for correction.

    Raises:
        ConfigurationError: An argument is of a type that cannot serve.
    """

    def __init__(
        self,
        model: BaseChatModel,
        schemas: Sequence[Schema],
        instructions: str,
        allowed: Allowed,
        max_repairs: int = 1,
    ) -> None:
        if not isinstance(instructions, str):
            raise ConfigurationError(f"instructions must be a text, got {instructions!r}.")
        if not isinstance(max_repairs, int) or max_repairs < 0:
            raise ConfigurationError(f"max_repairs must be a number from 0, got {max_repairs!r}.")
        self.model = model
        self.schemas = tuple(schemas)
        self.allowed = allowed
        self.max_repairs = max_repairs
        self._system = wording.text("extract_system", instructions=instructions.strip())
        self._offers: dict[tuple[str, ...], _Offer] = {}

    def flow(
        self,
        draft: Draft,
        messages: Iterable[Message],
        max_steps: int = 1,
        earlier: Sequence[Message] = (),
    ) -> Flow[Usage]:
        """Let the model change the draft, by what was said; return what that cost.

        Args:
            draft: What is known; changed in place.
            messages: The conversation.
            max_steps: How many turns the model may take, one repair turn each not counted.
            earlier: What was said before it, so that it can be understood.
        """
        usage = Usage()
        said_before = list(messages)
        if not said_before and not draft.present:
            return usage  # nothing was said, and nothing is known
        request = HumanMessage(_request(draft, said_before, max_steps, earlier))
        said: list[BaseMessage] = []
        repairs = self.max_repairs
        steps = max(1, max_steps)
        while steps:
            names = draft.tools(self.allowed)
            if not names:
                break  # there is nothing that the model could do
            offer = self._offer(names)
            message = yield Ask(offer.model, [offer.system, request, *said])
            usage = usage.plus(getattr(message, "usage_metadata", None))
            answer = read_answer(message, offer.names, text_only=offer.in_text)
            outcomes = draft.apply(answer.calls, self.allowed, answer.unread)
            failed = any(outcome.failures for outcome in outcomes)
            if failed and repairs:
                repairs -= 1
            elif not answer.calls or _finished(answer):
                break
            else:
                steps -= 1
            said += _follow_up(answer, outcomes)
        for outcome in draft.rejected:
            log.warning("A model's request was rejected: %s", "; ".join(map(str, outcome.failures)))
        return usage

    def _offer(self, names: tuple[str, ...]) -> _Offer:
        """Return the model with these tools; made once, since binding is dear."""
        if names not in self._offers:
            tools = [self._tool(name) for name in names]
            bound = bind(self.model, tools)
            system = self._system
            if bound is None:
                listed = "\n".join(map(wording.as_json, tools))
                system = f"{system}\n\n{wording.text('tools_in_text', tools=listed)}"
            self._offers[names] = _Offer(
                bound or self.model, SystemMessage(system), names, in_text=bound is None
            )
        return self._offers[names]

    def _tool(self, name: str) -> dict[str, Any]:
        if name in (PATCH, REMOVE):
            function = wording.tool(name)
        else:
            schema = next(schema for schema in self.schemas if schema.tool == name)
            function = _insert_tool(schema, one_each=not self.allowed.inserts)
        return {"type": "function", "function": function}


def _insert_tool(schema: Schema, *, one_each: bool) -> dict[str, Any]:
    """Return the tool that makes a memory, with what is kept beside the memory, not in it."""
    beside = ["importance"] if one_each or schema.standing else ["importance", "standing"]
    more = {name: wording.tool(name) for name in beside if name not in schema.fields}
    properties = {**schema.parameters["properties"], **more}
    parameters = {**schema.parameters, "properties": properties}
    return {"name": schema.tool, "description": schema.description, "parameters": parameters}


def _request(
    draft: Draft, messages: Sequence[Message], max_steps: int, earlier: Sequence[Message]
) -> str:
    conversation = wording.render_messages(messages)
    known = wording.render_known(
        (doc.alias, doc.kind, doc.now, doc.date and doc.date[:10]) for doc in draft.present
    )
    if known:
        request = wording.text("extract_request", known=known, conversation=conversation)
    else:
        request = wording.text("extract_request_first", conversation=conversation)
    if earlier and messages:
        before = wording.text("extract_earlier", earlier=wording.render_messages(earlier))
        request = f"{before}\n\n{request}"
    if max_steps > 1:
        request = f"{request}\n\n{wording.text('steps', steps=str(max_steps))}"
    return request


def _told(outcome: Outcome) -> str:
    """Return what a call's own message says; some providers allow no other message after it."""
    if outcome.failures:
        return wording.text("failed_call", reasons=outcome.told())
    return outcome.told()


def _finished(answer: Answer) -> bool:
    return any(call.name == DONE for call in answer.calls)


def _follow_up(answer: Answer, outcomes: Sequence[Outcome]) -> list[BaseMessage]:
    """Return the answer, what became of each of its calls, and what to correct."""
    failures = [str(failure) for outcome in outcomes for failure in outcome.failures]
    said: list[BaseMessage] = [answer.message]
    if not answer.in_text:
        return said + replies(answer, [_told(outcome) for outcome in outcomes])
    if failures:
        listed = "\n".join(f"- {failure}" for failure in failures)
        said.append(HumanMessage(wording.text("repair", failures=listed)))
    else:
        told = "\n".join(outcome.told() for outcome in outcomes)
        said.append(HumanMessage(told))
    return said
