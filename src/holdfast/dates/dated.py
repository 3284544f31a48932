"""What dates, months, seasons, holidays and years mean: one function for each phrase."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from holdfast.dates import reckoning
from holdfast.dates.interval import Interval, Reading, readings
from holdfast.dates.language import Slots
from holdfast.dates.now import Meaning, Now, step
from holdfast.dates.reckoning import on, shift

Yearly = Callable[[int], Interval]
"""When something is in a year; ValueError where it is not in that year."""


def iso_date(slots: Slots, now: Now) -> Reading:
    """2023-05-07, 2023/5/7, 7.5.2023, 2023-05."""
    year, month = int(slots.word("y")), int(slots.word("m"))
    if "d" not in slots:
        return Reading(reckoning.month(year, month))
    return Reading(on(date(year, month, int(slots.word("d")))))


def slashed_date(slots: Slots, now: Now) -> Reading | None:
    """03/04/2023: month first, or day first."""
    first, second = int(slots.word("a")), int(slots.word("b"))
    possible: list[Interval] = []
    for month, day in ((first, second), (second, first)):
        if 1 <= month <= 12 and 1 <= day <= reckoning.month(2000, month).days:
            if "y" in slots:
                possible.append(on(date(full_year(slots.word("y"), now), month, day)))
            else:
                reading = _nearest(_on_each(month, day), now)
                possible.extend([reading.interval, *reading.alternatives])
    return readings(possible) if possible else None


def full_year(said: str, now: Now) -> int:
    """Return a year; one of two digits is at most twenty years ahead."""
    digits = said.lstrip("'")
    if len(digits) != 2:
        return int(digits)
    latest = now.said.year + 20 if now.said else 2049
    return latest - (latest - int(digits)) % 100


def _on_each(month: int, day: int) -> Yearly:
    return lambda year: on(date(year, month, day))


def _around(yearly: Yearly, day: date) -> tuple[list[Interval], list[Interval], list[Interval]]:
    """Return the past occurrences, latest first; those that hold the day; the coming ones.

    Two years around the day hold them, unless it is a day that most years lack.
    """
    past: list[Interval] = []
    present: list[Interval] = []
    coming: list[Interval] = []
    for years_around in (2, 9):
        every = _occurrences(yearly, day.year, years_around)
        past = [one for one in reversed(every) if one.end < day]
        present = [one for one in every if one.start <= day <= one.end]
        coming = [one for one in every if one.start > day]
        if past and coming:
            break
    return past, present, coming


def _occurrences(yearly: Yearly, year: int, around: int) -> list[Interval]:
    """Return when something is in the years around one; in some of them it may not be."""
    found: list[Interval] = []
    for one in range(year - around, year + around + 1):
        try:
            found.append(yearly(one))
        except (ValueError, OverflowError):
            continue
    return found


def _nearest(yearly: Yearly, now: Now) -> Reading:
    """Return the one that is meant where no year is given: the last one, or the next one."""
    past, present, coming = _around(yearly, now.day)
    if present:
        return Reading(present[0])
    nearest = [*coming[:1], *past[:1]] if now.ahead else [*past[:1], *coming[:1]]
    if not nearest:
        raise ValueError("there is no such day in any year around")
    return readings(nearest)


def _relative(yearly: Yearly, relative: str, now: Now) -> Reading | None:
    """Return the last, this or the next of what comes every year."""
    past, present, coming = _around(yearly, now.day)
    year = now.day.year
    if relative.endswith("last") and past:
        unsure = relative == "last" and past[0].end.year == year
        return readings(past[: 2 if unsure else 1])
    if relative.endswith("next") and coming:
        unsure = relative == "next" and coming[0].start.year == year
        return readings(coming[: 2 if unsure else 1])
    if relative != "this":
        return None
    if present:
        return Reading(present[0])
    nearest = min(
        [*past[:1], *coming[:1]],
        key=lambda one: min(abs(one.start - now.day), abs(one.end - now.day)),
    )
    return readings([yearly(year), nearest])


def _each_year(yearly: Yearly, slots: Slots, now: Now) -> Reading | None:
    """Return the one of the year that is given, or the last, next or nearest one."""
    if "year" in slots:
        return Reading(yearly(full_year(slots.word("year"), now)))
    if "relative" in slots:
        return _relative(yearly, slots.value("relative"), now)
    return _nearest(yearly, now)


def _in_year(yearly: Yearly, slots: Slots, now: Now) -> Reading:
    return Reading(yearly(now.day.year + step(slots.value("relative"))))


def _dated(slots: Slots) -> Yearly:
    month = slots.value("month")
    if "day" in slots:
        return _on_each(month, slots.ordinal("day"))
    return lambda year: reckoning.month(year, month)


def dated(slots: Slots, now: Now) -> Reading | None:
    """7 May 2023, May 7, May 2023, last May, May."""
    return _each_year(_dated(slots), slots, now)


def dated_in_year(slots: Slots, now: Now) -> Reading:
    """May last year."""
    return _in_year(_dated(slots), slots, now)


def days_of_month(slots: Slots, now: Now) -> Reading | None:
    """From 3 to 7 June."""
    month, first, last = slots.value("month"), slots.ordinal("day"), slots.ordinal("day2")
    if first > last:
        return None
    return _each_year(
        lambda year: Interval(date(year, month, first), date(year, month, last)), slots, now
    )


def months(slots: Slots, now: Now) -> Reading | None:
    """Between May and July 2023; the year is that of the last one."""
    first, last = slots.value("month"), slots.value("month2")

    def both(year: int) -> Interval:
        start = reckoning.month(year - (first > last), first).start
        return Interval(start, reckoning.month(year, last).end)

    return _each_year(both, slots, now)


def day_of_month(slots: Slots, now: Now) -> Reading:
    """The 5th: of this month or of the one beside it."""
    number, today = slots.ordinal("day"), now.day
    days = []
    for away in (-2, -1, 0, 1, 2):
        first = shift(today.replace(day=1), away, "month")
        if number <= reckoning.month(first.year, first.month).days:
            days.append(first.replace(day=number))
    past = max(day for day in days if day <= today)
    coming = min(day for day in days if day > today)
    return readings([on(coming), on(past)] if now.ahead else [on(past), on(coming)])


def day_of_relative_month(slots: Slots, now: Now) -> Reading:
    """The 5th of last month."""
    months_away = step(slots.value("relative")) if "relative" in slots else 0
    first = shift(now.day.replace(day=1), months_away, "month")
    number = slots.ordinal("nth")
    if number < 0:
        return Reading(on(reckoning.month(first.year, first.month).end))
    return Reading(on(first.replace(day=number)))


def _season(slots: Slots) -> Yearly:
    return lambda year: reckoning.month(year, slots.value("season"), 3)


def _southern(reading: Reading | None) -> Reading | None:
    """Return a season with the same one of the southern half of the earth, the nearest of them."""
    if reading is None:
        return None
    interval = reading.interval
    other = reckoning.moved(interval, 6 if interval.start.month < 6 else -6, "month")
    return readings([interval, *reading.alternatives, other])


def season(slots: Slots, now: Now) -> Reading | None:
    """The summer of 2022, last summer; a winter also as that of the year in which it ends."""
    yearly = _season(slots)
    reading = _each_year(yearly, slots, now)
    if reading and "year" in slots and reading.interval.end.year > reading.interval.start.year:
        year = reading.interval.start.year
        reading = readings([reading.interval, yearly(year - 1)])
    return _southern(reading)


def season_in_year(slots: Slots, now: Now) -> Reading | None:
    """Summer last year."""
    return _southern(_in_year(_season(slots), slots, now))


def _holiday(slots: Slots) -> Yearly:
    rule = slots.value("holiday")
    if isinstance(rule, list):
        return _on_each(*rule)
    if "easter" in rule:
        return lambda year: on(reckoning.easter(year) + timedelta(days=rule["easter"]))

    def nth(year: int) -> Interval:
        day = reckoning.nth_weekday(year, rule["month"], rule["weekday"], rule["nth"])
        return on(day + timedelta(days=rule.get("days", 0)))

    return nth


def holiday(slots: Slots, now: Now) -> Reading | None:
    """Christmas 2022, last Thanksgiving, Easter."""
    return _each_year(_holiday(slots), slots, now)


def holiday_in_year(slots: Slots, now: Now) -> Reading:
    """Christmas last year."""
    return _in_year(_holiday(slots), slots, now)


# ---------------------------------------------------------------- years


def year(slots: Slots, now: Now) -> Reading:
    """2023, Q2 2023."""
    number = int(slots.word("y"))
    if "quarter" in slots:
        return Reading(reckoning.month(number, int(slots.word("quarter")) * 3 - 2, 3))
    return Reading(reckoning.month(number, 1, 12))


def years(slots: Slots, now: Now) -> Reading | None:
    """From 2019 to 2021."""
    first, last = int(slots.word("y")), int(slots.word("y2"))
    return Reading(Interval(date(first, 1, 1), date(last, 12, 31))) if first <= last else None


def decade(slots: Slots, now: Now) -> Reading:
    """The 1990s, the nineties, the early 90s."""
    number = int(slots.word("y")) if "y" in slots else slots.value("decade")
    if number < 100:
        latest = now.said.year if now.said else 2029
        last = latest - (latest - number) % 100
        possible = [last, last - 100] if number < 50 else [last]
    else:
        possible = [number]
    spans = [reckoning.month(start, 1, 120) for start in possible]
    if number >= 100 and number % 100 == 0:
        spans.append(reckoning.month(number, 1, 1200))
    reading = readings(spans)
    if "near_part" not in slots:
        return reading
    first, until = slots.value("near_part")
    return reading.moved(lambda whole: reckoning.part(whole, first, until), vague=True)


MEANINGS: dict[str, Meaning] = {
    meaning.__name__: meaning
    for meaning in (
        iso_date,
        slashed_date,
        dated,
        dated_in_year,
        days_of_month,
        months,
        day_of_month,
        day_of_relative_month,
        season,
        season_in_year,
        holiday,
        holiday_in_year,
        year,
        years,
        decade,
    )
}
