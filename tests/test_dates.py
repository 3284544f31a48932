"""Expressions of time: what they mean, and which words are none."""

import csv
import itertools
import timeit
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.analysis import tokens
from holdfast.dates import Interval, asks_about, find
from holdfast.errors import InputError

TABLES = Path(__file__).parent / "tables"
WRITTEN = TABLES / "dates_english.csv"
ORDINARY = TABLES / "dates_ordinary_words.txt"
QUESTIONS = TABLES / "questions_english.csv"
WIDE = st.dates(min_value=date.min, max_value=date.max)
SAID = date(2023, 6, 14)  # a Wednesday


def _said(text):
    if not text:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _rows(file, *columns):
    with file.open(encoding="utf-8", newline="") as opened:
        return [tuple(row[column] for column in columns) for row in csv.DictReader(opened)]


def _written():
    """Return each sentence of the table, when it was said, and what should be found."""
    rows = _rows(WRITTEN, "sentence", "said", "found", "start", "end", "ambiguous")
    return [
        pytest.param(sentence, said, [row[2:] for row in group], id=f"{sentence} [{said}]")
        for (sentence, said), group in itertools.groupby(rows, key=lambda row: row[:2])
    ]


def _only(text, said=SAID):
    """Return what the only expression of a text means."""
    (found,) = find(text, said)
    return found


def _day(text):
    day = date.fromisoformat(text)
    return Interval(day, day)


@pytest.mark.parametrize(("sentence", "said", "expected"), _written())
def test_an_expression_means_the_days_of_the_table(sentence, said, expected):
    assert [
        (e.text, str(e.interval.start), str(e.interval.end), "yes" if e.ambiguous else "no")
        for e in find(sentence, _said(said))
    ] == expected


@pytest.mark.parametrize(
    ("text", "said", "alternatives"),
    [
        ("on 03/04/2023", None, [_day("2023-04-03")]),
        ("last Friday", date(2023, 6, 18), [_day("2023-06-09")]),
        ("next Friday", SAID, [_day("2023-06-16")]),
        ("on Monday", SAID, [_day("2023-06-19")]),
        ("next weekend", SAID, [Interval(date(2023, 6, 17), date(2023, 6, 18))]),
        ("on May 7", SAID, [_day("2024-05-07")]),
        ("in May", SAID, [Interval(date(2024, 5, 1), date(2024, 5, 31))]),
        ("last May", SAID, [Interval(date(2022, 5, 1), date(2022, 5, 31))]),
        ("this Christmas", date(2023, 1, 4), [_day("2022-12-25")]),
        ("last week", date(2023, 6, 11), [Interval(date(2023, 6, 4), date(2023, 6, 10))]),
        ("three days after last Friday", date(2023, 6, 18), [_day("2023-06-12")]),
        (
            "the week before 9 June 2023",
            None,
            [Interval(date(2023, 5, 29), date(2023, 6, 4))],
        ),
        (
            "in the winter of 2022",
            None,
            [
                Interval(date(2021, 12, 1), date(2022, 2, 28)),
                Interval(date(2022, 6, 1), date(2022, 8, 31)),
            ],
        ),
        ("in early May 2023", None, []),
        ("recently", SAID, []),
    ],
)
def test_what_is_ambiguous_says_what_else_it_may_mean(text, said, alternatives):
    found = _only(text, said)
    assert found.ambiguous
    assert list(found.alternatives) == alternatives


@pytest.mark.parametrize("text", ORDINARY.read_text(encoding="utf-8").splitlines())
def test_ordinary_words_are_no_times(text):
    assert find(text, SAID) == ()


def test_without_a_day_only_what_is_absolute_is_resolved():
    text = "Yesterday, in May, on the 5th, last year, at Christmas, and on 5 May 2021"
    assert [found.text for found in find(text, None)] == ["on 5 May 2021"]


def test_two_figures_of_a_year_are_read_near_the_day():
    assert _only("in May '98").interval.start == date(1998, 5, 1)
    assert _only("in May '31").interval.start == date(2031, 5, 1)
    assert _only("in May '31", date(1950, 1, 1)).interval.start == date(1931, 5, 1)


def test_words_are_found_where_they_stand_also_after_letters_that_grow_in_lower_case():
    text = "İİİ We met\n last\u00a0 Friday’s guests in MAY 2021"
    first, second = find(text, SAID)
    assert (first.text, second.text) == ("last\u00a0 Friday", "in MAY 2021")
    assert text[first.start : first.end] == first.text


def test_an_event_does_not_take_another_time_along():
    texts = [e.text for e in find("Two days after Monday she left in June 2021", SAID)]
    assert texts == ["Two days after Monday", "in June 2021"]


def test_intervals_hold_both_of_their_ends():
    may = Interval(date(2023, 5, 1), date(2023, 5, 31))
    assert may.days == 31
    assert may.overlaps(_day("2023-05-31"))
    assert may.overlaps(_day("2023-05-01"))
    assert not may.overlaps(_day("2023-06-01"))
    with pytest.raises(InputError, match="2023-05-31"):
        Interval(date(2023, 5, 31), date(2023, 5, 1))


@pytest.mark.parametrize(("question", "about"), _rows(QUESTIONS, "question", "asks about"))
def test_a_question_tells_whether_it_asks_about_now(question, about):
    assert asks_about(question) == about


TIME_WORDS = """
may march monday sat weekend summer fall day weeks month years decade a few couple of two twenty-one
1 2 5th 31 1999 2023 0 9999 10000 '23 first last next this past before after since until from to and
between the in on ago later now early mid- end nineties 90s christmas easter thanksgiving today
yesterday tonight recently 2023-05-07 03/04/2023 q2 . , ; - – ' her party morning
"""
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(TIME_WORDS.split()), max_size=14).map(" ".join),
    st.just("may " * 50),
)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, said=st.one_of(st.none(), WIDE, st.datetimes()))
def test_any_text_is_read_in_order_and_within_itself(text, said):
    end = 0
    for found in find(text, said):
        assert end <= found.start < found.end <= len(text)
        end = found.end
        assert found.text == text[found.start : found.end]
        assert found.interval not in found.alternatives
        assert found.ambiguous or not found.alternatives
        for meant in (found.interval, *found.alternatives):
            assert meant.start <= meant.end
    assert asks_about(text) in {"now", "past", "any"}


@settings(deadline=None)
@given(day=WIDE, said=st.one_of(st.none(), WIDE))
def test_an_iso_date_is_itself(day, said):
    found = _only(f"It was {day.isoformat()}, I think.", said)
    assert found.text == day.isoformat()
    assert (found.interval, found.ambiguous) == (Interval(day, day), False)


@settings(deadline=None)
@given(number=st.integers(0, 5_000_000), said=WIDE)
def test_days_ago_are_exact_or_before_the_calendar(number, said):
    found = find(f"{number} days ago", said)
    if number > 999_999 or number >= said.toordinal():
        assert found == ()
    else:
        day = said - timedelta(days=number)
        assert [one.interval for one in found] == [Interval(day, day)]


@settings(deadline=None)
@given(said=WIDE, text=st.sampled_from([row.values[0] for row in _written()]))
def test_every_expression_can_be_said_on_any_day(said, text):
    for found in find(text, said):
        assert found.interval.start <= found.interval.end


@pytest.mark.parametrize(
    ("year", "day"), [(2000, "04-23"), (2008, "03-23"), (2011, "04-24"), (2019, "04-21")]
)
def test_easter_is_computed(year, day):
    assert str(_only(f"at Easter {year}").interval.start) == f"{year}-{day}"


def test_a_message_without_times_costs_less_than_its_tokens():
    """A coarse bound, so that a busy machine does not fail it; it takes a tenth of one."""
    text = (
        "The kitchen table that my brother built for us is finally painted green, and everybody"
        " who visits likes it a lot more"
    )
    assert find(text, SAID) == ()

    def spent(call):
        call()
        return min(timeit.repeat(call, number=200, repeat=5))

    assert spent(lambda: find(text, SAID)) < 2 * spent(lambda: tokens(text))
    dated = f"{text} since last May."
    assert spent(lambda: find(dated, SAID)) < 20 * spent(lambda: tokens(dated))


def test_long_texts_take_no_more_than_their_length():
    def spent(text):
        return min(timeit.repeat(lambda: find(text, SAID), number=1, repeat=3))

    for words in ("may ", "1 ", "two weeks after a ", "a" * 9 + " ", "from may to ", "last  "):
        assert spent(words * 400) < 40 * spent(words * 40) + 0.05, words
