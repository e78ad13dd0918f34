"""A run as a model of images that plain Keras, TensorFlow, LiteRT or ONNX loads.

See `docs/formats.md`. What is written is loaded again and asked for the run's own test
images before it gets its name.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.atomic import ASIDE, atomic_file, atomic_folder, write_atomically
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.errors import ExportError
from featx.export.check import (
    Check,
    Expected,
    check,
    expect,
    find_test_images,
    in_float32,
    read_inputs,
)
from featx.export.formats import MODEL_FORMATS, ModelFormat, find_format
from featx.finetune.joined_model import graft
from featx.frameworks import import_keras
from featx.locks import FolderLock
from featx.progress import SILENT, Progress
from featx.provenance import provenance
from featx.runs.find import extractors_of
from featx.runs.info import Kind
from featx.runs.run import UNDECODED, Run

if TYPE_CHECKING:
    import keras

FOLDER = "export"
FACTS_FILE = "export.json"
CLASSES_FILE = "classes.txt"
FORMAT = "featx-model"
VERSION = 1


@dataclass(frozen=True)
class ExportedModel:
    """What was written where, and how near to the run it was when loaded again."""

    format: str
    path: Path
    size: int
    """Bytes."""
    check: Check


def run_model_export(
    run: Run,
    formats: Sequence[str],
    cache_dir: Path,
    *,
    weights: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> list[ExportedModel]:
    """Write a run as models from uint8 RGB images to class probabilities.

    Loading a run's head can run code: it is a pickle.

    Parameters
    ----------
    run : Run
    formats : sequence of str
        Rows of `MODEL_FORMATS`.
    cache_dir : Path
        Where embeddings in float32 go, if those that the head was fitted on are not.
    weights : sequence of Path
        Files of one's own weights that the run's embeddings were computed with.

    Raises
    ------
    ExportError
        The run can't be written in a format, or the file doesn't say what the run
        says; it is not kept then.
    BackboneError, CacheError, RunError
    """
    wanted = [find_format(name) for name in dict.fromkeys(formats)]
    source = find_test_images(run)
    extractors = _find_extractors(run, weights, cache_dir)
    expected = expect(run, source, extractors, cache_dir, progress)
    model = _build(run, extractors)
    sides = {one.name: int(one.shape[1]) for one in model.inputs}
    inputs = read_inputs(source, sides, progress)
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    with FolderLock(folder / ".lock").alone() as alone:
        if not alone:
            raise ExportError(f"{folder}: another process is exporting there now")
        for leftover in folder.glob(f"{ASIDE}*"):
            _remove(leftover)
        _write_classes(folder / CLASSES_FILE, run.classes)
        done = []
        for row in wanted:
            done.append(_write(run, row, model, inputs, expected))
            _write_facts(folder / FACTS_FILE, run, model, done[-1])
    return done


def _find_extractors(
    run: Run, weights: Sequence[Path], cache_dir: Path
) -> list[KerasExtractor]:
    """Return what belongs before a run's head; nothing if it has a model instead.

    Raises
    ------
    ExportError
        Its head has no Keras layers.
    """
    if run.info.kind is not Kind.HEAD:
        return []
    if not run.load_head().has_keras_layers:
        raise ExportError(
            f"{run.path}: {run.head} has no Keras layers; `featx finetune {run.name}`"
            " distils it into a run that can be exported"
        )
    return extractors_of(run, weights, cache_dir)


def _build(run: Run, extractors: Sequence[KerasExtractor]) -> "keras.Model":
    """Return the run as one model; of one input it takes an array, not a list."""
    model: keras.Model
    if extractors:
        model = graft(in_float32(extractors), run.load_head().to_keras).model
    else:
        model = run.load_model()
    if len(model.inputs) > 1 or not isinstance(model.input, list):
        return model
    model = import_keras().Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _write(
    run: Run,
    row: ModelFormat,
    model: "keras.Model",
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
) -> ExportedModel:
    """Write one format aside, check it, and give it its name.

    Raises
    ------
    ExportError
        It can't be written or loaded, or says something else.
    """
    path = run.path / FOLDER / row.file
    whole = atomic_folder if row.folder else atomic_file
    with whole(path) as aside:
        try:
            row.write(model, aside)
            found = check(path, row.open(aside), inputs, expected)
        except (OSError, ExportError):
            raise
        except Exception as error:  # converters raise anything
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            reason = shorten(reason, 200, placeholder=" ...")
            raise ExportError(
                f"{run.path}: can't be written as {row.name} ({reason}); choose another"
                " --format, or report it"
            ) from error
        size = _size(aside)
    return ExportedModel(row.name, path, size, found)


def _write_classes(path: Path, classes: Sequence[str]) -> None:
    """Write a line per class; `export.json` has names that are more than a line."""
    lines = [" ".join(name.splitlines()) + "\n" for name in classes]
    write_atomically(path, "".join(lines).encode("utf-8", UNDECODED))


def _write_facts(
    path: Path, run: Run, model: "keras.Model", done: ExportedModel
) -> None:
    """Write `export.json` anew, with what it says of the other formats."""
    row = MODEL_FORMATS[done.format]
    entry = {
        "file": row.file,
        "bytes": done.size,
        **provenance(("featx", *row.versions)),
        "check": asdict(done.check),
    }
    others = {
        name: known
        for name, known in _read_formats(path).items()
        if name in MODEL_FORMATS and (path.parent / MODEL_FORMATS[name].file).exists()
    }
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "run": run.name,
        "inputs": [
            {
                "name": one.name,
                "dtype": "uint8",
                "shape": [None, *one.shape[1:]],
                "image_size": one.shape[1],
                "channels": "RGB",
            }
            for one in model.inputs
        ],
        "classes": run.classes,
        "formats": {**others, done.format: entry},
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


def _read_formats(path: Path) -> dict[str, Any]:
    """Return what `export.json` says of formats; nothing where it is damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["formats"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
