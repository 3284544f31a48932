"""`create_multi_prompt_optimizer`: which of several prompts to change, and these side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypedDict, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from holdfast import wording
from holdfast.errors import InputError, shown
from holdfast.extract.answer import Answer
from holdfast.extract.models import resolve_model
from holdfast.extract.one_tool import OneTool
from holdfast.flow import Flow, FlowRunnable, Together
from holdfast.memory import Failure
from holdfast.optimize.gate import Gate, Gating
from holdfast.optimize.optimizer import Kind, Prompt, PromptOptimizer, read_prompt
from holdfast.optimize.scoring import Evaluator
from holdfast.optimize.variables import TemplateFormat
from holdfast.schema import Invalid
from holdfast.trajectories import Trajectory, read_trajectories, rendered
from holdfast.wording.conversation import quoted

_CHOOSE = "choose_prompts"


class MultiPromptOptimizerInput(TypedDict):
    """What an optimizer of several prompts takes.

    Args:
        trajectories: In any form of `read_trajectories`.
        prompts: The prompts, each of its own name.
    """

    trajectories: Any
    prompts: list[Prompt]


class MultiPromptOptimizer(FlowRunnable[Any, list[Prompt]]):
    """Improves those of several prompts that need it; see `create_multi_prompt_optimizer`."""

    name = "multi_prompt_optimizer"

    def __init__(
        self,
        model: str | BaseChatModel,
        kind: Kind,
        config: Mapping[str, Any] | None,
        *,
        template_format: TemplateFormat = "f-string",
        evaluate: Evaluator | None = None,
        gate: Gate | None = None,
    ) -> None:
        resolved = resolve_model(model)
        self._optimizer = PromptOptimizer(
            resolved, kind, config, template_format=template_format, evaluate=evaluate, gate=gate
        )
        system = wording.text("optimize_choose_system")
        self._chooser = OneTool(resolved, wording.tool(_CHOOSE), system)

    def flow(self, input: Any, config: RunnableConfig) -> Flow[list[Prompt]]:
        """Return the work for one input as a flow."""
        if not isinstance(input, Mapping) or not {"trajectories", "prompts"} <= set(input):
            raise InputError(
                f"An optimizer takes {{'trajectories': ..., 'prompts': [...]}}, got {shown(input)}."
            )
        prompts = _read_prompts(input["prompts"])
        trajectories = read_trajectories(input["trajectories"])
        gating = self._optimizer.gating(trajectories)
        if gating is not None:
            return self._decide(prompts, gating)
        return self._improve(prompts, trajectories)

    def _improve(
        self, prompts: Sequence[Prompt], trajectories: Sequence[Trajectory]
    ) -> Flow[list[Prompt]]:
        chosen = yield from self._chosen(prompts, rendered(trajectories))
        flows = [self._optimizer.improve(one, trajectories) for one in chosen]
        texts: list[str] = (yield Together(flows)) if flows else []
        return _changed(prompts, dict(zip((one["name"] for one in chosen), texts, strict=True)))

    def _decide(self, prompts: Sequence[Prompt], gating: Gating) -> Flow[list[Prompt]]:
        """Improve one prompt after the other, each beside those that were taken before it."""
        chosen = yield from self._chosen(prompts, rendered(gating.training))
        now = {one["name"]: str(one["prompt"]) for one in prompts}
        improved: dict[str, str] = {}
        for one in chosen:
            name = one["name"]
            placed = partial(_placed, dict(now), name)
            improved[name] = yield from self._optimizer.decide(one, gating, placed)
            now[name] = str(improved[name])
        return _changed(prompts, improved)

    def _chosen(self, prompts: Sequence[Prompt], trajectories: str) -> Flow[list[Prompt]]:
        """Return the prompts that are to be changed, as the model says."""
        if len(prompts) == 1 and not prompts[0].get("when_to_update"):
            return list(prompts)
        names = {one["name"] for one in prompts}

        def accept(answer: Answer) -> set[str]:
            call = next((call for call in answer.calls if call.name == _CHOOSE), None)
            which = None if call is None else (call.arguments or {}).get("which")
            which = [which] if isinstance(which, str) else which
            if not isinstance(which, list):
                raise Invalid([Failure("give a list of names", f"{_CHOOSE}/which")])
            which = [name.strip() if isinstance(name, str) else name for name in which]
            unknown = [name for name in which if name not in names]
            if unknown:
                known = ", ".join(sorted(names))
                reason = f"there is no prompt {shown(unknown[0])}; there are {known}"
                raise Invalid([Failure(reason, f"{_CHOOSE}/which")])
            return set(which)

        told = "\n".join(map(_told, prompts))
        request = wording.text("optimize_choose_request", prompts=told, trajectories=trajectories)
        which, _ = yield from self._chooser.flow(request, accept)
        return [one for one in prompts if one["name"] in which]

    async def __call__(self, trajectories: Any, prompts: list[Prompt]) -> list[Prompt]:
        """Improve prompts: `await optimizer(trajectories, prompts)`."""
        return await self.ainvoke({"trajectories": trajectories, "prompts": prompts})


def _placed(prompts: Mapping[str, str], name: str, text: str) -> Mapping[str, str]:
    return {**prompts, name: text}


def _changed(prompts: Sequence[Prompt], improved: Mapping[str, str]) -> list[Prompt]:
    return [
        cast("Prompt", {**one, "prompt": improved[one["name"]]}) if one["name"] in improved else one
        for one in prompts
    ]


def _read_prompts(given: Any) -> list[Prompt]:
    if not isinstance(given, list | tuple) or not given:
        raise InputError(f"prompts must be a list of prompts, got {shown(given)}.")
    prompts = [read_prompt(one, f"prompts[{number}]") for number, one in enumerate(given)]
    names = [one.get("name") for one in prompts]
    for number, (name, one) in enumerate(zip(names, given, strict=True)):
        if isinstance(one, str) or not isinstance(name, str) or not name:
            raise InputError(f"prompts[{number}] needs a name, such as 'main'; got {shown(one)}.")
        if names.index(name) != number:
            raise InputError(f"prompts[{number}] has a name that another has: {name!r}.")
    return prompts


def _told(prompt: Prompt) -> str:
    when = prompt.get("when_to_update")
    told = f"\n<when_to_update>{quoted(when)}</when_to_update>" if when else ""
    return f'<prompt name="{prompt["name"]}">\n{prompt["prompt"]}{told}\n</prompt>'


def create_multi_prompt_optimizer(
    model: str | BaseChatModel,
    /,
    kind: Kind = "gradient",
    config: Mapping[str, Any] | None = None,
    *,
    template_format: TemplateFormat = "f-string",
    evaluate: Evaluator | None = None,
    gate: Gate | None = None,
) -> MultiPromptOptimizer:
    """Create an optimizer of several prompts that work together.

    A call asks which of them contributed to what went wrong; these are improved side by side, as
    `create_prompt_optimizer` does it. The others come back as they were, all in their order.

    Args:
        model: A chat model, or its name.
        kind: As in `create_prompt_optimizer`.
        config: As there.
        template_format: As there.
        evaluate: As there, but a function `(prompts, trajectory) -> float`: it is given all
            prompts as texts by their names, since they work together. With it, prompts are
            improved one after the other, each beside those that were taken before it; each is
            decided by itself, on the same held-out trajectories.
        gate: As there; its budget is that of each prompt.

    Returns:
        A Runnable. Its input is `{"trajectories", "prompts"}`; it returns the prompts. One call
        chooses, unless there is one prompt without `when_to_update`; then come those of the kind
        for each that is chosen.

    Raises:
        ConfigurationError: The model, kind or config cannot be used.
        InputError: When run: there are no trajectories, or a prompt has no text or no name.
        ModelAnswerError: When run: the model named prompts that are not there, also when told.

    Example:
        >>> from holdfast import create_multi_prompt_optimizer
        >>> from holdfast.testing import ScriptedModel
        >>> script = [
        ...     [("choose_prompts", {"which": ["greet"]})],
        ...     [("rewrite_prompt", {"prompt": "Greet {name} warmly."})],
        ... ]
        >>> optimizer = create_multi_prompt_optimizer(ScriptedModel(script), kind="prompt_memory")
        >>> prompts = [
        ...     {"name": "greet", "prompt": "Greet {name}."},
        ...     {"name": "part", "prompt": "Say goodbye."},
        ... ]
        >>> talk = [("user", "Hello!"), ("assistant", "Hm.")]
        >>> better = optimizer.invoke({"trajectories": [(talk, "cold")], "prompts": prompts})
        >>> [prompt["prompt"] for prompt in better]
        ['Greet {name} warmly.', 'Say goodbye.']
    """
    return MultiPromptOptimizer(
        model, kind, config, template_format=template_format, evaluate=evaluate, gate=gate
    )
