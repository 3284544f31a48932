"""Items with a time to live. Minutes are LangGraph's unit; here they are fractions of one."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import pytest
from langgraph.store.base import BaseStore

from holdfast.testing.store_conformance.suite import NS, MakeStore, Suite, held, keys

SHORT = 0.04
"""A time to live, in minutes: 2.4 seconds."""
SOON = 1.4
"""Seconds after which a short time is not over, also on a busy machine."""
OVER = 3.0
"""Seconds after which a short time is over, also where clocks are coarse."""

OpenTtl = Callable[..., BaseStore]


class Ttl(Suite):
    """Time to live (skipped where `supports_ttl` is False)"""

    @pytest.fixture
    def open_ttl(self, make_store: MakeStore) -> OpenTtl:
        """A function that opens a store with a TTL configuration.

        It omits what has expired: each test is about one thing, the first about the default.
        """
        return functools.partial(self.with_ttl, make_store, omit_expired=True)

    def test_expired_items_are_not_returned(self, make_store: MakeStore) -> None:
        """An expired item is not returned, also before the sweep."""
        self._expires(self.with_ttl(make_store))

    def test_expired_items_are_omitted_on_request(self, make_store: MakeStore) -> None:
        """The same, with `omit_expired`."""
        self._expires(self.with_ttl(make_store, omit_expired=True))

    def _expires(self, store: BaseStore) -> None:
        store.put(NS, "k", {"text": "ferry"}, ttl=SHORT)
        assert held(store.get(NS, "k", refresh_ttl=False)) == {"text": "ferry"}
        time.sleep(OVER)
        assert store.get(NS, "k") is None
        assert store.search(NS) == []
        assert store.search(NS, query="ferry") == []
        assert store.search(NS, filter={"text": "ferry"}) == []
        assert store.list_namespaces() == []

    def test_expired_items_make_room(self, open_ttl: OpenTtl) -> None:
        """Expired items take no place on a page."""
        store = open_ttl()
        for number in range(5):
            store.put(NS, f"old{number}", {"n": number}, ttl=SHORT)
            store.put(NS, f"new{number}", {"n": number})
        time.sleep(OVER)
        assert sorted(keys(store.search(NS, limit=5))) == [f"new{number}" for number in range(5)]
        assert store.search(NS, limit=5, offset=5) == []

    def test_items_without_ttl_stay(self, open_ttl: OpenTtl) -> None:
        """The default is used where put names no ttl; `ttl=None` means for ever."""
        store = open_ttl(default_ttl=SHORT, refresh_on_read=False)
        store.put(NS, "default", {"n": 1})
        store.put(NS, "for ever", {"n": 2}, ttl=None)
        store.put(NS, "long", {"n": 3}, ttl=5)
        time.sleep(OVER)
        assert sorted(keys(store.search(NS))) == ["for ever", "long"]

    def test_reads_refresh(self, open_ttl: OpenTtl) -> None:
        """With `refresh_on_read`, a read starts the time anew."""
        tries = (self._refreshes(open_ttl(refresh_on_read=True)) for _ in range(5))
        assert any(tries), "this machine stalls for longer than a short time to live"

    def _refreshes(self, store: BaseStore) -> bool:
        """Hold items alive by reading them; False where the machine stalled, which says nothing."""
        read = time.monotonic()
        for key in ("got", "found", "left"):
            store.put(NS, key, {"n": key}, ttl=SHORT)
        for _ in range(3):
            time.sleep(SOON)
            now = time.monotonic()
            got, found = store.get(NS, "got"), store.search(NS, filter={"n": "found"})
            if time.monotonic() - read >= SHORT * 60:
                return False
            assert (held(got), keys(found)) == ({"n": "got"}, ["found"])
            read = now
        assert store.get(NS, "left") is None
        return True

    def test_reads_do_not_refresh_when_off(self, open_ttl: OpenTtl) -> None:
        """With `refresh_on_read` off, or `refresh_ttl=False`, a read changes nothing."""
        store = open_ttl(refresh_on_read=False)
        other = open_ttl(refresh_on_read=True)
        store.put(NS, "k", {"n": 1}, ttl=SHORT)
        other.put(NS, "k", {"n": 1}, ttl=SHORT)
        time.sleep(SOON)
        store.get(NS, "k")
        store.search(NS)
        other.get(NS, "k", refresh_ttl=False)
        other.search(NS, refresh_ttl=False)
        time.sleep(OVER - SOON)
        assert (store.get(NS, "k"), other.get(NS, "k")) == (None, None)

    def test_a_put_starts_the_time_anew(self, open_ttl: OpenTtl) -> None:
        """A put sets the time anew, or ends it."""
        store = open_ttl()
        store.put(NS, "again", {"n": 1}, ttl=SHORT)
        store.put(NS, "for ever", {"n": 1}, ttl=SHORT)
        time.sleep(SOON)
        store.put(NS, "again", {"n": 2}, ttl=SHORT)
        store.put(NS, "for ever", {"n": 2})
        time.sleep(SOON)
        assert held(store.get(NS, "again", refresh_ttl=False)) == {"n": 2}
        time.sleep(SOON)
        assert store.get(NS, "again") is None
        assert held(store.get(NS, "for ever")) == {"n": 2}

    def test_an_expired_key_may_be_put_again(self, open_ttl: OpenTtl) -> None:
        """A key that expired and is put again is a new item."""
        store = open_ttl()
        store.put(NS, "k", {"n": 1}, ttl=SHORT)
        first = store.get(NS, "k", refresh_ttl=False)
        time.sleep(OVER)
        store.put(NS, "k", {"n": 2})
        second = store.get(NS, "k")
        assert first is not None
        assert second is not None
        assert second.value == {"n": 2}
        assert second.created_at > first.created_at
