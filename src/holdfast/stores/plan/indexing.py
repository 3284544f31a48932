"""What of a value is indexed, and with which embedder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langgraph.store.base.embed import get_text_at_path

from holdfast.analysis import value_text
from holdfast.errors import ConfigurationError, shown
from holdfast.stores.settings import check_keys

if TYPE_CHECKING:
    from holdfast.embed import Embedder

Fields = Literal[False] | Sequence[str] | None
WHOLE = "$"
_KEYS = frozenset({"embed", "dims", "fields", "timeout", "fingerprint"})


class Vector(tuple[float, ...]):
    """A vector of length 1, on its way into a database."""

    __slots__ = ()

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Vector:
        """Return a vector scaled to length 1; one without length stays as it is."""
        length = math.hypot(*numbers)
        return cls([number / length for number in numbers]) if length else cls(numbers)


def is_paths(given: Any) -> bool:
    """Tell whether something is a list of paths into a value."""
    return isinstance(given, list | tuple) and all(isinstance(path, str) for path in given)


class Indexing:
    """How a store indexes what is put: by words always, by vectors where there is an embedder.

    Args:
        index: LangGraph's `{"embed", "dims", "fields"}`, or None for words alone.

    Raises:
        ConfigurationError: It is no such mapping, or the embedder cannot be had.
    """

    def __init__(self, index: Mapping[str, Any] | None) -> None:
        if index is not None and not isinstance(index, Mapping):
            raise ConfigurationError(
                f"index must be a dict with 'embed' and 'dims', got {shown(index)}."
            )
        check_keys(index or {}, _KEYS, "index")
        self.embedder: Embedder | None = None
        if index is not None:
            from holdfast.embed import as_embedder

            self.embedder = as_embedder(index)
        fields = (index or {}).get("fields")
        if fields is not None and not is_paths(fields):
            raise ConfigurationError(f"index['fields'] must be a list of paths, got {fields!r}.")
        self.fields: tuple[str, ...] = tuple(fields or (WHOLE,))

    @property
    def fingerprint(self) -> str | None:
        """Whose vectors this store makes; None without an embedder."""
        return self.embedder.fingerprint if self.embedder else None

    def texts(self, value: Mapping[str, Any], fields: Fields) -> list[str]:
        """Return the texts of a value that are indexed, each for itself.

        Args:
            value: The value.
            fields: Paths into it; False for none, None for the store's own.
        """
        if fields is False:
            return []
        found: list[str] = []
        for path in self.fields if fields is None else fields:
            found += [value_text(value)] if path == WHOLE else get_text_at_path(value, path)
        return [text for text in found if text.strip()]


def fields_text(fields: Fields) -> str | None:
    """Return which fields are indexed as it stands in the database."""
    return None if fields is None else json.dumps(fields if fields is False else list(fields))


def read_fields(text: str | None) -> Fields:
    """Return which fields are indexed from how it stands in the database."""
    fields: Fields = None if text is None else json.loads(text)
    return fields
