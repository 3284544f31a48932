"""How a new prompt is proposed: the three kinds of LangMem, each a flow."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard

from langchain_core.language_models import BaseChatModel

from holdfast import wording
from holdfast.errors import ConfigurationError, ModelAnswerError, shown
from holdfast.extract.answer import Call
from holdfast.flow import Flow
from holdfast.memory import Failure, Usage
from holdfast.optimize.asking import Steps, text_of
from holdfast.optimize.variables import TemplateFormat, failures
from holdfast.schema import Invalid
from holdfast.trajectories import AnnotatedTrajectory
from holdfast.wording.conversation import quoted

LEAST, MOST = 1, 5
"""How many steps of reflection there are by default, at least and at most."""


@dataclass(frozen=True, slots=True)
class Task:
    """One prompt to improve.

    Args:
        prompt: As it is.
        update_instructions: What the developer says about changing it.
        trajectories: Rendered as quoted data.
        template_format: Whose braces its variables are in.
        examples: The same trajectories as data, for a proposer that tries prompts out. None of
            them is among those on which a gate decides.
    """

    prompt: str
    update_instructions: str
    trajectories: str
    template_format: TemplateFormat = "f-string"
    examples: tuple[AnnotatedTrajectory, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What comes of one try to improve a prompt.

    Args:
        prompt: The new prompt; None where it is to stay as it is.
        reason: Why, as the model said, or as it was refused.
        usage: What it cost.
        refused: Whether a rewrite was made that could not be used.
    """

    prompt: str | None
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    refused: bool = False


class Proposer(Protocol):
    """Proposes a new prompt; another optimizer can be hooked in here.

    A flow is a generator. `yield Call(function, args)` runs another optimizer, in a thread where
    somebody awaits; one that asks nothing is `return Proposal(...)` after a `yield from ()`. A
    proposal that loses or invents a variable is refused, whoever made it.

    With GEPA, `search` below would be

        def search(prompt, examples):
            trainset = [as_my_data(example) for example in examples]
            found = gepa.optimize({"system": prompt}, trainset, adapter=MyAdapter(),
                                  reflection_lm="...", max_metric_calls=150)
            return found.best_candidate["system"]

    and with DSPy it would compile a program whose instructions are the prompt, and return those
    of the compiled one. Both choose by examples they have seen; a gate (`evaluate=`) holds what
    they found against others.

    Example:
        >>> from holdfast import create_prompt_optimizer
        >>> from holdfast.flow import Call
        >>> def search(prompt, examples):
        ...     wishes = {example.feedback for example in examples}
        ...     return prompt + "".join(f" Be {wish}." for wish in sorted(wishes))
        >>> class Searched:
        ...     def flow(self, task):
        ...         found = yield Call(search, (task.prompt, task.examples))
        ...         return Proposal(found, "searched")
        >>> optimizer = create_prompt_optimizer(Searched())
        >>> talk = [("user", "Where is the ferry?"), ("assistant", "A long story ...")]
        >>> optimizer.invoke({"trajectories": [(talk, "brief")], "prompt": "Help {name}."})
        'Help {name}. Be brief.'
    """

    def flow(self, task: Task) -> Flow[Proposal]:
        """Return what comes of one try, as a flow."""


def proposal_of(proposer: Proposer, task: Task) -> Flow[Proposal]:
    """Return what comes of one try of a proposer, whoever wrote it.

    Raises:
        ConfigurationError: Its flow is no generator, or returns something else.
    """
    flow: Any = proposer.flow(task)
    who = type(proposer).__name__
    if not isinstance(flow, Generator):
        raise ConfigurationError(
            f"{who}.flow(task) must be a generator, got {shown(flow)}; `yield from ()` in front of "
            "its return makes it one."
        )
    proposal = yield from flow
    if not isinstance(proposal, Proposal):
        raise ConfigurationError(
            f"{who}.flow(task) must return Proposal(prompt, reason), got {shown(proposal)}."
        )
    return proposal


def checked(proposal: Proposal, task: Task) -> Proposal:
    """Return a proposal; without its prompt where that cannot stand in for the one before.

    Example:
        >>> checked(Proposal("Hi!"), Task("Hi {name}!", "", "")).reason
        'the variable name is lost @ prompt'
    """
    if proposal.prompt is None:
        return proposal
    wrong = _failures(proposal.prompt, task)
    if not wrong:
        return proposal
    return Proposal(None, "; ".join(map(str, wrong)), proposal.usage, refused=True)


def _failures(new: str, task: Task) -> list[Failure]:
    if not new.strip():
        return [Failure("the new prompt is empty", "rewrite_prompt/prompt")]
    return failures(task.prompt, new, task.template_format)


class Gradient:
    """Reflects on what went wrong, recommends, and rewrites in a call of its own.

    Calls: one for each step of reflection, `min_reflection_steps` + 1 to `max_reflection_steps`,
    and one to rewrite where the recommendation asks for it.

    Source: the split into "what to improve" and "apply it" is that of Pryzant et al., "Automatic
    Prompt Optimization with 'Gradient Descent' and Beam Search" (2023), section 2.
    """

    keys = frozenset(
        ("gradient_prompt", "metaprompt", "min_reflection_steps", "max_reflection_steps")
    )

    def __init__(self, model: BaseChatModel, config: Mapping[str, Any]) -> None:
        least, most = _steps(config)
        self._asked = config.get("gradient_prompt")
        self._rewritten = config.get("metaprompt")
        system = wording.text("optimize_reflect_system")
        self._reflect = Steps(model, system, ["recommend"], least, most)
        rewrite = wording.text("optimize_rewrite_system")
        self._rewrite = Steps(model, rewrite, ["rewrite_prompt"], 0, 1)

    def flow(self, task: Task) -> Flow[Proposal]:
        """Return what comes of one try, as a flow."""
        request = _filled(self._asked, task) or _request(task)
        (warranted, told), usage = yield from self._reflect.flow(request, _recommendation)
        if not warranted:
            return Proposal(None, told["hypotheses"], usage)
        # What it says may be what a conversation put into its mouth.
        said = {name: quoted(text) for name, text in told.items()}
        asked = _filled(self._rewritten, task, **said) or wording.text(
            "optimize_rewrite_request",
            prompt=task.prompt,
            update_instructions=task.update_instructions,
            **said,
        )
        return (yield from _rewritten(self._rewrite, asked, task, usage))


class Metaprompt:
    """Reflects and rewrites in one conversation.

    Calls: `min_reflection_steps` + 1 to `max_reflection_steps`; one more where a rewrite goes back.
    """

    keys = frozenset(("metaprompt", "min_reflection_steps", "max_reflection_steps"))

    def __init__(self, model: BaseChatModel, config: Mapping[str, Any]) -> None:
        least, most = _steps(config)
        self._asked = config.get("metaprompt")
        system = wording.text("optimize_metaprompt_system")
        self._steps = Steps(model, system, ["rewrite_prompt", "keep_prompt"], least, most)

    def flow(self, task: Task) -> Flow[Proposal]:
        """Return what comes of one try, as a flow."""
        request = _filled(self._asked, task) or _request(task)
        return (yield from _rewritten(self._steps, request, task, Usage()))


class PromptMemory:
    """Takes in what conversations teach, in one call; two where a rewrite goes back."""

    keys: frozenset[str] = frozenset()

    def __init__(self, model: BaseChatModel, config: Mapping[str, Any]) -> None:
        system = wording.text("optimize_memory_system")
        self._steps = Steps(model, system, ["rewrite_prompt", "keep_prompt"], 0, 1)

    def flow(self, task: Task) -> Flow[Proposal]:
        """Return what comes of one try, as a flow."""
        return (yield from _rewritten(self._steps, _request(task), task, Usage()))


KINDS: Mapping[str, type[Gradient] | type[Metaprompt] | type[PromptMemory]] = {
    "gradient": Gradient,
    "metaprompt": Metaprompt,
    "prompt_memory": PromptMemory,
}


def proposer(model: BaseChatModel, kind: object, config: object) -> Proposer:
    """Return what proposes prompts in one of LangMem's ways.

    Raises:
        ConfigurationError: There is no such kind, or its config has a key or value that it
            cannot have.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigurationError(f"kind is one of {', '.join(KINDS)}, got {kind!r}.")
    chosen = KINDS[kind]
    if config is not None and not isinstance(config, Mapping):
        raise ConfigurationError(f"config must be a dict, got {config!r}.")
    given = dict(config or {})
    unknown = sorted(set(given) - chosen.keys)
    if unknown:
        known = ", ".join(sorted(chosen.keys)) or "none"
        raise ConfigurationError(f"kind {kind!r} has no config {unknown}; its keys are: {known}.")
    for name in ("gradient_prompt", "metaprompt"):
        if given.get(name) is not None and not isinstance(given[name], str):
            raise ConfigurationError(f"config[{name!r}] must be a text, got {given[name]!r}.")
    return chosen(model, given)


def _steps(config: Mapping[str, Any]) -> tuple[int, int]:
    least, most = (config.get(f"{end}_reflection_steps") for end in ("min", "max"))
    if least is None:
        least = min(LEAST, most) if _is_number(most) else LEAST
    if most is None:
        most = max(MOST, least) if _is_number(least) else MOST
    if not _is_number(least) or not _is_number(most) or not 0 <= least <= most or most < 1:
        raise ConfigurationError(
            "min_reflection_steps and max_reflection_steps must be numbers, 0 <= min <= max and "
            f"max from 1 on; got {least!r} and {most!r}."
        )
    return least, most


def _is_number(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool)


def _request(task: Task) -> str:
    return wording.text(
        "optimize_request",
        prompt=task.prompt,
        update_instructions=task.update_instructions,
        trajectories=task.trajectories,
    )


_FIELD = re.compile(
    r"\{(prompt|current_prompt|update_instructions|trajectories|feedback|hypotheses"
    r"|recommendations)\}"
)


def _filled(template: str | None, task: Task, **more: str) -> str | None:
    """Return a user's own text with LangMem's fields filled in; other braces are just text."""
    if template is None:
        return None
    known = {
        "prompt": task.prompt,
        "current_prompt": task.prompt,
        "update_instructions": task.update_instructions,
        "trajectories": task.trajectories,
        "feedback": "",
        **more,
    }
    return _FIELD.sub(lambda found: known.get(found[1], found[0]), template)


def _recommendation(call: Call) -> tuple[bool, dict[str, str]]:
    told = {
        "hypotheses": text_of(call.arguments, "hypotheses"),
        "recommendations": text_of(call.arguments, "full_recommendations"),
    }
    warranted = (call.arguments or {}).get("warrants_adjustment")
    if isinstance(warranted, str):
        warranted = {"true": True, "false": False}.get(warranted.strip().lower())
    if not isinstance(warranted, bool):
        raise Invalid([Failure("say true or false", "recommend/warrants_adjustment")])
    if warranted and not any(told.values()):
        raise Invalid([Failure("say what to change", "recommend/full_recommendations")])
    return warranted, told


def _rewritten(steps: Steps, request: str, task: Task, spent: Usage) -> Flow[Proposal]:
    """Return the rewrite of a prompt, or why it is left as it is."""

    def accept(call: Call) -> tuple[str | None, str]:
        if call.name == "keep_prompt":
            return None, text_of(call.arguments, "reason")
        new = text_of(call.arguments, "prompt")
        if wrong := _failures(new, task):
            raise Invalid(wrong)
        return (None if new == task.prompt else new), text_of(call.arguments, "analysis")

    try:
        (new, reason), usage = yield from steps.flow(request, accept)
    except ModelAnswerError as error:
        return Proposal(None, str(error), spent, refused=True)
    return Proposal(new, reason, spent + usage)
