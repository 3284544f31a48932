"""Question or conversation -> ranked memories, and a context for a prompt."""

from holdfast.retrieval.asking import arecall, recall
from holdfast.retrieval.context import Context, Recalled
from holdfast.retrieval.finding import find

__all__ = ["Context", "Recalled", "arecall", "find", "recall"]
