"""Damage and embeddings of other weights are found; what is sound is not accused."""

import hashlib
from dataclasses import replace

import h5py
import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_by_spec, find_extractor
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.cache.verify import check_parts, compare, draw_sample
from featx.embeddings.extract import extract
from featx.embeddings.spec import Spec
from featx.errors import BackboneError
from featx.images.sources import ImageFiles
from tests.conftest import FakeExtractor, write_image
from tests.embeddings.cache.test_store import SPEC, make_keys, make_rows


@pytest.fixture
def files(tmp_path):
    return [
        write_image(tmp_path / "images" / f"{i}.png", (20 * i, 90, 200), seed=i)
        for i in range(12)
    ]


@pytest.fixture
def cache(tmp_path, files):
    """A cache with the mean colours of the files."""
    extractor = FakeExtractor()
    extract(ImageFiles(files), [extractor], tmp_path / "cache")
    return EmbeddingCache(tmp_path / "cache", extractor.spec)


def change_rows(cache, change):
    """Replace the embeddings of a cache by others, with right checksums."""
    for path in cache.parts():
        with h5py.File(path) as part:
            keys, rows = part["key"][:], part["embedding"][:]
        path.unlink()
        cache.add(keys, change(rows).astype(np.float32))


def test_sound_parts_are_left_alone(cache):
    parts = cache.parts()
    assert list(check_parts(cache)) == [None] * len(parts)
    assert cache.parts() == parts
    assert cache.notes == []


@pytest.mark.parametrize("width", [4, 5])
def test_damaged_parts_are_named_and_set_aside(cache, width):
    bad = cache.add(make_keys(3), make_rows(3, width=width))
    if width == 4:  # that of the others: then the bytes are damaged
        content = bytearray(bad.read_bytes())
        content[content.index(make_rows(3, width=4).tobytes()[:40])] ^= 1
        bad.write_bytes(content)
    assert [name for name in check_parts(cache) if name] == [bad.name]
    assert (cache.folder / f"damaged-{bad.name}").exists()
    assert "is damaged" in cache.notes[0]
    assert set(check_parts(cache)) == {None}


def test_the_sample_is_of_content_the_cache_has(cache, files):
    copy = files[0].with_name("copy.png")
    copy.write_bytes(files[0].read_bytes())
    unknown = write_image(files[0].with_name("new.png"), (1, 2, 3), seed=99)
    names = [unknown, copy, *files]
    keys = ImageFiles(names).digests.keys
    everything = draw_sample(cache, keys, 100, 0)
    assert len(everything) == 12
    assert 0 not in everything
    some = draw_sample(cache, keys, 5, 1)
    assert some == draw_sample(cache, keys, 5, 1) != draw_sample(cache, keys, 5, 2)
    other = names[::-1]  # other names and another order choose the same content
    again = draw_sample(cache, ImageFiles(other).digests.keys, 5, 1)
    assert {digest(names[i]) for i in some} == {digest(other[i]) for i in again}
    assert draw_sample(cache, keys[:0], 5, 0) == []


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_embeddings_compare_as_the_same(cache, files):
    compared = compare(cache, FakeExtractor(), files)
    assert compared.images == 12
    assert compared.largest_difference == 0
    assert compared.mean_cosine == pytest.approx(1)
    assert compared.ok


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda rows: rows * 1.01, 0.009),
        (lambda rows: rows[::-1], 0.01),
        (np.zeros_like, 1e6),
        (lambda rows: rows[:, :3], np.inf),
    ],
    ids=["scaled", "swapped", "zeros", "of another width"],
)
def test_other_embeddings_are_found(cache, files, change, least):
    change_rows(cache, change)
    compared = compare(cache, FakeExtractor(), files)
    assert compared.largest_difference >= least
    assert not compared.ok


def test_fewer_digits_are_allowed_more(tmp_path, files):
    extractor = FakeExtractor(spec=replace(FakeExtractor().spec, precision="bfloat16"))
    extract(ImageFiles(files), [extractor], tmp_path / "half")
    cache = EmbeddingCache(tmp_path / "half", extractor.spec)
    change_rows(cache, lambda rows: rows * 1.1)
    assert compare(cache, extractor, files).ok
    change_rows(cache, lambda rows: rows * 2)
    assert not compare(cache, extractor, files).ok


def test_images_that_cannot_be_read_any_more_are_left_out(cache, files):
    files[0].write_text("x")
    assert compare(cache, FakeExtractor(), files).images == 11
    for path in files:
        path.write_text("x")
    assert compare(cache, FakeExtractor(), files) is None


SETTINGS = {"image_size": 32, "weights": "random", "precision": "float32"}


@pytest.mark.parametrize(
    "changes", [{}, {"pooling": "max", "layer": "conv_pw_5", "seed": 3}]
)
@pytest.mark.parametrize("flip", [False, True])
def test_a_spec_leads_back_to_its_extractor(changes, flip):
    extractor = find_extractor("mobilenet-0.25", **SETTINGS, **changes)
    extractor = extractor.flipped() if flip else extractor
    assert find_by_spec(extractor.spec) == extractor


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"backbone": "mean-colour"}, "unknown backbone 'mean-colour'"),
        ({"pixels": 0}, "another version of featx decoded its images"),
        ({"weights_id": "seed 0, keras 2.1"}, "random weights of seed 0, keras 2.1"),
        ({"weights_id": "dice"}, "random weights of dice"),
        ({"weights": "file", "weights_id": "ab" * 32}, "abababab...: name their file"),
        ({"pooling": "median"}, "--pooling median"),
    ],
)
def test_a_spec_that_cannot_be_computed_here_says_why(changes, reason):
    spec = find_extractor("mobilenet-0.25", **SETTINGS).spec
    with pytest.raises(BackboneError) as caught:
        find_by_spec(replace(spec, **changes))
    assert reason in str(caught.value)


def test_weights_of_ones_own_are_found_by_their_content(tmp_path):
    right, wrong = tmp_path / "right.h5", tmp_path / "wrong.h5"
    right.write_text("right")
    wrong.write_text("wrong")
    extractor = find_extractor("mobilenet-0.25", **{**SETTINGS, "weights": str(right)})
    assert find_by_spec(extractor.spec, weights=[wrong, right]) == extractor
    with pytest.raises(BackboneError, match="none of the files given by --weights"):
        find_by_spec(extractor.spec, weights=[wrong])


def test_other_imagenet_weights_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet_2_5_224_tf_no_top.h5").write_text("new")
    spec = Spec(
        **{**SPEC.as_dict(), "backbone": "mobilenet-0.25", "weights": "imagenet"}
    )
    spec = replace(spec, image_size=32)
    with pytest.raises(BackboneError, match="ImageNet weights were another file"):
        find_by_spec(spec)
