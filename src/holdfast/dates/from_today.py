"""What days, weeks, months and years counted from today mean: one function for each phrase."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from holdfast.dates import reckoning
from holdfast.dates.interval import Interval, Reading, readings
from holdfast.dates.language import Slots
from holdfast.dates.now import Meaning, Now, step
from holdfast.dates.reckoning import DAYS, HOURS, on, shift

NOON = time(12)
"""Taken for the hour where only the day is known."""


SOME = (2, 5)
"""How many "the past weeks" are."""


def fixed_day(slots: Slots, now: Now) -> Reading:
    """Today, yesterday, tomorrow."""
    return Reading(on(now.day + timedelta(days=slots.value("fixed"))))


def vague(slots: Slots, now: Now) -> Reading:
    """Recently, the other day."""
    first, last = slots.value("vague")
    return Reading(
        Interval(now.day + timedelta(days=first), now.day + timedelta(days=last)), vague=True
    )


def _away(slots: Slots, now: Now, sign: int) -> Reading:
    """Return what lies a number of units away; the larger the unit, the wider it is."""
    low, high = slots.number()
    if "n2" in slots:
        high = slots.number("n2")[1]
    unit = slots.value("unit")
    if unit in HOURS:
        moment = now.moment or datetime.combine(now.day, NOON)
        hours = [sign * number * HOURS[unit] for number in (low, high)]
        ends = [(moment + timedelta(hours=number)).date() for number in hours]
        return Reading(Interval(min(ends), max(ends)))
    near = reckoning.stretch(shift(now.day, sign * low, unit), unit)
    far = reckoning.stretch(shift(now.day, sign * high, unit), unit)
    return Reading(
        Interval(min(near.start, far.start), max(near.end, far.end)), vague=(low != high)
    )


def ago(slots: Slots, now: Now) -> Reading:
    """Three weeks ago."""
    return _away(slots, now, -1)


def in_a_while(slots: Slots, now: Now) -> Reading:
    """In three weeks."""
    return _away(slots, now, 1)


def weekends_ago(slots: Slots, now: Now) -> Reading:
    """Two weekends ago."""
    low, high = slots.number()
    first = 0 if now.day.weekday() < 5 else 1
    far = reckoning.weekend(now.day, -high)
    near = reckoning.weekend(now.day, -low)
    return Reading(Interval(far.start, near.end), vague=low != high or bool(first))


def weekdays_ago(slots: Slots, now: Now) -> Reading:
    """Two Fridays ago."""
    low, high = slots.number()
    last = reckoning.weekday_before(now.day, slots.value("weekdays"))
    far, near = (last - timedelta(days=7 * (number - 1)) for number in (high, low))
    return Reading(Interval(far, near), vague=low != high)


def _how_many(slots: Slots) -> tuple[int, int] | None:
    """Return how many units are meant; None for "the last day", which is that of something else."""
    if "n" in slots:
        return slots.number()
    unit = slots.value("unit")
    if unit in {"day", *HOURS}:
        return None
    return (1, 1) if slots.word("unit") == unit else SOME


def the_past_while(slots: Slots, now: Now) -> Reading | None:
    """The last three weeks, the past year."""
    many = _how_many(slots)
    if many is None:
        return None
    start = shift(now.day, -many[1], slots.value("unit"))
    return Reading(Interval(start, now.day), vague=many[0] != many[1])


def the_coming_while(slots: Slots, now: Now) -> Reading | None:
    """The next three weeks."""
    many = _how_many(slots)
    if many is None:
        return None
    end = shift(now.day, many[1], slots.value("unit"))
    return Reading(Interval(now.day, end), vague=many[0] != many[1])


def later(slots: Slots, now: Now) -> Reading | None:
    """Two weeks later: than what was told before, or than today."""
    sign = slots.value("later")
    unit = slots.value("unit")
    if now.before is not None:
        low, high = slots.number()
        near = reckoning.moved(now.before, sign * low, unit)
        far = reckoning.moved(now.before, sign * high, unit)
        return Reading(
            Interval(min(near.start, far.start), max(near.end, far.end)), vague=low != high
        )
    if "n" not in slots:
        return None
    away = _away(slots, now, sign)
    return Reading(away.interval, vague=True)


def following(slots: Slots, now: Now) -> Reading | None:
    """The next day, the following week: after what was told before; "the next week" from today."""
    unit = slots.value("unit")
    if now.before is not None:
        return Reading(neighbour(now.before, 1, unit))
    return the_coming_while(slots, now)


def neighbour(interval: Interval, sign: int, unit: str) -> Interval:
    """Return the unit right after an interval, or right before it."""
    beyond = interval.end + timedelta(days=1) if sign > 0 else interval.start - timedelta(days=1)
    if unit in DAYS:
        other = beyond + timedelta(days=sign * (DAYS[unit] - 1))
        return Interval(min(beyond, other), max(beyond, other))
    if unit in HOURS:
        return interval
    edge = interval.end if sign > 0 else interval.start
    return reckoning.around(shift(reckoning.around(edge, unit).start, sign, unit), unit)


# ---------------------------------------------------------------- weeks, months, years


def calendar_unit(slots: Slots, now: Now) -> Reading | None:
    """Last week, this month, next year."""
    unit, number = slots.value("unit"), step(slots.value("relative"))
    if unit in {"day", *HOURS}:
        return None
    interval = reckoning.around(now.day, unit)
    if number:
        interval = neighbour(interval, number, unit)
    if unit == "week" and now.day.weekday() == 6:  # for many the week starts on Sunday
        from_sunday = timedelta(days=6)
        other = Interval(interval.start + from_sunday, interval.end + from_sunday)
        return readings([interval, other])
    return Reading(interval)


def unit_before_last(slots: Slots, now: Now) -> Reading | None:
    """The week before last, the week after next."""
    unit, sign = slots.value("unit"), -1 if "back" in slots else 1
    if unit in {"day", *HOURS}:
        return None
    there = reckoning.around(now.day, unit)
    return Reading(neighbour(neighbour(there, sign, unit), sign, unit))


def weekend_before_last(slots: Slots, now: Now) -> Reading:
    """The weekend before last, the weekend after next."""
    if "back" in slots:
        return Reading(reckoning.weekend(now.day, -2))
    return Reading(reckoning.weekend(now.day, 2 if now.day.weekday() >= 5 else 1))


def relative_weekend(slots: Slots, now: Now) -> Reading:
    """Last weekend, this weekend, the weekend."""
    last, this, after = (reckoning.weekend(now.day, number) for number in (-1, 0, 1))
    within = now.day.weekday() >= 5
    relative = slots.value("relative") if "relative" in slots else ""
    if relative in {"last", "nearest last"}:
        return readings([last, this] if within and relative == "last" else [last])
    if relative == "nearest next":
        return Reading(after if within else this)
    if relative == "next":
        return Reading(after) if within else readings([after, this])
    if relative == "this":
        return readings([this, last] if now.day.weekday() < 2 else [this])
    if within:
        return readings([this, last])
    return readings([this, last] if now.ahead else [last, this])


def relative_weekday(slots: Slots, now: Now) -> Reading:
    """Last Friday, this Friday, next Friday, Friday."""
    weekday = slots.value("weekday" if "weekday" in slots else "short_weekday")
    relative = slots.value("relative") if "relative" in slots else ""
    day, week = now.day, timedelta(days=7)
    last, after = (
        reckoning.weekday_before(day, weekday),
        reckoning.weekday_after(day, weekday),
    )
    this = day + timedelta(days=weekday - day.weekday())
    if relative == "last":
        days = [last, last - week] if last == this else [last]
    elif relative == "next":
        days = [after + week, after] if after == this else [after]
    elif relative == "nearest last":
        days = [last]
    elif relative == "nearest next":
        days = [after]
    elif relative == "this":
        days = [after, this] if this < day else [this]
    else:
        days = [after, last] if now.ahead else [last, after]
    return readings([on(one) for one in days])


def weekday_of_week(slots: Slots, now: Now) -> Reading:
    """Monday last week."""
    monday = reckoning.around(now.day, "week").start
    weeks = step(slots.value("relative"))
    return Reading(on(monday + timedelta(days=7 * weeks + slots.value("weekday"))))


MEANINGS: dict[str, Meaning] = {
    meaning.__name__: meaning
    for meaning in (
        fixed_day,
        vague,
        ago,
        in_a_while,
        weekends_ago,
        weekdays_ago,
        the_past_while,
        the_coming_while,
        later,
        following,
        calendar_unit,
        unit_before_last,
        weekend_before_last,
        relative_weekend,
        relative_weekday,
        weekday_of_week,
    )
}
