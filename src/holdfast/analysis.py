"""Text into tokens, the same for every backend, and how well tokens match a question."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from holdfast.language import (
    ELIDED,
    ENGLISH,
    language_of,
    languages,
    small_words,
    stem,
    without_accents,
)
from holdfast.memory import MESSAGE_KIND, unwrap

_FORM = r"L+(?:[._]L+|,\d{3}(?!\d))*(?:'[A]+)?"


def _form(letter: str, latin: str) -> re.Pattern[str]:
    return re.compile(_FORM.replace("L", letter).replace("A", latin))


_WORD = _form(r"[^\W_]", "a-z")
_SIGNED = re.compile("[\u0900-\u17ff]")
"""Where signs stand between the letters of a word."""


@functools.cache
def _accented_word(signed: bool) -> re.Pattern[str]:
    """Return the form of a word whose Latin letters may have accents.

    Args:
        signed: Whether signs may stand between letters, which Python does not take for letters.
    """
    latin = map(chr, (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)))
    accented = "".join(one for one in latin if "a" <= unicodedata.normalize("NFD", one)[0] <= "z")
    signs = (one for one in map(chr, range(0x900, 0x1800)) if unicodedata.category(one)[0] == "M")
    letter = rf"(?:[^\W_]|[{''.join(signs)}])" if signed else r"[^\W_]"
    return _form(letter, f"a-z{accented}")


# Vowels of Arabic and Hebrew, which most leave out, and the stroke that only lengthens a word.
_VOWELS = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0640\u064b-\u0652\u0670]"
)
# Han, kana, hangul, Thai, Lao, Burmese and Khmer are written without spaces, or inflect within the
# word: bigrams serve.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
)

STOP_WORDS = frozenset(
    (files("holdfast") / "tables" / "english_stop_words.txt").read_text(encoding="utf-8").split()
)
"""Words that say nothing of what an English question is about; kept in texts."""

Word = tuple[str, ...]
"""A word of a question: the tokens that may stand for it in a text, the English one first."""

_MARK = "_"

K1, B = 1.2, 0.75


@functools.cache
def asking_tokens() -> frozenset[str]:
    """Return the tokens by which people ask, such as those of "list" and "summarize"."""
    table = files("holdfast") / "tables" / "english_asking_words.txt"
    return frozenset(tokens(table.read_text(encoding="utf-8")))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded if folded.isascii() else _VOWELS.sub("", folded)


class _Words:
    """The words of a text.

    Args:
        text: Any text.
    """

    def __init__(self, text: str) -> None:
        folded = _folded(text)
        plain = folded.isascii()
        self._folded = folded if plain else unicodedata.normalize("NFC", folded)
        self._signed = not plain and _SIGNED.search(folded) is not None
        form = _accented_word(True) if self._signed else _WORD
        self.plain: list[str] = form.findall(without_accents(folded))
        """Without accents."""

    def accented(self) -> list[str]:
        """Return the words with their accents, as many as without."""
        if self._folded.isascii():
            return self.plain
        words = _accented_word(self._signed).findall(self._folded)
        # Letters that only combine to an accented one part a word; then it is taken without.
        return words if len(words) == len(self.plain) else self.plain

    def language(self, among: Collection[str] | None = None) -> str:
        """Return the language that they are in."""
        words = set(self.plain)
        for word in self.plain:
            if "'" in word:
                words.update(word.split("'"))
        return language_of(words, among)


def _base(word: str, language: str) -> str:
    """Return what of a word with an apostrophe is looked for: "nora" of "nora's"."""
    first, _, last = word.partition("'")
    return last if last and first in ELIDED.get(language, ()) else first


def _split(word: str) -> list[str]:
    """Return the pieces of a word: runs without spaces as bigrams, the rest whole."""
    if word.isascii():
        return [word]
    pieces: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            pieces.append(word[end : run.start()])
        said = run[0]
        pieces += [said[i : i + 2] for i in range(max(1, len(said) - 1))]
        end = run.end()
    if end < len(word):
        pieces.append(word[end:])
    return pieces


def _english(words: Iterable[str]) -> list[str]:
    """Return the tokens of words without accents, by the rules of English."""
    found: list[str] = []
    for word in words:
        base = word.split("'")[0]
        found += map(stem, (base,) if base.isascii() else _split(base))
    return found


def tokens(text: str, language: str | None = None) -> list[str]:
    """Return the tokens of a text, in order: words, stemmed by the rules of its language.

    The first token of a text that is not English is the mark of its language.

    Args:
        text: Any text.
        language: Which one it is in; None to tell it from its words.

    Example:
        >>> tokens("Inês loves running")
        ['ine', 'love', 'run']
        >>> tokens("Die Häuser sind alt")
        ['_german', 'die', 'haus', 'sind', 'alt']
        >>> tokens("東京都")
        ['東京', '京都']
    """
    words = _Words(text)
    language = language or words.language()
    if language == ENGLISH:
        return _english(words.plain)
    found = [mark(language)]
    for word in words.accented():
        found += (stem(piece, language) for piece in _split(_base(word, language)))
    return found


def mark(language: str) -> str:
    """Return the token that no text holds but those of a language."""
    return _MARK + language


def marked(document: Sequence[str]) -> str:
    """Return the language of a text from its tokens.

    Example:
        >>> marked(tokens("Das ist nicht dein Haus")), marked(["love"]), marked([])
        ('german', 'english', 'english')
    """
    first = document[0] if document else ""
    return first.removeprefix(_MARK) if first.startswith(_MARK) else ENGLISH


@functools.cache
def marks() -> Mapping[str, str]:
    """Return all languages but English by their marks."""
    return {mark(language): language for language in languages()}


def spoken(documents: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return the languages of some texts, given as their tokens, but English."""
    return frozenset(map(marked, documents)) - {ENGLISH}


@functools.lru_cache(maxsize=4_096)
def known_tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text that is likely to be asked about again."""
    return tuple(tokens(text))


def question_words(text: str, known: Collection[str] = ()) -> list[Word]:
    """Return the distinct words of a question that say what it is about.

    A question is often too short to tell its language, and may be in another than the texts. So a
    word stands for its stem in English and in each language of the texts, and for itself.

    Args:
        text: In plain words.
        known: The languages in which the texts are, beside English.

    Example:
        >>> question_words("What did Nora say about the ferry?")
        [('nora',), ('ferri',)]
        >>> question_words("Wo wohnen Noras Katzen?", {"german"})
        [('wohnen', 'wohn'), ('nora', 'noras'), ('katzen', 'katz')]
    """
    words = _Words(text)
    language = words.language()
    if language == ENGLISH and known:
        language = words.language(among=known)
    stop = STOP_WORDS if language == ENGLISH else small_words(language)
    if not known:
        every = words.plain
        told = [word for word in every if _base(word, language) not in stop] or every
        return [(token,) for token in dict.fromkeys(_english(told))]
    pairs = list(zip(words.plain, words.accented(), strict=True))
    telling = [pair for pair in pairs if _base(pair[0], language) not in stop] or pairs
    found: list[Word] = []
    for plain, written in telling:
        found += _variants(plain, written, known)
    return _merged(found)


def _variants(word: str, accented: str, known: Collection[str]) -> list[Word]:
    """Return a word of a question with all tokens that may stand for it."""
    english = _english([word])
    if len(english) != 1:  # bigrams are the same in all languages
        return [(token,) for token in english]
    found = dict.fromkeys(english)
    for language in sorted(known):
        base = _base(word, language)
        found[base] = None
        # With the accents of the question, and as a text has it that leaves them out.
        for form in (_base(accented, language), base):
            found[stem(form, language)] = None
    return [tuple(found)]


def _merged(words: Iterable[Word]) -> list[Word]:
    """Return words each once: those that share a token are one word."""
    groups: dict[str, dict[str, None]] = {}
    for word in words:
        known = {id(groups[token]): groups[token] for token in word if token in groups}
        whole, *others = [*known.values(), dict.fromkeys(word)]
        for other in others:
            whole.update(other)
        groups.update(dict.fromkeys(whole, whole))
    return [tuple(group) for group in {id(group): group for group in groups.values()}.values()]


def question_tokens(text: str) -> list[str]:
    """Return the distinct tokens of a question to English texts that say what it is about.

    Example:
        >>> question_tokens("What did Nora say about the ferry?")
        ['nora', 'ferri']
    """
    return [word[0] for word in question_words(text)]


def value_text(value: Mapping[str, Any]) -> str:
    """Return the words of a stored value: what a message says, or all texts in a memory.

    Example:
        >>> value_text({"kind": "Memory", "content": {"content": "likes tea", "since": 2020}})
        'likes tea 2020'
    """
    kind, content = unwrap(value)
    if kind == MESSAGE_KIND:
        said = (content.get(part) for part in ("speaker", "text", "calls"))
        return " ".join(word for part in said for word in _leaves(part))
    return " ".join(_leaves(content))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted over one namespace, so that no other tenant moves a score.

    Args:
        documents: How many documents there are.
        length: Their mean length in tokens.
        holding: For each word of the question, how many documents hold it.
    """

    documents: int
    length: float
    holding: Mapping[Word, int]

    def rarity(self, word: Word) -> float:
        """Return the weight of a word: the rarer, the more it says (never negative)."""
        held = self.holding.get(word, 0)
        return math.log(1 + (self.documents - held + 0.5) / (held + 0.5))


class Bm25:
    """Scores documents by the words of one question, in [0, 1).

    A score is the share of the best that could be reached, so it means the same in any namespace.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
    (2009), section 3.4; divided by its upper bound, the sum of the weights times (k1 + 1).

    Args:
        question: Its words, each once.
        counts: What is counted over the documents.

    Example:
        >>> documents = [["ferri", "nine"], ["train", "ten"]]
        >>> score = Bm25([("ferri",)], count([("ferri",)], documents)).score
        >>> [round(score(document), 2) for document in documents]
        [0.45, 0.0]
    """

    def __init__(self, question: Sequence[Word], counts: Counts) -> None:
        self._weights = {word: counts.rarity(word) * (K1 + 1) for word in question}
        self._words = {token: word for word in question for token in word}
        self._best = sum(self._weights.values())
        self._length = counts.length or 1

    def most(self, words: Sequence[Word]) -> float:
        """Return the score that no document can pass which holds these words of the question."""
        return sum(self._weights[word] for word in words) / self._best if self._best else 0.0

    def score(self, document: Sequence[str]) -> float:
        """Return the score of a document, given as its tokens."""
        words = self._words
        often = Counter(words[token] for token in document if token in words)
        if not often:
            return 0.0
        norm = K1 * (1 - B + B * len(document) / self._length)
        reached = sum(self._weights[w] * times / (times + norm) for w, times in often.items())
        return reached / self._best


def count(question: Sequence[Word], documents: Iterable[Sequence[str]]) -> Counts:
    """Count the documents that a question is asked of."""
    lengths = 0
    number = 0
    holding: Counter[Word] = Counter()
    words = {token: word for word in question for token in word}
    for document in documents:
        number += 1
        lengths += len(document)
        holding.update({words[token] for token in words.keys() & document})
    return Counts(number, lengths / number if number else 0.0, holding)
