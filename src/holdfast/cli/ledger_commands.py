"""The commands that look back, undo and erase."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.shared import Json, Store, User, app, opened, told
from holdfast.errors import InputError, shown

Key = Annotated[str, typer.Argument(help="A key as `list` shows it, or how it begins.")]
Revision = Annotated[int, typer.Argument(help="As `history` shows it; 0 for nothing.", min=0)]

FEW = 5
"""How many keys are told where a beginning is that of several."""


@app.command()
@told
def history(key: Key, user: User, store: Store = None, as_json: Json = False) -> None:
    """Show every version of a memory, oldest first."""
    from holdfast.analysis import value_text

    with opened(store, user) as kept:
        versions = kept.history(*_memory(kept, key))
    if as_json:
        output.show_json([version.to_dict() for version in versions])
        return
    rows = [
        (
            str(version.revision),
            version.recorded_at.isoformat(" ", "seconds")[:19],
            version.provenance.who or "",
            "(deleted)" if version.value is None else value_text(version.value),
        )
        for version in versions
    ]
    output.show_table(("revision", "recorded", "who", "what"), rows)


@app.command()
@told
def diff(
    key: Key, a: Revision, b: Revision, user: User, store: Store = None, as_json: Json = False
) -> None:
    """Show what changed in a memory between two of its revisions."""
    with opened(store, user) as kept:
        patch = kept.diff(*_memory(kept, key), a, b)
    if as_json:
        output.show_json(patch)
    elif not patch:
        output.console().print("Both are the same.")
    else:
        rows = [(one["op"], one["path"], _value(one)) for one in patch]
        output.show_table(("change", "where", "value"), rows)


def _value(change: dict[str, Any]) -> str:
    if "from" in change:
        return f"from {change['from']}"
    return json.dumps(change["value"], ensure_ascii=False) if "value" in change else ""


@app.command()
@told
def revert(
    user: User,
    key: Annotated[str | None, typer.Argument(help="Only this memory, by key.")] = None,
    revision: Annotated[
        int | None, typer.Option(help="The change set to undo, as `history` shows it.", min=0)
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Undo what comes from it, such as run:... or thread:...")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Undo changes by new versions: a memory's last one, a change set, or all from a source."""
    from holdfast.history import Source

    named = None if source is None else Source.read(source)
    with opened(store, user) as kept:
        where, whole = (kept.scope, None) if key is None else _memory(kept, key)
        receipt = kept.revert(where, key=whole, revision=revision, source=named)
    if as_json:
        output.show_json(receipt.to_dict())
    elif not receipt.changes:
        output.console().print("There is nothing to undo.")
    else:
        rows = [(one.action, one.key or "", _now(one)) for one in receipt.changes]
        output.show_table(("change", "key", "what it is now"), rows)


def _now(change: Any) -> str:
    from holdfast.analysis import value_text

    if change.reason:
        return str(change.reason)
    return "(deleted)" if change.after is None else value_text(change.after)


@app.command()
@told
def forget(
    user: User,
    keys: Annotated[
        list[str] | None, typer.Argument(help="Keys of memories or messages, as `list` shows them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of this user.")] = False,
    source: Annotated[
        str | None, typer.Option(help="All that comes from it, such as thread:monday.")
    ] = None,
    store: Store = None,
    as_json: Json = False,
) -> None:
    """Erase for good: memories with their history, and messages; nothing brings them back."""
    from holdfast.history import Source

    if sum((bool(keys), everything, source is not None)) != 1:
        raise InputError("name the keys to forget, or --all, or a --source, and only one of them")
    named = {} if source is None else {"source": Source.read(source)}
    with opened(store, user) as kept:
        if keys:
            places = [_exactly(kept, key) for key in dict.fromkeys(keys)]
            erased = [kept.forget(where, key=key) for where, key in places]
        else:
            erased = [kept.forget(kept.scope, **named)]
    told_of = _summed(erased)
    if as_json:
        output.show_json(told_of.to_dict())
    else:
        output.console().print(output.plain(_erased(told_of)), soft_wrap=True)


def _summed(erased: Sequence[Any]) -> Any:
    from holdfast.history import Erasure

    return Erasure(
        sum(one.memories for one in erased),
        sum(one.restored for one in erased),
        sum(one.versions for one in erased),
        sum(one.messages for one in erased),
        all(one.complete for one in erased),
        next((one.reason for one in erased if one.reason), None),
    )


def _erased(erasure: Any) -> str:
    counts = (
        output.amount(erasure.memories, "memory", "memories"),
        output.amount(erasure.versions, "version", "versions"),
        output.amount(erasure.messages, "message", "messages"),
    )
    back = f" ({erasure.restored} fell back to an earlier version)" if erasure.restored else ""
    left = "nothing of it is left in the store" if erasure.complete else str(erasure.reason)
    return f"erased {', '.join(counts)}{back}; {left}"


# From a key, or the beginning of one, to where it is


def _memory(kept: Any, text: str) -> tuple[tuple[str, ...], str]:
    """Return the memory whose key a text is, or begins."""
    found = kept.keys(kept.scope, text, limit=FEW)
    chosen = [place for place in found if place[1] == text] or found
    if not chosen:
        raise InputError(f"no memory has a key that begins with {text!r}; see `holdfast list`")
    return _only(chosen, text)


def _exactly(kept: Any, key: str) -> tuple[tuple[str, ...], str]:
    """Return the memory or message with just this key; what is erased must be named in full."""
    found = [
        place
        for messages in (False, True)
        for place in kept.keys(kept.scope, key, messages=messages, limit=FEW)
        if place[1] == key
    ]
    if not found:
        raise InputError(f"nothing has the key {key!r}; nothing was forgotten")
    return _only(found, key)


def _only(places: Sequence[tuple[tuple[str, ...], str]], text: str) -> tuple[tuple[str, ...], str]:
    if len(places) == 1:
        return places[0]
    told_of = [key if key != text else f"{key} in {'/'.join(where)}" for where, key in places]
    raise InputError(f"{text!r} may be any of several: {shown(told_of, 300)}; say which")
