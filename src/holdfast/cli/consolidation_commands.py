"""The command that looks over what is known."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.cli import output
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


@app.command()
@told
def consolidate(
    user: User,
    store: Store = None,
    model: Annotated[
        str | None,
        typer.Option(
            envvar="HOLDFAST_MODEL",
            help="Such as openai:gpt-5-mini; default: none, which joins repetitions only.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Join repetitions and resolve contradictions; nothing is deleted, and all can be undone."""
    from holdfast.managers.consolidating import consolidate as look_over

    model = None if model in (None, "", "none") else model
    manager = _manager(model)
    with opened(store, user) as kept:
        try:
            done = look_over(
                manager, NAMESPACE, store=kept, config=config_of(user), dry_run=dry_run
            )
        except HoldfastError:
            raise
        except Exception as error:
            said = cut(f"{type(error).__name__}: {error}", 300)
            notes = " ".join(getattr(error, "__notes__", ()))
            raise ModelFailed(f"{model} failed: {said} {notes}".strip()) from error
    if as_json:
        output.show_json(done.to_dict())
        return
    if not done.receipt.changes:
        output.console().print("There is nothing to consolidate.")
        return
    output.show_table(("change", "key", "what it says"), map(_row, done.receipt.changes))
    if done.writes and not dry_run:
        undo = f"undo it all with: holdfast revert --user {user} --source run:{done.run}"
        output.console().print(output.plain(undo), soft_wrap=True)


def _manager(model: str | None) -> Any:
    from holdfast.managers import create_memory_store_manager

    try:
        return create_memory_store_manager(model, namespace=NAMESPACE)
    except (HoldfastError, ImportError):
        raise
    except Exception as error:
        # Providers say by errors of their own that there is no key.
        raise ConfigurationError(f"{model} cannot be used: {error}") from error


def _row(change: Any) -> tuple[str, str, str]:
    from holdfast.analysis import value_text

    content = change.after if change.after is not None else change.before
    said = value_text(content) if content is not None else ""
    return change.action, change.key or "", "; ".join(filter(None, (said, change.reason)))
