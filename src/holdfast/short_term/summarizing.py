"""The work of keeping a conversation short, as a flow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypedDict, cast

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage
from langchain_core.messages.utils import MessageLikeRepresentation
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig

from holdfast import wording
from holdfast.errors import ConfigurationError, InputError, ModelAnswerError, shown
from holdfast.extract import resolve_model
from holdfast.flow import Ask, Call, Flow, FlowRunnable, Hand
from holdfast.recalled_text import worth_keeping
from holdfast.short_term.counting import TokenCounter, checked, count_tokens
from holdfast.short_term.planning import (
    Limits,
    Plan,
    Planner,
    read_conversation,
)
from holdfast.short_term.running import RunningSummary, SummarizationResult, read_running
from holdfast.short_term.telling import A_PIECE, parts
from holdfast.wording.conversation import langchain_messages, quoted

_MESSAGES = ("placeholder", "{messages}")

INITIAL_SUMMARY_PROMPT = ChatPromptTemplate.from_messages(
    [_MESSAGES, ("user", wording.text("summary_first"))]
)
"""Asks for a first summary of `messages`."""

EXISTING_SUMMARY_PROMPT = ChatPromptTemplate.from_messages(
    [_MESSAGES, ("user", wording.text("summary_more"))]
)
"""Asks for a summary of `existing_summary` and `messages`."""

FINAL_PROMPT = ChatPromptTemplate.from_messages(
    [("placeholder", "{system_message}"), ("system", wording.text("summary_final")), _MESSAGES]
)
"""Makes a result of `system_message`, `summary` and `messages`."""

_CUT = " [...]"

_ADVICE = {
    "max_summary_tokens": " A summary needs room: 256 is the default, less for a small max_tokens.",
    "max_tokens_to_summarize": " It is what the model takes at once; it may be left out.",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How conversations are kept short; `summarize_messages` says what each setting is."""

    model: Any
    max_tokens: int
    max_tokens_before_summary: int | None
    max_summary_tokens: int
    max_messages_before_summary: int | None
    max_tokens_to_summarize: int | None
    max_summary_steps: int
    token_counter: TokenCounter
    initial_summary_prompt: ChatPromptTemplate
    existing_summary_prompt: ChatPromptTemplate
    final_prompt: ChatPromptTemplate
    manager: Runnable[Any, Any] | None

    @property
    def limits(self) -> Limits:
        """The settings as limits.

        Raises:
            ConfigurationError: They cannot work together.
        """
        before = self.max_tokens if (b := self.max_tokens_before_summary) is None else b
        # What a counter of one's own counts is not known: where it counts messages, 1 is many.
        ours = self.token_counter is count_tokens
        least = {
            "max_tokens": (self.max_tokens, 1),
            "max_tokens_before_summary": (before, 1),
            "max_summary_tokens": (self.max_summary_tokens, int(ours)),
            "max_messages_before_summary": (self.max_messages_before_summary, 2),
            "max_summary_steps": (self.max_summary_steps, 1),
            "max_tokens_to_summarize": (self.max_tokens_to_summarize, A_PIECE if ours else 1),
        }
        for name, (value, lowest) in least.items():
            if value is not None and (not isinstance(value, int) or value < lowest):
                raise ConfigurationError(
                    f"{name} must be a whole number from {lowest} on, got {value!r}."
                    f"{_ADVICE.get(name, '')}"
                )
        if self.max_summary_tokens >= self.max_tokens:
            raise ConfigurationError(
                f"max_summary_tokens={self.max_summary_tokens} must be less than "
                f"max_tokens={self.max_tokens}: the summary and at least one message must fit."
            )
        many = self.max_messages_before_summary
        return Limits(self.max_tokens, before, many, self.max_summary_tokens)


class Conversed(TypedDict):
    """What a `Summarizer` takes: messages, and what an earlier call returned."""

    messages: Iterable[MessageLikeRepresentation]
    running_summary: Any


class Summarizer(FlowRunnable[Conversed, SummarizationResult]):
    """Keeps a conversation short; see `summarize_messages`."""

    name = "summarize_messages"

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        model = settings.model
        self._model = model if isinstance(model, Runnable) else resolve_model(model)
        if settings.manager is not None and not isinstance(settings.manager, Runnable):
            raise ConfigurationError(
                "manager must be a Runnable that takes {'messages': [...]}, such as "
                f"create_memory_store_manager(None, ...); got {shown(settings.manager)}."
            )
        self._settings = settings
        self._count = checked(settings.token_counter)
        self._planner = Planner(self._limits, self._count, self._assembled)
        larger = max(settings.max_tokens, self._limits.tokens_before)
        # What starts a summary is a little more than the limit: one more turn, and its quotes.
        self._part = settings.max_tokens_to_summarize or larger * 3 // 2

    def flow(self, input: Conversed, config: RunnableConfig) -> Flow[SummarizationResult]:
        """Return the work for one input as a flow."""
        messages = cast("list[AnyMessage]", langchain_messages(input["messages"]))
        running = read_running(input["running_summary"])
        talk = read_conversation(messages, running, lambda s: self._assembled([], s, []))
        plan = yield Call(self._planner.plan, (talk,))  # a user's counter may block
        if plan is not None:
            running = yield from self._summarized(plan, talk.head, running)
        if running is None:
            return SummarizationResult(messages)
        kept = talk.kept() if plan is None else plan.kept
        return SummarizationResult(self._assembled(talk.head, running.summary, kept), running)

    def _summarized(
        self, plan: Plan, head: Sequence[AnyMessage], running: RunningSummary | None
    ) -> Flow[RunningSummary | None]:
        told = yield Call(self._parts, (plan,))
        keeper = self._settings.manager
        if keeper is not None and (said := worth_keeping(plan.gone)):
            yield Hand(keeper, {"messages": said})
        summary = running.summary if running else None
        for part in told:
            summary = yield from self._extended(summary, part)
        if summary is None:
            return None
        summary = yield from self._fitted(summary, head, plan)
        done = running.summarized_message_ids if running else set()
        last = running.last_summarized_message_id if running else None
        ids = {str(message.id) for message in plan.gone}
        return RunningSummary(summary, done | ids, plan.gone[-1].id if plan.gone else last)

    def _parts(self, plan: Plan) -> list[HumanMessage]:
        """Return what the model is shown, one step after the other.

        Raises:
            InputError: There would be too many steps.
        """
        most = self._settings.max_summary_steps
        told = list(islice(parts(plan.gone, self._part, self._count), most + 1))
        if len(told) <= most:
            return told
        tokens = [self._count([message]) for message in plan.gone]
        longest = max(range(len(tokens)), key=lambda place: tokens[place])
        # Two parts that follow each other have more than one may have; the rest is for quotes.
        enough = sum(tokens) * 5 // (2 * most) + A_PIECE
        raise InputError(
            f"To summarise {sum(tokens)} tokens, the model would be asked more than "
            f"max_summary_steps={most} times, being shown {self._part} at once; the longest "
            f"message, {plan.gone[longest].id!r}, has {tokens[longest]}. Set "
            f"max_tokens_to_summarize={enough}, if the model takes as much, shorten the message, "
            "or raise max_summary_steps. No model was asked, and nothing was summarised."
        )

    def _extended(self, summary: str | None, part: HumanMessage) -> Flow[str]:
        given: dict[str, Any] = {
            "messages": [part],
            "max_summary_tokens": self._limits.summary_tokens or self._limits.tokens,
        }
        prompt = self._settings.initial_summary_prompt
        if summary is not None:
            prompt = self._settings.existing_summary_prompt
            given["existing_summary"] = quoted(summary)
        return (yield from self._asked(prompt.format_messages(**given)))

    def _asked(self, messages: Sequence[BaseMessage]) -> Flow[str]:
        """Return the model's words.

        Raises:
            ModelAnswerError: There were none, also when it was asked again.
        """
        for _ in range(2):
            answer = yield Ask(self._model, messages)
            if text := _words(answer):
                return text
        raise ModelAnswerError(
            f"The model gave an empty summary, twice: {shown(answer)}. Nothing was summarised, and "
            "all messages are as they were. A limit of tokens that thinking uses up is a common "
            "cause (raise the model's max_tokens), a provider's filter another."
        )

    def _fitted(self, summary: str, head: Sequence[AnyMessage], plan: Plan) -> Flow[str]:
        """Return a summary with which the result fits: as it is, written anew, or cut."""

        def fits(text: str) -> bool:
            return self._count(self._assembled(head, text, plan.kept)) <= plan.limit

        if (yield Call(fits, (summary,))):
            return summary
        room = plan.limit - (yield Call(self._count, (self._assembled(head, "", plan.kept),)))
        tokens = str(max(1, min(room, self._limits.summary_tokens or room)))
        request = wording.text("summary_shorter", summary=quoted(summary), tokens=tokens)
        answer = yield Ask(self._model, [HumanMessage(request)])
        shorter = min(_words(answer) or summary, summary, key=len)
        cut: str = yield Call(_cut, (shorter, fits))
        return cut

    def _assembled(
        self, head: Sequence[AnyMessage], summary: str, kept: Sequence[AnyMessage]
    ) -> list[AnyMessage]:
        """Return what the model is sent: instructions together in front, as providers want them."""
        instructions = [message for message in kept if message.type == "system"]
        said = [message for message in kept if message.type != "system"]
        made = self._settings.final_prompt.format_messages(
            system_message=list(head), summary=summary, messages=[*instructions, *said]
        )
        return cast("list[AnyMessage]", made)


def _words(answer: Any) -> str:
    return (answer if isinstance(answer, str) else str(answer.text)).strip()


def _cut(text: str, fits: Callable[[str], bool]) -> str:
    """Return as much of a text as fits, with a mark where something is missing."""
    if fits(text):
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle] + _CUT) else (low, middle - 1)
    return text[:low].rstrip() + _CUT
