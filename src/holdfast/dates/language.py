"""The table of a language (`tables/dates_english.toml`), read once."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

_SLOT = re.compile(r"\{([a-z_]+)(2?)\}")
_FIGURES = "0123456789"
_WORD = re.compile(r"[a-z]+|[0-9]")
_RUN = re.compile(r"[a-z]+|[0-9]+")
_NOT_BEFORE = r"(?<!\w)(?<![0-9][.,:/])"
_NOT_AFTER = r"(?!\w|[.,:/][0-9])"
_GROUP = re.compile(r"\(\?P<\w+>")
_YEAR = r"[0-9]{4}|'[0-9]{2}"

LEAD = "lead"
"""What a phrase is said to need that stands before another expression."""


@functools.cache
def compiled(source: str) -> re.Pattern[str]:
    """Return a pattern; compiled when a text first asks for it, since most texts ask for none."""
    return re.compile(source)


class Patterns(Mapping[str, re.Pattern[str]]):
    """Patterns by name, each compiled when it is first asked for."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> re.Pattern[str]:
        return compiled(self._sources[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A form in which a time is said.

    Args:
        meaning: Which function reads it.
        needs: The table one of whose words the text must hold for it to be looked for.
        source: The form, as a pattern.
        fits: What else must hold of where it stands: one of these, of each all.
    """

    meaning: str
    needs: str
    source: str
    fits: tuple[tuple[str, ...], ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The form, compiled."""
        return compiled(self.source)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the words of a text are.

    Args:
        words: Where each word or figure starts.
        starts: Where those start with which a phrase may start.
        telling: For each need of phrases, where the first and the last word for it start.
    """

    words: list[int]
    starts: list[int]
    telling: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Language:
    """How times are said in one language.

    Args:
        tables: Words and what they mean, by the name of the table.
        kinds: For each telling word, the tables that it is from.
        words: All words of the table, and more: a phrase starts with one of them or with a figure.
        phrases: The forms of expressions.
        sketches: For each need one pattern that matches where a phrase with that need does.
        leads: The forms of what stands before an expression and makes another of it.
        beside: What may stand beside an expression.
        asked: What tells which time a question asks about, in the table's order.
        lists: The lists of words that `beside` is made of.
    """

    tables: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, frozenset[str]]
    words: frozenset[str]
    phrases: tuple[Phrase, ...]
    sketches: Patterns
    leads: tuple[Phrase, ...]
    beside: Patterns
    asked: Patterns
    lists: Mapping[str, frozenset[str]]

    def speaks_of_time(self, plain: str) -> bool:
        """Return whether a text holds a word that a phrase needs; the cheap first look."""
        return not self.kinds.keys().isdisjoint(_WORD.findall(plain))

    def places(self, plain: str) -> Places:
        """Return where the words of a text are."""
        words: list[int] = []
        starts: list[int] = []
        telling: dict[str, tuple[int, int]] = {}
        for run in _RUN.finditer(plain):
            start, word = run.start(), run[0]
            words.append(start)
            if word[0] in _FIGURES:
                word = word[0]
                starts.append(start)
            elif word in self.words:
                starts.append(start)
            for kind in self.kinds.get(word, ()):
                telling[kind] = (telling.get(kind, (start,))[0], start)
        return Places(words, starts, telling)


class Slots:
    """What a phrase holds: its words, and what they mean by the table of their name."""

    def __init__(self, language: Language, match: re.Match[str]) -> None:
        self._tables = language.tables
        self._said: dict[str, str] = {
            name: " ".join(word.split()) for name, word in match.groupdict().items() if word
        }

    def __contains__(self, name: str) -> bool:
        return name in self._said

    def word(self, name: str) -> str:
        """Return the word in a slot."""
        return self._said[name]

    def value(self, name: str) -> Any:
        """Return what the word in a slot means."""
        return self._tables[name.removesuffix("2")][self._said[name]]

    def number(self, name: str = "n") -> tuple[int, int]:
        """Return the number in a slot, from and until: (2, 5) for "a few"; (1, 1) if none."""
        word = self._said.get(name, "1")
        if word.isdigit():
            return int(word), int(word)
        if word in self._tables["number"]:
            low, high = self._tables["number"][word]
            return low, high
        ten, _, one = word.replace("-", " ").partition(" ")
        both = self._tables["ten"][ten] + (self._tables["number"][one][0] if one else 0)
        return both, both

    def ordinal(self, name: str) -> int:
        """Return the ordinal in a slot; -1 for the last."""
        word = self._said[name]
        if word[0].isdigit():
            return int("".join(filter(str.isdigit, word)))
        return int(self._tables["ordinal"].get(word, -1))


def plain_text(text: str) -> str:
    """Return the text in lower case, each character at its place, with straight apostrophes."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters become two
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lower.replace("’", "'")


def _any_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _slots(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the pattern of each slot."""
    slots = {name: _any_of(table) for name, table in tables.items()}
    ones = _any_of(word for word, (low, high) in tables["number"].items() if low == high < 10)
    ordinal = rf"[0-9]{{1,2}}(?:st|nd|rd|th)|{slots['ordinal']}"
    return slots | {
        "n": rf"[0-9]{{1,6}}|{slots['number']}|(?:{slots['ten']})(?:[- ](?:{ones}))?",
        "nth": rf"{ordinal}|last",
        "day": rf"{ordinal}|[0-9]{{1,2}}",
        "year": _YEAR,
        "event": r"(?:[\w'-]+ ){1,6}?",
    }


def _compiled(form: str, slots: Mapping[str, str], named: bool = True) -> str:
    """Return a form of the table as a regular expression."""

    def filled(slot: re.Match[str]) -> str:
        inner = slots[slot[1]]
        return f"(?P<{slot[1]}{slot[2]}>{inner})" if named else f"(?:{inner})"

    spaced = _SLOT.sub(filled, form).replace("\\ ", " ")
    return spaced.replace("[- ]", "(?:-| )").replace(" ", r"\s{1,3}")


def _guarded(pattern: str, whole: bool) -> str:
    """Return a pattern that does not start within a word, nor end within one if it is whole."""
    return f"{_NOT_BEFORE}(?:{pattern}){_NOT_AFTER if whole else ''}"


def _phrases(entries: Iterable[Mapping[str, Any]], slots: Mapping[str, str]) -> tuple[Phrase, ...]:
    """Return the phrases of a table, each of their forms by itself."""
    return tuple(
        Phrase(
            meaning=entry["meaning"],
            needs=entry.get("needs", LEAD),
            source=_guarded(_compiled(form, slots), "needs" in entry),
            fits=tuple(tuple(all_of.split()) for all_of in entry.get("fits", ())),
        )
        for entry in entries
        for form in entry["says"]
    )


def _sketches(entries: Iterable[Mapping[str, Any]], slots: Mapping[str, str]) -> Patterns:
    """Return, for all phrases with the same need, one pattern that tells whether one matches."""
    forms: dict[str, list[str]] = {}
    for entry in entries:
        for form in entry["says"]:
            unnamed = _GROUP.sub("(?:", _compiled(form, slots, named=False))
            forms.setdefault(entry.get("needs", LEAD), []).append(unnamed)
    return Patterns(
        {needs: _guarded("|".join(every), needs != LEAD) for needs, every in forms.items()}
    )


def _kinds(tables: Mapping[str, Mapping[str, Any]], needed: set[str]) -> dict[str, frozenset[str]]:
    """Return of each telling word the tables that it is from; of a group its longest word tells."""
    kinds: dict[str, frozenset[str]] = {digit: frozenset({"digit"}) for digit in _FIGURES}
    for name in needed & set(tables):
        for words in tables[name]:
            telling = max(_WORD.findall(words), key=len)
            kinds[telling] = kinds.get(telling, frozenset()) | {name}
    return kinds


@functools.cache
def english() -> Language:
    """Return how times are said in English."""
    source = files("holdfast") / "tables" / "dates_english.toml"
    read = tomllib.loads(source.read_text(encoding="utf-8"))
    beside, asked = read.pop("beside"), read.pop("asked")
    phrases, leads = read.pop("phrase"), read.pop("lead")
    said = [form for entry in (*phrases, *leads) for form in entry["says"]]
    read["unit"] = {form: unit for unit, forms in read["unit"].items() for form in forms}
    slots = _slots(read)

    def one_of(forms: list[str]) -> str:
        return "|".join(_compiled(form, slots, named=False) for form in forms)

    before = {
        name for name in beside if name.startswith(("led", "not_after", "range_open", "article"))
    }
    return Language(
        tables=read,
        kinds=_kinds(read, {entry["needs"] for entry in phrases}),
        words=frozenset(_RUN.findall(" ".join([*said, *slots.values()]))),
        phrases=_phrases(phrases, slots),
        sketches=_sketches((*phrases, *leads), slots),
        leads=_phrases(leads, slots),
        beside=Patterns(
            {
                name: (
                    rf"(?<!\w)(?:{one_of(forms)})(?:\s{{1,3}}|-)(?:the\s{{1,3}})?"
                    if name in before
                    else rf"(?<!\w)(?:{one_of(forms)})(?!\w)"
                )
                for name, forms in beside.items()
            }
        ),
        asked=Patterns(
            {name: rf"(?<![\w'])(?:{one_of(forms)})(?![\w'])" for name, forms in asked.items()}
        ),
        lists={name: frozenset(forms) for name, forms in beside.items()},
    )
