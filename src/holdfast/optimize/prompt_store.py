"""Prompts with versions: what an agent is told, who taught it that, and the way back."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, Perform, arun, exclusively, run
from holdfast.history import ChangeSet, Provenance, Version, Write
from holdfast.ledger import Ledger
from holdfast.namespace import NamespaceTemplate, current_config, current_store
from holdfast.operations import History
from holdfast.optimize.optimizer import read_prompt
from holdfast.optimize.prompt_versions import (
    Learned,
    PromptVersion,
    check_expected,
    checked_name,
    made,
    pin_key,
    said_by,
    value_of,
    version_of,
    who_of,
)
from holdfast.stores.plain import fenced, held, write

NAMESPACE = ("prompts",)


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
        return run(self._get(checked_name(name), current_config(config)))

    async def aget(
        self, name: str, *, config: RunnableConfig | None = None
    ) -> PromptVersion | None:
        """Return the prompt in use, awaiting; see `get`."""
        return await arun(self._get(checked_name(name), current_config(config)))

    def history(self, name: str, *, config: RunnableConfig | None = None) -> list[PromptVersion]:
        """Return every version of a prompt, oldest first; without history, the newest alone."""
        return run(self._history(checked_name(name), current_config(config)))

    async def ahistory(
        self, name: str, *, config: RunnableConfig | None = None
    ) -> list[PromptVersion]:
        """Return every version of a prompt, awaiting; see `history`."""
        return await arun(self._history(checked_name(name), current_config(config)))

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
        return run(self._diff(checked_name(name), a, b, current_config(config)))

    async def adiff(
        self,
        name: str,
        a: int | None = None,
        b: int | None = None,
        *,
        config: RunnableConfig | None = None,
    ) -> str:
        """Return what changed between two revisions, awaiting; see `diff`."""
        return await arun(self._diff(checked_name(name), a, b, current_config(config)))

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
        known = (learned or Learned(), expect, current_config(config))
        return run(self._save(checked_name(name), prompt, told, *known))

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
        known = (learned or Learned(), expect, current_config(config))
        return await arun(self._save(checked_name(name), prompt, told, *known))

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
        return run(self._rollback(checked_name(name), revision, current_config(config)))

    async def arollback(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let an older version be the newest again, awaiting; see `rollback`."""
        return await arun(self._rollback(checked_name(name), revision, current_config(config)))

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
        return run(self._pin(checked_name(name), revision, current_config(config)))

    async def apin(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let `aget` return this version, awaiting; see `pin`."""
        return await arun(self._pin(checked_name(name), revision, current_config(config)))

    def unpin(self, name: str, *, config: RunnableConfig | None = None) -> bool:
        """Let `get` return the newest version again; return whether one was pinned."""
        return run(self._unpin(checked_name(name), current_config(config)))

    async def aunpin(self, name: str, *, config: RunnableConfig | None = None) -> bool:
        """Let `aget` return the newest version again, awaiting; see `unpin`."""
        return await arun(self._unpin(checked_name(name), current_config(config)))

    # The work

    def _place(self, config: RunnableConfig) -> tuple[BaseStore, tuple[str, ...]]:
        namespace = self.namespace(config)
        return fenced(current_store(self._store, config), namespace), namespace

    def _get(self, name: str, config: RunnableConfig) -> Flow[PromptVersion | None]:
        store, namespace = self._place(config)
        newest, pinned = yield from held(store, namespace, [name, pin_key(name)])
        if pinned is not None:
            return version_of(
                name, pinned.value, pinned.value["content"].get("revision"), pinned=True
            )
        return None if newest is None else version_of(name, newest.value, newest.revision)

    def _history(self, name: str, config: RunnableConfig) -> Flow[list[PromptVersion]]:
        store, namespace = self._place(config)
        if not isinstance(store, Ledger):
            (newest,) = yield from held(store, namespace, [name])
            return [] if newest is None else [version_of(name, newest.value, None)]
        versions: list[Version] = yield Perform(store, History(namespace, name))
        return [
            replace(version_of(name, one.value, one.revision), recorded_at=one.recorded_at)
            for one in versions
            if one.value is not None
        ]

    def _one(
        self, name: str, revision: int | None, config: RunnableConfig, back: int = 0
    ) -> Flow[PromptVersion]:
        """Return a version by its revision, or so many before the newest."""
        versions = yield from self._history(name, config)
        if revision is None and back < len(versions):
            return versions[-1 - back]
        found = next((one for one in versions if one.revision == revision), None)
        if found is None or revision is None:
            known = ", ".join(str(one.revision) for one in versions) or "none"
            asked = (
                f"revision {revision}" if revision is not None else f"one {back} before the last"
            )
            raise InputError(
                f"Prompt {name!r} has no version {asked}; there are revisions: {known}."
            )
        return found

    def _diff(self, name: str, a: int | None, b: int | None, config: RunnableConfig) -> Flow[str]:
        later = yield from self._one(name, b, config)
        if a == 0:
            before, title = "", "nothing"
        else:
            earlier = yield from self._before(name, later, a, config)
            before, title = earlier.prompt, f"revision {earlier.revision}"
        lines = difflib.unified_diff(
            before.splitlines(),
            later.prompt.splitlines(),
            title,
            f"revision {later.revision}",
            lineterm="",
        )
        return "\n".join(lines)

    def _before(
        self, name: str, later: PromptVersion, a: int | None, config: RunnableConfig
    ) -> Flow[PromptVersion]:
        if a is not None:
            return (yield from self._one(name, a, config))
        versions = yield from self._history(name, config)
        at = next(n for n, one in enumerate(versions) if one.revision == later.revision)
        return versions[max(0, at - 1)]

    def _save(
        self,
        name: str,
        prompt: Any,
        told: tuple[str | None, str | None],
        learned: Learned,
        expect: int | None,
        config: RunnableConfig,
    ) -> Flow[PromptVersion]:
        read_prompt(prompt)
        if not prompt.strip():
            raise InputError(f"Prompt {name!r} is empty; nothing was saved.")
        store, namespace = self._place(config)
        release = yield exclusively(store, namespace)
        try:
            (newest,) = yield from held(store, namespace, [name])
            check_expected(name, newest, expect)
            before = None if newest is None else version_of(name, newest.value, newest.revision)
            new = made(name, prompt, told, learned, before)
            if before is not None and said_by(before) == said_by(new):
                return before
            base = newest.revision or 0 if newest is not None else 0
            one = Write(
                name, value_of(new), base if isinstance(store, Ledger) else None, index=False
            )
            who = Provenance(who=who_of(learned), model=learned.model)
            receipt = yield from write(store, ChangeSet(namespace, (one,), provenance=who))
        finally:
            release()
        if receipt.conflicts:
            raise InputError(
                f"Prompt {name!r} was changed by somebody else meanwhile; nothing was saved. Look "
                "at it, and save again."
            )
        return replace(new, revision=receipt.revision)

    def _rollback(
        self, name: str, revision: int | None, config: RunnableConfig
    ) -> Flow[PromptVersion]:
        store, _ = self._place(config)
        if not isinstance(store, Ledger):
            raise ConfigurationError(
                f"{shown(store)} keeps no history, so that no version of {name!r} is there to go "
                "back to. Open a store with open_store(...)."
            )
        older = yield from self._one(name, revision, config, back=1)
        scores = {"revision": float(older.revision or 0)}
        told = (older.update_instructions, older.when_to_update)
        learned = Learned("rollback", scores=scores)
        return (yield from self._save(name, older.prompt, told, learned, None, config))

    def _pin(self, name: str, revision: int | None, config: RunnableConfig) -> Flow[PromptVersion]:
        store, namespace = self._place(config)
        chosen = yield from self._one(name, revision, config)
        value = value_of(chosen)
        value["content"]["revision"] = chosen.revision
        one = Write(pin_key(name), value, index=False)
        yield from write(store, ChangeSet(namespace, (one,)))
        return replace(chosen, pinned=True)

    def _unpin(self, name: str, config: RunnableConfig) -> Flow[bool]:
        store, namespace = self._place(config)
        (pinned,) = yield from held(store, namespace, [pin_key(name)])
        if pinned is None:
            return False
        one = Write(pin_key(name), None)
        yield from write(store, ChangeSet(namespace, (one,)))
        return True
