"""What a store of prompts does, as flows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.flow import Flow, Perform, exclusively
from holdfast.history import ChangeSet, Provenance, Version, Write
from holdfast.ledger import Ledger
from holdfast.namespace import NamespaceTemplate, current_store
from holdfast.operations import History
from holdfast.optimize.learned import Learned
from holdfast.optimize.optimizer import OptimizedPrompt, read_prompt
from holdfast.optimize.prompt_versions import (
    KIND,
    PINNED,
    ROLLBACK,
    PromptVersion,
    check_before,
    check_expected,
    checked_name,
    made,
    pin_key,
    said_by,
    value_of,
    version_of,
    who_of,
)
from holdfast.optimize.variables import TemplateFormat, check_format, filled
from holdfast.retrieval.asked import Scope, places_of
from holdfast.retrieval.finding import everything
from holdfast.retrieval.lane import standing_flow
from holdfast.stores.plain import fenced, held, write


class PromptFlows:
    """The work of a `PromptStore`.

    Args:
        store: Where; by default the store of the running graph.
        namespace: In it; it may hold variables.
    """

    def __init__(self, store: BaseStore | None, namespace: tuple[str, ...] | str) -> None:
        self.namespace = NamespaceTemplate(namespace)
        self._store = store

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

    def _system(
        self,
        name: str,
        memories: Scope | list[Scope] | None,
        budget: int,
        values: Mapping[str, object] | None,
        template_format: TemplateFormat,
        config: RunnableConfig,
    ) -> Flow[str]:
        check_format(template_format)
        version = yield from self._get(checked_name(name), config)
        if version is None:
            raise InputError(f"There is no prompt {name!r}; save one first.")
        text = version.prompt
        if values is not None:
            text = filled(text, values, template_format)
        if memories is None:
            return text
        store = current_store(self._store, config)
        stands = yield from standing_flow(places_of(memories, store, config), budget)
        told = stands.as_text()
        return f"{text}\n\n{told}" if told else text

    def _names(self, config: RunnableConfig) -> Flow[list[str]]:
        store, namespace = self._place(config)
        found = yield from everything(store, namespace, {"kind": KIND})
        here = {item.key for item in found if item.namespace == namespace}
        return sorted(key for key in here if not key.startswith(PINNED))

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
            if not versions:
                raise InputError(f"There is no prompt {name!r}; save one first.")
            asked = f"of revision {revision}" if revision is not None else "before its first"
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
        learned: Learned | None,
        expect: int | None,
        config: RunnableConfig,
    ) -> Flow[PromptVersion]:
        given = read_prompt(prompt)
        text = given["prompt"]
        if not text.strip():
            raise InputError(f"Prompt {name!r} is empty; nothing was saved.")
        made_from = text if isinstance(text, OptimizedPrompt) else None
        learned = learned or (Learned() if made_from is None else made_from.learned)
        told = (told[0] or given.get("update_instructions"), told[1] or given.get("when_to_update"))
        store, namespace = self._place(config)
        release = yield exclusively(store, namespace)
        try:
            newest, pinned = yield from held(store, namespace, [name, pin_key(name)])
            check_expected(name, newest, expect)
            before = None if newest is None else version_of(name, newest.value, newest.revision)
            if made_from is not None and expect is None:
                check_before(name, made_from.before, before, pinned)
            new = made(name, str(text), told, learned, before)
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
        older = yield from self._earlier(name, revision, config)
        scores = {"revision": float(older.revision or 0)}
        told = (older.update_instructions, older.when_to_update)
        learned = Learned(ROLLBACK, scores=scores)
        return (yield from self._save(name, older.prompt, told, learned, None, config))

    def _earlier(
        self, name: str, revision: int | None, config: RunnableConfig
    ) -> Flow[PromptVersion]:
        """Return the version to go back to; by default one further back than the last time."""
        versions = yield from self._history(name, config)
        newest = versions[-1] if versions else None
        if revision is not None or newest is None or newest.learned.optimizer != ROLLBACK:
            return (yield from self._one(name, revision, config, back=1))
        there = newest.learned.scores.get("revision")
        at = next((n for n, one in enumerate(versions) if one.revision == there), 0)
        if at == 0:
            raise InputError(f"Prompt {name!r} is back at its first version; name a revision.")
        return versions[at - 1]

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
