"""Notes what was recalled, so that what is of use is found more easily, and echoes are known."""

from __future__ import annotations

from collections.abc import Iterable

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.flow import Flow, Perform
from holdfast.ledger import Ledger
from holdfast.namespace import thread_of
from holdfast.operations import NoteRecall


def note(
    store: BaseStore, found: Iterable[tuple[tuple[str, ...], str]], config: RunnableConfig
) -> Flow[None]:
    """Note what was found in a ledger; nothing of any other store.

    Args:
        store: Where it was found.
        found: Namespaces, in stored labels, and keys.
        config: Names the thread, if there is one.
    """
    if not isinstance(store, Ledger):
        return
    keys: dict[tuple[str, ...], list[str]] = {}
    for namespace, key in found:
        keys.setdefault(namespace, []).append(key)
    thread = thread_of(config)
    for namespace, named in keys.items():
        yield Perform(store, NoteRecall(namespace, tuple(named), thread))
