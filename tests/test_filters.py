"""Filters: fields compared as what they are; what is not understood is refused."""

import pytest

from holdfast.errors import InputError
from holdfast.stores.filters import check_filter, matches

VALUE = {
    "n": 10,
    "name": "Nora",
    "flag": True,
    "none": None,
    "when": "2026-03-01T12:00:00Z",
    "deep": {"er": {"n": 100}},
    "a.b": "dotted key",
    "tags": ["x"],
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
    ],
)
def test_what_is_not_understood_is_refused(wanted):
    with pytest.raises(InputError):
        check_filter(wanted)
