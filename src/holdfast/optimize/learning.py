"""Learning by itself: what users showed of the answers becomes a better prompt, in a job.

Nothing here happens unless somebody asks for it: a job is put for a namespace, and a worker is
given its handler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, InputError, ModelAnswerError, StoreBusy, shown
from holdfast.flow import Call, Flow, FlowRunnable, Perform
from holdfast.history import ChangeSet, Cursor
from holdfast.job import Fence
from holdfast.jobs.handling import Duty, metered
from holdfast.memory import Change, Receipt
from holdfast.namespace import decode_namespace
from holdfast.operations import Commit, Threads
from holdfast.optimize.gathered import Gathered, Harvest, gather
from holdfast.optimize.optimizer import OptimizedPrompt, PromptOptimizer
from holdfast.optimize.prompt_store import PromptStore
from holdfast.optimize.prompt_versions import KIND, PromptVersion, checked_name
from holdfast.optimize.signals import SignalKind
from holdfast.trajectories import read_trajectories

ENOUGH = 8
"""How many conversations in which something was wrong it takes."""

QUIET = 1800.0
"""Seconds after which a conversation has settled."""

EVERY = 3600.0
"""Seconds between two looks at what has settled."""


def reader_of(name: str) -> str:
    """Return the reader whose cursors say how far has been learned from."""
    return f"learning:{name}"


def handler_of(name: str) -> str:
    """Return the name of the handler of a prompt's jobs."""
    return f"learn:{name}"


class Learn:
    """Learns a prompt from the conversations of a job's namespace; a handler of jobs.

    It looks for what users showed of the answers (`find_signals`), which asks no model. When
    enough conversations have gathered in which something was wrong, the optimizer improves the
    prompt by them, and by as many in which the answers were liked; the result is saved as a new
    version. A pinned prompt is left as it is, and what has gathered waits.

    What was learned from is noted as cursors, and every transaction names the claim on the job. To
    do a job twice has the effect of doing it once.

    Args:
        prompts: Where the prompt is; without a store of its own, in that of the conversations.
        prompt: Its name; it must have been saved.
        optimizer: What improves it, with or without a gate.
        enough: How many conversations in which something was wrong it takes. At most twice as
            many are shown to the optimizer at once.
        quiet: Seconds after which a conversation has settled.
        name: By which jobs know it, where that is not the prompt's: two prompts of one name need
            two.

    Raises:
        ConfigurationError: A setting cannot work.

    Example:
        >>> from holdfast import ChangeSet, Said, Worker, create_prompt_optimizer, learn_from
        >>> from holdfast import open_store
        >>> from holdfast.memory import Message
        >>> from holdfast.testing import ScriptedModel
        >>> store = open_store(":memory:")
        >>> prompts = PromptStore(store)
        >>> version = prompts.save("main", "Help.")
        >>> talk = ["One line!", "First, ...", "I said one line, not a page."]
        >>> roles = ["user", "assistant", "user"]
        >>> said = Said(tuple(map(Message, roles, talk)), thread="monday")
        >>> receipt = store.commit(ChangeSet(("memories", "nora"), journal=(said,)))
        >>> rewrite = [("rewrite_prompt", {"prompt": "Help in one line."})]
        >>> optimizer = create_prompt_optimizer(ScriptedModel([rewrite]), "prompt_memory")
        >>> ticket = learn_from(store, ("memories", "nora"), "main")
        >>> Worker(store, [Learn(prompts, "main", optimizer, enough=1, quiet=0)]).drain()
        1
        >>> prompts.get("main").prompt, prompts.get("main").learned.feedback
        ('Help in one line.', ('corrects: 1',))
        >>> store.close()
    """

    def __init__(
        self,
        prompts: PromptStore,
        prompt: str,
        optimizer: PromptOptimizer,
        *,
        enough: int = ENOUGH,
        quiet: float = QUIET,
        name: str | None = None,
    ) -> None:
        if not isinstance(prompts, PromptStore):
            raise ConfigurationError(
                f"Learn takes a PromptStore(store), where the prompt is; got {shown(prompts)}."
            )
        if not isinstance(optimizer, PromptOptimizer):
            raise ConfigurationError(
                f"Learn takes what create_prompt_optimizer returns; got {shown(optimizer)}."
            )
        _check(enough, quiet, optimizer.fewest)
        self.prompts, self.optimizer = prompts, optimizer
        self.prompt = checked_name(prompt)
        self.enough, self.quiet = enough, quiet
        known = checked_name(name or prompt)
        self.name, self.reader = handler_of(known), reader_of(known)

    def __call__(self, duty: Duty) -> Receipt:
        """Look at what has settled where the job was put, and learn if that is enough."""
        return _Learning(self).invoke(duty, duty.config)


def _check(enough: Any, quiet: Any, fewest: int) -> None:
    if isinstance(enough, bool) or not isinstance(enough, int) or enough < 1:
        raise ConfigurationError(f"enough must be a number from 1, got {enough!r}.")
    if enough < fewest:
        raise ConfigurationError(
            f"enough={enough} conversations are too few for the optimizer's gate, which takes "
            f"{fewest}; set enough={fewest}, or other values in Gate(...)."
        )
    if isinstance(quiet, bool) or not isinstance(quiet, int | float) or not 0 <= quiet < 1e9:
        raise ConfigurationError(f"quiet must be seconds from 0, got {quiet!r}.")


class _Learning(FlowRunnable[Duty, Receipt]):
    """One look at a namespace, as a Runnable, so that its model calls are in one trace."""

    name = "learning"

    def __init__(self, learn: Learn) -> None:
        self._learn = learn

    def flow(self, input: Duty, config: RunnableConfig) -> Flow[Receipt]:
        """Return the work for one job as a flow."""
        return metered(self._look(input, config), input)

    def _look(self, duty: Duty, config: RunnableConfig) -> Flow[Receipt]:
        learn, namespace = self._learn, duty.job.namespace
        version = yield Call(partial(learn.prompts.get, learn.prompt, config=config))
        if version is None:
            raise InputError(
                f"There is no prompt {learn.prompt!r} to learn; save one first. A job that is done "
                "every so often comes again; one that is dead is tried again by `holdfast jobs "
                f"retry`, or retry_job({namespace!r}, {duty.job.name!r})."
            )
        most = 2 * learn.enough
        found = yield from gather(duty.store, namespace, learn.reader, most=most, quiet=learn.quiet)
        versions = yield Call(partial(learn.prompts.history, learn.prompt, config=config))
        done = _learned_before(found, versions)
        if found.passed or done:
            moved = [Cursor(one.thread, last, learn.reader) for one, last in done]
            yield from self._note(duty, (*found.passed, *moved))
        known = {one.name for one, _ in done}
        complaints = [one for one in found.complaints if one.name not in known]
        enough = len(complaints) >= learn.enough and _differ(complaints) >= learn.optimizer.fewest
        if version.pinned or not enough:
            return Receipt(namespace=decode_namespace(namespace))
        liked = [one for one in found.liked if one.name not in known][: len(complaints)]
        used = (*complaints, *liked)
        receipt = yield from self._improve(duty, version, used, config)
        yield from self._note(duty, [Cursor(one.thread, one.last, learn.reader) for one in used])
        return receipt

    def _improve(
        self,
        duty: Duty,
        version: PromptVersion,
        used: Sequence[Gathered],
        config: RunnableConfig,
    ) -> Flow[Receipt]:
        """Return what became of the prompt, which is saved where it is better."""
        learn = self._learn
        place = decode_namespace(learn.prompts.namespace(config))
        given = {
            "trajectories": [one.trajectory for one in used],
            "prompt": version.as_prompt(),
        }
        better: OptimizedPrompt = yield from learn.optimizer.flow(given, config)
        if better.refused:
            raise ModelAnswerError(
                f"A rewrite of prompt {learn.prompt!r} could not be used: {better.reason}. What "
                "has gathered waits, and is tried again."
            )
        yield from self._check_still_there(duty, used)
        yield from self._note(duty, ())  # so that nothing is saved by who lost the job
        if better.changed:
            yield Call(partial(self._save, version, better, used, config))
        change = Change(
            "updated" if better.changed else "unchanged",
            learn.prompt,
            KIND,
            {"prompt": version.prompt},
            {"prompt": str(better)},
            reason=better.reason or None,
        )
        return Receipt((change,), place, better.usage)

    def _save(
        self,
        version: PromptVersion,
        better: OptimizedPrompt,
        used: Sequence[Gathered],
        config: RunnableConfig,
    ) -> None:
        learn = self._learn
        kinds: Counter[SignalKind] = Counter(s.kind for one in used for s in one.signals)
        learned = replace(
            better.learned,
            trajectories=tuple(one.name for one in used),
            # Counts, and nothing that was said: that is forgotten with its conversation.
            feedback=tuple(f"{kind}: {number}" for kind, number in sorted(kinds.items())),
        )
        try:
            learn.prompts.save(
                learn.prompt, str(better), learned=learned, expect=version.revision, config=config
            )
        except InputError as error:
            raise StoreBusy(
                f"Prompt {learn.prompt!r} was changed while it was improved; what was learned is "
                "not saved, and it is tried again from the new one."
            ) from error

    def _check_still_there(self, duty: Duty, used: Sequence[Gathered]) -> Flow[None]:
        """Raise StoreBusy where a conversation was forgotten while the model was asked."""
        there: dict[str, int] = yield Perform(duty.store, Threads(duty.job.namespace))
        if any(there.get(one.thread, 0) < one.last for one in used):
            raise StoreBusy(
                "A conversation was forgotten while it was learned from; what was learned is not "
                "saved, and it is tried again without it."
            )

    def _note(self, duty: Duty, cursors: Sequence[Cursor]) -> Flow[None]:
        job = duty.job
        fence = Fence(job.name, job.fence)
        changes = ChangeSet(job.namespace, cursors=tuple(cursors), fence=fence)
        yield Perform(duty.store, Commit(changes))


def _differ(gathered: Sequence[Gathered]) -> int:
    """Return how many of some conversations are not the same, as a gate counts them."""
    return len({one.rendered() for one in read_trajectories([g.trajectory for g in gathered])})


def _learned_before(
    found: Harvest, versions: Sequence[PromptVersion]
) -> list[tuple[Gathered, int]]:
    """Return what the prompt was learned from already, each with the last message of it.

    A prompt is in another namespace than the conversations, so that no transaction holds both.
    Where a worker ended in between, the version that it saved names what it was learned from; it
    need not be the newest any more, or be in use.
    """
    names = {name for version in versions for name in version.learned.trajectories}
    done: list[tuple[Gathered, int]] = []
    for one in (*found.complaints, *found.liked):
        for name in names:
            last = name.removeprefix(one.begins)
            if last != name and last.isdecimal() and int(last) <= one.last:
                done.append((one, int(last)))
    return done
