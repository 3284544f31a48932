"""The evaluation: readers with their traps, metrics, intervals, rows, and the commands."""

import gzip
import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from holdfast.cli import app
from holdfast.errors import ConfigurationError, InputError
from holdfast.evaluate import (
    Turn,
    Vectors,
    asking,
    chosen,
    evaluate,
    read_jsonl,
    read_locomo,
    report,
    rows_of,
)
from holdfast.evaluate import metrics as m
from holdfast.evaluate.intervals import interval, intervals, paired
from holdfast.evaluate.rows import by_deviations, by_ranks, names
from holdfast.ranking import SIGNALS
from holdfast.wording.context import count_tokens

# Invented conversations


def said(id, text, speaker="Nora", session=1, **more):
    return {"id": id, "speaker": speaker, "text": text, "session": session, **more}


PEERS = {
    "id": "peers",
    "kind": "peer",
    "messages": [
        said("a1", "The ferry to Gozo leaves at nine", time="2026-05-01T09:00:00"),
        said("a2", "I am allergic to walnuts, remember?", "Tom"),
        said("b1", "We adopted a greyhound called Biscuit", session=2),
        said("b2", "What a lovely dog!", "Tom", session=2),
        said("c1", "My lemon tree finally has lemons", session=3),
    ],
    "questions": [
        {"id": "q1", "text": "When does the ferry leave?", "category": "dates", "evidence": ["a1"]},
        {"text": "What is Tom allergic to?", "category": "facts", "evidence": ["a2"]},
        {"text": "Which greyhound, which lemons?", "category": "facts", "evidence": ["b1", "c1"]},
        {"text": "Who won?", "category": "facts", "evidence": []},
        {"text": "Who lost?", "category": "facts", "evidence": ["z9"]},
        {"text": "Is Biscuit a dog?", "category": "facts", "evidence": ["b1", "z9"]},
    ],
}
WITH_ASSISTANT = {
    "id": 7,
    "kind": "assistant",
    "messages": [
        {"id": 1, "role": "user", "speaker": "user", "text": "Plan a walk along the canal"},
        {"id": 2, "role": "assistant", "speaker": "assistant", "text": "The canal, the canal"},
        {"id": 3, "role": "user", "text": "My budget is forty euros"},
    ],
    "questions": [
        {"text": "Where along the canal?", "evidence": [1, 2]},
        {"text": "What did you say of the canal?", "evidence": [2]},
    ],
}


def talk(number, speaker, text, **more):
    return {"dia_id": number, "speaker": speaker, "text": text, **more}


LOCOMO = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ada",
        "speaker_b": "Bo",
        "session_2_date_time": "12:05 am on 9 June, 2023",
        "session_2": [talk("D2:1", "Bo", "", blip_caption="a red kite over a beach")],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            talk("D1:1", "Ada", "I bake sourdough", img_url=["x"], query="bread"),
            talk("D1:2", "Bo", "Look!", blip_caption="a cat in a box"),
        ],
        "session_3_date_time": "3:00 pm on 1 July, 2023",
    },
    "qa": [
        {"question": "What does Ada bake?", "answer": 5, "evidence": ["D1:1"], "category": 4},
        {"question": "What flew, and who sat?", "evidence": ["D1:2; D2:1"], "category": 1},
        {"question": "What flew?", "evidence": ["D:2:1", "D"], "category": 2},
        {"question": "A cat in what?", "evidence": ["D1:02 D1:1"], "category": 3},
        {
            "question": "What does Bo bake?",
            "evidence": ["D1:1"],
            "category": 5,
            "adversarial_answer": "sourdough",
        },
        {"question": "Why?", "evidence": [], "category": 3},
        {"question": "Where?", "category": 3},
        {"question": "Who?", "evidence": ["D9:9"], "category": 3},
    ],
    "event_summary": {},
}


def write(path, *lines):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def chats(tmp_path):
    return write(tmp_path / "chats.jsonl", PEERS, WITH_ASSISTANT)


def embed(texts):
    """Return vectors of words: each stands in one of 64 places by its hash."""
    found = []
    for text in texts:
        vector = [0.0] * 64
        for word in text.lower().replace("?", "").split():
            vector[hashlib.sha256(word.encode()).digest()[0] % 64] += 1
        found.append(vector)
    return found


def by_hashes(cache=None, using=embed):
    return Vectors({"embed": using, "dims": 64, "fingerprint": "hashes"}, cache)


# Readers


def test_locomo_is_read_with_all_its_traps(tmp_path):
    (found,) = read_locomo(write(tmp_path / "locomo.json", json.dumps([LOCOMO])))
    assert [(turn.id, turn.session, turn.time) for turn in found.turns] == [
        ("D1:1", "1", "2023-05-08T13:56:00"),
        ("D1:2", "1", "2023-05-08T13:56:00"),
        ("D2:1", "2", "2023-06-09T00:05:00"),
    ]
    assert [turn.said for turn in found.turns] == [
        "Ada: I bake sourdough",
        "Bo: Look! [image: a cat in a box]",
        "Bo: [image: a red kite over a beach]",
    ]
    assert [(q.id, q.category, q.evidence) for q in found.questions] == [
        ("conv-1#1", "4 single-hop", ("D1:1",)),
        ("conv-1#2", "1 multi-hop", ("D1:2", "D2:1")),
        ("conv-1#3", "2 temporal", ("D2:1",)),
        ("conv-1#4", "3 open-domain", ("D1:2", "D1:1")),
        ("conv-1#5", "5 adversarial", ("D1:1",)),
    ]
    assert found.left_out == {"without evidence": 2, "evidence names no message": 1}
    assert found.ignored == {"of no message": 1}
    assert found.kind == "peer"


def test_jsonl_is_read_plain_and_compressed(tmp_path, chats):
    packed = tmp_path / "chats.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + Path(chats).read_bytes() + b"\n\n"))
    peers, assistant = read_jsonl(chats)
    assert [peers, assistant] == read_jsonl(packed)
    assert [question.id for question in peers.questions] == ["q1", "peers#2", "peers#3", "peers#6"]
    assert peers.questions[3].evidence == ("b1",)
    assert peers.left_out == {"without evidence": 1, "evidence names no message": 1}
    assert peers.turns[0].said == "Nora: The ferry to Gozo leaves at nine"


def test_with_an_assistant_the_users_messages_are_candidates_and_evidence(chats):
    assistant = read_jsonl(chats)[1]
    assert assistant.id == "7"
    assert [turn.id for turn in assistant.candidates] == ["1", "3"]
    assert assistant.candidates[0].said == "Plan a walk along the canal"
    assert [question.evidence for question in assistant.questions] == [("1",)]
    assert assistant.left_out == {"evidence names the assistant's messages alone": 1}
    assert assistant.ignored == {"of the assistant's messages": 1}


def changed(base, **more):
    return {**base, **more}


def without(base, key):
    return {name: value for name, value in base.items() if name != key}


ONE, TWO = PEERS["messages"][:2]
WRONG_LINES = {
    "{not json": ["line 1", "not JSON"],
    json.dumps([1]): ["line 1", "dictionary"],
    json.dumps(without(PEERS, "messages")): ["line 1", "messages"],
    json.dumps(changed(PEERS, messages=[])): ["line 1", "messages"],
    json.dumps(changed(PEERS, kind="group")): ["line 1", "'peer' or 'assistant'", "kind", "group"],
    json.dumps(changed(PEERS, messages=[without(ONE, "text")])): ["messages/0/text"],
    json.dumps(changed(PEERS, messages=[ONE, ONE])): ["several messages", "'a1'"],
    json.dumps(changed(PEERS, messages=[ONE, changed(TWO, time="noon")])): ["messages/1/time"],
    json.dumps(changed(PEERS, questions=[{"text": "Who?", "evidence": "a1"}])): [
        "questions/0/evidence"
    ],
    json.dumps(changed(PEERS, questions=[{"text": " ", "evidence": ["a1"]}])): ["no words"],
    json.dumps(changed(WITH_ASSISTANT, messages=[{"id": 1, "text": "Hi"}])): ["role", "messages/0"],
    json.dumps(PEERS) + "\n" + json.dumps(PEERS): ["several conversations", "'peers'"],
    "\n \n": ["empty"],
}


@pytest.mark.parametrize("line", WRONG_LINES)
def test_errors_of_jsonl_name_the_file_the_line_and_what_is_wrong(tmp_path, line):
    file = write(tmp_path / "wrong.jsonl", line)
    with pytest.raises(InputError) as caught:
        read_jsonl(file)
    for part in [file, *WRONG_LINES[line]]:
        assert part in str(caught.value)


def sample(**talks):
    return [changed(LOCOMO, conversation={**LOCOMO["conversation"], **talks})]


WRONG_LOCOMO = {
    "{": ["not JSON"],
    json.dumps({"a": 1}): ["no list of conversations"],
    json.dumps([without(LOCOMO, "qa")]): ["conversation 1 ('conv-1')", "qa"],
    json.dumps([changed(LOCOMO, conversation={})]): ["no messages", "session_1"],
    json.dumps(sample(session_1="text")): ["conversation/session_1", "text"],
    json.dumps(sample(session_1=[{"text": "Hi"}])): ["conversation/session_1/0/speaker"],
    json.dumps(sample(session_2_date_time="noon")): ["session_2_date_time", "8 May, 2023", "noon"],
    json.dumps(sample(session_2_date_time="1:56 pm on 31 June, 2023")): ["session_2_date_time"],
    json.dumps([LOCOMO, LOCOMO]): ["several conversations", "conv-1"],
}


@pytest.mark.parametrize("text", WRONG_LOCOMO)
def test_errors_of_locomo_name_the_conversation_and_the_place(tmp_path, text):
    file = write(tmp_path / "wrong.json", text)
    with pytest.raises(InputError) as caught:
        read_locomo(file)
    for part in [file, *WRONG_LOCOMO[text]]:
        assert part in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    for read in (read_jsonl, read_locomo):
        with pytest.raises(InputError, match=r"none\.jsonl: No such file"):
            read(tmp_path / "none.jsonl")
        with pytest.raises(InputError) as caught:
            read(tmp_path)
        assert str(caught.value).startswith(f"{tmp_path}: Is a directory. Give ")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(json.dumps(PEERS).encode())[:60])
    with pytest.raises(InputError, match=r"cut\.gz"):
        read_jsonl(cut)


def test_conversations_are_chosen_by_id(chats):
    read = read_jsonl(chats)
    assert [one.id for one in chosen(read, ["7"])] == ["7"]
    assert [one.id for one in chosen(read, without=["7"])] == ["peers"]
    with pytest.raises(InputError, match=r"no conversation '8'.*peers"):
        chosen(read, ["8"])
    with pytest.raises(InputError, match="no conversation is left"):
        chosen(read, without=["7", "peers"])


def test_there_must_be_a_question(tmp_path):
    file = write(tmp_path / "none.jsonl", changed(PEERS, questions=[]))
    with pytest.raises(InputError, match="no question"):
        chosen(read_jsonl(file))


# Metrics, counted by hand

RANKED = ["x", "a", "y", "b", "z"]
GOLD = ("a", "b", "c")


def test_metrics_counted_by_hand():
    assert m.recall_at(RANKED, GOLD, 1) == 0
    assert m.recall_at(RANKED, GOLD, 2) == 1 / 3
    assert m.recall_at(RANKED, GOLD, 10) == 2 / 3
    assert (m.any_at(RANKED, GOLD, 1), m.any_at(RANKED, GOLD, 2)) == (0, 1)
    assert (m.all_at(RANKED, GOLD, 10), m.all_at(RANKED, ("a", "b"), 4)) == (0, 1)
    assert m.all_at(RANKED, ("a", "b"), 3) == 0
    assert m.reciprocal_rank(RANKED, GOLD) == 1 / 2
    assert m.reciprocal_rank(["x"], GOLD) == 0
    gained = 1 / math.log2(3) + 1 / math.log2(5)
    best = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert m.ndcg_at(RANKED, GOLD, 10) == pytest.approx(gained / best)
    assert m.ndcg_at(RANKED, GOLD, 2) == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))


def test_sessions_rank_by_their_best_turn():
    turns = {id: Turn(id, "", session=id[0]) for id in ("a1", "a2", "b1", "c1")}
    assert m.sessions_of(["b1", "a2", "b1", "a1", "c1"], turns) == ["b", "a", "c"]


def test_budgets_are_filled_in_order_up_to_the_first_that_does_not_fit():
    costs = {"a": 40, "b": 70, "c": 10}
    assert m.within(["a", "b", "c"], costs, 100) == ["a"]
    assert m.within(["a", "c", "b"], costs, 50) == ["a", "c"]
    assert m.within(["b"], costs, 69) == []
    assert m.within(["a", "c"], costs, 500) == ["a", "c"]
    texts = ["", "four", "fives", "東京"]
    assert [count_tokens(text) for text in texts] == [0, 1, 2, 2]
    assert m.rendered(Turn("1", "Hi", "user")) == "user: Hi"


def test_every_metric_of_a_question():
    turns = {id: Turn(id, "w" * 1_000, speaker="N", session=id[0]) for id in ("a1", "a2", "b1")}
    costs = {id: count_tokens(m.rendered(turn)) for id, turn in turns.items()}
    found = m.measured(["a1", "b1"], ("b1", "a2"), turns, costs)
    assert tuple(found) == m.NAMES
    assert (found["recall@10"], found["all@10"], found["MRR"]) == (0.5, 0, 0.5)
    assert (found["session recall@5"], found["session all@5"]) == (1, 1)
    assert (found["tokens@10"], found["all in 4000"]) == (502, 0)
    found = m.measured(["a1", "b1"], ("b1",), turns, costs)
    assert (found["all in 500"], found["all in 1000"]) == (0, 1)


ids = st.integers(0, 30).map(str)
rankings = st.lists(ids, unique=True, max_size=30)
golds = st.lists(ids, unique=True, min_size=1, max_size=10)


@given(rankings, golds)
def test_metrics_stay_within_bounds_and_grow_with_k(ranked, gold):
    turns = {str(n): Turn(str(n), "w" * (n * 40), session=str(n // 5)) for n in range(31)}
    costs = {id: count_tokens(m.rendered(turn)) for id, turn in turns.items()}
    found = m.measured(ranked, gold, turns, costs)
    assert all(0 <= value <= 1 for name, value in found.items() if name != "tokens@10")
    assert 0 <= found["all@10"] <= found["recall@10"] <= found["any@10"]
    for metric in (m.recall_at, m.any_at, m.all_at):
        values = [metric(ranked, gold, k) for k in range(1, 32)]
        assert values == sorted(values)
    budgets = [found[f"all in {budget}"] for budget in m.BUDGETS]
    assert budgets == sorted(budgets)


@given(rankings, golds)
def test_a_perfect_ranking_gives_one(others, gold):
    ranked = [*gold, *(id for id in others if id not in gold)]
    for k in (10, 20):
        assert m.recall_at(ranked, gold, k) == m.all_at(ranked, gold, k) == 1
        assert m.ndcg_at(ranked, gold, k) == pytest.approx(1)
    assert m.reciprocal_rank(ranked, gold) == 1


# Intervals

values = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None)
@given(values)
def test_an_interval_contains_the_mean(given_values):
    found = interval(given_values, resamples=500)
    assert found.mean == pytest.approx(sum(given_values) / len(given_values), abs=1e-12)
    assert min(given_values) - 1e-9 <= found.low <= found.mean <= found.high
    assert found.high <= max(given_values) + 1e-9


@settings(max_examples=30, deadline=None)
@given(values, st.integers(0, 3))
def test_equal_rows_do_not_differ(given_values, seed):
    found = paired(given_values, given_values, seed=seed, resamples=200)
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_intervals_are_those_of_the_binomial_and_follow_from_the_seed():
    coins = [1.0] * 50 + [0.0] * 50
    found = interval(coins)
    assert found.mean == 0.5
    assert found.low == pytest.approx(0.40, abs=0.02)
    assert found.high == pytest.approx(0.60, abs=0.02)
    noise = [(n * 37 % 101) / 101 for n in range(100)]
    assert interval(noise, seed=1) == interval(noise, seed=1) != interval(noise, seed=2)
    both = intervals([[a, b] for a, b in zip(coins, noise, strict=True)], seed=1)
    for one, alone in zip(both, (coins, noise), strict=True):
        assert one.to_dict() == pytest.approx(interval(alone, seed=1).to_dict())


def test_a_paired_difference_is_narrower_than_its_parts():
    one = [(n % 10) / 10 for n in range(100)]
    other = [value - 0.05 for value in one]
    found = paired(one, other)
    assert found.mean == pytest.approx(0.05)
    assert found.high - found.low < 1e-9
    with pytest.raises(ValueError, match="shorter"):
        paired([1.0, 0.0], [1.0])


# Rows


def test_fusions_counted_by_hand():
    import numpy as np

    words, meaning = {0: 0.9, 2: 0.4}, np.array([0.1, 0.8, 0.5])
    ranks = by_ranks(words, meaning)
    assert ranks[0] == pytest.approx(1 / 61 + 1 / 63)
    assert ranks[1] == pytest.approx(1 / 61)
    assert ranks[2] == pytest.approx(1 / 62 + 1 / 62)
    matched = np.array([0.9, 0.0, 0.4])
    expected = (matched - matched.mean()) / matched.std() + (meaning - meaning.mean()) / (
        meaning.std()
    )
    assert list(by_deviations(words, meaning).values()) == pytest.approx(expected.tolist())
    nothing = by_deviations({}, meaning)
    assert max(nothing, key=nothing.get) == 1


def test_every_row_ranks_candidates_alone_best_first(chats):
    read = read_jsonl(chats)
    vectors = by_hashes()
    rows, left_out = rows_of((), vectors)
    assert [row.name for row in rows] == list(names())
    assert not left_out
    steps = []
    runs = evaluate(
        read, rows, vectors=vectors, progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(n, 5 * len(rows)) for n in range(1, 5 * len(rows) + 1)]
    candidates = {one.id: {turn.id for turn in one.candidates} for one in read}
    for run in runs:
        assert run.bytes > 0
        assert run.build_seconds >= 0
        assert [outcome.question for outcome in run.outcomes][:2] == ["q1", "peers#2"]
        for outcome in run.outcomes:
            assert {id for id, _ in outcome.ranked} <= candidates[outcome.conversation]
            scores = [score for _, score in outcome.ranked]
            assert scores == sorted(scores, reverse=True)
        assert run.outcomes[0].ranked[0][0] == "a1", run.name


def test_our_row_finds_whatever_a_word_finds(chats):
    rows, _ = rows_of(["bm25", "holdfast-words"])
    exact, ours = evaluate(read_jsonl(chats)[:1], rows)
    for one, other in zip(exact.outcomes, ours.outcomes, strict=True):
        assert set(dict(one.ranked)) <= set(dict(other.ranked))


def test_the_assistants_messages_do_not_push_the_users_out(tmp_path):
    said = [{"id": n, "role": "assistant", "text": "canal"} for n in range(30)]
    said.append({"id": 30, "role": "user", "text": "A long walk along some canal in the evening"})
    asked = [{"text": "Which canal?", "evidence": [30]}]
    chat = {"id": 1, "kind": "assistant", "messages": said, "questions": asked}
    rows, _ = rows_of(["holdfast-words"])
    (run,) = evaluate(read_jsonl(write(tmp_path / "one.jsonl", chat)), rows)
    assert [id for id, _ in run.outcomes[0].ranked] == ["30"]
    (row,) = rows
    row.build(read_jsonl(tmp_path / "one.jsonl")[0])
    assert [id for id, _ in row.rank("Which canal?", 1)] == ["30"]
    row.close()


def test_langgraph_ranks_as_cosine_does(chats):
    vectors = by_hashes()
    rows, _ = rows_of(["dense", "langgraph"], vectors)
    dense, langgraph = evaluate(read_jsonl(chats)[:1], rows, vectors=vectors)
    for one, other in zip(dense.outcomes, langgraph.outcomes, strict=True):
        assert dict(one.ranked) == pytest.approx(dict(other.ranked), abs=1e-5)


def test_variants_of_our_ranker_are_rows(chats, monkeypatch):
    monkeypatch.setattr(asking, "VARIANTS", (("without-sessions", {"sessions": 0}),))
    given_settings = []

    def ranked(store, namespace, question, k, ranking=None):
        given_settings.append(ranking)
        return store.search_journal(namespace, question, limit=k)

    monkeypatch.setattr("holdfast.evaluate.ours.ranked", ranked)
    rows, _ = rows_of(["holdfast-without-sessions"], by_hashes())
    (run,) = evaluate(read_jsonl(chats), rows)
    assert run.name == "holdfast-without-sessions"
    assert {str(one) for one in given_settings} == {"{'sessions': 0}"}


def test_rows_without_an_embedder_are_left_out_with_a_word():
    rows, left_out = rows_of()
    assert [row.name for row in rows] == ["fts5", "bm25", "holdfast-words"]
    variants = {f"holdfast-no-{signal}" for signal in SIGNALS if signal not in asking.OF_MEMORIES}
    assert set(left_out) == {"dense", "rrf", "zsum", "langgraph", "holdfast", *variants}
    with pytest.raises(ConfigurationError, match=r"dense.*need an embedder"):
        rows_of(["dense"])
    with pytest.raises(ConfigurationError, match=r"no row 'bm26'.*fts5"):
        rows_of(["bm26"])


# Vectors


def test_each_text_is_embedded_once_and_kept_in_a_file(tmp_path):
    asked = []

    def counting(texts):
        asked.extend(texts)
        return embed(texts)

    file = tmp_path / "new" / "vectors.sqlite"
    first = by_hashes(file, counting)
    before = first.embed_documents(["tea", "coffee", "tea"])
    first.embed_query("tea")  # a question is not a document: some models tell them apart
    assert asked == ["tea", "coffee", "tea"]
    second = by_hashes(file, counting)
    assert second.embed_documents(["tea", "coffee", "tea"]) == before
    assert (len(asked), second.computed, second.seconds) == (3, 0, 0.0)
    other = Vectors({"embed": counting, "dims": 64, "fingerprint": "other"}, file)
    other.embed_documents(["tea"])
    assert len(asked) == 4
    assert b"coffee" not in file.read_bytes()


def test_a_cache_that_is_none(tmp_path):
    file = tmp_path / "vectors.sqlite"
    file.write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(ConfigurationError, match=r"cache of vectors.*vectors\.sqlite"):
        by_hashes(file)


def test_nothing_to_embed():
    assert by_hashes().matrix([]).shape == (0, 64)


# Reports


def test_a_report_tells_what_was_run_and_what_came_out(chats):
    read = read_jsonl(chats)
    vectors = by_hashes()
    rows, left_out = rows_of(["bm25", "zsum", "holdfast-words"], vectors)
    made = report(evaluate(read, rows, vectors=vectors), read, vectors=vectors, seed=3)
    assert (made["questions"], made["baseline"], made["seed"]) == (5, "zsum", 3)
    assert left_out == made["rows_left_out"] == {}
    assert sum(made["left_out"].values()) == 3
    assert made["evidence_ignored"] == {"of no message": 1, "of the assistant's messages": 1}
    assert list(made["groups"]) == ["all questions", "dates", "facts", "questions"]
    assert [group["questions"] for group in made["groups"].values()] == [5, 1, 3, 1]
    for group in made["groups"].values():
        for row in group["rows"].values():
            assert list(row) == list(m.NAMES)
            assert all(one["low"] <= one["mean"] <= one["high"] for one in row.values())
        assert set(group["differences"]["zsum"]["MRR"].values()) == {0}
    assert json.loads(json.dumps(made)) == made
    assert made["embedder"]["texts_computed"] == vectors.computed > 0


# Commands


def call(*args, code=0):
    result = CliRunner().invoke(app, ["eval", *args])
    assert result.exit_code == code, result.output
    return result


def test_eval_shows_tables_and_what_was_left_out(chats):
    shown = call("jsonl", "--data", chats).stdout
    for part in ("recall@10", "holdfast-words", "dates", "difference to fts5", "all in 1000"):
        assert part in shown
    told = " ".join(shown.split())
    assert "5 questions about 2 conversations; 3 questions left out" in told
    assert "Left out: dense, rrf, zsum, langgraph, holdfast, holdfast-no-words" in told
    assert "holdfast-no-recency: needs an embedder" in told


def test_eval_writes_what_came_of_each_question(chats, tmp_path):
    args = ("--data", chats, "--only", "peers", "--rows", "bm25,fts5", "--out", str(tmp_path / "o"))
    made = json.loads(call("jsonl", *args, "--json").stdout)
    assert made["conversations"] == ["peers"]
    assert list(made["groups"]["all questions"]["rows"]) == ["bm25", "fts5"]
    assert json.loads((tmp_path / "o" / "report.json").read_text()) == made
    lines = [json.loads(line) for line in (tmp_path / "o" / "bm25.jsonl").read_text().splitlines()]
    assert [line["question"] for line in lines] == ["q1", "peers#2", "peers#3", "peers#6"]
    assert lines[0]["ranked"][0][0] == "a1"
    assert lines[0]["evidence"] == ["a1"]
    assert lines[0]["category"] == "dates"
    assert lines[0]["metrics"]["recall@1"] == 1


def test_eval_reads_locomo(tmp_path):
    file = write(tmp_path / "locomo.json", json.dumps([LOCOMO]))
    shown = call("locomo", "--data", file, "--without", "").stdout
    assert "5 adversarial" in shown
    assert "5 questions about 1 conversation" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--data", "none.jsonl"], "none.jsonl: No such file"),
        (["--out", "chats.jsonl"], "chats.jsonl' cannot be made"),
        (["--rows", "bm26"], "no row 'bm26'"),
        (["--rows", "dense"], "need an embedder"),
        (["--only", "nobody"], "no conversation 'nobody'"),
        (["--dims", "3"], "--embedder"),
        (["--embedder", "local:nowhere"], "--dims"),
        (["--embedder", "local:/nowhere/at-all", "--dims", "3"], "cannot be loaded"),
    ],
)
def test_eval_tells_errors_in_one_line(chats, args, told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if "cannot be loaded" in told:
        monkeypatch.setitem(sys.modules, "fastembed", None)
        told = "local"
    given_args = args if "--data" in args else ["--data", chats, *args]
    result = call("jsonl", *given_args, code=2)
    assert told in result.stderr
    assert result.stderr.startswith("holdfast: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "args", [["--data", "bad.jsonl"], ["--only", "nobody"], ["--rows", "bm26"]]
)
def test_eval_leaves_no_folder_where_it_refuses_what_it_was_given(
    chats, args, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bad.jsonl", json.dumps(without(PEERS, "id")))
    call("jsonl", "--data", chats, *args, "--out", "new/folder", code=2)
    assert not (tmp_path / "new").exists()


def test_the_command_line_loads_no_numpy_before_it_is_used():
    code = (
        "import sys, holdfast.cli, holdfast.evaluate\n"
        "assert not {'numpy', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
