"""The commands about what is done later: a worker, and the queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.running import called, loaded, told_to_stop
from holdfast.cli.shared import (
    AllUsers,
    AnyUser,
    Dims,
    Embed,
    Json,
    Store,
    app,
    index_of,
    opened,
    told,
)
from holdfast.errors import InputError

jobs = typer.Typer(help="Show and change what is to be done later.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")

EVERYWHERE = ("holdfast",)
"""Where jobs are put that are about a whole store."""

Name = Annotated[str, typer.Argument(help="A job's name or thread, as `jobs list` shows it.")]


@app.command()
@told
def worker(
    manager: Annotated[
        list[str] | None,
        typer.Option(help="module:attribute of a memory manager, or of another Runnable."),
    ] = None,
    store: Store = None,
    user: AnyUser = None,
    concurrency: Annotated[int, typer.Option(help="How many jobs at once.", min=1)] = 1,
    lease: Annotated[
        float, typer.Option(help="Seconds until others take over from a silent worker.", min=0.1)
    ] = 60.0,
    attempts: Annotated[int, typer.Option(help="Attempts until a job is given up.", min=1)] = 5,
    calls: Annotated[
        int | None, typer.Option("--calls-a-day", help="Model calls, in each namespace.", min=1)
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens-a-day", help="Tokens, in each namespace.", min=1)
    ] = None,
    grace: Annotated[
        float, typer.Option(help="Seconds to finish in when told to stop.", min=0)
    ] = 10.0,
    embed: Embed = None,
    dims: Dims = None,
    drain: Annotated[bool, typer.Option("--drain", help="Do what is due, then end.")] = False,
) -> None:
    """Do what is due, until told to stop (SIGTERM, Ctrl-C); unfinished work is handed back."""
    from holdfast.jobs import Limits, Reindex, Retry, Sweep, Worker
    from holdfast.managers.handlers import handlers_of

    handlers = [*handlers_of([_manager(name) for name in manager or ()]), Reindex()]
    limits = Limits(calls, tokens) if calls or tokens else None
    index = index_of(embed, dims)
    with opened(store, user, everyone=user is None, index=index) as kept:
        able = handlers if user else [*handlers, Sweep()]
        settings: dict[str, Any] = {"concurrency": concurrency, "lease": lease, "limits": limits}
        one = Worker(kept, able, retry=Retry(attempts), **settings)
        if drain:
            with output.counted("working") as progress:
                done = one.drain(progress=progress)
            output.console().print(f"{output.amount(done, 'job', 'jobs')} done")
            return
        with told_to_stop() as stop:
            one.start()
            names = ", ".join(handler.name for handler in able)
            _note(f"holdfast: worker {one.name} does {names}")
            stop.wait()
            left = one.stop(grace)
        _note(f"holdfast: worker stopped; {output.amount(len(left), 'job', 'jobs')} handed back")


def _note(text: str) -> None:
    output.console(to_errors=True).print(output.plain(text), soft_wrap=True)


def _manager(name: str) -> Any:
    """Return the manager that a name such as `agent.memory:manager` stands for."""
    found = loaded("--manager", name, "agent.memory:manager")
    is_factory = callable(found) and not hasattr(found, "invoke") and not hasattr(found, "name")
    return called("--manager", name, found, "a manager") if is_factory else found


@jobs.command("list")
@told
def list_(
    user: AnyUser = None,
    everyone: AllUsers = False,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 50,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """List what is to be done later, the most urgent first."""
    with opened(store, user, everyone=everyone) as kept:
        found = kept.jobs(kept.scope)
    _show(found, limit, as_json)


@jobs.command()
@told
def dead(
    user: AnyUser = None,
    everyone: AllUsers = False,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 50,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """List what was given up, with the error of the last attempt."""
    with opened(store, user, everyone=everyone) as kept:
        found = [job for job in kept.jobs(kept.scope) if job.state == "dead"]
    _show(found, limit, as_json)


@jobs.command()
@told
def retry(
    name: Annotated[
        str | None, typer.Argument(help="A job's name or thread; without it, all that are dead.")
    ] = None,
    user: AnyUser = None,
    everyone: AllUsers = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Let a job be tried now that was given up, or that waits."""
    with opened(store, user, everyone=everyone) as kept:
        if name is None:
            found = [job for job in kept.jobs(kept.scope) if job.state == "dead"]
        else:
            found = _named(kept, name)
        done = [job for job in found if kept.retry_job(job.namespace, job.name)]
    _told_of(done, "retried", as_json)
    if len(done) < len(found) and not as_json:
        running = output.amount(len(found) - len(done), "job runs", "jobs run")
        output.console().print(f"{running} at this moment, and was left alone")


@jobs.command()
@told
def cancel(
    name: Name,
    user: AnyUser = None,
    everyone: AllUsers = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Take a job out of the queue; what was said stays in the journal."""
    with opened(store, user, everyone=everyone) as kept:
        done = [job for job in _named(kept, name) if kept.cancel_job(job.namespace, job.name)]
    _told_of(done, "cancelled", as_json)


@jobs.command()
@told
def add(
    handler: Annotated[str, typer.Argument(help="reindex, sweep, or another a worker knows.")],
    user: AnyUser = None,
    everyone: AllUsers = False,
    after: Annotated[float, typer.Option(help="Seconds from now.", min=0)] = 0.0,
    every: Annotated[
        float | None, typer.Option(help="Again so many seconds after each end.", min=1)
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Put a job that needs nothing but its namespace, once or again and again."""
    from holdfast.history import ChangeSet
    from holdfast.job import Job

    with opened(store, user, everyone=everyone) as kept:
        whole = {} if kept.scope else {"all": True}
        job = Job(handler, whole, handler=handler, after=after, every=every)
        kept.commit(ChangeSet(kept.scope or EVERYWHERE, jobs=(job,)))
    _told_of([job], "put", as_json)
    if handler not in ("reindex", "sweep") and not as_json:
        told = f"It waits for a worker that has the handler {handler!r}."
        output.console().print(output.plain(told), soft_wrap=True)


def _named(kept: Any, name: str) -> list[Any]:
    found = [job for job in kept.jobs(kept.scope) if name in (job.name, job.thread)]
    if not found:
        raise InputError(f"there is no job {name!r}; `holdfast jobs list` shows those there are")
    return found


def _told_of(done: Sequence[Any], what: str, as_json: bool) -> None:
    if as_json:
        output.show_json([{"namespace": job.namespace, "name": job.name} for job in done])
    else:
        output.console().print(f"{output.amount(len(done), 'job', 'jobs')} {what}")


def _show(found: Sequence[Any], limit: int, as_json: bool) -> None:
    shown = found[:limit]
    if as_json:
        output.show_json([job.to_dict() for job in shown])
        return
    now = datetime.now(UTC)
    rows = [_row(job, now) for job in shown]
    output.show_table(("state", "age", "due", "tries", "whose", "name", "error"), rows)
    if len(found) > limit:
        output.console().print(f"and {len(found) - limit} more; --limit shows them")


def _row(job: Any, now: datetime) -> tuple[str, ...]:
    age = "" if job.first_at is None else _span((now - job.first_at).total_seconds())
    when = ""
    if job.wake_at is not None:
        due = (job.wake_at - now).total_seconds()
        when = "now" if due <= 0 else f"in {_span(due)}"
    whose = "/".join(job.namespace)
    return job.state, age, when, str(job.attempts), whose, job.name, job.error or ""


def _span(seconds: float) -> str:
    """Return a time span in its largest unit.

    Example:
        >>> _span(90), _span(7_300)
        ('1m', '2h')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
