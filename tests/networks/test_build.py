"""Each network: its parameters, its least size, and what its graph holds."""

from dataclasses import replace

import numpy as np
import pytest

from featx.errors import NetworkError
from featx.networks.build import (
    ChannelStatistics,
    build_network,
    check_size,
    measure_channels,
)
from featx.networks.table import NETWORKS, PARTS, find_network
from featx.training.augmentation import find_augmentation

CHANNELS = ChannelStatistics((120.0, 110.0, 100.0), (3000.0, 2900.0, 2800.0))


def build(name, size=None, *, parts=(), classes=25, augment="none", seed=0):
    network = find_network(name).with_parts(parts)
    return build_network(
        replace(network, image_size=size or network.least_size),
        classes,
        channels=CHANNELS,
        augmentation=find_augmentation(augment),
        seed=seed,
    )


@pytest.mark.parametrize(
    ("name", "size", "parameters"),
    [("basenet", 32, 24_197), ("basenet++", 32, 809_945)],
)
def test_parameters_are_those_of_the_course(name, size, parameters):
    # Normalisation and augmentation have none of their own.
    assert build(name, size, augment="coursework").count_params() == parameters


@pytest.mark.parametrize(
    ("name", "size", "dense"),
    [("basenet", 32, (65536, 65536, 65536)), ("cnn", 1024, (128,))],
)
def test_dense_layers_larger_than_the_memory_are_refused(
    name, size, dense, monkeypatch
):
    monkeypatch.setattr("featx.networks.build.available_memory", lambda: 2 * 10**9)
    network = replace(find_network(name), image_size=size, dense=dense)
    with pytest.raises(NetworkError, match=r"take [\d,.]+ GB, and 2\.0 GB are free"):
        build_network(network, 2, channels=CHANNELS)


PARAMETERS = {"": 24_197, "depth": 808_665}
"""Counted by hand, without batch normalisation."""


@pytest.mark.parametrize("depth", ["", "depth"])
@pytest.mark.parametrize("batchnorm", ["", "batchnorm"])
@pytest.mark.parametrize("others", [(), ("augment",), ("dropout",)])
def test_parameters_with_any_parts(depth, batchnorm, others):
    parts = [part for part in (depth, batchnorm, *others) if part]
    # Four for each filter, of which two are trained.
    normalised = {"": 4 * (6 + 16), "depth": 4 * (128 + 128 + 64)}[depth]
    expected = PARAMETERS[depth] + (normalised if batchnorm else 0)
    assert build("basenet", 32, parts=parts).count_params() == expected


def test_all_parts_make_basenet_plus_plus():
    one = build("basenet", 32, parts=PARTS)
    other = build("basenet++", 32)
    layers = [[type(layer).__name__ for layer in m.layers] for m in (one, other)]
    assert layers[0] == layers[1]
    for found, expected in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_at_the_least_size(name):
    model = build(name, classes=3)
    side = find_network(name).least_size
    images = np.zeros((2, side, side, 3), np.uint8)
    probabilities = model(images).numpy()
    assert model.input.dtype == "uint8"
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert probabilities.shape == (2, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_under_the_least_size(name):
    network = find_network(name)
    least = network.least_size
    assert network.image_size >= least
    with pytest.raises(NetworkError, match=f"of at least {least}x{least} pixels, not"):
        check_size(replace(network, image_size=least - 1))


def test_pooling_asks_for_the_least_size():
    """Keras itself can't build a network for smaller images."""
    network = find_network("residual")
    smaller = network.least_size - 1
    with pytest.raises(ValueError, match="MaxPooling2D"):
        build_network(
            replace(network, least_size=1, image_size=smaller), 3, channels=CHANNELS
        )


def test_the_residual_network():
    model = build("residual", 160)
    layers = [type(layer).__name__ for layer in model.layers]
    assert layers.count("Add") == 3
    assert [
        layer.output.shape[1]
        for layer in model.layers
        if type(layer).__name__ == "MaxPooling2D"
    ] == [40, 10, 2]
    penalised = [
        layer for layer in model.layers if getattr(layer, "kernel_regularizer", None)
    ]
    assert [layer.units for layer in penalised] == [256, 256]


def test_channels_are_measured_on_the_training_rows_only():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (600, 4, 5, 3)).astype(np.uint8)
    rows = np.arange(0, 600, 2)
    found = measure_channels(pixels, rows)
    expected = pixels[rows].reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(found.mean, expected.mean(axis=0))
    np.testing.assert_allclose(found.variance, expected.var(axis=0))


def test_images_of_one_colour_are_normalised_all_the_same():
    pixels = np.full((4, 16, 16, 3), 7, np.uint8)
    channels = measure_channels(pixels, np.arange(4))
    assert channels.variance == (0, 0, 0)
    network = replace(find_network("basenet++"), image_size=16)
    model = build_network(network, 2, channels=channels)
    assert np.isfinite(model(pixels).numpy()).all()


def test_normalisation_is_the_graphs():
    layer = build("basenet", parts=["augment"]).get_layer("normalisation")
    pixels = np.full((1, 16, 16, 3), 200, np.uint8)
    expected = (200 - np.array(CHANNELS.mean)) / np.sqrt(CHANNELS.variance)
    np.testing.assert_allclose(layer(pixels).numpy()[0, 0, 0], expected, rtol=1e-5)


def test_augmentation_works_in_training_only():
    import keras

    model = build("basenet", parts=["augment"], augment="coursework")
    named = {layer.name: layer for layer in model.layers}
    assert {name for name in named if name.startswith("augment_")} == {
        *("augment_rotation", "augment_shift", "augment_flip", "augment_clip")
    }
    assert named["augment_rotation"].factor == (-10 / 360, 10 / 360)
    shift = named["augment_shift"]
    assert shift.height_factor == shift.width_factor == 0.2
    seen = keras.Model(model.input, named["normalisation"].output)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
    plain = model.get_layer("normalisation")(images).numpy()
    np.testing.assert_allclose(seen(images, training=False).numpy(), plain, rtol=1e-6)
    augmented = seen(images, training=True).numpy()
    assert not np.allclose(augmented, plain)
    # The edge is repeated: nothing black comes in.
    assert augmented.min() >= plain.min() - 1e-4


def test_the_seed_decides_the_weights():
    first, same, other = (build("basenet", seed=seed) for seed in (1, 1, 2))
    for one, two in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_an_unknown_network():
    with pytest.raises(NetworkError, match=r"did you mean 'basenet'.*featx train"):
        find_network("basenet2")
