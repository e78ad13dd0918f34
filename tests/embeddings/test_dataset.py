"""From an image set to labelled rows, split, with what can't be read left out."""

import shutil

import numpy as np
import pytest

import featx
from featx.embeddings.extract import extract
from featx.embeddings.settings import ExtractSettings
from featx.errors import BackboneError, DataError, RecipeError
from featx.images.sources import ImageFiles
from tests.conftest import COLOURS, FakeExtractor, write_image


def test_rows_labels_and_split_stay_together(colours, extractor, tmp_path):
    images = featx.read_images(colours)
    embeddings = featx.embed(images, extractor, cache_dir=tmp_path / "cache")
    assert embeddings.X.shape == (36, 4)
    assert (len(embeddings.train), len(embeddings.test)) == (24, 12)
    brightest = embeddings.X[:, :3].argmax(axis=1)
    names = np.array(["red", "green", "blue"])[brightest]
    classes = np.array(embeddings.images.classes)[embeddings.images.labels]
    np.testing.assert_array_equal(names, classes)
    assert embeddings.notes == ()


def test_the_fingerprint_is_of_content_labels_and_split(colours, tmp_path):
    def fingerprint(folder, **options):
        images = featx.read_images(folder, **options)
        embeddings = featx.embed(images, FakeExtractor(), cache_dir=tmp_path / "cache")
        return embeddings.split.fingerprint

    first = fingerprint(colours)
    moved = shutil.copytree(colours, tmp_path / "moved")
    (moved / "train" / "red" / "000.png").rename(moved / "train" / "red" / "x.png")
    assert fingerprint(moved) == first
    (moved / "train" / "red" / "x.png").rename(moved / "train" / "blue" / "x.png")
    assert fingerprint(moved) != first
    single = colours / "train"
    assert fingerprint(single) == fingerprint(single, seed=0)
    assert fingerprint(single) != fingerprint(single, seed=1)
    assert fingerprint(single, test_size=0.5) != fingerprint(single)


def test_several_extractors_stand_side_by_side(colours, tmp_path):
    images = featx.read_images(colours)
    one, two = FakeExtractor(), FakeExtractor()
    both = featx.embed(images, [one, two], cache_dir=tmp_path / "cache")
    assert both.X.shape == (36, 8)
    np.testing.assert_array_equal(both.X[:, :4], both.X[:, 4:])
    assert both.backbone == "mean-colour-8+mean-colour-8"


def test_test_images_are_taken_out_of_training(colours, extractor, tmp_path):
    shutil.copy(
        colours / "test" / "red" / "001.png", colours / "train" / "red" / "leak.png"
    )
    embeddings = featx.embed(
        featx.read_images(colours), extractor, cache_dir=tmp_path / "cache"
    )
    assert len(embeddings.train) == 24
    assert "1 training images are in the test split too" in embeddings.notes[0]


def test_what_cannot_be_read_is_left_out_and_noted(colours, extractor, tmp_path):
    (colours / "train" / "red" / "bad.jpg").write_text("x")
    embeddings = featx.embed(
        featx.read_images(colours), extractor, cache_dir=tmp_path / "cache"
    )
    assert len(embeddings.train) == 24
    assert "1 of 37 images can't be read" in embeddings.notes[0]
    assert "bad.jpg" in embeddings.notes[0]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("train/red/*.png", "no readable training image of 'red'"),
        ("test/*/*.png", "no readable image in the test split"),
        ("*/*/*.png", "none of 36 images can be read"),
    ],
)
def test_too_little_that_can_be_read_is_an_error(
    colours, extractor, tmp_path, broken, message
):
    for number, path in enumerate(sorted(colours.glob(broken))):
        path.write_text(f"no image {number}")
    with pytest.raises(DataError, match=message):
        featx.embed(featx.read_images(colours), extractor, cache_dir=tmp_path / "cache")


def test_extracting_reads_no_rows_back(colours, extractor, tmp_path):
    source = ImageFiles(featx.read_images(colours).files)
    (done,) = extract(source, [extractor], tmp_path / "cache")
    assert (done.images, done.computed) == (36, 36)
    assert extract(source, [extractor], tmp_path / "cache")[0].cached == 36


def test_a_seeded_split_keeps_copies_together(tmp_path, extractor):
    for name, colour in COLOURS.items():
        for number in range(10):
            path = write_image(
                tmp_path / "data" / name / f"{number}.png", colour, seed=number
            )
            shutil.copy(path, path.with_name(f"copy-{number}.png"))
    images = featx.read_images(tmp_path / "data")
    embeddings = featx.embed(images, extractor, cache_dir=tmp_path / "cache")
    train = set(embeddings.split.groups[embeddings.train])
    assert train.isdisjoint(embeddings.split.groups[embeddings.test])
    assert len(embeddings.test) == 16


def test_views_keep_their_images_order(colours, tmp_path):
    images = featx.read_images(colours)
    one, two = FakeExtractor(), FakeExtractor()
    both = featx.embed(images, [one, two], flip=True, cache_dir=tmp_path / "cache")
    assert both.views.shape == (36, 2, 8)
    assert both.backbone == "mean-colour-8+mean-colour-8"
    assert [spec.flip for spec in both.specs] == [False, True, False, True]
    # A mirrored image has the same mean colour.
    np.testing.assert_allclose(both.views[:, 1], both.views[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(both.X, both.views[:, 0])


def test_names_settings_and_extractors_mix(colours, tmp_path):
    settings = ExtractSettings(
        backbone="mobilenet-0.25", image_size=32, weights="random"
    )
    both = featx.embed(
        featx.read_images(colours),
        [settings, FakeExtractor(), settings],
        cache_dir=str(tmp_path / "cache"),
    )
    assert both.views.shape == (36, 1, 256 + 4)
    assert both.backbone == "mobilenet-0.25+mean-colour"
    with pytest.raises(BackboneError, match="did you mean 'resnet50'"):
        featx.embed(featx.read_images(colours), ["resnet5O", settings])


def test_the_flipped_view_is_of_all_or_none(colours, tmp_path):
    plain = ExtractSettings(backbone="mobilenet-0.25", weights="random")
    with pytest.raises(RecipeError, match=r"extract.flip: true for some"):
        featx.embed(
            featx.read_images(colours), [plain, plain.model_copy(update={"flip": True})]
        )


def test_it_shows_itself_shortly(colours, extractor, tmp_path):
    embeddings = featx.embed(
        featx.read_images(colours), extractor, flip=True, cache_dir=tmp_path / "cache"
    )
    assert repr(embeddings) == (
        f"Embeddings('{colours}', mean-colour, 36 images x 4, original and flipped,"
        " 24 train + 12 test)"
    )
    assert "mean-colour at 8 pixels" in embeddings._repr_html_()
