"""An image set with all that can be wrong with one."""

import os
import shutil

import numpy as np
from PIL import Image

from tests.conftest import write_image

ODD_CLASS = "<script>alert(1)<∕script>"
UNREADABLE = {
    "train/cat/broken.jpg": "truncated",
    "train/cat/empty.jpg": "empty file",
    "train/cat/empty-too.jpg": "empty file",
    "train/cat/gone.jpg": "broken link",
    "train/cat/page.jpg": "not an image, or of an unknown format",
}
CONFLICTS = [["test/dog/of-a-cat.png", "train/cat/1.png"]]
LEAKS = [["test/cat/leak.png", "train/cat/0.png"]]
WITHIN_TRAIN = [["train/dog/0.png", "train/dog/again.png", "train/dog/and-again.png"]]
WITHIN_TEST = [["test/dog/0.png", "test/dog/twin.png"]]


def make_messy(root):
    """Write `train/` and `test/` trees of 8 good images, and of what spoils them."""
    seed = 0
    for part, name, count in [
        ("train", "cat", 3),
        ("train", "dog", 2),
        ("test", "cat", 1),
        ("test", "dog", 1),
        ("train", ODD_CLASS, 1),
    ]:
        for number in range(count):
            seed += 1
            path = root / part / name / f"{number}.png"
            write_image(path, (90, 30 * seed % 250, 60), seed=seed, size=(8, 8 + seed))
    for first, *copies in (*CONFLICTS, *LEAKS, *WITHIN_TRAIN, *WITHIN_TEST):
        known, *new = [first, *copies] if (root / first).exists() else [*copies, first]
        for path in new:
            shutil.copyfile(root / known, root / path)
    _spoil(root / "train" / "cat")
    return root


def _spoil(cats):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(cats / "whole.jpg")
    content = (cats / "whole.jpg").read_bytes()
    (cats / "whole.jpg").rename(cats / "jpeg.png")
    (cats / "broken.jpg").write_bytes(content[: len(content) // 2])
    (cats / "empty.jpg").write_bytes(b"")
    (cats / "empty-too.jpg").write_bytes(b"")
    (cats / "page.jpg").write_text("<html>")
    (cats / "gone.jpg").symlink_to("nowhere.jpg")


def add_name_that_is_no_text(root):
    """Add an image whose name isn't UTF-8; returns whether the disk takes it."""
    odd = root / "train" / "dog" / os.fsdecode(b"caf\xe9.png")
    try:
        write_image(root / "x.png", (9, 9, 9), seed=99).rename(odd)
    except OSError:
        (root / "x.png").unlink()
        return False
    return True
