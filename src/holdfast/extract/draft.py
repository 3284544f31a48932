"""The memories under a model's hands: what is known, what it asks for, what comes of it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast import wording
from holdfast.extract.answer import Call
from holdfast.memory import UNKNOWN_KIND, Change, Failure, normalised
from holdfast.patch import apply_edits, read_edits
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
        self._repeats: list[Doc] = []
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
        return doc

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

        All edits of one memory in one answer count together: the result is validated once, and
        kept or refused whole. An earlier failure that a call of this answer corrects is forgiven.
        """
        staged: dict[str, tuple[dict[str, Any], list[Outcome]]] = {}
        outcomes = [self._do(call, allowed, staged) for call in calls]
        for alias, (content, about) in staged.items():
            self._settle(self._find(alias), content, about)
        if unread:
            shown = unread if len(unread) <= 200 else f"{unread[:197]}..."
            outcomes.append(Outcome("", failures=[Failure("no JSON list of calls", shown)]))
        for outcome in outcomes:
            corrected = sorted(filter(outcome.corrects, self._rejected), key=_is_vague)[:1]
            self._rejected = [failed for failed in self._rejected if failed not in corrected]
        self._rejected += [outcome for outcome in outcomes if outcome.failures]
        return outcomes

    def _do(
        self,
        call: Call,
        allowed: Allowed,
        staged: dict[str, tuple[dict[str, Any], list[Outcome]]],
    ) -> Outcome:
        offered = self.tools(allowed)
        if call.name == DONE:
            return Outcome(DONE)
        if call.name not in offered and call.name not in self._by_tool:
            listed = ", ".join(offered) or "none"
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
            staged.pop(doc.alias, None)
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
        for doc in self.docs:
            if doc.alias == name.lower():
                return doc
        for doc in self.docs:
            if name and (doc.id == name or _same_uuid(doc.id, name)):
                return doc
        return None

    def _edit(
        self,
        doc: Doc,
        arguments: Mapping[str, Any],
        staged: dict[str, tuple[dict[str, Any], list[Outcome]]],
    ) -> Outcome:
        content, about = staged.get(doc.alias, (dict(doc.now or {}), []))
        edits, failures = read_edits(arguments)
        content, more = apply_edits(content, edits, doc.schema)
        outcome = Outcome(PATCH, doc, done=f"{doc.alias} updated")
        outcome.failures = [_under(doc.alias, failure) for failure in (*failures, *more)]
        staged[doc.alias] = (content, [*about, outcome])
        return outcome

    def _settle(self, doc: Doc | None, content: dict[str, Any], about: list[Outcome]) -> None:
        assert doc is not None
        try:
            validated = doc.schema.validate(content) if doc.schema else content
        except Invalid as invalid:
            about[-1].failures += [_under(doc.alias, failure) for failure in invalid.failures]
            return
        doc.touched = True
        now = doc.schema.dump(validated) if doc.schema else content
        if normalised(now) != normalised(doc.now):
            doc.now, doc.content = now, validated

    def _insert(
        self,
        schema: Schema,
        arguments: Mapping[str, Any],
        allowed: Allowed,
        staged: dict[str, tuple[dict[str, Any], list[Outcome]]],
    ) -> Outcome:
        content = dict(arguments)
        named = content.pop("json_doc_id", None) if "json_doc_id" not in schema.fields else None
        importance = content.pop("importance", None) if "importance" not in schema.fields else None
        meant = self._find(named)
        if meant is not None and meant.now is not None and allowed.updates:
            return self._edit(meant, content, staged)  # an insert of a known id is an update
        if schema not in self.insertable(allowed):
            one = next(doc for doc in self.present if doc.kind == schema.kind)
            reason = f"there is one already, {one.alias}, and there may be no second"
            return Outcome(schema.tool, one, [Failure(reason, schema.tool)])
        try:
            validated = schema.validate(content)
        except Invalid as invalid:
            failures = [_under(schema.tool, failure) for failure in invalid.failures]
            return Outcome(schema.tool, failures=failures)
        return self._new(schema, schema.dump(validated), validated, _importance(importance))

    def _new(
        self, schema: Schema, data: dict[str, Any], content: Any, importance: int | None
    ) -> Outcome:
        said = normalised(data)
        for doc in self.present:
            if doc.kind == schema.kind and normalised(doc.now) == said:
                self._repeats += [] if doc.is_new or doc.touched else [doc]
                return Outcome(schema.tool, doc, done=f"{doc.alias} says the same already")
        doc = self._add(str(uuid.uuid4()), schema.kind, data, content, schema, new=True)
        doc.importance, doc.touched = importance, True
        return Outcome(schema.tool, doc, done=f"{doc.alias} inserted")

    # What came of it

    def changes(self) -> tuple[Change, ...]:
        """Return what the model changed, would have changed, and could not change."""
        made = [change for doc in self.docs if (change := _change(doc))]
        for doc in self._repeats:
            if not any(change.key == doc.id for change in made):
                made.append(Change("unchanged", doc.id, doc.kind, doc.before, doc.now))
        return (*made, *(_rejection(outcome) for outcome in self._rejected))

    @property
    def rejected(self) -> list[Outcome]:
        """What failed and was not corrected since."""
        return list(self._rejected)


def _is_vague(failed: Outcome) -> bool:
    return failed.doc is None


def _change(doc: Doc) -> Change | None:
    if not doc.touched or (doc.is_new and doc.now is None):
        return None
    if doc.is_new:
        return Change("inserted", doc.id, doc.kind, None, doc.now, doc.importance)
    if doc.now is None:
        return Change("deleted", doc.id, doc.kind, doc.before, None)
    same = doc.now is doc.before or normalised(doc.now) == normalised(doc.before)
    return Change("unchanged" if same else "updated", doc.id, doc.kind, doc.before, doc.now)


def _rejection(outcome: Outcome) -> Change:
    doc = outcome.doc
    kind = doc.kind if doc and doc.kind != UNKNOWN_KIND else outcome.tool or None
    reason = "; ".join(map(str, outcome.failures))
    return Change("rejected", doc.id if doc else None, kind, reason=reason)


def _under(place: str, failure: Failure) -> Failure:
    inner = failure.path.strip("/")
    return Failure(failure.reason, f"{place}/{inner}" if inner else place)


def _importance(given: Any) -> int | None:
    """Return the importance as 1 to 5; it is a hint, so a wild value is no reason to refuse."""
    digits = re.fullmatch(r"\s*(\d+)(?:\.\d*)?\s*", str(given))
    return min(5, max(1, int(digits[1]))) if digits else None


def _same_uuid(one: str, other: str) -> bool:
    try:
        return uuid.UUID(one) == uuid.UUID(other)
    except ValueError:
        return False
