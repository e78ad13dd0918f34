"""Reading a data folder: detect its layout, then the labels and the split."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from featx.addresses import Address, Location
from featx.errors import DataError
from featx.formulas import formula_notes
from featx.images.depth import dark_notes
from featx.images.image_set import ImageSet
from featx.images.layouts.csv import read_csv, read_splits
from featx.images.layouts.folders import find_split_trees, read_tree, read_trees
from featx.images.layouts.lists import read_lists
from featx.images.layouts.options import DataSettings
from featx.images.layouts.splits import find_split
from featx.images.layouts.table import UnfitError
from featx.images.packed.archives import is_archive
from featx.images.packed.find import data_path, is_packed, packed_notes
from featx.images.walking import image_files, is_hidden, unread_files
from featx.settings import with_values

LOGGER = logging.getLogger(__name__)


def read_images(data: Location | DataSettings = "data", **settings: Any) -> ImageSet:
    """Read which images a folder holds, their labels and, if given, their split.

    Unless the settings say which, these are looked for in this order: ``train/`` and
    ``test/`` trees (in all the usual spellings), Hugging Face's ``metadata.csv``,
    ``labels.csv``, ``train.txt`` with ``test.txt``, one tree of class folders. A
    validation split is for testing where there is no test split, else for training. No
    image is opened, but for a few that may have 16 bits a pixel.

    Parameters
    ----------
    data : str, Path, UPath or DataSettings
        The data folder, an archive or address of it, or all the settings.
    settings
        The other fields of `DataSettings`: ``labels``, ``path_column``,
        ``label_column``, ``train_list``, ``test_list``, ``test_size`` and ``seed``.

    Raises
    ------
    SettingsError
        A setting is invalid.
    DataError
        The folder is missing, can't be listed or holds no labelled images; a class is
        spelt in two ways; there is only one class; or a label file contradicts itself.

    Examples
    --------
    >>> images = read_images("photos", labels="labels.csv", test_size=0.3)
    >>> images.train.files, images.train.labels
    """
    start = (
        data if isinstance(data, DataSettings) else DataSettings(path=data_path(data))
    )
    given = with_values(start, settings, function="read_images")
    try:
        images = _read(_inner_root(given.path), given)
    except DataError as error:
        raise _explain(error, given.path) from error
    LOGGER.debug("%s: %d images, %s", given.path, len(images), images.layout)
    return replace(
        images,
        notes=(
            *images.notes,
            *packed_notes(given.path),
            *unread_files(given.path),
            *dark_notes(images.root, images.paths),
            *formula_notes([*images.classes, *images.paths]),
        ),
        test_size=given.test_size,
        seed=given.seed,
    )


def _explain(error: DataError, root: Address) -> DataError:
    """Return what is wrong where all images are of formats that can't be read."""
    if not root.is_dir() or any(True for _ in image_files(root)):
        return error
    unread = unread_files(root)
    return DataError(f"{root}: no images but {unread[0]}") if unread else error


def _inner_root(root: Address) -> Address:
    """Return the single folder that an archive holds, where it isn't a split."""
    while is_packed(root) and root.is_dir():
        there = [p for p in root.iterdir() if not is_hidden(p.name)]
        if len(there) != 1 or not there[0].is_dir() or find_split(there[0].name):
            break
        root = there[0]
    return root


def _why_no_folder(root: Address) -> str:
    if root.exists():
        return "is a file, not a folder; name the folder that holds the images"
    if is_archive(root.name):
        return "no such file; name the archive, or the folder that holds the images"
    if root == DataSettings().path:
        return (
            f"no such folder; put images into {root}/<class>/, or name the folder that"
            " holds them"
        )
    return "no such folder; name the folder that holds the images"


def _read(root: Address, settings: DataSettings) -> ImageSet:
    if not root.is_dir():
        raise DataError(f"{root}: {_why_no_folder(root)}")
    if settings.train_list or settings.test_list:
        return read_lists(root, settings)
    if settings.labels:
        return read_csv(root, settings)
    trees = find_split_trees(root)
    if trees is not None:
        return read_trees(root, trees)
    unfit: list[UnfitError] = []
    for read in _find_label_files(root, settings):
        try:
            images = read()
            _check_labels_most(root, images)
            return images
        except UnfitError as error:
            if settings.path_column or settings.label_column:
                raise
            unfit.append(error)
    return _read_folders(root, unfit)


def _read_folders(root: Address, unfit: Sequence[UnfitError]) -> ImageSet:
    """Read class folders, in spite of label files that don't fit the images."""
    try:
        images = read_tree(root)
    except DataError:
        if unfit:
            raise unfit[0] from None
        raise
    said = [f"labels are those of the folders, for {error}" for error in unfit]
    return replace(images, notes=(*said, *images.notes))


def _check_labels_most(root: Address, images: ImageSet) -> None:
    """Refuse a file found in the folder that says less than the class folders do.

    Numbers of classes, say, may be the names of a few images as well.
    """
    if 2 * len(images) >= sum(1 for _ in image_files(root)):
        return
    try:
        folders = read_tree(root)
    except DataError:
        return
    if len(folders) > len(images):
        raise UnfitError(
            f"{root}: {len(images)} images have {images.layout}, {len(folders)} are in"
            " class folders; to use the file, name it with --labels"
        )


def _find_label_files(
    root: Address, settings: DataSettings
) -> Iterator[Callable[[], ImageSet]]:
    """Find label files in the folder that have the usual names."""

    def found(**files: str) -> DataSettings:
        paths = {name: root / file for name, file in files.items()}
        return settings.model_copy(update=paths)

    if (root / "metadata.csv").is_file():
        yield partial(read_csv, root, found(labels="metadata.csv"))
    described: list[Address] = [file.parent for file in root.glob("*/metadata.csv")]
    splits = sorted(folder for folder in described if find_split(folder.name))
    if splits:
        yield partial(read_splits, root, splits, settings)
    if (root / "labels.csv").is_file():
        yield partial(read_csv, root, found(labels="labels.csv"))
    if (root / "train.txt").is_file() and (root / "test.txt").is_file():
        yield partial(
            read_lists, root, found(train_list="train.txt", test_list="test.txt")
        )
