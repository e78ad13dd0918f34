"""Which layers are trained: blocks, layers, shares; and what reaches them."""

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_steps
from featx.embeddings.backbones.table import BACKBONES
from featx.errors import BackboneError
from featx.finetuning.unfreeze import block_names, boundary, first_unfrozen, unfreeze
from featx.frameworks import import_keras


def build(name, size):
    return build_steps(
        find_extractor(name, image_size=size, pooling="none", weights="random")
    ).base


@pytest.fixture(scope="module")
def inception():
    import_keras().backend.clear_session()
    return build("inceptionv3", 75)


@pytest.fixture(scope="module")
def mobilenet():
    return build("mobilenetv2-0.35", 32)


@pytest.mark.parametrize(
    ("wanted", "first", "handed"),
    [
        ("mixed9", "conv2d_80", ["mixed8"]),
        ("mixed9_0", "conv2d_80", ["mixed8"]),
    ],
)
def test_inceptions_blocks_start_after_the_one_before(inception, wanted, first, handed):
    place = first_unfrozen(inception, wanted)
    # Names count up in a session; places don't.
    assert inception.operations[place].name.startswith(first.rpartition("_")[0])
    names = [
        tensor._keras_history.operation.name for tensor in boundary(inception, place)
    ]
    assert names == handed


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv2-0.35",
        "mobilenet-0.25",
        "mobilenetv3small-0.75",
        "vgg16",
        *map(slow, ("vgg19", "xception", "inceptionv3", "inceptionresnetv2")),
        *map(slow, ("resnet50", "resnet50v2", "densenet121", "efficientnetlite0")),
        *map(slow, ("efficientnetb0", "efficientnetv2b0", "efficientnetv2m")),
        *map(slow, ("efficientnetlite2", "convnexttiny")),
    ],
)
def test_the_table_of_backbones_knows_their_blocks(name):
    row = BACKBONES[name]
    assert list(row.blocks) == block_names(build(name, row.min_size))


@pytest.mark.parametrize(
    ("name", "size", "wanted", "first", "handed"),
    [
        ("mobilenetv2-0.35", 32, "block_16", "block_16_expand", "block_15_add"),
        ("mobilenetv2-0.35", 32, "block_1", "block_1_expand", "expanded_conv_pro"),
        ("mobilenetv2-0.35", 32, "block_16_project", "block_16_project", "block_16_de"),
        ("mobilenet-0.25", 32, "conv_dw_13", "conv_dw_13", "conv_pw_12_relu"),
        ("vgg16", 32, "block5", "block5_conv1", "block4_pool"),
        slow("resnet50", 32, "conv5", "conv5_block1_1_conv", "conv4_block6_out"),
        slow("efficientnetv2b0", 32, "block6", "block6a_expand_conv", "block5e_add"),
        slow("convnexttiny", 32, "stage_3", "convnext_tiny_stage_3", "convnext_tiny_d"),
    ],
)
def test_blocks_and_layers_by_name(name, size, wanted, first, handed):
    base = build(name, size)
    place = first_unfrozen(base, wanted)
    assert base.operations[place].name.startswith(first)
    (tensor,) = boundary(base, place)
    assert tensor._keras_history.operation.name.startswith(handed)


def test_none_all_and_shares(mobilenet):
    count = len(mobilenet.operations)
    assert first_unfrozen(mobilenet, "none") == first_unfrozen(mobilenet, "0%") == count
    assert first_unfrozen(mobilenet, "all") == 1
    places = [first_unfrozen(mobilenet, f"{share}%") for share in (10, 20, 50, 100)]
    assert places == sorted(places, reverse=True)
    assert boundary(mobilenet, count) == [mobilenet.output]


def test_normalisation_is_never_trained(mobilenet):
    keras = import_keras()
    unfreeze(mobilenet, first_unfrozen(mobilenet, "50%"))
    trained = [layer for layer in mobilenet.layers if layer.trainable_weights]
    assert trained
    normalising = keras.layers.BatchNormalization
    assert not any(isinstance(layer, normalising) for layer in trained)
    before = [layer.get_weights() for layer in mobilenet.layers]
    mobilenet(np.ones((2, 32, 32, 3), np.float32), training=True)
    for layer, weights in zip(mobilenet.layers, before, strict=True):
        for now, then in zip(layer.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("blok_16", "did you mean 'block_16'"),
        ("mixed9", "its blocks are block_1, block_2"),
        ("120%", "use 0% to 100%"),
        ("x%", "use 0% to 100%"),
    ],
)
def test_unknown_names_get_the_nearest(mobilenet, wanted, words):
    with pytest.raises(BackboneError, match=r"^[^\n]*$") as error:
        first_unfrozen(mobilenet, wanted)
    assert words in str(error.value)


def test_block_names_from_the_images_on(mobilenet, inception):
    assert block_names(mobilenet) == [f"block_{i}" for i in range(1, 17)]
    assert block_names(inception) == [f"mixed{i}" for i in range(11)]
