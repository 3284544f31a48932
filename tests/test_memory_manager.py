"""The stateless manager, as LangMem's documents use it, and the profile pattern."""

import dataclasses
import typing

import pytest
import typing_extensions
from pydantic import BaseModel

from holdfast import (
    ConfigurationError,
    ExtractedMemory,
    Memory,
    RemoveDoc,
    create_memory_enricher,
    create_memory_manager,
)
from holdfast.errors import InputError, SchemaError
from holdfast.testing import ScriptedModel

HELLO = [{"role": "user", "content": "hello"}]


class Profile(BaseModel):
    name: str
    mood: str | None = None


def manager_of(*replies, **options):
    model = ScriptedModel(list(replies))
    return create_memory_manager(model, **options), model


# Sync and async are one


REPLIES = [
    [("Memory", {}), ("Memory", {"content": "a"})],
    [("Memory", {"content": "b"})],
]


async def test_sync_async_batch_and_call_agree():
    def shown(result):
        receipt = result.receipt
        actions = [(c.action, c.kind, c.after, c.reason) for c in receipt.changes]
        return [m.content for m in result], actions, receipt.usage

    async def via(how):
        manager, _ = manager_of(*REPLIES)
        given = {"messages": HELLO, "existing": ["old"]}
        if how == "invoke":
            return manager.invoke(given)
        if how == "ainvoke":
            return await manager.ainvoke(given)
        if how == "batch":
            return manager.batch([given])[0]
        if how == "abatch":
            return (await manager.abatch([given]))[0]
        return await manager(HELLO, ["old"])

    outcomes = [shown(await via(how)) for how in ("invoke", "ainvoke", "batch", "abatch", "call")]
    assert outcomes[0][0] == [Memory(content="a"), Memory(content="b"), Memory(content="old")]
    assert all(outcome == outcomes[0] for outcome in outcomes)


async def test_await_with_messages_alone():
    manager, _ = manager_of([("Memory", {"content": "a"})])
    memories = await manager(HELLO)
    assert memories[0][1] == Memory(content="a")


# What may be handed in as existing


@dataclasses.dataclass
class Place:
    city: str


class Trip(typing.TypedDict):
    to: str


class TripExt(typing_extensions.TypedDict):
    to: str


@pytest.mark.parametrize(
    ("entry", "kind", "content"),
    [
        ("a text", "Memory", Memory(content="a text")),
        (("i", "a text"), "Memory", Memory(content="a text")),
        (["i", "a text"], "Memory", Memory(content="a text")),
        (ExtractedMemory("i", Memory(content="x")), "Memory", Memory(content="x")),
        (("i", Profile(name="n")), "Profile", Profile(name="n")),
        (("i", Place("Rome")), "Place", Place("Rome")),
        (("i", {"to": "Rome"}), "Trip", {"to": "Rome"}),
        (("i", {"unknown": 1}), "__any__", {"unknown": 1}),
        (("i", "Other", {"to": "Rome"}), "Other", {"to": "Rome"}),
        (("i", "Other", "a text"), "Other", Memory(content="a text")),
    ],
)
def test_existing_memories_in_all_forms(entry, kind, content):
    manager, model = manager_of([], schemas=[Memory, Trip])
    result = manager.invoke({"messages": HELLO, "existing": [entry]})
    assert [m.content for m in result] == [content]
    assert isinstance(entry, str) or result[0].id == "i"
    assert f'kind="{kind}"' in model.requests[0].messages[1].content


def test_what_stands_for_a_deletion_is_left_out():
    manager, model = manager_of([])
    gone = ExtractedMemory("k", RemoveDoc(json_doc_id="k"))
    assert manager.invoke({"messages": HELLO, "existing": [gone]}) == []
    assert "k" not in model.requests[0].tool_names


def test_the_articles_round_trip_results_are_fed_back():
    class Food(BaseModel):
        """What somebody likes to eat."""

        dish: str
        liking: int | None = None

    manager, _ = manager_of(
        [("Food", {"dish": "ramen", "liking": 100}), ("Food", {"dish": "pasta", "liking": 80})],
        [
            ("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/dish", "value": "miso"}),
            ("RemoveDoc", {"json_doc_id": "m2"}),
        ],
        [],
        schemas=[Food],
        enable_deletes=True,
    )
    first = manager.invoke({"messages": HELLO})
    second = manager.invoke({"messages": HELLO, "existing": first})
    ramen, pasta = (memory.id for memory in first)
    assert second == [
        ExtractedMemory(ramen, Food(dish="miso", liking=100)),
        ExtractedMemory(pasta, RemoveDoc(json_doc_id=pasta)),
    ]
    third = manager.invoke({"messages": HELLO, "existing": second})
    assert third == [ExtractedMemory(ramen, Food(dish="miso", liking=100))]


def test_dicts_of_json_schemas_can_be_fed_back_and_changed():
    schema = {
        "title": "Preference",
        "type": "object",
        "properties": {"what": {"type": "string"}, "weight": {"type": "integer"}},
        "required": ["what"],
    }
    manager, _ = manager_of(
        [("Preference", {"what": "tea"})],
        [("PatchDoc", {"json_doc_id": "m1", "op": "add", "path": "/weight", "value": "3"})],
        schemas=[schema],
    )
    first = manager.invoke({"messages": HELLO})
    assert first[0].content == {"what": "tea"}
    second = manager.invoke({"messages": HELLO, "existing": first})
    assert second == [ExtractedMemory(first[0].id, {"what": "tea", "weight": 3})]


@pytest.mark.parametrize("form", [Profile, Place, TripExt, Trip])
def test_each_form_of_schema_gives_instances_of_its_own(form):
    arguments = (
        {"name": "n"} if form is Profile else {"city": "R"} if form is Place else {"to": "R"}
    )
    manager, _ = manager_of([(form.__name__, arguments)], schemas=[form])
    content = manager.invoke({"messages": HELLO})[0].content
    assert content == (form(**arguments))


def test_an_update_of_a_dict_of_a_known_kind_gives_an_instance():
    edit = ("PatchDoc", {"json_doc_id": "m1", "op": "add", "path": "/mood", "value": "fine"})
    manager, _ = manager_of([edit], schemas=[Profile])
    result = manager.invoke({"messages": HELLO, "existing": [("i", "Profile", {"name": "n"})]})
    assert result == [ExtractedMemory("i", Profile(name="n", mood="fine"))]


def test_a_memory_of_a_schema_that_the_manager_does_not_have_is_validated_by_its_own():
    edit = ("PatchDoc", {"json_doc_id": "m1", "op": "remove", "path": "/name"})
    manager, _ = manager_of([edit], [])
    result = manager.invoke({"messages": HELLO, "existing": [("i", Profile(name="n"))]})
    assert result == [ExtractedMemory("i", Profile(name="n"))]
    assert result.receipt.rejected[0].reason == "Field required @ m1/name"


# The profile


def test_without_inserts_the_first_of_a_schema_is_still_made_and_never_a_second():
    two = [("Profile", {"name": "Alex"}), ("Profile", {"name": "Other"})]
    manager, model = manager_of(two, [], schemas=[Profile], enable_inserts=False)
    result = manager.invoke({"messages": HELLO})
    assert [m.content for m in result] == [Profile(name="Alex")]
    assert "there is one already, m1" in result.receipt.rejected[0].reason
    assert model.requests[1].tool_names == ["PatchDoc"]


def test_a_second_profile_can_be_mended_into_an_update():
    two = [("Profile", {"name": "Alex"}), ("Profile", {"name": "Lex"})]
    edit = [("PatchDoc", {"json_doc_id": "m1", "op": "replace", "path": "/name", "value": "Lex"})]
    manager, _ = manager_of(two, edit, schemas=[Profile], enable_inserts=False)
    result = manager.invoke({"messages": HELLO})
    assert [m.content for m in result] == [Profile(name="Lex")]
    assert not result.receipt.rejected


def test_without_inserts_an_existing_profile_is_updated_only():
    said = [("Profile", {"name": "Other"})]
    manager, model = manager_of(said, [], schemas=[Profile], enable_inserts=False)
    given = [("i", Profile(name="Alex"))]
    result = manager.invoke({"messages": HELLO, "existing": given})
    assert model.requests[0].tool_names == ["PatchDoc"]
    assert result == given


def test_enricher_is_the_older_name_and_single_the_profile_pattern():
    model = ScriptedModel([[("Profile", {"name": "A"})], []])
    enricher = create_memory_enricher(model, [Profile], kind="single")
    assert [m.content for m in enricher.invoke({"messages": HELLO})] == [Profile(name="A")]
    assert create_memory_enricher(ScriptedModel([[]])).invoke({"messages": []}) == []
    assert enricher.invoke({"messages": [], "existing": [("i", Profile(name="A"))]})
    assert model.requests[1].tool_names == ["PatchDoc"]


@pytest.mark.parametrize(
    "options",
    [{"kind": "many"}, {"kind": "single", "enable_inserts": True},
     {"kind": "single", "enable_updates": False}],
)  # fmt: skip
def test_a_kind_that_contradicts_is_refused(options):
    with pytest.raises(ConfigurationError):
        create_memory_enricher(ScriptedModel([]), **options)


# Bad input


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (HELLO, "A manager takes"),
        ({}, "A manager takes"),
        ({"messages": "hello"}, "must be a list of messages"),
        ({"messages": HELLO, "max_steps": 0}, "'max_steps' must be"),
        ({"messages": HELLO, "max_steps": True}, "'max_steps' must be"),
        ({"messages": HELLO, "max_steps": "2"}, "'max_steps' must be"),
        ({"messages": HELLO, "existing": "text"}, "'existing' must be a list"),
        ({"messages": HELLO, "existing": {"a": 1}}, "'existing' must be a list"),
        ({"messages": HELLO, "existing": [7]}, r"existing\[0\] cannot be read"),
        ({"messages": HELLO, "existing": [("a",)]}, r"existing\[0\] cannot be read"),
        ({"messages": HELLO, "existing": ["ok", ("a", 7)]}, r"existing\[1\] has content 7"),
    ],
)
async def test_bad_input_is_told_and_no_model_is_asked(given, said):
    manager, model = manager_of()
    with pytest.raises(InputError, match=said):
        manager.invoke(given)
    with pytest.raises(InputError, match=said):
        await manager.ainvoke(given)
    assert model.requests == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: create_memory_manager(None), "needs a model"),
        (lambda: create_memory_manager(7), "model must be a name"),
        (lambda: create_memory_manager(ScriptedModel([]), schemas=[int]), "cannot be the schema"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_made(make, said):
    with pytest.raises(ConfigurationError, match=said):
        make()
    assert issubclass(SchemaError, ConfigurationError)


def test_a_model_is_made_from_its_name(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    manager = create_memory_manager("openai:gpt-5-mini")
    assert manager.model.model_name == "gpt-5-mini"


def test_no_messages_and_no_memories_give_an_empty_result():
    manager, _ = manager_of([])
    result = manager.invoke({"messages": []})
    assert (result, result.receipt.changes) == ([], ())
