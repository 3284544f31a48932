"""Guides on optimizing one prompt, and a compound system; the oldest README's and post's calls."""

import pytest
from langchain.chat_models import init_chat_model

from holdfast import Prompt, create_multi_prompt_optimizer, create_prompt_optimizer

MODEL = "anthropic:claude-3-5-sonnet-latest"
PROMPT = "You are a helpful assistant."
BETTER = "You are a helpful assistant. Answer in one sentence, then offer more."
THINK = [("think", {"thought": "The answers were long."})]
ADVISE = [
    (
        "recommend",
        {"warrants_adjustment": True, "hypotheses": "Too long.", "full_recommendations": "Short."},
    )
]
REWRITE = [("rewrite_prompt", {"prompt": BETTER})]
KEEP = [("keep_prompt", {"reason": "It does well."})]


def talk(answer):
    return [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": answer},
    ]


SAID = [
    (talk("A long story ..."), None),
    (talk("Rayleigh scattering."), {"score": 0.9, "comment": "Offer to say more."}),
    (talk("Air and light ..."), {"revised": "Air scatters blue light."}),
]


@pytest.mark.parametrize(
    ("kind", "config", "answers"),
    [
        ("metaprompt", {"max_reflection_steps": 1, "min_reflection_steps": 0}, [REWRITE]),
        (
            "gradient",
            {"max_reflection_steps": 3, "min_reflection_steps": 1},
            [THINK, ADVISE, REWRITE],
        ),
        ("prompt_memory", None, [REWRITE]),
    ],
)
def test_optimize_memory_prompt(provider, kind, config, answers):
    """optimize_memory_prompt, blocks 1 to 3: conversations without feedback, with a score and a
    comment, and with a better answer."""
    provider.will_say(*answers)
    given = {"kind": kind} if config is None else {"kind": kind, "config": config}
    optimizer = create_prompt_optimizer(MODEL, **given)
    assert optimizer.invoke({"trajectories": SAID, "prompt": PROMPT}) == BETTER
    assert len(provider.requests) == len(answers)
    for words in ("score: 0.9", "Offer to say more.", "revised: Air scatters blue", "A long story"):
        assert words in provider.prompts[0]


def test_conceptual_guide_scores_a_trajectory(provider):
    """001, blocks 7 and 8: a metaprompt optimizer of at most three steps."""
    provider.will_say(THINK, REWRITE)
    optimizer = create_prompt_optimizer(
        MODEL, kind="metaprompt", config={"max_reflection_steps": 3}
    )
    trajectory = [*talk("In theory ..."), {"role": "user", "content": "Show me."}]
    optimized = optimizer.invoke(
        {"trajectories": [(trajectory, {"user_score": 0})], "prompt": PROMPT}
    )
    assert optimized == BETTER
    assert "user_score: 0" in provider.prompts[0]


def test_optimize_memory_prompt_by_a_text_of_feedback(provider):
    """Feedback in words, gradient by default."""
    provider.will_say(THINK, ADVISE, REWRITE)
    optimizer = create_prompt_optimizer(MODEL)
    trajectories = [(talk("A long story ..."), "Say it in one sentence first.")]
    assert optimizer.invoke({"trajectories": trajectories, "prompt": PROMPT}) == BETTER
    assert "Say it in one sentence first." in provider.prompts[0]
    assert len(provider.requests) == 3


@pytest.mark.parametrize("kind", ["metaprompt", "prompt_memory"])
async def test_launch_post_awaits_the_optimizer_itself(provider, kind):
    """launch post: `await optimizer(trajectories, prompt)`, with a trajectory without feedback."""
    provider.will_say(*([THINK] if kind == "metaprompt" else []), KEEP)
    optimizer = create_prompt_optimizer(MODEL, kind=kind)
    same = await optimizer([(talk("Blue light scatters."), None)], PROMPT)
    assert same == PROMPT


async def test_oldest_readme_gives_kind_and_config_by_position(provider):
    """oldest README: `create_prompt_optimizer(model, kind, config)` with a model object."""
    provider.will_say(THINK, REWRITE)
    model = init_chat_model(MODEL)
    optimizer = create_prompt_optimizer(model, "metaprompt", {"max_reflection_steps": 2})
    assert await optimizer([(talk("..."), {"feedback": "shorter"})], PROMPT) == BETTER


def test_optimize_compound_system(provider):
    """optimize_compound_system: which of two prompts is to blame, and only that is changed."""
    provider.will_say(
        [("choose_prompts", {"reasoning": "The plan was thin.", "which": ["researcher"]})],
        THINK,
        ADVISE,
        [("rewrite_prompt", {"prompt": "Research the topic. Name three sources."})],
    )
    prompts = [
        Prompt(
            name="researcher",
            prompt="Research the topic.",
            update_instructions="Change only what is needed.",
            when_to_update="When research is thin.",
        ),
        {"name": "writer", "prompt": "Write the report."},
    ]
    optimizer = create_multi_prompt_optimizer(
        MODEL, kind="gradient", config={"max_reflection_steps": 3}
    )
    conversations = [(talk("Thin."), None), (talk("Thorough."), {"score": 0.95})]
    found = optimizer.invoke({"trajectories": conversations, "prompts": prompts})
    assert [one["prompt"] for one in found] == [
        "Research the topic. Name three sources.",
        "Write the report.",
    ]
    assert "When research is thin." in provider.prompts[0]
    assert "Change only what is needed." in provider.prompts[1]
    assert len(provider.requests) == 4
