"""Edits as models write them: read, typed and applied, or refused with a reason."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonpatch import JsonPatch
from pydantic import BaseModel

from holdfast.patch import Edit, apply_edits, read_edits
from holdfast.schema import as_schema

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.text(), values, max_size=5)


def plain(value):
    """JSON data told apart by type too: 1, 1.0 and true are not the same."""
    return json.dumps(value, sort_keys=True)


@settings(max_examples=120)
@given(documents, documents)
def test_patches_in_rfc_6902_make_the_intended_document(before, intended):
    # "-" is no index and "" paths are no fields: jsonpatch writes what a careful model would.
    patches = json.loads(JsonPatch.from_diff(before, intended).to_string())
    moved = [p for p in patches if p["op"] in ("move", "copy", "test")]
    kept = copy.deepcopy(before)
    edits, unread = read_edits({"json_doc_id": "m1", "patches": patches})
    changed, failures = apply_edits(before, edits, None)
    assert before == kept
    if patches and not moved:
        assert not unread
        assert plain(changed) == plain(intended) or failures
    for failure in (*unread, *failures):
        assert failure.reason
        assert failure.path


class Shelf(BaseModel):
    name: str
    note: str | None = None
    count: int = 0
    weight: float | None = None
    open: bool = False
    tags: list[str] = []
    by_room: dict[str, int] = {}
    either: int | str = 0


texts = st.text()
shelves = st.builds(
    Shelf,
    name=texts,
    note=st.none() | texts.filter(lambda t: t.strip() != "null"),
    count=st.integers(),
    weight=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    open=st.booleans(),
    tags=st.lists(texts, max_size=4),
    by_room=st.dictionaries(texts.filter(bool), st.integers(), max_size=3),
)


def flat(value):
    """A value as the flat tool asks for it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=80)
@given(shelves, shelves)
def test_flat_edits_make_the_intended_document(before, intended):
    schema = as_schema(Shelf)
    old, new = schema.dump(before), schema.dump(intended)
    edits = []
    for name in new:
        read, failures = read_edits(
            {"json_doc_id": "m1", "op": "replace", "path": f"/{name}", "value": flat(new[name])}
        )
        assert not failures
        edits += read
    changed, failures = apply_edits(old, edits, schema)
    assert not failures
    assert schema.validate(changed).model_dump() == intended.model_dump()


@settings(max_examples=80)
@given(shelves, st.lists(texts, max_size=3))
def test_flat_edits_append_and_remove_in_lists(shelf, added):
    schema = as_schema(Shelf)
    calls = [{"op": "add", "path": "/tags/-", "value": tag} for tag in added]
    calls += [{"op": "remove", "path": "/tags/0"}] if shelf.tags else []
    edits = [edit for call in calls for edit in read_edits(call)[0]]
    changed, failures = apply_edits(schema.dump(shelf), edits, schema)
    assert not failures
    expected = [*shelf.tags, *added][1:] if shelf.tags else added
    assert changed["tags"] == expected


DOC = {"name": "attic", "count": 1, "tags": ["a", "b"], "note": None, "by_room": {}}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"op": "replace", "path": "/name", "value": "cellar"}, {"name": "cellar"}),
        ({"op": "replace", "path": "name", "value": "cellar"}, {"name": "cellar"}),
        ({"path": "name", "value": "cellar"}, {"name": "cellar"}),
        ({"op": "replace", "path": "/count", "value": "7"}, {"count": 7}),
        ({"op": "replace", "path": "/count", "value": 7}, {"count": 7}),
        ({"op": "replace", "path": "/name", "value": "7"}, {"name": "7"}),
        ({"op": "replace", "path": "/note", "value": "7"}, {"note": "7"}),
        ({"op": "replace", "path": "/note", "value": "null"}, {"note": None}),
        ({"op": "replace", "path": "/tags", "value": '["c"]'}, {"tags": ["c"]}),
        ({"op": "replace", "path": "/tags", "value": ["c"]}, {"tags": ["c"]}),
        ({"op": "add", "path": "/tags/-", "value": "c"}, {"tags": ["a", "b", "c"]}),
        ({"op": "add", "path": "tags/0", "value": "c"}, {"tags": ["c", "a", "b"]}),
        ({"op": "remove", "path": "/tags/0"}, {"tags": ["b"]}),
        ({"op": "replace", "path": "/by_room/hall", "value": "3"}, {"by_room": {"hall": 3}}),
        ({"op": "replace", "path": "/weight", "value": "1.5"}, {"weight": 1.5}),
        ({"op": "replace", "path": "/name", "value": [{"type": "text", "text": "c"}]},
         {"name": "c"}),
        ({"patches": [{"op": "replace", "path": "/name", "value": "c"}]}, {"name": "c"}),
        ({"patches": '[{"op": "replace", "path": "/name", "value": "c"}]'}, {"name": "c"}),
        ({"patches": {"op": "replace", "path": "/name", "value": "c"}}, {"name": "c"}),
        ({"patches": ['{"op": "remove", "path": "/tags/1"}']}, {"tags": ["a"]}),
        ({"patches": [{"op": "replace", "path": "/tags", "value": '["c"]'}]}, {"tags": ["c"]}),
        ({"planned_edits": "...", "patches": [{"op": "replace", "path": "count", "value": 2},
                                              {"op": "remove", "path": "/tags/0"}]},
         {"count": 2, "tags": ["b"]}),
        ({"patches": [{"name": "whole", "count": 9}]}, {"name": "whole", "count": 9}),
        ({"name": "whole", "count": 9}, {"name": "whole", "count": 9}),
        ({"value": {"name": "whole"}}, {"name": "whole"}),
        ({"value": '{"name": "whole"}'}, {"name": "whole"}),
        ({"op": "replace", "value": {"name": "whole"}}, {"name": "whole"}),
        ({"op": "replace", "path": "/", "value": {**DOC, "count": 4}}, {"count": 4}),
        ({"op": "replace", "path": "/", "value": json.dumps({**DOC, "count": 4})}, {"count": 4}),
        ({"either": "7"}, {"either": "7"}),
    ],
)  # fmt: skip
def test_what_models_write_is_understood(arguments, expected):
    edits, unread = read_edits({"json_doc_id": "m1", **arguments})
    changed, failures = apply_edits(DOC, edits, as_schema(Shelf))
    assert not unread
    assert not failures
    assert changed == {**DOC, **expected}


def test_a_whole_document_at_the_root_replaces():
    edits, _ = read_edits({"op": "replace", "path": "", "value": {"name": "only"}})
    assert apply_edits(DOC, edits, None)[0] == {"name": "only"}


@pytest.mark.parametrize(
    ("arguments", "failure"),
    [
        ({}, "no edit given; give op, path and value @ op"),
        ({"op": "move", "path": "/a"}, "op 'move' is none of add, replace, remove @ op"),
        ({"op": "add", "value": 1}, "no path given @ path"),
        ({"op": "add", "path": "/a"}, "add needs a value @ value"),
        ({"op": "replace", "path": 7, "value": 1}, "no path given @ path"),
        ({"patches": "not json"}, "not a list of patches: not json @ patches"),
        ({"patches": 7}, "not a list of patches: 7 @ patches"),
        ({"patches": []}, "no edit given; give op, path and value @ op"),
        ({"patches": [7]}, "not a patch: 7 @ patches/0"),
        ({"patches": {}}, "not a patch: {} @ patches/0"),
        ({"patches": [{"op": "add", "path": "/a"}]}, "add needs a value @ patches/0/value"),
        ({"value": "not a document"}, "no edit given; give op, path and value @ op"),
    ],
)
def test_what_cannot_be_read_says_why(arguments, failure):
    edits, unread = read_edits({"json_doc_id": "m1", **arguments})
    assert edits == []
    assert [str(one) for one in unread] == [failure]


@pytest.mark.parametrize(
    ("edit", "failure"),
    [
        (Edit("remove", "/nothing"), "cannot remove: nothing is there @ /nothing"),
        (Edit("remove", "/tags/9"), "cannot remove: nothing is there @ /tags/9"),
        (Edit("add", "/no/where", 1), "cannot add: /no does not exist @ /no/where"),
        (Edit("remove", ""), "a whole document can only be replaced by an object @ /"),
        (Edit("replace", "", 7), "a whole document can only be replaced by an object @ /"),
    ],
)
def test_what_cannot_be_applied_says_why_and_leaves_the_rest(edit, failure):
    good = Edit("replace", "/count", 5)
    changed, failures = apply_edits(DOC, [edit, good], None)
    assert changed == {**DOC, "count": 5}
    assert [str(one) for one in failures] == [failure]


def test_an_edit_with_a_bad_pointer_or_index_is_a_failure_not_a_crash():
    edits = [Edit("add", "/tags/x", 1), Edit("add", "/tags/99", 1), Edit("replace", "/a~2b", 1),
             Edit("replace", "/name/deeper", "x")]  # fmt: skip
    for schema in (as_schema(Shelf), None):
        changed, failures = apply_edits(DOC, edits, schema)
        assert changed == DOC
        assert len(failures) == 4


def test_without_a_schema_the_present_value_tells_the_type():
    edits = [Edit("replace", "/a", "5", as_text=True), Edit("replace", "/b", "5", as_text=True),
             Edit("add", "/c", "[1]", as_text=True), Edit("add", "/d", "plain", as_text=True),
             Edit("add", "/e", "5")]  # fmt: skip
    changed, failures = apply_edits({"a": "text", "b": 1}, edits, None)
    assert not failures
    assert changed == {"a": "5", "b": 5, "c": [1], "d": "plain", "e": "5"}


def test_a_long_argument_is_shown_short():
    _, failures = read_edits({"patches": "x" * 500})
    assert len(str(failures[0])) < 150
