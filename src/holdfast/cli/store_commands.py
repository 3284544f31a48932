"""The commands that are about a store as a whole: moved, made anew, examined."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from holdfast.cli import output
from holdfast.cli.shared import AllUsers, AnyUser, Json, Store, app, opened, told
from holdfast.errors import InputError


class Form(StrEnum):
    """What a file to import may be."""

    jsonl = "jsonl"
    mem0 = "mem0"
    chatgpt = "chatgpt"


_COUNTED = {
    Form.jsonl: ("record", "records"),
    Form.mem0: ("memory", "memories"),
    Form.chatgpt: ("message", "messages"),
}


@app.command()
@told
def export(
    file: Annotated[str, typer.Argument(help="Where to write, or - for stdout.")],
    user: AnyUser = None,
    everyone: AllUsers = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Write all that is remembered to a file of JSON Lines, without loss."""
    from holdfast.transfer import export_store

    to_stdout = file == "-"
    if not to_stdout and Path(file).expanduser().is_dir():
        raise InputError(f"{file!r} is a folder; name a file to write")
    if not to_stdout and not Path(file).expanduser().parent.is_dir():
        raise InputError(f"there is no folder for {file!r}; make it, or name another file")
    with opened(store, user, everyone=everyone) as kept, output.counted("exporting") as progress:
        if to_stdout:
            with _stdout() as target:
                number = export_store(kept, target, progress=progress)
        else:
            number = export_store(kept, file, progress=progress)
    if to_stdout:
        return
    if as_json:
        output.show_json({"records": number, "file": file})
    else:
        told_of = f"{output.amount(number, 'record', 'records')} -> {file}"
        output.console().print(output.plain(told_of), soft_wrap=True)


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """Lend standard output as UTF-8, whatever the terminal takes."""
    lent = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    try:
        yield lent
    finally:
        lent.detach()


@app.command("import")
@told
def import_(
    file: Annotated[str, typer.Argument(help="What to read; - for JSON Lines from stdin.")],
    user: AnyUser = None,
    everyone: AllUsers = False,
    form: Annotated[Form, typer.Option("--from", help="What it is.")] = Form.jsonl,
    mem0_user: Annotated[
        str | None, typer.Option(help="Only memories of this user_id of mem0.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Read what `export` wrote, mem0's memories, or ChatGPT's conversations."""
    if form is not Form.jsonl and everyone:
        raise InputError(f"name the --user whose memories those of {form.value} become")
    if file == "-" and form is not Form.jsonl:
        raise InputError(f"give the file of {form.value} by its name")
    if file != "-" and not Path(file).expanduser().exists():
        raise InputError(f"{file}: No such file or directory")
    with (
        opened(store, user, everyone=everyone, make=True) as kept,
        output.counted("importing") as progress,
    ):
        number = _imported(kept, file, form, mem0_user, progress)
    words = _COUNTED[form]
    if as_json:
        output.show_json({"imported": number, "of": words[1]})
    else:
        output.console().print(f"{output.amount(number, *words)} imported")


def _imported(kept: Any, file: str, form: Form, mem0_user: str | None, progress: Any) -> int:
    from holdfast.transfer import import_chatgpt, import_mem0, import_store

    if form is Form.mem0:
        return import_mem0(kept, file, kept.scope, user_id=mem0_user, progress=progress)
    if form is Form.chatgpt:
        return import_chatgpt(kept, file, kept.scope, progress=progress)
    if file != "-":
        return import_store(kept, file, progress=progress)
    with io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read()), "utf-8-sig") as lines:
        return import_store(kept, lines, progress=progress)


@app.command()
@told
def reindex(
    embed: Annotated[str, typer.Option(help="provider:model, or local:<model or folder>.")],
    dims: Annotated[int, typer.Option(help="How many numbers its vectors have.", min=1)],
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="Index this field only; may be repeated.")
    ] = None,
    user: AnyUser = None,
    everyone: AllUsers = False,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Embed what has no vector of this embedder yet; it may be stopped and started again."""
    index = {"embed": embed, "dims": dims, **({"fields": fields} if fields else {})}
    with (
        opened(store, user, everyone=everyone, index=index) as kept,
        output.counted("embedding") as progress,
    ):
        number = kept.reindex(kept.scope, progress=progress)
    if as_json:
        output.show_json({"embedded": number, "embedder": embed})
    else:
        output.console().print(f"{number} embedded")


@app.command()
@told
def doctor(
    user: AnyUser = None, everyone: AllUsers = False, store: Store = None, as_json: Json = False
) -> None:
    """Examine what is stored; exit with 1 if something is not as it should be."""
    with opened(store, user, everyone=everyone) as kept, output.counted("examining") as progress:
        found = kept.doctor(kept.scope, progress=progress)
    if as_json:
        output.show_json([finding.to_dict() for finding in found])
    elif not found:
        output.console().print("All is well.")
    else:
        rows = [(f.what, "/".join(f.namespace), f.key or "", f.detail) for f in found]
        output.show_table(("what", "where", "key", "detail"), rows)
    if found:
        raise typer.Exit(1)
