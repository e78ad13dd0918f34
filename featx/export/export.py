"""Export a run as a model of images that Keras, TensorFlow, LiteRT or ONNX loads.

See `docs/formats.md`. Each file is loaded again, and its predictions for the run's test
images, or for drawn ones where these are gone, are compared with the run's, before it
gets its name.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.atomic import (
    atomic_file,
    atomic_folder,
    check_writable,
    json_bytes,
    remove_leftovers,
    write_atomically,
)
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import in_float32
from featx.errors import ExportError
from featx.export.check import (
    Check,
    Expected,
    check,
    check_images,
    expect,
    read_inputs,
)
from featx.export.description import CLASSES_FILE, OUTPUT, Description, describe
from featx.export.formats import MODEL_FORMATS, ModelFormat, find_format
from featx.files import read_json
from featx.finetuning.joined_model import join
from featx.frameworks import import_keras
from featx.locks import FolderLock
from featx.progress import SILENT, Progress
from featx.provenance import provenance
from featx.runs.find import extractors_of, find_run
from featx.runs.info import Kind
from featx.runs.run import Run

if TYPE_CHECKING:
    import keras

FOLDER = "export"
FACTS_FILE = "export.json"


@dataclass(frozen=True)
class ExportedModel:
    """A file or folder that was written, and how its predictions compare.

    Attributes
    ----------
    format : str
        Its name, as `export` takes it.
    path : Path
    size : int
        Bytes.
    check : Check
        Which answers it was compared with, and the largest difference.
    """

    format: str
    path: Path
    size: int
    check: Check


def export(
    run: Run | str | Path,
    formats: str | Sequence[str] = "keras",
    *,
    cache_dir: str | Path = "cache",
    out_dir: str | Path = "reports",
    weights: Sequence[str | Path] = (),
    trust: bool = False,
    progress: Progress = SILENT,
) -> list[ExportedModel]:
    """Write a run as models from uint8 RGB images to class probabilities.

    They land in the folder ``export`` of the run.

    Parameters
    ----------
    run : Run, str or Path
        The run, its folder, or its name in `out_dir`.
    formats : str or sequence of str
        Of ``keras``, ``savedmodel``, ``tflite`` and ``onnx``.
    cache_dir : str or Path
        Folder of the embeddings cache; gets float32 embeddings of the test images if
        the head was fitted on others.
    out_dir : str or Path
        Folder of the runs.
    weights : sequence of str or Path
        Weights files that the run's embeddings were computed with.
    trust : bool
        Whether to load the head of a run of featx 0.2 or older, a pickle, which can
        run code: only if you trust its source.
    progress : Progress

    Returns
    -------
    list of ExportedModel
        One per format.

    Raises
    ------
    OSError
        The run's folder can't be written to, which is checked first.
    ExportError
        The run can't be written in a format, or the file predicts something else than
        the run; it is not kept then. Or the disk is full.
    BackboneError, CacheError, RunError
    """
    run = find_run(Path(out_dir), run, trust=trust)
    cache_dir = Path(cache_dir)
    names = [formats] if isinstance(formats, str) else formats
    wanted = [find_format(name) for name in dict.fromkeys(names)]
    folder = run.path / FOLDER
    check_writable(folder)
    extractors = _find_extractors(run, [Path(path) for path in weights], cache_dir)
    with check_images(run) as images:
        model = _build(run, extractors)
        names = [one.name for one in model.inputs]
        views = dict(zip(names, run.views, strict=True))
        inputs = read_inputs(images.source, views, progress)
        expected = expect(run, images, inputs, extractors, cache_dir, progress)
    with _failures_named(folder):
        return _write_all(run, wanted, model, inputs, expected)


@contextlib.contextmanager
def _failures_named(folder: Path) -> Iterator[None]:
    """Name the folder in the error where it can't be written to."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{folder}: can't write the model ({error.strerror or error}); fix that and"
            " export again: formats that were written before are kept"
        ) from error


def _write_all(
    run: Run,
    wanted: Sequence[ModelFormat],
    model: "keras.Model",
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
) -> list[ExportedModel]:
    """Write some formats of a model, and what there is beside them."""
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    with FolderLock(folder / ".lock").alone() as alone:
        if not alone:
            raise ExportError(
                f"{folder}: another process is exporting there; try again later"
            )
        remove_leftovers(folder)
        described = describe(run, model)
        write_atomically(folder / CLASSES_FILE, described.class_lines)
        done = []
        for row in wanted:
            done.append(_write(run, row, model, described, inputs, expected))
            _write_facts(folder / FACTS_FILE, described, done[-1])
    return done


def _find_extractors(
    run: Run, weights: Sequence[Path], cache_dir: Path
) -> list[KerasExtractor]:
    """Return the extractors of a run's head; none if the run has a model instead.

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
            " distils it into a model that can be exported"
        )
    return extractors_of(run, weights, cache_dir)


def _build(run: Run, extractors: Sequence[KerasExtractor]) -> "keras.Model":
    """Return the run as one model, its output named.

    With one input, it takes an array and not a list.
    """
    keras = import_keras()
    if extractors:
        model = join(in_float32(extractors), run.load_head().to_keras).model
    else:
        model = run.load_model()
    (output,) = model.outputs
    if model.output_names != [OUTPUT]:
        output = keras.layers.Identity(name=OUTPUT, dtype="float32")(output)
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    return keras.Model(inputs, output, name=model.name)


def _write(
    run: Run,
    row: ModelFormat,
    model: "keras.Model",
    described: Description,
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Expected,
) -> ExportedModel:
    """Write one format under a temporary name, check it, and rename it.

    Raises
    ------
    ExportError
        It can't be written or loaded, or predicts something else than the run.
    """
    path = run.path / FOLDER / row.file
    whole = atomic_folder if row.folder else atomic_file
    with whole(path) as aside:
        try:
            row.write(model, aside)
            row.describe(aside, described)
            found = check(path, row.open(aside), inputs, expected)
        except (OSError, ExportError):
            raise
        except Exception as error:  # converters raise anything
            if os.strerror(errno.ENOSPC) in str(error):  # TensorFlow has its own
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            reason = shorten(reason, 200, placeholder=" ...")
            raise ExportError(
                f"{run.path}: can't be written as {row.name} ({reason}); choose another"
                " --format, or report this"
            ) from error
        size = _size(aside)
    return ExportedModel(row.name, path, size, found)


def _write_facts(path: Path, described: Description, done: ExportedModel) -> None:
    """Write `export.json`, keeping its entries for the other formats."""
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
    facts = {**described.facts, "formats": {**others, done.format: entry}}
    write_atomically(path, json_bytes(facts))


def _read_formats(path: Path) -> dict[str, Any]:
    """Return the formats in `export.json`; none if it is damaged."""
    try:
        return dict(read_json(path)["formats"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())
