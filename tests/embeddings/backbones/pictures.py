"""Pixels for backbones, drawn."""

import numpy as np


def make_images(count, side):
    """Smooth colours with some noise: nearer to photos than noise alone."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 4, 4, 3))
    places = np.arange(side) * 4 // side
    smooth = coarse[:, places][:, :, places]
    images = smooth + rng.integers(-40, 41, (side, side, 3))
    return images.clip(0, 255).astype(np.uint8)
