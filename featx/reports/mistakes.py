"""Where a run errs: the pairs it mixes up and the mistakes it was surest of."""

import base64
import io
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.reports.numbers import percent
from featx.runs.run import Predictions, Run

if TYPE_CHECKING:
    from PIL import Image

PAIRS = 10
MISTAKES = 12
THUMBNAIL = 160  # pixels


@dataclass(frozen=True)
class Mistake:
    """A wrongly classified test image.

    Attributes
    ----------
    path : str
        Relative to the data folder.
    true, predicted : str
        Class names.
    confidence : str
        Probability of the predicted class, in percent.
    picture : str
        A small JPEG as a data URI; empty where the file can't be read.
    """

    path: str
    true: str
    predicted: str
    confidence: str
    picture: str


def confused_pairs(run: Run) -> list[dict[str, Any]]:
    """List the ten pairs of classes mixed up most often, with their counts."""
    matrix = run.metrics.confusion
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    wrong = [(i, j) for i, j in zip(*np.nonzero(matrix), strict=True) if i != j]
    wrong.sort(key=lambda pair: (-matrix[pair], -shares[pair]))
    return [
        {
            "true": run.classes[i],
            "predicted": run.classes[j],
            "count": int(matrix[i, j]),
            "share": percent(shares[i, j]),
        }
        for i, j in wrong[:PAIRS]
    ]


def surest_mistakes(run: Run, predictions: Predictions) -> list[Mistake]:
    """List the twelve wrong answers with the highest confidence."""
    wrong = [
        i
        for i, (label, answer) in enumerate(
            zip(predictions.labels, predictions.predicted, strict=True)
        )
        if label != answer
    ]
    wrong.sort(key=lambda i: -predictions.confidence[i])
    root = Path(run.info.data.root)
    return [
        Mistake(
            predictions.paths[i],
            predictions.labels[i],
            predictions.predicted[i],
            percent(float(predictions.confidence[i])),
            thumbnail(root, predictions.paths[i]),
        )
        for i in wrong[:MISTAKES]
    ]


def thumbnail(root: Path, path: str) -> str:
    """Read an image of the data folder as a small JPEG.

    Returns
    -------
    str
        A ``data:`` URI, at most 160 pixels wide and high. Empty where there is no
        such file in `root`, or it isn't an image.
    """
    from PIL import Image

    relative = PurePath(path)
    if relative.is_absolute() or ".." in relative.parts:
        return ""
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd files that it reads all the same.
            warnings.simplefilter("ignore")
            with Image.open(root / relative) as image:
                small = _reduce(image)
        stream = io.BytesIO()
        small.save(stream, "JPEG", quality=82)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _reduce(image: "Image.Image") -> "Image.Image":
    """Shrink, turn upright, and put what is transparent on white."""
    from PIL import Image, ImageOps

    image.draft("RGB", (THUMBNAIL, THUMBNAIL))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((THUMBNAIL, THUMBNAIL))
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")
