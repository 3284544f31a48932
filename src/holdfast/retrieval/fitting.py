"""What goes into a context: what is found is taken as long as its text stays within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, count, takewhile

from holdfast.retrieval.context import Recalled, piece, rendered
from holdfast.wording.context import BYTES_A_TOKEN, GAP, Piece, count_tokens

SHORTEST = 6
"""How many letters of a long key are at least in the id of what was found."""

_SHORT = re.compile(r"[\w-]{1,12}")
"""Keys that are told whole: were `school1` and `school2` told as `school` and `school2`, a model
that drops a digit would cite the other."""


class Fitting:
    """Takes what was found, and gives it ids, as long as the text of all stays within a budget.

    The text is made and measured anew for what is taken, with all of its headings, so that it
    cannot come out longer than it was reckoned.

    Args:
        scopes: The namespaces that were asked, in labels as people wrote them.
    """

    def __init__(self, scopes: Sequence[tuple[str, ...]]) -> None:
        self._scopes = scopes
        self._pieces: list[Piece] = []
        self._made: dict[str, Piece] = {}
        self._bytes = 0
        self._ids: dict[str, tuple[tuple[str, ...], str]] = {}

    def take(
        self, found: Iterable[Recalled], budget: int | None, most: int | None = None
    ) -> tuple[list[Recalled], list[Recalled]]:
        """Take what fits, in order; return it with its ids, and what was left.

        What does not fit is left out, and the next is tried; no text is ever cut.

        Args:
            found: In order of rank.
            budget: How many tokens the text of everything may have; None for any number.
            most: How many to take at most; None for all.
        """
        listed = list(found)
        for one in listed:
            if _SHORT.fullmatch(one.key):
                self._named(one)  # before a longer key takes it as its beginning
        named = [self._named(one) for one in listed]
        taken = self._fill(named, budget, len(named) if most is None else most)
        ids = {one.id for one in taken}
        return taken, [one for one in named if one.id not in ids]

    def _fill(self, found: list[Recalled], budget: int | None, most: int) -> list[Recalled]:
        """Take what fits, in order: all of it, or of each half what fits, and so on."""
        if len(found) <= most and self._grows(found, budget):
            return found
        if len(found) < 2 or not most:
            return []
        half = len(found) // 2
        taken = self._fill(found[:half], budget, most)
        return [*taken, *self._fill(found[half:], budget, most - len(taken))]

    def take_rows(self, rows: Sequence[Sequence[Recalled]], budget: int | None) -> list[Recalled]:
        """Take each row as far as it fits, so that nothing in the midst of one is missing."""
        named = [[self._named(one) for one in row] for row in rows]
        everything = [one for row in named for one in row]
        if self._grows(everything, budget):
            return everything
        return [one for row in named for one in takewhile(self._takes(budget), row)]

    def _takes(self, budget: int | None) -> Callable[[Recalled], bool]:
        return lambda one: self._grows([one], budget)

    def _grows(self, found: Sequence[Recalled], budget: int | None) -> bool:
        """Take all of these if the text of everything stays within a budget."""
        more = [self._made.get(one.id) or piece(one) for one in found]
        self._made |= {one.id: one for one in more}
        if budget is None:
            self._pieces += more
            return True
        # Each piece adds its line; it may take away the marks of what it was missing between.
        least = sum(len(one.line) - 2 * len(GAP) - 2 for one in more)
        if self._bytes + least > BYTES_A_TOKEN * budget:
            return False
        text = rendered([*self._pieces, *more], self._scopes)
        if count_tokens(text) > budget:
            return False
        self._pieces += more
        self._bytes = len(text.encode("utf-8", "replace"))
        return True

    def _named(self, one: Recalled) -> Recalled:
        """Give an id: a short key, or the shortest beginning of a longer one that is not taken."""
        key = re.sub(r"[^\w-]", "_", one.key) or "_"
        least = len(key) if _SHORT.fullmatch(one.key) else min(SHORTEST, len(key))
        beginnings = (key[:length] for length in range(least, len(key) + 1))
        numbered = (f"{key}~{number}" for number in count(2))
        place = (one.namespace, one.key)
        ids = chain(beginnings, numbered)
        id = next(id for id in ids if self._ids.setdefault(id, place) == place)
        return replace(one, id=id)
