"""What predictions offer: the best classes, CSV and a data frame."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
