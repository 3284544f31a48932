"""Schemas in every form, and the plain schemas that providers are given."""

import dataclasses
import enum
import typing
from datetime import date

import pytest
import typing_extensions
from pydantic import (
    BaseModel,
    Field,
    RootModel,
    SecretStr,
    computed_field,
    conint,
    field_serializer,
)

from holdfast.errors import SchemaError
from holdfast.memory import Memory
from holdfast.mending import mend, read_json
from holdfast.portable import ALLOWED
from holdfast.schema import Invalid, as_schema, as_schemas


class Address(BaseModel):
    street: str
    zip: str | None = None


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Wild(BaseModel):
    """Everything that providers are fussy about."""

    name: str
    age: int | None = None
    score: conint(ge=0, le=100) | None = Field(None, description="0 to 100")
    either: int | str = 0
    anything: typing.Any = None
    free: dict[str, typing.Any] = {}
    texts: dict[str, str] = {}
    address: Address | None = None
    addresses: list[Address] = []
    color: Color = Color.RED
    level: typing.Literal[1, 2, 3] = 1
    flag: typing.Literal["a", None] = None
    born: date | None = None
    pair: tuple[int, str] = (0, "")
    parent: "Wild | None" = None
    children: list["Wild"] = []
    email: str = Field("", pattern=r".+@.+", max_length=100)


@dataclasses.dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


class Typed(typing.TypedDict, total=False):
    """A dict with a shape."""

    title: typing.Required[str]
    pages: int


class TypedExt(typing_extensions.TypedDict):
    title: str


USER = {
    "title": "User Preference",
    "type": "object",
    "description": "What a user prefers",
    "properties": {"preference": {"type": "string"}, "weight": {"type": "integer"}},
    "required": ["preference"],
}


def keywords(schema):
    """Every keyword used in a schema, at any depth."""
    for key, value in schema.items():
        yield key
        if key == "properties":
            for inner in value.values():
                yield from keywords(inner)
        elif key == "items":
            yield from keywords(value)


def leaves(schema):
    for inner in schema.get("properties", {}).values():
        yield inner
        yield from leaves(inner)
    if "items" in schema:
        yield schema["items"]
        yield from leaves(schema["items"])


@pytest.mark.parametrize("form", [Wild, Point, Typed, TypedExt, USER, Memory])
def test_a_tool_schema_uses_only_what_every_provider_takes(form):
    parameters = as_schema(form).parameters
    assert set(keywords(parameters)) <= ALLOWED
    for leaf in leaves(parameters):
        assert leaf["type"] in {"string", "integer", "number", "boolean", "array", "object"}
        if leaf["type"] == "object":
            assert leaf["properties"]
        if "enum" in leaf:
            assert all(isinstance(option, str) for option in leaf["enum"])


def test_what_cannot_be_said_plainly_is_said_in_words():
    told = as_schema(Wild).parameters["properties"]
    assert told["age"] == {"type": "integer"}
    assert told["score"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "description": "0 to 100",
    }
    assert told["either"]["type"] == "string"
    assert "integer|string" in told["either"]["description"]
    assert told["texts"]["description"] == '(JSON like {"key": "string"})'
    assert told["color"]["enum"] == ["red", "blue"]
    assert "one of: [1, 2, 3]" in told["level"]["description"]
    assert "date" in told["born"]["description"]
    assert "pattern" in told["email"]["description"]
    assert told["address"]["properties"]["street"] == {"type": "string"}
    assert told["addresses"]["items"]["required"] == ["street"]
    assert told["parent"]["type"] == "object"  # one level is opened, then it is JSON
    assert told["parent"]["properties"]["parent"]["type"] == "string"


@pytest.mark.parametrize(
    ("form", "kind", "data", "instance"),
    [
        (Memory, "Memory", {"content": "x"}, Memory(content="x")),
        (Point, "Point", {"x": 1, "y": 0}, Point(1)),
        (Typed, "Typed", {"title": "t"}, {"title": "t"}),
        (TypedExt, "TypedExt", {"title": "t"}, {"title": "t"}),
        (USER, "User Preference", {"preference": "tea"}, {"preference": "tea"}),
    ],
)
def test_every_form_validates_and_dumps(form, kind, data, instance):
    schema = as_schema(form)
    assert schema.kind == kind
    assert schema.tool == kind.replace(" ", "_")
    assert schema.validate(data) == instance
    assert schema.dump(schema.validate(data)) == data
    with pytest.raises(Invalid) as caught:
        schema.validate({})
    assert " @ " in str(caught.value) or caught.value.failures[0].path == ""


def test_failures_say_reason_and_place_all_at_once():
    with pytest.raises(Invalid) as caught:
        as_schema(Wild).validate({"age": "old", "addresses": [{"zip": "1"}]})
    assert {failure.path for failure in caught.value.failures} == {
        "name",
        "age",
        "addresses/0/street",
    }
    with pytest.raises(Invalid) as caught:
        as_schema(USER).validate({"preference": "tea", "weight": "much"})
    assert str(caught.value.failures[0]) == "'much' is not of type 'integer' @ weight"


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"name": "n", "address": '{"street": "s"}'}, "address", Address(street="s")),
        ({"name": "n", "addresses": '[{"street": "s"}]'}, "addresses", [Address(street="s")]),
        ({"name": "n", "texts": '{"a": "b"}'}, "texts", {"a": "b"}),
        ({"name": [{"type": "text", "text": "n"}]}, "name", "n"),
        ({"name": "n", "color": None}, "color", Color.RED),
        ({"name": "n", "addresses": [{"street": [{"text": "s"}]}]}, "addresses",
         [Address(street="s")]),
        ({"name": "n", "age": "41"}, "age", 41),
    ],
)  # fmt: skip
def test_slips_of_weak_models_are_understood(given, field, expected):
    assert getattr(as_schema(Wild).validate(given), field) == expected


def test_mending_leaves_good_values_as_they_are():
    data = {"name": '{"not": "touched"}', "age": None, "free": {"a": 1}}
    schema = as_schema(Wild)
    assert mend(data, schema.json_schema, schema.json_schema) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("```json\n[1]\n```", [1]),
        ("no", None),
    ],
)
def test_json_in_text_is_read(text, value):
    assert read_json(text) == value


def test_a_json_schema_written_by_hand_is_made_plain():
    schema = {
        "title": "Odd",
        "type": "object",
        "$defs": {
            "Named": {"type": "object", "properties": {"name": {"type": "string"}},
                      "required": ["name"]},
            "Aged": {"type": "object", "properties": {"age": {"type": ["integer", "null"]}}},
        },
        "properties": {
            "person": {"allOf": [{"$ref": "#/$defs/Named"}, {"$ref": "#/$defs/Aged"}]},
            "size": {"enum": ["S", "M"]},
            "count": {"const": 3},
            "mixed": {"enum": ["a", 1]},
            "either": {"oneOf": [{"$ref": "#/$defs/Named"}, {"$ref": "#/$defs/Aged"}]},
            "nothing": True,
        },
    }  # fmt: skip
    told = as_schema(schema).parameters
    assert set(keywords(told)) <= ALLOWED
    properties = told["properties"]
    assert properties["person"] == {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name"],
    }
    assert properties["size"] == {"type": "string", "enum": ["S", "M"]}
    assert properties["count"]["type"] == "integer"
    assert properties["mixed"] == {"type": "string", "description": '(JSON like "a|1")'}
    assert "one of" in properties["either"]["description"]
    assert properties["nothing"]["type"] == "string"


def test_an_alias_is_read_and_names_are_stored():
    class Aliased(BaseModel):
        user_name: str = Field(alias="userName")

    schema = as_schema(Aliased)
    assert schema.dump(schema.validate({"userName": "a"})) == {"user_name": "a"}
    assert schema.validate(schema.dump(schema.validate({"userName": "a"}))).user_name == "a"


def test_the_users_own_words_describe_the_tool():
    assert as_schema(Wild).description == "Everything that providers are fussy about."
    assert as_schema(TypedExt).description == "Record one TypedExt."
    assert as_schema(USER).description == "What a user prefers"


class PatchDoc(BaseModel):
    x: int


@pytest.mark.parametrize(
    "form",
    [
        int,
        "Memory",
        7,
        {"type": "object"},
        {"title": "T", "type": "array"},
        {"title": "T", "type": "object", "properties": {"a": {"type": 7}}},
        {"title": "日本", "type": "object"},
        PatchDoc,
    ],
)
def test_what_is_no_schema_is_refused_with_the_forms_there_are(form):
    with pytest.raises(SchemaError):
        as_schema(form)


class Secret(BaseModel):
    token: SecretStr


class Hidden(BaseModel):
    name: str
    inner: str = Field("x", exclude=True)


class Root(RootModel[list[int]]):
    pass


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (Secret, "only a mask would be stored"),
        (Hidden, "excludes inner"),
        (Root, "a RootModel"),
        (
            {**USER, "properties": {"x": {"$ref": "https://example.com/x.json"}}},
            "nothing is fetched",
        ),
        ({**USER, "properties": {"x": {"$ref": "#/$defs/Nowhere"}}}, "not in it"),
    ],
)
def test_a_schema_that_could_not_keep_its_content_is_refused(form, said):
    with pytest.raises(SchemaError, match=said):
        as_schema(form)


def test_strict_and_computed_schemas_read_what_they_write():
    class Strict(BaseModel):
        model_config = {"strict": True, "extra": "forbid"}
        day: date

        @computed_field
        @property
        def year(self) -> int:
            return self.day.year

    content, dumped = as_schema(Strict).take({"day": "2024-01-01"})
    assert content == Strict(day=date(2024, 1, 1))
    assert dumped == {"day": "2024-01-01"}
    assert as_schema(Strict).validate(dumped) == content


def test_a_schema_that_does_not_read_what_it_writes_is_told():
    class Odd(BaseModel):
        day: date

        @field_serializer("day")
        def shown(self, day):
            return day.strftime("%d.%m.%Y")

    with pytest.raises(SchemaError, match="does not read what it writes"):
        as_schema(Odd).take({"day": "2024-01-01"})


def test_a_recursive_json_schema_is_read():
    tree = {"title": "Tree", "type": "object",
            "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}}}  # fmt: skip
    schema = as_schema(tree)
    assert set(keywords(schema.parameters)) <= ALLOWED
    assert schema.validate({"name": "a", "child": {"name": "b"}})
    with pytest.raises(Invalid):
        schema.validate({"child": {"name": 7}})


def test_two_schemas_of_one_name_are_refused():
    with pytest.raises(SchemaError, match="'Memory'"):
        as_schemas([Memory, Memory])
    with pytest.raises(SchemaError, match="'User_Preference'"):
        as_schemas([USER, {**USER, "title": "User_Preference"}])
    with pytest.raises(SchemaError, match="must be a list of schemas"):
        as_schemas(Memory)


def test_a_model_that_has_no_json_schema_is_refused():
    class Odd(BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        thing: object.__class__

    class Odder(BaseModel):
        call: typing.Callable[[], int]

    with pytest.raises(SchemaError, match="Odder"):
        as_schema(Odder)
