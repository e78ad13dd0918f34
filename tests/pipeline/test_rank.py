"""A sample of the training images tells which embeddings suit them."""

import shutil
from dataclasses import dataclass, replace

import numpy as np
import pytest

import featx
from featx.embeddings.backbones.table import BACKBONES
from featx.embeddings.settings import ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import BackboneError, DataError, RecipeError
from featx.images.image_set import ImageSet, Split
from featx.pipeline import rank as module
from featx.pipeline.rank import (
    backbones_here,
    default_candidates,
    draw_sample,
    fit_neighbours,
    vary,
)
from featx.progress import Progress
from tests.conftest import FakeExtractor, MeanColour, make_colours, write_image

GOOD, BLIND, BROKEN = "mobilenet-0.25", "mobilenet-0.5", "mobilenet-0.75"


class Blind(MeanColour):
    """An engine whose rows have little to do with the images."""

    def __call__(self, batch):
        means = super().__call__(batch)
        return np.sin(1e5 * means).astype(np.float32)


@dataclass
class Fake(FakeExtractor):
    """Sees colours, or doesn't, or fails, as the backbone's name says."""

    def open(self):
        super().open()
        if self.spec.backbone == BROKEN:
            raise BackboneError("no such layer")
        return (Blind if self.spec.backbone == BLIND else MeanColour)(self.calls)


@pytest.fixture
def opened(monkeypatch):
    """Put fakes in the place of backbones; returns those that were opened."""
    made = []

    def find(settings, _cache_dir):
        spec = Spec(
            backbone=settings.backbone,
            image_size=settings.image_size or 8,
            weights="file",
            weights_id="0",
        )
        found = [Fake(spec)]
        if settings.flip:
            found.append(Fake(replace(spec, flip=True)))
        made.extend(found)
        return found

    monkeypatch.setattr(module, "find_extractors", find)
    monkeypatch.setattr(module, "find_extractor", lambda *_, **__: None)
    return made


class Failures(Progress):
    def __init__(self):
        self.names = []

    def failed(self, name, error):
        self.names.append(f"{name}: {error}")


@pytest.fixture
def images(tmp_path):
    return featx.read_images(make_colours(tmp_path / "data"))


def candidates(*names, **values):
    return [ExtractSettings(backbone=name, **values) for name in names]


def test_the_one_that_sees_is_first(images, opened, tmp_path):
    ranking = featx.rank(images, candidates(BLIND, GOOD), cache_dir=tmp_path / "cache")
    assert [one.extract.backbone for one in ranking.candidates] == [GOOD, BLIND]
    best, blind = ranking.candidates
    assert best.lda.accuracy == best.knn.accuracy == 1
    assert best.lda.accuracy > blind.lda.accuracy
    assert best.knn.accuracy > blind.knn.accuracy
    assert best.logme > blind.logme
    assert best.lda.interval[1] == 1
    assert ranking.as_good == (True, False)
    assert ranking.recommended is best
    assert repr(ranking) == f"Ranking(24 images: {best.name}, {blind.name})"


def test_only_training_images_are_in_the_sample(images, opened, tmp_path):
    ranking = featx.rank(images, [GOOD], sample=9, cache_dir=tmp_path / "cache")
    assert all(path.startswith("train/") for path in ranking.images.paths)
    assert np.bincount(ranking.images.labels).tolist() == [3, 3, 3]
    (one,) = ranking.candidates
    assert one.lacking == len(images) - 9
    assert one.size == 27 * (4 * MeanColour.dim + 32)
    assert one.seconds > 0


def test_nothing_is_computed_twice(images, opened, tmp_path):
    def computed():
        return sum(sum(one.calls) for one in opened)

    options = {"cache_dir": tmp_path / "cache"}
    first = featx.rank(images, [GOOD], sample=9, **options)
    assert computed() == 9
    again = featx.rank(images, [GOOD], sample=9, **options)
    assert computed() == 9
    assert again.candidates[0].lda == first.candidates[0].lda
    # The rate is remembered.
    assert again.candidates[0].seconds == pytest.approx(
        first.candidates[0].seconds, rel=0.01
    )
    featx.rank(images, [GOOD], sample=15, **options)
    assert computed() == 15
    flipped = featx.rank(images, candidates(GOOD, flip=True), sample=15, **options)
    assert computed() == 30
    assert flipped.candidates[0].name == f"{GOOD}@8 flip"
    # What was computed for the sample is there for all.
    found = featx.embed(images, Fake(opened[0].spec), **options)
    assert len(found.X) == 36
    done = featx.rank(images, [GOOD], sample=15, **options).candidates[0]
    assert (done.lacking, done.seconds, done.size) == (0, 0, 0)


def test_of_those_as_good_the_quickest_is_recommended(images, opened, tmp_path):
    cache = tmp_path / "cache"
    sizes = [replace_size(size) for size in (9, 10)]
    featx.embed(images, Fake(replace(spec_of(GOOD), image_size=10)), cache_dir=cache)
    ranking = featx.rank(images, sizes, sample=15, cache_dir=cache)
    assert ranking.as_good == (True, True)
    assert ranking.recommended.extract.image_size == 10
    assert ranking.recommended.seconds == 0
    found = ranking.as_dict()
    assert found["recommended"] == f"{GOOD}@10"
    assert found["images"] == 15
    assert found["candidates"][0]["lda"]["cv_accuracy"] == 1


def replace_size(size):
    return ExtractSettings(backbone=GOOD, image_size=size)


def spec_of(name):
    return Spec(backbone=name, image_size=8, weights="file", weights_id="0")


def test_where_no_rate_is_known_no_time_is_told(images, opened, tmp_path):
    cache = tmp_path / "cache"
    train = [
        path
        for path, is_test in zip(images.files, images.is_test, strict=True)
        if not is_test
    ]
    found = featx.embed(images.train, Fake(spec_of(GOOD)), cache_dir=cache)
    assert len(found.X) == len(train)
    ranking = featx.rank(images, [GOOD, BLIND], cache_dir=cache)
    good, blind = ranking.candidates
    assert (good.lacking, good.seconds) == (12, None)
    assert blind.seconds > 0
    assert ranking.recommended is good


def test_one_that_fails_is_named_and_the_others_go_on(images, opened, tmp_path):
    progress = Failures()
    ranking = featx.rank(
        images,
        candidates(BROKEN, GOOD, flip=True),
        cache_dir=tmp_path / "cache",
        progress=progress,
    )
    assert [one.extract.backbone for one in ranking.candidates] == [GOOD]
    assert progress.names == [f"{BROKEN} flip: no such layer"]
    with pytest.raises(BackboneError, match="no such layer"):
        featx.rank(images, [BROKEN], cache_dir=tmp_path / "cache")


def test_weights_that_are_missing_are_named_once(images, opened, tmp_path, monkeypatch):
    def find(name, **_):
        if name == BLIND:
            raise BackboneError("no weights")

    monkeypatch.setattr(module, "find_extractor", find)
    progress = Failures()
    wanted = vary(candidates(BLIND, GOOD), sizes=False, views=True)
    ranking = featx.rank(
        images, wanted, cache_dir=tmp_path / "cache", progress=progress
    )
    assert progress.names == [f"{BLIND}: no weights"]
    assert len(ranking.candidates) == 2


def test_images_that_cannot_be_read_are_left_out_of_all(images, opened, tmp_path):
    (images.root / "train" / "red" / "bad.png").write_text("no image")
    images = featx.read_images(images.root)
    ranking = featx.rank(images, [GOOD, BLIND], cache_dir=tmp_path / "cache")
    assert "1 of 25 images of the sample can't be read, left out" in ranking.notes
    assert len(ranking.images) == 24
    assert len(ranking.candidates[0].lda.right) == 24


def test_whole_maps_are_refused(images):
    with pytest.raises(RecipeError, match="use avg or max"):
        featx.rank(images, candidates(GOOD, pooling="none"))


def test_too_few_images_are_one_line(tmp_path, opened):
    images = featx.read_images(make_colours(tmp_path / "data", train=1, test=1))
    with pytest.raises(DataError, match="too few for 5 folds"):
        featx.rank(images, [GOOD], cache_dir=tmp_path / "cache")


def split_of(counts, *, copies=1):
    """Return a split with so many contents of each class, and half as many to test."""
    labels, contents, is_test = [], [], []
    for label, count in enumerate(counts):
        for number in range(count):
            labels += copies * [label]
            contents += copies * [len(set(contents))]
            is_test += copies * [number % 3 == 2]
    keys = np.zeros((len(labels), 32), np.uint8)
    keys[:, :2] = np.array(contents)[:, None] // [256, 1] % 256
    paths = tuple(map(str, range(len(labels))))
    classes = tuple(map(str, range(len(counts))))
    images = ImageSet(
        *("root", paths, np.array(labels), np.array(is_test), classes, "made")
    )
    return Split(images, np.arange(len(labels)), keys, ())


def test_the_sample_is_stratified_and_without_test_images():
    split = split_of([300, 150, 30])
    rows = draw_sample(split, 160, seed=0)
    assert len(rows) == 160
    assert not split.is_test[rows].any()
    assert np.bincount(split.images.labels[rows]).tolist() == [100, 50, 10]
    assert (np.diff(rows) > 0).all()
    assert draw_sample(split, 160, seed=0).tolist() == rows.tolist()
    assert draw_sample(split, 160, seed=1).tolist() != rows.tolist()


def test_a_larger_sample_holds_the_smaller_one():
    split = split_of([300, 150, 30])
    small, large = (set(draw_sample(split, n, seed=0)) for n in (48, 160))
    assert small <= large


def test_copies_are_drawn_together():
    split = split_of([60, 60], copies=2)
    rows = draw_sample(split, 20, seed=0)
    assert len(rows) == 40
    assert np.bincount(split.groups[rows]).max() == 2
    assert set(np.bincount(split.groups[rows])) == {0, 2}


def test_each_class_has_two_images_and_few_are_taken_whole():
    split = split_of([300, 3, 1])
    counts = np.bincount(split.images.labels[draw_sample(split, 20, seed=0)])
    assert counts.tolist() == [20, 2, 1]
    assert draw_sample(split, 1000, seed=0).tolist() == split.train.tolist()
    assert draw_sample(split, None, seed=0).tolist() == split.train.tolist()


def test_many_classes_get_five_images_each():
    split = split_of([15] * 200)
    assert len(draw_sample(split, None, seed=0)) == 1000
    assert len(draw_sample(split_of([600] * 3), None, seed=0)) == 500


def test_more_images_than_asked_for_are_noted(images, opened, tmp_path):
    ranking = featx.rank(images, [GOOD], sample=5, cache_dir=tmp_path / "cache")
    assert len(ranking.images) == 6
    assert "6 images are drawn, not 5: two of each class at least" in ranking.notes[0]


def test_by_default_what_is_here_is_ranked_at_two_sizes_and_in_two_views(
    monkeypatch, tmp_path
):
    here = {"mobilenet", "mobilenetv2-0.35", "convnextlarge"}
    monkeypatch.setattr(module, "is_here", lambda row: row.name in here)
    assert backbones_here() == ["mobilenetv2-0.35", "mobilenet"]
    made = default_candidates(precision="float32")
    assert [(one.short, one.flip) for one in made[:4]] == [
        ("mobilenetv2-0.35", False),
        ("mobilenetv2-0.35", True),
        ("mobilenetv2-0.35@288", False),
        ("mobilenetv2-0.35@288", True),
    ]
    assert len(made) == 8
    assert {one.precision for one in made} == {"float32"}
    monkeypatch.setattr(module, "is_here", lambda _: False)
    with pytest.raises(RecipeError, match="name some to download by --backbone"):
        backbones_here()


def test_variants_of_what_is_given():
    asked = candidates("resnet50@160", "resnet50")
    found = vary(asked, sizes=True, views=False)
    assert [one.short for one in found] == ["resnet50@160", "resnet50", "resnet50@288"]
    assert vary(asked * 2, sizes=False, views=False) == asked
    sizes = {
        one.image_size
        for name in BACKBONES
        for one in vary(candidates(name), sizes=True, views=False)[1:]
    }
    assert all(size % 32 == 0 for size in sizes)


def test_neighbours_vote_by_cosine_whatever_the_length():
    views = np.array([[[1, 0.1]], [[9, 0]], [[0, 1]], [[0.1, 9]]], np.float32)
    found = fit_neighbours(views, np.array([0, 0, 1, 1]), np.arange(4))
    logits = found.logits(np.array([[[100, 1], [0, 2]]], np.float32))
    assert logits.shape == (1, 2, 2)
    assert logits.argmax(axis=2).tolist() == [[0, 1]]
    assert found.classes_.tolist() == [0, 1]


def test_copies_of_an_image_share_a_fold(images, opened, tmp_path):
    # Six copies of an image that looks like another class: neighbours would know them.
    root = images.root
    write_image(root / "train" / "red" / "odd.png", (40, 60, 200), seed=99)
    for number in range(6):
        shutil.copy(
            root / "train" / "red" / "odd.png",
            root / "train" / "red" / f"o{number}.png",
        )
    ranking = featx.rank(featx.read_images(root), [GOOD], cache_dir=tmp_path / "cache")
    wrong = ~ranking.candidates[0].knn.right
    assert wrong.sum() >= 7
    assert ranking.independent < len(ranking.images)
