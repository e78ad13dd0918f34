"""Labels from list files: a `class/file` line for each image."""

from featx.addresses import Address
from featx.errors import DataError
from featx.images.image_set import ImageSet
from featx.images.layouts.build import Labelled, build_image_set, left_out
from featx.images.layouts.csv import find_file
from featx.images.layouts.file_index import FileIndex, plain_path
from featx.images.layouts.options import DataSettings
from featx.images.layouts.table import read_text


def read_lists(root: Address, layout: DataSettings) -> ImageSet:
    """Read `class/file` lines of a training and a test list.

    Raises
    ------
    DataError
        One of the lists is missing, a line names no class, an image is on both
        lists, a class is spelt in two ways, or no line of a list matches a file.
    """
    if layout.train_list is None or layout.test_list is None:
        raise DataError("--train-list and --test-list go together; give both")
    index = FileIndex(root)
    notes: list[str] = []
    trained = _read_list(find_file(root, layout.train_list), root, index, notes)
    test_list = find_file(root, layout.test_list)
    tested = _read_list(test_list, root, index, notes)
    both = sorted(set(trained) & set(tested))
    if both:
        raise DataError(
            f"{test_list}: '{both[0]}' is on the training list as well;"
            " an image can't be on both"
        )
    names = f"{layout.train_list.name} + {layout.test_list.name}"
    unlisted = sorted(set(index.paths) - set(trained) - set(tested))
    notes += left_out("images are on neither list", unlisted)
    labelled = [
        Labelled(file, label, split)
        for split, labels in (("train", trained), ("test", tested))
        for file, label in labels.items()
    ]
    return build_image_set(root, labelled, layout=f"lists {names}", notes=notes)


def _read_list(
    path: Address, root: Address, index: FileIndex, notes: list[str]
) -> dict[str, str]:
    """Return file to class; note the lines that match no file."""
    stripped = (line.strip() for line in read_text(path).split("\n"))
    lines = [line for line in stripped if line and not line.startswith("#")]
    if not lines:
        raise DataError(f"{path}: no lines; expected class/file on each")
    above = index.place(lines)
    if above:
        notes.append(f"paths in {path.name} are read without '{above}/'")
    labels: dict[str, str] = {}
    missing: list[str] = []
    for line in lines:
        file = index.find(line, path)
        if file is None:
            missing.append(line)
        else:
            labels[file] = _class_of(line, path)
    if not labels:
        raise DataError(
            f"{path}: none of its {len(lines)} lines matches a file below {root}"
            f" (first: '{missing[0]}'); expected class/file{index.nearest(missing[0])}"
        )
    notes += left_out(f"lines of {path.name} match no file", missing)
    return labels


def _class_of(line: str, path: Address) -> str:
    parts = plain_path(line).parts
    if len(parts) < 2:
        raise DataError(f"{path}: '{line}' names no class; expected class/file")
    return parts[-2]
