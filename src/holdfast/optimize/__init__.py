"""Feedback becomes better prompts: how an agent should act, learned from what it did."""

from holdfast.optimize.arranging import agathered, alearn_from, gathered, learn_from
from holdfast.optimize.gate import Candidate, Gate, Scores
from holdfast.optimize.learning import Learn
from holdfast.optimize.optimizer import (
    OptimizedPrompt,
    OptimizerInput,
    Prompt,
    PromptOptimizer,
    create_prompt_optimizer,
)
from holdfast.optimize.proposing import Proposal, Proposer, Task
from holdfast.optimize.several import (
    MultiPromptOptimizer,
    MultiPromptOptimizerInput,
    create_multi_prompt_optimizer,
)
from holdfast.optimize.signals import Signal, find_signals
from holdfast.trajectories import AnnotatedTrajectory

__all__ = [
    "AnnotatedTrajectory",
    "Candidate",
    "Gate",
    "Learn",
    "MultiPromptOptimizer",
    "MultiPromptOptimizerInput",
    "OptimizedPrompt",
    "OptimizerInput",
    "Prompt",
    "PromptOptimizer",
    "Proposal",
    "Proposer",
    "Scores",
    "Signal",
    "Task",
    "agathered",
    "alearn_from",
    "create_multi_prompt_optimizer",
    "create_prompt_optimizer",
    "find_signals",
    "gathered",
    "learn_from",
]
