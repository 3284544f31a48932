"""Prompts with versions: what an agent is told, who taught it that, and the way back."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore

from holdfast.flow import arun, run
from holdfast.namespace import current_config
from holdfast.optimize.learned import Learned
from holdfast.optimize.optimizer import Prompt
from holdfast.optimize.prompt_flows import PromptFlows
from holdfast.optimize.prompt_versions import PromptVersion, checked_name
from holdfast.optimize.variables import TemplateFormat
from holdfast.retrieval.asked import STANDING_TOKENS, Scope

NAMESPACE = ("prompts",)


class PromptStore(PromptFlows):
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
        super().__init__(store, namespace)

    # Reading

    def get(self, name: str, *, config: RunnableConfig | None = None) -> PromptVersion | None:
        """Return the prompt in use: the pinned version, else the newest; None where none is."""
        return run(self._get(checked_name(name), current_config(config)))

    async def aget(
        self, name: str, *, config: RunnableConfig | None = None
    ) -> PromptVersion | None:
        """Return the prompt in use, awaiting; see `get`."""
        return await arun(self._get(checked_name(name), current_config(config)))

    def names(self, *, config: RunnableConfig | None = None) -> list[str]:
        """Return the names of all prompts, in their order."""
        return run(self._names(current_config(config)))

    async def anames(self, *, config: RunnableConfig | None = None) -> list[str]:
        """Return the names of all prompts, awaiting; see `names`."""
        return await arun(self._names(current_config(config)))

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

    def system_prompt(
        self,
        name: str,
        *,
        memories: Scope | list[Scope] | None = None,
        budget_tokens: int = STANDING_TOKENS,
        values: Mapping[str, object] | None = None,
        template_format: TemplateFormat = "f-string",
        config: RunnableConfig | None = None,
    ) -> str:
        """Return all that an agent is told before anything is said.

        That is the prompt in use, and after it what stands in its memories: rules, profiles, and
        what is pinned.

        Args:
            name: The prompt.
            memories: Namespaces of memories, as for `recall`; None leaves them out.
            budget_tokens: How many tokens the memories may have.
            values: Of the prompt's variables; None leaves these in, with all braces.
            template_format: Whose braces the variables are in: `f-string`, `mustache` or
                `jinja2`, of which the last needs the package jinja2.
            config: A RunnableConfig, for the namespaces and the store.

        Raises:
            InputError: There is no such prompt, or a variable has no value, or none that fits.
            ConfigurationError: There is no such format, or its package is not installed.

        Example:
            >>> from holdfast import open_store
            >>> store = open_store(":memory:")
            >>> prompts = PromptStore(store)
            >>> version = prompts.save("main", "Help {name}.")
            >>> store.put(("m",), "lang", {"kind": "Rule", "content": {"rule": "Be brief."}})
            >>> told = prompts.system_prompt("main", memories=("m",), values={"name": "Nora"})
            >>> told.splitlines()[0], "Be brief." in told
            ('Help Nora.', True)
            >>> store.close()
        """
        told = (memories, budget_tokens, values, template_format)
        return run(self._system(name, *told, current_config(config)))

    async def asystem_prompt(
        self,
        name: str,
        *,
        memories: Scope | list[Scope] | None = None,
        budget_tokens: int = STANDING_TOKENS,
        values: Mapping[str, object] | None = None,
        template_format: TemplateFormat = "f-string",
        config: RunnableConfig | None = None,
    ) -> str:
        """Return all that an agent is told, awaiting; see `system_prompt`."""
        told = (memories, budget_tokens, values, template_format)
        return await arun(self._system(name, *told, current_config(config)))

    # Writing

    def save(
        self,
        name: str,
        prompt: str | Prompt,
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
            prompt: Its text, or a `Prompt`. What an optimizer returned brings along what it was
                made from, and is refused where the prompt was changed since then.
            update_instructions: What to mind when it is changed; left out, as it was.
            when_to_update: When it is to be changed; left out, as it was.
            learned: What it was made from; by default what an optimizer says, or a person.
            expect: The revision that must be the newest, 0 for none; in a store with history.
            config: A RunnableConfig, for the namespace and the store.

        Raises:
            InputError: The text is empty, or the newest is another revision than was expected, or
                another text than an optimizer was given.
        """
        told = (update_instructions, when_to_update)
        known = (learned, expect, current_config(config))
        return run(self._save(checked_name(name), prompt, told, *known))

    async def asave(
        self,
        name: str,
        prompt: str | Prompt,
        *,
        update_instructions: str | None = None,
        when_to_update: str | None = None,
        learned: Learned | None = None,
        expect: int | None = None,
        config: RunnableConfig | None = None,
    ) -> PromptVersion:
        """Keep a new version of a prompt, awaiting; see `save`."""
        told = (update_instructions, when_to_update)
        known = (learned, expect, current_config(config))
        return await arun(self._save(checked_name(name), prompt, told, *known))

    def rollback(
        self, name: str, revision: int | None = None, *, config: RunnableConfig | None = None
    ) -> PromptVersion:
        """Let an older version be the newest again, as a version of its own.

        Args:
            name: The prompt.
            revision: Which; by default the one before the newest, and after a rollback the one
                before that to which it led.
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
