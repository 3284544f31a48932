"""What the readers of foreign files share: JSON checked against a model, errors with a place."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from holdfast.errors import InputError, shown
from holdfast.memory import clean

M = TypeVar("M", bound=BaseModel)

Text = Annotated[
    str, BeforeValidator(lambda given: clean(given) if isinstance(given, str) else given)
]
"""A text of a file, in which a cut emoji is mended: pydantic refuses one."""


def checked(model: type[M], given: Any, place: str, at: str = "") -> M:
    """Return what was given as a model of it.

    Args:
        model: What it has to be.
        given: JSON data.
        place: Where it stands, for the error: file and item.
        at: The path from that item to what was given.

    Raises:
        InputError: It has another form; the error names the first place and the value there.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = "/".join(filter(None, [at, *map(str, first["loc"])]))
        raise InputError(
            f"{place} cannot be read: {first['msg']} @ {path}, got {shown(first['input'])}. "
            "Repair it or take it out of the file."
        ) from None


@contextmanager
def reading(place: str, give: str) -> Iterator[None]:
    """Turn what fails while a file is read as JSON into an `InputError`.

    Args:
        place: The file, for the error.
        give: What to give instead, for the error.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}. {give}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{place}: the archive is damaged: {error}. Download it again.") from None
    except RecursionError:
        raise InputError(f"{place}: JSON nested too deeply to be an export. {give}") from None
    except ValueError as error:
        raise InputError(f"{place}: not JSON: {error}. {give}") from None
    except RuntimeError as error:  # zipfile's word for an archive with a password
        raise InputError(f"{place}: {error}. Unpack it, and give the folder.") from None
