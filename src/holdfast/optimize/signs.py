"""The table of what users say of an answer unasked (`tables/feedback_english.toml`), read once."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from holdfast.analysis import tokens

Pattern = re.Pattern[str]

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_QUOTES = {'"': '"', "\u201c": "\u201d", "\u00ab": "\u00bb"}
_QUOTE = re.compile(f"[{''.join(_QUOTES)}]")
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")
_END = " \t.!?;,:-"


@dataclass(frozen=True, slots=True)
class Signs:
    """What one kind of signal is told by.

    Args:
        begins: What opens a sentence.
        whole: What is a whole sentence.
        silent: Where one of these is in the message, it says something else.
    """

    begins: Pattern
    whole: Pattern
    silent: Pattern


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table.

    Args:
        corrects: See `Signs`.
        gives_up: As there.
        thanks: As there.
        rephrases: As there; only `begins`.
        fillers: What may stand before a phrase.
        contrast: "not X but Y"; its group is X.
        contrast_not: First words of an X that is none.
        unanswered: An answer that is none.
        polite: A question that asks nothing.
        neutral: Tokens that add nothing to what is asked for.
        insisting: Words that only insist.
        anew: Tokens of what is asked for a second time because it is wanted again, or changes.
        doing: Words by which something is done anew.
        asks: Forms of questions, by what they ask for.
    """

    corrects: Signs
    gives_up: Signs
    thanks: Signs
    rephrases: Signs
    fillers: Pattern
    contrast: Pattern
    contrast_not: frozenset[str]
    unanswered: Pattern
    polite: Pattern
    neutral: frozenset[str]
    insisting: frozenset[str]
    anew: frozenset[str]
    doing: frozenset[str]
    asks: Mapping[str, Pattern]


@functools.cache
def table() -> Table:
    """Return the table of English."""
    source = files("holdfast") / "tables" / "feedback_english.toml"
    read = tomllib.loads(source.read_text(encoding="utf-8"))
    words: dict[str, str] = read["words"]
    signs = {kind: _signs(read[kind], words) for kind in _KINDS}
    rephrases, repeats, corrects = read["rephrases"], read["repeats"], read["corrects"]
    return Table(
        **signs,
        fillers=re.compile(rf"(?:(?:{read['fillers']})\b[\s,.!-]*)+"),
        contrast=_any(corrects["contrast"], words),
        contrast_not=frozenset(corrects["contrast_not"].split()),
        unanswered=_any(rephrases["unanswered"], words),
        polite=_any(read["questions"]["polite"], words),
        neutral=frozenset(tokens(rephrases["neutral"])),
        insisting=frozenset(repeats["insisting"].split()),
        anew=frozenset(tokens(repeats["anew"])),
        doing=frozenset(repeats["doing"].split()),
        asks={name: _any(forms, words) for name, forms in read["asks"].items()},
    )


_KINDS = ("corrects", "gives_up", "thanks", "rephrases")


def _signs(read: Mapping[str, Any], words: Mapping[str, str]) -> Signs:
    return Signs(*(_any(read.get(part, ()), words) for part in ("begins", "whole", "silent")))


def _any(phrases: Iterable[str], words: Mapping[str, str]) -> Pattern:
    filled = [_slot.sub(lambda slot: words[slot[1]], phrase) for phrase in phrases]
    # Without a phrase it matches nothing, rather than everything.
    return re.compile("|".join(f"(?:{phrase})" for phrase in filled) or r"(?!)")


_slot = re.compile(r"\{([a-z]+)\}")


def plain(text: str) -> str:
    """Return what somebody says in his own words: in lower case, without code and quotations.

    Example:
        >>> plain('She said "no" to `x = 1`. Fine!')
        'she said  to . fine!'
    """
    own = "\n".join(map(_uncited, _CODE.sub("", text).split("\n")))
    return own.replace("\u2019", "'").replace("\u2014", " - ").replace("\u2013", " - ").casefold()


def _uncited(line: str) -> str:
    """Return a line without what stands in quotation marks; nothing of one that is a quotation."""
    if line.lstrip().startswith(">"):
        return ""
    kept: list[str] = []
    unclosed: set[str] = set()
    at = 0
    for found in _QUOTE.finditer(line):
        # What is not closed once is not closed further on, and need not be looked for again.
        if found.start() < at or found[0] in unclosed:
            continue
        end = line.find(_QUOTES[found[0]], found.end())
        if end < 0:
            unclosed.add(found[0])
            continue
        kept.append(line[at : found.start()])
        at = end + 1
    return "".join([*kept, line[at:]])


def has_code(text: str) -> bool:
    """Tell whether there is code in a text."""
    return _CODE.search(text) is not None


def sentences(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the sentences of a plain text, each without its end, and whether it is a question."""
    for found in _SENTENCE.finditer(text):
        words = " ".join(found[0].split())
        if words.strip(_END):
            yield words.strip(_END), words.endswith("?")


def begins(pattern: Pattern, sentence: str) -> str:
    """Return what opens a sentence, with or without fillers before it; "" where it does not."""
    found = pattern.match(sentence)
    if found is None and (filler := table().fillers.match(sentence)) is not None:
        found = pattern.match(sentence, filler.end())
    return "" if found is None else found[0].strip(_END)


def is_whole(pattern: Pattern, sentence: str) -> bool:
    """Tell whether a sentence is one phrase, with or without fillers before it."""
    if pattern.fullmatch(sentence):
        return True
    filler = table().fillers.match(sentence)
    return filler is not None and pattern.fullmatch(sentence, filler.end()) is not None


def asked_for(text: str) -> str:
    """Return what a question asks for, such as `time`; "" where that cannot be told.

    Example:
        >>> asked_for("at what time does it leave?"), asked_for("the ferry")
        ('time', '')
    """
    for sentence, _ in sentences(text):
        opened = table().fillers.match(sentence)
        start = opened.end() if opened is not None else 0
        for name, pattern in table().asks.items():
            if pattern.match(sentence) or pattern.match(sentence, start):
                return name
    return ""
