"""Times that are said in English, resolved to days: without a model, in microseconds.

Two things need it: a question ("What did Nora do last May?"), and a message that was said at a
known time ("yesterday we went to Rome"). Every message passes through here, so the first step is a
look whether any of its words has to do with time; most texts are done with then. The well-kept
libraries that read dates (dateparser, for one) are too slow for that, and give one moment where
an interval is meant, without saying that there are other readings.

Words and phrases are data, in `tables/dates_english.toml`; another language is another table.

What is ambiguous is said to be. Where nothing else tells, the past is meant ("May" is the last May)
unless the sentence speaks of what is to come ("we will go in May"). Weeks start on Monday, seasons
are those of the northern half of the earth, three whole months each, and 03/04 is March 4.
"""

from __future__ import annotations

from datetime import date

from holdfast.dates.finding import read
from holdfast.dates.interval import Expression, Interval
from holdfast.dates.language import english, plain_text
from holdfast.dates.questions import Asked, asks_about

__all__ = ["Asked", "Expression", "Interval", "asks_about", "find"]


def find(text: str, said: date | None = None) -> tuple[Expression, ...]:
    """Return the expressions of time in a text, from left to right, none over another.

    What means no day of the years 1 to 9999 ("31 February") is no expression, and neither is what
    comes again and again ("every Monday"), nor a length of time ("for two hours").

    Args:
        text: Any text; what is not English has at most dates in figures.
        said: When it was said, as a date or a datetime (whose own day counts, in its own zone).
            Without it only what is absolute is resolved: "May 2023", but not "May" or "yesterday".

    Example:
        >>> trip, move = find("We met last May, two weeks after 3 March 2021.", date(2023, 6, 10))
        >>> trip.text, str(trip.interval.start), str(trip.interval.end), trip.ambiguous
        ('last May', '2023-05-01', '2023-05-31', True)
        >>> trip.alternatives == (find("May 2022")[0].interval,)
        True
        >>> move.text, str(move.interval.start), move.interval.days
        ('two weeks after 3 March 2021', '2021-03-17', 1)
    """
    language = english()
    plain = plain_text(text)
    return read(text, plain, language, said)
