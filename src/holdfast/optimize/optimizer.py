"""`create_prompt_optimizer`: trajectories and feedback in, a better prompt out, or the same."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Required, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.extract.models import model_name, resolve_model
from holdfast.flow import Flow, FlowRunnable
from holdfast.journal import digest
from holdfast.memory import Usage
from holdfast.optimize.gate import Gate, Gating, Scores
from holdfast.optimize.learned import Learned
from holdfast.optimize.proposing import Proposal, Proposer, Task, checked, proposal_of, proposer
from holdfast.optimize.scoring import Evaluator, Variant
from holdfast.optimize.variables import TemplateFormat, check_format
from holdfast.trajectories import (
    Trajectory,
    read_trajectories,
    rendered,
    rendered_feedback,
)

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
        usage: What it cost, without what an evaluator spent.
        scores: What the gate found; None where there was no evaluator.
        learned: What it was made from, as a `PromptStore` keeps it.
    """

    before: str
    reason: str
    refused: bool
    usage: Usage
    scores: Scores | None
    learned: Learned

    @classmethod
    def of(
        cls,
        proposal: Proposal,
        before: str,
        scores: Scores | None = None,
        learned: Learned | None = None,
    ) -> OptimizedPrompt:
        """Return what a proposal makes of a prompt."""
        made = cls(before if proposal.prompt is None else proposal.prompt)
        made.before, made.reason = before, proposal.reason
        made.usage, made.refused = proposal.usage, proposal.refused
        made.scores, made.learned = scores, learned or Learned()
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
        model: str | BaseChatModel | Proposer,
        kind: Kind,
        config: Mapping[str, Any] | None,
        *,
        template_format: TemplateFormat = "f-string",
        evaluate: Evaluator | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.kind = kind if isinstance(model, str | BaseChatModel) else type(model).__name__
        self.template_format = check_format(template_format)
        self._proposer = _proposer(model, kind, config)
        self._evaluate = _check_evaluate(evaluate, gate)
        self._gate = gate or Gate()
        self.model_name = model if isinstance(model, str) else model_name(model)

    @property
    def fewest(self) -> int:
        """How many trajectories it takes."""
        return 1 if self._evaluate is None else self._gate.fewest

    def flow(self, input: Any, config: RunnableConfig) -> Flow[OptimizedPrompt]:
        """Return the work for one input as a flow."""
        if not isinstance(input, Mapping) or not {"trajectories", "prompt"} <= set(input):
            raise InputError(
                f"An optimizer takes {{'trajectories': ..., 'prompt': ...}}, got {shown(input)}."
            )
        prompt = read_prompt(input["prompt"])
        trajectories = read_trajectories(input["trajectories"])
        gating = self.gating(trajectories)
        if gating is not None:
            return self.decide(prompt, gating, str)
        return self.improve(prompt, trajectories)

    def improve(self, prompt: Prompt, trajectories: Sequence[Trajectory]) -> Flow[OptimizedPrompt]:
        """Return the prompt, improved or as it was, as a flow."""
        task = self._task(prompt, trajectories)
        proposal = checked((yield from proposal_of(self._proposer, task)), task)
        return _optimized(proposal, prompt, None, self._learned(trajectories))

    def gating(self, trajectories: Sequence[Trajectory]) -> Gating | None:
        """Return a run of the gate over some trajectories; None where there is no evaluator."""
        if self._evaluate is None:
            return None
        return Gating(self._gate, self._evaluate, trajectories)

    def decide(
        self, prompt: Prompt, gating: Gating, placed: Callable[[str], Variant]
    ) -> Flow[OptimizedPrompt]:
        """Return the prompt, improved where that scored higher, as a flow.

        Args:
            prompt: What to improve.
            gating: The run of the gate.
            placed: Returns what the evaluator is given for a text of the prompt.
        """
        task = partial(self._task, prompt)
        proposal, scores = yield from gating.flow(self._proposer, task, placed)
        return _optimized(proposal, prompt, scores, self._learned(gating.trajectories, scores))

    def _learned(self, trajectories: Sequence[Trajectory], scores: Scores | None = None) -> Learned:
        told = (rendered_feedback(one.feedback) for one in trajectories)
        return Learned(
            self.kind,
            self.model_name,
            tuple(digest(one.rendered())[:12] for one in trajectories),
            tuple(dict.fromkeys(filter(None, told))),
            {} if scores is None else scores.told,
        )

    def _task(self, prompt: Prompt, trajectories: Sequence[Trajectory]) -> Task:
        told = prompt.get("update_instructions") or ""
        examples = tuple(one.annotated() for one in trajectories)
        return Task(prompt["prompt"], told, rendered(trajectories), self.template_format, examples)

    async def __call__(self, trajectories: Any, prompt: str | Prompt) -> OptimizedPrompt:
        """Improve a prompt: `await optimizer(trajectories, prompt)`."""
        return await self.ainvoke({"trajectories": trajectories, "prompt": prompt})


def _optimized(
    proposal: Proposal, prompt: Prompt, scores: Scores | None, learned: Learned
) -> OptimizedPrompt:
    if proposal.refused:
        log.warning("A rewrite of a prompt was refused: %s", proposal.reason)
    return OptimizedPrompt.of(proposal, prompt["prompt"], scores, learned)


def _proposer(
    model: str | BaseChatModel | Proposer, kind: Kind, config: Mapping[str, Any] | None
) -> Proposer:
    if isinstance(model, str | BaseChatModel) or not callable(getattr(model, "flow", None)):
        return proposer(resolve_model(cast("Any", model)), kind, config)
    if config is not None:
        raise ConfigurationError(
            f"config is for kinds of ours; set up {type(model).__name__} itself. Got {config!r}."
        )
    return model


def _check_evaluate(evaluate: Any, gate: Any) -> Evaluator | None:
    if gate is not None and not isinstance(gate, Gate):
        raise ConfigurationError(f"gate must be a Gate(...), got {shown(gate)}.")
    if evaluate is None and gate is not None:
        raise ConfigurationError("gate= needs evaluate=, a function (prompt, trajectory) -> float.")
    if evaluate is not None and not callable(evaluate):
        raise ConfigurationError(
            f"evaluate must be a function (prompt, trajectory) -> float, got {shown(evaluate)}."
        )
    return cast("Evaluator | None", evaluate)


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
    model: str | BaseChatModel | Proposer,
    /,
    kind: Kind = "gradient",
    config: Mapping[str, Any] | None = None,
    *,
    template_format: TemplateFormat = "f-string",
    evaluate: Evaluator | None = None,
    gate: Gate | None = None,
) -> PromptOptimizer:
    """Create an optimizer that improves a prompt by what an agent did with it, and the feedback.

    A prompt in which nothing need change comes back byte for byte. A rewrite that is empty, or
    that loses or invents a variable, goes back to the model once, with the reason; where that
    does not help, the old prompt stays.

    With `evaluate`, a rewrite replaces the prompt only where it scores higher on trajectories
    that it was not made from; see `Gate`.

    Args:
        model: A chat model, or its name; or a `Proposer` in place of it and of `kind`.
        kind: `gradient` reflects, recommends and rewrites in separate calls: 2 to 6 by default.
            `metaprompt` reflects and rewrites in one conversation: 2 to 5 calls. `prompt_memory`
            makes one call. A rewrite that goes back is one call more.
        config: For `gradient` and `metaprompt`: `min_reflection_steps` (1) and
            `max_reflection_steps` (5), and texts in place of ours, with LangMem's fields in
            braces: `metaprompt`, and for `gradient` also `gradient_prompt`.
        template_format: Whose braces the prompt's variables are in: `f-string`, `mustache` or
            `jinja2`.
        evaluate: A function `(prompt, trajectory) -> float`, sync or async, that lets the agent
            do with a prompt what the trajectory is about, and returns how well that went, higher
            for better. A bool, a dict with `score` and an object with `.score` will do too, as
            evaluators of OpenEvals and LangSmith return them. The trajectory is an
            `AnnotatedTrajectory`, its messages as they were given (a text is one message of the
            user). It is called from several threads or tasks at once.
        gate: How a rewrite is held against the prompt; `Gate()` where there is `evaluate` alone.

    Returns:
        A Runnable. Its input is `{"trajectories", "prompt"}`; it returns the prompt, a text with
        `changed`, `diff`, `reason`, `usage` and `scores`. It may be awaited too: `await
        optimizer(trajectories, prompt)`.

    Raises:
        ConfigurationError: The model, kind, config or gate cannot be used; when run: the
            evaluator returned no finite number, or the budget is too small.
        InputError: When run: there are no trajectories, or too few for the gate, or the prompt
            is no text.
        ModelAnswerError: When run: the model never came to a recommendation.
        Exception: When run: whatever an evaluator raises, as it is, with the number of the
            trajectory as a note.

    Example:
        >>> from holdfast import create_prompt_optimizer
        >>> from holdfast.testing import ScriptedModel
        >>> new = "Help {name}. Answer in one sentence."
        >>> model = ScriptedModel([[("rewrite_prompt", {"prompt": new})]])
        >>> optimizer = create_prompt_optimizer(model, kind="prompt_memory")
        >>> def talk(what):
        ...     return [("user", f"Where is the {what}?"), ("assistant", "A long story ...")]
        >>> trajectories = [(talk("ferry"), "too long")]
        >>> better = optimizer.invoke({"trajectories": trajectories, "prompt": "Help {name}."})
        >>> better, better.changed
        ('Help {name}. Answer in one sentence.', True)

        With an evaluator, which would run the agent and judge its answer:

        >>> def evaluate(prompt, trajectory):
        ...     return {"key": "brevity", "score": 1 if "one sentence" in prompt else 0.5}
        >>> model = ScriptedModel([[("rewrite_prompt", {"prompt": new})]])
        >>> optimizer = create_prompt_optimizer(model, kind="prompt_memory", evaluate=evaluate)
        >>> trajectories = [(talk(f"ferry to pier {number}"), "too long") for number in range(12)]
        >>> better = optimizer.invoke({"trajectories": trajectories, "prompt": "Help {name}."})
        >>> better.changed, better.scores.before, better.scores.after, better.scores.p_value
        (True, 0.5, 1.0, 0.015625)
    """
    return PromptOptimizer(
        model, kind, config, template_format=template_format, evaluate=evaluate, gate=gate
    )
