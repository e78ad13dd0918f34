"""Training a graft: it goes on after a kill, and ends with the weights it should."""

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.finetune.asking import ask
from featx.finetune.course import Course
from featx.finetune.graft import graft
from featx.finetune.handing import hand_on, mirrored
from featx.finetune.optimizers import OPTIMIZERS, layer_rates, make_optimizer
from featx.finetune.samples import Samples
from featx.finetune.training import Recipe, train_as_before, train_watched
from tests.finetune.conftest import CLASSES, SIDE, embed, fit

COURSE = Course(epochs=4, learning_rate=1e-2, patience=4)


@pytest.fixture
def joined(extractor, pixels, labels):
    head = fit("lda", embed([extractor], {SIDE: pixels}), labels).head
    # A head that is not perfect yet has something to learn.
    head.coef_ = head.coef_ * 0.01
    return graft([extractor], head.to_keras, unfrozen="conv_dw_13")


@pytest.fixture
def samples(pixels, labels):
    rows = np.arange(len(labels))
    return Samples((pixels,), rows, labels, np.ones(len(rows)))


def recipe(**options):
    return Recipe(CLASSES, 8, lambda: make_optimizer("adam"), **options)


def weights(joined):
    return [weight.numpy() for weight in joined.model.weights]


def test_what_was_interrupted_ends_the_same(joined, samples, tmp_path):
    start = weights(joined)
    model = joined.view
    whole = train_watched(
        *(joined, model, samples, samples, COURSE, recipe(), tmp_path / "whole")
    )
    assert len(whole.rows) == 4
    assert COURSE.best(whole.watched("loss")) > 0
    expected = weights(joined)

    def stop(epochs):
        if epochs == 2:
            raise KeyboardInterrupt

    joined.model.set_weights(start)
    words = (joined, model, samples, samples, COURSE, recipe(), tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        train_watched(*words, on_epoch=stop)
    joined.model.set_weights(start)
    gone_on = train_watched(*words)
    losses = [[row["loss"] for row in log.rows] for log in (whole, gone_on)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for found, wanted in zip(weights(joined), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    # Nothing is left to do.
    again = train_watched(*words)
    assert again.rows == gone_on.rows


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["epochs.json", "epoch-4.weights.h5"])
def test_a_damaged_state_starts_over(joined, samples, tmp_path, damage):
    words = (joined, joined.view, samples, samples, COURSE, recipe(), tmp_path)
    train_watched(*words)
    (tmp_path / damage).unlink()
    assert len(train_watched(*words).rows) == 4


def test_softmax_is_given_back(joined, samples, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    words = (joined, joined.view, samples, samples, COURSE, recipe(), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train_watched(*words, on_epoch=stop)
    found = joined.model.predict(samples.inputs[0], verbose=0)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert (found >= 0).all()


def test_what_frozen_layers_hand_on_trains_as_images_do(joined, samples, tmp_path):
    start = weights(joined)
    rates = [1e-3, 1e-4]
    train_as_before(joined, joined.view, samples, rates, recipe(), tmp_path / "plain")
    plain = ask(joined.model, samples, batch_size=8)
    joined.model.set_weights(start)
    handed = hand_on(joined, samples, [None], np.zeros, batch_size=5)
    assert handed.seconds > 0
    train_as_before(
        *(joined, joined.above, handed.samples, rates, recipe(), tmp_path / "handed")
    )
    found = ask(joined.model, samples, batch_size=8)
    np.testing.assert_allclose(found, plain, atol=1e-4)


def test_changes_come_one_after_the_other(joined, samples):
    handed = hand_on(joined, samples, [None, mirrored], np.zeros, batch_size=7)
    (maps,) = handed.samples.inputs
    (pixels,) = samples.inputs
    expected = joined.below.predict_on_batch([pixels[:, :, ::-1]])
    np.testing.assert_allclose(maps[len(samples) :], expected, atol=1e-5)
    np.testing.assert_array_equal(handed.samples.labels, np.tile(samples.labels, 2))


def test_a_loss_that_is_no_number_is_told(joined, samples, tmp_path):
    wild = Course(epochs=3, learning_rate=1e30, patience=3)
    with pytest.raises(NetworkError, match="smaller --learning-rate"):
        train_watched(
            *(joined, joined.view, samples, samples, wild, recipe(), tmp_path)
        )


def test_rows_of_no_weight_teach_nothing(joined, samples, tmp_path):
    start = weights(joined)
    nothing = Samples(samples.inputs, samples.rows, samples.labels, 0 * samples.weight)
    train_as_before(joined, joined.view, nothing, [1e-2], recipe(), tmp_path)
    for found, wanted in zip(weights(joined), start, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_obey_the_rates(joined, samples, tmp_path, name):
    start = {weight.path: weight.numpy() for weight in joined.model.weights}
    rates = layer_rates(joined.bases, backbone_rate=0.5, depth_decay=1e-12)
    assert max(rates.values()) == pytest.approx(0.5)
    assert min(rates.values()) == pytest.approx(0.5e-12)
    told = Recipe(CLASSES, 8, lambda: make_optimizer(name, weight_decay=0, rates=rates))
    train_as_before(joined, joined.view, samples, [1e-2], told, tmp_path)
    moved = {
        weight.path: np.abs(weight.numpy() - start[weight.path]).max()
        for weight in joined.model.weights
    }
    still = [moved[path] for path, rate in rates.items() if rate < 1e-6]
    lively = [moved[path] for path, rate in rates.items() if rate > 0.1]
    assert max(still) < 1e-6 < min(lively)
    untrained = set(start) - {weight.path for weight in joined.model.trainable_weights}
    assert all(moved[path] == 0 for path in untrained)
