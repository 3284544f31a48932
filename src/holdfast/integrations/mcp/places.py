"""Where an id leads to: always within the fence of one namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from holdfast.errors import ConfigurationError, shown
from holdfast.history import Provenance
from holdfast.ledger import LedgerStore
from holdfast.memory import is_storable
from holdfast.namespace import NamespaceTemplate
from holdfast.tools.base import Refusal
from holdfast.tools.writing import Place

SOURCE = Provenance(who="assistant")
"""Whose word it is that a tool writes."""

MEMORY_URI = "memory://memories/"
STANDING_URI = "memory://standing"


class Scope:
    """The namespace of each request: one for all, or filled in from who is authenticated.

    Args:
        store: Our own store.
        namespace: Labels as people wrote them, maybe with variables.
        authenticated: Whether every request comes with a verified token.
        shared: Whether all whose token is verified may share one namespace.

    Raises:
        ConfigurationError: Nobody could fill in the variables, all would share one namespace and
            nobody said so, or the store keeps no history.
        OutOfScope: The namespace is outside of the fence that the store has already.
    """

    def __init__(
        self,
        store: Any,
        namespace: Sequence[str] | str | NamespaceTemplate,
        authenticated: bool,
        shared: bool = False,
    ) -> None:
        if not isinstance(store, LedgerStore):
            raise ConfigurationError(
                f"An MCP server needs a store with a history and a fence, got {shown(store)}; "
                "open_store('memory.db') makes one."
            )
        whole = namespace if isinstance(namespace, str | NamespaceTemplate) else tuple(namespace)
        self.template = NamespaceTemplate(whole)
        self.store = store
        if self.template.vars and not authenticated:
            raise ConfigurationError(
                f"Namespace {self.template.template!r}: nobody can fill in "
                f"{self.template.vars[0]!r} where nobody is authenticated. Name the namespace in "
                "full, such as memories/nora, or serve HTTP with a token verifier."
            )
        if authenticated and not shared and not self.template.vars:
            raise ConfigurationError(
                f"Namespace {self.template.template!r} has no variable, so everybody who signs in "
                "would read and write the same memories. Give one, such as "
                "('memories', '{user_id}'), or shared=True if that is meant."
            )
        if not self.template.vars:
            self.place()  # a store that is fenced elsewhere says so now, not at the first call

    def place(self) -> Place:
        """Return the place of the request that is handled now, fenced to its namespace.

        Raises:
            Refusal: The identity lacks what the namespace is made of.
        """
        labels = self.template(None, **self._values())
        return Place(self.store.scoped(labels), labels, SOURCE)

    def _values(self) -> dict[str, str]:
        """Return the value of each variable: of the verified token, or none at all."""
        known = _identity()
        values: dict[str, str] = {}
        for name in self.template.vars:
            value = known.get(name)
            if not isinstance(value, str) or not value:
                raise Refusal(
                    f"Whoever is signed in has no {name!r}, of which the namespace of their "
                    "memories is made, so nothing was read or written. The operator of this "
                    "server has to mend that."
                )
            values[name] = value
        return values


def _identity() -> Mapping[str, Any]:
    from mcp.server.auth.middleware.auth_context import get_access_token

    token = get_access_token()
    if token is None:
        return {}
    known: dict[str, Any] = {**(token.claims or {}), "client_id": token.client_id}
    if token.subject is not None:
        known |= dict.fromkeys(("user_id", "subject", "sub"), token.subject)
    return known


def id_of(place: Place, namespace: tuple[str, ...], key: str) -> str:
    """Return the id by which a model names what stands in a namespace of a place.

    It is the key; of what stands in a namespace below, a path that begins with `/`.

    Example:
        >>> here = Place(None, ("m",), SOURCE)
        >>> id_of(here, ("m",), "a/b"), id_of(here, ("m", "trips"), "a/b"), id_of(here, ("m",), "/")
        ('a/b', '/trips/a%2Fb', '/%2F')
    """
    below = namespace[len(place.namespace) :]
    if not below and not key.startswith("/"):
        return key
    return "".join(f"/{quote(part, safe='')}" for part in (*below, key))


def place_of(place: Place, id: str) -> tuple[Place, str] | None:
    """Return the place and key that an id means, within the fence; None where it can mean none.

    Example:
        >>> at, key = place_of(Place(None, ("m",), SOURCE), "/trips/a%2Fb")
        >>> at.namespace, key
        (('m', 'trips'), 'a/b')
    """
    below: tuple[str, ...] = ()
    key = id
    if id.startswith("/"):
        _, *path, key = map(unquote, id.split("/"))
        below = tuple(path)
    labels = all(label and "." not in label for label in below)
    if not key or not labels or not all(map(is_storable, (*below, key))):
        return None
    return replace(place, namespace=(*place.namespace, *below)), key


def uri_of(id: str) -> str:
    """Return the address of a memory as a resource.

    Example:
        >>> uri_of("tea/1")
        'memory://memories/tea%2F1'
    """
    return MEMORY_URI + quote(id, safe="")
