"""Recall, in stores that rank and in stores that do not."""

import pytest
from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore

from holdfast import ConfigurationError, arecall, open_store, recall
from holdfast.analysis import STOP_WORDS, question_tokens, tokens
from holdfast.errors import InputError

NS = ("m", "nora")
FACTS = {
    "1": {"content": "Ines is allergic to peanuts"},
    "2": {"kind": "Memory", "content": {"content": "Nora moves on 18 April"}},
    "3": {"kind": "Message", "content": {"role": "user", "text": "the peanut jar", "time": None}},
    "4": {"any": ["nested", {"deep": "ferry tickets"}], "n": 7, "flag": True},
}


def embed(texts):
    return [[float("peanut" in text), float("ferry" in text), 0.1] for text in texts]


@pytest.fixture(params=["sqlite", "in-memory", "in-memory with vectors"])
def store(request):
    if request.param == "sqlite":
        with open_store(":memory:") as opened:
            opened.batch([PutOp(NS, key, value) for key, value in FACTS.items()])
            yield opened
    else:
        index = {"embed": embed, "dims": 3} if "vectors" in request.param else None
        opened = InMemoryStore(index=index)
        opened.batch([PutOp(NS, key, value) for key, value in FACTS.items()])
        yield opened


async def test_the_best_match_comes_first_sync_and_async(store):
    found = recall("What is Ines allergic to? peanuts?", NS, store=store, k=2)
    assert found == await arecall("What is Ines allergic to? peanuts?", NS, store=store, k=2)
    assert {one.key for one in found} == {"1", "3"}
    assert all(0 < one.score <= 1 for one in found)


def test_words_in_any_value_are_found(store):
    (found, *_) = recall("ferry", NS, store=store, k=1)
    assert found.key == "4"
    assert found.text == "nested ferry tickets 7"
    assert found.kind == "__any__"
    assert found.to_dict()["namespace"] == NS


def test_a_message_tells_speaker_and_time():
    with open_store(":memory:") as store:
        said = {"role": "user", "text": "the jar", "speaker": "Nora", "time": "2026-01-02"}
        store.put(("m", "a%2Eb"), "k", {"kind": "Message", "content": said})
        (found,) = recall(
            "Nora's jar", ("m", "{u}"), store=store, config={"configurable": {"u": "a.b"}}
        )
        assert (found.speaker, found.time, found.namespace) == ("Nora", "2026-01-02", ("m", "a.b"))


def test_nothing_that_matches_gives_nothing():
    for store in (open_store(":memory:"), InMemoryStore()):
        store.put(NS, "1", {"content": "tea"})
        assert not recall("submarine", NS, store=store)
        assert recall("tea", ("other",), store=store).as_text() == ""
        getattr(store, "close", lambda: None)()


def test_a_store_without_scores_is_ranked_by_words_here():
    store = InMemoryStore()
    store.batch([PutOp(NS, str(n), {"content": f"filler {n}"}) for n in range(300)])
    store.put(NS, "x", {"content": "a needle"})
    assert [one.key for one in recall("needle", NS, store=store)] == ["x"]


@pytest.mark.parametrize("question", ["", "   ", None, 7])
def test_an_empty_question_is_refused(store, question):
    with pytest.raises(InputError, match="question must be a text"):
        recall(question, NS, store=store)


def test_bad_settings_are_refused(store):
    for k in (0, "3", True, 2.0, 10**30):
        with pytest.raises(InputError, match="k must be a number from 1 on"):
            recall("x", NS, store=store, k=k)
    with pytest.raises(ConfigurationError, match="There is no store"):
        recall("x", NS)
    with pytest.raises(ConfigurationError, match="'u' is missing"):
        recall("x", ("{u}",), store=store)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running, runner's RUNS", ["run", "runner", "run"]),
        ("e-mail: a.b@c.example 3,750", ["e", "mail", "a.b", "c.example", "3,750"]),
        ("", []),
        ("Straße", ["strass"]),
        ("東京都", ["東京", "京都"]),
        ("a日b", ["a", "日", "b"]),
        ("ガス", ["ガス"]),
    ],
)
def test_tokens(text, expected):
    assert tokens(text) == expected


def test_questions_keep_what_tells_and_fall_back_to_what_there_is():
    assert question_tokens("What did the ferry cost, the ferry?") == ["ferri", "cost"]
    assert question_tokens("Who are you?") == ["who", "are", "you"]
    assert "the" in STOP_WORDS
