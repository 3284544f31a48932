"""Implicit feedback of users: found where it is, and silence where it is not."""

import time
import tomllib
from pathlib import Path

import pytest

from holdfast.errors import InputError
from holdfast.memory import Message
from holdfast.optimize.signals import find_signals
from holdfast.optimize.signs import plain
from holdfast.trajectories import read_trajectories, rendered

HERE = Path(__file__).parent / "signals"


def cases(name):
    read = tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))["case"]
    return [pytest.param(case, id=case["talk"][-1][:40]) for case in read]


def talk(*texts):
    roles = ("user", "assistant")
    return [(roles[number % 2], text) for number, text in enumerate(texts)]


def kinds(case):
    """Return the kinds that were found, by the number of the message, as the tables write them."""
    found = {}
    for signal in find_signals(talk(*case["talk"]), ended=case.get("ended", False)):
        found.setdefault(str(signal.index), []).append(signal.kind)
    return {number: " ".join(names) for number, names in found.items()}


@pytest.mark.parametrize("case", cases("found"))
def test_feedback_is_found(case):
    assert kinds(case) == case["found"]


@pytest.mark.parametrize("case", cases("silent"))
def test_what_is_no_feedback_is_silent(case):
    assert kinds(case) == case.get("found", {})


@pytest.mark.parametrize("case", cases("missed"))
def test_what_is_missed_is_not_taken_for_something_else(case):
    assert kinds(case) in ({}, case["missed"])


def test_there_are_enough_cases_and_half_are_silent():
    found, silent = len(cases("found")), len(cases("silent"))
    assert found + silent >= 60
    assert silent >= found


SAME = (
    "Which museums open on Monday?",
    "Lisbon has many museums.",
    "Which museums open on Monday?",
)


def said(times=(None, None), speakers=(None, None)):
    return [
        Message("user", SAME[0], speaker=speakers[0], time=times[0]),
        Message("assistant", SAME[1]),
        Message("user", SAME[2], speaker=speakers[1], time=times[1]),
    ]


def test_the_same_again_is_a_repetition_only_soon_and_by_the_same_person():
    def found(*given):
        return [signal.kind for signal in find_signals(said(*given))]

    assert found() == ["repeats"]
    assert found(("2026-05-01T10:00:00", "2026-05-01T10:01:00"), ("Nora", "Nora")) == ["repeats"]
    assert found(("2026-05-01T10:00:00", "2026-05-02T10:00:00")) == []
    assert found((None, None), ("Nora", "Ines")) == []


def test_only_what_follows_an_answer_counts():
    assert find_signals([("user", SAME[0]), ("user", SAME[0])]) == []
    calls = [Message("user", "Who?"), Message("tool", "Brontë"), Message("user", "That's wrong.")]
    assert find_signals(calls) == []
    assert find_signals([]) == []
    with pytest.raises(InputError):
        find_signals([7])


def test_a_signal_says_what_shows_it():
    (signal,) = find_signals(talk("Who wrote Emma?", "Brontë.", "Hm, that's wrong. Austen did."))
    assert (signal.kind, signal.index, signal.words) == ("corrects", 2, "that's wrong")
    assert signal.polarity == -1
    (signal,) = find_signals(talk("Who wrote Emma?", "Austen.", "Great, thanks"))
    assert (signal.words, signal.polarity) == ("great, thanks", 1)


def test_a_user_who_says_nothing_more_gave_up_only_where_it_ended_unanswered():
    complained = ["Fix it.", "Red.", "That's wrong.", "Blue.", "That's still wrong."]
    assert [one.kind for one in find_signals(talk(*complained), ended=True)] == ["corrects"] * 2
    left = find_signals(talk(*complained, "Green."), ended=True)
    assert [one.kind for one in left] == ["corrects", "corrects", "gives_up"]
    assert find_signals(talk(*complained, "Green.")) == left[:2]


HOSTILE = (
    *("a ", "no, ", "thanks ", "not a, ", "\n", "«", "“", '"', "«\n", "`", "```", " ", "> "),
    *("yeah but ", "«»\n", "\t\n", "...", "so much "),
)
BEGUN = ("", "great", "that's still ", "i said ", "<", "</ ")


@pytest.mark.parametrize("begun", BEGUN)
@pytest.mark.parametrize("piece", [*HOSTILE, ",", "-", "!"])
def test_long_texts_are_read_in_time_that_grows_with_their_length(begun, piece):
    def seconds(times):
        text = begun + piece * times + " the ferry"
        began = time.process_time()
        found = find_signals([*talk("Who wrote Emma?", "Austen."), ("user", text)])
        rendered(read_trajectories([(talk(text, "Austen."), text)]))
        assert len(found) <= 1
        return time.process_time() - began

    short = min(seconds(2_000) for _ in range(2))
    # Another run may have had the machine; one in time is enough.
    assert any(seconds(20_000) < 40 * short + 0.2 for _ in range(3))


def test_what_is_cited_is_not_said():
    assert plain('He “said "no"” « a « b » or "x') == 'he   or "x'
    assert plain("Yes\n\n  > no\nfine “open\nand” closed") == "yes\n\n\nfine “open\nand” closed"
