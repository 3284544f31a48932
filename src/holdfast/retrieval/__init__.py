"""Question or conversation -> ranked memories."""

from holdfast.retrieval.asking import Recalled, arecall, recall
from holdfast.retrieval.finding import find

__all__ = ["Recalled", "arecall", "find", "recall"]
