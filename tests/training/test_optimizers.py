"""Each weight moves at its own rate, whatever the optimizer."""

import numpy as np
import pytest

from featx.frameworks import import_keras
from featx.training.optimizers import make_optimizer


@pytest.fixture
def variables():
    """Three variables of one name: rates belong to a variable, not to its name."""
    keras = import_keras()
    return [keras.Variable(np.ones(3), name="same") for _ in range(3)]


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_steps_obey_the_rates(name, variables):
    _, half, none = variables
    rates = {id(half): 0.5, id(none): 1e-12}
    optimizer = make_optimizer(name, weight_decay=0, rates=rates)
    optimizer.learning_rate = 0.01
    optimizer.build(variables)
    for _ in range(3):
        optimizer.apply([np.full(3, 0.1, np.float32)] * 3, variables)
    moved = [1 - variable.numpy() for variable in variables]
    assert (moved[0] > 1e-3).all()
    np.testing.assert_allclose(moved[1], 0.5 * moved[0], rtol=1e-4)
    np.testing.assert_allclose(moved[2], 0, atol=1e-7)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_obeys_the_rates(name, variables):
    first, second, _ = variables
    optimizer = make_optimizer(name, weight_decay=0.1, rates={id(first): 0.5})
    optimizer.learning_rate = 0.1
    optimizer.build([first, second])
    optimizer.apply([np.zeros(3, np.float32)] * 2, [first, second])
    np.testing.assert_allclose(first.numpy(), 1 - 0.5 * 0.1 * 0.1, rtol=1e-6)
    np.testing.assert_allclose(second.numpy(), 1 - 0.1 * 0.1, rtol=1e-6)
