"""The commands, each a few lines over the public API."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast

import typer

from holdfast import __version__
from holdfast.cli import output
from holdfast.cli.demo import play
from holdfast.cli.files import load_messages
from holdfast.errors import ConfigurationError, HoldfastError, InputError, cut

P = ParamSpec("P")
T = TypeVar("T")

NAMESPACE = ("memories", "{user_id}")
WINDOW = 20
"""How many messages a model is shown at once."""

app = typer.Typer(
    help="Long-term memory for LLM agents, from the command line.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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


User = Annotated[str, typer.Option("--user", "-u", help="Whose memories.")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="HOLDFAST_STORE",
        help="The store's file; default: memory.db in your data folder.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class ModelFailed(HoldfastError):
    """A model's provider raised an error while a conversation was remembered."""


def told(command: Callable[P, T]) -> Callable[P, T]:
    """Show an error of holdfast as one clear line; exit with 2, or 1 where a model failed."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            # Whoever read the output has seen enough; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (HoldfastError, ImportError, OSError) as error:
            code = 1 if isinstance(error, ModelFailed | OSError) else 2
            line = " ".join(str(error).split())
            output.console(to_errors=True).print(output.plain(f"holdfast: {line}"), soft_wrap=True)
            raise typer.Exit(code) from None

    return run


def default_store() -> str:
    """Return the file of the user's memories, in the user's data folder."""
    from platformdirs import user_data_path

    return str(user_data_path("holdfast", appauthor=False) / "memory.db")


def _open(address: str | None, *, make: bool) -> Any:
    from holdfast.stores.opening import file_of, open_store

    file = file_of(address or default_store())
    if file == ":memory:":
        raise InputError("':memory:' ends with the command; name a file")
    if make:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    elif not Path(file).exists():
        raise InputError(f"there is no store at {file!r} yet; `holdfast remember` makes one")
    return open_store(file)


def _config(user: str, **more: Any) -> Any:
    return {"configurable": {"user_id": user, **more}}


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
    config = _config(user, **({"thread_id": thread} if thread else {}))
    size = WINDOW if model else len(messages)
    windows = [messages[start : start + size] for start in range(0, len(messages), size)]
    changes: list[Any] = []
    usage, namespace = Usage(), None
    # Built before the store is opened: a model that is not there leaves no file behind.
    manager = _manager(model)
    with _open(store, make=True) as kept:
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
            usage, namespace = usage + receipt.usage, receipt.namespace
    whole = Receipt(tuple(changes), namespace, usage)
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
    k: Annotated[int, typer.Option("-k", help="How many to show.", min=1)] = 5,
    as_json: Json = False,
) -> None:
    """Find what is remembered about a question."""
    from holdfast.retrieval import recall as ask

    with _open(store, make=False) as kept:
        found = ask(question, NAMESPACE, store=kept, k=k, config=_config(user))
    if as_json:
        output.show_json([one.to_dict() for one in found])
    elif not found:
        output.console().print("Nothing is remembered about that.")
    else:
        rows = [(f"{f.score:.2f}", f.time[:10], f.speaker or f.kind, f.text) for f in found]
        output.show_table(("score", "date", "who", "what"), rows)


@app.command("list")
@told
def list_(
    user: User,
    store: Store = None,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List what is remembered, newest first."""
    from holdfast.analysis import value_text
    from holdfast.memory import unwrap
    from holdfast.namespace import NamespaceTemplate

    with _open(store, make=False) as kept:
        items = kept.search(NamespaceTemplate(NAMESPACE)(_config(user)), limit=limit)
    if as_json:
        output.show_json([item.dict() for item in items])
        return
    rows = [
        (item.key, item.updated_at.isoformat()[:10], unwrap(item.value)[0], value_text(item.value))
        for item in items
    ]
    output.show_table(("key", "date", "kind", "what"), rows)


@app.command()
@told
def forget(
    user: User,
    keys: Annotated[list[str] | None, typer.Argument(help="Keys, as `list` shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of this user.")] = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Remove memories, by their keys or all of a user."""
    from langgraph.store.base import GetOp, PutOp

    from holdfast.flow import run
    from holdfast.namespace import NamespaceTemplate
    from holdfast.retrieval.finding import everything as all_of

    if bool(keys) == everything:
        raise InputError("name the keys to forget, or --all, but not both")
    with _open(store, make=False) as kept:
        namespace = NamespaceTemplate(NAMESPACE)(_config(user))
        if everything:
            places = [(i.namespace, i.key) for i in run(all_of(kept, namespace, {}))]
        else:
            places = [(namespace, key) for key in keys or ()]
            found = kept.batch([GetOp(*place) for place in places])
            missing = [p[1] for p, item in zip(places, found, strict=True) if item is None]
            if missing:
                raise InputError(f"nothing has the key {missing[0]!r}; nothing was forgotten")
        kept.batch([PutOp(*place, None) for place in places])
    if as_json:
        output.show_json({"forgotten": [key for _, key in places]})
    else:
        output.console().print(f"{len(places)} forgotten")


@app.command()
@told
def demo() -> None:
    """Remember a conversation of eight weeks, then answer questions in new processes."""
    raise typer.Exit(play(os.environ.get("HOLDFAST_MODEL")))
