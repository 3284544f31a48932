"""The commands that measure how well messages are found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.evaluation_tables import show
from holdfast.cli.shared import Json, app, told
from holdfast.errors import ConfigurationError, InputError
from holdfast.home import make_folder

evaluation = typer.Typer(
    help="Measure how well messages are found again, beside other ways of finding them.",
    no_args_is_help=True,
)
app.add_typer(evaluation, name="eval")

Data = Annotated[str, typer.Option("--data", help="The file of conversations with questions.")]
Only = Annotated[str | None, typer.Option(help="Ids of conversations to take, by commas.")]
Without = Annotated[str | None, typer.Option(help="Ids of conversations to leave out, by commas.")]
Rows = Annotated[str | None, typer.Option(help="Rows to compare, by commas; default: all.")]
Embed = Annotated[
    str | None, typer.Option("--embedder", help="provider:model, or local:<model or folder>.")
]
Dims = Annotated[
    int | None, typer.Option("--dims", help="How many numbers its vectors have.", min=1)
]
Cache = Annotated[str | None, typer.Option(help="A file that keeps vectors for the next run.")]
Out = Annotated[str | None, typer.Option(help="A folder for what came of each question.")]
Seed = Annotated[int, typer.Option(help="Of the intervals' random numbers.", min=0)]


@evaluation.command()
@told
def locomo(
    data: Data,
    only: Only = None,
    without: Without = None,
    rows: Rows = None,
    embedder: Embed = None,
    dims: Dims = None,
    cache: Cache = None,
    out: Out = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure on LoCoMo's own JSON (github.com/snap-research/locomo)."""
    from holdfast.evaluate import read_locomo

    _measure(read_locomo, data, only, without, rows, embedder, dims, cache, out, seed, as_json)


@evaluation.command()
@told
def jsonl(
    data: Data,
    only: Only = None,
    without: Without = None,
    rows: Rows = None,
    embedder: Embed = None,
    dims: Dims = None,
    cache: Cache = None,
    out: Out = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure on your own conversations, one with its questions a line."""
    from holdfast.evaluate import read_jsonl

    _measure(read_jsonl, data, only, without, rows, embedder, dims, cache, out, seed, as_json)


def _measure(
    read: Callable[[str], list[Any]],
    data: str,
    only: str | None,
    without: str | None,
    rows: str | None,
    embedder: str | None,
    dims: int | None,
    cache: str | None,
    out: str | None,
    seed: int,
    as_json: bool,
) -> None:
    from holdfast.evaluate import chosen, evaluate, report, rows_of
    from holdfast.evaluate.reporting import write_outcomes

    conversations = chosen(read(data), _listed(only), _listed(without))
    vectors = _vectors(embedder, dims, cache)
    compared, left_out = rows_of(_listed(rows), vectors)
    if out is not None:
        make_folder(Path(out).expanduser())  # told before the long work, not after it
    with output.counted("asking") as progress:
        runs = evaluate(conversations, compared, vectors=vectors, progress=progress)
    made = report(runs, conversations, vectors=vectors, rows_left_out=left_out, seed=seed)
    if out is not None:
        write_outcomes(runs, made, out)
    if as_json:
        output.show_json(made)
    else:
        show(made)


def _listed(given: str | None) -> list[str]:
    return [one.strip() for one in (given or "").split(",") if one.strip()]


def _vectors(embedder: str | None, dims: int | None, cache: str | None) -> Any:
    from holdfast.evaluate import Vectors

    if embedder is None:
        if dims is not None or cache is not None:
            raise InputError("--dims and --cache are of an embedder; name one by --embedder")
        return None
    if dims is None:
        raise ConfigurationError(
            f"say by --dims how many numbers a vector of {embedder} has, such as 384"
        )
    return Vectors({"embed": embedder, "dims": dims}, cache)
