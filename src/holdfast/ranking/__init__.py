"""What speaks for a memory when a question is asked, as numbers, and how they are weighed."""

from holdfast.ranking.corpus import Corpus, Document
from holdfast.ranking.duplicates import distinct, likeness
from holdfast.ranking.memories import Kept, recalled, weighed
from holdfast.ranking.ranker import Asked, Placed, rank
from holdfast.ranking.weights import ASSISTANT, PEOPLE, SIGNALS, Ranking

__all__ = [
    "ASSISTANT",
    "PEOPLE",
    "SIGNALS",
    "Asked",
    "Corpus",
    "Document",
    "Kept",
    "Placed",
    "Ranking",
    "distinct",
    "likeness",
    "rank",
    "recalled",
    "weighed",
]
