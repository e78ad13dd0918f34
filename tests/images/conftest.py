"""Small image files, and folders of them."""

import io

import numpy as np
import pytest
from PIL import Image


def encode(image, kind, **options):
    """Return a Pillow image as a file's bytes."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


class Folder:
    """A data folder that is filled by paths; each image has its own content."""

    def __init__(self, root):
        self.root = root
        self.made = 0

    def add(self, *paths):
        for path in paths:
            self.made += 1
            colour = (self.made % 256, self.made // 256, 7)
            self.write(path, encode(Image.new("RGB", (2, 2), colour), "PNG"))
        return self

    def write(self, path, content):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    root.mkdir()
    return Folder(root)


@pytest.fixture
def noise():
    """Make RGB noise, shape (height, width, 3)."""
    rng = np.random.default_rng(0)
    return lambda h, w: rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
