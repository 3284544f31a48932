"""Filters: fields compared as what they are; what is not understood is refused."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from holdfast.errors import InputError
from holdfast.stores.filters import check_filter, matches

EARLIER = timezone(timedelta(hours=1))


def nested(depth, inner=1):
    for _ in range(depth):
        inner = {"a": inner}
    return inner


VALUE = {
    "n": 10,
    "name": "Nora",
    "flag": True,
    "none": None,
    "when": "2026-03-01T12:00:00Z",
    "deep": {"er": {"n": 100}},
    "a.b": "dotted key",
    "tags": ["x"],
    "day": "2026-05-01",
    "code": "20260501x",
    "one": 1,
    "list": [1, 2],
    "big": 10**400,
}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (None, True),
        ({}, True),
        ({"n": 10}, True),
        ({"n": 10.0}, True),
        ({"n": "10"}, False),
        ({"flag": True}, True),
        ({"flag": 1}, False),
        ({"n": {"$gt": 9}}, True),
        ({"n": {"$gt": 9, "$lt": 10}}, False),
        ({"n": {"$gte": 10, "$lte": 10}}, True),
        ({"n": {"$ne": 10}}, False),
        ({"missing": {"$ne": 10}}, True),
        ({"missing": 10}, False),
        ({"missing": None}, False),
        ({"none": None}, True),
        ({"n": {"$in": [1, 10]}}, True),
        ({"n": {"$nin": [1, 10]}}, False),
        ({"n": {"$exists": True}, "missing": {"$exists": False}}, True),
        ({"when": {"$gte": "2026-03-01"}}, True),
        ({"when": {"$lt": "2026-03-01T13:30:00+02:00"}}, False),
        ({"name": {"$gt": "Mia"}}, True),
        ({"name": {"$gt": 5}}, False),
        ({"flag": {"$gt": 0}}, False),
        ({"deep.er.n": 100}, True),
        ({"deep": {"er": {"n": 100}}}, True),
        ({"deep": {"er.n": {"$gt": 99}}}, True),
        ({"deep": {"er": {"n": 99}}}, False),
        ({"name": {"er": 1}}, False),
        ({"a.b": "dotted key"}, True),
        ({"tags": ["x"]}, True),
        ({"$or": [{"n": 1}, {"name": "Nora"}]}, True),
        ({"$and": [{"n": 10}, {"name": "Kelp"}]}, False),
        ({"n": {"$eq": 10}}, True),
        ({"day": "2026-05-01T00:00:00Z"}, True),
        ({"day": {"$eq": "2026-05-01T02:00:00+02:00"}}, True),
        ({"day": {"$ne": "2026-05-01T00:00:00"}}, False),
        ({"day": {"$in": ["2026-04-01", "2026-05-01T00:00"]}}, True),
        ({"day": {"$nin": ["2026-05-01T00:00Z"]}}, False),
        ({"day": "2026-05-02"}, False),
        ({"day": datetime(2026, 5, 1, tzinfo=UTC)}, True),
        ({"day": {"$in": {date(2026, 5, 1)}}}, True),
        (
            {"when": {"$gt": datetime(2026, 3, 1, 12, 30, tzinfo=EARLIER)}},
            True,
        ),
        ({"when": {"$lt": date(2026, 3, 1)}}, False),
        ({"code": "20260501x"}, True),
        ({"code": "2026-05-01"}, False),
        ({"flag": {"$in": [1]}}, False),
        ({"one": {"$in": [True]}}, False),
        ({"one": {"$nin": [True]}}, True),
        ({"list": [True, 2]}, False),
        ({"list": [1, 2.0]}, True),
        ({"list": {"$in": [[1, 2]]}}, True),
        ({"tags": {"$in": {"x"}}}, False),
        ({"n": {"$lt": float("inf")}}, True),
        ({"n": float("inf")}, False),
        ({"n": float("nan")}, False),
        ({"n": {"$ne": float("nan")}}, True),
        ({"n": {"$gt": float("nan")}}, False),
        ({"n": {"$lt": 10**400, "$gt": -(10**400)}}, True),
        ({"big": {"$gt": 1.5}}, True),
        ({"big": 1e308}, False),
    ],
)
def test_matching(wanted, passes):
    check_filter(wanted)
    assert matches(VALUE, wanted) is passes


@pytest.mark.parametrize(
    "wanted",
    [
        "text",
        {7: 1},
        {"": 1},
        {"$near": 1},
        {"n": {"$near": 1}},
        {"n": {"$gt": 1, "x": 2}},
        {"n": {"$in": 5}},
        {"$or": {"n": 1}},
        {"$and": [7]},
        {"deep": {"er": {"$bad": 1}}},
        {"n": {"$gt": None}},
        {"n": {"$lte": True}},
        {"n": {"$lt": [1]}},
        {"n": b"10"},
        {"tags": {"x"}},
        {"tags": [{"x"}]},
        {"n": {"$in": [object()]}},
        {"n": {"$eq": b"10"}},
        {"n": {"$eq": {"$near": 1}}},
        {"n": {"$in": [{1: 2}]}},
        nested(60),
        nested(100_000),
        {"n": {"$in": [nested(100_000)]}},
        {"$or": [nested(100_000)]},
    ],
)
def test_what_is_not_understood_is_refused(wanted):
    with pytest.raises(InputError):
        check_filter(wanted)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(InputError, match=r"'n'.*b'10'"):
        check_filter({"n": b"10"})


def test_a_deep_value_is_held_against_a_filter():
    wanted = nested(40)
    check_filter(wanted)
    assert matches(nested(40), wanted)
    assert not matches(nested(100_000), wanted)
    assert not matches(nested(100_000), {"a": {"$in": [nested(40)]}})
