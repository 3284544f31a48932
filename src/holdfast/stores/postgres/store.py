"""A LangGraph `BaseStore` and ledger in a PostgreSQL database: many machines at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from langgraph.store.base import TTLConfig

from holdfast.errors import ConfigurationError
from holdfast.ledger.jobs import Listener
from holdfast.stores.base import SqlStore
from holdfast.stores.plan.effects import Sql, Transaction
from holdfast.stores.plan.erasing import SCRUB
from holdfast.stores.settings import LONGEST, number

if TYPE_CHECKING:
    from holdfast.stores.plan.effects import Plan
    from holdfast.stores.postgres.database import Database


class PostgresStore(SqlStore):
    """Memories in a PostgreSQL database, with their history; found by words, or by vectors.

    Each `batch` and each change set is one transaction: its reads see the state before its
    writes, and its writes are kept all or none. The async methods never block the loop; one pool
    of connections serves all threads and loops. Behind a pooler such as PgBouncer, use its session
    mode: connections keep settings and prepared statements.

    Args:
        url: `postgresql://user:password@host:5432/database`, or libpq's `key=value`.
        index: LangGraph's `{"embed", "dims", "fields"}`, which needs the extension pgvector; None
            finds by words alone.
        ttl: LangGraph's `{"default_ttl", "refresh_on_read", "sweep_interval_minutes"}`.
        schema: Where the tables are, made if they are not there. Stores in different schemas
            know nothing of each other.
        pool_size: How many connections a process has at most.
        connect_timeout: Seconds to wait for a connection.

    Raises:
        StoreError: The database cannot be reached, or was written by a newer holdfast.
        ConfigurationError: A setting cannot work, or a package or extension is missing.
    """

    def __init__(
        self,
        url: str,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: TTLConfig | None = None,
        schema: str = "holdfast",
        pool_size: int = 10,
        connect_timeout: float = 10.0,
    ) -> None:
        super().__init__(index, ttl)
        self._database = _database(url, schema, pool_size, connect_timeout)
        self.schema = schema
        self.setup()
        if self.ttl_config:
            self.start_ttl_sweeper()

    def __repr__(self) -> str:
        return f"PostgresStore({self._database.address!r}, schema={self.schema!r})"

    @classmethod
    @contextlib.contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        pipeline: bool = False,
        pool_config: Mapping[str, Any] | None = None,
        index: Mapping[str, Any] | None = None,
        ttl: TTLConfig | None = None,
    ) -> Iterator[PostgresStore]:
        """Open a store for a `with` block, as LangGraph's own stores are opened.

        Args:
            conn_string: Where the database is.
            pipeline: Taken, and without effect: statements are sent in a pipeline in any case.
            pool_config: Of it, `max_size` says how many connections there are at most.
            index: As for `PostgresStore`.
            ttl: As for `PostgresStore`.
        """
        size = (pool_config or {}).get("max_size") or 10
        with cls(conn_string, index=index, ttl=ttl, pool_size=size) as store:
            yield store

    def setup(self) -> None:
        """Make the tables; opening has done that, so that calling it is harmless."""
        self._database.prepare(self.indexing.embedder)

    def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        self.stop_ttl_sweeper()
        self.close_notes(f"The store {self._database.address!r}")
        self._database.close()

    def transact(self, transaction: Transaction) -> Any:
        """Run a plan in one transaction of one connection."""
        return self._database.transact(transaction)

    def listen(self) -> Listener:
        """Return what waits for jobs to be put or ended, on any machine."""
        return self._database.listen()

    def scrub(self) -> str | None:
        """Let go of words in memory; no query, dump or backup from now on holds what was erased.

        The server's own files hold the bytes of deleted rows until it writes others in their
        place. VACUUM would make room for that at once, but reads whole tables and indexes, and
        overwrites nothing either; the server does it by itself, in the background.
        """
        self._database.corpora.clear()
        self.transact(Transaction(_scrubbed, writes=True))
        return None


def _scrubbed() -> Plan[None]:
    rows = yield Sql("setting", {"name": SCRUB})
    for row in rows:
        yield Sql("drop_setting", {"name": SCRUB, "value": row["value"]})


def _database(url: Any, schema: Any, size: Any, timeout: Any) -> Database:
    try:
        from holdfast.stores.postgres.database import Database
        from holdfast.stores.postgres.schema import checked_name
    except ImportError as error:
        if (error.name or "psycopg").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise ConfigurationError(
            f"A PostgreSQL store needs a package that is not there ({error}); run "
            "pip install 'holdfast[postgres]'."
        ) from error
    if not isinstance(url, str) or not url:
        raise ConfigurationError(f"The address of the database must be a text, got {url!r}.")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ConfigurationError(f"pool_size must be a number from 1 on, got {size!r}.")
    seconds = number(timeout, "connect_timeout", "seconds", most=LONGEST)
    return Database(url, checked_name(schema), size, seconds)
