"""For tests of agents with memory, without a key: a scripted model, and a provider over HTTP."""

from holdfast.testing.scripted import Request, ScriptedModel, ScriptEnded
from holdfast.testing.server import Delayed, Disconnect, LocalProvider, ProviderError, Received

__all__ = [
    "Delayed",
    "Disconnect",
    "LocalProvider",
    "ProviderError",
    "Received",
    "Request",
    "ScriptEnded",
    "ScriptedModel",
]
