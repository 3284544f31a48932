"""The commands that keep and find: each a few lines over the public API."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from holdfast import __version__
from holdfast.cli import output
from holdfast.cli.demo import play
from holdfast.cli.files import load_messages
from holdfast.cli.shared import (
    NAMESPACE,
    Json,
    ModelFailed,
    Store,
    User,
    app,
    config_of,
    opened,
    told,
)
from holdfast.errors import ConfigurationError, HoldfastError, cut

WINDOW = 20
"""How many messages a model is shown at once."""


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version, and exit.", is_eager=True)
    ] = False,
) -> None:
    """Long-term memory for LLM agents, from the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # no terminal must lack a letter
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
@told
def remember(
    file: Annotated[str, typer.Argument(help="JSON or JSONL of messages, or - for stdin.")],
    user: User,
    store: Store = None,
    model: Annotated[
        str | None,
        typer.Option(envvar="HOLDFAST_MODEL", help="Such as openai:gpt-5-mini; default: none."),
    ] = None,
    thread: Annotated[
        str | None, typer.Option(help="Name of the conversation; default: the file's name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Remember a conversation: verbatim, or what a model finds worth keeping."""
    from holdfast.memory import Receipt, Remembered, Usage

    messages = load_messages(file, output.tracked("reading"))
    model = None if model in (None, "", "none") else model
    thread = thread or (None if file == "-" else Path(file).name)
    config = config_of(user, **({"thread_id": thread} if thread else {}))
    size = WINDOW if model else len(messages)
    windows = [messages[start : start + size] for start in range(0, len(messages), size)]
    changes: list[Any] = []
    journal: list[Any] = []
    usage, namespace = Usage(), None
    # Built before the store is opened: a model that is not there leaves no file behind.
    manager = _manager(model)
    with opened(store, user, make=True) as kept:
        manager = manager.using(kept)
        for number, window in enumerate(_steps(windows, len(messages))):
            try:
                receipt = cast("Remembered", manager.invoke({"messages": window}, config)).receipt
            except HoldfastError:
                raise
            except Exception as error:
                # Whatever a provider raises; what was remembered before it stays.
                done = f"{number * size} of {len(messages)} messages were remembered"
                said = cut(f"{type(error).__name__}: {error}", 300)
                raise ModelFailed(f"{done}, then {model} failed: {said}") from error
            changes += receipt.changes
            journal += receipt.journal
            usage, namespace = usage + receipt.usage, receipt.namespace
    whole = Receipt(tuple(changes), namespace, usage, tuple(journal))
    if as_json:
        output.show_json(whole.to_dict())
    else:
        output.console().print(output.plain(_summary(len(messages), whole)))


def _manager(model: str | None) -> Any:
    from holdfast.managers import create_memory_store_manager

    try:
        return create_memory_store_manager(model, namespace=NAMESPACE, enable_deletes=True)
    except (HoldfastError, ImportError):
        raise
    except Exception as error:
        # Providers say by errors of their own that there is no key.
        raise ConfigurationError(f"{model} cannot be used: {error}") from error


def _steps(windows: list[list[Any]], total: int) -> Iterable[list[Any]]:
    if len(windows) == 1 and total >= output.LONG:
        with output.console(to_errors=True).status(f"keeping {total} messages"):
            yield windows[0]
        return
    yield from output.tracked("remembering")(windows)


def _summary(total: int, receipt: Any) -> str:
    counts = [
        f"{len(getattr(receipt, action))} {action}"
        for action in ("inserted", "updated", "deleted", "unchanged", "rejected")
        if getattr(receipt, action)
    ]
    user = "/".join(receipt.namespace or ())
    return f"{total} messages -> {user}: {', '.join(counts) or 'nothing to remember'}"


@app.command()
@told
def recall(
    question: Annotated[str, typer.Argument(help="In plain words.")],
    user: User,
    store: Store = None,
    k: Annotated[
        int | None,
        typer.Option("-k", help="How many to show; default: 5, or what fits a budget.", min=1),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Tokens that the text of all may have.", min=1)
    ] = None,
    neighbours: Annotated[
        int, typer.Option(help="Messages before and after each that is found.", min=0, max=1000)
    ] = 0,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="The state at an earlier date or time, such as 2026-05-01."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print what goes into a prompt.")] = False,
    as_json: Json = False,
) -> None:
    """Find what is remembered about a question, and what stands whatever is asked."""
    from holdfast.retrieval import recall as ask

    with opened(store, user) as kept:
        asked = partial(ask, question, NAMESPACE, store=kept, config=config_of(user), as_of=as_of)
        found = asked(k=k, budget_tokens=budget, neighbours=neighbours)
        listed = [*found, *found.neighbours, *found.standing]
        unfit = budget and not listed and (found.left_out or asked(k=1, record=False))
    if text and not as_json:
        output.show_text(found.as_text())
    elif text:
        output.show_json(found.as_text())
    elif as_json:
        output.show_json([one.to_dict() for one in listed])
    elif listed:
        output.show_table(("score", "date", "who", "what"), map(_found, listed))
    else:
        small = f"Nothing of what was found fits into {budget} tokens; give a higher --budget."
        said = small if unfit else "Nothing is remembered about that."
        output.console().print(said, soft_wrap=True)


def _found(one: Any) -> tuple[str, str, str, str]:
    score = "stands" if one.standing else f"{one.score:.2f}" if one.score else ""
    return score, str(one.time)[:10], str(one.speaker or one.kind), one.text


@app.command("list")
@told
def list_(
    user: User,
    messages: Annotated[
        bool, typer.Option("--messages", help="Show what was said, not what is believed.")
    ] = False,
    store: Store = None,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List what is remembered, newest first: memories, or messages of conversations."""
    with opened(store, user) as kept:
        if messages:
            entries = kept.journal(kept.scope, limit=limit)
            found = [entry.to_dict() for entry in entries]
            rows = [_said(entry) for entry in entries]
        else:
            items = kept.search(kept.scope, limit=limit)
            found = [item.dict() for item in items]
            rows = [_believed(item) for item in items]
    if as_json:
        output.show_json(found)
    else:
        output.show_table(("key", "date", "who" if messages else "kind", "what"), rows)


def _said(entry: Any) -> tuple[str, str, str, str]:
    message = entry.message
    date = (message.time or entry.recorded_at.isoformat())[:10]
    calls = ", ".join(f"{tool}({given})" for tool, given in message.calls)
    return entry.key, date, message.speaker or message.role, message.text or calls


def _believed(item: Any) -> tuple[str, str, str, str]:
    from holdfast.analysis import value_text
    from holdfast.memory import unwrap

    date = item.updated_at.isoformat()[:10]
    return item.key, date, unwrap(item.value)[0], value_text(item.value)


@app.command()
@told
def demo() -> None:
    """Remember a conversation of eight weeks, then answer questions in new processes."""
    raise typer.Exit(play(os.environ.get("HOLDFAST_MODEL")))
