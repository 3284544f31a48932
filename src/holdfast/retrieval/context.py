"""What a recall gives: what was found, what stands, and both as a text for a prompt."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, overload

from langgraph.store.base import Item

from holdfast.analysis import value_text
from holdfast.errors import InputError, shown
from holdfast.history import Found
from holdfast.memory import MESSAGE_KIND, clean, unwrap
from holdfast.namespace import decode_namespace
from holdfast.wording.context import Piece, count_tokens, memory_words, render_context
from holdfast.wording.conversation import quoted


@dataclass(frozen=True, slots=True)
class Recalled:
    """One thing that was found.

    Args:
        text: Its words.
        score: How well it matches, 0 to 1; 0 for what stands, and for neighbours.
        kind: `Message` for what was said, else the name of the memory's schema.
        key: Its key in the store.
        namespace: Where it stands, in labels as people wrote them.
        time: When it was said, or last changed (ISO 8601).
        speaker: Who said it; None for a memory.
        value: The stored value.
        signals: What speaks for it, each by its name before its weight (see `Ranking`); empty where
            the store itself ranked, as a store that is none of ours does.
        weights: How much each signal counts.
        scope: The namespace that was asked, in labels as people wrote them; of several that hold
            it, the narrowest.
        standing: Whether it is there because it stands, whatever was asked.
        id: By which `as_text` cites it: its key where that is short, else a beginning of it.
        over: Whether it is no longer so, as far as is known; such is found only where the past is
            asked about.
        valid_from: Since when it is so (ISO 8601), where somebody said; that may be ahead.
        valid_to: Until when.
        same: Namespaces and keys of others that say the same, and are not returned.
    """

    text: str
    score: float
    kind: str
    key: str
    namespace: tuple[str, ...]
    time: str
    speaker: str | None
    value: dict[str, Any]
    signals: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    standing: bool = False
    id: str = ""
    over: bool = False
    valid_from: str | None = None
    valid_to: str | None = None
    same: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def thread(self) -> str | None:
        """The conversation in which it was said; None for a memory."""
        thread = unwrap(self.value)[1].get("thread") if self.kind == MESSAGE_KIND else None
        return None if thread is None else str(thread)

    @property
    def seq(self) -> int | None:
        """Its place in the conversation."""
        seq = unwrap(self.value)[1].get("seq") if self.kind == MESSAGE_KIND else None
        return seq if isinstance(seq, int) else None

    def explain(self) -> str:
        """Return in a line what the score is made of: signals, weights, and the sum of weights."""
        if self.standing:
            return "it stands, whatever is asked"
        parts = [
            f"{name} {signal:.2f} x {self.weights[name]:g}"
            for name, signal in self.signals.items()
            if signal and self.weights[name]
        ]
        if not parts:
            return f"{self.score:.2f}, the score of the store"
        return f"{self.score:.2f} = ({' + '.join(parts)}) / {sum(self.weights.values()):g}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Context(Sequence[Recalled]):
    """What a recall gives: a sequence of what was found, best first, and what belongs to it.

    Args:
        ranked: What was found; what this is a sequence of.
        standing: What is to be considered whatever is asked; it is not repeated among the ranked.
        neighbours: Messages around those that were found, each once, in the order of their
            conversations.
        left_out: What stands, but did not fit into its budget.
        scopes: The namespaces that were asked, in labels as people wrote them.
        budget_tokens: How many tokens `as_text` may have; None for any number.

    Example:
        >>> from holdfast import open_store, recall
        >>> store = open_store(":memory:")
        >>> store.put(("m",), "tea-1", {"content": "Ines likes tea"})
        >>> found = recall("What does Ines like?", ("m",), store=store, budget_tokens=100)
        >>> found[0].text, found.tokens
        ('Ines likes tea', 17)
        >>> found.source("tea-1").key
        'tea-1'
        >>> store.close()
    """

    ranked: tuple[Recalled, ...] = ()
    standing: tuple[Recalled, ...] = ()
    neighbours: tuple[Recalled, ...] = ()
    left_out: tuple[Recalled, ...] = ()
    scopes: tuple[tuple[str, ...], ...] = ()
    budget_tokens: int | None = None

    def __len__(self) -> int:
        return len(self.ranked)

    @overload
    def __getitem__(self, index: int) -> Recalled: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Recalled, ...]: ...

    def __getitem__(self, index: int | slice) -> Recalled | tuple[Recalled, ...]:
        return self.ranked[index]

    def __iter__(self) -> Iterator[Recalled]:
        return iter(self.ranked)

    @property
    def tokens(self) -> int:
        """About how many tokens `as_text` has: its UTF-8 bytes / 4, rounded up."""
        return count_tokens(self.as_text())

    def as_text(self) -> str:
        """Return all of it for a prompt: what stands, then memories, then what was said.

        Each entry has its date and a short id in brackets, see `source`. What was stored is quoted:
        it can pass neither for another entry nor for the end. Empty where there is nothing.
        """
        everything = (*self.standing, *self.ranked, *self.neighbours)
        return rendered(map(piece, everything), self.scopes)

    def source(self, id: str) -> Recalled:
        """Return what an id in the text stands for; the beginning of a key will do as well.

        Args:
            id: As it stands in the text, with or without its brackets.

        Raises:
            InputError: There is none, or there are several.
        """
        everything = (*self.standing, *self.ranked, *self.neighbours)
        wanted = id.strip().removeprefix("[").removesuffix("]") if isinstance(id, str) else ""
        found = [one for one in everything if one.id == wanted]
        if not found and wanted:
            found = [one for one in everything if one.key.startswith(wanted)]
        if len(found) != 1:
            there = ", ".join(one.id for one in found or everything) or "none"
            problem = "may be any of several" if found else "stands for nothing here"
            raise InputError(f"{shown(id)} {problem}; there are: {shown(there, 300)}.")
        return found[0]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        parts = ("ranked", "standing", "neighbours", "left_out")
        return {
            **{name: [one.to_dict() for one in getattr(self, name)] for name in parts},
            "scopes": self.scopes,
            "budget_tokens": self.budget_tokens,
            "tokens": self.tokens,
        }


def recalled(
    item: Item, score: float, scope: tuple[str, ...], found: Found | None = None
) -> Recalled:
    """Return an item of a store as it is told.

    Args:
        item: Of any store; a message as an item of kind `Message`.
        score: How well it matches.
        scope: The namespace that was asked, in stored labels.
        found: What a ledger tells of its score.
    """
    kind, content = unwrap(item.value)
    said = kind == MESSAGE_KIND
    return Recalled(
        text=clean(str(content.get("text", "")) if said else value_text(item.value)),
        score=score,
        kind=kind,
        key=item.key,
        namespace=decode_namespace(item.namespace),
        time=(said and content.get("time")) or item.updated_at.isoformat(),
        speaker=(content.get("speaker") or content.get("role")) if said else None,
        value=item.value,
        signals=found.signals if found else {},
        weights=found.weights if found else {},
        scope=decode_namespace(scope),
        **_kept(found),
    )


def _kept(found: Found | None) -> dict[str, Any]:
    """Return what a ledger tells beside the value."""
    if found is None:
        return {}
    return {
        "over": found.over,
        "valid_from": found.valid_from.isoformat() if found.valid_from else None,
        "valid_to": found.valid_to.isoformat() if found.valid_to else None,
        "same": tuple((decode_namespace(namespace), key) for namespace, key in found.same),
    }


def rendered(pieces: Iterable[Piece], scopes: Sequence[tuple[str, ...]]) -> str:
    """Return pieces as a text for a prompt."""
    return render_context(pieces, ["/".join(scope) for scope in scopes])


def piece(one: Recalled) -> Piece:
    """Return it as an entry of a text."""
    content = unwrap(one.value)[1]
    said = one.kind == MESSAGE_KIND and ("text" in content or "calls" in content)
    if said:
        body = "\n".join(filter(None, [one.text, *_calls(content.get("calls"))]))
    else:
        body = memory_words(content)
    return Piece(
        id=one.id,
        section="standing" if one.standing else "messages" if said else "memories",
        body=body,
        time=str(one.time),
        scope="/".join(one.scope),
        who=str(one.speaker or "") if said else one.kind,
        over=one.over,
        since=one.valid_from or "",
        until=one.valid_to or "",
        thread=one.thread or "",
        seq=one.seq,
    )


def _calls(given: Any) -> Iterator[str]:
    """Yield the calls of tools in a message, each in words."""
    for call in given if isinstance(given, list) else ():
        if isinstance(call, Mapping):
            tool, arguments = (str(call.get(name, "")) for name in ("tool", "arguments"))
            yield f"(called {html.escape(tool)}: {quoted(arguments)})"
