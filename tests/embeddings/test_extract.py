"""Stage one computes what is missing, once, and lists what can't be read."""

import os
import shutil
from itertools import count

import numpy as np
import pytest
from PIL import Image

from featx.embeddings import compute as computing
from featx.embeddings.cache.quarantine import Unreadable
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.extract import embed_rows, embed_rows_anyway, extract
from featx.errors import CacheError, CacheWriteError, DataError
from featx.images import decoding
from featx.images.sources import ImageArrays, ImageFiles
from tests.conftest import FakeExtractor, write_image


@pytest.fixture
def files(tmp_path):
    return [
        write_image(tmp_path / "images" / f"{i:02}.png", (i, 2 * i, 200), seed=i)
        for i in range(20)
    ]


@pytest.fixture
def cache(tmp_path, extractor):
    return EmbeddingCache(tmp_path / "cache", extractor.spec)


def raise_memory_error(*_):
    raise MemoryError


def run(files, extractor, cache, **options):
    (done,) = extract(ImageFiles(files), [extractor], cache.root, **options)
    return done


def embed(source, extractor, cache_dir, **options):
    (pair,) = embed_rows(source, [extractor], cache_dir, **options)
    return pair


def test_a_second_run_computes_nothing_and_opens_nothing(files, extractor, cache):
    first = run(files, extractor, cache, batch_size=8)
    assert (first.computed, first.cached) == (20, 0)
    assert sorted(extractor.calls) == [4, 8, 8]
    second = run(files, extractor, cache)
    assert (second.computed, second.cached) == (0, 20)
    assert extractor.opened == 1


def test_content_counts_not_names(files, extractor, cache, tmp_path):
    run(files, extractor, cache)
    moved = tmp_path / "elsewhere"
    shutil.move(files[0].parent, moved)
    renamed = [moved / f"x{path.name}" for path in files]
    for path, new in zip(files, renamed, strict=True):
        (moved / path.name).rename(new)
    assert run(renamed, extractor, cache).computed == 0


def test_the_same_picture_twice_is_computed_once(files, extractor, cache, tmp_path):
    copies = [shutil.copy(path, tmp_path / f"copy-{path.name}") for path in files]
    done = run([*files, *copies], extractor, cache)
    assert done.computed == sum(extractor.calls) == 20
    assert done.images == 40


def test_added_images_only_are_computed(files, extractor, cache):
    run(files[:15], extractor, cache)
    done = run(files, extractor, cache)
    assert (done.computed, done.cached) == (5, 15)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_rows_do_not_depend_on_batches(files, tmp_path, batch_size):
    rows, _ = embed(
        ImageFiles(files), FakeExtractor(), tmp_path / "a", batch_size=batch_size
    )
    expected, _ = embed(ImageFiles(files), FakeExtractor(), tmp_path / "b")
    np.testing.assert_array_equal(rows, expected)


def test_unreadable_images_are_listed_and_rows_do_not_shift(
    files, extractor, cache, tmp_path
):
    expected, _ = embed(ImageFiles(files), FakeExtractor(), tmp_path / "other")
    broken = tmp_path / "broken.jpg"
    broken.write_text("<html>not found</html>")
    empty = tmp_path / "empty.png"
    empty.touch()
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "gone.png")
    mixed = [*files[:7], broken, *files[7:12], empty, link, *files[12:], broken]
    rows, done = embed(ImageFiles(mixed), extractor, cache.root)
    kept = [i for i in range(len(mixed)) if i not in done.unreadable]
    np.testing.assert_array_equal(rows[kept], expected)
    assert done.unreadable == {
        7: "not an image, or of an unknown format; download it again or convert it",
        13: "empty file; download it again",
        14: "broken link; fix it",
        23: "not an image, or of an unknown format; download it again or convert it",
    }
    lines = cache.quarantine.read()
    assert {line.path for line in lines} == {str(broken), str(empty), str(link)}
    header = cache.quarantine.path.read_text().splitlines()[0]
    assert header == "path,digest,reason"


def test_quarantined_images_are_not_tried_again_without_retry(
    extractor, cache, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_text("nothing")
    assert len(run([broken], extractor, cache).unreadable) == 1
    # Nothing could be decoded, so the model was never needed.
    assert extractor.opened == 0
    before = cache.quarantine.path.read_text()
    again = run([broken], extractor, cache)
    assert len(again.unreadable) == 1
    assert cache.quarantine.path.read_text() == before
    assert len(run([broken], extractor, cache, retry=True).unreadable) == 1
    assert len(cache.quarantine.read()) == 1


def test_retry_takes_out_what_can_be_read_now(files, extractor, cache):
    source = ImageFiles(files[:2])
    with cache.writable():
        cache.quarantine.add(
            [Unreadable("x", bytes(source.digests.keys[0]).hex(), "bad day")]
        )
    assert run(files[:2], extractor, cache).unreadable == {0: "bad day"}
    assert run(files[:2], extractor, cache, retry=True).unreadable == {}
    assert cache.quarantine.read() == []
    assert cache.contains(source.digests.keys).all()


def test_half_a_quarantine_line_is_passed_over(files, extractor, cache):
    with cache.writable():
        cache.quarantine.path.write_text('path,digest,reason\na,b,c\nhalf,"')
    assert run(files[:2], extractor, cache).computed == 2


@pytest.mark.parametrize(
    "odd", ["a.png", 'a "b".png', "a,b.png", "a\nb.png", "ü\udcff"]
)
def test_a_quarantine_cut_anywhere_is_completed_by_the_next_line(cache, odd):
    lines = [Unreadable(f"{n}{odd}", 64 * n, "damaged, in some way") for n in "123"]
    with cache.writable():
        cache.quarantine.add(lines[:2])
    whole = cache.quarantine.path.read_bytes()
    for end in range(len(whole) + 1):
        cache.quarantine.path.write_bytes(whole[:end])
        cache.quarantine.add(lines[2:])
        assert cache.quarantine.read()[-1] == lines[2]
        kept = [line for line in lines[:2] if line in cache.quarantine.read()]
        assert len(kept) >= whole[:end].count(b"way\n")


def test_a_quarantine_of_garbage_is_passed_over(files, extractor, cache):
    with cache.writable():
        cache.quarantine.path.write_bytes(b"\0\xff" * 99)
    assert run(files[:2], extractor, cache).computed == 2


def test_a_file_that_changes_meanwhile_gets_no_wrong_row(files, extractor, cache):
    source = ImageFiles(files)
    write_image(files[3], (1, 2, 3), seed=99)
    (done,) = extract(source, [extractor], cache.root)
    assert done.unreadable == {3: "changed while it was read; run this again"}
    assert not cache.contains(source.digests.keys[3:4]).any()
    (line,) = cache.quarantine.read()
    assert (line.path, line.digest) == (str(files[3]), "")
    assert run(files, extractor, cache).computed == 1
    assert cache.quarantine.read() == []


@pytest.mark.parametrize("file_is", ["gone", "a folder", "a pipe", "out of memory"])
def test_what_is_not_the_contents_fault_is_tried_again(
    files, extractor, cache, file_is, monkeypatch
):
    source, content = ImageFiles(files), files[3].read_bytes()
    if file_is == "out of memory":
        monkeypatch.setattr(Image.Image, "load", raise_memory_error)
        monkeypatch.setattr(decoding, "_decode_fast", lambda *_: None)
    else:
        files[3].unlink()
        if file_is == "a folder":
            files[3].mkdir()
        elif file_is == "a pipe":
            os.mkfifo(files[3])
    (done,) = extract(source, [extractor], cache.root)
    assert 3 in done.unreadable
    assert {line.digest for line in cache.quarantine.read()} == {""}
    monkeypatch.undo()
    if files[3].is_dir():
        files[3].rmdir()
    files[3].unlink(missing_ok=True)
    files[3].write_bytes(content)
    again = run(files, extractor, cache)
    assert (again.images, again.unreadable) == (20, {})
    assert cache.quarantine.read() == []


def test_an_interrupt_keeps_what_was_computed(files, cache):
    class Interrupted(FakeExtractor):
        def open(self):
            engine, runs = super().open(), count()

            def interrupted(batch):
                if next(runs) == 2:
                    raise KeyboardInterrupt
                return engine(batch)

            interrupted.name, interrupted.dim = engine.name, engine.dim
            return interrupted

    with pytest.raises(KeyboardInterrupt):
        run(files, Interrupted(), cache, batch_size=4)
    again = FakeExtractor()
    # Two batches before it, and what ran beside it.
    assert run(files, again, cache).cached in {8, 12, 16}


def test_parts_are_committed_on_the_way(files, extractor, cache, monkeypatch):
    monkeypatch.setattr(computing, "COMMIT_IMAGES", 6)
    seen = []
    run(
        files,
        extractor,
        cache,
        batch_size=4,
        update=lambda done, total: seen.append((done, total, len(cache.parts()))),
    )
    assert [parts for *_, parts in seen] == [0, 0, 0, 1, 1, 2]
    assert seen[-1][:2] == (20, 20)
    assert len(cache.parts()) == 1  # merged at the end


def test_a_damaged_part_is_computed_again(files, extractor, cache):
    expected, _ = embed(ImageFiles(files), extractor, cache.root)
    (part,) = cache.parts()
    content = bytearray(part.read_bytes())
    with_rows = content.rfind(expected[5].tobytes())
    content[with_rows] ^= 1
    part.write_bytes(content)
    rows, done = embed(ImageFiles(files), extractor, cache.root)
    np.testing.assert_array_equal(rows, expected)
    assert done.computed == 20
    assert any("damaged" in note for note in done.notes)


def test_an_engine_that_returns_something_else_is_refused(files, cache):
    class Wrong(FakeExtractor):
        def open(self):
            engine = super().open()
            engine.dim = 7
            return engine

    with pytest.raises(RuntimeError, match=r"\(20, 4\) embeddings of 20 images"):
        run(files, Wrong(), cache)


def test_a_cache_that_cannot_be_written_is_told_before_the_model_loads(
    files, extractor, tmp_path
):
    (tmp_path / "cache").write_text("")
    cache = EmbeddingCache(tmp_path / "cache", extractor.spec)
    with pytest.raises(CacheError, match="can't write"):
        run(files, extractor, cache)
    assert extractor.opened == 0


def test_arrays_are_embedded_and_cached_too(extractor, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    rows, done = embed(ImageArrays(images), extractor, tmp_path)
    np.testing.assert_allclose(rows[:, :3], images.mean(axis=(1, 2)) / 255, rtol=1e-6)
    assert embed(ImageArrays(images[::-1]), extractor, tmp_path)[1].computed == 0
    assert done.computed == 5


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros(3)]
)
def test_arrays_of_another_kind_are_refused(images):
    with pytest.raises(DataError, match=r"expected uint8 \(n, height, width, 3\)"):
        ImageArrays(images)


def test_rows_are_returned_where_the_cache_takes_none(
    files, extractor, cache, monkeypatch
):
    expected, _ = embed(ImageFiles(files[:5]), extractor, cache.root)
    parts = cache.parts()

    def refuse(own):
        if own.root == cache.root:
            raise CacheWriteError("cache: can't write", "fix that")

    monkeypatch.setattr(EmbeddingCache, "check_writable", refuse)
    ((rows, done),) = embed_rows_anyway(ImageFiles(files), [extractor], cache.root)

    assert np.array_equal(rows[:5], expected)
    assert (done.computed, done.cached) == (15, 5)
    assert done.notes == ["cache: can't write: new embeddings are not kept"]
    assert cache.parts() == parts
