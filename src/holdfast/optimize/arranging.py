"""Arranges that a prompt is learned, and tells what it would be learned from."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.runnables import RunnableConfig

from holdfast.errors import ConfigurationError, shown
from holdfast.flow import Flow, Perform, arun, run
from holdfast.history import ChangeSet
from holdfast.job import Job, Ticket
from holdfast.ledger import Ledger, LedgerStore
from holdfast.memory import Receipt
from holdfast.namespace import NamespaceTemplate, current_config
from holdfast.operations import Commit
from holdfast.optimize.gathered import Gathered, gather
from holdfast.optimize.learning import ENOUGH, EVERY, QUIET, handler_of, reader_of
from holdfast.optimize.prompt_versions import checked_name

Place = tuple[str, ...] | str


def learn_from(
    store: LedgerStore,
    namespace: Place,
    prompt: str,
    *,
    every: float | None = EVERY,
    after: float = 0.0,
    keep: Sequence[str] = (),
    config: RunnableConfig | None = None,
) -> Ticket:
    """Let a prompt be learned from the conversations of a namespace, from now on.

    This puts a job; a worker that is given the handler, `Learn(...)`, does it. To put it again
    sets how often it comes; `store.cancel_job(ticket.namespace, ticket.job)` ends it.

    Args:
        store: Where the conversations are kept, a store of ours.
        namespace: Of exactly which namespace, in labels as people wrote them; it may hold
            variables.
        prompt: The prompt's name, or the name that `Learn` was given.
        every: Seconds between two looks; None for once.
        after: Seconds until the first.
        keep: Keys of `configurable` that are stored with the job, where the prompt's namespace
            has variables too.
        config: A RunnableConfig, for the variables of the namespace.

    Returns:
        The job's ticket.

    Raises:
        ConfigurationError: The store keeps no conversations, or a variable has no value.

    Example:
        >>> from holdfast import open_store
        >>> store = open_store(":memory:")
        >>> ticket = learn_from(store, ("memories", "nora"), "main", every=3600)
        >>> [(job.handler, job.every) for job in store.jobs()]
        [('learn:main', 3600.0)]
        >>> store.cancel_job(ticket.namespace, ticket.job)
        True
        >>> store.close()
    """
    return run(_put(store, _asked(store, namespace, prompt, every, after, keep, config)))


async def alearn_from(
    store: LedgerStore,
    namespace: Place,
    prompt: str,
    *,
    every: float | None = EVERY,
    after: float = 0.0,
    keep: Sequence[str] = (),
    config: RunnableConfig | None = None,
) -> Ticket:
    """Let a prompt be learned; see `learn_from`."""
    return await arun(_put(store, _asked(store, namespace, prompt, every, after, keep, config)))


def _asked(
    store: LedgerStore,
    namespace: Place,
    prompt: str,
    every: float | None,
    after: float,
    keep: Sequence[str],
    config: RunnableConfig | None,
) -> ChangeSet:
    """Return what puts the job."""
    if not isinstance(store, LedgerStore):
        raise ConfigurationError(
            f"Learning needs a store that keeps conversations; got {shown(store)}. "
            "open_store('memory.db') makes one."
        )
    merged = current_config(config)
    labels = NamespaceTemplate(namespace)(merged)
    given = merged.get("configurable") or {}
    missing = [key for key in keep if key not in given]
    if missing:
        raise ConfigurationError(
            f"keep names {missing[0]!r}, which is not in configurable; give "
            f"config={{'configurable': {{{missing[0]!r}: ...}}}}."
        )
    name = handler_of(checked_name(prompt))
    payload = {"configurable": {key: given[key] for key in keep}} if keep else {}
    job = Job(name, payload, handler=name, after=after, every=every)
    return ChangeSet(labels, jobs=(job,))


def _put(store: LedgerStore, asked: ChangeSet) -> Flow[Ticket]:
    receipt: Receipt = yield Perform(store, Commit(asked))
    return Ticket(asked.namespace, asked.jobs[0].name, receipt.tickets[0])


def gathered(
    store: Ledger,
    namespace: Place,
    prompt: str,
    *,
    most: int = 2 * ENOUGH,
    quiet: float = QUIET,
    config: RunnableConfig | None = None,
) -> list[Gathered]:
    """Return what would be learned from next; nothing is written, and no model is asked.

    Args:
        store: Where the conversations are kept.
        namespace: As for `learn_from`.
        prompt: As there.
        most: How many at most in which something was wrong, and how many others.
        quiet: Seconds after which a conversation has settled.
        config: A RunnableConfig, for the variables of the namespace.

    Example:
        >>> from holdfast import ChangeSet, Said, open_store
        >>> from holdfast.memory import Message
        >>> store = open_store(":memory:")
        >>> talk = [Message("user", "One line!"), Message("assistant", "First, ...")]
        >>> said = Said((*talk, Message("user", "That's not what I asked for.")), thread="monday")
        >>> receipt = store.commit(ChangeSet(("m",), journal=(said,)))
        >>> [(one.name, one.signals[0].kind) for one in gathered(store, "m", "main", quiet=0)]
        [('m monday 1-3', 'corrects')]
        >>> store.close()
    """
    return run(_read(store, namespace, prompt, most, quiet, config))


async def agathered(
    store: Ledger,
    namespace: Place,
    prompt: str,
    *,
    most: int = 2 * ENOUGH,
    quiet: float = QUIET,
    config: RunnableConfig | None = None,
) -> list[Gathered]:
    """Return what would be learned from next; see `gathered`."""
    return await arun(_read(store, namespace, prompt, most, quiet, config))


def _read(
    store: Ledger,
    namespace: Place,
    prompt: str,
    most: int,
    quiet: float,
    config: RunnableConfig | None,
) -> Flow[list[Gathered]]:
    labels = NamespaceTemplate(namespace)(config)
    reader = reader_of(checked_name(prompt))
    found = yield from gather(store, labels, reader, most=most, quiet=quiet)
    return [*found.complaints, *found.liked]
