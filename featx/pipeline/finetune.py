"""Stage three: join a run's head with its backbones, fine-tune them, write the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from featx.addresses import Location, as_folder
from featx.embeddings.backbones.extractor import Extractor, KerasExtractor
from featx.embeddings.dataset import Embeddings, embed, in_float32
from featx.embeddings.settings import CacheSettings
from featx.errors import RecipeError, RunError
from featx.finetuning.check import check_joined_model
from featx.finetuning.choice import Choice
from featx.finetuning.finetuner import Finetuner
from featx.finetuning.gain import finetune_metrics
from featx.finetuning.inputs import StartingPoint
from featx.finetuning.joined_model import (
    JoinedModel,
    build_backbones,
    check_unfreeze,
)
from featx.finetuning.settings import FinetuneSettings
from featx.frameworks import need_tensorflow
from featx.heads.base import Head
from featx.heads.settings import HeadSettings
from featx.images.arrays import read_views
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.pipeline.contents import (
    TENSORBOARD,
    augmented_pictures,
    check_tensorboard,
    run_contents,
)
from featx.pipeline.recipe import Recipe, settings_of
from featx.progress import SILENT, Progress, timed
from featx.provenance import fingerprint_of
from featx.runs.data import data_of, of_another_version
from featx.runs.find import extractors_of, find_run
from featx.runs.info import Kind
from featx.runs.run import Run
from featx.runs.settings import ReportSettings
from featx.runs.write import RunContents, claim_reports, find_fitted, make_run
from featx.settings import with_values
from featx.training.repeats import spread


def run_finetune(
    parent: Run,
    settings: FinetuneSettings,
    *,
    cache: CacheSettings = CacheSettings(),
    report: ReportSettings = ReportSettings(),
    weights: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> Run:
    """Fine-tune a run's head with its backbones, and write a run of the result.

    A run with the same inputs is not made again; an interrupted one goes on.

    Parameters
    ----------
    parent : Run
        Of a head.
    settings : FinetuneSettings
    cache : CacheSettings
    report : ReportSettings
    weights : sequence of Path
        Weights files that the run's embeddings were computed with.
    progress : Progress

    Returns
    -------
    Run

    Raises
    ------
    RunError
        The run has no head, its data has changed, or the result can't be written.
    DataError, BackboneError, CacheError, HeadError, NetworkError, RecipeError
    """
    if parent.info.kind is not Kind.HEAD:
        raise RunError(
            f"{parent.path}: not a head on frozen features; choose a run of `featx fit`"
        )
    need_tensorflow("fine-tuning")
    claim_reports(report.out_dir)
    head = parent.load_head()
    extractors = extractors_of(parent, weights, cache.folder)
    _check_settings(settings, extractors)
    # Runs had no repeats at first; those of one training are found again without it.
    once = {"repeats"} if settings.repeats == 1 else set()
    fingerprint = fingerprint_of(
        Kind.FINETUNE,
        parent.info.fingerprint,
        settings.model_dump(mode="json", exclude=once),
    )
    backbones = None
    if find_fitted(report.out_dir, fingerprint) is None:
        # What can't be unfrozen is refused before any image is decoded.
        backbones = build_backbones(extractors, unfrozen=settings.unfreeze)
    data = data_of(parent)
    embeddings = _embeddings(parent, data, extractors, cache, progress)
    recipe = Recipe(
        data=data,
        cache=cache,
        extract=settings_of(extractors),
        head=[_head_settings(parent)],
        finetune=[settings],
        report=report,
    )
    logs = report.out_dir / TENSORBOARD / fingerprint

    def make(folder: Path) -> RunContents:
        seconds: dict[str, float] = {}
        with timed(seconds, "decoding"):
            start = _starting_point(head, embeddings, extractors, recipe, progress)
        tuner = Finetuner(
            start,
            settings,
            folder,
            scratch_dir=report.out_dir,
            tensorboard=logs if settings.tensorboard else None,
            progress=progress,
            backbones=backbones,
        )
        return _finetune(parent, tuner, recipe, seconds)

    return make_run(report.out_dir, Kind.FINETUNE, fingerprint, make, progress=progress)


def finetune(
    run: Run | str | Path | None = None,
    settings: FinetuneSettings | None = None,
    *,
    cache_dir: Location = CacheSettings().folder,
    out_dir: str | Path = ReportSettings().out_dir,
    weights: Sequence[str | Path] = (),
    trust: bool = False,
    progress: Progress = SILENT,
    **values: Any,
) -> Run:
    """Fine-tune the head of a run with its backbones, and write a run of the result.

    Parameters
    ----------
    run : Run, str or Path, optional
        The run, its folder, or its name in `out_dir`; by default the best head there.
    settings : FinetuneSettings, optional
    cache_dir : str, Path or UPath
        Folder of the embeddings cache.
    out_dir : str or Path
        Folder of the runs.
    weights : sequence of str or Path
        Weights files that the run's embeddings were computed with.
    trust : bool
        Whether to load the head of a run of featx 0.2 or older, a pickle, which can
        run code: only if you trust its source.
    progress : Progress
    values
        Settings by name, instead of those in `settings`: ``unfreeze="20%"``,
        ``epochs=5``.

    Returns
    -------
    Run

    Raises
    ------
    RunError
        There is no such run, it has no head, its data has changed, or the result can't
        be written.
    DataError, BackboneError, CacheError, HeadError, NetworkError, RecipeError
    SettingsError
        A value is not allowed.

    Examples
    --------
    >>> featx.finetune("data-resnet50-svm", unfreeze="conv5", epochs=5)
    """
    cache = CacheSettings(folder=as_folder(cache_dir))
    report = ReportSettings(out_dir=Path(out_dir))
    return run_finetune(
        find_run(report.out_dir, run, trust=trust),
        with_values(settings or FinetuneSettings, values, function="finetune"),
        cache=cache,
        report=report,
        weights=[Path(path) for path in weights],
        progress=progress,
    )


def check_finetuning(
    settings: FinetuneSettings, extractors: Sequence[Extractor]
) -> None:
    """Refuse what these backbones can't do, before any image is decoded.

    Raises
    ------
    BackboneError
        No backbone has the block or layer to unfreeze, or there is no TensorFlow.
    RecipeError
    """
    need_tensorflow("fine-tuning")
    _check_settings(settings, extractors)
    keras = [one for one in extractors if isinstance(one, KerasExtractor)]
    check_unfreeze(keras, settings.unfreeze)


def _check_settings(
    settings: FinetuneSettings, extractors: Sequence[Extractor]
) -> None:
    """Refuse settings that don't suit these backbones, without building any.

    Raises
    ------
    RecipeError
    """
    check_tensorboard(settings)
    views = {one.spec.view._replace(flip=False) for one in extractors}
    if settings.augmentation.mixes and len(views) > 1:
        raise RecipeError(
            f"--augment {settings.augment} mixes images of one size, resized in one"
            f" way, but this run uses {len(views)}; add mixup0,cutmix0"
        )


def _finetune(
    parent: Run,
    tuner: Finetuner,
    recipe: Recipe,
    seconds: dict[str, float],
) -> RunContents:
    """Check the joined model, train it, score it, and return the run's contents."""
    embeddings, progress = tuner.start.embeddings, tuner.progress
    with timed(seconds, "graft_check"):
        joined_check = check_joined_model(tuner, recipe.cache.folder, progress)
    first = tuner.settings.seed
    seeds = range(first, first + tuner.settings.repeats)
    # They train the same backbones: the one that is kept comes last.
    others = [
        _tune(tuner.with_seed(seed), joined_check, seconds, prefix="other_")
        for seed in seeds[1:]
    ]
    tuned = _tune(tuner, joined_check, seconds)
    if others:
        scores = [tuned.metrics, *(one.metrics for one in others)]
        tuned.metrics["repeats"] = {"seeds": list(seeds), **spread(scores)}
    choice = tuned.choice
    labels = embeddings.images.labels[choice.held_out]
    return run_contents(
        recipe,
        embeddings.split,
        f"{parent.name}-finetune",
        {**_describe(parent, tuner, tuned.model), "timings": seconds},
        metrics=tuned.metrics,
        probabilities=tuned.probabilities,
        model=tuned.model.model,
        history=choice.history,
        held_out=(choice.held_out, choice.probabilities.argmax(axis=1) == labels),
        pictures=augmented_pictures(
            embeddings.split,
            tuner.start.pixels[0],
            tuner.settings.augmentation,
            tuner.settings.seed,
        ),
    )


class _Tuned(NamedTuple):
    """A fine-tuned model and what was measured of it."""

    choice: Choice
    model: JoinedModel
    probabilities: NDArray[np.float64]
    metrics: dict[str, Any]


def _tune(
    tuner: Finetuner,
    joined_check: dict[str, Any],
    seconds: dict[str, float],
    *,
    prefix: str = "",
) -> _Tuned:
    """Choose the epochs, train on all training images, and score the test images."""
    spent: dict[str, float] = {}
    with timed(spent, "choosing"):
        choice = tuner.choose()
    with timed(spent, "fit"):
        model = tuner.train(choice)
    with timed(spent, "predicting"):
        probabilities = tuner.predict(model, tuner.start.embeddings.test)
    for name, value in spent.items():
        seconds[f"{prefix}{name}"] = seconds.get(f"{prefix}{name}", 0.0) + value
    metrics = finetune_metrics(tuner, choice, model, joined_check, probabilities)
    return _Tuned(choice, model, probabilities, metrics)


def _describe(parent: Run, tuner: Finetuner, trained: JoinedModel) -> dict[str, Any]:
    """Return what `run.json` holds on how the run was made."""
    settings = tuner.settings
    kept = ("backbone", "weights", "embedding", "head")
    info = parent.info.as_dict()
    notes = [*parent.info.notes, *tuner.start.embeddings.notes]
    return {
        **{name: info[name] for name in kept},
        "parent": parent.name,
        "parameters": int(trained.model.count_params()),
        "trainable_parameters": int(
            sum(np.prod(w.shape) for w in trained.model.trainable_weights)
        ),
        "settings": {**settings.model_dump(mode="json"), "copies": tuner.copies},
        "seed": settings.seed,
        "notes": list(dict.fromkeys(notes)),
    }


def _embeddings(
    parent: Run,
    data: DataSettings,
    extractors: Sequence[KerasExtractor],
    cache: CacheSettings,
    progress: Progress,
) -> Embeddings:
    """Return the embeddings that the run's head was fitted on.

    Raises
    ------
    RunError
        The images or their split have changed.
    """
    embeddings = embed(
        read_images(data),
        [one for one in extractors if not one.flip],
        flip=any(one.flip for one in extractors),
        cache_dir=cache.folder,
        progress=progress,
    )
    if embeddings.split.fingerprint != parent.data_fingerprint:
        raise RunError(
            f"{parent.path}: {data.path} has changed since it was made; fit again"
        )
    return embeddings


def _head_settings(parent: Run) -> HeadSettings:
    """Return the settings of a run's head.

    Raises
    ------
    RunError
        Another version of featx wrote settings that this one does not know.
    """
    fields = HeadSettings.model_fields
    given = parent.info.settings.as_dict()
    try:
        return HeadSettings(**{k: v for k, v in given.items() if k in fields})
    except ValidationError as error:
        raise of_another_version(parent) from error


def _starting_point(
    head: Head,
    embeddings: Embeddings,
    extractors: Sequence[KerasExtractor],
    recipe: Recipe,
    progress: Progress,
) -> StartingPoint:
    """Decode the images for each view; the model flips them by itself."""
    source = ImageFiles(embeddings.images.files)
    views = dict.fromkeys(one.spec.view for one in extractors if not one.flip)
    scratch_dir = recipe.report.out_dir
    pixels, unreadable = read_views(source, views, scratch_dir, progress=progress)
    for row, reason in unreadable.items():
        raise RunError(f"{source.files[row]}: {reason}; it was readable before")
    return StartingPoint(
        embeddings,
        in_float32(extractors),
        tuple(pixels),
        head,
        recipe.head[0],
    )
