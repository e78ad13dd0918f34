"""Parquet shards as Hugging Face's `datasets` writes them, read as class folders."""

import contextlib
import errno
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from featx.addresses import Address
from featx.errors import DataError, first_line
from featx.images.formats import is_image
from featx.images.layouts.splits import find_part

SUFFIX = ".parquet"

IMAGE_COLUMNS = ("image", "img", "picture", "photo")
LABEL_COLUMNS = ("label", "labels", "class", "category", "species", "target")

UNLABELLED = "unlabelled"
"""Folder of the images that have no label, which Hugging Face marks by -1."""

KEPT_BYTES = 2**27
"""Of images whose row groups stay in memory."""


class _Columns(NamedTuple):
    """Which columns hold what."""

    image: str
    label: str
    names: list[str] | None
    """Of the classes, where labels are numbers of a `ClassLabel`."""
    is_struct: bool
    """Whether an image is a struct of bytes and path, not just bytes."""


class ShardMembers:
    """The images in some Parquet files.

    Each is a file of a class folder, in a folder of its split where the names of the
    shards say which: ``train/cat/00000-0000012.jpg`` is row 12 of the first shard.

    Parameters
    ----------
    files : sequence of Path or UPath

    Raises
    ------
    DataError
        A file is damaged, or has no column of images or of labels.
    """

    notes = ()

    def __init__(self, files: Sequence[Address]) -> None:
        self._files = list(files)
        self._lock = threading.Lock()
        self._places: dict[str, tuple[int, int, int]] = {}
        self._labels: dict[str, str] = {}
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()
        splits = [_split_of(path) for path in self._files]
        prefixes = splits if len(set(splits)) > 1 and all(splits) else [""] * len(files)
        self._columns: list[_Columns] = []
        for number, (path, prefix) in enumerate(
            zip(self._files, prefixes, strict=True)
        ):
            with _naming(path), _open(path) as shard:
                self._columns.append(_find_columns(shard, path))
                self._list(number, shard, prefix)
        self.sizes = dict.fromkeys(self._places, 0)

    def _list(self, number: int, shard: Any, prefix: str) -> None:
        columns = self._columns[number]
        row = 0
        for group in range(shard.num_row_groups):
            wanted = [columns.label]
            wanted += [f"{columns.image}.path"] if columns.is_struct else []
            table = shard.read_row_group(group, columns=wanted)
            labels = table.column(columns.label).to_pylist()
            paths = (
                [one["path"] for one in table.column(columns.image).to_pylist()]
                if columns.is_struct
                else [None] * len(labels)
            )
            for place, (label, path) in enumerate(zip(labels, paths, strict=True)):
                folder = self._folder_of(_class_name(label, columns.names))
                name = f"{number:05}-{row:07}{_suffix(path)}"
                whole = "/".join(part for part in (prefix, folder, name) if part)
                self._places[whole] = (number, group, place)
                row += 1

    def _folder_of(self, label: str) -> str:
        """Return a label as a name that a folder can have."""
        folder = label.replace("/", "-")
        if self._labels.setdefault(folder, label) != label:
            raise DataError(
                f"the classes '{label}' and '{self._labels[folder]}' would share a"
                " folder; rename one of them"
            )
        return folder

    def read(self, name: str) -> bytes:
        """Return the bytes of an image; its row group is read if it isn't kept."""
        number, group, place = self._places[name]
        content = self._group(number, group)[place].as_py()
        if content is None:
            raise OSError(errno.EIO, "no bytes in the shard, only a path")
        found: bytes = content
        return found

    def _group(self, number: int, group: int) -> Any:
        """Return the bytes of all images in a row group."""
        with self._lock:
            if (number, group) not in self._kept:
                self._kept[number, group] = self._read_group(number, group)
                while len(self._kept) > 2 and self._kept_bytes() > KEPT_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end((number, group))
            return self._kept[number, group]

    def _kept_bytes(self) -> int:
        return sum(one.nbytes for one in self._kept.values())

    def _read_group(self, number: int, group: int) -> Any:
        from pyarrow import ArrowException

        columns = self._columns[number]
        wanted = f"{columns.image}.bytes" if columns.is_struct else columns.image
        try:
            with _open(self._files[number]) as shard:
                table = shard.read_row_group(group, columns=[wanted])
        except (ArrowException, OSError) as error:
            reason = f"damaged in the shard ({first_line(error)})"
            raise OSError(errno.EIO, reason) from error
        column = table.column(columns.image).combine_chunks()
        return column.field("bytes") if columns.is_struct else column


@contextlib.contextmanager
def _open(path: Address) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with path.open("rb") as stream:
        yield ParquetFile(stream)


@contextlib.contextmanager
def _naming(path: Address) -> Iterator[None]:
    """Turn what pyarrow raises about a file into DataError."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise DataError(
            f"{path}: damaged ({first_line(error)}); download it again"
        ) from error


def _split_of(path: Address) -> str:
    """Return the split that a shard's name says, as ``train-00000-of-00002``."""
    part = find_part(path.name.removesuffix(SUFFIX).split("-")[0])
    return part[0] if part else ""


def _image_column(shard: Any) -> str | None:
    """Return the column of images: a struct with bytes, or bytes of such a name."""
    import pyarrow as pa

    types = {field.name: field.type for field in shard.schema_arrow}
    structs = [
        name
        for name, kind in types.items()
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    ]
    plain = [
        name
        for name, kind in types.items()
        if name in IMAGE_COLUMNS
        and (pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
    ]
    return next(iter([*structs, *plain]), None)


def _find_columns(shard: Any, path: Address) -> _Columns:
    import pyarrow as pa

    image = _image_column(shard)
    names = list(shard.schema_arrow.names)
    if image is None:
        raise DataError(f"{path}: no column of images among {', '.join(names)}")
    features = _features(shard)
    of_classes = [
        name
        for name, one in features.items()
        if isinstance(one, dict) and one.get("_type") == "ClassLabel"
    ]
    by_name = [name for name in LABEL_COLUMNS if name in names]
    label = next(iter([*of_classes, *by_name]), None)
    if label is None:
        raise DataError(
            f"{path}: no column of labels among {', '.join(names)}; expected one called"
            f" {', '.join(LABEL_COLUMNS[:3])}, or one of the type ClassLabel"
        )
    kind = shard.schema_arrow.field(image).type
    return _Columns(
        image,
        label,
        features.get(label, {}).get("names") if label in of_classes else None,
        pa.types.is_struct(kind),
    )


def _features(shard: Any) -> dict[str, Any]:
    """Return what `datasets` wrote about the columns; nothing if it didn't."""
    written = (shard.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(written).get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_name(label: Any, names: list[str] | None) -> str:
    """Return the name of the class that a label means."""
    if label is None or label == -1:
        return UNLABELLED
    if names is not None and isinstance(label, int) and 0 <= label < len(names):
        label = names[label]
    return str(label) or UNLABELLED


def _suffix(path: str | None) -> str:
    """Return the ending of an image's own name; decoding goes by the content."""
    name = PurePosixPath(path or "")
    return name.suffix.lower() if is_image(name.name) else ".jpg"


def shard_names(names: Sequence[str]) -> Iterator[str]:
    """Yield those names of files that are Parquet shards of one data set.

    They lie beside each other, in the data folder itself or in its folder ``data``.
    """
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder in {"", "data"} and file.endswith(SUFFIX):
            yield name


def shards_in(folder: Path) -> list[Path]:
    """Return the Parquet shards of a data set in a folder of this machine."""
    return sorted([*folder.glob(f"*{SUFFIX}"), *folder.glob(f"data/*{SUFFIX}")])
