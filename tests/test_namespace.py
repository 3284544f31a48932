"""Namespaces: what is filled in, what is refused, and that no two ids meet."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import PutOp, validate_op_namespace
from langgraph.store.memory import InMemoryStore

from holdfast import ConfigurationError, NamespaceTemplate, decode_label, encode_label, recall
from holdfast.namespace import decode_namespace, encode_namespace

labels = st.text(st.characters(), min_size=1)


def config(**values):
    return {"configurable": values}


@given(labels)
def test_labels_survive_and_are_accepted_by_langgraph(label):
    stored = encode_label(label)
    assert decode_label(stored) == label
    validate_op_namespace(PutOp(("memories", stored), "k", {}))


@given(labels, labels)
def test_no_two_labels_become_one(one, other):
    assert (encode_label(one) == encode_label(other)) == (one == other)


@pytest.mark.parametrize("label", ["MZ0001", "user_1", "Zoë", "a b", "*", "日本", "a/b", "{x}"])
def test_what_langgraph_accepts_stays_byte_for_byte(label):
    assert encode_label(label) == label


def test_what_langgraph_refuses_is_escaped():
    assert encode_label("nora@mail.example") == "nora@mail%2Eexample"
    assert encode_label("100%") == "100%25"
    assert encode_label("a\0b") == "a%00b"
    assert encode_namespace(("langgraph", "x")) == ("%6Canggraph", "x")
    assert decode_namespace(("%6Canggraph", "x")) == ("langgraph", "x")
    assert decode_label("50%FF") == "50%FF"  # not ours: shown as it is


@pytest.mark.parametrize(
    "given", [5, 0, "nora", [], ("a",), {"configurable": 5}, {"configurable": "nora"}]
)
def test_a_config_that_is_none_is_refused_by_its_name(given):
    with pytest.raises(ConfigurationError, match=r"config must be a dict .*, got "):
        recall("tea", ("m",), store=InMemoryStore(), config=given)
    with pytest.raises(ConfigurationError, match="config must be a dict"):
        NamespaceTemplate(("m", "{user_id}"))(given)


@pytest.mark.parametrize("given", [None, {}, {"configurable": None}, {"configurable": {}}])
def test_an_empty_config_is_one(given):
    assert NamespaceTemplate("m")(given) == ("m",)


@pytest.mark.parametrize("label", ["", None, 7])
def test_a_label_must_be_a_text(label):
    with pytest.raises(ConfigurationError, match="must be a text"):
        encode_label(label)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("fixed", {}, ("fixed",)),
        (("org", "{user_id}"), {"user_id": "alice"}, ("org", "alice")),
        (("user-{id}",), {"id": "7"}, ("user-7",)),
        (("{a}-{b}", "x.y"), {"a": "1", "b": "2"}, ("1-2", "x%2Ey")),
        (("{root}", "x"), {"root": "langgraph"}, ("%6Canggraph", "x")),
        (["list", "{user-id}"], {"user-id": "v"}, ("list", "v")),
    ],
)
def test_variables_are_filled_in(template, values, expected):
    assert NamespaceTemplate(template)(config(**values)) == expected
    assert NamespaceTemplate(NamespaceTemplate(template))(config(**values)) == expected


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_two_variables_in_one_label_never_collide(a, b, c, d):
    namespace = NamespaceTemplate(("{one}-{two}",))
    same = namespace(one=a, two=b) == namespace(one=c, two=d)
    assert same == ((a, b) == (c, d))


def test_values_given_by_name_win_over_the_config():
    assert NamespaceTemplate(("{u}",))(config(u="config"), u="call") == ("call",)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"other": "x", "__private": "secret"}, "is missing"),
        ({"user_id": None, "other": "x"}, "is missing"),
        ({"user_id": "", "other": "x"}, "is empty"),
        ({"user_id": 7, "other": "x"}, "is of type int"),
    ],
)
def test_a_bad_value_is_an_error_that_names_variable_and_keys(values, problem):
    with pytest.raises(ConfigurationError) as caught:
        NamespaceTemplate(("m", "{user_id}"))(config(**values))
    said = str(caught.value)
    assert "'user_id'" in said
    assert problem in said
    assert "other" in said
    assert "private" not in said
    assert "secret" not in said
    assert isinstance(caught.value, Exception)


@pytest.mark.parametrize(
    "template", [(), ("",), ("a", None), "{", "}x", "{}", ("{a}{b}",), ("{a}.{b}",), ("{a}%{b}",)]
)
def test_a_template_that_cannot_work_is_refused_at_once(template):
    with pytest.raises(ConfigurationError):
        NamespaceTemplate(template)


@dataclass
class Context:
    user_id: str


class Slotted:
    __slots__ = ("user_id",)

    def __init__(self, user_id):
        self.user_id = user_id


@pytest.mark.parametrize(
    "context",
    [{"user_id": "ctx"}, Context("ctx"), SimpleNamespace(user_id="ctx"), Slotted("ctx")],
)
def test_values_come_from_the_runtime_context_of_a_graph(context):
    from langgraph.func import entrypoint

    @entrypoint(store=InMemoryStore(), context_schema=type(context))
    def app(_):
        return NamespaceTemplate(("m", "{user_id}"))()

    assert app.invoke(1, context=context) == ("m", "ctx")


def test_configurable_wins_over_context_and_a_config_given_in_a_node_keeps_the_rest():
    from langgraph.func import entrypoint

    @entrypoint(store=InMemoryStore(), context_schema=dict)
    def app(_):
        template = NamespaceTemplate(("{org}", "{user_id}"))
        return template(), template(config(user_id="given"))

    seen = app.invoke(1, config(user_id="configured"), context={"user_id": "ctx", "org": "acme"})
    assert seen == (("acme", "configured"), ("acme", "given"))


def test_repr_shows_the_template():
    template = NamespaceTemplate(("m", "{u}"))
    assert repr(template) == "NamespaceTemplate(('m', '{u}'))"
    assert template.vars == ("u",)
