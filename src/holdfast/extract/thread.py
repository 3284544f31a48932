"""One document out of a whole conversation: its summary, or any schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel

from holdfast import wording
from holdfast.extract.answer import Answer
from holdfast.extract.one_tool import OneTool
from holdfast.flow import Flow, FlowRunnable
from holdfast.memory import Failure, Message, MessagesState, Usage
from holdfast.schema import Invalid, Schema, as_schema


class SummarizeThread(BaseModel):
    """The conversation in short."""

    title: str
    summary: str


class ThreadExtractor(FlowRunnable[MessagesState, Any]):
    """Extracts one document from a conversation; see `create_thread_extractor`."""

    name = "thread_extractor"

    def __init__(self, model: str | BaseChatModel, schema: Any, instructions: str | None) -> None:
        self.schema: Schema = as_schema(SummarizeThread if schema is None else schema)
        function = {
            "name": self.schema.tool,
            "description": self.schema.description,
            "parameters": self.schema.parameters,
        }
        system = wording.text("thread_instructions") if instructions is None else instructions
        self._asker = OneTool(model, function, system)

    def flow(self, input: MessagesState, config: RunnableConfig) -> Flow[Any]:
        """Return the work for one input as a flow."""
        document, _ = yield from self.extract(wording.read_state(input, "An extractor"))
        return document

    def extract(self, messages: Sequence[Message]) -> Flow[tuple[Any, Usage]]:
        """Return the document and what it cost.

        Raises:
            ModelAnswerError: The model gave none that is valid, also when asked again.
        """
        conversation = wording.render_messages(messages)
        request = wording.text("thread_request", conversation=conversation, tool=self.schema.tool)
        return (yield from self._asker.flow(request, self._document))

    def _document(self, answer: Answer) -> Any:
        """Return the first valid document of an answer, else raise with every failure."""
        failures: list[Failure] = []
        for call in answer.calls:
            if call.name != self.schema.tool or call.arguments is None:
                failures.append(Failure(f"call {self.schema.tool} with a JSON object", call.name))
                continue
            try:
                return self.schema.take(call.arguments)[0]
            except Invalid as invalid:
                failures += [Failure(f.reason, f"{call.name}/{f.path}") for f in invalid.failures]
        raise Invalid(failures or [Failure("no tool was called", self.schema.tool)])


def create_thread_extractor(
    model: str | BaseChatModel,
    /,
    schema: Any = None,
    instructions: str | None = None,
) -> Runnable[Any, Any]:
    """Create an extractor of one document from a conversation, by default title and summary.

    Args:
        model: A chat model, or its name.
        schema: Any schema as in `create_memory_manager`; by default `title` and `summary`.
        instructions: What to extract, in your words; braces in it are just text.

    Returns:
        A Runnable. Its input is `{"messages"}`; it returns an instance of the schema.

    Raises:
        ConfigurationError: The model or the schema cannot be used.
        ModelAnswerError: When run: the model gave no valid document, also when asked again.

    Example:
        >>> from holdfast import create_thread_extractor
        >>> from holdfast.testing import ScriptedModel
        >>> answer = {"title": "Tea", "summary": "Nora likes tea."}
        >>> summarizer = create_thread_extractor(ScriptedModel([[("SummarizeThread", answer)]]))
        >>> summarizer.invoke({"messages": [("user", "Tea, please!")]}).title
        'Tea'
    """
    return ThreadExtractor(model, schema, instructions)
