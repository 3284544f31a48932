"""Conversation and what is known -> validated changes: ask, check, repair."""

from holdfast.extract.draft import Draft, Known
from holdfast.extract.engine import Extractor
from holdfast.extract.models import resolve_model

__all__ = ["Draft", "Extractor", "Known", "resolve_model"]
