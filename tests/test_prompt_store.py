"""Prompts with versions, in stores that keep a history and in one that does not."""

from datetime import date

import pytest
from langgraph.store.memory import InMemoryStore

from holdfast import create_prompt_optimizer, open_store
from holdfast.errors import ConfigurationError, InputError
from holdfast.optimize.learned import Learned
from holdfast.optimize.prompt_store import PromptStore
from holdfast.testing import ScriptedModel

LEARNED = Learned("gradient", "a-model", ("monday", "tuesday"), ("too long",), {"before": 0.4})


@pytest.fixture
def prompts(opened):
    return PromptStore(opened())


def test_each_save_is_a_version_with_what_it_was_made_from(prompts):
    first = prompts.save("greet", "Greet {name}.", update_instructions="Keep it short.")
    second = prompts.save("greet", "Greet {name} warmly.", learned=LEARNED)
    assert prompts.get("greet") == second
    assert (second.learned, second.update_instructions) == (LEARNED, "Keep it short.")
    assert [one.prompt for one in prompts.history("greet")] == [first.prompt, second.prompt]
    assert [one.revision for one in prompts.history("greet")] == [first.revision, second.revision]
    assert all(one.recorded_at for one in prompts.history("greet"))
    assert prompts.get("part") is None
    assert prompts.history("part") == []
    assert second.as_prompt()["update_instructions"] == "Keep it short."


def test_the_same_again_makes_no_version(prompts):
    first = prompts.save("greet", "Greet.")
    assert prompts.save("greet", "Greet.", learned=LEARNED) == first
    assert len(prompts.history("greet")) == 1
    prompts.save("greet", "Greet.", when_to_update="When it is cold.")
    assert len(prompts.history("greet")) == 2


def test_a_diff_leads_from_one_version_to_another(prompts):
    revisions = [prompts.save("p", text).revision for text in ("a\nb", "a\nc", "a\nc\nd")]
    assert prompts.diff("p").splitlines()[-1] == "+d"
    assert "-b" in prompts.diff("p", revisions[0], revisions[1])
    assert prompts.diff("p", 0, revisions[0]).splitlines()[-2:] == ["+a", "+b"]
    assert prompts.diff("p", revisions[0], revisions[0]) == ""
    with pytest.raises(InputError, match="there are revisions"):
        prompts.diff("p", 10**9)


def test_a_rollback_is_a_version_of_its_own(prompts):
    revisions = [prompts.save("p", text).revision for text in ("one", "two", "three")]
    assert prompts.rollback("p").prompt == "two"
    assert prompts.rollback("p", revisions[0]).prompt == "one"
    told = [(one.prompt, one.learned.optimizer) for one in prompts.history("p")]
    assert told[3:] == [("two", "rollback"), ("one", "rollback")]
    assert prompts.get("p").learned.scores == {"revision": revisions[0]}
    with pytest.raises(InputError, match="no version"):
        prompts.rollback("p", 10**9)
    with pytest.raises(InputError, match="no prompt 'nothing'"):
        prompts.rollback("nothing")


def test_each_rollback_goes_one_further_back(prompts):
    for text in ("one", "two", "three"):
        prompts.save("p", text)
    assert [prompts.rollback("p").prompt for _ in range(2)] == ["two", "one"]
    with pytest.raises(InputError, match="first version"):
        prompts.rollback("p")
    prompts.save("p", "four")
    assert prompts.rollback("p").prompt == "one"


def improved(prompt, text="Help {name} briefly."):
    model = ScriptedModel([[("rewrite_prompt", {"prompt": text})]])
    optimizer = create_prompt_optimizer(model, "prompt_memory")
    talk = [("user", "Where is the ferry?"), ("assistant", "A long story ...")]
    return optimizer.invoke({"trajectories": [(talk, "too long")], "prompt": prompt})


def test_what_an_optimizer_returned_tells_what_it_was_made_from(prompts):
    prompts.save("p", "Help {name}.")
    saved = prompts.save("p", improved(prompts.get("p").prompt))
    assert saved.learned == prompts.get("p").learned
    assert (saved.learned.optimizer, saved.learned.feedback) == ("prompt_memory", ("too long",))
    assert len(saved.learned.trajectories) == 1
    assert prompts.save("q", saved.as_prompt()).learned.optimizer == "person"


def test_what_an_optimizer_returned_does_not_replace_what_was_changed_meanwhile(prompts):
    prompts.save("p", "Help {name}.")
    better = improved("Help {name}.")
    newest = prompts.save("p", "Help {name}, kindly.")
    with pytest.raises(InputError, match="changed while it was improved"):
        prompts.save("p", better)
    assert prompts.get("p").prompt == "Help {name}, kindly."
    assert prompts.save("p", better, expect=newest.revision).prompt == "Help {name} briefly."


def test_a_prompt_with_what_is_known_about_it_is_saved_whole(prompts):
    given = {"name": "p", "prompt": "Help.", "update_instructions": "Keep it short."}
    assert prompts.save("p", given).update_instructions == "Keep it short."
    with pytest.raises(InputError, match="must be a text"):
        prompts.save("p", {"name": "p"})


def test_a_pinned_version_is_in_use_whatever_is_newer(prompts):
    first = prompts.save("p", "one")
    prompts.save("p", "two")
    assert prompts.pin("p", first.revision).pinned
    prompts.save("p", "three")
    assert (prompts.get("p").prompt, prompts.get("p").pinned) == ("one", True)
    assert prompts.get("p").revision == first.revision
    assert prompts.unpin("p")
    assert prompts.get("p").prompt == "three"
    assert not prompts.unpin("p")


def test_what_was_expected_to_be_newest_is_compared(prompts):
    first = prompts.save("p", "one", expect=0)
    prompts.save("p", "two", expect=first.revision)
    with pytest.raises(InputError, match="expected to be at revision"):
        prompts.save("p", "three", expect=first.revision)
    assert prompts.get("p").prompt == "two"


@pytest.mark.parametrize("name", ["", None, 7, "pinned:x"])
def test_a_name_is_a_text(prompts, name):
    with pytest.raises(InputError, match="name"):
        prompts.get(name)


@pytest.mark.parametrize("prompt", ["", "  \n", None, 7])
def test_an_empty_prompt_is_never_saved(prompts, prompt):
    with pytest.raises(InputError):
        prompts.save("p", prompt)
    assert prompts.get("p") is None


def test_namespaces_have_variables_and_are_apart(opened):
    prompts = PromptStore(opened(), ("prompts", "{team}"))
    one, other = ({"configurable": {"team": team}} for team in ("a", "b"))
    prompts.save("p", "for a", config=one)
    assert prompts.get("p", config=other) is None
    with pytest.raises(ConfigurationError, match="team"):
        prompts.get("p")


def test_what_is_no_prompt_is_told(opened):
    store = opened()
    store.put(("prompts",), "p", {"content": "likes tea"})
    with pytest.raises(InputError, match="is no prompt"):
        PromptStore(store).get("p")


async def test_awaited_it_does_the_same(prompts):
    first = await prompts.asave("p", "one")
    await prompts.asave("p", "two", learned=LEARNED)
    assert (await prompts.aget("p")).learned == LEARNED
    assert len(await prompts.ahistory("p")) == 2
    assert "+two" in await prompts.adiff("p")
    assert (await prompts.arollback("p")).prompt == "one"
    await prompts.apin("p", first.revision)
    assert (await prompts.aget("p")).pinned
    assert await prompts.aunpin("p")


def test_a_store_without_history_has_the_newest():
    prompts = PromptStore(InMemoryStore())
    prompts.save("p", "one")
    prompts.save("p", "two", learned=LEARNED)
    assert (prompts.get("p").prompt, prompts.get("p").revision) == ("two", None)
    assert [one.prompt for one in prompts.history("p")] == ["two"]
    with pytest.raises(ConfigurationError, match="keeps no history"):
        prompts.rollback("p")
    prompts.pin("p")
    prompts.save("p", "three")
    assert prompts.get("p").prompt == "two"


def test_prompts_are_no_memories_that_a_search_finds():
    with open_store(":memory:") as store:
        PromptStore(store).save("p", "Speak of ferries.")
        assert store.search((), query="ferries") == []


# Values


def filled(prompts, prompt, values, **given):
    prompts.save("main", prompt)
    return prompts.system_prompt("main", values=values, **given)


USER = {"name": "Nora", "tags": ["a", "b"]}
DAY = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("prompt", "values", "told"),
    [
        ("{today:%d %B %Y}, {name}.", {"today": DAY, "name": "Ines"}, "01 May 2026, Ines."),
        ("[{x:>{w}}] {{x}} {{{x}}}", {"x": "ab", "w": 4}, "[  ab] {{x}} {{ab}}"),
        ("{x!r:*^{w}.{p}}", {"x": "abc", "w": 6, "p": 3}, "*'ab**"),
        ("{user[name]} {user[tags][1]} {day.year}", {"user": USER, "day": DAY}, "Nora b 2026"),
        ('{role: user} {a: 1} {"a": {name}} {', {"name": "x"}, '{role: user} {a: 1} {"a": x} {'),
        ("{x}", {"x": "{y}"}, "{y}"),
    ],
)
def test_a_prompt_is_filled_as_it_is_read(prompts, prompt, values, told):
    assert filled(prompts, prompt, values) == told


@pytest.mark.parametrize(
    ("prompt", "values", "reason"),
    [
        ("{user.name}", {"user": USER}, r"{user\.name}"),
        ("{user[city]}", {"user": USER}, r"{user\[city\]}"),
        ("{user[tags][7]}", {"user": USER}, "index out of range"),
        ("{name:d}", {"name": "Nora"}, "{name:d}"),
        ("{x:c}", {"x": 10**10}, "{x:c}"),
        ("{name:>9999999999}", {"name": "Nora"}, "4096"),
        ("{x:.{p}f}", {"x": 1.0, "p": 100_000}, "4096"),
        ("{x:{w}}", {"x": 1, "w": 10**5000}, "{x:{w}}"),
        ("{x:{w}}", {"x": 1, "w": {}}, "{x:{w}}"),
        ("{x:{w}}", {"x": 1}, "no value for 'w'"),
        ("{x:\u0669\u0669\u0669\u0669\u0669}", {"x": 1}, "4096"),
    ],
)
def test_a_value_that_does_not_fit_names_its_field(prompts, prompt, values, reason):
    with pytest.raises(InputError, match=reason):
        filled(prompts, prompt, values)


@pytest.mark.parametrize(
    ("prompt", "values", "told"),
    [
        ("Help {{name}}. {a}", {"name": "Nora"}, "Help Nora. {a}"),
        ("{{#tags}}{{.}} {{x}};{{/tags}}", {"tags": [1, 2], "x": 0}, "1 0;2 0;"),
        ("{{#on}}{{missing}}{{/on}}{{^on}}off{{/on}}", {"on": False}, "off"),
        ("{{user.name}} {{#user}}{{name}}{{/user}}", {"user": USER}, "Nora Nora"),
        ("{{x}}", {"x": "{{y}}"}, "{{y}}"),
    ],
)
async def test_mustache_is_filled(prompts, prompt, values, told):
    assert filled(prompts, prompt, values, template_format="mustache") == told
    awaited = await prompts.asystem_prompt("main", values=values, template_format="mustache")
    assert awaited == told


def test_jinja_is_filled(prompts):
    pytest.importorskip("jinja2")
    loop = "{% for tag in user.tags %}{{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}"
    assert filled(prompts, loop, {"user": USER}, template_format="jinja2") == "a, b"


@pytest.mark.parametrize(
    ("template_format", "prompt", "values", "reason"),
    [
        ("mustache", "{{name}}", {}, "name"),
        ("mustache", "{{user.city}}", {"user": USER}, "user.city"),
        ("mustache", "{{#a}}{{b}}{{/a}}", {"a": {"x": 1}}, "b"),
        ("mustache", "{{#a}}", {"a": 1}, "never closed"),
        ("jinja2", "{{ name }}", {}, "name"),
        ("jinja2", "{{ user.city.street }}", {"user": USER}, "city"),
        ("jinja2", "{% if", {}, "jinja2"),
        ("jinja2", "{{ ''.__class__.__mro__ }}", {}, "unsafe"),
        ("jinja2", "{{ 1 / a }}", {"a": 0}, "zero"),
    ],
)
def test_what_a_template_lacks_is_named(prompts, template_format, prompt, values, reason):
    if template_format == "jinja2":
        pytest.importorskip("jinja2")
    with pytest.raises(InputError, match=reason):
        filled(prompts, prompt, values, template_format=template_format)


def test_a_format_that_is_not_there_is_named(prompts, monkeypatch):
    with pytest.raises(ConfigurationError, match="template_format is one of"):
        filled(prompts, "Hi", None, template_format="erb")
    monkeypatch.setattr("langchain_core.prompts.string._HAS_JINJA2", False)
    with pytest.raises(ConfigurationError, match="pip install jinja2"):
        filled(prompts, "{{ a }}", {"a": 1}, template_format="jinja2")
