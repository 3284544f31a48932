"""Short-term memory: a conversation is kept short, and nothing of it is lost unseen."""

from holdfast.short_term.counting import count_tokens
from holdfast.short_term.running import RunningSummary, SummarizationResult
from holdfast.short_term.summarization import (
    SummarizationNode,
    asummarize_messages,
    summarize_messages,
)

__all__ = [
    "RunningSummary",
    "SummarizationNode",
    "SummarizationResult",
    "asummarize_messages",
    "count_tokens",
    "summarize_messages",
]
