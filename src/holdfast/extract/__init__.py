"""Conversation and what is known -> validated changes: ask, check, repair."""

from holdfast.extract.draft import Draft, Known
from holdfast.extract.engine import Extractor
from holdfast.extract.models import model_name, resolve_model

__all__ = ["Draft", "Extractor", "Known", "model_name", "resolve_model"]
