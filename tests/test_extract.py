"""The extraction engine: what the model sees, and what becomes of whatever it answers."""

import json
import logging
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel, model_validator

from holdfast import ExtractedMemory, Memory, create_memory_manager
from holdfast.testing import ScriptedModel

HELLO = [{"role": "user", "content": "I moved to Lisbon"}]
OLD = ("k1", "Memory", {"content": "Nora lives in Bristol"})
TEA = ("k2", "Memory", {"content": "Nora likes tea"})


class Profile(BaseModel):
    """Who the user is."""

    name: str
    age: int | None = None
    tags: list[str] = []


def ask(*replies, existing=(), max_steps=None, messages=HELLO, **options):
    model = ScriptedModel(list(replies), takes_tools=options.pop("takes_tools", True))
    manager = create_memory_manager(model, **options)
    result = manager.invoke({"messages": messages, "existing": existing, "max_steps": max_steps})
    return result, model


def contents(result):
    return [memory.content for memory in result]


def reasons(result):
    return [change.reason for change in result.receipt.rejected]


def patch(id, **arguments):
    return ("PatchDoc", {"json_doc_id": id, **arguments})


# What the model sees


def test_one_call_in_the_common_case_and_tools_only_where_they_make_sense():
    _, model = ask([])
    assert [r.tool_names for r in model.requests] == [["Memory"]]
    _, model = ask([], existing=[OLD])
    assert model.requests[0].tool_names == ["Memory", "PatchDoc"]
    _, model = ask([], existing=[OLD], enable_deletes=True)
    assert model.requests[0].tool_names == ["Memory", "PatchDoc", "RemoveDoc"]
    _, model = ask([], existing=[OLD], enable_updates=False, enable_deletes=True)
    assert model.requests[0].tool_names == ["Memory", "RemoveDoc"]
    _, model = ask([], schemas=[Profile, Memory])
    assert model.requests[0].tool_names == ["Profile", "Memory"]
    assert model.requests[0].tool_choice is None


def test_a_model_that_could_do_nothing_is_not_asked():
    result, model = ask(existing=[OLD], enable_inserts=False, enable_updates=False)
    assert model.requests == []
    assert contents(result) == [OLD[2]]


def test_known_memories_stand_before_the_conversation_under_short_ids():
    _, model = ask([], existing=[OLD, TEA])
    system, request = model.requests[0].messages
    assert system.type == "system"
    first, second, said = (
        request.content.index(text) for text in ('id="m1"', 'id="m2"', "I moved to Lisbon")
    )
    assert first < second < said
    assert "k1" not in request.content


def test_the_constant_part_is_identical_on_growing_conversations_and_comes_first():
    growing = HELLO * 3
    _, one = ask([], existing=[OLD], messages=HELLO)
    _, two = ask([], existing=[OLD, TEA], messages=growing)
    first, second = one.requests[0], two.requests[0]
    assert first.messages[0].type == "system"
    assert first.messages[0].model_dump() == second.messages[0].model_dump()
    assert json.dumps(first.tools) == json.dumps(second.tools)
    assert "Lisbon" not in first.messages[0].content


def test_the_same_call_twice_sends_the_same_bytes():
    _, one = ask([], existing=[OLD, "a text without an id"])
    _, two = ask([], existing=[OLD, "a text without an id"])
    assert one.requests[0].text == two.requests[0].text


def test_braces_and_dollars_in_instructions_are_just_text():
    _, model = ask([], instructions='Keep {"json": 1}, {x} and $y')
    assert 'Keep {"json": 1}, {x} and $y' in model.requests[0].messages[0].content


def test_importance_is_kept_beside_the_memory_and_out_of_it():
    for rating, kept in [(4, 4), ("2", 2), (9, 5), (0, 1), ("high", None), (None, None)]:
        result, model = ask([("Memory", {"content": "x", "importance": rating})])
        assert contents(result) == [Memory(content="x")]
        assert result.receipt.inserted[0].importance == kept
    offered = model.requests[0].tools[0]["function"]["parameters"]
    assert offered["properties"]["importance"]["maximum"] == 5
    assert "importance" not in offered["required"]


def test_a_schema_with_an_importance_of_its_own_keeps_it():
    class Rated(BaseModel):
        importance: str

    result, _ = ask([("Rated", {"importance": "high"})], schemas=[Rated])
    assert contents(result) == [Rated(importance="high")]


# What becomes of its answer


def test_inserts_updates_and_deletes_land():
    calls = [
        ("Memory", {"content": "Nora has a dog"}),
        patch("m1", op="replace", path="/content", value="Nora lives in Lisbon"),
        ("RemoveDoc", {"json_doc_id": "m2"}),
    ]
    result, model = ask(calls, existing=[OLD, TEA], enable_deletes=True)
    by_id = {memory.id: memory.content for memory in result}
    assert by_id["k1"] == Memory(content="Nora lives in Lisbon")
    assert by_id["k2"].json_doc_id == "k2"
    new = next(id for id in by_id if id not in ("k1", "k2"))
    assert uuid.UUID(new)
    receipt = result.receipt
    assert [c.key for c in receipt.inserted] == [new]
    assert receipt.updated[0].before == OLD[2]
    assert receipt.updated[0].after == {"content": "Nora lives in Lisbon"}
    assert [c.key for c in receipt.deleted] == ["k2"]
    assert receipt.usage.model_calls == len(model.requests) == 1
    assert receipt.usage.total_tokens == receipt.usage.input_tokens + receipt.usage.output_tokens
    assert json.loads(json.dumps(receipt.to_dict()))["changes"][0]["key"] == "k1"


def test_patches_on_one_document_are_applied_in_order_all_of_them():
    first = ("k1", "Profile", {"name": "Nora", "tags": ["a"]})
    calls = [
        patch("m1", op="add", path="/tags/-", value="b"),
        patch("m1", patches=[{"op": "add", "path": "/tags/-", "value": "c"},
                             {"op": "remove", "path": "/tags/0"}]),
        patch("m1", op="replace", path="/age", value="41"),
    ]  # fmt: skip
    result, _ = ask(calls, existing=[first], schemas=[Profile])
    assert contents(result) == [Profile(name="Nora", age=41, tags=["b", "c"])]
    assert len(result.receipt.updated) == 1


UUID = "6f0d5d0e-6a5c-4d0a-9a43-6d1f6f1a7c55"


@pytest.mark.parametrize(
    "named", ["m1", "M1", " m1 ", UUID, UUID.replace("-", ""), UUID.upper(), f"{{{UUID}}}"]
)
def test_short_and_real_ids_are_understood(named):
    calls = [patch(named, op="replace", path="content", value="new")]
    result, model = ask(calls, existing=[(UUID, "Memory", {"content": "old"})])
    assert result == [ExtractedMemory(UUID, Memory(content="new"))]
    assert len(model.requests) == 1


def test_an_insert_that_names_a_known_id_is_an_update():
    result, _ = ask([("Memory", {"json_doc_id": "m1", "content": "new"})], existing=[OLD])
    assert result == [ExtractedMemory("k1", Memory(content="new"))]


def test_an_insert_that_names_an_unknown_id_is_an_insert():
    result, _ = ask([("Memory", {"json_doc_id": "m7", "content": "new"})], existing=[OLD])
    assert contents(result) == [Memory(content="new"), OLD[2]]


def test_saying_what_is_known_already_changes_nothing():
    calls = [
        ("Memory", {"content": "Nora  lives in Bristol "}),
        patch("m2", op="replace", path="/content", value="Nora likes tea"),
        ("Memory", {"content": "new"}),
        ("Memory", {"content": "new"}),
    ]
    result, _ = ask(calls, existing=[OLD, TEA])
    assert len(result) == 3
    assert sorted(c.key for c in result.receipt.unchanged) == ["k1", "k2"]
    assert len(result.receipt.inserted) == 1
    assert not result.receipt.updated


def test_what_was_inserted_and_removed_again_leaves_no_trace():
    result, _ = ask(
        [("Memory", {"content": "x"})],
        [("RemoveDoc", {"json_doc_id": "m1"})],
        [],
        max_steps=3,
        enable_deletes=True,
    )
    assert result == []
    assert result.receipt.changes == ()


def test_untouched_memories_come_back_as_they_were_given():
    own = Memory(content="mine")
    given = [("a", own), ExtractedMemory("b", {"x": 1}), ("c", "K", {"y": 2})]
    result, _ = ask([], existing=given)
    assert result == [("a", own), ("b", {"x": 1}), ("c", {"y": 2})]
    assert result[0].content is own


# Failures, and the one repair turn


def test_every_failure_is_told_at_once_with_reason_and_place_and_the_rest_is_kept():
    bad = [
        ("Profile", {"age": "old"}),
        patch("m9", op="remove", path="/x"),
        ("Profile", {"name": "Good"}),
        ("Invented", {"a": 1}),
        patch("m1", op="remove", path="/nothing"),
    ]
    mended = [
        ("Profile", {"name": "Mended", "age": 3}),
        patch("m1", op="add", path="/tags/-", value="t"),
    ]
    first = ("k1", "Profile", {"name": "Nora"})
    result, model = ask(bad, mended, existing=[first], schemas=[Profile])
    told = [str(m.content) for m in model.requests[1].messages if m.type == "tool"]
    assert len(told) == len(bad)
    assert "Field required @ Profile/name" in told[0]
    assert "@ Profile/age" in told[0]
    assert "unknown id 'm9'; known are: m1 @ PatchDoc/json_doc_id" in told[1]
    assert told[2] == "m2 inserted"
    assert "no tool of that name is on offer; there are: Profile, PatchDoc @ Invented" in told[3]
    assert "cannot remove: nothing is there @ m1/nothing" in told[4]
    assert '"name": "Nora"' in told[4]
    assert contents(result) == [
        Profile(name="Nora", tags=["t"]),
        Profile(name="Good"),
        Profile(name="Mended", age=3),
    ]
    assert len(model.requests) == 2
    # Nothing was said again of the unknown memory and the invented tool.
    assert [c.kind for c in result.receipt.rejected] == ["PatchDoc", "Invented"]


def test_what_still_fails_is_rejected_with_its_reason_and_logged(caplog):
    bad = [("Profile", {"age": 1}), ("Profile", {"name": "Good"})]
    with caplog.at_level(logging.WARNING, "holdfast"):
        result, model = ask(bad, [("Profile", {"age": 2})], schemas=[Profile])
    assert len(model.requests) == 2
    assert contents(result) == [Profile(name="Good")]
    assert reasons(result) == ["Field required @ Profile/name"]
    assert result.receipt.rejected[0].kind == "Profile"
    assert "Field required @ Profile/name" in caplog.text


def test_a_failure_that_the_model_does_not_mend_stays_on_the_receipt():
    result, _ = ask([patch("m9", op="remove", path="/x")], [], existing=[OLD])
    assert reasons(result) == ["unknown id 'm9'; known are: m1 @ PatchDoc/json_doc_id"]
    assert contents(result) == [OLD[2]]


@pytest.mark.parametrize(("repairs", "calls"), [(0, 1), (1, 2), (3, 4)])
def test_the_number_of_repairs_is_bounded_and_settable(repairs, calls):
    bad = [("Profile", {})]
    result, model = ask(*[bad] * 6, schemas=[Profile], max_repairs=repairs)
    assert len(model.requests) == calls
    assert len(reasons(result)) == 1


def test_of_several_edits_only_those_that_break_the_document_are_refused():
    calls = [
        patch("m1", op="replace", path="/name", value="Changed"),
        patch("m1", op="replace", path="/age", value="old"),
    ]
    first = ("k1", "Profile", {"name": "Nora", "age": 3})
    result, model = ask(calls, [], existing=[first], schemas=[Profile])
    assert contents(result) == [Profile(name="Changed", age=3)]
    assert [c.action for c in result.receipt.changes] == ["updated", "rejected"]
    assert result.receipt.rejected[0].key == "k1"
    assert "@ m1/age" in reasons(result)[0]
    assert '"name": "Changed"' in model.requests[1].messages[-1].content


def test_edits_that_are_valid_only_together_are_kept_together():
    class Span(BaseModel):
        start: int
        end: int

        @model_validator(mode="after")
        def ordered(self):
            if self.start > self.end:
                raise ValueError("start is after end")
            return self

    calls = [
        patch("m1", op="replace", path="/start", value="8"),
        patch("m1", op="replace", path="/end", value="9"),
    ]
    result, _ = ask(calls, existing=[("k", "Span", {"start": 1, "end": 2})], schemas=[Span])
    assert contents(result) == [Span(start=8, end=9)]


def test_an_edit_of_a_field_that_there_is_not_is_refused_not_swallowed():
    first = ("k1", "Profile", {"name": "Nora"})
    calls = [patch("m1", op="replace", path="/nmae", value="Z"), patch("m1", wrong="x")]
    result, _ = ask(calls, [], existing=[first], schemas=[Profile])
    assert "Profile has no field 'nmae'; it has name, age, tags @ m1/nmae" in reasons(result)[0]
    assert contents(result) == [first[2]]


def test_a_schema_that_is_open_takes_further_fields():
    class Open(BaseModel):
        model_config = {"extra": "allow"}
        name: str

    calls = [patch("m1", op="add", path="/mood", value="fine")]
    result, _ = ask(calls, existing=[("k", "Open", {"name": "n"})], schemas=[Open])
    assert contents(result)[0].mood == "fine"


def test_an_insert_of_what_a_memory_said_before_its_edit_is_kept():
    calls = [patch("m1", op="replace", path="/content", value="B"), ("Memory", {"content": "A"})]
    result, _ = ask(calls, existing=[("k", "Memory", {"content": "A"})])
    assert sorted(m.content.content for m in result) == ["A", "B"]
    calls = [patch("m1", op="replace", path="/content", value="B"), ("Memory", {"content": "B"})]
    result, _ = ask(calls, existing=[("k", "Memory", {"content": "A"})])
    assert contents(result) == [Memory(content="B")]


def test_what_only_looks_equal_is_an_update():
    class Flag(BaseModel):
        v: bool | int | None = None

    calls = [patch("m1", patches=[{"op": "replace", "path": "/v", "value": True}])]
    result, _ = ask(calls, existing=[("k", Flag(v=1))], schemas=[Flag])
    assert result[0].content.v is True
    calls = [patch("m1", op="replace", path="/content", value="def f():\n  pass")]
    result, _ = ask(calls, existing=[("k", "Memory", {"content": "def f(): pass"})])
    assert result[0].content.content == "def f():\n  pass"


def test_a_text_in_existing_stays_a_memory_when_edited():
    result, _ = ask([patch("m1", op="replace", path="/content", value="B")], existing=["A"],
                    schemas=[Profile])  # fmt: skip
    assert contents(result) == [Memory(content="B")]


def test_a_number_that_json_does_not_have_is_refused_and_the_rest_kept():
    class Measure(BaseModel):
        x: float

    calls = [("Measure", {"x": 1}), ("Measure", {"x": "nan"}), ("Measure", {"x": "inf"})]
    result, _ = ask(calls, [], schemas=[Measure])
    assert contents(result) == [Measure(x=1.0)]
    assert all("finite number" in reason for reason in reasons(result))


def test_a_validator_that_raises_what_it_should_not_costs_only_its_own():
    class Fussy(BaseModel):
        x: int

        @model_validator(mode="after")
        def check(self):
            if self.x == 4:
                raise KeyError("four")
            return self

    result, _ = ask([("Fussy", {"x": 4}), ("Fussy", {"x": 5})], [], schemas=[Fussy])
    assert contents(result) == [Fussy(x=5)]
    assert "KeyError: 'four' @ Fussy" in reasons(result)[0]


def test_a_cut_emoji_is_replaced_on_the_way_in():
    result, model = ask(
        [("Memory", {"content": "cut \ud83d"})],
        existing=[("k", "Memory", {"content": "old \ud83d"})],
        messages=[{"role": "user", "content": "said \ud83d", "name": "N\ud83d"}],
    )
    assert result[0].content.content == "cut \N{REPLACEMENT CHARACTER}"
    model.requests[0].messages[1].content.encode()


def test_without_messages_and_memories_no_model_is_asked():
    result, model = ask(messages=[])
    assert (result, model.requests) == ([], [])


def test_many_inserts_in_one_answer_stay_fast():
    def seconds(number):
        calls = [("Memory", {"content": f"number {n}"}) for n in range(number)]
        start = time.process_time()
        result, _ = ask(calls)
        assert len(result) == number
        return time.process_time() - start

    seconds(10)
    assert seconds(1_600) < 80 * seconds(100)  # 16 times as many; 256 times if each met each


def test_a_patch_after_a_removal_in_one_answer_is_refused():
    calls = [("RemoveDoc", {"json_doc_id": "m1"}), patch("m1", op="remove", path="/content")]
    result, _ = ask(calls, [], existing=[OLD], enable_deletes=True)
    assert [c.action for c in result.receipt.changes] == ["deleted", "rejected"]


def test_arguments_that_are_no_json_are_told_and_repaired():
    broken = AIMessage(
        "",
        invalid_tool_calls=[
            {"name": "Memory", "args": '{"content": "cut o', "id": "1", "error": None,
             "type": "invalid_tool_call"}
        ],
    )  # fmt: skip
    result, model = ask(broken, [("Memory", {"content": "whole"})])
    assert contents(result) == [Memory(content="whole")]
    assert "arguments are not a JSON object" in model.requests[1].messages[-1].content
    assert not result.receipt.rejected


@pytest.mark.parametrize(
    "args",
    ['{"content": "x"}', '"{\\"content\\": \\"x\\"}"', '```json\n{"content": "x"}\n```',
     '{"arguments": {"content": "x"}}', '{"arguments": "{\\"content\\": \\"x\\"}"}'],
)  # fmt: skip
def test_arguments_as_a_string_of_json_are_understood(args):
    invalid = {"name": "Memory", "args": args, "id": "1", "error": "", "type": "invalid_tool_call"}
    result, model = ask(AIMessage("", invalid_tool_calls=[invalid]))
    assert contents(result) == [Memory(content="x")]
    assert len(model.requests) == 1


def test_content_blocks_in_place_of_text_are_understood():
    result, _ = ask([("Memory", {"content": [{"type": "text", "text": "a"}, {"text": "b"}]})])
    assert contents(result) == [Memory(content="ab")]


def test_calls_without_ids_get_their_tool_messages():
    calls = [{"name": "Memory", "args": {}, "id": None, "type": "tool_call"}] * 2
    _, model = ask(AIMessage("", tool_calls=calls), [])
    answer, *replies = model.requests[1].messages[-3:]
    assert [call["id"] for call in answer.tool_calls] == ["call_1", "call_2"]
    assert [reply.tool_call_id for reply in replies] == ["call_1", "call_2"]


# Models without tools, and JSON in prose


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "Memory", "arguments": {"content": "x"}}]',
        'Sure:\n```json\n[{"name": "Memory", "arguments": {"content": "x"}}]\n```\nDone.',
        'I will call [{"name": "Memory", "args": {"content": "x"}}] now',
        '{"name": "Memory", "parameters": "{\\"content\\": \\"x\\"}"}',
        '{"tool_calls": [{"function": {"name": "Memory", "arguments": {"content": "x"}}}]}',
    ],
)
@pytest.mark.parametrize("takes_tools", [True, False])
def test_calls_as_json_in_text_are_understood(text, takes_tools):
    result, model = ask(text, takes_tools=takes_tools)
    assert contents(result) == [Memory(content="x")]
    assert len(model.requests) == 1


def test_a_model_without_tools_is_told_them_and_repaired_the_same_way():
    result, model = ask(
        '[{"name": "Profile", "arguments": {}}, {"name": "Profile", "arguments": {"name": "A"}}]',
        "I cannot do that",
        takes_tools=False,
        schemas=[Profile],
    )
    assert model.requests[0].tools == []
    assert '"name": "Profile"' in model.requests[0].messages[0].content
    assert "- Field required @ Profile/name" in model.requests[1].messages[-1].content
    assert contents(result) == [Profile(name="A")]
    assert any("no JSON list of calls" in reason for reason in reasons(result))


def test_a_model_without_tools_may_do_nothing():
    result, model = ask("[]", takes_tools=False)
    assert (result, result.receipt.rejected, len(model.requests)) == ([], (), 1)


@pytest.mark.parametrize("text", ["Nothing new.", '{"a": 1}', "[1, 2]", '[{"name": "x"}]', ""])
def test_prose_of_a_model_with_tools_means_nothing_to_do(text):
    result, model = ask(text, existing=[OLD])
    assert contents(result) == [OLD[2]]
    assert (result.receipt.changes, len(model.requests)) == ((), 1)


# Several steps


def test_further_steps_continue_until_the_model_has_done_enough():
    result, model = ask(
        [("Memory", {"content": "one"})],
        [patch("m2", op="replace", path="/content", value="two")],
        "done",
        [("Memory", {"content": "never asked for"})],
        existing=[OLD],
        max_steps=5,
    )
    assert contents(result) == [Memory(content="two"), OLD[2]]
    assert len(model.requests) == 3
    assert result.receipt.usage.model_calls == 3
    last = model.requests[2].messages
    calls = [call["id"] for m in last if m.type == "ai" for call in m.tool_calls]
    assert calls == [m.tool_call_id for m in last if m.type == "tool"]
    assert "5 turns" in model.requests[0].messages[1].content


def test_steps_are_bounded_and_done_ends_them():
    _, model = ask(*[[("Memory", {"content": str(n)})] for n in range(5)], max_steps=2)
    assert len(model.requests) == 2
    _, model = ask([("Memory", {"content": "x"}), ("Done", {})], max_steps=4)
    assert len(model.requests) == 1


def test_steps_work_with_a_model_without_tools():
    first = '[{"name": "Memory", "arguments": {"content": "x"}}]'
    result, model = ask(first, "[]", max_steps=3, takes_tools=False)
    assert contents(result) == [Memory(content="x")]
    assert model.requests[1].messages[-1].content == "m1 inserted"


# Errors of the provider


class RateLimited(Exception):
    status_code = 429


async def answered(manager, how):
    if how == "sync":
        return manager.invoke({"messages": HELLO})
    return await manager.ainvoke({"messages": HELLO})


@pytest.mark.parametrize("error", [RateLimited("slow down"), TimeoutError(), ValueError("400")])
@pytest.mark.parametrize("after", [0, 1])
async def test_errors_of_the_provider_surface_as_themselves_once(error, after):
    bad = [("Memory", {})]
    for how in ("sync", "async"):
        model = ScriptedModel([*[bad] * after, error])
        manager = create_memory_manager(model)
        with pytest.raises(type(error)) as caught:
            await answered(manager, how)
        assert type(caught.value) is type(error)
        assert caught.value.args == error.args
        assert len(model.requests) == after + 1


# Whatever a model says

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["op", "path", "value", "content", "json_doc_id", "x"]), inner
        )
    ),
    max_leaves=6,
)
arguments = st.dictionaries(
    st.sampled_from(["json_doc_id", "op", "path", "value", "patches", "content", "name", "age"]),
    junk | st.sampled_from(["m1", "m2", "/content", "/name", "add", "replace", "remove"]),
)
names = st.sampled_from(["Memory", "Profile", "PatchDoc", "RemoveDoc", "Done", "Other", ""])
answers = st.lists(st.tuples(names, arguments), max_size=4) | st.text()


@settings(max_examples=80, deadline=None)
@given(st.lists(answers, min_size=4, max_size=4), st.booleans(), st.booleans(), st.booleans())
def test_whatever_a_model_says_the_flags_hold_and_the_receipt_adds_up(said, ins, upd, dele):
    existing = [OLD, ("k3", "Profile", {"name": "Nora"})]
    result, model = ask(
        *said,
        existing=existing,
        schemas=[Memory, Profile],
        max_steps=3,
        enable_inserts=ins,
        enable_updates=upd,
        enable_deletes=dele,
    )
    receipt = result.receipt
    assert len(model.requests) <= 4
    assert ins or len(result) == 2 or dele
    assert upd or not receipt.updated
    assert dele or not receipt.deleted
    for memory in result:
        assert isinstance(memory.content, Memory | Profile | dict) or dele
    assert all(change.reason and " @ " in change.reason for change in receipt.rejected)
    assert len(result) == 2 + len(receipt.inserted)
    json.dumps(receipt.to_dict())
