"""`create_prompt_optimizer`: trajectories and feedback in, a better prompt out, or the same."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any, Literal, Required, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from holdfast.errors import InputError, shown
from holdfast.extract.models import resolve_model
from holdfast.flow import Flow, FlowRunnable
from holdfast.memory import Usage
from holdfast.optimize.proposing import Proposer, Task, proposer
from holdfast.optimize.trajectories import read_trajectories, rendered
from holdfast.optimize.variables import TemplateFormat, check_format

Kind = Literal["gradient", "metaprompt", "prompt_memory"]

log = logging.getLogger("holdfast")


class Prompt(TypedDict, total=False):
    """A prompt with what is known about it.

    Args:
        name: What it is called, among others.
        prompt: Its text.
        update_instructions: What to mind when it is changed.
        when_to_update: When it is to be changed.
    """

    name: Required[str]
    prompt: Required[str]
    update_instructions: str | None
    when_to_update: str | None


class OptimizerInput(TypedDict):
    """What a prompt optimizer takes.

    Args:
        trajectories: In any form of `read_trajectories`.
        prompt: A text, or a `Prompt`.
    """

    trajectories: Any
    prompt: str | Prompt


class OptimizedPrompt(str):
    """A prompt as an optimizer returns it: a text, with what became of it.

    Attributes:
        before: The prompt as it was.
        reason: Why it was changed or kept, as far as the model said.
        refused: Whether a rewrite was made that could not be used.
        usage: What it cost.
    """

    before: str
    reason: str
    refused: bool
    usage: Usage

    @classmethod
    def of(
        cls, prompt: str, before: str, reason: str, usage: Usage, *, refused: bool = False
    ) -> OptimizedPrompt:
        """Return a prompt with what became of it."""
        made = cls(prompt)
        made.before, made.reason, made.usage, made.refused = before, reason, usage, refused
        return made

    @property
    def changed(self) -> bool:
        """Whether it is another one than before."""
        return str(self) != self.before

    @property
    def diff(self) -> str:
        """What changed, as a unified diff; "" where nothing did."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.splitlines(), "before", "after", lineterm=""
        )
        return "\n".join(lines)


class PromptOptimizer(FlowRunnable[Any, OptimizedPrompt]):
    """Improves one prompt; see `create_prompt_optimizer`."""

    name = "prompt_optimizer"

    def __init__(
        self,
        model: str | BaseChatModel,
        kind: Kind,
        config: Mapping[str, Any] | None,
        *,
        template_format: TemplateFormat = "f-string",
        propose: Proposer | None = None,
    ) -> None:
        self.kind = kind
        self.template_format = check_format(template_format)
        self._proposer = propose or proposer(resolve_model(model), kind, config)

    def flow(self, input: Any, config: RunnableConfig) -> Flow[OptimizedPrompt]:
        """Return the work for one input as a flow."""
        if not isinstance(input, Mapping) or not {"trajectories", "prompt"} <= set(input):
            raise InputError(
                f"An optimizer takes {{'trajectories': ..., 'prompt': ...}}, got {shown(input)}."
            )
        prompt = read_prompt(input["prompt"])
        trajectories = rendered(read_trajectories(input["trajectories"]))
        return self.improve(prompt, trajectories)

    def improve(self, prompt: Prompt, trajectories: str) -> Flow[OptimizedPrompt]:
        """Return the prompt, improved or as it was, as a flow.

        Args:
            prompt: What to improve.
            trajectories: Rendered as quoted data.
        """
        before = prompt["prompt"]
        told = prompt.get("update_instructions") or ""
        task = Task(before, told, trajectories, self.template_format)
        proposal = yield from self._proposer.flow(task)
        if proposal.refused:
            log.warning("A rewrite of a prompt was refused: %s", proposal.reason)
        after = before if proposal.prompt is None else proposal.prompt
        return OptimizedPrompt.of(
            after, before, proposal.reason, proposal.usage, refused=proposal.refused
        )

    async def __call__(self, trajectories: Any, prompt: str | Prompt) -> OptimizedPrompt:
        """Improve a prompt: `await optimizer(trajectories, prompt)`."""
        return await self.ainvoke({"trajectories": trajectories, "prompt": prompt})


def read_prompt(given: Any, where: str = "prompt") -> Prompt:
    """Return a prompt from a text or a dict.

    Raises:
        InputError: It is neither, or its text is none; the error names the place.
    """
    if isinstance(given, str):
        return Prompt(name="prompt", prompt=given)
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where} must be a text or {{'name': ..., 'prompt': ...}}, got {shown(given)}."
        )
    if not isinstance(given.get("prompt"), str):
        raise InputError(f"{where}['prompt'] must be a text, got {shown(given.get('prompt'))}.")
    for name in ("update_instructions", "when_to_update"):
        if not isinstance(given.get(name), str | None):
            raise InputError(f"{where}[{name!r}] must be a text, got {shown(given[name])}.")
    return cast("Prompt", dict(given))


def create_prompt_optimizer(
    model: str | BaseChatModel,
    /,
    kind: Kind = "gradient",
    config: Mapping[str, Any] | None = None,
    *,
    template_format: TemplateFormat = "f-string",
) -> PromptOptimizer:
    """Create an optimizer that improves a prompt by what an agent did with it, and the feedback.

    A prompt in which nothing need change comes back byte for byte. A rewrite that is empty, or
    that loses or invents a variable, goes back to the model once, with the reason; where that
    does not help, the old prompt stays.

    Args:
        model: A chat model, or its name.
        kind: `gradient` reflects, recommends and rewrites in separate calls: 2 to 6 by default.
            `metaprompt` reflects and rewrites in one conversation: 2 to 5 calls. `prompt_memory`
            makes one call. A rewrite that goes back is one call more.
        config: For `gradient` and `metaprompt`: `min_reflection_steps` (1) and
            `max_reflection_steps` (5), and texts in place of ours, with LangMem's fields in
            braces: `metaprompt`, and for `gradient` also `gradient_prompt`.
        template_format: Whose braces the prompt's variables are in: `f-string`, `mustache` or
            `jinja2`.

    Returns:
        A Runnable. Its input is `{"trajectories", "prompt"}`; it returns the prompt, a text with
        `changed`, `diff`, `reason` and `usage`. It may be awaited too: `await
        optimizer(trajectories, prompt)`.

    Raises:
        ConfigurationError: The model, kind or config cannot be used.
        InputError: When run: there are no trajectories, or the prompt is no text.
        ModelAnswerError: When run: the model never came to a recommendation.

    Example:
        >>> from holdfast import create_prompt_optimizer
        >>> from holdfast.testing import ScriptedModel
        >>> new = "Help {name}. Answer in one sentence."
        >>> model = ScriptedModel([[("rewrite_prompt", {"prompt": new})]])
        >>> optimizer = create_prompt_optimizer(model, kind="prompt_memory")
        >>> talk = [("user", "Where is the ferry?"), ("assistant", "A long story ...")]
        >>> trajectories = [(talk, "too long")]
        >>> better = optimizer.invoke({"trajectories": trajectories, "prompt": "Help {name}."})
        >>> better, better.changed
        ('Help {name}. Answer in one sentence.', True)
    """
    return PromptOptimizer(model, kind, config, template_format=template_format)
