"""The tags of a mustache or jinja2 prompt: what stands in blocks, in which, and what is unclosed.

They are read by the rules of these languages' own documents, without their packages, which a user
need not have: mustache(5), and "Template Designer Documentation" of Jinja 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_STOP = re.compile(r"[\"'()\[\]{}%]")
_STRING = r"\"[^\"\\]*(?:\\.[^\"\\]*)*\"|'[^'\\]*(?:\\.[^'\\]*)*'"
_QUOTED = re.compile(_STRING, re.DOTALL)
_SPACED = re.compile(rf"({_STRING})|\s+", re.DOTALL)
_JINJA = re.compile(r"\{[{%#]")
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_WORD = re.compile(r"\w+")
_BRANCHES = frozenset(["else", "elif", "pluralize"])
_ALONE = frozenset(
    ["include", "import", "from", "extends", "do", "break", "continue", "debug", "raw"]
)


@dataclass(slots=True)
class Tags:
    """What a template does, apart from its words.

    Args:
        blocks: The tags of its blocks, in order.
        values: Its expressions, each with the number of the block tag it stands behind, which
            is one of those that are open there; None outside of all blocks.
        rest: What follows once a tag is left unclosed, or other braces are agreed upon.
    """

    blocks: list[str] = field(default_factory=list)
    values: set[tuple[int | None, str]] = field(default_factory=set)
    rest: str = ""
    _open: list[int] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)

    @property
    def texts(self) -> frozenset[str]:
        """All tags, without regard to where they stand."""
        return frozenset(self.blocks) | {text for _, text in self.values}

    def value(self, text: str) -> None:
        """Take in an expression."""
        # What a template itself sets has its value only from there on.
        named = [self._names[word] for word in set(_WORD.findall(text)) & self._names.keys()]
        self.values.add((max([*self._open[-1:], *named], default=None), text))

    def opens(self, text: str) -> None:
        """Take in a tag that opens a block."""
        self._open.append(len(self.blocks))
        self.blocks.append(text)

    def closes(self, text: str) -> None:
        """Take in a tag that closes the innermost block."""
        self.blocks.append(text)
        if self._open:
            self._open.pop()

    def branches(self, text: str) -> None:
        """Take in a tag that begins another part of the innermost block."""
        if self._open:
            self._open[-1] = len(self.blocks)
        self.blocks.append(text)

    def alone(self, text: str, sets: str = "") -> None:
        """Take in a tag that has no end, and maybe sets a name."""
        if sets:
            self._names[sets] = len(self.blocks)
        self.blocks.append(text)


def mustache_tags(prompt: str) -> Tags:
    """Return the tags of a mustache prompt.

    Example:
        >>> mustache_tags("{{#a}} {{ b }} {{/a}} {{! c }} {{").blocks
        ['#a', '/a']
    """
    tags, at = Tags(), 0
    while (start := prompt.find("{{", at)) >= 0:
        deep = prompt.startswith("{{{", start)
        end = prompt.find("}}", start + 2 + deep)
        if end < 0 or prompt.startswith("=", start + 2):
            tags.rest = prompt[start:]
            break
        inner = prompt[start + 2 + deep : end]
        at = end + 2
        if deep:
            closed = prompt.startswith("}", at)
            # Closed by two braces only it is no such tag, and nothing else either.
            tags.value(f"{{{inner.strip()}}}" if closed else f"{{\n{inner}")
            at += closed
        elif not inner.startswith("!"):
            _mustache(tags, inner)
    return tags


def _mustache(tags: Tags, inner: str) -> None:
    text = inner.strip()
    kind = text[:1]
    if kind and kind in "#^$<&>/":
        name = text[1:].strip()
        # Renderers differ in what a blank before the sign means.
        text = " " * inner[0].isspace() + kind + name
    if kind and kind in "#^$<":
        tags.opens(text)
    elif kind == "/":
        tags.closes(text)
    else:
        tags.value(text)


def jinja_tags(prompt: str) -> Tags:
    """Return the tags of a jinja2 prompt.

    Example:
        >>> jinja_tags("{% if a %}{{ b|upper }}{% endif %} {# {{ c }} #}").blocks
        ['if a', 'endif']
    """
    tags, at = Tags(), 0
    while (begun := _JINJA.search(prompt, at)) is not None:
        close = {"{": "}}", "%": "%}", "#": "#}"}[begun[0][1]]
        comment = close == "#}"
        end = prompt.find(close, begun.end()) if comment else _end(prompt, begun.end(), close)
        if end < 0:
            tags.rest = prompt[begun.start() :]
            break
        at = end + 2
        if comment:
            continue
        text = _trimmed(prompt[begun.end() : end])
        if close == "}}":
            tags.value(text)
        elif text == "raw":
            stop = _END_RAW.search(prompt, at)
            if stop is None:
                tags.rest = prompt[begun.start() :]
                break
            tags.alone(f"raw %}}{prompt[at : stop.start()]}{{% endraw")
            at = stop.end()
        else:
            _block(tags, text)
    return tags


def _end(prompt: str, at: int, close: str) -> int:
    """Return where a tag ends, past its strings and brackets; -1 where it does not."""
    depth = 0
    while (found := _STOP.search(prompt, at)) is not None:
        at = found.end()
        if found[0] in "\"'":
            string = _QUOTED.match(prompt, found.start())
            if string is None:
                return -1
            at = string.end()
        elif depth == 0 and prompt.startswith(close, found.start()):
            return found.start()
        elif found[0] in "([{":
            depth += 1
        elif found[0] in ")]}":
            if depth == 0:
                return -1
            depth -= 1
    return -1


def _block(tags: Tags, text: str) -> None:
    words = _WORD.findall(text[:200])
    kind = words[0] if words else ""
    if kind.startswith("end"):
        tags.closes(text)
    elif kind in _BRANCHES:
        tags.branches(text)
    elif kind == "set" and "=" in text:
        tags.alone(text, words[1] if len(words) > 1 else "")
    elif kind in _ALONE:
        tags.alone(text)
    else:
        tags.opens(text)


def _trimmed(inner: str) -> str:
    """Return what a tag says, without what trims the blanks around it."""
    inner = inner[1:] if inner[:1] in ("-", "+") else inner
    inner = inner[:-1] if inner[-1:] in ("-", "+") else inner
    return _SPACED.sub(lambda found: found[1] or " ", inner).strip()


def tag_failures(had: Tags, has: Tags, as_block: str) -> Iterator[str]:
    """Yield what is wrong with a rewrite's tags.

    Args:
        had: Those before.
        has: Those of the rewrite.
        as_block: How a block tag is written, with `%s` for what it says.
    """
    if had.blocks != has.blocks:
        yield from _changed(had.blocks, has.blocks, as_block)
    before, after = {text for _, text in had.values}, {text for _, text in has.values}
    yield from (f"the variable {text} is lost" for text in sorted(before - after))
    yield from (f"there is no variable {text}" for text in sorted(after - before))
    if had.blocks == has.blocks:
        yield from _moved(had, has, before & after, as_block)
    if had.rest != has.rest:
        yield (
            f"what follows from {had.rest[:40]!r} on must stay as it is"
            if had.rest
            else f"nothing was left open or given other braces before, as {has.rest[:40]!r} is"
        )


def _changed(had: list[str], has: list[str], as_block: str) -> Iterator[str]:
    at = next(
        (n for n, (one, other) in enumerate(zip(had, has, strict=False)) if one != other),
        min(len(had), len(has)),
    )
    wanted = as_block % had[at] if at < len(had) else "nothing"
    found = as_block % has[at] if at < len(has) else "nothing"
    yield f"block tag {at + 1} must be {wanted}, and is {found}; keep all of them, in their order"


def _moved(had: Tags, has: Tags, both: set[str], as_block: str) -> Iterator[str]:
    for place, text in sorted(
        (had.values ^ has.values), key=lambda one: (one[1], -1 if one[0] is None else one[0])
    ):
        if text not in both:
            continue
        where = "outside of all blocks" if place is None else _where(had.blocks[place], as_block)
        if (place, text) in had.values:
            yield f"the variable {text} must stay {where}"
        elif not had.values - has.values:
            yield f"there is no variable {text} {where}"


def _where(block: str, as_block: str) -> str:
    return f"{'after' if block.startswith('set ') else 'inside of'} {as_block % block}"
