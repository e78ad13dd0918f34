"""Labels from folders: one per class, in one tree or in a tree for each split."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from featx.addresses import Address
from featx.errors import DataError, nearest
from featx.images.formats import is_image
from featx.images.image_set import ImageSet, shorten
from featx.images.layouts.build import (
    EXPECTED,
    Labelled,
    build_image_set,
    left_out,
    unlabelled_note,
)
from featx.images.layouts.classes import spelling_of
from featx.images.layouts.splits import (
    UNLABELLED_NAMES,
    find_part,
    find_split,
    is_tested,
)
from featx.images.walking import holds_own, image_files, relative, subfolders


@dataclass
class SplitTrees:
    """The trees of class folders of a data folder.

    Attributes
    ----------
    trees : dict of str to Path or UPath
        Split to the folder that holds its class folders, train first.
    unlabelled : list of Path or UPath
        Folders whose images have no label.
    parts : list of Path or UPath
        The folders in the data folder that the others lie in.
    """

    trees: dict[str, Address]
    unlabelled: list[Address] = field(default_factory=list)
    parts: list[Address] = field(default_factory=list)


def find_split_trees(root: Address) -> SplitTrees | None:
    """Find train, validation and test trees, and what lies beside them unlabelled.

    Returns
    -------
    SplitTrees or None
        None where there is no training tree.

    Raises
    ------
    DataError
        Two folders could be the same split.
    """
    parts = _find_parts(root)
    if "train" not in parts or not _is_tree(parts["train"]):
        return None
    train = _class_level(parts["train"], None)
    known = {spelling_of(folder.name) for folder in _class_folders(train)}
    found = SplitTrees({"train": train}, parts=list(parts.values()))
    for split in ("validation", "test", "unlabelled"):
        part = parts.get(split)
        if part is None:
            continue
        tree = _class_level(part, known)
        unlabelled = _unlabelled(
            tree, {folder.name for folder in _class_folders(train)}
        )
        if split == "unlabelled" or len(unlabelled) == len(_class_folders(tree)):
            found.unlabelled.append(part)
        else:
            found.trees[split] = tree
            found.unlabelled += unlabelled
    return found


def _find_parts(root: Address) -> dict[str, Address]:
    """Return split to folder, for folders whose names say which split they are.

    All folders are splits, or those that share the rest of their name: ``seg`` in
    ``seg_train`` and ``seg_test``.
    """
    folders = [f for f in subfolders(root) if any(True for _ in image_files(f))]
    named = [(folder, *part) for folder in folders if (part := find_part(folder.name))]
    by_rest: dict[str, list[tuple[str, Address]]] = {}
    for folder, split, rest in named:
        by_rest.setdefault(rest, []).append((split, folder))
    whole = [(split, folder) for folder, split, _ in named]
    if len(named) == len(folders) and len(dict(whole)) == len(whole):
        return dict(whole)
    groups = [g for g in by_rest.values() if "train" in dict(g) and len(g) > 1]
    if "train" in dict(by_rest.get("", ())):
        groups = [by_rest[""]]
    if len(groups) > 1:
        raise _same_split(root, *(dict(group)["train"] for group in groups[:2]))
    chosen = dict(groups[0]) if groups else {}
    for split, folder in groups[0] if groups else ():
        if chosen[split] != folder:
            raise _same_split(root, folder, chosen[split])
    return chosen


def _same_split(root: Address, one: Address, other: Address) -> DataError:
    return DataError(f"{root}: both '{one.name}' and '{other.name}'; keep one of them")


def _class_folders(tree: Address) -> list[Address]:
    """Return the folders in a tree that hold images, at any depth."""
    return [f for f in subfolders(tree) if any(True for _ in image_files(f))]


def _class_level(part: Address, known: Collection[str] | None) -> Address:
    """Go down through single folders to the one that holds the class folders.

    Parameters
    ----------
    known : collection of str or None
        How the classes of the training split are spelt, if they are known.
    """
    while True:
        folders = _class_folders(part)
        if len(folders) != 1 or _loose_images(part):
            return part
        names = [spelling_of(folder.name) for folder in _class_folders(folders[0])]
        deeper = len(names) > 1 if known is None else any(n in known for n in names)
        if not deeper or (known and spelling_of(folders[0].name) in known):
            return part
        part = folders[0]


def _unlabelled(tree: Address, trained: Collection[str]) -> list[Address]:
    """Return the folders in a test tree that are no classes."""
    known = {spelling_of(name) for name in trained}
    folders = _class_folders(tree)
    unknown = [f for f in folders if spelling_of(f.name) not in known]
    if len(folders) == 1 and unknown:
        (folder,) = unknown
        if find_part(folder.name) or not nearest(folder.name, trained):
            return unknown
    return [f for f in unknown if spelling_of(f.name) in UNLABELLED]


UNLABELLED = {spelling_of(name) for name in UNLABELLED_NAMES}


def _is_tree(folder: Address) -> bool:
    # Hugging Face: one folder of images, whose labels stand in the file.
    if (folder / "metadata.csv").is_file() and len(subfolders(folder)) < 2:
        return False
    return bool(_class_folders(folder))


def read_trees(root: Address, found: SplitTrees) -> ImageSet:
    """Read train, validation and test trees of class folders."""
    notes: list[str] = []
    labelled = [
        Labelled(path, name, split)
        for split, tree in found.trees.items()
        for path, name in _labelled(root, tree, notes, without=found.unlabelled)
    ]
    shown: dict[str | None, str] = {
        split: f"{relative(tree, root)}/" for split, tree in found.trees.items()
    }
    tests = {split: is_tested(split, shown) for split in shown}
    trained = " + ".join(text for split, text in shown.items() if not tests[split])
    tested = "".join(f", tested on {t}" for split, t in shown.items() if tests[split])
    notes.extend(_unused_notes(root, found))
    return build_image_set(
        root,
        labelled,
        layout=f"class folders in {trained}{tested}",
        notes=notes,
        folders=shown,
    )


def _unused_notes(root: Address, found: SplitTrees) -> Iterator[str]:
    for folder in found.unlabelled:
        count = sum(1 for _ in image_files(folder))
        where = f"images in {relative(folder, root)}/ have no label"
        yield unlabelled_note(count, where, folder)
    for folder in _class_folders(root):
        if folder not in found.parts:
            used = " + ".join(f"{part.name}/" for part in found.parts)
            yield f"{folder.name}/ beside {used} is left out"


def read_tree(root: Address) -> ImageSet:
    """Read one tree of class folders, perhaps in a folder called images."""
    folders = subfolders(root)
    base = root
    if [f.name.lower() for f in folders] == ["images"] and _class_folders(folders[0]):
        base = folders[0]
    notes: list[str] = []
    labelled = [Labelled(path, name) for path, name in _labelled(root, base, notes)]
    if not labelled and any(True for _ in image_files(root)):
        raise DataError(
            f"{root}: images, but no class folders and no labels; expected {EXPECTED}"
        )
    _check_meant(base, sorted({name for _, name, _ in labelled}))
    notes += _nested_notes(base, [path for path, *_ in labelled], root)
    where = "class folders" if base is root else f"class folders in {base.name}/"
    return build_image_set(root, labelled, layout=where, notes=notes)


def _nested_notes(base: Address, files: Iterable[str], root: Address) -> Iterator[str]:
    """Yield a note for each class of folders only, where others hold their images.

    It may be a data set of its own, which was put among the classes.
    """
    inner: dict[str, set[str]] = {}
    for file in files:
        name, *between, _ = relative(root / file, base).split("/")
        inner.setdefault(name, set()).add(between[0] if between else "")
    if not any("" in folders for folders in inner.values()):
        return
    for name, folders in inner.items():
        if len(folders) > 1 and "" not in folders:
            yield (
                f"all images in the {len(folders)} folders of {name}/ are of the class"
                f" '{name}'; name {base / name} if they are classes"
            )


def _check_meant(base: Address, names: list[str]) -> None:
    """Refuse folders that are splits or a whole data set, not classes."""
    splits = {find_split(name) for name in names} - {None}
    rests = [part[1] for name in names if (part := find_part(name))]
    if len(set(rests)) < len(rests) or len(splits) > 1 or (splits and len(names) == 1):
        known = [part[0] for name in names if (part := find_part(name))]
        missing = "class folders" if "train" in known else "training split"
        raise DataError(
            f"{base}: {shorten(names)}, but no {missing}; expected {EXPECTED}"
        )
    if len(names) == 1 and _class_folders(base / names[0]):
        raise DataError(
            f"{base}: only one class, '{names[0]}'; if its folders are the classes,"
            f" name {base / names[0]}"
        )


def _labelled(
    root: Address, tree: Address, notes: list[str], *, without: Collection[Address] = ()
) -> Iterator[tuple[str, str]]:
    """Yield (path, class) of a tree of class folders; note what has no class."""
    empty: list[str] = []
    for folder in subfolders(tree):
        found = folder in without
        for path in () if found else image_files(folder):
            found = True
            yield relative(path, root), folder.name
        if not found and not holds_own(folder):
            empty.append(relative(folder, root))
    if empty:
        notes.append(
            f"no images in {shorten(empty)}, left out; add images or remove the folder"
        )
    loose = _loose_images(tree)
    notes += left_out("images beside the class folders have no label", loose)


def _loose_images(tree: Address) -> list[str]:
    return sorted(p.name for p in tree.iterdir() if p.is_file() and is_image(p.name))
