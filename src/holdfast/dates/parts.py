"""What stands before an expression and makes another of it: "two weeks after", "the end of"."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from holdfast.dates import reckoning
from holdfast.dates.from_today import neighbour
from holdfast.dates.interval import Interval, Reading, readings
from holdfast.dates.language import Slots
from holdfast.dates.now import Now
from holdfast.dates.reckoning import HOURS, on

Lead = Callable[[Slots, Reading, Now], Reading | None]
"""Makes of an expression's reading that of the whole; None says that they do not fit."""

DAY = timedelta(days=1)


def moved(slots: Slots, inner: Reading, now: Now) -> Reading:
    """Two weeks after her birthday in June 2023."""
    unit, sign = slots.value("unit"), slots.value("way")
    low, high = slots.number()

    def move(interval: Interval) -> Interval:
        near = reckoning.moved(interval, sign * low, unit)
        far = reckoning.moved(interval, sign * high, unit)
        return Interval(min(near.start, far.start), max(near.end, far.end))

    return inner.moved(move, vague=low != high or "event" in slots)


def unit_beside(slots: Slots, inner: Reading, now: Now) -> Reading:
    """The week before 9 June 2023: the seven days before it, or the calendar week before."""
    unit, sign = slots.value("unit"), slots.value("way")
    if slots.word("unit") != unit:  # several: "the days before Christmas"
        return inner.moved(
            lambda whole: _joined(neighbour(whole, sign, unit), whole, unit, sign), vague=True
        )
    if "event" in slots:  # on some day of the interval, and then the unit beside that day
        return inner.moved(lambda whole: _beside_each(whole, sign, unit), vague=True)
    meant = inner.moved(lambda whole: neighbour(whole, sign, unit))
    if unit != "week":
        return meant
    own = reckoning.around(inner.interval.start, unit)
    calendar = neighbour(own, sign, unit)
    return readings([meant.interval, *meant.alternatives, calendar], vague=meant.vague)


def _joined(nearest: Interval, whole: Interval, unit: str, sign: int) -> Interval:
    """Return several units beside an interval, three of them."""
    edge = whole.end if sign > 0 else whole.start
    farthest = reckoning.shift(edge, 3 * sign, unit)
    return Interval(min(nearest.start, farthest), max(nearest.end, farthest))


def _beside_each(whole: Interval, sign: int, unit: str) -> Interval:
    """Return the unit beside a day that is somewhere in an interval."""
    if sign > 0:
        return Interval(whole.start + DAY, reckoning.shift(whole.end, 1, unit))
    return Interval(reckoning.shift(whole.start, -1, unit), whole.end - DAY)


def weekend_beside(slots: Slots, inner: Reading, now: Now) -> Reading:
    """The weekend after 9 June 2023."""

    def beside(day: date) -> Interval:
        if slots.value("way") > 0:
            return reckoning.weekend(reckoning.weekday_after(day, 5))
        return reckoning.weekend(reckoning.weekday_before(day, 6))

    return _beside_day(slots, inner, beside)


def weekday_beside(slots: Slots, inner: Reading, now: Now) -> Reading:
    """The Sunday before 25 May 2023."""
    weekday = slots.value("weekday")

    def beside(day: date) -> Interval:
        if slots.value("way") > 0:
            return on(reckoning.weekday_after(day, weekday))
        return on(reckoning.weekday_before(day, weekday))

    return _beside_day(slots, inner, beside)


def _beside_day(slots: Slots, inner: Reading, beside: Callable[[date], Interval]) -> Reading:
    """Return what is beside an interval, or beside the day of an event somewhere in it."""

    def whole(interval: Interval) -> Interval:
        if "event" in slots:
            return Interval(beside(interval.start).start, beside(interval.end).end)
        return beside(interval.end if slots.value("way") > 0 else interval.start)

    return inner.moved(whole, vague="event" in slots)


def nth_within(slots: Slots, inner: Reading, now: Now) -> Reading | None:
    """The first Monday of May, the last week of May, the first weekend of August."""
    nth = slots.ordinal("nth")
    unit = slots.value("unit") if "unit" in slots else "day"
    if unit in HOURS or inner.interval.days < 7:
        return None

    def within(whole: Interval) -> Interval:
        if "weekday" in slots:
            return on(_nth(whole, slots.value("weekday"), nth))
        if "weekend" in slots:
            return reckoning.weekend(_nth(whole, 5, nth))
        if nth < 0:
            found = Interval(reckoning.shift(whole.end + DAY, -1, unit), whole.end)
        else:
            start = reckoning.shift(whole.start, nth - 1, unit)
            found = Interval(start, reckoning.shift(start, 1, unit) - DAY)
        if not (whole.start <= found.start <= found.end <= whole.end):
            raise ValueError(f"it has not so many of {unit}")
        return found

    return inner.moved(within, vague=unit == "week")


def _nth(whole: Interval, weekday: int, nth: int) -> date:
    """Return the nth such weekday in an interval, or the last one.

    Raises:
        ValueError: It has not so many.
    """
    if nth < 0:
        return reckoning.last_weekday(whole, weekday)
    day = reckoning.first_weekday(whole, weekday) + timedelta(days=7 * (nth - 1))
    if day > whole.end:
        raise ValueError("it has not so many such weekdays")
    return day


def holding(slots: Slots, inner: Reading, now: Now) -> Reading | None:
    """The week of 5 May, the weekend of 5 May."""
    if inner.interval.days > 1:
        return None
    if "weekend" in slots:  # the nearest one: that before a Monday or Tuesday
        return inner.moved(lambda whole: reckoning.weekend(whole.start - 2 * DAY))
    return inner.moved(lambda whole: reckoning.around(whole.start, slots.value("unit")))


def part_of(slots: Slots, inner: Reading, now: Now) -> Reading:
    """The end of May, early May, the first half of 2023."""
    name = next(name for name in ("part", "exact_part", "near_part") if name in slots)
    first, until = slots.value(name)
    return inner.moved(
        lambda whole: reckoning.part(whole, first, until), vague=name != "exact_part"
    )


def part_of_unit(slots: Slots, now: Now) -> Reading | None:
    """The end of the month: a phrase of its own, not a lead."""
    if slots.value("unit") in {"day", *HOURS}:
        return None
    return part_of(slots, Reading(reckoning.around(now.day, slots.value("unit"))), now)


def bound(slots: Slots, inner: Reading, now: Now) -> Reading:
    """Since May, before 2020, after 3 June, until Friday.

    What is since then ends today; what is until or before a day to come starts today.
    """
    kind = slots.value("bound")

    def bounded(whole: Interval) -> Interval:
        if kind == "after":
            return Interval(whole.end + DAY, date.max)
        if kind == "since":
            known = now.said is not None and now.said >= whole.start
            return Interval(whole.start, now.day if known else date.max)
        end = whole.end if kind == "until" else whole.start - DAY
        coming = now.said is not None and end >= now.said
        return Interval(now.day if coming else date.min, end)

    if kind == "since" and now.said is not None:  # nothing is since a day to come
        meant = [inner.interval, *inner.alternatives]
        begun = [one for one in meant if one.start <= now.said]
        inner = readings(begun or meant, vague=inner.vague)
    return inner.moved(bounded)


def side(slots: Slots, inner: Reading, now: Now) -> Reading | None:
    """Earlier this year, later this week."""
    whole = inner.interval
    if not whole.start <= now.day <= whole.end:
        return inner
    if slots.value("side") == "before":
        return Reading(Interval(whole.start, now.day))
    return Reading(Interval(now.day, whole.end))


def named_weekday(slots: Slots, inner: Reading, now: Now) -> Reading | None:
    """Friday, 9 June: of several years the one in which it is a Friday."""
    weekday = slots.value("weekday" if "weekday" in slots else "short_weekday")
    if inner.interval.days > 1:
        return None
    meant = [inner.interval, *inner.alternatives]
    fitting = [one for one in meant if one.start.weekday() == weekday]
    return readings(fitting) if fitting else None


def same(slots: Slots, inner: Reading, now: Now) -> Reading:
    """In May: a preposition changes nothing."""
    return inner


LEADS: dict[str, Lead] = {
    lead.__name__: lead
    for lead in (
        moved,
        unit_beside,
        weekend_beside,
        weekday_beside,
        nth_within,
        holding,
        part_of,
        bound,
        side,
        named_weekday,
        same,
    )
}
