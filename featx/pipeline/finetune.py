"""Stage three, whole: graft a run's head, check it, fine-tune it, write the run."""

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import Embeddings, embed
from featx.embeddings.settings import CacheSettings
from featx.errors import RecipeError, RunError
from featx.figures.augmentation import augmented_figure
from featx.figures.style import png
from featx.finetune.check import check_graft
from featx.finetune.describe import describe
from featx.finetune.finetuner import Finetuner, Material
from featx.finetune.gain import finetune_metrics
from featx.finetune.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.arrays import read_pixels
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.pipeline.command import plain_command
from featx.pipeline.recipe import Recipe, recipe_text, settings_of
from featx.progress import SILENT, Progress
from featx.provenance import fingerprint_of
from featx.runs.find import extractors_of
from featx.runs.info import Kind
from featx.runs.run import AUGMENTED_FILE, Run
from featx.runs.settings import ReportSettings
from featx.runs.write import RunContents, claim_reports, make_run
from featx.training.augmentation_layers import augmented_samples

DRAWN, DRAWN_COPIES = 5, 6
"""Images and copies of each in the picture of augmented ones."""

TENSORBOARD = "tensorboard"


def run_finetune(
    parent: Run,
    settings: FinetuneSettings,
    *,
    weights: Sequence[Path] = (),
    cache: CacheSettings = CacheSettings(),
    report: ReportSettings = ReportSettings(),
    progress: Progress = SILENT,
) -> Run:
    """Fine-tune a run's head with its backbones, and write a run of the result.

    A run whose inputs were the same is not trained again; one that was interrupted
    goes on.

    Parameters
    ----------
    parent : Run
        Of a head.
    settings : FinetuneSettings
    weights : sequence of Path
        Files of one's own weights that the run's embeddings were computed with.

    Raises
    ------
    RunError
        The run has no head, its data has changed, or the result can't be written.
    DataError, BackboneError, CacheError, HeadError, NetworkError, RecipeError
    """
    cache_dir, reports_dir = cache.folder, report.out_dir
    if parent.info.kind is not Kind.HEAD:
        raise RunError(f"{parent.path}: has no head on frozen features to start from")
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise RecipeError(
            "--tensorboard: TensorBoard is not installed; pip install tensorboard"
        )
    claim_reports(reports_dir)
    extractors = extractors_of(parent, weights, cache_dir)
    sizes = {one.image_size for one in extractors}
    if settings.augmentation.mixes and len(sizes) > 1:
        raise RecipeError(
            f"--augment {settings.augment} mixes images of one size, this run takes"
            f" {len(sizes)}; add mixup0,cutmix0"
        )
    embeddings = _embeddings(parent, extractors, cache_dir, progress)
    fingerprint = fingerprint_of(
        Kind.FINETUNE, parent.info.fingerprint, settings.model_dump(mode="json")
    )

    recipe = Recipe(
        data=_data(parent, relative=True),
        cache=cache,
        extract=settings_of(extractors),
        head=[_head_settings(parent)],
        finetune=settings,
        report=report,
    )

    def make(folder: Path) -> RunContents:
        return _finetune(
            *(parent, settings, embeddings, extractors, folder, reports_dir),
            *(cache_dir, fingerprint, progress),
            recipe,
        )

    return make_run(reports_dir, Kind.FINETUNE, fingerprint, make, progress=progress)


def _finetune(
    parent: Run,
    settings: FinetuneSettings,
    embeddings: Embeddings,
    extractors: Sequence[KerasExtractor],
    folder: Path,
    reports_dir: Path,
    cache_dir: Path,
    fingerprint: str,
    progress: Progress,
    recipe: Recipe,
) -> RunContents:
    start = time.perf_counter()
    tuner = Finetuner(
        _material(parent, embeddings, extractors, reports_dir, progress),
        settings,
        folder,
        reports_dir,
        reports_dir / TENSORBOARD / fingerprint if settings.tensorboard else None,
        progress,
    )
    between = time.perf_counter()
    graft = check_graft(tuner, cache_dir, progress)
    checked = time.perf_counter()
    choice = tuner.choose()
    chosen = time.perf_counter()
    trained = tuner.train(choice)
    fitted = time.perf_counter()
    probabilities = tuner.predict(trained, embeddings.test)
    seconds = {
        "decoding": between - start,
        "graft_check": checked - between,
        "choosing": chosen - checked,
        "fit": fitted - chosen,
        "predicting": time.perf_counter() - fitted,
    }
    images = embeddings.images
    return RunContents(
        name=f"{parent.name}-finetune",
        info={
            **describe(parent, settings, trained, embeddings),
            "timings": {name: round(value, 3) for name, value in seconds.items()},
            "command": plain_command(recipe, parent=parent.name) or "",
            "fingerprint": fingerprint,
        },
        metrics=finetune_metrics(tuner, choice, trained, graft, probabilities),
        paths=[images.paths[row] for row in embeddings.test],
        labels=images.labels[embeddings.test],
        probabilities=probabilities,
        model=trained.model,
        history=choice.history,
        pictures=_pictures(tuner),
        recipe=recipe_text(recipe),
    )


def _pictures(tuner: Finetuner) -> dict[str, bytes]:
    """Draw some training images and what they were trained as, if that is another."""
    wanted = tuner.settings.augmentation
    if not wanted.changes:
        return {}
    images = tuner.material.embeddings.images
    rows = tuner.material.embeddings.train
    rng = np.random.default_rng(tuner.settings.seed)
    chosen = rng.choice(rows, size=min(DRAWN, len(rows)), replace=False)
    pixels = tuner.material.pixels[0][chosen]
    copies = augmented_samples(wanted, pixels, DRAWN_COPIES, tuner.settings.seed)
    labels = [images.classes[code] for code in images.labels[chosen]]
    summary = f"{images.name}, {wanted.name}: {wanted.summary}"
    figure = augmented_figure(pixels, copies, labels, summary)
    return {AUGMENTED_FILE: png(figure)}


def _embeddings(
    parent: Run,
    extractors: Sequence[KerasExtractor],
    cache_dir: Path,
    progress: Progress,
) -> Embeddings:
    """Return the embeddings that the run's head was fitted on.

    Raises
    ------
    RunError
        The images or the split are others now.
    """
    data = _data(parent)
    embeddings = embed(
        read_images(data),
        [one for one in extractors if not one.flip],
        flip=any(one.flip for one in extractors),
        cache_dir=cache_dir,
        progress=progress,
    )
    if embeddings.split.fingerprint != parent.data_fingerprint:
        raise RunError(
            f"{parent.path}: {data.path} has changed since it was made; fit again"
        )
    return embeddings


def _data(parent: Run, *, relative: bool = False) -> DataSettings:
    """Return which data a run was made of, by its absolute path.

    With `relative`, by the path that was given then, if it still leads there.
    """
    info = parent.info.data
    given = info.settings or {"seed": parent.info.seed or 0}
    path = Path(given.get("path", info.root))
    if not relative or path.resolve() != Path(info.root):
        path = Path(info.root)
    return DataSettings.model_validate({**given, "path": path})


def _head_settings(parent: Run) -> HeadSettings:
    """Return the settings of a run's head.

    Raises
    ------
    RunError
        Another version of featx wrote settings that this one does not know.
    """
    fields = HeadSettings.model_fields
    given = parent.info.settings
    try:
        return HeadSettings(**{k: v for k, v in given.items() if k in fields})
    except ValidationError as error:
        raise RunError(
            f"{parent.path}: settings of another featx; fit again"
        ) from error


def _material(
    parent: Run,
    embeddings: Embeddings,
    extractors: Sequence[KerasExtractor],
    reports_dir: Path,
    progress: Progress,
) -> Material:
    """Load the head and decode the images at each size."""
    source = ImageFiles(embeddings.images.files)
    pixels = []
    for side in dict.fromkeys(one.image_size for one in extractors):
        update = progress.images(f"decoding at {side}x{side}")
        decoded = read_pixels(source, side, reports_dir, update=update)
        for row, reason in decoded.unreadable.items():
            raise RunError(f"{source.files[row]}: {reason}, and was readable before")
        pixels.append(decoded.array)
    return Material(
        embeddings,
        tuple(replace(one, precision="float32") for one in extractors),
        tuple(pixels),
        parent.load_head(),
        _head_settings(parent),
    )
