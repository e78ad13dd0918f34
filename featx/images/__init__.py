"""Image folders: which files, which labels, which split, which pixels."""

from featx.images.decoding import (
    MAX_PIXELS,
    PIXELS_VERSION,
    decode,
    decode_full,
    mirror,
    resize,
)
from featx.images.digests import Digests, digest_files
from featx.images.folds import hold_out, keep_classes, stratified_folds
from featx.images.image_set import ImageSet
from featx.images.inspection import Inspection, inspect_images
from featx.images.layouts import DataLayout
from featx.images.reading import read_images
from featx.images.splits import split_images

__all__ = [
    "MAX_PIXELS",
    "PIXELS_VERSION",
    "DataLayout",
    "Digests",
    "ImageSet",
    "Inspection",
    "decode",
    "decode_full",
    "digest_files",
    "hold_out",
    "inspect_images",
    "keep_classes",
    "mirror",
    "read_images",
    "resize",
    "split_images",
    "stratified_folds",
]
