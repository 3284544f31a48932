"""Prompts with versions: what an agent is told, who taught it that, and the way back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, Perform, T, arun, exclusively, run
from holdfast.history import ChangeSet, Provenance, Version, Write
from holdfast.ledger import Ledger
from holdfast.namespace import NamespaceTemplate, current_config, current_store
from holdfast.operations import History
from holdfast.optimize.optimizer import Prompt, read_prompt
from holdfast.stores.plain import Held, fenced, held, write

KIND = "Prompt"
NAMESPACE = ("prompts",)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version of a prompt was made from.

    Args:
        optimizer: What made it, such as `gradient`; `person` where somebody wrote it.
        model: The model that wrote it.
        trajectories: Names of threads or other work that it was learned from.
        feedback: What was said about them.
        scores: Of the prompt before and after, or whatever was measured, by name.
    """

    optimizer: str = "person"
    model: str | None = None
    trajectories: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of a prompt.

    Args:
        name: What the prompt is called.
        prompt: Its text.
        revision: The number of the change set that wrote it; None in a store without history.
        recorded_at: When it was written; None there.
        update_instructions: What to mind when it is changed.
        when_to_update: When it is to be changed.
        learned: What it was made from.
        pinned: Whether it was chosen by `pin`, whatever is newer.
    """

    name: str
    prompt: str
    revision: int | None = None
    recorded_at: datetime | None = None
    update_instructions: str | None = None
    when_to_update: str | None = None
    learned: Learned = field(default_factory=Learned)
    pinned: bool = False

    def as_prompt(self) -> Prompt:
        """Return it as an optimizer takes it."""
        told = (self.update_instructions, self.when_to_update)
        return Prompt(
            name=self.name, prompt=self.prompt, update_instructions=told[0], when_to_update=told[1]
        )


class PromptStore:
    """Prompts in a store, by name, each with its versions.

    In a store of ours nothing is overwritten: `history`, `diff`, `rollback` and `pin` reach every
    version. In any other `BaseStore` there is the newest one.

    Args:
        store: Where; by default the store of the running graph.
        namespace: In it, in labels as people wrote them; it may hold variables, filled in from
            the config of each call.

    Raises:
        ConfigurationError: The namespace cannot be used.

    Example:
        >>> from holdfast import open_store
        >>> store = open_store(":memory:")
        >>> prompts = PromptStore(store)
        >>> first = prompts.save("greet", "Greet {name}.")
        >>> second = prompts.save("greet", "Greet {name} warmly.", learned=Learned("gradient"))
        >>> prompts.get("greet").prompt
        'Greet {name} warmly.'
        >>> prompts.rollback("greet").prompt
        'Greet {name}.'
        >>> [version.learned.optimizer for version in prompts.history("greet")]
        ['person', 'gradient', 'rollback']
        >>> store.close()
    """

    def __init__(
        self,
        store: BaseStore | None = None,
        namespace: tuple[str, ...] | str = NAMESPACE,
    ) -> None:
        self.namespace = NamespaceTemplate(namespace)
        self._store = store

    # Reading

    def get(self, name: str, *, config: RunnableConfig | None = None) -> PromptVersion | None:
        """Return the prompt in use: the pinned version, else the newest; None where none is."""
        return run(self._get(_checked(name), current_config(config)))

    async def aget(
        self, name: str, *, config: RunnableConfig | None = None
    ) -> PromptVersion | None:
        """Return the prompt in use, awaiting; see `get`."""
        return await arun(self._get(_checked(name), current_config(config)))

    def history(self, name: str, *, config: RunnableConfig | None = None) -> list[PromptVersion]:
        """Return every version of a prompt, oldest first; without history, the newest alone."""
        return run(self._history(_checked(name), current_config(config)))

    async def ahistory(
        self, name: str, *, config: RunnableConfig | None = None
    ) -> list[PromptVersion]:
        """Return every version of a prompt, awaiting; see `history`."""
        return await arun(self._history(_checked(name), current_config(config)))

    def diff(
        self,
        name: str,
        a: int | None = None,
        b: int | None = None,
        *,
        config: RunnableConfig | None = None,
    ) -> str:
        """Return what changed between two revisions, as a unified diff.

        Args:
            name: The prompt.
            a: The revision to start from; by default that before `b`.
            b: The revision to arrive at; by default the newest.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: There is no such revision.
        """
        return run(self._diff(_checked(name), a, b, current_config(config)))

    async def adiff(
        self,
        name: str,
        a: int | None = None,
        b: int | None = None,
        *,
        config: RunnableConfig | None = None,
    ) -> str:
        """Return what changed between two revisions, awaiting; see `diff`."""
        return await arun(self._diff(_checked(name), a, b, current_config(config)))

    # Writing

    def save(
        self,
        name: str,
        prompt: str,
        *,
        update_instructions: str | None = None,
        when_to_update: str | None = None,
        learned: Learned | None = None,
        expect: int | None = None,
        config: RunnableConfig | None = None,
    ) -> PromptVersion:
        """Keep a new version of a prompt; the same text again makes none.

        Args:
            name: What it is called.
            prompt: Its text.
            update_instructions: What to mind when it is changed; left out, as it was.
            when_to_update: When it is to be changed; left out, as it was.
            learned: What it was made from.
            expect: The revision that must be the newest, 0 for none; in a store with history.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: The text is empty, or the newest is another revision than was expected.
        """
        told = (update_instructions, when_to_update)
        flow = self._save(_checked(name), prompt, told, learned or Learned(), expect)
        return run(flow(current_config(config)))

    async def asave(
        self,
        name: str,
        prompt: str,
        *,
        update_instructions: str | None = None,
        when_to_update: str | None = None,
        learned: Learned | None = None,
        expect: int | None = None,
        config: RunnableConfig | None = None,
    ) -> PromptVersion:
        """Keep a new version of a prompt, awaiting; see `save`."""
        told = (update_instructions, when_to_update)
        flow = self._save(_checked(name), prompt, told, learned or Learned(), expect)
        return await arun(flow(current_config(config)))

    def rollback(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let an older version be the newest again, as a version of its own.

        Args:
            name: The prompt.
            revision: Which; by default the one before the newest.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: There is no such version.
            ConfigurationError: The store keeps no history.
        """
        return run(self._rollback(_checked(name), revision, current_config(config)))

    async def arollback(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let an older version be the newest again, awaiting; see `rollback`."""
        return await arun(self._rollback(_checked(name), revision, current_config(config)))

    def pin(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let `get` return this version, whatever is saved later.

        Args:
            name: The prompt.
            revision: Which; by default the one in use.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: There is no such version.
        """
        return run(self._pin(_checked(name), revision, current_config(config)))

    async def apin(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let `aget` return this version, awaiting; see `pin`."""
        return await arun(self._pin(_checked(name), revision, current_config(config)))

    def unpin(self, name: str, *, config: RunnableConfig | None = None) -> bool:
        """Let `get` return the newest version again; return whether one was pinned."""
        return run(self._unpin(_checked(name), current_config(config)))

    async def aunpin(self, name: str, *, config: RunnableConfig | None = None) -> bool:
        """Let `aget` return the newest version again, awaiting; see `unpin`."""
        return await arun(self._unpin(_checked(name), current_config(config)))

    # The work
