"""Resizing inside of a model: from photos of any size to a backbone's squares.

It follows `featx.images` step by step, in whole numbers wherever these do: large
photos are brought to 1/2, 1/4 or 1/8 by the mean of each block, as decoding does it for
all formats but JPEG, and the rest of the way is OpenCV's bilinear or Pillow's bicubic
resizing. Of the numbers, 99% and more are the same, and the others differ by one; in
one cropped or padded photo of some hundreds a single number differs by two, as Pillow
rounds twice. Padded photos that are more than twice as tall as wide are the exception:
Pillow 13 resizes their rows first, and some numbers differ by three.

Keras' operations only, so that each format can hold them. They can't ask a symbolic
tensor for its size: sizes are counted.
"""

from typing import Any, NamedTuple

import numpy as np

from featx.frameworks import import_keras
from featx.images.decoding import FACTORS
from featx.images.resizing import PADDING, Resize

ONE = 2048
"""A weight of one in OpenCV's fixed-point arithmetic."""


class Axis(NamedTuple):
    """The rows or the columns of a photo."""

    places: Any
    """0, 1, 2 and so on; int32, shape (n,)."""
    size: Any
    """How many there are; an int32 scalar."""


class Span(NamedTuple):
    """Which part of an axis becomes which part of the square's."""

    start: Any
    size: Any
    to_start: Any
    to_size: Any


def to_square(photos: Any, side: int, resize: Resize) -> Any:
    """Add the operations that resize photos.

    Parameters
    ----------
    photos : keras.KerasTensor of uint8, shape (N, height, width, 3)
    side : int
    resize : {"squash", "crop", "pad"}

    Returns
    -------
    keras.KerasTensor of uint8, shape (N, side, side, 3)
    """
    ops = import_keras().ops
    rows, columns = _axis(photos[0, :, 0, 0]), _axis(photos[0, 0, :, 0])
    factor = _factor(rows.size, columns.size, side, resize)
    pixels, rows, columns = _shrink(photos, rows, columns, factor)
    if resize == "squash":
        found = _squash(pixels, rows, columns, side)
    else:
        spans = (_crop if resize == "crop" else _pad)(rows.size, columns.size, side)
        found = _bicubic(pixels, (rows, columns), spans, side)
    return ops.cast(ops.reshape(found, (-1, side, side, 3)), "uint8")


def _axis(line: Any) -> Axis:
    """Return the axis along which some values lie."""
    ops = import_keras().ops
    ones = ops.ones_like(line, dtype="int32")
    return Axis(ops.cumsum(ones) - 1, ops.sum(ones))


def _factor(height: Any, width: Any, side: int, resize: Resize) -> Any:
    """Return by how much photos are made smaller first, as `decoding` does it."""
    ops = import_keras().ops
    measured = (ops.maximum if resize == "pad" else ops.minimum)(height, width)
    factor: Any = 1
    for one in FACTORS:
        left = measured // one
        if resize == "crop":
            left = 7 * left // 8
        factor = factor + one // 2 * ops.cast(left >= side, "int32")
    return factor


def _shrink(
    photos: Any, rows: Axis, columns: Axis, factor: Any
) -> tuple[Any, Axis, Axis]:
    """Return the means of blocks as int32, fewer pixels at the edges."""
    ops = import_keras().ops
    total, high, rows = _sums(photos, rows, factor, axis=1)
    total, wide, columns = _sums(total, columns, factor, axis=2)
    counts = ops.expand_dims(high, -1) * wide
    counts = ops.expand_dims(counts, -1)
    return (total + counts // 2) // counts, rows, columns


def _sums(pixels: Any, along: Axis, factor: Any, *, axis: int) -> tuple[Any, Any, Axis]:
    """Return sums of neighbours along an axis, of how many each, and the new axis."""
    ops = import_keras().ops
    # `nonzero` would need an operation that LiteRT lacks.
    starts = ops.unique(along.places // factor, sorted=False) * factor
    total: Any = 0
    counts: Any = 0
    for step in range(max(FACTORS)):
        there = ops.logical_and(starts + step < along.size, factor > step)
        there = ops.cast(there, "int32")
        taken = ops.take(pixels, ops.minimum(starts + step, along.size - 1), axis=axis)
        weights = ops.reshape(there, (-1, 1, 1) if axis == 1 else (-1, 1))
        total = total + ops.cast(taken, "int32") * weights
        counts = counts + there
    return total, counts, _axis(starts)


def _squash(pixels: Any, rows: Axis, columns: Axis, side: int) -> Any:
    """Resize as OpenCV's INTER_LINEAR does, in its fixed-point arithmetic."""
    ops = import_keras().ops
    first, rest = _places(columns.size, side)
    # At the edges it takes one column, but the same row twice.
    inside = ops.logical_and(first >= 0, first < columns.size - 1)
    rest = ops.where(inside, rest, 0)
    left, right, near, far = _pairs(first, rest, columns.size, side)
    near, far = ops.expand_dims(near, -1), ops.expand_dims(far, -1)
    lines = ops.take(pixels, left, axis=2) * near + ops.take(pixels, right, 2) * far
    lines = lines // 16
    above, below, near, far = _pairs(*_places(rows.size, side), rows.size, side)
    near, far = ops.reshape(near, (-1, 1, 1)), ops.reshape(far, (-1, 1, 1))
    upper = ops.take(lines, above, axis=1) * near // 2**16
    lower = ops.take(lines, below, axis=1) * far // 2**16
    return (upper + lower + 2) // 4


def _places(size: Any, side: int) -> tuple[Any, Any]:
    """Return after which place each new one lies, -1 before all, and how far.

    How far is in units of 1 / (2 * side): whole numbers are exact, and a constant that
    is no power of two would lose digits in a model of float16.
    """
    ops = import_keras().ops
    twice = 2 * np.arange(side, dtype=np.int32) + 1
    place = ops.multiply(size, twice) + side
    return place // (2 * side) - 1, place % (2 * side)


def _pairs(first: Any, rest: Any, size: Any, side: int) -> tuple[Any, Any, Any, Any]:
    """Return between which two places each new one lies, and their weights."""
    ops = import_keras().ops
    near = _rounded((2 * side - rest) * ONE, 2 * side)
    far = _rounded(rest * ONE, 2 * side)
    places = (ops.minimum(ops.maximum(one, 0), size - 1) for one in (first, first + 1))
    return (*places, near, far)


def _crop(height: Any, width: Any, side: int) -> list[Span]:
    """Return what is cut out of the centre."""
    ops = import_keras().ops
    part = ops.maximum(7 * ops.minimum(height, width) // 8, 1)
    return [Span((one - part + 1) // 2, part, 0, side) for one in (height, width)]


def _pad(height: Any, width: Any, side: int) -> list[Span]:
    """Return what of the square is not filled up."""
    ops = import_keras().ops
    spans = []
    for one, other in ((height, width), (width, height)):
        size = ops.minimum(_rounded(one * side, other), side)
        size = ops.maximum(size, 1)
        spans.append(Span(0, one, _rounded(side - size, 2), size))
    return spans


def _rounded(number: Any, divisor: Any) -> Any:
    """Return a quotient rounded as Python does: halves to the even neighbour."""
    ops = import_keras().ops
    twice, period = 2 * number + divisor, 2 * divisor
    found = twice // period
    half_to_odd = ops.logical_and(ops.equal(twice % period, 0), found % 2 > 0)
    return found - ops.cast(half_to_odd, "int32")


def _bicubic(pixels: Any, axes: tuple[Axis, Axis], spans: list[Span], side: int) -> Any:
    """Resize as Pillow does: columns first, rounded to whole pixels, then rows."""
    ops = import_keras().ops
    (down, in_rows), (across, in_columns) = (
        _weights(along, span, side) for along, span in zip(axes, spans, strict=True)
    )
    pixels = ops.cast(pixels, "float32")
    lines = _whole(ops.matmul(ops.expand_dims(across, 0), pixels))
    lines = ops.transpose(lines, (0, 2, 1, 3))  # columns become batches
    found = _whole(ops.matmul(ops.expand_dims(down, 0), lines))
    found = ops.transpose(found, (0, 2, 1, 3))
    inside = ops.reshape(ops.expand_dims(in_rows, 1) * in_columns, (side, side, 1))
    padding = np.array(PADDING, dtype=np.float32)
    return found * inside + ops.multiply(1 - inside, padding)


def _whole(values: Any) -> Any:
    ops = import_keras().ops
    return ops.clip(ops.floor(values + 0.5), 0, 255)


def _weights(along: Axis, span: Span, side: int) -> tuple[Any, Any]:
    """Return the weights of an axis' pixels, shape (side, n), and which places count.

    The kernel is Keys' cubic with a = -1/2, as wide as a new pixel where these are
    larger.
    """
    ops = import_keras().ops
    to = ops.subtract(np.arange(side, dtype=np.int32), span.to_start)
    inside = ops.cast(ops.logical_and(to >= 0, to < span.to_size), "float32")
    places = along.places - span.start
    there = ops.logical_and(places >= 0, places < span.size)
    # Twice the distance, in units of 1 / to_size: whole numbers are exact.
    distance = ops.expand_dims((2 * places + 1) * span.to_size, 0) - ops.expand_dims(
        (2 * to + 1) * span.size, -1
    )
    unit = 2 * ops.maximum(span.size, span.to_size)
    t = ops.abs(ops.cast(distance, "float32")) / ops.cast(unit, "float32")
    t = ops.minimum(t, 2.0)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((2.5 - 0.5 * t) * t - 4) * t + 2
    weights = ops.where(t < 1, near, far) * ops.cast(there, "float32")
    weights = weights * ops.expand_dims(inside, -1)
    total = ops.sum(weights, axis=-1, keepdims=True)
    return weights / ops.where(total > 0, total, 1.0), inside
