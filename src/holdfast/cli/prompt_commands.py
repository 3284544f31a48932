"""The commands about prompts: their versions, and what they learn from trajectories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.shared import Json, ModelFailed, Store, app, opened, told
from holdfast.errors import HoldfastError, InputError, cut

prompts = typer.Typer(help="Show, change and improve the prompts of agents.", no_args_is_help=True)
app.add_typer(prompts, name="prompts")


class Sort(StrEnum):
    """How a prompt may be improved."""

    gradient = "gradient"
    metaprompt = "metaprompt"
    prompt_memory = "prompt_memory"


Name = Annotated[str, typer.Argument(help="The prompt's name.")]
Place = Annotated[
    str, typer.Option("--namespace", help="Where prompts are, labels apart by slashes.")
]
Revision = Annotated[int | None, typer.Option(help="As `show` tells it.", min=0)]


@contextmanager
def _prompts(address: str | None, place: str, *, make: bool = False) -> Iterator[Any]:
    from holdfast.optimize.prompt_store import PromptStore

    labels = tuple(place.split("/"))
    with opened(address, None, everyone=True, make=make) as kept:
        yield PromptStore(kept, labels)


@prompts.command("list")
@told
def list_(place: Place = "prompts", store: Store = None, as_json: Json = False) -> None:
    """List the prompts in use."""
    with _prompts(store, place) as kept:
        found = [kept.get(name) for name in kept.names()]
    if as_json:
        output.show_json([one.to_dict() for one in found])
        return
    output.show_table(("name", "revision", "", "by", "prompt"), map(_row, found))


def _row(one: Any) -> tuple[str, ...]:
    pinned = "pinned" if one.pinned else ""
    return one.name, str(one.revision), pinned, one.learned.optimizer, _first(one)


def _first(version: Any) -> str:
    return cut(" ".join(version.prompt.split()), 200)


@prompts.command()
@told
def show(
    name: Name,
    history: Annotated[
        bool, typer.Option("--history", help="Every version, oldest first.")
    ] = False,
    place: Place = "prompts",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Print the prompt in use, or list its versions."""
    with _prompts(store, place) as kept:
        found = kept.history(name) if history else [_known(kept, name)]
    if as_json:
        output.show_json([one.to_dict() for one in found])
    elif history:
        rows = [
            (str(one.revision), str(one.recorded_at)[:19], one.learned.optimizer, _first(one))
            for one in found
        ]
        output.show_table(("revision", "recorded", "by", "prompt"), rows)
    else:
        output.show_text(found[0].prompt)


def _known(kept: Any, name: str) -> Any:
    found = kept.get(name)
    if found is None:
        known = ", ".join(kept.names()) or "none"
        raise InputError(f"there is no prompt {name!r}; there are: {known}")
    return found


@prompts.command()
@told
def save(
    name: Name,
    file: Annotated[str, typer.Argument(help="A file with the prompt's text.")],
    place: Place = "prompts",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Keep a new version of a prompt from a file."""
    text = _text_of(file)
    with _prompts(store, place, make=True) as kept:
        version = kept.save(name, text)
        _tell_pinned(kept, name)
    _told_of(version, as_json)


@prompts.command()
@told
def diff(
    name: Name,
    a: Revision = None,
    b: Revision = None,
    place: Place = "prompts",
    store: Store = None,
) -> None:
    """Show what changed between two revisions; by default with the newest."""
    with _prompts(store, place) as kept:
        _known(kept, name)
        text = kept.diff(name, a, b)
    output.show_text(text or "Both are the same.")


@prompts.command()
@told
def rollback(
    name: Name,
    revision: Revision = None,
    place: Place = "prompts",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Let an older version be the newest again; by default the one before."""
    with _prompts(store, place) as kept:
        version = kept.rollback(name, revision)
        _tell_pinned(kept, name)
    _told_of(version, as_json)


@prompts.command()
@told
def pin(
    name: Name,
    revision: Revision = None,
    place: Place = "prompts",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Let one version be in use, whatever is saved later; by default the newest."""
    with _prompts(store, place) as kept:
        version = kept.pin(name, revision)
    _told_of(version, as_json)


@prompts.command()
@told
def unpin(name: Name, place: Place = "prompts", store: Store = None) -> None:
    """Let the newest version be in use again."""
    with _prompts(store, place) as kept:
        was = kept.unpin(name)
    output.show_text(f"{name}: the newest is in use" + ("" if was else "; nothing was pinned"))


@prompts.command()
@told
def optimize(
    name: Name,
    file: Annotated[str, typer.Argument(help="JSON Lines of trajectories: messages, feedback.")],
    model: Annotated[str, typer.Option(envvar="HOLDFAST_MODEL", help="Such as openai:gpt-5-mini.")],
    kind: Annotated[Sort, typer.Option(help="How it is improved.")] = Sort.gradient,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept without asking.")] = False,
    place: Place = "prompts",
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Improve a prompt by trajectories and their feedback; show the change, and ask."""
    trajectories = _trajectories(file)
    with _prompts(store, place) as kept:
        before = _known(kept, name)
        if before.pinned:
            raise InputError(
                f"{name} is pinned at revision {before.revision}, so that no other version would "
                f"be in use; `holdfast prompts unpin {name}` first"
            )
        given = {"trajectories": trajectories, "prompt": before.as_prompt()}
        better = _asked(kind.value, given, model, len(trajectories))
        if not better.changed:
            reason = f": {better.reason}" if better.reason else ""
            output.console().print(output.plain(f"{name} stays as it is{reason}"), soft_wrap=True)
            raise typer.Exit(1 if better.refused else 0)
        if not as_json:
            output.show_text(better.diff)
        if not yes and not typer.confirm(f"Accept this version of {name}?", err=True):
            output.console().print("Left as it was.")
            return
        learned = replace(better.learned, trajectories=(Path(file).name,))
        version = kept.save(name, str(better), learned=learned, expect=before.revision)
    _told_of(version, as_json)


def _asked(kind: Any, given: Any, model: str, number: int) -> Any:
    from holdfast.optimize import create_prompt_optimizer

    told = f"{model} looks at {output.amount(number, 'trajectory', 'trajectories')}"
    with output.console(to_errors=True).status(told):
        try:
            return create_prompt_optimizer(model, kind).invoke(given)
        except HoldfastError:
            raise
        except Exception as error:
            said = cut(f"{type(error).__name__}: {error}", 300)
            raise ModelFailed(f"nothing was changed: {model} failed: {said}") from error


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text in UTF-8: {error}") from error


def _tell_pinned(kept: Any, name: str) -> None:
    """Tell where the version in use is another one than the newest."""
    found = kept.get(name)
    if found is not None and found.pinned:
        told = f"{name} is pinned at revision {found.revision}, which stays in use"
        output.console(to_errors=True).print(output.plain(told), soft_wrap=True)


def _trajectories(file: str) -> list[dict[str, Any]]:
    """Read trajectories, one on each line: `{"messages": [...], "feedback": ...}`."""
    from holdfast.trajectories import read_trajectories

    found: list[dict[str, Any]] = []
    for number, line in enumerate(_text_of(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as error:
            raise InputError(f"{file}, line {number} is no JSON: {error}") from error
        if not isinstance(one, dict) or not isinstance(one.get("messages"), list):
            raise InputError(
                f'{file}, line {number}: give {{"messages": [...], "feedback": ...}}, got '
                f"{cut(line, 80)}"
            )
        try:
            read_trajectories(one)
        except InputError as error:
            raise InputError(f"{file}, line {number}: {error}") from error
        found.append(one)
    if not found:
        raise InputError(f"there are no trajectories in {file}")
    return found


def _told_of(version: Any, as_json: bool) -> None:
    if as_json:
        output.show_json(version.to_dict())
    else:
        text = f"{version.name} -> revision {version.revision}"
        output.console().print(output.plain(text), soft_wrap=True)
