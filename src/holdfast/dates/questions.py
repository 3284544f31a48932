"""Which time a question asks about: now, the past, or any."""

from __future__ import annotations

from typing import Literal

from holdfast.dates.language import english, plain_text

Asked = Literal["now", "past", "any"]

_ORDER: tuple[tuple[str, Asked], ...] = (
    ("past_surely", "past"),
    ("now_surely", "now"),
    ("past", "past"),
    ("any", "any"),
    ("now", "now"),
    ("past_by_form", "past"),
)


def asks_about(question: str) -> Asked:
    """Return which state of things a question asks about, by its words alone.

    The words are in `[asked]` of the table. The first kind found decides: "used to" and
    "originally" before "currently" and "these days", those before "did" and "was", those before
    "will", those before "is" and "does", and those before a verb's own past form.

    Args:
        question: A question in English.

    Returns:
        "now" for the present state, "past" for an earlier one or for what happened; "any" where the
        words do not tell.

    Example:
        >>> asks_about("Where does Nora live?"), asks_about("Where did Nora live in 2020?")
        ('now', 'past')
        >>> asks_about("Nora's favourite tea")
        'any'
    """
    asked = english().asked
    plain = asked["neutral"].sub(" ", plain_text(question))
    return next((meant for name, meant in _ORDER if asked[name].search(plain)), "any")
