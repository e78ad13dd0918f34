"""Finding out how a folder says which image belongs to which class."""

from pathlib import Path

from featx.errors import DataError
from featx.images.image_set import ImageSet
from featx.images.layouts.csv import read_csv, read_parts
from featx.images.layouts.folders import read_tree, read_trees, split_trees
from featx.images.layouts.lists import read_lists
from featx.images.layouts.options import DataSettings, find_part


def read_images(root: Path | str, layout: DataSettings | None = None) -> ImageSet:
    """Read which images a folder holds, their labels and, if given, their split.

    Without a `layout`, in this order: ``train/`` and ``test/`` trees (in all the
    usual spellings), Hugging Face's ``metadata.csv``, ``labels.csv``, ``train.txt``
    with ``test.txt``, one tree of class folders. A validation part is tested on
    where there is no test part, else trained on. No image is opened.

    Raises
    ------
    DataError
        The folder is missing, can't be listed or holds no labelled images, a class
        is spelt in two ways, there is one class only, or a label file says something
        impossible.
    """
    root, layout = Path(root), layout or DataSettings()
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}; name the folder that holds the images")
    if layout.train_list or layout.test_list:
        return read_lists(root, layout)
    if layout.labels:
        return read_csv(root, layout)
    trees = split_trees(root)
    if trees:
        return read_trees(root, trees)
    detected = _detect(root, layout)
    return detected if detected is not None else read_tree(root)


def _detect(root: Path, layout: DataSettings) -> ImageSet | None:
    """Read the label files that lie in the folder under their usual names."""
    if (root / "metadata.csv").is_file():
        return read_csv(
            root, layout.model_copy(update={"labels": root / "metadata.csv"})
        )
    parts = [file.parent for file in sorted(root.glob("*/metadata.csv"))]
    parts = [part for part in parts if find_part(part.name)]
    if parts:
        return read_parts(root, parts, layout)
    if (root / "labels.csv").is_file():
        return read_csv(root, layout.model_copy(update={"labels": root / "labels.csv"}))
    if (root / "train.txt").is_file() and (root / "test.txt").is_file():
        train_list, test_list = root / "train.txt", root / "test.txt"
        lists = layout.model_copy(
            update={"train_list": train_list, "test_list": test_list}
        )
        return read_lists(root, lists)
    return None
