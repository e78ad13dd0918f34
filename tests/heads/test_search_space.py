"""Spaces of the table of heads: they are sound, and can be shown as JSON."""

import json

import pytest

from featx.heads.search_space import Between, plain
from featx.heads.table import HEADS, make_head


@pytest.mark.parametrize("name", HEADS)
def test_each_value_is_allowed(name):
    for parameter, values in HEADS[name].space.items():
        ends = values
        if isinstance(values, Between):
            ends = (values.low, values.high)
            assert values.low < values.high
            assert values.low > 0 or not values.log
        for value in ends:
            assert (
                make_head(name, **{parameter: value}).get_params()[parameter] == value
            )


def test_a_space_as_json():
    space = {"C": Between(0.1, 10.0), "hidden": ("128", "64")}
    assert json.loads(json.dumps(plain(space))) == {
        "C": {"low": 0.1, "high": 10.0, "log": True},
        "hidden": ["128", "64"],
    }
