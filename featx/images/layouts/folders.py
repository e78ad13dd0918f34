"""Labels from folders: one per class, in one tree or in a tree for each split."""

from collections.abc import Collection, Iterator
from pathlib import Path

from featx.errors import DataError
from featx.images.image_set import ImageSet, shorten
from featx.images.layouts.build import (
    EXPECTED,
    build_image_set,
    check_spelling,
    left_out,
)
from featx.images.layouts.options import find_split, is_tested
from featx.images.walking import image_files, is_image, relative, subfolders


def _has_classes(folder: Path) -> bool:
    """Return whether a folder has class folders with images."""
    return any(True for f in subfolders(folder) for _ in image_files(f))


def find_split_trees(root: Path) -> dict[Path, bool | None]:
    """Return the train, validation and test trees: folder to whether it tests."""
    trees: dict[str, Path] = {}
    for folder in subfolders(root):
        split = find_split(folder.name)
        if split is None:
            continue
        if split in trees:
            raise DataError(
                f"{root}: both '{trees[split].name}' and '{folder.name}';"
                " keep one of them"
            )
        trees[split] = folder
    trees = {split: folder for split, folder in trees.items() if _is_tree(folder)}
    if "train" not in trees:
        return {}
    order = [split for split in ("train", "validation", "test") if split in trees]
    return {trees[split]: is_tested(split, trees) for split in order}


def _is_tree(folder: Path) -> bool:
    # Hugging Face: one folder of images, whose labels stand in the file.
    if (folder / "metadata.csv").is_file() and len(subfolders(folder)) < 2:
        return False
    return _has_classes(folder)


def read_trees(root: Path, trees: dict[Path, bool | None]) -> ImageSet:
    """Read train, validation and test trees of class folders."""
    samples: list[tuple[str, str, bool | None]] = []
    notes: list[str] = []
    folders: dict[str, str] = {}
    for tree, tests in trees.items():
        for path, name in _labelled(root, tree, notes):
            samples.append((path, name, tests))
            folders[name] = f"{tree.name}/{name}"
    check_spelling(root, folders)
    trained = " + ".join(f"{tree.name}/" for tree, tests in trees.items() if not tests)
    tested = "".join(f", tested on {t.name}/" for t, tests in trees.items() if tests)
    notes.extend(_unused_notes(root, trees))
    return build_image_set(
        root, samples, layout=f"class folders in {trained}{tested}", notes=notes
    )


def _unused_notes(root: Path, trees: Collection[Path]) -> Iterator[str]:
    for folder in subfolders(root):
        if folder in trees or not any(True for _ in image_files(folder)):
            continue
        if find_split(folder.name) and not _has_classes(folder):
            yield f"{folder.name}/ has no class folders and is left out"
        else:
            used = " + ".join(f"{tree.name}/" for tree in trees)
            yield f"{folder.name}/ beside {used} is left out"


def read_tree(root: Path) -> ImageSet:
    """Read one tree of class folders, perhaps in a folder called images."""
    folders = subfolders(root)
    base = root
    if [f.name.lower() for f in folders] == ["images"] and _has_classes(folders[0]):
        base = folders[0]
    notes: list[str] = []
    labelled = list(_labelled(root, base, notes))
    if not labelled and any(True for _ in image_files(root)):
        raise DataError(
            f"{root}: images, but no class folders and no labels; expected {EXPECTED}"
        )
    names = sorted({name for _, name in labelled})
    _check_meant(base, names)
    check_spelling(root, {name: name for name in names})
    where = "class folders" if base is root else f"class folders in {base.name}/"
    samples = [(path, name, None) for path, name in labelled]
    return build_image_set(root, samples, layout=where, notes=notes)


def _check_meant(base: Path, names: list[str]) -> None:
    """Refuse folders that are splits or a whole data set, not classes."""
    splits = {find_split(name) for name in names} - {None}
    if len(splits) > 1 or (splits and len(names) == 1):
        missing = "class folders" if "train" in splits else "training split"
        raise DataError(
            f"{base}: {shorten(names)}, but no {missing}; expected {EXPECTED}"
        )
    if len(names) == 1 and _has_classes(base / names[0]):
        raise DataError(
            f"{base}: only one class, '{names[0]}'; if its folders are the classes,"
            f" name {base / names[0]}"
        )


def _labelled(root: Path, tree: Path, notes: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, class) of a tree of class folders; note what has no class."""
    empty: list[str] = []
    for folder in subfolders(tree):
        found = False
        for path in image_files(folder):
            found = True
            yield relative(path, root), folder.name
        if not found:
            empty.append(relative(folder, root))
    if empty:
        notes.append(
            f"no images in {shorten(empty)}, left out; add images or remove the folder"
        )
    loose = sorted(p.name for p in tree.iterdir() if p.is_file() and is_image(p.name))
    notes += left_out("images beside the class folders have no label", loose)
