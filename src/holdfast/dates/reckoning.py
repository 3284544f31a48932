"""The calendar: days, weeks, months and years around a day, and steps from one to another.

Weeks start on Monday. What leaves the years 1 to 9999 raises OverflowError or ValueError, as
`datetime` does; whoever reads an expression takes it as one that means no day.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from holdfast.dates.interval import Interval

MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120}
"""Units that are counted in months."""

DAYS = {"day": 1, "week": 7, "fortnight": 14}
"""Units that are counted in days."""

HOURS = {"minute": 1 / 60, "hour": 1}
"""Units within a day."""


def shift(day: date, number: int, unit: str) -> date:
    """Return the day that many units later; the 31st becomes the last day of a shorter month."""
    if unit in HOURS:
        return day + timedelta(days=int(number * HOURS[unit] / 24))
    if unit in DAYS:
        return day + timedelta(days=number * DAYS[unit])
    months = day.year * 12 + day.month - 1 + number * MONTHS[unit]
    return date(months // 12, months % 12 + 1, min(day.day, _length(months // 12, months % 12 + 1)))


def _length(year: int, month: int) -> int:
    return calendar.monthrange(date(year, month, 1).year, month)[1]


def on(day: date) -> Interval:
    """Return the interval of one day."""
    return Interval(day, day)


def month(year: int, number: int, months: int = 1) -> Interval:
    """Return the interval of a month, or of several that start with it."""
    first = date(year, number, 1)
    last = shift(first, months - 1, "month")
    return Interval(first, date(last.year, last.month, _length(last.year, last.month)))


def around(day: date, unit: str) -> Interval:
    """Return the calendar's day, week, month, quarter, year or decade that holds a day."""
    if unit in HOURS or unit == "day":
        return on(day)
    if unit in DAYS:
        monday = day - timedelta(days=day.weekday())
        return Interval(monday, monday + timedelta(days=DAYS[unit] - 1))
    if unit == "month":
        return month(day.year, day.month)
    if unit == "quarter":
        return month(day.year, (day.month - 1) // 3 * 3 + 1, 3)
    if unit == "year":
        return month(day.year, 1, 12)
    return month(max(1, day.year // 10 * 10), 1, 120)


def stretch(day: date, unit: str) -> Interval:
    """Return what "around then" is for somebody who counts in a unit: 3 days around for weeks."""
    if unit in DAYS and unit != "day":
        return Interval(day - timedelta(days=3), day + timedelta(days=3))
    return around(day, "year" if unit == "decade" else unit)


def moved(interval: Interval, number: int, unit: str) -> Interval:
    """Return the interval that many units later; whole months stay whole months."""
    start, end = shift(interval.start, number, unit), shift(interval.end, number, unit)
    if unit in MONTHS and interval.end.day == _length(interval.end.year, interval.end.month):
        end = date(end.year, end.month, _length(end.year, end.month))
    return Interval(start, end)


def weekend(day: date, number: int = 0) -> Interval:
    """Return Saturday and Sunday of the week that holds a day, or of one so many weeks later."""
    saturday = day + timedelta(days=5 - day.weekday() + 7 * number)
    return Interval(saturday, saturday + timedelta(days=1))


def weekday_after(day: date, weekday: int) -> date:
    """Return the first such weekday after a day."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)


def weekday_before(day: date, weekday: int) -> date:
    """Return the last such weekday before a day."""
    return day - timedelta(days=(day.weekday() - weekday - 1) % 7 + 1)


def part(whole: Interval, first: int, until: int) -> Interval:
    """Return a part of an interval, given in twelfths; less than a week is not parted.

    Whole months are parted by months, so that the last quarter of a year starts in October.
    """
    if whole.days < 7:
        return whole
    last = whole.end
    months = (last.year - whole.start.year) * 12 + last.month - whole.start.month + 1
    if whole.start.day == 1 and last == month(last.year, last.month).end and months % 12 == 0:
        start = shift(whole.start, months * first // 12, "month")
        final = shift(whole.start, months * until // 12 - 1, "month")
        return Interval(start, month(final.year, final.month).end)
    start = whole.start + timedelta(days=whole.days * first // 12)
    return Interval(start, whole.start + timedelta(days=whole.days * until // 12 - 1))


def nth_weekday(year: int, number: int, weekday: int, nth: int) -> date:
    """Return the nth such weekday of a month, or with -1 the last one.

    Raises:
        ValueError: The month has not so many.
    """
    whole = month(year, number)
    if nth < 0:
        return last_weekday(whole, weekday)
    day = first_weekday(whole, weekday) + timedelta(days=7 * (nth - 1))
    if day > whole.end:
        raise ValueError(f"no {nth} such weekdays in {year}-{number}")
    return day


def first_weekday(whole: Interval, weekday: int) -> date:
    """Return the first such weekday that is not before an interval's start."""
    return whole.start + timedelta(days=(weekday - whole.start.weekday()) % 7)


def last_weekday(whole: Interval, weekday: int) -> date:
    """Return the last such weekday that is not after an interval's end."""
    return whole.end - timedelta(days=(whole.end.weekday() - weekday) % 7)


def easter(year: int) -> date:
    """Return Easter Sunday of the Western churches.

    Source: the anonymous Gregorian computus, as in Meeus, "Astronomical Algorithms" (1991), ch. 8.
    """
    golden, century, rest = year % 19, year // 100, year % 100
    leaps, over = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leaps - correction + 15) % 30
    sunday = (32 + 2 * over + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451
    number, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, number, day + 1)
