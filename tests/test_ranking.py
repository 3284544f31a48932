"""The ranker: what speaks for a text, how it is weighed, and that memory follows the database."""

import asyncio
import gc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import ConfigurationError, arecall, recall
from holdfast.dates import find
from holdfast.errors import InputError
from holdfast.history import ChangeSet, Said, Source, Write
from holdfast.memory import Message
from holdfast.ranking import ASSISTANT, PEOPLE, SIGNALS, Asked, Corpus, Document, Ranking, rank

NS = ("m",)
WORDS = ["tea", "ferry", "nine", "harbour", "cake", "list"]


@pytest.fixture
def store(opened):
    return opened()


def talk(store, *turns, thread="monday", namespace=NS):
    """Keep a conversation; a turn is a speaker (or a role) and a text."""
    roles = {"user", "assistant"}
    messages = tuple(
        Message(who if who in roles else "user", text, None if who in roles else who)
        for who, text in turns
    )
    store.commit(ChangeSet(namespace, journal=(Said(messages, thread),)))


def asked(store, question, k=10, namespace=NS, **settings):
    return [one.text for one in recall(question, namespace, store=store, k=k, **settings)]


def corpus(*texts, thread=None, **settings):
    made = Corpus()
    made.change((), [document(n, text, thread=thread, **settings) for n, text in enumerate(texts)])
    return made


def document(id, text, *, thread=None, speaker=None, time=None, asks=False):
    group = "memory" if thread is None else "said"
    return Document(id, group, text.split(), thread, speaker, time, asks)


def scores(made, question, weights=PEOPLE, count=100):
    return {one.id: one.score for one in rank([(made, weights)], Asked(question), count)}


def best(found):
    return max(found, key=found.get)


# Weights


@pytest.mark.parametrize("weight", ["1", None, float("nan"), True, -1])
def test_a_weight_is_a_number_from_0_on(weight):
    with pytest.raises(ConfigurationError, match="words"):
        Ranking(words=weight)


@pytest.mark.parametrize("weight", [10**400, 1e308, 1_000_001, float("inf")])
def test_a_weight_is_a_million_at_most(weight):
    with pytest.raises(ConfigurationError, match=r"Ranking\(words=\) is"):
        Ranking(words=weight)
    assert replace(PEOPLE, words=1e6).score({"words": 0.5}) == pytest.approx(0.5, abs=1e-3)


def test_the_length_is_a_share():
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        Ranking(length=1.5)


@pytest.mark.parametrize("off", SIGNALS)
@pytest.mark.parametrize("weights", [PEOPLE, ASSISTANT])
def test_a_signal_that_is_switched_off_counts_for_nothing(off, weights):
    made = Corpus()
    made.change(
        (),
        [
            document(1, "ferri leav at nine", thread=1, speaker="Nora", asks=True),
            document(2, "i like tea", thread=1, speaker="Ines"),
            document(3, "ferri", thread=2, speaker="Ines"),
        ],
    )
    found = rank([(made, replace(weights, **{off: 0}))], Asked("Nora's ferry?"), 3)
    assert len(found) > 1
    for one in found:
        total = sum(one.signals[name] * getattr(one.weights, name) for name in SIGNALS)
        rest = sum(getattr(weights, name) for name in SIGNALS if name != off)
        assert one.score == pytest.approx(max(0, total / rest))


# Signals


def test_rare_words_count_more_than_common_ones():
    made = corpus("tea", "tea", "tea", "ferri", "tea")
    assert best(scores(made, "tea ferry")) == 3


def test_an_answer_is_found_by_the_question_before_it():
    made = corpus("do you like the ferri", "ye veri much", "and cake", "no", "well", thread=1)
    found = scores(made, "ferry")
    assert set(found) == {0, 1, 2}
    assert found[0] > found[1] > found[2]
    alone = scores(made, "ferry", replace(PEOPLE, surroundings=0, session=0))
    assert set(alone) == {0}


def test_what_is_said_long_after_is_another_occasion():
    turns = [(0, "ferri", "2026-05-01T10:00:00"), (1, "ye", "2026-05-01T18:00:00")]
    made = Corpus()
    made.change((), [document(id, text, thread=1, time=time) for id, text, time in turns])
    assert set(scores(made, "ferry")) == {0}


def test_whoever_is_named_in_the_question_counts_more():
    made = Corpus()
    for id, speaker in enumerate(["Nora Berg", "Ines", "Ada"]):
        made.change((), [document(id, "likes tea", thread=id, speaker=speaker)])
    assert best(scores(made, "What does Ines say of tea?")) == 1
    assert best(scores(made, "What does Nora say of tea?")) == 0


def test_what_was_said_on_a_day_that_is_named_counts_more():
    made = Corpus()
    days = ["2023-05-07T10:00:00", "2023-06-01T10:00:00", None]
    made.change(
        (), [document(n, "tea again", thread=n + 1, time=day) for n, day in enumerate(days)]
    )
    named = Asked("Who had tea on 7 May 2023?", find("on 7 May 2023"))
    found = {one.id: one for one in rank([(made, PEOPLE)], named, 10)}
    assert found[0].signals["when"] == 1.0
    assert found[0].score > found[1].score == found[2].score
    alone = rank([(made, PEOPLE)], Asked("What was on 7 May 2023?", named.times), 10)
    assert [one.id for one in alone] == [0]
    off = rank([(made, replace(PEOPLE, when=0))], Asked("What was on 7 May?", named.times), 10)
    assert off == []


def test_a_statement_counts_more_than_a_question():
    made = Corpus()
    made.change(
        (),
        [
            document(1, "like tea here", thread=1, asks=True),
            document(2, "i like tea", thread=2),
            document(3, "like tea here", thread=3),
        ],
    )
    found = scores(made, "tea")
    assert found[2] > found[3] > found[1]


def test_words_of_asking_count_less():
    made = corpus("list list", "ferri ferri")
    found = scores(made, "Please list the ferry")
    assert found[1] > found[0] > 0


def test_a_long_question_stays_fast():
    made = corpus(*(f"w{n}" for n in range(500)))
    question = " ".join(f"w{n}" for n in range(500))
    assert len(scores(made, question, count=500)) == 32


def test_nothing_is_found_where_nothing_speaks_for_it():
    made = corpus("tea", "ferri", thread=1)
    assert scores(made, "cello") == {}
    assert scores(Corpus(), "tea") == {}


documents = st.builds(
    lambda id, text, thread, speaker, asks: document(
        id, " ".join(text), thread=thread, speaker=speaker, asks=asks
    ),
    st.integers(0, 8),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    st.integers(1, 2),
    st.sampled_from(["Nora", "Ines"]),
    st.booleans(),
)


@given(
    st.lists(documents, max_size=9, unique_by=lambda one: one.id),
    st.lists(documents, max_size=9, unique_by=lambda one: one.id),
    st.sets(st.integers(0, 8)),
)
def test_scores_do_not_tell_how_a_corpus_came_to_be(first, second, gone):
    """Memories, whose order says nothing: built up in steps, or at once, they rank the same."""
    first, second = ([replace(one, thread=None) for one in part] for part in (first, second))
    steps = Corpus()
    steps.change((), first)
    steps.change([*gone, *(one.id for one in second)], second)
    left = {one.id: one for one in first if one.id not in gone} | {one.id: one for one in second}
    whole = Corpus()
    whole.change((), list(left.values()))
    for question in ("tea ferry", "nine", "list the cake"):
        assert scores(steps, question) == pytest.approx(scores(whole, question))


@given(st.lists(documents, max_size=9, unique_by=lambda one: one.id))
def test_what_is_told_again_changes_nothing(given):
    made = corpus()
    made.change((), given)
    before = scores(made, "tea ferry nine")
    made.change([one.id for one in given], given)
    assert scores(made, "tea ferry nine") == before
    assert made.rows == len(given)


# In the stores


def test_memories_and_messages_are_ranked_together(store):
    store.put(NS, "a", {"content": "Ines is allergic to peanuts"})
    talk(store, ("Nora", "Does Ines eat cake?"), ("Ines", "Only without peanuts"))
    found = recall("Is Ines allergic to peanuts?", NS, store=store)
    assert found[0].text == "Ines is allergic to peanuts"
    assert [one.kind for one in found] == ["Memory", "Message", "Message"]
    assert all(0 <= one.score <= 1 for one in found)
    assert list(found) == sorted(found, key=lambda one: -one.score)
    assert "words" in found[0].explain()
    assert asyncio.run(arecall("peanuts", NS, store=store, k=1)) == recall(
        "peanuts", NS, store=store, k=1
    )


def test_what_changes_is_found_as_it_is(store, opened):
    other = opened()
    store.put(NS, "a", {"content": "likes tea"})
    assert asked(other, "tea") == ["likes tea"]
    store.put(NS, "a", {"content": "likes coffee"})
    assert (asked(other, "tea"), asked(other, "coffee")) == ([], ["likes coffee"])
    store.delete(NS, "a")
    assert asked(other, "coffee") == []
    talk(store, ("Nora", "The ferry leaves at nine"))
    assert asked(other, "ferry") == ["The ferry leaves at nine"]
    talk(store, ("Ines", "Good"))
    assert asked(other, "ferry") == ["The ferry leaves at nine", "Good"]
    store.forget(NS, source=Source("thread", "monday"))
    assert asked(other, "ferry") == []


def test_what_was_forgotten_is_not_held_in_memory_either(store):
    talk(store, ("Nora", "The zeppelin leaves at nine"))
    assert asked(store, "zeppelin")
    store.forget(NS, source=Source("thread", "monday"))
    gc.collect()
    held = [one for one in gc.get_objects() if isinstance(one, Document)]
    assert not [one for one in held if "zeppelin" in one.tokens]


def test_what_has_expired_is_not_recalled_and_takes_no_place(store):
    for number in range(3):
        write = Write(f"k{number}", {"content": f"tea {number}"}, ttl=0 if number else None)
        store.commit(ChangeSet(NS, (write,)))
    assert asked(store, "tea", k=1) == ["tea 0"]


def test_one_tenant_does_not_move_the_scores_of_another(store):
    store.put(("a",), "k", {"content": "green tea"})
    before = recall("tea", ("a",), store=store)
    for number in range(20):
        store.put(("b",), f"k{number}", {"content": "tea tea tea"})
    assert recall("tea", ("a",), store=store) == before


def test_what_stands_below_is_recalled_too(store):
    store.put(("a", "b"), "k", {"content": "green tea"})
    store.put(("ab",), "k", {"content": "black tea"})
    assert asked(store, "tea", namespace=("a",)) == ["green tea"]


def test_an_assistant_is_told_by_its_messages(store):
    talk(store, ("user", "I like tea"), ("assistant", "Tea it is, then"))
    assert recall("tea", NS, store=store)[0].weights["session"] == 0
    talk(store, ("Nora", "I like tea"), namespace=("other",))
    assert recall("tea", ("other",), store=store)[0].weights["session"] > 0


@pytest.mark.parametrize("ranking", [{}, {"words": 1}, 0, "people", [], Ranking])
def test_weights_that_are_none_are_refused(store, ranking):
    with pytest.raises(InputError, match=r"ranking must be a Ranking\(\.\.\.\), got"):
        recall("tea", NS, store=store, ranking=ranking)
    assert not recall("tea", NS, store=store, ranking=None)


def test_weights_can_be_given(store):
    talk(store, ("Nora", "Do you like the ferry?"), ("Ines", "Yes"))
    alone = replace(PEOPLE, surroundings=0, session=0)
    assert asked(store, "ferry", ranking=alone) == ["Do you like the ferry?"]


def test_meaning_finds_what_no_word_does_and_names_are_kept_from_the_embedder(opened):
    heard = []

    def embed(texts):
        heard.extend(texts)
        return [[float("sea" in text or "ocean" in text), 0.2, 0.1] for text in texts]

    store = opened(index={"embed": embed, "dims": 3})
    talk(store, ("Nora", "I love the sea"), ("Nora", "I hate trains"), ("Ines", "Cake?"))
    found = recall("What does Nora say of the ocean?", NS, store=store)
    assert found[0].text == "I love the sea"
    assert found[0].signals["meaning"] > 0.5
    assert "Nora" not in heard[-1]
    assert "ocean" in heard[-1]


def test_where_the_embedder_fails_words_are_left(opened):
    down = []

    def embed(texts):
        if down:
            raise ConnectionError("down")
        return [[1.0, 0.5] for _ in texts]

    store = opened(index={"embed": embed, "dims": 2})
    store.put(NS, "a", {"content": "green tea"})
    down.append(True)
    assert asked(store, "tea") == ["green tea"]


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("Wogegen ist Inês allergisch?", "Ines ist allergisch gegen Erdnüsse", "Nora mag Tee"),
        ("イネスは何アレルギーですか", "イネスはピーナッツアレルギーです", "ノラはお茶が好き"),
        ("ما الذي تحبه نورا؟", "نورا تحبه الشاي الأخضر", "سافرت إلى البحر"),
    ],
)
def test_other_languages_are_found_by_their_words(store, question, answer, other):
    talk(store, ("user", other), thread="one")
    talk(store, ("user", answer), thread="two")
    assert asked(store, question)[0] == answer
