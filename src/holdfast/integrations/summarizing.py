"""Keeps the conversation of a `langchain.agents.create_agent` short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, NotRequired, cast

from langchain.agents.middleware import AgentMiddleware, AgentState, ExtendedModelResponse
from langchain.agents.middleware.types import ModelRequest, ModelResponse, PrivateStateAttr
from langchain_core.language_models import LanguageModelLike
from langchain_core.messages import AnyMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langgraph.types import Command

from holdfast.short_term.counting import TokenCounter, count_tokens
from holdfast.short_term.running import SummarizationResult, read_running
from holdfast.short_term.summarizing import (
    EXISTING_SUMMARY_PROMPT,
    FINAL_PROMPT,
    INITIAL_SUMMARY_PROMPT,
    Conversed,
    Settings,
    Summarizer,
)


class SummarizingState(AgentState[Any]):
    """An agent's state, with the running summary, which is private to the middleware."""

    # Plain data, since LangGraph warns of types that are not its own when it reads a checkpoint.
    running_summary: NotRequired[Annotated[dict[str, Any] | None, PrivateStateAttr]]


class SummarizationMiddleware(AgentMiddleware[SummarizingState, Any, Any]):
    """Sends an agent's model the conversation in short; the agent's state keeps all of it.

    Before each call of the model, also within a loop of tools, what became too long is summarised,
    as `holdfast.short_term.summarize_messages` does it; the system prompt counts. The running
    summary is kept in the agent's state, so with a checkpointer it goes on from turn to turn.

    Args:
        model: What writes the summary: a chat model, its name, or any Runnable that takes messages.
        max_tokens: How many tokens system prompt, summary and messages have at most. The schemas of
            the agent's tools come on top.
        max_tokens_before_summary: From how many tokens on, of messages that no summary stands for,
            they are summarised; `max_tokens` by default.
        max_summary_tokens: How many tokens are kept free for the summary.
        max_messages_before_summary: From how many messages on they are summarised in any case.
        max_tokens_to_summarize: How many tokens the model is shown at once.
        max_summary_steps: In how many steps a summary is made at most.
        token_counter: A function from messages to their number of tokens, the unit of all limits.
            Ours downloads nothing.
        initial_summary_prompt: Asks for the first summary.
        existing_summary_prompt: Asks for the next one.
        final_prompt: Makes what is sent of `system_message`, `summary` and `messages`.
        manager: Keeps what is summarised away, so that it can be recalled later: a Runnable that
            takes `{"messages": [...]}`, such as `create_memory_store_manager(None, ...)`.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from langchain.agents import create_agent
        >>> from holdfast.testing import ScriptedModel
        >>> short = SummarizationMiddleware(
        ...     ScriptedModel(["They spoke of tea."]),
        ...     max_tokens=500, max_messages_before_summary=3,
        ... )
        >>> model = ScriptedModel(["Here you are.", "Any time."])
        >>> agent = create_agent(model, middleware=[short])
        >>> state = agent.invoke({"messages": [("user", "Tea, please.")]})
        >>> state = agent.invoke({"messages": [*state["messages"], ("user", "Thanks!")]})
        >>> [message.content for message in model.requests[-1].messages]
        ['Summary of the conversation so far: They spoke of tea.', 'Thanks!']
        >>> len(state["messages"])
        4
    """

    state_schema = SummarizingState

    def __init__(
        self,
        model: LanguageModelLike | str,
        *,
        max_tokens: int,
        max_tokens_before_summary: int | None = None,
        max_summary_tokens: int = 256,
        max_messages_before_summary: int | None = None,
        max_tokens_to_summarize: int | None = None,
        max_summary_steps: int = 100,
        token_counter: TokenCounter = count_tokens,
        initial_summary_prompt: ChatPromptTemplate = INITIAL_SUMMARY_PROMPT,
        existing_summary_prompt: ChatPromptTemplate = EXISTING_SUMMARY_PROMPT,
        final_prompt: ChatPromptTemplate = FINAL_PROMPT,
        manager: Runnable[Any, Any] | None = None,
    ) -> None:
        super().__init__()
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

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Let the model answer the conversation in short."""
        result = self._summarizer.invoke(_given(request))
        return _answered(request, result, handler(_shortened(request, result)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ExtendedModelResponse[Any]:
        """Let the model answer the conversation in short, awaiting."""
        result = await self._summarizer.ainvoke(_given(request))
        return _answered(request, result, await handler(_shortened(request, result)))


def _given(request: ModelRequest[Any]) -> Conversed:
    system = [] if request.system_message is None else [request.system_message]
    messages = cast("list[AnyMessage]", [*system, *request.messages])
    return {"messages": messages, "running_summary": request.state.get("running_summary")}


def _shortened(request: ModelRequest[Any], result: SummarizationResult) -> ModelRequest[Any]:
    """Return the request with the short messages; the agent puts its system prompt in front."""
    rest = [message for message in result.messages if message is not request.system_message]
    if len(rest) == len(result.messages):
        # A final prompt may say the system prompt in words of its own.
        return request.override(messages=rest, system_message=None)
    return request.override(messages=rest)


def _answered(
    request: ModelRequest[Any], result: SummarizationResult, response: ModelResponse[Any]
) -> ExtendedModelResponse[Any]:
    running = result.running_summary
    if running is None or running == read_running(request.state.get("running_summary")):
        return ExtendedModelResponse(response)
    plain = {**asdict(running), "summarized_message_ids": sorted(running.summarized_message_ids)}
    return ExtendedModelResponse(response, Command(update={"running_summary": plain}))
