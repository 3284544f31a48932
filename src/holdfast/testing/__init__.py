"""For tests of agents with memory, without a key: a chat model that plays a script."""

from holdfast.testing.scripted import Request, ScriptedModel, ScriptEnded

__all__ = ["Request", "ScriptEnded", "ScriptedModel"]
