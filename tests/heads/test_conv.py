"""The convolution on maps: places count, and rows must be maps."""

import numpy as np
import pytest

from featx.errors import HeadError
from featx.heads.layers import Conv
from featx.heads.tuning import fit_head

SHAPE = (3, 4, 2)


def spots(n, seed=0):
    """Return maps, flat: two classes that differ in where the two spots lie.

    Beside each other in a row or in a column, anywhere: only a convolution on maps
    of the right height and width tells them apart.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 0.05, (n, *SHAPE)).astype(np.float32)
    y = np.arange(n) % 2
    for row, upright in enumerate(y):
        i, j = rng.integers(0, 2), rng.integers(0, 3)
        X[row, i, j, 0] += 1
        X[row, i + upright, j + 1 - upright, 0] += 1
    return X.reshape(n, -1), y


def test_places_count():
    parameters = {"map_shape": SHAPE, "filters": 8, "hidden": "16", "epochs": 25}
    X, y = spots(200)
    head = fit_head("conv", X, y, parameters={**parameters, "learning_rate": 0.01})
    unseen, expected = spots(100, seed=1)
    assert (head.predict(unseen) == expected).mean() > 0.9


def test_rows_of_another_width_are_told():
    X, y = spots(20)
    with pytest.raises(HeadError, match=r"maps of 3x4x3 are rows of 36 .* rows of 24"):
        fit_head("conv", X, y, parameters={"map_shape": (3, 4, 3)})


def test_convolution_is_the_textbooks():
    rng = np.random.default_rng(0)
    maps, kernel = rng.normal(size=(2, *SHAPE)), rng.normal(size=(3, 3, 2, 5))
    found = Conv(kernel, np.full(5, 0.1))(maps)
    n, i, j, f = 1, 2, 0, 4  # a corner: the padding is zero
    expected = 0.1
    for a, b in np.ndindex(3, 3):
        y, x = i + a - 1, j + b - 1
        if 0 <= y < 3 and 0 <= x < 4:
            expected += maps[n, y, x] @ kernel[a, b, :, f]
    assert found.shape == (2, 3, 4, 5)
    assert found[n, i, j, f] == pytest.approx(max(expected, 0))
