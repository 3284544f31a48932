"""Where in a text times are said: phrases found, joined with what stands before them, and read.

1. The words of the text tell which phrases are looked for at all; mostly none.
2. Phrases are taken from left to right, of those that start at the same place the longest.
3. Two with "to" or "and" between them and "from" before them are one ("from May to last week").
4. What stands before a phrase makes another of it ("two weeks after ...", "the end of ..."), again
   and again until nothing more does.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from holdfast.dates import dated, from_today
from holdfast.dates.interval import Expression, Interval, Reading
from holdfast.dates.language import LEAD, Language, Phrase, Places, Slots
from holdfast.dates.now import Meaning, Now
from holdfast.dates.parts import LEADS, part_of_unit

MEANINGS: Mapping[str, Meaning] = {
    **dated.MEANINGS,
    **from_today.MEANINGS,
    "part_of_unit": part_of_unit,
}

WORDS_BEFORE = 5
"""How many words before a phrase tell whether it is one ("by the end of the")."""

LONGEST_PHRASE = 60
"""How many characters before the word that it needs a phrase may start."""

LONGEST_LEAD = 100
"""How many characters before a phrase may make another expression of it."""

SENTENCE = 300
"""How many characters on either side of a phrase are looked through for its sentence."""

_SPACE = re.compile(r"\s{1,3}")
_SENTENCE_END = re.compile(r"[.!?\n](?=\s)|\n")


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that is read.

    Args:
        text: As it stands.
        plain: In lower case.
        language: What it is read with.
        places: Where its words are.
    """

    text: str
    plain: str
    language: Language
    places: Places

    def before(self, start: int, name: str) -> re.Match[str] | None:
        """Return what stands right before a place, if it is of that list."""
        words, pattern = self.places.words, self.language.beside[name]
        last = bisect_left(words, start)
        for word in reversed(words[max(0, last - WORDS_BEFORE) : last]):
            if match := pattern.fullmatch(self.plain, word, start):
                return match
        return None

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """Return where the sentence around a phrase starts and ends."""
        first = max(0, start - SENTENCE)
        for mark in _SENTENCE_END.finditer(self.plain, first, start):
            first = mark.end()
        limit = min(len(self.plain), end + SENTENCE)
        last = _SENTENCE_END.search(self.plain, end, limit)
        return first, last.start() if last else limit


@dataclass(frozen=True, slots=True)
class _Found:
    """A phrase where it was found."""

    phrase: Phrase
    match: re.Match[str]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What was read: from where to where in the text, where its phrase starts, what it means."""

    start: int
    phrase: int
    end: int
    reading: Reading

    def expression(self, text: str) -> Expression:
        """Return it as callers see it."""
        return Expression(
            text=text[self.start : self.end],
            start=self.start,
            end=self.end,
            interval=self.reading.interval,
            ambiguous=self.reading.ambiguous,
            alternatives=self.reading.alternatives,
        )


def read(text: str, plain: str, language: Language, said: date | None) -> tuple[Expression, ...]:
    """Return the expressions of time in a text, from left to right.

    Args:
        text: The text.
        plain: The same in lower case, each character at its place.
        language: What it is read with.
        said: When it was said.
    """
    if not language.speaks_of_time(plain):
        return ()
    source = _Text(text, plain, language, language.places(plain))
    phrases = _phrases(source)
    taken: list[_Taken] = []
    read_until, meaningless = 0, -1
    for place, one in enumerate(phrases):
        if one.match.start() < read_until and one.match.start() != meaningless:
            continue  # also what is within "31 February" means nothing
        now = _now(source, one.match, said, taken[-1].reading.interval if taken else None)
        start, end, reading = _range(source, phrases[place:], now) or (
            *one.match.span(),
            _meaning(source, one, now),
        )
        read_until, meaningless = max(read_until, end), start
        if reading is not None:
            meaningless = -1
            read_until = end = _with_daypart(source, end, reading)
            whole = _led(source, _Taken(start, start, end, reading), now, taken)
            while taken and taken[-1].end > whole.start:
                taken.pop()
            taken.append(whole)
    return tuple(one.expression(text) for one in taken)


def _phrases(source: _Text) -> list[_Found]:
    """Return all phrases that fit where they stand, by their place, longer ones first."""
    language, plain, starts = source.language, source.plain, source.places.starts
    places: dict[str, list[int]] = {}
    for needs, (first, last) in source.places.telling.items():
        near = starts[bisect_left(starts, first - LONGEST_PHRASE) : bisect_right(starts, last)]
        matches = language.sketches[needs].match
        places[needs] = [start for start in near if matches(plain, start)]
    found = [
        _Found(phrase, match)
        for phrase in language.phrases
        for start in places.get(phrase.needs, ())
        if (match := phrase.pattern.match(plain, start)) and _fits(source, phrase, match)
    ]
    found.sort(key=lambda one: (one.match.start(), -one.match.end()))
    return found


def _fits(source: _Text, phrase: Phrase, match: re.Match[str]) -> bool:
    """Return whether a phrase may stand where it stands."""
    if source.before(match.start(), "not_after"):
        return False
    return not phrase.fits or any(
        all(_holds(source, name, match) for name in all_of) for all_of in phrase.fits
    )


def _holds(source: _Text, name: str, match: re.Match[str]) -> bool:
    """Return whether one of the conditions that the table names holds."""
    start, end = match.span()
    if name.startswith("led"):
        return source.before(start, name) is not None
    if name == "closed":
        return _closed(source, end)
    if name == "uncounted":
        return _closed(source, end) or not _counts(source, end)
    word = next(group for group in ("month", "short_weekday") if match.groupdict().get(group))
    if name == "capital":
        return source.text[match.start(word)].isupper()
    if name == "noun":
        common = match[word] in source.language.lists["verbs"]
        return not common or source.text[match.start(word)].isupper()
    return match[word] not in source.language.lists["names"]


def _closed(source: _Text, end: int) -> bool:
    """Return whether the text, a clause, or a word of [beside] closed follows."""
    space = _SPACE.match(source.plain, end)
    place = space.end() if space else end
    following = source.plain[place : place + 1]
    if not following or not (following.isalnum() or following in "-'\""):
        return True
    return (
        space is not None
        and source.language.beside["closed"].match(source.plain, place) is not None
    )


def _counts(source: _Text, end: int) -> bool:
    """Return whether what could be a year counts something: "in 2000 steps"."""
    space = _SPACE.match(source.plain, end)
    if not space or source.text[space.end() : space.end() + 1].isupper():
        return False
    return source.language.beside["counted"].match(source.plain, space.end()) is not None


def _now(source: _Text, match: re.Match[str], said: date | None, before: Interval | None) -> Now:
    """Return when a phrase was said, and whether its sentence speaks of what is to come."""
    first, last = source.sentence(match.start(), match.end())
    return Now(
        said=said.date() if isinstance(said, datetime) else said,
        moment=said if isinstance(said, datetime) else None,
        ahead=source.language.beside["ahead"].search(source.plain, first, last) is not None,
        before=before,
    )


def _meaning(source: _Text, found: _Found, now: Now) -> Reading | None:
    """Return what a phrase means; None if it means no day ("31 February")."""
    try:
        return MEANINGS[found.phrase.meaning](Slots(source.language, found.match), now)
    except (ValueError, OverflowError):
        return None


def _range(source: _Text, phrases: list[_Found], now: Now) -> tuple[int, int, Reading] | None:
    """Return "from A to B" as one, where a phrase is its A; A may take its year from B."""
    first = phrases[0]
    opened = source.before(first.match.start(), "range_open")
    link = _SPACE.match(source.plain, first.match.end())
    if not opened or not link:
        return None
    words = source.language.beside["range_link"].match(source.plain, link.end())
    if not words:
        return None
    gap = _SPACE.match(source.plain, words.end())
    last = next((one for one in phrases if gap and one.match.start() == gap.end()), None)
    end = _meaning(source, last, now) if last else None
    if last is None or end is None:
        return None
    by_then = Now(said=end.interval.end, ahead=False)
    start = _meaning(source, first, by_then if now.said is None or _yearless(first) else now)
    if start is None or start.interval.start > end.interval.end:
        return None
    whole = Interval(start.interval.start, end.interval.end)
    return opened.start(), last.match.end(), Reading(whole, vague=end.ambiguous)


def _yearless(found: _Found) -> bool:
    return found.phrase.meaning in {"dated", "season", "holiday", "relative_weekday"}


def _leads(source: _Text, end: int) -> Iterator[tuple[Phrase, re.Match[str]]]:
    """Yield what stands right before a place and makes another expression of one there."""
    last = bisect_left(source.places.starts, end)
    first = bisect_left(source.places.starts, end - LONGEST_LEAD)
    sketch = source.language.sketches[LEAD]
    for start in source.places.starts[first:last]:
        if not sketch.fullmatch(source.plain, start, end):
            continue
        for phrase in source.language.leads:
            match = phrase.pattern.fullmatch(source.plain, start, end)
            if match:
                yield phrase, match


def _led(
    source: _Text,
    inner: _Taken,
    now: Now,
    taken: list[_Taken],
) -> _Taken:
    """Return a phrase together with all that stands before it and belongs to it.

    A lead may take words of the phrase before it ("last Friday of" of "last Friday"), but not a
    part of that phrase, and not for the event in "two weeks after the party in".
    """
    article = source.before(inner.start, "article")
    places = [inner.start, *([article.start()] if article else [])]
    for phrase, match in (lead for place in places for lead in _leads(source, place)):
        slots = Slots(source.language, match)
        crossed = bool(taken) and match.start() < taken[-1].end
        if crossed and ("event" in slots or match.start() > taken[-1].phrase):
            continue
        try:
            reading = LEADS[phrase.meaning](slots, inner.reading, now)
        except (ValueError, OverflowError):
            continue
        if reading is not None:
            whole = replace(inner, start=match.start(), reading=reading)
            return _led(source, whole, now, taken)
    return inner


def _with_daypart(source: _Text, end: int, reading: Reading) -> int:
    """Return where a day ends in the text, with "morning" or "night" after it."""
    if reading.interval.days > 1:
        return end
    space = _SPACE.match(source.plain, end)
    after = space and source.language.beside["after_day"].match(source.plain, space.end())
    return after.end() if after else end
