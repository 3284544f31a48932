"""How well the right turns of a conversation are found again: data, rows, metrics, intervals."""

from holdfast.evaluate.asking import ranked
from holdfast.evaluate.conversations import Conversation, Question, Turn, chosen
from holdfast.evaluate.reading import read_jsonl, read_locomo
from holdfast.evaluate.reporting import report
from holdfast.evaluate.row import Row
from holdfast.evaluate.rows import rows_of
from holdfast.evaluate.running import Outcome, Run, evaluate
from holdfast.evaluate.vectors import Vectors

__all__ = [
    "Conversation",
    "Outcome",
    "Question",
    "Row",
    "Run",
    "Turn",
    "Vectors",
    "chosen",
    "evaluate",
    "ranked",
    "read_jsonl",
    "read_locomo",
    "report",
    "rows_of",
]
