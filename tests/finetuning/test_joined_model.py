"""A joined model predicts what its head predicts, and its two halves fit together."""

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.embeddings.backbones.extractor import find_extractor
from featx.errors import BackboneError
from featx.finetuning.distill import distil
from featx.finetuning.joined_model import join
from featx.frameworks import import_keras
from featx.images.arrays import read_pixels
from featx.images.sources import ImageFiles
from featx.training.predict import traced
from tests.finetuning.conftest import SIDE, embed, fit
from tests.heads.blobs import make_blobs


@pytest.mark.parametrize(
    ("head", "parameters"),
    [
        ("lda", {}),
        ("ensemble", {"members": "lda,ridge"}),
        ("mlp", {"epochs": 5, "hidden": "16,bn,dropout0.25,8"}),
    ],
)
def test_linear_and_dense_heads_and_several_side_by_side(
    extractor, pixels, labels, head, parameters
):
    fitted = fit(head, embed([extractor], {SIDE: pixels}), labels, **parameters)
    joined = join([extractor], fitted.head.to_keras)
    expected = fitted.predict_proba(embed([extractor], {SIDE: pixels}))
    (found,) = traced(joined.model)(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_head_on_whole_maps(extractor, pixels, labels):
    maps = replace(extractor, pooling="none")
    views = embed([maps], {SIDE: pixels})
    fitted = fit("conv", views, labels, epochs=2, map_shape=(1, 1, views.shape[2]))
    (found,) = traced(join([maps], fitted.head.to_keras).model)(pixels)
    np.testing.assert_allclose(found, fitted.predict_proba(views), atol=1e-4)


@pytest.mark.slow
def test_one_backbone_at_one_size_with_two_poolings(extractor, pixels, labels):
    extractors = [extractor, replace(extractor, pooling="max")]
    views = embed(extractors, {SIDE: pixels})
    fitted = fit("lda", views, labels)
    joined = join(extractors, fitted.head.to_keras, unfrozen="20%")
    expected = fitted.predict_proba(views)
    (found,) = traced(joined.model)(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    (whole,) = traced(joined.view)(pixels)
    np.testing.assert_allclose(whole, expected, atol=1e-4)


@pytest.fixture(scope="module")
def fused(extractor, pixels, labels):
    """Two backbones of two sizes, original and flipped."""
    other = find_extractor("mobilenetv2-0.35", image_size=48, weights="random")
    extractors = [view for one in (extractor, other) for view in (one, one.flipped())]
    rng = np.random.default_rng(1)
    images = {
        SIDE: pixels,
        48: rng.integers(0, 255, (len(pixels), 48, 48, 3), dtype=np.uint8),
    }
    return extractors, images, fit("lda", embed(extractors, images), labels)


@pytest.mark.slow
@pytest.mark.parametrize("unfrozen", ["20%", "all"])
def test_several_backbones_sizes_and_views(fused, unfrozen):
    extractors, images, fitted = fused
    joined = join(extractors, fitted.head.to_keras, unfrozen=unfrozen)
    assert [tensor.name for tensor in joined.model.inputs] == ["images_32", "images_48"]
    (found,) = traced(joined.model)(*images.values())
    expected = fitted.predict_proba(embed(extractors, images))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    (whole,) = traced(joined.view)(*images.values())
    (halves,) = traced(joined.above)(*traced(joined.backbones.below)(*images.values()))
    np.testing.assert_allclose(whole, halves, atol=1e-6)
    assert not joined.backbones.below.trainable_weights
    trained = {weight.path for weight in joined.above.trainable_weights}
    assert trained == {weight.path for weight in joined.model.trainable_weights}
    joined.backbones.warm_up(on=True)
    assert len(joined.above.trainable_weights) == 2  # the head's
    joined.backbones.warm_up(on=False)
    assert {weight.path for weight in joined.above.trainable_weights} == trained


@pytest.mark.slow
def test_the_saved_model_needs_keras_only(fused, tmp_path):
    extractors, images, fitted = fused
    joined = join(extractors, fitted.head.to_keras)
    joined.model.save(tmp_path / "model.keras")
    loaded = import_keras().saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.predict(list(images.values()), verbose=0),
        joined.model.predict(list(images.values()), verbose=0),
    )


@pytest.mark.slow
def test_a_cut_within_a_branch(pixels, labels):
    inception = find_extractor("inceptionv3", image_size=75, weights="random")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (4, 75, 75, 3), dtype=np.uint8)
    views = rng.normal(size=(24, 1, 2048)).astype(np.float32)
    head = fit("lda", views, labels).head
    joined = join([inception], head.to_keras, unfrozen="conv2d_93")
    assert len(joined.backbones.boundary) > 1
    (whole,) = traced(joined.view)(images)
    (halves,) = traced(joined.above)(*traced(joined.backbones.below)(images))
    np.testing.assert_allclose(whole, halves, atol=1e-6)


@pytest.mark.slow
def test_two_sizes_of_a_backbone_whose_layers_are_numbered(labels):
    """Keras counts on within a session: conv2d_94 would be the second one's first."""
    sizes = [
        find_extractor("inceptionv3", image_size=side, weights="random")
        for side in (75, 80)
    ]
    views = np.random.default_rng(0).normal(size=(24, 1, 4096)).astype(np.float32)
    head = fit("lda", views, labels).head
    joined = join(sizes, head.to_keras, unfrozen="conv2d_93")
    trained = [
        sum(bool(x.trainable_weights) for x in b.layers) for b in joined.backbones.bases
    ]
    assert trained[0] == trained[1] > 0


@pytest.mark.slow
def test_a_block_that_some_backbones_have(fused):
    extractors, _, fitted = fused
    joined = join(extractors, fitted.head.to_keras, unfrozen="block_16")
    counts = [len(base.trainable_weights) for base in joined.backbones.bases]
    assert counts[0] == 0 < counts[1]
    with pytest.raises(BackboneError, match="has no block or layer 'mixed9'"):
        join(extractors, fitted.head.to_keras, unfrozen="mixed9")


LINEAR = "sklearn.linear_model.LogisticRegression"


def test_a_linear_teacher_is_distilled():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 12))
    labels = (rows @ rng.normal(size=(12, 4))).argmax(axis=1)
    head = fit(LINEAR, rows[:, None], labels).head
    new = rng.normal(size=(300, 12))
    dense = distil(head, rows)
    agreed = (new @ dense.kernel + dense.bias).argmax(1) == head.predict(new)
    assert agreed.mean() > 0.85
    assert not fit("gboost", rows[:, None], labels).head.can_be_trained_further


@pytest.mark.parametrize(
    "name", ["gboost", "knn", "kmeans", "svm-rbf", "sklearn.naive_bayes.GaussianNB"]
)
def test_what_is_not_trained_is_distilled(name):
    rows, labels = make_blobs([40] * 4, width=30)
    others, _ = make_blobs([40] * 4, width=30, seed=1)
    head = fit(name, rows[:, None], labels).head
    assert not head.can_be_trained_further
    dense = distil(head, rows)
    given = (others @ dense.kernel + dense.bias).argmax(1)
    assert (given == head.predict(others)).mean() > 0.9
    np.testing.assert_array_equal(dense.kernel, distil(head, rows).kernel)


@pytest.mark.slow
@pytest.mark.samples
def test_real_weights_and_images(samples, tmp_path):
    extractor = find_extractor("mobilenetv2-0.35", precision="float32")
    for species in sorted((samples / "cub200-25" / "images").iterdir())[:8]:
        link = tmp_path / "birds" / species.name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(species, target_is_directory=True)
    images = featx.read_images(tmp_path / "birds")
    embeddings = featx.embed(images, extractor, cache_dir=tmp_path)
    train, test = embeddings.train, embeddings.test[:100]
    source = ImageFiles([images.files[row] for row in test])
    pixels, _ = read_pixels(source, extractor.spec.view, tmp_path)
    for head in ("lda", "logreg", "svm", "softmax", "mlp"):
        fitted = fit(head, embeddings.views[train], images.labels[train])
        (found,) = traced(join([extractor], fitted.head.to_keras).model)(pixels)
        expected = fitted.predict_proba(embeddings.views[test])
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=head)
