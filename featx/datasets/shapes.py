"""A small labelled image set, drawn: 18 classes of shape and texture.

Colour, place, scale, angle, texture period, lighting, blur and noise vary from image
to image and say nothing about the class, so that a classifier has something to learn.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.atomic import atomic_folder

SHAPES = ("disc", "hexagon", "pentagon", "square", "star", "triangle")
TEXTURES = ("chequered", "dotted", "striped")
SIDE = 160
TRAIN_IMAGES = 30
TEST_IMAGES = 15

_CORNERS = {"hexagon": 6, "pentagon": 5, "square": 4, "triangle": 3, "star": 10}


def draw_image_set(
    folder: Path,
    *,
    seed: int = 0,
    train_images: int = TRAIN_IMAGES,
    test_images: int = TEST_IMAGES,
) -> Path:
    """Draw the set as `train/<class>/` and `test/<class>/`, unless it exists.

    The folder appears whole or not at all.

    Parameters
    ----------
    folder : Path
        Created; kept as it is if it exists.
    seed : int
        The same seed draws the same files.
    train_images, test_images : int
        Per class.

    Raises
    ------
    OSError
        It can't be written.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with atomic_folder(folder, durable=False) as aside:
        for split, count in (("train", train_images), ("test", test_images)):
            for texture in TEXTURES:
                for shape in SHAPES:
                    _draw_class(aside / split / f"{texture}_{shape}", count, rng)
    return folder


def _draw_class(folder: Path, count: int, rng: np.random.Generator) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    texture, shape = folder.name.split("_")
    for number in range(count):
        image = Image.fromarray(draw(shape, texture, rng))
        image.save(folder / f"{number:03}.jpg", quality=90)


def draw(shape: str, texture: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one image.

    Returns
    -------
    ndarray of uint8, shape (160, 160, 3)
    """
    import cv2

    ground, ink, paint = _colours(rng)
    mask = _shape(shape, rng)[..., None]
    pattern = _texture(texture, rng)[..., None]
    inside = pattern * ink + (1 - pattern) * paint
    # A light from one side, over all.
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = 1 + 0.3 * rng.uniform() * (np.cos(angle) * x + np.sin(angle) * y)
    image = (mask * inside + (1 - mask) * ground) * light[..., None]
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.6))
    image += rng.normal(0, rng.uniform(4, 22), image.shape)
    pixels: NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
    return pixels


def _colours(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return three colours that can be told apart, shape (3, 3)."""
    while True:
        colours = rng.uniform(20, 235, (3, 3))
        gaps = np.linalg.norm(colours - np.roll(colours, 1, axis=0), axis=1)
        if gaps.min() > 75:
            return colours


def _shape(shape: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a mask from 0 to 1, shape (160, 160)."""
    import cv2

    radius = SIDE * rng.uniform(0.24, 0.42)
    centre = SIDE / 2 + rng.uniform(-1, 1, 2) * (SIDE / 2 - radius) * 0.8
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    if shape == "disc":
        axes = (int(radius), int(radius * rng.uniform(0.8, 1)))
        where = (int(centre[0]), int(centre[1]))
        turn = rng.uniform(0, 180)
        cv2.ellipse(mask, where, axes, turn, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = _CORNERS[shape]
        turns = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
        reach = np.full(corners, radius)
        if shape == "star":
            reach[1::2] *= rng.uniform(0.4, 0.55)
        points = centre + reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
        points += rng.normal(0, radius * 0.04, points.shape)
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
    return mask / 255


def _texture(texture: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a pattern of 0 and 1, shape (160, 160)."""
    period, angle = rng.uniform(9, 22), rng.uniform(0, np.pi)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    u = (np.cos(angle) * x + np.sin(angle) * y) / period + rng.uniform()
    v = (-np.sin(angle) * x + np.cos(angle) * y) / period + rng.uniform()
    if texture == "striped":
        inked = u % 1 < rng.uniform(0.35, 0.65)
    elif texture == "chequered":
        inked = (u % 1 < 0.5) ^ (v % 1 < 0.5)
    else:
        distance = np.hypot(u % 1 - 0.5, v % 1 - 0.5)
        inked = distance < rng.uniform(0.27, 0.4)
    return np.where(inked, 1.0, 0.0)
