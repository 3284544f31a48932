"""What all commands share: the app, its options, how a store is opened, how errors are told."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from holdfast.cli import output
from holdfast.errors import HoldfastError, InputError
from holdfast.home import default_store, make_folder

P = ParamSpec("P")
T = TypeVar("T")

NAMESPACE = ("memories", "{user_id}")

app = typer.Typer(
    help="Long-term memory for LLM agents, from the command line.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

User = Annotated[str, typer.Option("--user", "-u", help="Whose memories.")]
AnyUser = Annotated[str | None, typer.Option("--user", "-u", help="Whose memories.")]
AllUsers = Annotated[bool, typer.Option("--all-users", help="Of the whole store, not one user.")]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="HOLDFAST_STORE",
        help="A file, or postgresql://...; default: memory.db in your data folder.",
    ),
]
Embed = Annotated[
    str | None, typer.Option(help="provider:model of the store's embedder, or local:...")
]
Dims = Annotated[int | None, typer.Option(help="How many numbers its vectors have.", min=1)]
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
            code = 1 if isinstance(error, ModelFailed) else 2
            line = " ".join(_line(error).split())
            output.console(to_errors=True).print(output.plain(f"holdfast: {line}"), soft_wrap=True)
            raise typer.Exit(code) from None

    return run


def _line(error: Exception) -> str:
    """Return what an error says; those of the system without their number, the file in front."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def config_of(user: str, **more: Any) -> Any:
    """Return the config that says whose memories are meant."""
    return {"configurable": {"user_id": user, **more}}


def index_of(embed: str | None, dims: int | None) -> dict[str, Any] | None:
    """Return how a store embeds, by what `--embed` and `--dims` say.

    Raises:
        InputError: Only one of them is given.
    """
    if (embed is None) != (dims is None):
        raise InputError("give both --embed and --dims, or neither")
    return {"embed": embed, "dims": dims} if embed else None


@contextmanager
def opened(
    address: str | None,
    user: str | None,
    *,
    everyone: bool = False,
    make: bool = False,
    index: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """Open a store, fenced to a user.

    Args:
        address: What `--store` says.
        user: Whose memories.
        everyone: The whole store instead.
        make: Whether a file that is not there is made.
        index: How to embed.

    Raises:
        InputError: There is no such store, or neither or both of user and everyone are given.
    """
    from holdfast.namespace import NamespaceTemplate
    from holdfast.stores.opening import open_store

    if user == "":
        raise InputError("--user is empty; name whose memories are meant, such as --user nora")
    if (user is None) != everyone:
        raise InputError("name one --user, or --all-users for the whole store")
    scope = () if user is None else NamespaceTemplate(NAMESPACE)(config_of(user))
    with open_store(_place(address, make=make), index=index) as store:
        yield store.scoped(scope) if scope else store


def _place(address: str | None, *, make: bool) -> str:
    from holdfast.stores.opening import file_of, is_postgres

    place = address or default_store()
    if is_postgres(place):
        return place
    file = file_of(place)
    if file == ":memory:":
        raise InputError("':memory:' ends with the command; name a file")
    if make:
        make_folder(Path(file).parent, " of the store")
    elif not Path(file).exists():
        raise InputError(f"there is no store at {file!r} yet; `holdfast remember` makes one")
    if Path(file).is_dir():
        raise InputError(f"{file!r} is a folder; name a file, such as {file}/memory.db")
    return file
