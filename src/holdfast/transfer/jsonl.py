"""A store as one file of JSON Lines, and back: lossless, and the same from every backend.

The first line says which format it is, the last that nothing is missing; each line between them is
a record in the form of `holdfast.dump`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from langgraph.store.base import BaseStore
from pydantic import BaseModel

from holdfast.dump import KINDS, Dumped
from holdfast.errors import ConfigurationError, InputError, shown
from holdfast.ledger import Ledger
from holdfast.operations import Export, Import, Namespace
from holdfast.stores.plan.values import dumped
from holdfast.transfer.reading import checked, reading

FORMAT = 1
"""The number of the format that is written."""

Progress = Callable[[int, int], None]

_GIVE = "Give a file that export_store wrote."


class _Header(BaseModel):
    format: int
    holdfast: str
    namespace: list[str]


class _End(BaseModel):
    records: int


def export_store(
    store: BaseStore,
    target: str | Path | TextIO,
    *,
    namespace: Namespace = (),
    progress: Progress | None = None,
) -> int:
    """Write everything in a store to a file: as of one moment, and without loss.

    Memories with all their versions, sources and states, the journal with its threads and cursors,
    jobs, vectors, and what is left of erased versions. The same content gives the same file.

    Args:
        store: A store of `open_store`; of a fenced one what is inside its fence.
        target: A path, which is replaced when all is written, or an open text file.
        namespace: Stored labels: only what stands there and below. What is left of erased versions
            belongs to no namespace, and is in the export of a whole store alone.
        progress: Called with how many memories and messages are done and how many there are.

    Returns:
        The number of records.

    Raises:
        OutOfScope: The namespace is outside of the store's fence.
        ConfigurationError: The store keeps no history.

    Example:
        >>> import io
        >>> from holdfast import open_store
        >>> file = io.StringIO()
        >>> with open_store(":memory:") as store:
        ...     store.put(("memories", "nora"), "tea", {"content": "likes tea"})
        ...     export_store(store, file)
        1
        >>> with open_store(":memory:") as other:
        ...     _ = import_store(other, io.StringIO(file.getvalue()))
        ...     other.get(("memories", "nora"), "tea").value
        {'content': 'likes tea'}

    Example:
        >>> import io
        >>> from holdfast import export_store, open_store
        >>> with open_store(":memory:") as store:
        ...     store.put(("m",), "tea", {"content": "likes tea"})
        ...     export_store(store, io.StringIO())
        1
    """
    ledger = ledger_of(store)
    where = tuple(namespace) or ledger.scope
    header = {"format": FORMAT, "holdfast": version("holdfast"), "namespace": list(where)}
    with _written(target) as file:

        def write(record: dict[str, Any]) -> None:
            try:
                file.write(f"{dumped(record)}\n")
            except (ValueError, TypeError) as error:  # TypeError: it takes bytes
                raise InputError(
                    f"The export cannot be written: {error}. Give a path, or a text file that is "
                    "open for writing with encoding='utf-8'."
                ) from error

        write(header)
        number = ledger.perform(Export(where, write, progress))
        write({"record": "end", "records": number})
    return number


def import_store(
    store: BaseStore,
    source: str | Path | TextIO,
    *,
    namespace: Namespace | None = None,
    progress: Progress | None = None,
) -> int:
    """Read an export into a store, in one transaction: all of it, or nothing.

    Revisions, times and digests stay what they were. Words are made anew from the values; vectors
    are those of the export, so `reindex` is needed only for another embedder. Where the store holds
    a memory, thread, message or job of the same name already, all is refused.

    Args:
        store: A store of `open_store`; a fenced one takes what goes inside its fence.
        source: A path, or an open text file.
        namespace: Stored labels that take the place of those that were exported; by default
            everything goes where it was.
        progress: Called with how many records are written and how many there are.

    Returns:
        The number of records.

    Raises:
        InputError: A line cannot be read, or cannot be written; nothing was written. The error
            names the line.
        OutOfScope: It would go outside of the store's fence.
        ConfigurationError: The store keeps no history.

    Example:
        >>> import io
        >>> from holdfast import export_store, import_store, open_store
        >>> file = io.StringIO()
        >>> with open_store(":memory:") as old, open_store(":memory:") as new:
        ...     old.put(("m",), "tea", {"content": "likes tea"})
        ...     done = export_store(old, file)
        ...     done = import_store(new, io.StringIO(file.getvalue()))
        ...     new.get(("m",), "tea").value
        {'content': 'likes tea'}
    """
    ledger = ledger_of(store)
    lines = _Lines(source)
    header = _header(lines)
    total = sum(1 for _ in _Records(lines))  # all of it is read before anything is written
    where = tuple(header.namespace) if namespace is None else tuple(namespace)
    return ledger.perform(Import(where, Told(_Records(lines), total, progress)))


def ledger_of(store: BaseStore) -> Ledger:
    """Return a store as the ledger that it is.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(store, Ledger):
        raise ConfigurationError(
            f"{type(store).__name__} keeps no history; this needs a store of open_store(). "
            "import_items() moves the items of any BaseStore into one."
        )
    return store


@contextmanager
def _written(target: str | Path | TextIO) -> Iterator[TextIO]:
    """Open a file to be written; a path is there only when all is written."""
    if not isinstance(target, str | Path):
        if not callable(getattr(target, "write", None)):
            raise InputError(
                f"An export is written to a path or an open text file, got {shown(target)}."
            )
        yield target
        return
    whole = Path(target).expanduser()
    part = whole.with_name(f"{whole.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(part, whole)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class _Lines:
    """The lines of an export with their places; they can be gone through again and again."""

    def __init__(self, source: str | Path | TextIO) -> None:
        self._path: Path | None = None
        self._kept: list[str] = []
        if isinstance(source, str | Path):
            self._path = Path(source).expanduser()
            self.name = str(self._path)
            return
        if not isinstance(source, Iterable):
            raise InputError(
                f"An export is read from a path or an open text file, got {shown(source)}."
            )
        self.name = str(getattr(source, "name", "the file"))
        with reading(self.name, _GIVE):
            self._kept = list(source)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        if self._path is None:
            yield from self._placed(self._kept)
            return
        with reading(self.name, _GIVE):
            file = self._path.open("rb")
        with file:
            yield from self._placed(file)

    def _placed(self, lines: Iterable[str | bytes]) -> Iterator[tuple[str, str]]:
        for number, line in enumerate(lines, start=1):
            place = f"{self.name}: line {number}"
            with reading(place, _GIVE):
                text = line if isinstance(line, str) else line.decode("utf-8-sig")
            if text.strip():
                yield place, text


class _Records:
    """The records of an export with their places; they can be gone through again and again."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[tuple[str, Dumped]]:
        return _records(self._lines)


class Told:
    """Records that tell, as they are gone through, how far that is.

    Args:
        records: What can be gone through more than once.
        total: How many there are.
        progress: Called with how many are done and how many there are.
    """

    def __init__(
        self, records: Iterable[tuple[str, Dumped]], total: int, progress: Progress | None
    ) -> None:
        self._records = records
        self._total = total
        self._progress = progress

    def __iter__(self) -> Iterator[tuple[str, Dumped]]:
        for number, record in enumerate(self._records, start=1):
            yield record
            if self._progress is not None:
                self._progress(number, self._total)


def _header(lines: _Lines) -> _Header:
    place, text = next(iter(lines), (f"{lines.name}: line 1", "null"))
    found = _parsed(place, text)
    if not isinstance(found, dict) or "format" not in found:
        raise InputError(f"{place}: no header of an export, but {shown(found)}. {_GIVE}")
    header = checked(_Header, found, place)
    if header.format != FORMAT:
        raise InputError(
            f"{place}: format {header.format} was written by holdfast {header.holdfast}; this one "
            f"reads format {FORMAT}. Upgrade holdfast to import it."
        )
    return header


def _records(lines: _Lines) -> Iterator[tuple[str, Dumped]]:
    """Yield the records between header and end, each with its place."""
    placed = iter(lines)
    next(placed, None)
    for number, (place, text) in enumerate(placed):
        found = _parsed(place, text)
        kind = found.get("record") if isinstance(found, dict) else None
        if kind == "end":
            _check_end(checked(_End, found, place), number, place)
            if (more := next(placed, None)) is not None:
                raise InputError(f"{more[0]}: nothing may follow the end of an export.")
            return
        if kind not in KINDS:
            raise InputError(
                f"{place}: a record is one of {', '.join(KINDS)}, got {shown(found)}. {_GIVE}"
            )
        yield place, checked(KINDS[kind], found, place)
    raise InputError(f"{lines.name}: it is cut off: its last line is no end of an export. {_GIVE}")


def _check_end(end: _End, number: int, place: str) -> None:
    if end.records != number:
        raise InputError(
            f"{place}: the export had {end.records} records, here are {number}. Set the number "
            "right if you took lines out, or export once more."
        )


def _parsed(place: str, text: str) -> Any:
    with reading(place, _GIVE):
        return json.loads(text)
