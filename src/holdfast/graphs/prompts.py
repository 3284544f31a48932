"""`optimize_prompts`: a graph that improves prompts by conversations and feedback.

Example:
    >>> from holdfast.testing import ScriptedModel
    >>> model = ScriptedModel([[("rewrite_prompt", {"prompt": "Answer in one sentence."})]])
    >>> talk = [("user", "Shorter!"), ("assistant", "Well, ...")]
    >>> done = optimize_prompts.invoke(
    ...     {"prompts": "Answer.", "threads": [(talk, "too long")]},
    ...     {"configurable": {"model": model, "kind": "prompt_memory"}},
    ... )
    >>> done["optimized_prompts"] == done["updated_prompts"]
    True
    >>> done["updated_prompts"]
    [{'name': 'prompt', 'prompt': 'Answer in one sentence.'}]
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.channels import EphemeralValue
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from holdfast import wording
from holdfast.errors import InputError, shown
from holdfast.flow import Call, Flow
from holdfast.graphs.node import Node
from holdfast.graphs.settings import model_of, read_settings
from holdfast.optimize import Prompt, create_multi_prompt_optimizer
from holdfast.optimize.several import MultiPromptOptimizer

_SETTINGS: Mapping[str, type] = {"model": object, "kind": str}
_STEPS: Mapping[str, type] = {"min_reflection_steps": int, "max_reflection_steps": int}

ALONE = "prompt"
"""What a prompt is called that came as a text."""


class OptimizeInput(TypedDict):
    """What `optimize_prompts` takes.

    Args:
        prompts: A text, or a list of prompts, each a dict with `name` and `prompt`, and as wanted
            `when_to_update` and `update_instructions`.
        threads: `(messages, feedback)` pairs, or conversations alone.
    """

    prompts: Annotated[list[Any] | str, EphemeralValue]
    threads: Annotated[list[Any], EphemeralValue]


class OptimizeOutput(TypedDict):
    """What `optimize_prompts` gives: the same prompts under both names that LangMem had for them.

    Args:
        optimized_prompts: All prompts in their order, those that were improved with a new text.
        updated_prompts: The same.
    """

    optimized_prompts: list[dict[str, Any]]
    updated_prompts: list[dict[str, Any]]


class OptimizeContext(TypedDict, total=False):
    """How a run optimizes.

    Args:
        model: A chat model's name; by default that of `HOLDFAST_MODEL`.
        kind: `"gradient"` (the default), `"metaprompt"` or `"prompt_memory"`.
        min_reflection_steps: Of the first two kinds; see `create_prompt_optimizer`.
        max_reflection_steps: As above.
    """

    model: str
    kind: str
    min_reflection_steps: int
    max_reflection_steps: int


class _State(OptimizeInput, OptimizeOutput):
    """What the graph holds; inputs are gone after the run, so that the next begins without them."""


class OptimizePrompts(Node[OptimizeOutput]):
    """The node of `optimize_prompts`."""

    name = "optimize"

    def work(self, input: Any, config: RunnableConfig) -> Flow[OptimizeOutput]:
        """Return the work for one input as a flow."""
        if not isinstance(input, Mapping) or not {"prompts", "threads"} <= set(input):
            raise InputError(
                "optimize_prompts takes {'prompts': [...], 'threads': [...]}, got "
                f"{shown(input)}."
            )
        prompts = input["prompts"]
        if isinstance(prompts, str):
            prompts = [Prompt(name=ALONE, prompt=prompts)]
        settings = read_settings(config, _SETTINGS)
        steps = read_settings(config, _STEPS)
        # To load a provider's client, or our wordings, reads files: not on an event loop.
        optimizer: MultiPromptOptimizer = yield Call(partial(_optimizer, settings, steps))
        asked = {"trajectories": input["threads"], "prompts": prompts}
        better = yield from optimizer.flow(asked, config)
        # An OptimizedPrompt is a text with more to it, which ends where it is sent.
        plain = [{**cast("dict[str, Any]", one), "prompt": f"{one['prompt']}"} for one in better]
        return OptimizeOutput(optimized_prompts=plain, updated_prompts=plain)


def _optimizer(settings: dict[str, Any], steps: dict[str, Any]) -> MultiPromptOptimizer:
    wording.load()
    given = dict(settings)
    model = model_of(given)
    return create_multi_prompt_optimizer(model, given.get("kind", "gradient"), steps or None)


optimize_prompts = (
    StateGraph(
        _State,
        context_schema=OptimizeContext,
        input_schema=OptimizeInput,
        output_schema=OptimizeOutput,
    )
    .add_node("optimize", OptimizePrompts(), input_schema=OptimizeInput)
    .add_edge(START, "optimize")
    .compile(name="optimize_prompts")
)
"""Improves prompts by conversations and what was thought of them; it keeps nothing.

Input, output and settings: `OptimizeInput`, `OptimizeOutput`, `OptimizeContext`.
"""
