"""Augmentation: within the range, in training only, seeded, labels by their shares."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.training.augmentation import AUGMENTATIONS, Augmentation, find_augmentation
from featx.training.augmentation_layers import Mixing, augment_layers, augmented_samples
from featx.training.rand_augment import rand_augment

STRONG = AUGMENTATIONS["strong"]
LABEL_FREE = {
    "flip": True,
    "rotation": 20.0,
    "shift": 0.2,
    "zoom": 0.3,
    "brightness": 0.2,
    "contrast": 0.5,
    "erasing": 1.0,
    "randaugment": 0.8,
}


def photos(count=8, height=24, width=20, seed=0):
    """Return images with the extremes of the range in them."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, height, width, 3)).astype(np.float32)
    pixels[:, 0], pixels[:, -1] = 0, 255
    return pixels


def run(layers, images, *, training=True):
    for layer in layers:
        images = layer(images, training=training)
    return np.asarray(images)


def one_hot(count, classes=3):
    return np.eye(classes, dtype=np.float32)[np.arange(count) % classes]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_pixels_stay_pixels(name):
    images = photos()
    found = run(augment_layers(find_augmentation(name), 0), images)
    assert found.shape == images.shape
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 255
    assert np.array_equal(found, images) == (name == "none")


@settings(max_examples=12)
@given(
    amounts=st.fixed_dictionaries(
        {name: st.floats(0, 0.5) for name in LABEL_FREE if name != "flip"}
    ),
    size=st.tuples(st.integers(1, 4), st.integers(2, 16), st.integers(2, 16)),
    seed=st.integers(0, 2**31),
)
def test_any_amounts_on_images_of_any_size(amounts, size, seed):
    images = photos(*size, seed=seed)
    augmentation = Augmentation("any", flip=True, **amounts)
    found = run(augment_layers(augmentation, seed), images)
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 255


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_nothing_happens_outside_of_training(name):
    images = photos()
    layers = augment_layers(find_augmentation(name), 0)
    np.testing.assert_array_equal(run(layers, images, training=False), images)


@pytest.mark.parametrize("option", LABEL_FREE)
def test_each_option_does_something(option):
    images = photos()
    augmentation = replace(AUGMENTATIONS["none"], **{option: LABEL_FREE[option]})
    layer, _ = layers = augment_layers(augmentation, 0)
    assert layer.name == f"augment_{option}"
    changed = np.abs(run(layers, images) - images).max(axis=(1, 2, 3)) > 1
    assert changed.any()


def test_contrast_goes_both_ways():
    """Keras takes one factor for an upper end, with nothing below."""
    images = np.tile(photos(1) / 4 + 90, (200, 1, 1, 1))
    layers = augment_layers(Augmentation("contrast", contrast=0.2), 0)
    ratios = run(layers, images).std(axis=(1, 2, 3)) / images[0].std()
    assert ratios.min() == pytest.approx(0.8, abs=0.02)
    assert ratios.max() == pytest.approx(1.2, abs=0.02)


def test_what_comes_in_repeats_the_edge():
    images = np.full((20, 16, 16, 3), 200, np.float32)
    augmentation = Augmentation("moved", rotation=30, shift=0.3, zoom=0.3)
    found = run(augment_layers(augmentation, 0), images)
    np.testing.assert_allclose(found, 200, rtol=1e-6)


def test_as_many_are_erased_as_asked():
    images = np.zeros((400, 16, 16, 3), np.float32)
    found = run(augment_layers(Augmentation("erased", erasing=0.25), 0), images)
    shares = (found[..., 0] > 0).mean(axis=(1, 2))
    assert 0.18 < (shares > 0).mean() < 0.32
    assert shares.max() < 0.25


def test_the_seed_decides():
    images = photos()

    def batches(seed):
        layers = augment_layers(STRONG, seed)
        return [run(layers, images) for _ in range(2)]

    first, second = batches(1)
    np.testing.assert_array_equal(batches(1), [first, second])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, batches(2)[0])


def test_options_draw_apart():
    """Another option beside it changes nothing about what one draws."""
    images = photos()
    alone = Augmentation("alone", flip=True)
    beside = replace(alone, mixup=0.2, brightness=1e-9)
    np.testing.assert_allclose(
        *(run(augment_layers(a, 3), images) for a in (alone, beside)), atol=1e-3
    )
    shifted = Augmentation("shifted", shift=0.2, brightness=0.2)
    seeds = {layer.seed for layer in augment_layers(shifted, 3)[:2]}
    assert len(seeds) == 2


def test_the_graph_trains_with_it_and_answers_without():
    import keras

    inputs = x = keras.Input((24, 20, 3))
    for layer in augment_layers(STRONG, 0):
        x = layer(x)
    model = keras.Model(inputs, x)
    assert model.count_params() == 0
    images = photos()
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    assert not np.array_equal(model(images, training=True), images)


def test_pixels_keep_their_digits_in_mixed_precision():
    import keras

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        layers = augment_layers(STRONG, 0)
        mix = Mixing(STRONG, 0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    images = photos() + 0.125
    np.testing.assert_array_equal(
        run(layers, np.minimum(images, 255), training=False), np.minimum(images, 255)
    )
    assert {np.asarray(x).dtype for x in mix(images, one_hot(8))} == {np.dtype("f4")}


def test_rand_augment_draws_for_each_image():
    images = np.tile(photos(1), (40, 1, 1, 1))
    layer = rand_augment(0.5, seed=0)
    found = np.asarray(layer(images, training=True))
    # Nothing but the same two draws makes two images equal.
    assert len(np.unique(found.reshape(40, -1), axis=0)) > 25
    np.testing.assert_array_equal(layer(images), images)


@pytest.mark.parametrize("magnitude", [0.05, 0.3])
def test_rand_augment_leaves_an_image_recognisable(magnitude):
    """Keras' own leaves one bit of each colour at a factor of 0.1."""
    ramp = np.linspace(20, 235, 32, dtype=np.float32)
    images = np.tile(ramp[:, None, None], (60, 1, 32, 3))
    found = np.asarray(rand_augment(magnitude, seed=0)(images, training=True))
    for image in found:
        assert np.corrcoef(image.ravel(), images[0].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("option", ["mixup", "cutmix"])
def test_labels_follow_the_share_of_each_image(option):
    """Black images of one class and white ones of another: the mean is the share."""
    count = 64
    images = np.zeros((count, 32, 32, 3), np.float32)
    images[1::2] = 255
    labels = one_hot(count, 2)
    mix = Mixing(Augmentation(option, **{option: 1.0}), 0)
    mixed, shares = (np.asarray(x) for x in mix(images, labels))
    assert mixed.shape == images.shape
    assert shares.shape == labels.shape
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    # CutMix' rectangles have whole pixels, its labels fractions of them.
    np.testing.assert_allclose(
        mixed.mean(axis=(1, 2, 3)) / 255, shares[:, 1], atol=0.07
    )
    assert ((shares > 0.1) & (shares < 0.9)).any()
    white = np.isin(mixed, (0, 255)).all(axis=(1, 2, 3))
    assert white.all() == (option == "cutmix")


@settings(max_examples=10)
@given(
    count=st.integers(1, 9),
    alphas=st.tuples(st.floats(0.01, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
def test_mixed_labels_sum_to_one(count, alphas, seed):
    mix = Mixing(Augmentation("any", mixup=alphas[0], cutmix=alphas[1]), seed)
    mixed, labels = (np.asarray(x) for x in mix(photos(count), one_hot(count)))
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert labels.min() >= 0
    assert mixed.min() >= 0
    assert mixed.max() <= 255 + 1e-3


def test_mixing_in_a_data_set():
    """Seeded, another one for each batch, and by either method."""
    import tensorflow as tf

    images = np.zeros((8, 16, 16, 3), np.float32)
    images[1::2] = 255
    pairs = tf.data.Dataset.from_tensors((images, one_hot(8, 2))).repeat(12)

    def batches(seed):
        mixed = pairs.map(Mixing(STRONG, seed))
        assert mixed.element_spec[0].shape.as_list() == [8, 16, 16, 3]
        return [image.numpy() for image, _ in mixed]

    found = batches(4)
    np.testing.assert_array_equal(found, batches(4))
    assert len({batch.tobytes() for batch in found}) > 1
    cut = [bool(np.isin(batch, (0, 255)).all()) for batch in found]
    assert 0 < sum(cut) < 12
    assert not np.array_equal(found, batches(5))


def test_mixing_batches_of_unknown_length():
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((photos(7), one_hot(7))).batch(4)
    assert [len(labels) for _, labels in pairs.map(Mixing(STRONG, 0))] == [4, 3]


def test_samples():
    images = photos(3).astype(np.uint8)
    found = augmented_samples(STRONG, images, 4, seed=1)
    assert found.shape == (3, 4, 24, 20, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, augmented_samples(STRONG, images, 4, seed=1))
    assert not np.array_equal(found[:, 0], found[:, 1])
    plain = augmented_samples(AUGMENTATIONS["none"], images, 2, seed=1)
    np.testing.assert_array_equal(plain, np.stack([images] * 2, axis=1))


def test_samples_are_mixed_as_batches_are():
    images = np.zeros((6, 8, 8, 3), np.uint8)
    images[:3] = 200
    found = augmented_samples(find_augmentation("mixup1"), images, 5, seed=3)
    between = (found > 0) & (found < 200)
    assert between.any()
