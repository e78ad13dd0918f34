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

from featx.addresses import Address, Location, as_folder
from featx.atomic import (
    atomic_file,
    atomic_folder,
    check_writable,
    json_bytes,
    remove_leftovers,
    write_atomically,
)
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.errors import ExportError
from featx.export.calibration import calibration_images
from featx.export.check import (
    Check,
    Trial,
    check,
    check_images,
    expect,
    on_photos,
    on_squares,
    read_inputs,
)
from featx.export.description import CLASSES_FILE, Description, describe
from featx.export.formats import ModelFormat, find_format
from featx.export.model import PHOTOS, build, present
from featx.export.readme import README_FILE, readme
from featx.export.settings import ExportSettings
from featx.files import read_json
from featx.frameworks import need_tensorflow
from featx.images.sources import View
from featx.locks import FolderLock
from featx.progress import SILENT, Progress
from featx.provenance import provenance
from featx.runs.find import extractors_of, find_run
from featx.runs.info import Kind
from featx.runs.run import Run
from featx.settings import with_values

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
    settings: ExportSettings | None = None,
    *,
    cache_dir: Location = "cache",
    out_dir: str | Path = "reports",
    weights: Sequence[str | Path] = (),
    trust: bool = False,
    progress: Progress = SILENT,
    **values: Any,
) -> list[ExportedModel]:
    """Write a run as models from uint8 RGB images to class probabilities.

    They land in the folder ``export`` of the run.

    Parameters
    ----------
    run : Run, str or Path
        The run, its folder, or its name in `out_dir`.
    formats : str or sequence of str
        Of ``keras``, ``savedmodel``, ``tflite`` and ``onnx``.
    settings : ExportSettings, optional
    cache_dir : str, Path or UPath
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
    values
        Settings by name, instead of those in `settings`: ``with_resize=True``,
        ``batch_size=1``.

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
    SettingsError
        A value is not allowed.

    Examples
    --------
    >>> featx.export("data-resnet50-svm", ["tflite", "onnx"], with_resize=True)
    """
    settings = with_values(settings or ExportSettings(), values, function="export")
    need_tensorflow("export")
    run = find_run(Path(out_dir), run, trust=trust)
    cache_dir = as_folder(cache_dir)
    names = [formats] if isinstance(formats, str) else formats
    wanted = [find_format(name, settings) for name in dict.fromkeys(names)]
    folder = run.path / FOLDER
    check_writable(folder)
    extractors = _find_extractors(run, [Path(path) for path in weights], cache_dir)
    with check_images(run) as images:
        model = build(run, extractors)
        views = _views(run, model)
        inputs = read_inputs(images.source, views, progress)
        expected = expect(run, images, inputs, extractors, cache_dir, progress)
        batch = settings.batch_size
        trial = on_squares(inputs, expected, batch)
        if settings.with_resize:
            trial = on_photos(model, images, inputs, views, expected, PHOTOS, batch)
        samples = None
        if settings.quantize == "int8":
            samples = calibration_images(run, views, progress)
        with _failures_named(folder):
            return _write_all(_Job(run, model, settings, trial, samples), wanted)


@dataclass(frozen=True)
class _Job:
    """What all formats are made of.

    Attributes
    ----------
    run : Run
    model : keras.Model
        Of squares, in an open batch.
    settings : ExportSettings
    trial : Trial
    samples : Mapping or None
        Images to quantise by.
    """

    run: Run
    model: "keras.Model"
    settings: ExportSettings
    trial: Trial
    samples: Mapping[str, NDArray[np.uint8]] | None


def _views(run: Run, model: "keras.Model") -> dict[str, View]:
    """Return how images are shown, by the model's inputs."""
    return {one.name: view for one, view in zip(model.inputs, run.views, strict=True)}


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


def _write_all(job: _Job, wanted: Sequence[ModelFormat]) -> list[ExportedModel]:
    """Write some formats of a model, and what there is beside them."""
    folder = job.run.path / FOLDER
    folder.mkdir(exist_ok=True)
    with FolderLock(folder / ".lock").alone() as alone:
        if not alone:
            raise ExportError(
                f"{folder}: another process is exporting there; try again later"
            )
        remove_leftovers(folder)
        plain = describe(job.run, job.model)
        write_atomically(folder / CLASSES_FILE, plain.class_lines)
        model = present(job.model, _views(job.run, job.model), job.settings)
        described = describe(job.run, model, job.settings)
        done = []
        for row in wanted:
            done.append(_write(job, row, model, described))
            entry = _entry(job.settings, row, described, done[-1])
            _write_facts(folder / FACTS_FILE, plain, entry)
    return done


def _find_extractors(
    run: Run, weights: Sequence[Path], cache_dir: Address
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


def _write(
    job: _Job, row: ModelFormat, model: "keras.Model", described: Description
) -> ExportedModel:
    """Write one format under a temporary name, check it, and rename it.

    Raises
    ------
    ExportError
        It can't be written or loaded, or predicts something else than the run.
    """
    quantize = job.settings.quantize
    how = (quantize, job.samples) if quantize else ()
    path = job.run.path / FOLDER / row.file_of(job.settings)
    whole = atomic_folder if row.folder else atomic_file
    with whole(path) as aside:
        try:
            row.write(model, aside, *how)
            row.describe(aside, described)
            found = check(path, row.open(aside), job.trial, quantize)
        except (OSError, ExportError):
            raise
        except MemoryError:
            raise ExportError(
                f"{job.run.path}: out of memory while writing it as {row.name}; use a"
                " smaller --batch-size, or a machine with more memory"
            ) from None
        except Exception as error:  # converters raise anything
            if os.strerror(errno.ENOSPC) in str(error):  # TensorFlow has its own
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            reason = shorten(reason, 200, placeholder=" ...")
            raise ExportError(
                f"{job.run.path}: can't be written as {row.name} ({reason}); choose"
                " another --format, or report this"
            ) from error
        size = _size(aside)
    return ExportedModel(row.name, path, size, found)


def _entry(
    settings: ExportSettings,
    row: ModelFormat,
    described: Description,
    done: ExportedModel,
) -> dict[str, Any]:
    """Return what `export.json` says of one file, under a name of its own."""
    return {
        f"{row.name}{settings.suffix}": {
            "format": row.name,
            "file": done.path.name,
            "bytes": done.size,
            **settings.model_dump(),
            "inputs": described.inputs,
            **provenance(("featx", *row.versions)),
            "check": asdict(done.check),
        }
    }


def _write_facts(path: Path, plain: Description, entry: Mapping[str, Any]) -> None:
    """Write `export.json`, keeping its entries for other files that are there."""
    others = {
        name: known
        for name, known in _read_formats(path).items()
        if (path.parent / known["file"]).exists()
    }
    facts = {**plain.facts, "formats": {**others, **entry}}
    write_atomically(path, json_bytes(facts))
    write_atomically(path.with_name(README_FILE), readme(facts).encode())


def _read_formats(path: Path) -> dict[str, Any]:
    """Return the formats in `export.json`; none if it is damaged."""
    try:
        formats = dict(read_json(path)["formats"])
        return {name: known for name, known in formats.items() if known["file"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())
