"""The tables of a store: made, brought up to date, and told from those of others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier

from holdfast.embed import Embedder
from holdfast.errors import ConfigurationError, StoreError, StoreTooNew, StoreUnreadable
from holdfast.stores.postgres.locks import number
from holdfast.stores.postgres.running import Connection
from holdfast.stores.postgres.sql import migrations, statements
from holdfast.stores.postgres.vectors import index_name, is_indexed, shaped

FORMAT = "format"
"""The setting that says how many of the numbered scripts have been run."""

_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_PGVECTOR = (0, 8)
"""The first version of pgvector that reads an index on where a filter leaves too few."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables are.

    Args:
        path: The schemas in which names are looked up.
        vectors: Whether it is opened to find by vectors.
    """

    path: tuple[str, ...]
    vectors: bool = False


def checked_name(schema: Any) -> str:
    """Return the name of a schema.

    Raises:
        ConfigurationError: It is none.

    Example:
        >>> checked_name("holdfast")
        'holdfast'
    """
    if not isinstance(schema, str) or not _NAME.fullmatch(schema):
        raise ConfigurationError(
            f"schema must be a name of up to 63 lower-case letters, digits and '_', that does not "
            f"begin with a digit or 'pg_'; got {schema!r}."
        )
    return schema


def prepare(db: Connection, schema: str, embedder: Embedder | None) -> Place:
    """Make the tables that are missing, also while other processes do the same.

    Args:
        db: A connection without a transaction.
        schema: Where the tables are to be.
        embedder: Whose vectors are to be kept and found.

    Raises:
        StoreTooNew: A newer holdfast made them.
        StoreUnreadable: There are tables of somebody else.
        StoreError: They cannot be made.
        ConfigurationError: pgvector is not there, and cannot be had.
    """
    try:
        place = Place((schema,)) if embedder is None else _place_of_vectors(db, schema)
        if not _is_ready(db, schema, embedder):
            with db.transaction():
                # Whoever comes second waits here, and then finds everything done.
                db.execute("SELECT pg_advisory_xact_lock(%s)", [number(schema, "tables")])
                _migrate(db, schema)
                if embedder is not None:
                    _search(db, place)
                    _make_index(db, schema, embedder)
    except errors.InsufficientPrivilege as error:
        raise StoreError(
            f"The tables in schema {schema!r} cannot be made: {_first_line(error)}. Let an "
            f"administrator run CREATE SCHEMA {schema} AUTHORIZATION <your role>."
        ) from error
    return place


def _is_ready(db: Connection, schema: str, embedder: Embedder | None) -> bool:
    if _format(db, schema) != len(migrations()):
        return False
    if embedder is None:
        return True
    made = not is_indexed(embedder.dims) or _exists(db, schema, index_name(embedder.fingerprint))
    return made and _has_pgvector(db, schema)


def _format(db: Connection, schema: str) -> int:
    """Return how many of the numbered scripts have been run."""
    if not _exists(db, schema, "settings"):
        return 0
    asked = SQL("SELECT value FROM {} WHERE name = %s").format(Identifier(schema, "settings"))
    try:
        row = db.execute(asked, [FORMAT]).fetchone()
    except errors.UndefinedColumn:
        row = None
    if row is None or not str(row["value"]).isdigit():
        raise _of_another_program(schema, "settings")
    done = int(row["value"])
    if done > len(migrations()):
        raise StoreTooNew(
            f"The tables in schema {schema!r} have format {done}; this holdfast knows formats up "
            f"to {len(migrations())}. Upgrade holdfast to open it."
        )
    return done


def _migrate(db: Connection, schema: str) -> None:
    done = _format(db, schema)
    if done == len(migrations()):
        return
    there = db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone()
    if not there:
        db.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    _search(db, Place((schema,)))
    for script in migrations()[done:]:
        try:
            db.execute(script, prepare=False)  # several statements in one text
        except (errors.DuplicateTable, errors.DuplicateFunction) as error:
            raise _of_another_program(schema, _first_line(error)) from error
    db.execute(statements()["put_setting"].text, {"name": FORMAT, "value": str(len(migrations()))})


def _of_another_program(schema: str, what: str) -> StoreUnreadable:
    return StoreUnreadable(
        f"Schema {schema!r} has tables of another program ({what}); they were left as they are. "
        "Name another schema."
    )


def _search(db: Connection, place: Place) -> None:
    path = SQL(", ").join(map(Identifier, place.path))
    db.execute(SQL("SET LOCAL search_path TO {}").format(path))


def _exists(db: Connection, schema: str, relation: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        [schema, relation],
    ).fetchone()
    return row is not None


# Vectors


def _place_of_vectors(db: Connection, schema: str) -> Place:
    found = _extension(db)
    if found is None:
        try:
            with db.transaction():
                db.execute("SELECT pg_advisory_xact_lock(%s)", [number("extension")])
                # Not among our tables: who drops these would take away everybody's vectors.
                db.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        except psycopg.Error as error:
            raise ConfigurationError(
                f"index= needs the extension pgvector in the database: {_first_line(error)}. "
                "Install it on the server and let an administrator run CREATE EXTENSION vector, "
                "or open the store without index= to find by words."
            ) from error
        found = _extension(db)
        assert found is not None
    version = tuple(int(part) for part in re.findall(r"\d+", found["extversion"])[:2])
    if version < _PGVECTOR:
        raise ConfigurationError(
            f"index= needs pgvector 0.8 or later; the database has {found['extversion']}. Let an "
            "administrator run ALTER EXTENSION vector UPDATE."
        )
    return Place((schema, found["nspname"]), vectors=True)


def _extension(db: Connection) -> dict[str, Any] | None:
    return db.execute(
        "SELECT e.extversion, n.nspname FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    ).fetchone()


def _has_pgvector(db: Connection, schema: str) -> bool:
    """Tell whether the vectors are of pgvector's type."""
    row = db.execute(
        "SELECT a.atttypid <> 'real[]'::regtype AS taken_up FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = 'vectors' AND a.attname = 'vector'",
        [schema],
    ).fetchone()
    return row is not None and bool(row["taken_up"])


def _make_index(db: Connection, schema: str, embedder: Embedder) -> None:
    if not _has_pgvector(db, schema):
        db.execute(statements()["take_up_pgvector"].text)
    if is_indexed(embedder.dims):
        db.execute(shaped("make_nearness", embedder.fingerprint, embedder.dims), {})


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]
