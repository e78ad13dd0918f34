"""The rows that heads are fitted on, in one file for other tools.

See `docs/formats.md`. Each format is read by its own library alone, without featx.
"""

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from featx.embeddings.cache.hdf5_stream import hdf5_file
from featx.embeddings.dataset import Embeddings
from featx.errors import CacheError

FORMAT = "featx-export"
VERSION = 1

BLOCK_BYTES = 1 << 25
"""Rows are handed to the file in blocks of about this size."""

VIEWS = ("embedding", "mirrored")


def find_writer(out: Path) -> Callable[[Path, Embeddings], None]:
    """Return what writes the format of a suffix.

    Raises
    ------
    CacheError
        The suffix is unknown, or the path is a folder.
    """
    write = WRITERS.get(out.suffix.lower())
    if write is None:
        known = ", ".join(WRITERS)
        raise CacheError(f"--out {out}: unknown suffix; use one of {known}")
    if out.is_dir():
        raise CacheError(f"--out {out}: a folder; name a file")
    return write


def write_hdf5(path: Path, embeddings: Embeddings) -> None:
    """Write datasets by name, with checksums; facts are attributes of the file."""
    import h5py

    texts = h5py.string_dtype("utf-8")
    with hdf5_file(path) as file:
        facts = _facts(embeddings)
        classes = facts.pop("classes")
        file.attrs.update({**facts, "specs": json.dumps(facts["specs"])})
        file.create_dataset("classes", data=classes, dtype=texts)
        for name, column in _columns(embeddings).items():
            kind = texts if isinstance(column, list) else None
            file.create_dataset(name, data=column, dtype=kind)
        for number, name in enumerate(_view_names(embeddings)):
            shape = embeddings.views[:, number].shape
            dataset = file.create_dataset(
                name, shape, np.float32, chunks=True, fletcher32=True
            )
            for rows in _blocks(embeddings):
                dataset[rows] = embeddings.views[rows, number]


def write_npz(path: Path, embeddings: Embeddings) -> None:
    """Write plain arrays: texts are arrays of characters, nothing is pickled."""
    facts = _facts(embeddings)
    facts["specs"] = json.dumps(facts["specs"])
    arrays: dict[str, Any] = {
        name: embeddings.views[:, number]
        for number, name in enumerate(_view_names(embeddings))
    }
    for name, value in {**_columns(embeddings), **facts}.items():
        arrays[name] = np.asarray(value)
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def write_parquet(path: Path, embeddings: Embeddings) -> None:
    """Write a row per image; facts are JSON in the schema's metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    width = embeddings.views.shape[2]
    facts = _facts(embeddings)
    classes = pa.array(facts["classes"])
    columns = _columns(embeddings)
    schema = pa.schema(
        [
            *[(k, pa.list_(pa.float32(), width)) for k in _view_names(embeddings)],
            ("label", pa.int64()),
            ("class", pa.dictionary(pa.int64(), pa.string())),
            ("path", pa.string()),
            ("split", pa.string()),
            ("digest", pa.binary(32)),
        ],
        metadata={"featx": json.dumps(facts)},
    )
    # Floats hardly repeat: a dictionary of them would only take time and space.
    named = ["class", "split"]
    with parquet.ParquetWriter(path, schema, use_dictionary=named) as writer:
        for rows in _blocks(embeddings):
            views = [
                pa.FixedSizeListArray.from_arrays(
                    pa.array(np.ascontiguousarray(embeddings.views[rows, i]).ravel()),
                    width,
                )
                for i in range(embeddings.views.shape[1])
            ]
            label = pa.array(columns["label"][rows])
            others = [
                label,
                pa.DictionaryArray.from_arrays(label, classes),
                pa.array(columns["path"][rows]),
                pa.array(columns["split"][rows]),
                pa.array(
                    [bytes(key) for key in columns["digest"][rows]], pa.binary(32)
                ),
            ]
            writer.write_batch(pa.record_batch([*views, *others], schema=schema))


WRITERS: dict[str, Callable[[Path, Embeddings], None]] = {
    ".h5": write_hdf5,
    ".hdf5": write_hdf5,
    ".npz": write_npz,
    ".parquet": write_parquet,
}


def _facts(embeddings: Embeddings) -> dict[str, Any]:
    """Return what holds for the whole file."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "featx": version("featx"),
        "data": _text(embeddings.images.name),
        "fingerprint": embeddings.split.fingerprint,
        "specs": [spec.as_dict() for spec in embeddings.specs],
        "classes": list(embeddings.images.classes),
    }


def _columns(embeddings: Embeddings) -> dict[str, Any]:
    """Return what there is of each image beside its embedding."""
    images = embeddings.images
    return {
        "label": images.labels,
        "path": [_text(path) for path in images.paths],
        "split": ["test" if tested else "train" for tested in embeddings.split.is_test],
        "digest": embeddings.split.keys,
    }


def _view_names(embeddings: Embeddings) -> tuple[str, ...]:
    return VIEWS[: embeddings.views.shape[1]]


def _blocks(embeddings: Embeddings) -> Iterator[slice]:
    """Yield rows in blocks: strided views are copied, but never all at once."""
    step = max(1, BLOCK_BYTES // max(1, embeddings.views[:1].nbytes))
    for start in range(0, len(embeddings.views), step):
        yield slice(start, start + step)


def _text(name: str) -> str:
    """Return a name as UTF-8 can hold it; odd bytes of a file's name are spelt out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
