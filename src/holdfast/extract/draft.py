"""The memories under a model's hands: what is known, what it asks for, what comes of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast import wording
from holdfast.errors import cut
from holdfast.extract.answer import Call
from holdfast.memory import (
    UNKNOWN_KIND,
    Action,
    Change,
    Failure,
    normalised,
    read_importance,
    said,
    same,
)
from holdfast.patch import Edit, apply_edits, read_edits
from holdfast.schema import Invalid, Schema

PATCH, REMOVE, DONE = "PatchDoc", "RemoveDoc", "Done"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a model may do, whatever it says."""

    inserts: bool = True
    updates: bool = True
    deletes: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """A memory that exists before the model is asked.

    Args:
        id: Its real id; the model sees a short one.
        kind: The name of its schema.
        content: Its content as JSON data.
        given: Its content as the caller gave it, returned as it is when nothing changes.
        schema: Its own schema, when the manager's schemas have none of that kind.
        date: When it was last changed (ISO 8601), where that is known.
    """

    id: str
    kind: str
    content: Mapping[str, Any]
    given: Any = None
    schema: Schema | None = None
    date: str | None = None


@dataclass(slots=True, eq=False)
class Doc:
    """One memory while it is being worked on; `now` is None once it is removed."""

    alias: str
    id: str
    kind: str
    before: Mapping[str, Any] | None
    now: Mapping[str, Any] | None
    content: Any
    schema: Schema | None
    date: str | None = None
    importance: int | None = None
    standing: bool | None = None
    touched: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the model made it."""
        return self.before is None


@dataclass(slots=True, eq=False)
class Outcome:
    """What became of one call: the memory it was about, and why it failed, if it did."""

    tool: str
    doc: Doc | None = None
    failures: list[Failure] = field(default_factory=list)
    done: str = ""

    def told(self) -> str:
        """Return what the model is told."""
        if not self.failures:
            return self.done or "ok"
        reasons = "\n".join(map(str, self.failures))
        if self.tool == PATCH and self.doc and self.doc.now is not None:
            return f"{reasons}\n{self.doc.alias} now is {wording.as_json(self.doc.now)}"
        return reasons

    def corrects(self, failed: Outcome) -> bool:
        """Tell whether this is another try at what failed."""
        if failed.doc is not None and self.doc is not None:
            return failed.doc is self.doc
        return failed.tool == self.tool or not failed.tool


@dataclass(slots=True)
class _Staged:
    """A document under the edits of one answer, with the calls that they came from."""

    base: dict[str, Any]
    content: dict[str, Any]
    calls: list[tuple[Outcome, list[Edit]]] = field(default_factory=list)


class Draft:
    """Known memories and the changes that a model makes to them, call by call.

    Args:
        known: What exists.
        schemas: The shapes that new memories may have.
    """

    def __init__(self, known: Iterable[Known], schemas: Sequence[Schema]) -> None:
        self.schemas = tuple(schemas)
        self._by_tool = {schema.tool: schema for schema in schemas}
        self._by_kind = {schema.kind: schema for schema in schemas}
        self.docs: list[Doc] = []
        self._saying: dict[str, list[Doc]] = {}
        self.repeats: list[Doc] = []  # known, and told again as they are
        self._rejected: list[Outcome] = []
        for memory in known:
            schema = self._by_kind.get(memory.kind, memory.schema)
            self._add(memory.id, memory.kind, memory.content, memory.given, schema, memory.date)

    def _add(
        self,
        id: str,
        kind: str,
        content: Mapping[str, Any],
        given: Any,
        schema: Schema | None,
        date: str | None = None,
        *,
        new: bool = False,
    ) -> Doc:
        before = None if new else content
        doc = Doc(f"m{len(self.docs) + 1}", id, kind, before, content, given, schema, date)
        self.docs.append(doc)
        self._note(doc, content)
        return doc

    def _note(self, doc: Doc, content: Mapping[str, Any]) -> None:
        """Note what a document says, or may say soon, so that a repetition is found at once."""
        self._saying.setdefault(said(doc.kind, content), []).append(doc)

    @property
    def present(self) -> list[Doc]:
        """The memories that are there now."""
        return [doc for doc in self.docs if doc.now is not None]

    def insertable(self, allowed: Allowed) -> tuple[Schema, ...]:
        """Return the schemas of which a new memory may be made now.

        Without inserts that is a schema of which there is none yet: the first profile.
        """
        kinds = {doc.kind for doc in self.present}
        return tuple(s for s in self.schemas if allowed.inserts or s.kind not in kinds)

    def tools(self, allowed: Allowed) -> tuple[str, ...]:
        """Return the names of the tools that make sense now."""
        names = [schema.tool for schema in self.insertable(allowed)]
        if self.present:
            names += [PATCH] if allowed.updates else []
            names += [REMOVE] if allowed.deletes else []
        return tuple(names)

    # One answer of the model

    def apply(self, calls: Sequence[Call], allowed: Allowed, unread: str = "") -> list[Outcome]:
        """Do what the calls of one answer ask for, in order; return what became of each.

        All edits of one memory in one answer count together, and the result is validated. Where
        that fails, the calls are tried one by one, and only those that break it are refused. An
        earlier failure that a call of this answer corrects is forgiven.
        """
        staged: dict[Doc, _Staged] = {}
        outcomes = [self._do(call, allowed, staged) for call in calls]
        for doc, edited in staged.items():
            self._settle(doc, edited)
        if unread:
            failure = Failure("no JSON list of calls", cut(unread, 200))
            outcomes.append(Outcome("", failures=[failure]))
        for outcome in outcomes:
            corrected = sorted(filter(outcome.corrects, self._rejected), key=_is_vague)[:1]
            self._rejected = [failed for failed in self._rejected if failed not in corrected]
        self._rejected += [outcome for outcome in outcomes if outcome.failures]
        return outcomes

    def _do(
        self,
        call: Call,
        allowed: Allowed,
        staged: dict[Doc, _Staged],
    ) -> Outcome:
        if call.name == DONE:
            return Outcome(DONE)
        permitted = {PATCH: allowed.updates, REMOVE: allowed.deletes}.get(call.name, False)
        if call.name not in self._by_tool and not permitted:
            listed = ", ".join(self.tools(allowed)) or "none"
            reason = f"no tool of that name is on offer; there are: {listed}"
            return Outcome(call.name, failures=[Failure(reason, call.name or "name")])
        if call.arguments is None:
            reason = f"arguments are not a JSON object: {call.raw[:80]}"
            return Outcome(call.name, failures=[Failure(reason, call.name)])
        if call.name in self._by_tool:
            return self._insert(self._by_tool[call.name], call.arguments, allowed, staged)
        doc, failure = self._named(call.arguments.get("json_doc_id"), call.name)
        if doc is None:
            return Outcome(call.name, failures=[failure] if failure else [])
        if call.name == REMOVE:
            staged.pop(doc, None)
            doc.now, doc.touched = None, True
            return Outcome(REMOVE, doc, done=f"{doc.alias} removed")
        return self._edit(doc, call.arguments, staged)

    def _named(self, given: Any, tool: str) -> tuple[Doc | None, Failure | None]:
        doc = self._find(given)
        where = f"{tool}/json_doc_id"
        there = ", ".join(doc.alias for doc in self.present) or "none"
        if doc is None:
            return None, Failure(f"unknown id {given!r}; known are: {there}", where)
        if doc.now is None:
            return None, Failure(f"{doc.alias} was removed; known are: {there}", where)
        return doc, None

    def _find(self, given: Any) -> Doc | None:
        name = str(given).strip() if isinstance(given, str | int | uuid.UUID) else ""
        if not name:
            return None
        for doc in self.docs:
            if doc.alias == name.lower():
                return doc
        for doc in self.docs:
            if doc.id == name or _same_uuid(doc.id, name):
                return doc
        return None

    def _edit(
        self,
        doc: Doc,
        arguments: Mapping[str, Any],
        staged: dict[Doc, _Staged],
    ) -> Outcome:
        edited = staged.get(doc) or _Staged(whole := _whole(doc), whole)
        staged[doc] = edited
        edits, failures = read_edits(arguments)
        edited.content, more = apply_edits(edited.content, edits, doc.schema)
        outcome = Outcome(PATCH, doc, done=f"{doc.alias} updated")
        outcome.failures = [_under(doc.alias, failure) for failure in (*failures, *more)]
        edited.calls.append((outcome, edits))
        self._note(doc, edited.content)
        return outcome

    def _settle(self, doc: Doc, edited: _Staged) -> None:
        if same(edited.content, edited.base):
            doc.touched = doc.touched or any(not outcome.failures for outcome, _ in edited.calls)
            return
        try:
            self._keep(doc, edited.content)
        except Invalid as invalid:
            if len(edited.calls) == 1:
                edited.calls[0][0].failures += _all_under(doc.alias, invalid)
                return
            for outcome, edits in edited.calls:
                try:
                    self._keep(doc, apply_edits(_whole(doc), edits, doc.schema)[0])
                except Invalid as broken:
                    outcome.failures += _all_under(doc.alias, broken)

    def _keep(self, doc: Doc, content: dict[str, Any]) -> None:
        """Let a document say something else, if that is valid."""
        kept, now = doc.schema.take(content) if doc.schema else (content, content)
        doc.touched = True
        if not same(now, doc.now):
            doc.now, doc.content = now, kept

    def _insert(
        self,
        schema: Schema,
        arguments: Mapping[str, Any],
        allowed: Allowed,
        staged: dict[Doc, _Staged],
    ) -> Outcome:
        content = dict(arguments)
        named = content.pop("json_doc_id", None) if "json_doc_id" not in schema.fields else None
        beside = {
            name: content.pop(name, None)
            for name in ("importance", "standing")
            if name not in schema.fields
        }
        meant = self._find(named)
        if meant is not None and meant.now is not None and allowed.updates:
            return self._edit(meant, content, staged)  # an insert of a known id is an update
        if not allowed.inserts and schema not in self.insertable(allowed):
            one = next(doc for doc in self.present if doc.kind == schema.kind)
            reason = f"there is one already, {one.alias}, and there may be no second"
            return Outcome(schema.tool, one, [Failure(reason, schema.tool)])
        try:
            taken, data = schema.take(content)
        except Invalid as invalid:
            return Outcome(schema.tool, failures=_all_under(schema.tool, invalid))
        return self._new(schema, data, taken, beside, staged)

    def _new(
        self,
        schema: Schema,
        data: dict[str, Any],
        content: Any,
        beside: Mapping[str, Any],
        staged: Mapping[Doc, _Staged],
    ) -> Outcome:
        for doc in self._saying.get(said(schema.kind, data), ()):
            now = staged[doc].content if doc in staged else doc.now
            if now is not None and same(normalised(now), normalised(data)):
                self.repeats += [] if doc.is_new or doc.touched else [doc]
                return Outcome(schema.tool, doc, done=f"{doc.alias} says the same already")
        doc = self._add(str(uuid.uuid4()), schema.kind, data, content, schema, new=True)
        doc.importance = read_importance(beside.get("importance"))
        doc.standing, doc.touched = _standing(beside.get("standing")), True
        return Outcome(schema.tool, doc, done=f"{doc.alias} inserted")

    # What came of it

    def changes(self) -> tuple[Change, ...]:
        """Return what the model changed, would have changed, and could not change."""
        made = [change for doc in self.docs if (change := _change(doc))]
        for doc in self.repeats:
            if not any(change.key == doc.id for change in made):
                made.append(Change("unchanged", doc.id, doc.kind, doc.before, doc.now))
        return (*made, *(_rejection(outcome) for outcome in self._rejected))

    @property
    def rejected(self) -> list[Outcome]:
        """What failed and was not corrected since."""
        return list(self._rejected)


def _whole(doc: Doc) -> dict[str, Any]:
    """Return a document with the fields that its schema fills in, so that they can be edited."""
    content = dict(doc.now or {})
    try:
        return doc.schema.take(content)[1] if doc.schema else content
    except Invalid:
        return content


def _is_vague(failed: Outcome) -> bool:
    return failed.doc is None


def _change(doc: Doc) -> Change | None:
    if not doc.touched or (doc.is_new and doc.now is None):
        return None
    if doc.is_new:
        new = Change("inserted", doc.id, doc.kind, None, doc.now, doc.importance)
        return replace(new, standing=doc.standing)
    if doc.now is None:
        return Change("deleted", doc.id, doc.kind, doc.before, None)
    action: Action = "unchanged" if same(doc.now, doc.before) else "updated"
    return Change(action, doc.id, doc.kind, doc.before, doc.now)


def _rejection(outcome: Outcome) -> Change:
    doc = outcome.doc
    kind = doc.kind if doc and doc.kind != UNKNOWN_KIND else outcome.tool or None
    reason = "; ".join(map(str, outcome.failures))
    return Change("rejected", doc.id if doc and not doc.is_new else None, kind, reason=reason)


def _under(place: str, failure: Failure) -> Failure:
    inner = failure.path.strip("/")
    return Failure(failure.reason, f"{place}/{inner}" if inner else place)


def _all_under(place: str, invalid: Invalid) -> list[Failure]:
    return [_under(place, failure) for failure in invalid.failures]


def _standing(given: Any) -> bool | None:
    """Return whether a memory stands; a hint as well."""
    return {"true": True, "false": False}.get(str(given).strip().lower())


def _same_uuid(one: str, other: str) -> bool:
    try:
        return uuid.UUID(one) == uuid.UUID(other)
    except ValueError:
        return False
