"""Where a user's memories are when nobody says, and the folder that a file needs."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import InputError


def default_store() -> str:
    """Return the file of the user's memories, in the user's data folder."""
    from platformdirs import user_data_path

    return str(user_data_path("holdfast", appauthor=False) / "memory.db")


def make_folder(folder: Path, whose: str = "") -> None:
    """Make a folder where there is none; raise InputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {str(folder)!r}{whose} cannot be made: {error.strerror or error}"
        ) from None
