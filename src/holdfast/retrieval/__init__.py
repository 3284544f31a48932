"""Question or conversation -> ranked memories, and a context for a prompt."""

from holdfast.retrieval.asking import arecall, recall
from holdfast.retrieval.context import Context, Recalled
from holdfast.retrieval.finding import find
from holdfast.retrieval.lane import astanding, standing

__all__ = ["Context", "Recalled", "arecall", "astanding", "find", "recall", "standing"]
