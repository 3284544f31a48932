"""Prompts with versions: what an agent is told, who taught it that, and the way back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, Perform, arun, exclusively, run
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
        known = (learned or Learned(), expect, current_config(config))
        return run(self._save(_checked(name), prompt, told, *known))

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
        return await arun(self._save(_checked(name), prompt, told, *known))

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

    def _place(self, config: RunnableConfig) -> tuple[BaseStore, tuple[str, ...]]:
        namespace = self.namespace(config)
        return fenced(current_store(self._store, config), namespace), namespace

    def _get(self, name: str, config: RunnableConfig) -> Flow[PromptVersion | None]:
        store, namespace = self._place(config)
        newest, pinned = yield from held(store, namespace, [name, _pin_key(name)])
        if pinned is not None:
            return _version(
                name, pinned.value, pinned.value["content"].get("revision"), pinned=True
            )
        return None if newest is None else _version(name, newest.value, newest.revision)

    def _history(self, name: str, config: RunnableConfig) -> Flow[list[PromptVersion]]:
        store, namespace = self._place(config)
        if not isinstance(store, Ledger):
            (newest,) = yield from held(store, namespace, [name])
            return [] if newest is None else [_version(name, newest.value, None)]
        versions: list[Version] = yield Perform(store, History(namespace, name))
        return [
            replace(_version(name, one.value, one.revision), recorded_at=one.recorded_at)
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
            _expected(name, newest, expect)
            before = None if newest is None else _version(name, newest.value, newest.revision)
            made = _made(name, prompt, told, learned, before)
            if before is not None and _said(before) == _said(made):
                return before
            base = newest.revision or 0 if newest is not None else 0
            one = Write(
                name, _value(made), base if isinstance(store, Ledger) else None, index=False
            )
            who = Provenance(who=_who(learned), model=learned.model)
            receipt = yield from write(store, ChangeSet(namespace, (one,), provenance=who))
        finally:
            release()
        if receipt.conflicts:
            raise InputError(
                f"Prompt {name!r} was changed by somebody else meanwhile; nothing was saved. Look "
                "at it, and save again."
            )
        return replace(made, revision=receipt.revision)

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
        value = _value(chosen)
        value["content"]["revision"] = chosen.revision
        one = Write(_pin_key(name), value, index=False)
        yield from write(store, ChangeSet(namespace, (one,)))
        return replace(chosen, pinned=True)

    def _unpin(self, name: str, config: RunnableConfig) -> Flow[bool]:
        store, namespace = self._place(config)
        (pinned,) = yield from held(store, namespace, [_pin_key(name)])
        if pinned is None:
            return False
        one = Write(_pin_key(name), None)
        yield from write(store, ChangeSet(namespace, (one,)))
        return True


def _checked(name: Any) -> str:
    if not isinstance(name, str) or not name or name.startswith(_PINNED):
        raise InputError(
            f"A prompt's name is a text that does not begin with {_PINNED!r}; got {shown(name)}."
        )
    return name


_PINNED = "pinned:"


def _pin_key(name: str) -> str:
    return f"{_PINNED}{name}"


def _who(learned: Learned) -> Any:
    return "person" if learned.optimizer in ("person", "rollback") else "assistant"


def _expected(name: str, newest: Held | None, expect: int | None) -> None:
    if expect is None:
        return
    there = 0 if newest is None else newest.revision
    if there != expect:
        raise InputError(
            f"Prompt {name!r} was expected to be at revision {expect}, and is at {there}; nothing "
            "was saved."
        )


def _made(
    name: str,
    prompt: str,
    told: tuple[str | None, str | None],
    learned: Learned,
    before: PromptVersion | None,
) -> PromptVersion:
    update = told[0] if told[0] is not None else before and before.update_instructions
    when = told[1] if told[1] is not None else before and before.when_to_update
    return PromptVersion(
        name, prompt, update_instructions=update, when_to_update=when, learned=learned
    )


def _said(version: PromptVersion) -> tuple[str, str | None, str | None]:
    return version.prompt, version.update_instructions, version.when_to_update


def _value(version: PromptVersion) -> dict[str, Any]:
    content: dict[str, Any] = {"name": version.name, "prompt": version.prompt}
    for what in ("update_instructions", "when_to_update"):
        if getattr(version, what) is not None:
            content[what] = getattr(version, what)
    learned = asdict(version.learned)
    content["learned"] = {**learned, "scores": dict(version.learned.scores)}
    return {"kind": KIND, "content": content}


def _version(
    name: str, value: Mapping[str, Any], revision: int | None, *, pinned: bool = False
) -> PromptVersion:
    content = value.get("content")
    if not isinstance(content, Mapping) or not isinstance(content.get("prompt"), str):
        raise InputError(
            f"What is stored under {name!r} is no prompt: {shown(value)}. Give a PromptStore a "
            "namespace of its own."
        )
    return PromptVersion(
        name,
        content["prompt"],
        revision,
        update_instructions=content.get("update_instructions"),
        when_to_update=content.get("when_to_update"),
        learned=_learned(content.get("learned") or {}),
        pinned=pinned,
    )


def _learned(given: Mapping[str, Any]) -> Learned:
    return Learned(
        given.get("optimizer") or "person",
        given.get("model"),
        tuple(given.get("trajectories") or ()),
        tuple(given.get("feedback") or ()),
        dict(given.get("scores") or {}),
    )
