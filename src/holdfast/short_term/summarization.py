"""Keeps a conversation short: as a function, and as a node of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from langchain_core.language_models import LanguageModelLike
from langchain_core.messages import AnyMessage, RemoveMessage
from langchain_core.messages.utils import MessageLikeRepresentation
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from holdfast.errors import InputError, shown
from holdfast.flow import Flow, FlowRunnable
from holdfast.short_term.counting import TokenCounter, count_tokens
from holdfast.short_term.running import RunningSummary, SummarizationResult
from holdfast.short_term.summarizing import (
    EXISTING_SUMMARY_PROMPT,
    FINAL_PROMPT,
    INITIAL_SUMMARY_PROMPT,
    Conversed,
    Settings,
    Summarizer,
)

__all__ = [
    "RunningSummary",
    "SummarizationNode",
    "SummarizationResult",
    "asummarize_messages",
    "summarize_messages",
]


def summarize_messages(
    messages: Iterable[MessageLikeRepresentation],
    *,
    running_summary: RunningSummary | None,
    model: LanguageModelLike | str,
    max_tokens: int,
    max_tokens_before_summary: int | None = None,
    max_summary_tokens: int = 256,
    token_counter: TokenCounter = count_tokens,
    initial_summary_prompt: ChatPromptTemplate = INITIAL_SUMMARY_PROMPT,
    existing_summary_prompt: ChatPromptTemplate = EXISTING_SUMMARY_PROMPT,
    final_prompt: ChatPromptTemplate = FINAL_PROMPT,
    max_messages_before_summary: int | None = None,
    max_tokens_to_summarize: int | None = None,
    max_summary_steps: int = 100,
    manager: Runnable[Any, Any] | None = None,
    config: RunnableConfig | None = None,
) -> SummarizationResult:
    """Summarise the older part of a conversation once it is long, and keep the rest as it is.

    Instructions (system messages at the beginning) and the newest message of the user always stay.
    Tool calls stay together with their results, or are summarised together.

    Args:
        messages: The whole conversation so far, in any form that LangChain takes, each message with
            an id.
        running_summary: What the last call returned as `running_summary`; None at first. Messages
            that it stands for are not summarised again.
        model: What writes the summary: a chat model, its name, or any Runnable that takes messages.
        max_tokens: How many tokens the returned messages have at most.
        max_tokens_before_summary: From how many tokens on, of messages that no summary stands for,
            they are summarised; `max_tokens` by default. Where it is larger than `max_tokens`, what
            is returned may grow up to it, and has `max_tokens` at most after each summary, if the
            newest message of the user leaves room for that.
        max_summary_tokens: How many tokens of `max_tokens` are kept free for the summary, 1 or
            more. To hold the model to it, too: `model.bind(max_tokens=...)`.
        token_counter: A function from messages to their number of tokens, the unit of all limits.
            Ours downloads nothing.
        initial_summary_prompt: Asks for the first summary; its variable is `messages`, where the
            conversation stands as quoted data.
        existing_summary_prompt: Asks for the next one; it also has `existing_summary`. Both may use
            `max_summary_tokens`.
        final_prompt: Makes the result of `system_message`, `summary` and `messages`.
        max_messages_before_summary: From how many messages on, that no summary stands for, they are
            summarised in any case.
        max_tokens_to_summarize: How many tokens of conversation the model is shown at once, 64 or
            more; what is longer is summarised in steps. By default half as many again as the larger
            of `max_tokens` and `max_tokens_before_summary`; set it where that is more than the
            model takes.
        max_summary_steps: In how many steps at most; more would be an error, before the first.
        manager: Keeps what is summarised away: a Runnable that takes `{"messages": [...]}`, such as
            `create_memory_store_manager(None, ...)`, which keeps it word for word.
        config: Of this call; inside a graph it may be left out.

    Returns:
        The messages for the model, and the running summary for the next call.

    Raises:
        ConfigurationError: A setting cannot work.
        InputError: A message cannot be read or has no id; what must stay is longer than
            `max_tokens` by itself; or more than `max_summary_steps` would be needed.
        ModelAnswerError: The model gave an empty summary, also when asked again.

    Example:
        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> from holdfast.testing import ScriptedModel
        >>> talk = [
        ...     HumanMessage("Tea with lemon, please, as every Monday.", id="1"),
        ...     AIMessage("Here you are: one tea with lemon.", id="2"),
        ...     HumanMessage("Thanks!", id="3"),
        ... ]
        >>> model = ScriptedModel(["The user had tea with lemon."])
        >>> result = summarize_messages(
        ...     talk, running_summary=None, model=model, max_tokens=100,
        ...     max_tokens_before_summary=20, max_summary_tokens=10,
        ... )
        >>> [message.content for message in result.messages]
        ['Summary of the conversation so far: The user had tea with lemon.', 'Thanks!']
        >>> sorted(result.running_summary.summarized_message_ids)
        ['1', '2']
    """
    settings = Settings(
        model,
        max_tokens,
        max_tokens_before_summary,
        max_summary_tokens,
        max_messages_before_summary,
        max_tokens_to_summarize,
        max_summary_steps,
        token_counter,
        initial_summary_prompt,
        existing_summary_prompt,
        final_prompt,
        manager,
    )
    given: Conversed = {"messages": messages, "running_summary": running_summary}
    return Summarizer(settings).invoke(given, config)


async def asummarize_messages(
    messages: Iterable[MessageLikeRepresentation],
    *,
    running_summary: RunningSummary | None,
    model: LanguageModelLike | str,
    max_tokens: int,
    max_tokens_before_summary: int | None = None,
    max_summary_tokens: int = 256,
    token_counter: TokenCounter = count_tokens,
    initial_summary_prompt: ChatPromptTemplate = INITIAL_SUMMARY_PROMPT,
    existing_summary_prompt: ChatPromptTemplate = EXISTING_SUMMARY_PROMPT,
    final_prompt: ChatPromptTemplate = FINAL_PROMPT,
    max_messages_before_summary: int | None = None,
    max_tokens_to_summarize: int | None = None,
    max_summary_steps: int = 100,
    manager: Runnable[Any, Any] | None = None,
    config: RunnableConfig | None = None,
) -> SummarizationResult:
    """Do what `summarize_messages` does, awaiting.

    Example:
        >>> import asyncio
        >>> from langchain_core.messages import HumanMessage
        >>> from holdfast.testing import ScriptedModel
        >>> talk = [HumanMessage("Tea, please.", id="1")]
        >>> model = ScriptedModel()
        >>> result = asyncio.run(
        ...     asummarize_messages(talk, running_summary=None, model=model, max_tokens=500)
        ... )
        >>> result.messages == talk
        True
    """
    settings = Settings(
        model,
        max_tokens,
        max_tokens_before_summary,
        max_summary_tokens,
        max_messages_before_summary,
        max_tokens_to_summarize,
        max_summary_steps,
        token_counter,
        initial_summary_prompt,
        existing_summary_prompt,
        final_prompt,
        manager,
    )
    given: Conversed = {"messages": messages, "running_summary": running_summary}
    return await Summarizer(settings).ainvoke(given, config)


class SummarizationNode(FlowRunnable[Any, dict[str, Any]]):
    """A node that keeps the messages of a graph's state short.

    It reads the messages at `input_messages_key`, and its running summary at
    `context["running_summary"]`, so the state needs a field `context: dict[str, Any]`. Put it in
    front of the node that calls the model; in a loop with tools, in front of each call.

    Args:
        model: As in `summarize_messages`, like all further settings.
        max_tokens: How many tokens the messages have at most.
        max_tokens_before_summary: From how many tokens on they are summarised.
        max_summary_tokens: How many tokens are kept free for the summary.
        token_counter: Counts tokens.
        initial_summary_prompt: Asks for the first summary.
        existing_summary_prompt: Asks for the next one.
        final_prompt: Makes the result.
        input_messages_key: Where in the state the messages are.
        output_messages_key: Where in the update the short ones go. If it is the same, the state's
            messages are replaced by them.
        name: The node's name, also in traces.
        max_messages_before_summary: From how many messages on they are summarised.
        max_tokens_to_summarize: How many tokens the model is shown at once.
        max_summary_steps: In how many steps a summary is made at most.
        manager: Keeps what is summarised away.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from langchain_core.messages import HumanMessage
        >>> from holdfast.testing import ScriptedModel
        >>> node = SummarizationNode(model=ScriptedModel(), max_tokens=500)
        >>> update = node.invoke({"messages": [HumanMessage("Tea, please.", id="1")]})
        >>> [message.content for message in update["summarized_messages"]]
        ['Tea, please.']
    """

    def __init__(
        self,
        *,
        model: LanguageModelLike | str,
        max_tokens: int,
        max_tokens_before_summary: int | None = None,
        max_summary_tokens: int = 256,
        token_counter: TokenCounter = count_tokens,
        initial_summary_prompt: ChatPromptTemplate = INITIAL_SUMMARY_PROMPT,
        existing_summary_prompt: ChatPromptTemplate = EXISTING_SUMMARY_PROMPT,
        final_prompt: ChatPromptTemplate = FINAL_PROMPT,
        input_messages_key: str = "messages",
        output_messages_key: str = "summarized_messages",
        name: str = "summarization",
        max_messages_before_summary: int | None = None,
        max_tokens_to_summarize: int | None = None,
        max_summary_steps: int = 100,
        manager: Runnable[Any, Any] | None = None,
    ) -> None:
        self.name = name
        self.input_messages_key = input_messages_key
        self.output_messages_key = output_messages_key
        self._summarizer = Summarizer(
            Settings(
                model,
                max_tokens,
                max_tokens_before_summary,
                max_summary_tokens,
                max_messages_before_summary,
                max_tokens_to_summarize,
                max_summary_steps,
                token_counter,
                initial_summary_prompt,
                existing_summary_prompt,
                final_prompt,
                manager,
            )
        )

    def flow(self, input: Any, config: RunnableConfig) -> Flow[dict[str, Any]]:
        """Return the work for one state as a flow; it returns the state's update."""
        messages = _field(input, self.input_messages_key)
        if messages is None:
            raise InputError(
                f"The state has no messages at {self.input_messages_key!r}: {shown(input)}. Name "
                "the place where they are as input_messages_key."
            )
        context = _field(input, "context") or {}
        running = context.get("running_summary")
        given: Conversed = {"messages": messages, "running_summary": running}
        result = yield from self._summarizer.flow(given, config)
        update: dict[str, Any] = {self.output_messages_key: result.messages}
        if result.running_summary is not None:
            update["context"] = {**context, "running_summary": result.running_summary}
            if self.output_messages_key == self.input_messages_key:
                everything = cast("AnyMessage", RemoveMessage(REMOVE_ALL_MESSAGES))
                update[self.output_messages_key] = [everything, *result.messages]
        return update


def _field(state: Any, name: str) -> Any:
    return state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)
