"""All parts of the suite as one class."""

from __future__ import annotations

from holdfast.testing.store_conformance.batches import Batches
from holdfast.testing.store_conformance.concurrency import Concurrency
from holdfast.testing.store_conformance.erasing import Erasing
from holdfast.testing.store_conformance.filters import Filters, FiltersBeyond
from holdfast.testing.store_conformance.items import Items
from holdfast.testing.store_conformance.journals import Journals
from holdfast.testing.store_conformance.namespaces import Namespaces
from holdfast.testing.store_conformance.searching import Searching
from holdfast.testing.store_conformance.ttl import Ttl
from holdfast.testing.store_conformance.vectors import Vectors
from holdfast.testing.store_conformance.versions import Versions
from holdfast.testing.store_conformance.words import Words


class StoreConformance(
    Erasing,
    Journals,
    Versions,
    Ttl,
    Words,
    Vectors,
    FiltersBeyond,
    Concurrency,
    Filters,
    Searching,
    Batches,
    Namespaces,
    Items,
):
    """The whole suite. Override the fixture `make_store`; see the module for an example.

    Set `required = CAPABILITIES`, or some of them, where the lack of one is a failure; what needs
    a capability that is not required and not there is skipped, with the reason.
    Override `run` where the store belongs to one event loop.
    """
