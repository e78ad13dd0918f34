"""What predictions offer: the best classes, CSV and a data frame."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from featx.evaluation.conformal import SetRule
from featx.predict.predictions import Predictions


@pytest.fixture
def predictions():
    return Predictions(
        classes=("ant", 'b"ee', "Zikade"),
        files=(Path("a.png"), Path("b,c.png")),
        probabilities=np.array([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1]]),
        unreadable={Path("broken.png"): "not an image"},
    )


def test_repr_counts(predictions):
    assert repr(predictions) == "Predictions(2 images, 3 classes, 1 unreadable)"


def test_top_is_sorted_and_ties_keep_the_order_of_the_classes(predictions):
    assert predictions.top(2) == [
        [("ant", 0.5), ("Zikade", 0.3)],
        [('b"ee', 0.8), ("ant", 0.1)],
    ]


def test_csv_has_a_line_per_image(predictions):
    header, *rows = csv.reader(io.StringIO(predictions.to_csv()))
    assert header == ["path", "predicted", "confidence", "p_ant", 'p_b"ee', "p_Zikade"]
    assert rows == [
        ["a.png", "ant", "0.5", "0.5", "0.2", "0.3"],
        ["b,c.png", 'b"ee', "0.8", "0.1", "0.8", "0.1"],
        ["broken.png", *[""] * 5],
    ]


def test_frame_has_the_columns_of_the_csv(predictions):
    read = pd.read_csv(io.StringIO(predictions.to_csv()))
    pd.testing.assert_frame_equal(predictions.to_frame(), read)


def test_sets_are_there_if_a_coverage_was_asked_for(predictions):
    assert predictions.sets is None
    assert predictions.unlike == []
    found = replace(
        predictions,
        set_rule=SetRule(0.9, 0.25, 100),
        unlike_training=np.array([0.2, 0.995]),
    )
    assert found.sets == [["ant", "Zikade"], ['b"ee']]
    assert found.unlike == [Path("b,c.png")]
    header, *rows = csv.reader(io.StringIO(found.to_csv()))
    assert header[3:6] == ["set_size", "set", "unlike_training"]
    assert rows[0][3:6] == ["2", '["ant", "Zikade"]', "0.2"]
    assert rows[1][3:6] == ["1", '["b\\"ee"]', "0.995"]
    assert rows[2] == ["broken.png", *[""] * 8]
    pd.testing.assert_frame_equal(
        found.to_frame(), pd.read_csv(io.StringIO(found.to_csv()))
    )
