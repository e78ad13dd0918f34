"""An image folder to measure with: drawn JPEGs that cost what photographs cost."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 500, 375
CLASSES = 10

# A photograph's contrast falls with the detail's size. These make files of 45 kB.
QUALITY = 90
COARSEST, FINEST = 256, 1
FIELD = 1024
FALL = 0.7


def draw_photos(folder: Path, count: int, *, seed: int = 0) -> Path:
    """Draw JPEGs of about 45 kB as ``<class>/<number>.jpg``.

    Each has bytes of its own; the same seed draws the same ones.
    """
    for number in range(min(count, CLASSES)):
        _class_folder(folder, number).mkdir(parents=True)
    field = noise_field(seed)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda number: _draw(folder, number, seed, field), range(count)))
    return folder


def multiply_photos(folder: Path, count: int) -> list[Path]:
    """Copy JPEGs of class folders until there are so many, each with its own bytes.

    A few bytes after the end of the image tell copies apart: they cost what the image
    costs, and drawing them would take minutes.

    Returns
    -------
    list of Path
        All files, at least those that were there.
    """
    files = sorted(folder.rglob("*.jpg"))

    def copy(number: int) -> Path:
        original = files[number % len(files)]
        path = original.with_stem(f"{original.stem}-{number // len(files)}")
        path.write_bytes(original.read_bytes() + number.to_bytes(8, "little"))
        return path

    with ThreadPoolExecutor() as pool:
        return files + list(pool.map(copy, range(len(files), count)))


def copy_photos(source: Path, folder: Path, count: int) -> Path:
    """Copy JPEGs of class folders, spread evenly over them.

    Raises
    ------
    ValueError
        There are none.
    """
    found = sorted(
        p for p in source.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"}
    )
    if not found:
        raise ValueError(f"{source}: no JPEG files in it or in its folders")
    for place in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int):
        # Trees like train/<class>/ and test/<class>/ become one.
        into = folder / found[place].parent.name
        into.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[place], into / f"{place:07}.jpg")
    return folder


def _class_folder(folder: Path, number: int) -> Path:
    return folder / f"class-{number % CLASSES}"


def _draw(folder: Path, number: int, seed: int, field) -> None:
    pixels = texture(np.random.default_rng([seed, number]), field)
    path = _class_folder(folder, number) / f"{number:07}.jpg"
    cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def noise_field(seed: int):
    """Return noise to cut from, float32 (1024, 1024, 3)."""
    rng = np.random.default_rng(seed)
    # Brightness varies more than colour.
    grey = rng.standard_normal((FIELD, FIELD, 1), np.float32)
    return grey + 0.4 * rng.standard_normal((FIELD, FIELD, 3), np.float32)


def texture(rng: np.random.Generator, field):
    """Draw detail of all sizes, as uint8 (375, 500, 3)."""
    total = np.full((HEIGHT, WIDTH, 3), 128, np.float32)
    size, strength = COARSEST, 60.0
    while size >= FINEST:
        height, width = HEIGHT // size + 2, WIDTH // size + 2
        # Cut out anywhere, which is much faster than drawing it anew.
        top, left = rng.integers(0, (FIELD - height, FIELD - width))
        cut = field[top : top + height, left : left + width]
        total += strength * cv2.resize(cut, (WIDTH, HEIGHT))
        size, strength = size // 2, strength * FALL
    return np.clip(total, 0, 255).astype(np.uint8)
