"""What the tools that read do, as flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from langgraph.store.base import SearchItem, SearchOp

from holdfast import wording
from holdfast.errors import cut, shown
from holdfast.flow import Flow, Perform, StoreOps
from holdfast.history import Entry, Record, Version
from holdfast.integrations.mcp.answers import (
    Document,
    Memories,
    Memory,
    Page,
    Past,
    RecalledContext,
    Result,
    Results,
    Said,
    Source,
    Whole,
)
from holdfast.integrations.mcp.places import id_of, place_of, uri_of
from holdfast.ledger import Ledger
from holdfast.memory import MESSAGE_KIND, UNKNOWN_KIND, clean, unwrap
from holdfast.namespace import decode_namespace, encode_label
from holdfast.operations import History, Neighbours, Records, Sources
from holdfast.retrieval.asked import Place as Asking
from holdfast.retrieval.asked import read_asked
from holdfast.retrieval.asking import lane_of, recalling
from holdfast.retrieval.context import Context, Recalled
from holdfast.retrieval.finding import QUERY_LENGTH, find
from holdfast.retrieval.fitting import Fitting
from holdfast.retrieval.noting import note
from holdfast.retrieval.saying import only_calls
from holdfast.tools.base import Refusal
from holdfast.tools.writing import Place
from holdfast.wording.context import count_tokens, memory_words

MOST = 100
"""How many memories one answer holds at most."""

FAR = 100_000
"""How many memories can be skipped."""

FULLEST = 100_000
"""How many tokens a context may have at most."""

LONGEST = 2_000
"""How many characters of one memory a list of them tells."""

PAST = 20
"""How many versions, and how many messages, are told of one memory."""

FOUND = 10
"""How many results `search` gives, which takes no number."""

LOOKED_AT = 1_000
"""How many memories are looked at to tell which kinds there are."""

TITLE = 80
"""How many characters a title has at most."""


def search(place: Place, query: str, limit: int, kind: str, *, record: bool) -> Flow[Memories]:
    """Return what a text is about: memories, and messages of the journal."""
    _check(limit, "limit", 1, MOST)
    if not query.strip():
        raise Refusal("query is empty; say in plain words what to look for.")

    def wanted(item: SearchItem) -> bool:
        is_of_it = kind in ("", _kind(unwrap(item.value)[0]))
        return is_of_it and not only_calls(item.value)

    said = kind in ("", MESSAGE_KIND)
    words = clean(query[:QUERY_LENGTH])
    found = yield from find(place.store, place.namespace, words, limit, wanted=wanted, said=said)
    if not found and kind not in ("", MESSAGE_KIND):
        yield from _check_kind(place, kind)
    told = yield from _memories(place, found)
    if record:
        yield from note(place.store, [(item.namespace, item.key) for item in found], {})
    return Memories(memories=told)


def _check_kind(place: Place, kind: str) -> Flow[None]:
    """Refuse a kind of which there is nothing, where there is something of others."""
    newest = SearchOp(place.namespace, limit=LOOKED_AT)
    of_it = SearchOp(place.namespace, filter={"kind": kind}, limit=1)
    items, there = yield StoreOps(place.store, [newest, of_it])
    kinds = sorted({_kind(unwrap(item.value)[0]) for item in items} | {MESSAGE_KIND})
    if not there and kind not in kinds:
        raise Refusal(
            f"There is nothing of kind {shown(kind)}. Kinds there are: {', '.join(kinds)}; leave "
            "kind empty for all."
        )


def listing(place: Place, limit: int, offset: int) -> Flow[Page]:
    """Return memories, those first that were changed last."""
    _check(limit, "limit", 1, MOST)
    _check(offset, "offset", 0, FAR)
    one_more = SearchOp(place.namespace, limit=limit + 1, offset=offset)
    (items,) = yield StoreOps(place.store, [one_more])
    told = yield from _memories(place, items[:limit])
    return Page(memories=told, next_offset=offset + limit if len(items) > limit else None)


def whole(place: Place, id: str) -> Flow[Whole]:
    """Return a memory with its past and what it comes from, or a message.

    Raises:
        Refusal: There is none.
    """
    at, key, found = yield from at_id(place, id)
    ledger = cast("Ledger", at.store)
    if isinstance(found, Entry):
        return Whole(**_said(place, found))
    versions = yield Perform(ledger, History(at.namespace, key))
    entries = yield Perform(ledger, Sources(at.namespace, key))
    version = found.version
    here = _memory(place, at.namespace, key, version.value or {}, _time(version.recorded_at))
    others = (one for one in version.provenance.sources() if one.sort != "message")
    return Whole(
        **here,
        **_beside(found),
        created=_time(found.created_at),
        importance=version.importance,
        valid_from=_time(version.valid_from) if version.valid_from else None,
        valid_to=_time(version.valid_to) if version.valid_to else None,
        superseded_by=list(found.superseded_by) or None,
        versions=len(versions),
        history=[_past(one) for one in versions[-PAST:]],
        sources=[_source(place, one) for one in entries[-PAST:]],
        other_sources=[f"{one.sort}:{one.ref}" for one in others] or None,
    )


def at_id(place: Place, id: str) -> Flow[tuple[Place, str, Record | Entry]]:
    """Return what an id stands for, and where that is.

    Raises:
        Refusal: It stands for nothing.
    """
    for form in dict.fromkeys((id, id.strip())):
        where = place_of(place, form)
        if where is None:
            continue
        at, key = where
        ledger = cast("Ledger", at.store)
        (record,) = yield Perform(ledger, Records(at.namespace, (key,)))
        if record is not None:
            return at, key, record
        entries = yield Perform(ledger, Neighbours(at.namespace, key, 0, 0))
        if entries:
            return at, key, entries[0]
        versions = yield Perform(ledger, History(at.namespace, key))
        if versions:
            when = versions[-1].recorded_at.date().isoformat()
            raise Refusal(f"Memory {id!r} was deleted on {when}.")
    raise Refusal(
        f"There is no memory with the id {id!r}. Search for it or list the memories, and give the "
        "id exactly as it is shown there."
    )


def context(place: Place, topic: str, budget: int, *, record: bool) -> Flow[RecalledContext]:
    """Return what is remembered about a topic, as a text for a prompt."""
    _check(budget, "token_budget", 1, FULLEST)
    if not topic.strip():
        raise Refusal("topic is empty; say in plain words what it is about.")
    asked = read_asked(clean(topic), None, budget, None, 0, None, None, record)
    found = yield from recalling(asked, [Asking(place.store, place.namespace)], {})
    text = found.as_text()
    if not text and (yield from _is_unfit(place, topic, found)):
        raise Refusal(
            f"Nothing of what was found fits into {budget} tokens; give a higher token_budget."
        )
    sources = [_cited(place, one) for one in (*found.standing, *found.ranked)]
    said = text or wording.text("mcp_nothing")
    return RecalledContext(text=said, tokens=count_tokens(said), sources=sources)


def _is_unfit(place: Place, topic: str, found: Context) -> Flow[bool]:
    """Tell whether there is something that no budget this small can hold."""
    if found.left_out:
        return True
    asked = read_asked(clean(topic), 1, None, 0, 0, None, None, False)
    there = yield from recalling(asked, [Asking(place.store, place.namespace)], {})
    return len(there) > 0


def standing(place: Place) -> Flow[str]:
    """Return what is to be considered whatever is asked, as a text for a prompt."""
    lane = yield from lane_of([Asking(place.store, place.namespace)])
    scopes = (decode_namespace(place.namespace),)
    taken, _ = Fitting(scopes).take([hit.one for hit in lane], None, MOST)
    return Context(standing=tuple(taken), scopes=scopes).as_text()


def results(place: Place, query: str, *, record: bool) -> Flow[Results]:
    """Return what a text is about, in the shape of ChatGPT's `search`."""
    found = yield from search(place, query, FOUND, "", record=record)
    listed = [Result(id=one.id, title=_title(one), url=uri_of(one.id)) for one in found.memories]
    return Results(results=listed)


def document(place: Place, id: str) -> Flow[Document]:
    """Return a memory or message in the shape of ChatGPT's `fetch`."""
    one = yield from whole(place, id)
    known = {
        "kind": one.kind,
        "time": one.time,
        "version": one.version,
        "speaker": one.speaker,
        "thread": one.thread,
        "superseded_by": ", ".join(one.superseded_by or ()) or None,
        "sources": ", ".join(said.id for said in one.sources or ()) or None,
    }
    metadata = {name: str(value) for name, value in known.items() if value is not None}
    url = uri_of(one.id)
    return Document(id=one.id, title=_title(one), text=_words(one), url=url, metadata=metadata)


# How it is told


def _memories(place: Place, items: Sequence[SearchItem]) -> Flow[list[Memory]]:
    """Return items with what is kept beside their values."""
    named: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        named.setdefault(item.namespace, []).append(item.key)
    beside: dict[tuple[tuple[str, ...], str], Record] = {}
    for namespace, keys in named.items():
        read = Records(namespace, tuple(keys))
        records = yield Perform(cast("Ledger", place.store), read)
        beside |= {(namespace, record.version.key): record for record in records if record}
    return [
        Memory(
            **_short(_memory(place, item.namespace, item.key, item.value, _time(item.updated_at))),
            **_beside(beside.get((item.namespace, item.key))),
            score=None if item.score is None else round(item.score, 3),
        )
        for item in items
    ]


def _memory(
    place: Place, namespace: tuple[str, ...], key: str, value: Mapping[str, Any], time: str
) -> dict[str, Any]:
    """Return what an item of a store says."""
    kind, content = unwrap(value)
    known = {"id": id_of(place, namespace, key), "kind": _kind(kind)}
    if kind == MESSAGE_KIND and "text" in content:
        speaker = content.get("speaker") or content.get("role")
        said = {name: content.get(name) for name in ("text", "thread")}
        return {**known, **said, "speaker": speaker, "time": content.get("time") or time}
    return {**known, **told(value), "time": time}


def _short(known: dict[str, Any]) -> dict[str, Any]:
    """Return what an item says as one of a list: a long one by its beginning alone."""
    fields = known.get("fields")
    text = known.get("text") if fields is None else wording.as_json(fields)
    if text is None or len(text) <= LONGEST:
        return known
    return {**known, "fields": None, "text": cut(text, LONGEST), "is_cut": True}


def told(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a memory says: its text, or its fields where it has such.

    Example:
        >>> told({"content": "likes tea"}), told({"kind": "P", "content": {"name": "Nora"}})
        ({'text': 'likes tea'}, {'fields': {'name': 'Nora'}})
    """
    if value is None:
        return {}
    content = unwrap(value)[1]
    alone = content.get("content") if set(content) == {"content"} else None
    return {"text": alone} if isinstance(alone, str) else {"fields": content}


def _time(when: datetime) -> str:
    return when.isoformat(timespec="seconds")


def _kind(kind: str) -> str:
    """Return a kind as a model is told it."""
    return "unknown" if kind == UNKNOWN_KIND else kind


def _beside(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {
        "version": record.version.revision,
        "stands": record.pinned or None,
        "no_longer_so": bool(record.superseded_by) or None,
    }


def _past(version: Version) -> Past:
    return Past(
        version=version.revision,
        time=_time(version.recorded_at),
        whose_word=version.provenance.who,
        **told(version.value),
    )


def _said(place: Place, entry: Entry) -> dict[str, Any]:
    time = _time(entry.recorded_at)
    return _memory(place, entry.namespace, entry.key, entry.value, time)


def _source(place: Place, entry: Entry) -> Said:
    known = _said(place, entry)
    return Said(**{name: known[name] for name in Said.model_fields})


def _cited(place: Place, one: Recalled) -> Source:
    below = one.namespace[len(place.namespace) :]
    namespace = (*place.namespace, *map(encode_label, below))
    id = id_of(place, namespace, one.key)
    return Source(cited=one.id, id=id, kind=_kind(one.kind), time=str(one.time))


def _words(one: Memory) -> str:
    return one.text if one.text is not None else memory_words(one.fields or {})


def _title(one: Memory) -> str:
    """Return the beginning of what it says, on one line; never empty."""
    said = " ".join(_words(one).split())
    return cut(f"{one.speaker}: {said}" if one.speaker else said, TITLE) or one.id


def _check(given: int, name: str, least: int, most: int) -> None:
    if not least <= given <= most:
        raise Refusal(f"{name} must be a whole number from {least} to {most:,}, got {given}.")
