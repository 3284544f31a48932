"""Which language a text is in, told from its words: fast, and English where there is doubt.

A text's words are reduced to stems by the rules of its language, so that must be known. A library
that tells a hundred languages by statistics would cost megabytes and take far longer. What is told
here are languages whose small words are in `tables/function_words.toml`, and some scripts.
"""

from __future__ import annotations

import functools
import re
import threading
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import snowballstemmer

ENGLISH = "english"

ELIDED = {
    "catalan": frozenset(["d", "l", "m", "n", "s", "t"]),
    "french": frozenset(
        ["c", "d", "j", "jusqu", "l", "lorsqu", "m", "n", "puisqu", "qu", "quoiqu", "s", "t"]
    ),
    "italian": frozenset(
        ["all", "c", "d", "dall", "dell", "l", "m", "nell", "quell", "s", "sull", "t", "un", "v"]
    ),
}
"""Short words that are written as one with the next: "l'ami", "dell'acqua"."""


SCRIPTS = {
    "arabic": ("\u0600", "\u06ff"),
    "armenian": ("\u0530", "\u058f"),
    "greek": ("\u0370", "\u03ff"),
    "hindi": ("\u0900", "\u097f"),
    "russian": ("\u0400", "\u052f"),
    "tamil": ("\u0b80", "\u0bff"),
}
"""Scripts by the language that is taken to be written in them, with their first and last sign."""

_WITHIN = {"bulgarian": "russian", "persian": "arabic", "ukrainian": "russian"}
"""Languages with words in the table that share the script of another."""

_FOREIGN = {
    "arabic": frozenset("پچژگکیےہھٹڈڑں"),
    "hindi": frozenset("ळ"),
    "russian": frozenset("іїєґўѓќѕјљњћџђәғқңөұүһӏ"),
}
"""Signs of a script that its language does not have, but others that are written in it."""


@dataclass(frozen=True, slots=True)
class SmallWords:
    """Words by which a language is told, without accents.

    Args:
        every: All of them.
        telling: Those that English does not have, but single letters, which may be anything.
        doubtful: Those that English has with another meaning, or in names; they count with others.
    """

    every: frozenset[str]
    telling: frozenset[str]
    doubtful: frozenset[str]


def without_accents(text: str) -> str:
    """Return a text with the accents of Latin letters taken off.

    Example:
        >>> without_accents("Inês, naïve")
        'Ines, naive'
    """
    if text.isascii():
        return text
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", text):
        if unicodedata.combining(letter) and letters and letters[-1].isascii():
            continue
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


@functools.cache
def _table() -> Mapping[str, Any]:
    path = files("holdfast") / "tables" / "function_words.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _words(listed: str) -> frozenset[str]:
    return frozenset(without_accents(listed.casefold()).split())


@functools.cache
def _english() -> frozenset[str]:
    return _words(_table()["english"])


@functools.cache
def _languages() -> Mapping[str, SmallWords]:
    """Return the small words of all languages but English."""
    english, doubtful = _english(), _words(_table()["doubtful"])
    found: dict[str, SmallWords] = {}
    for name, listed in _table()["languages"].items():
        every = _words(listed)
        own = {word for word in every - english if len(word) > 1 or not word.isascii()}
        found[name] = SmallWords(every, frozenset(own - doubtful), frozenset(own & doubtful))
    return found


@functools.cache
def _small() -> frozenset[str]:
    """Return the words that any language but English is told by."""
    known = _languages().values()
    return frozenset().union(*(words.telling | words.doubtful for words in known))


@functools.cache
def languages() -> tuple[str, ...]:
    """Return the names of all languages that are told, but English."""
    return tuple(sorted({*_languages(), *SCRIPTS}))


def small_words(language: str) -> frozenset[str]:
    """Return the words of a language that say nothing of what a question is about.

    Example:
        >>> "nicht" in small_words("german"), small_words("tamil")
        (True, frozenset())
    """
    known = _languages().get(language)
    return known.every if known else frozenset()


def language_of(words: Set[str], among: Collection[str] | None = None) -> str:
    """Return the language of a text; English where no other is clear.

    A language is clear when more of its small words are there than English ones, and at least two
    (three, where all of them could also be something English). Among a few languages that are known
    to be spoken, one is enough. A script of its own tells with every word.

    Args:
        words: The text's, case-folded, without accents.
        among: The languages that come into question; None for all.

    Example:
        >>> language_of({"die", "katze", "ist", "krank"})
        'german'
        >>> language_of({"a", "trip", "with", "oscar", "de", "la", "hoya"})
        'english'
    """
    plain = "".join(words).isascii()
    least = 2 if among else 3  # in halves: a doubtful word is one
    seen = words & _small()
    most, best = len(words & _english()), ENGLISH
    if plain and (2 * len(seen) < least or len(seen) <= most):
        return ENGLISH
    for name, small in _languages().items():
        if name in _WITHIN or name in SCRIPTS or (among and name not in among):
            continue
        telling, doubtful = len(seen & small.telling), len(seen & small.doubtful)
        if telling + doubtful > most and 2 * telling + doubtful >= least:
            most, best = telling + doubtful, name
    for name, (first, last) in () if plain else SCRIPTS.items():
        written = {word for word in words if first <= word[:1] <= last}
        if len(written) > most:
            most, best = len(written), _of_script(name, written)
    return best


def _of_script(name: str, words: Set[str]) -> str:
    """Return which of the languages that share a script some words are in; English if unknown."""
    known = _languages()
    hits = {
        one: len(words & known[one].every)
        for one in (name, *(one for one, script in _WITHIN.items() if script == name))
        if one in known
    }
    best = max(hits, key=lambda one: hits[one], default=name)
    if best != name and hits[best] > hits[name]:
        return best
    return name if _FOREIGN.get(name, frozenset()).isdisjoint("".join(words)) else ENGLISH


# Stems

_held = threading.local()


def _stemmer(language: str) -> Any:
    """Return a stemmer that is this thread's own, since it holds the word it is at; or None."""
    held: dict[str, Any] = _held.__dict__
    if language not in held:
        known = language in snowballstemmer.algorithms()
        held[language] = snowballstemmer.stemmer(language) if known else None
    return held[language]


_NO_LETTER = re.compile(r"[\d._,]")

LONGEST_STEMMED = 40
"""Letters of the longest word that is stemmed; longer runs are no words, and slow to stem."""


@functools.lru_cache(maxsize=65_536)
def stem(word: str, language: str = ENGLISH) -> str:
    """Return the stem of a word without accents, or the word where the language has no stems here.

    Args:
        word: Case-folded, with its accents.
        language: Whose rules to follow. Latin words among those of another script are taken to be
            English, and any other word that is not in the language's script stays as it is.

    Example:
        >>> stem("häuser", "german"), stem("running"), stem("кошки", "english")
        ('haus', 'run', 'кошки')
    """
    plain = without_accents(word)
    if len(word) > LONGEST_STEMMED or _NO_LETTER.search(word):
        return plain
    script = SCRIPTS.get(_WITHIN.get(language, language))
    if language == ENGLISH or (script and plain.isascii()):
        return str(_stemmer(ENGLISH).stemWord(plain)) if plain.isascii() else plain
    if script and not script[0] <= word[0] <= script[1]:
        return plain
    stemmer = _stemmer(language)
    return without_accents(str(stemmer.stemWord(word))) if stemmer else plain
