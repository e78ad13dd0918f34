"""Images are decoded once for all views, and batches fit the memory."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.engines import tensorflow as tensorflow_engine
from featx.embeddings.engines.table import MODEL_RUNS
from featx.embeddings.extract import embed_rows, extract
from featx.errors import BackboneError
from featx.images.decoding import decode, flip
from featx.images.sources import ImageFiles, View
from tests.conftest import FakeExtractor, MeanColour, write_image


@pytest.fixture
def files(tmp_path):
    return [
        write_image(tmp_path / "images" / f"{i:02}.png", (i, 2 * i, 200), seed=i)
        for i in range(20)
    ]


class Counting(ImageFiles):
    """Counts how often each image is decoded."""

    def __init__(self, files):
        super().__init__(files)
        self.shown = []

    def show(self, row, views):
        self.shown.append(row)
        return super().show(row, views)


@dataclass
class Corner(FakeExtractor):
    """Embeds the pixels at the left edge, so that a flipped image differs."""

    def open(self):
        class Edge(MeanColour):
            def __call__(self, batch):
                return super().__call__(batch[:, :, :2])

        self.opened += 1
        return Edge(self.calls)

    def sized(self, side):
        return replace(self, spec=replace(self.spec, image_size=side))


def test_each_image_is_decoded_once_for_all_views(files, tmp_path):
    one = Corner()
    wanted = [one, one.flipped(), one.sized(5), one.sized(5).flipped()]
    source = Counting(files)
    pairs = embed_rows(source, wanted, tmp_path / "cache")
    assert sorted(source.shown) == list(range(20))
    folders = {done.folder.name for _, done in pairs}
    assert len(folders) == 4
    assert sum("-flip-" in name for name in folders) == 2
    for extractor, (rows, _) in zip(wanted, pairs, strict=True):
        side = extractor.spec.image_size
        pixels = [decode(path.read_bytes(), (side, side)) for path in files]
        if extractor.spec.flip:
            pixels = [flip(image) for image in pixels]
        expected = MeanColour([])(np.stack(pixels)[:, :, :2])
        np.testing.assert_allclose(rows, expected, rtol=1e-6)


def test_only_missing_views_are_decoded(files, tmp_path):
    one = Corner()
    extract(ImageFiles(files[:15]), [one], tmp_path)
    source = Counting(files)
    plain, flipped = extract(source, [one, one.flipped()], tmp_path)
    assert (plain.computed, flipped.computed) == (5, 20)
    assert sorted(source.shown) == list(range(20))
    source = Counting(files)
    extract(source, [one], tmp_path)
    assert source.shown == []


def test_progress_counts_images_not_views(files, tmp_path):
    seen = []
    one = Corner()
    extract(
        ImageFiles(files),
        [one, one.flipped()],
        tmp_path,
        batch_size=4,
        update=lambda done, total: seen.append((done, total)),
    )
    assert [done for done, _ in seen] == [0, 0, 4, 8, 12, 20]
    assert {total for _, total in seen} == {20}


def test_a_flipped_image_is_flipped(tmp_path):
    path = write_image(tmp_path / "x.png", (9, 90, 200), size=(6, 6), noise=9)
    views = ImageFiles([path]).show(0, [View(6), View(6, flip=True)])
    np.testing.assert_array_equal(views[View(6)][:, ::-1], views[View(6, flip=True)])


class Small(FakeExtractor):
    """Has memory for a few images only."""

    room = 3

    def open(self):
        inner = super().open()

        def crowded(batch):
            if len(batch) > self.room:
                raise MemoryError
            return inner(batch)

        crowded.name, crowded.dim, crowded.batch_size = inner.name, inner.dim, 32
        return crowded


def test_batches_are_put_into_the_same_memory(files, tmp_path):
    places = set()

    class Watched(FakeExtractor):
        def open(self):
            class Engine(MeanColour):
                def __call__(self, batch):
                    places.add(batch.ctypes.data)
                    return super().__call__(batch)

            return Engine(self.calls)

    ((rows, _),) = embed_rows(
        ImageFiles(files), [Watched()], tmp_path / "cache", batch_size=2
    )
    assert len(places) <= MODEL_RUNS
    side = FakeExtractor().spec.image_size
    decoded = np.stack([decode(one.read_bytes(), (side, side)) for one in files])
    np.testing.assert_array_equal(rows, MeanColour([])(decoded))


def test_batches_are_halved_when_memory_runs_out(files, tmp_path):
    ((rows, done),) = embed_rows(ImageFiles(files), [Small()], tmp_path / "a")
    ((expected, _),) = embed_rows(ImageFiles(files), [FakeExtractor()], tmp_path / "b")
    np.testing.assert_array_equal(rows, expected)
    assert done.notes[-1] == "out of memory: batches of 2 images from now"


def test_numbers_that_are_not_finite_are_one_clear_line(files, tmp_path):
    class Overflowing(FakeExtractor):
        def open(self):
            engine = super().open()

            def overflow(batch):
                return engine(batch) * np.float32(np.inf)

            overflow.name, overflow.dim, overflow.batch_size = "", engine.dim, 32
            return overflow

    with pytest.raises(BackboneError, match="not finite; use --precision float32"):
        extract(ImageFiles(files), [Overflowing()], tmp_path)
    assert not list(tmp_path.glob("*/part-*"))


def test_no_room_for_a_single_image_is_one_clear_line(files, tmp_path, monkeypatch):
    monkeypatch.setattr(Small, "room", 0)
    with pytest.raises(BackboneError, match="not enough memory for a single image"):
        embed_rows(ImageFiles(files), [Small()], tmp_path)


def test_tensorflows_lack_of_memory_becomes_pythons(monkeypatch):
    extractor = find_extractor(
        "mobilenet-0.25", image_size=32, weights="random", precision="float32"
    )
    opened = extractor.open()

    def exhausted(images):
        raise opened._tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(opened, "_graph", exhausted)
    with pytest.raises(MemoryError, match="a batch of 2 images"):
        opened(np.zeros((2, 32, 32, 3), np.uint8))


def test_the_batch_suits_the_memory(monkeypatch):
    # MobileNet 0.25's largest map at 224 pixels is of 113 x 113 x 16 floats, 817 kB.
    extractor = find_extractor("mobilenet-0.25", weights="random", precision="float32")
    opened = extractor.open()

    def batch(gigabytes):
        monkeypatch.setattr(
            tensorflow_engine, "available_memory", lambda: int(gigabytes * 1e9)
        )
        return tensorflow_engine._suitable_batch(opened._tf, opened._graph)

    assert [batch(x) for x in (64, 0.2, 0.02, 1e-6)] == [32, 8, 1, 1]
