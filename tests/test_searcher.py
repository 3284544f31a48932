"""The searcher, the thread extractor and the summarizer: one tool, one repair turn."""

import dataclasses

import pytest
from langgraph.func import entrypoint
from pydantic import BaseModel

from holdfast import (
    ConfigurationError,
    ConversationSummary,
    create_memory_searcher,
    create_thread_extractor,
    create_thread_summarizer,
    recall,
)
from holdfast.errors import InputError, ModelAnswerError
from holdfast.testing import ScriptedModel

NS = ("memories", "nora")
HELLO = {"messages": [("user", "What shall I cook for Ines {x}?")]}
HOW = pytest.mark.parametrize("how", ["sync", "async"])


async def run(runnable, how, given=HELLO, config=None):
    return (
        runnable.invoke(given, config) if how == "sync" else await runnable.ainvoke(given, config)
    )


def searches(*queries):
    return [("search_memory", {"query": query}) for query in queries]


@pytest.fixture
def store(store):
    facts = {"a": "Ines cannot eat peanuts", "b": "Ines likes peanuts on trees", "c": "the ferry"}
    for key, text in facts.items():
        store.put(NS, key, {"content": text})
    return store


# The searcher


@HOW
async def test_each_query_is_searched_and_what_is_found_is_merged(store, how):
    model = ScriptedModel([searches("peanuts eat", "eat peanuts Ines", "ferry")])
    searcher = create_memory_searcher(model, namespace=NS, store=store)
    found = await run(searcher, how)
    assert sorted(item.key for item in found) == ["a", "b", "c"]
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert len(model.requests) == 1
    assert model.requests[0].tool_choice is None


def test_the_limit_holds_over_all_queries(store):
    model = ScriptedModel([searches("peanuts", "ferry")])
    searcher = create_memory_searcher(model, "Look {hard}.", namespace=NS, store=store, limit=2)
    assert len(searcher.invoke(HELLO)) == 2
    assert model.requests[0].messages[0].content == "Look {hard}."
    assert "Ines {x}?" in model.requests[0].messages[1].content


@HOW
@pytest.mark.parametrize(
    "useless", ["I would look for peanuts.", [("search_memory", {})], [("other", {"query": "x"})]]
)
async def test_a_model_that_writes_no_query_is_asked_once_more(store, how, useless):
    model = ScriptedModel([useless, searches("peanuts")])
    assert await run(create_memory_searcher(model, namespace=NS, store=store), how)
    asked = model.requests[1].messages
    assert "no query was given @ search_memory" in asked[-1].content
    assert asked[-1].type == ("human" if isinstance(useless, str) else "tool")
    searcher = create_memory_searcher(ScriptedModel([useless, useless]), namespace=NS, store=store)
    with pytest.raises(ModelAnswerError, match="no valid call of search_memory"):
        await run(searcher, how)


def test_a_model_without_tools_searches_too(store):
    model = ScriptedModel(
        ['[{"name": "search_memory", "arguments": {"query": "ferry"}}]'], takes_tools=False
    )
    (found,) = create_memory_searcher(model, namespace=NS, store=store).invoke(HELLO)
    assert found.key == "c"


@HOW
async def test_the_searcher_takes_store_and_namespace_from_the_graph(store, how):
    model = ScriptedModel([searches("ferry")])
    searcher = create_memory_searcher(model, namespace=("memories", "{langgraph_user_id}"))

    @entrypoint(store=store)
    def app(given):
        return [item.key for item in searcher.invoke(given)]

    @entrypoint(store=store)
    async def aapp(given):
        return [item.key for item in await searcher.ainvoke(given)]

    config = {"configurable": {"langgraph_user_id": "nora"}}
    assert await run(app if how == "sync" else aapp, how, config=config) == ["c"]


@pytest.mark.parametrize(
    ("given", "error"),
    [([("user", "x")], InputError), ({}, InputError), ({"messages": "x"}, InputError)],
)
def test_bad_input_of_the_searcher_is_told(store, given, error):
    searcher = create_memory_searcher(ScriptedModel([]), namespace=NS, store=store)
    with pytest.raises(error):
        searcher.invoke(given)
    with pytest.raises(ConfigurationError, match="limit"):
        create_memory_searcher(ScriptedModel([]), limit=0)


# The thread extractor


class Ticket(BaseModel):
    """A request for help."""

    topic: str
    urgency: int


@dataclasses.dataclass
class Mood:
    word: str


DICT = {"title": "Note", "type": "object", "properties": {"text": {"type": "string"}},
        "required": ["text"]}  # fmt: skip


@HOW
async def test_by_default_title_and_summary(how):
    model = ScriptedModel([[("SummarizeThread", {"title": "Dinner", "summary": "No peanuts."})]])
    found = await run(create_thread_extractor(model), how)
    assert (found.title, found.summary) == ("Dinner", "No peanuts.")
    assert model.requests[0].tool_names == ["SummarizeThread"]


@pytest.mark.parametrize(
    ("schema", "name", "arguments", "expected"),
    [
        (Ticket, "Ticket", {"topic": "t", "urgency": "3"}, Ticket(topic="t", urgency=3)),
        (Mood, "Mood", {"word": "fine"}, Mood("fine")),
        (DICT, "Note", {"text": "x"}, {"text": "x"}),
    ],
)
def test_any_schema(schema, name, arguments, expected):
    model = ScriptedModel([[(name, arguments)]])
    extractor = create_thread_extractor(model, schema, "Extract {nothing} more.")
    assert extractor.invoke(HELLO) == expected
    assert model.requests[0].messages[0].content == "Extract {nothing} more."


@HOW
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("It is about dinner.", "no tool was called @ Ticket"),
        ([("Ticket", {"topic": "t"})], "Field required @ Ticket/urgency"),
        ([("Other", {})], "call Ticket with a JSON object @ Other"),
    ],
)
async def test_a_bad_answer_gets_one_repair_turn_then_a_clear_error(how, bad, told):
    good = [("Ticket", {"topic": "t", "urgency": 3})]
    model = ScriptedModel([bad, good])
    assert (await run(create_thread_extractor(model, Ticket), how)).urgency == 3
    assert told in model.requests[1].messages[-1].content
    model = ScriptedModel([bad, bad, good])
    with pytest.raises(ModelAnswerError, match="also when it was asked again") as caught:
        await run(create_thread_extractor(model, Ticket), how)
    assert told in str(caught.value)
    assert len(model.requests) == 2


def test_a_model_without_tools_extracts_too():
    model = ScriptedModel(
        ["no", '[{"name": "Ticket", "arguments": {"topic": "t", "urgency": 1}}]'],
        takes_tools=False,
    )
    assert create_thread_extractor(model, Ticket).invoke(HELLO) == Ticket(topic="t", urgency=1)
    assert '"name": "Ticket"' in model.requests[0].messages[0].content


def test_bad_input_of_the_extractor_is_told():
    with pytest.raises(InputError, match="An extractor takes"):
        create_thread_extractor(ScriptedModel([])).invoke([("user", "x")])


# Summaries of past conversations


def summary(text):
    return [("ConversationSummary", {"title": "Dinner", "summary": text, "open_ends": ["dessert"]})]


@HOW
async def test_a_threads_summary_is_kept_once_and_found_again(store, how):
    model = ScriptedModel([summary("Rice for Ines."), summary("Rice."), summary("Rice.")] * 2)
    keeper = create_thread_summarizer(model, namespace=("memories", "{user}"), store=store)
    config = {"configurable": {"user": "nora", "thread_id": "t/1"}}
    puts = [await run(keeper, how, config=config) for _ in range(3)]
    assert [len(put) for put in puts] == [1, 1, 0]
    actions = [put.receipt.changes[0].action for put in puts]
    assert actions == ["inserted", "updated", "unchanged"]
    assert puts[0].receipt.usage.model_calls == 1
    kept = [i.value for i in store.search(NS, limit=50) if i.value.get("kind")]
    assert kept == [
        {"kind": "ConversationSummary",
         "content": {"title": "Dinner", "summary": "Rice.", "open_ends": ["dessert"]}}
    ]  # fmt: skip
    other = {"configurable": {"user": "nora", "thread_id": "t/2"}}
    await run(keeper, how, config=other)
    assert len([i for i in store.search(NS, limit=50) if i.value.get("kind")]) == 2
    assert recall("dinner with rice", NS, store=store)[0].kind == "ConversationSummary"


def test_summaries_of_two_schemas_stand_side_by_side(store):
    config = {"configurable": {"thread_id": 0}}
    for reply, schema in (
        (summary("Rice."), ConversationSummary),
        ([("Ticket", {"topic": "t", "urgency": 2})], Ticket),
    ):
        model = ScriptedModel([reply])
        keeper = create_thread_summarizer(model, schema=schema, namespace=NS, store=store)
        assert keeper.invoke(HELLO, config).receipt.inserted
    assert len([i for i in store.search(NS, limit=50) if i.value.get("kind")]) == 2


def test_a_summary_needs_its_thread(store):
    keeper = create_thread_summarizer(ScriptedModel([]), namespace=NS, store=store)
    with pytest.raises(ConfigurationError, match="thread_id"):
        keeper.invoke(HELLO)
    assert issubclass(ConversationSummary, BaseModel)


def test_a_summary_may_have_a_schema_of_its_own(store):
    model = ScriptedModel([[("Ticket", {"topic": "t", "urgency": 2})]])
    keeper = create_thread_summarizer(model, schema=Ticket, namespace=NS, store=store)
    (put,) = keeper.invoke(HELLO, {"configurable": {"thread_id": "1"}})
    assert put["value"] == {"kind": "Ticket", "content": {"topic": "t", "urgency": 2}}
