"""Networks from scratch: decode and split images, train, score, write the run."""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from featx.frameworks import need_tensorflow
from featx.images.decoding import PIXELS_VERSION
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.networks.build import check_size, list_layers
from featx.networks.data import TrainingData, read_training_data
from featx.networks.fit import WEIGHTS, FittedNetwork, fit_network
from featx.networks.settings import NetworkSettings
from featx.pipeline.contents import (
    TENSORBOARD,
    augmented_pictures,
    check_tensorboard,
    reconstructed_pictures,
    run_contents,
)
from featx.pipeline.recipe import Recipe
from featx.pipeline.several import make_each
from featx.progress import SILENT, Progress, ignore
from featx.provenance import fingerprint_of
from featx.runs.info import Kind
from featx.runs.run import Run
from featx.runs.settings import ReportSettings
from featx.runs.write import RunContents, check_reports, claim_reports, make_run
from featx.settings import chosen_settings
from featx.splits import DEALING_VERSION


def run_train(
    data: DataSettings,
    networks: Sequence[NetworkSettings],
    *,
    report: ReportSettings = ReportSettings(),
    progress: Progress = SILENT,
) -> list[Run]:
    """Train networks from scratch and write a run of each.

    Consecutive networks that are shown images in the same way share the decoded ones. A
    run with the same inputs is not trained again; an interrupted one goes on. Of
    several networks, one that fails is reported as `Progress.failed`, and the others
    are trained.

    Parameters
    ----------
    data : DataSettings
    networks : sequence of NetworkSettings
    report : ReportSettings
    progress : Progress

    Returns
    -------
    list of Run
        In the order of the networks.

    Raises
    ------
    DataError
        The folder can't be read or split.
    NetworkError
        The images are too small, the loss became NaN or infinite, or memory ran out.
    RunError
        The run, or pixels that don't fit into memory, can't be written.
    """
    check_networks(networks)
    check_reports(report.out_dir)
    images = read_images(data)
    claim_reports(report.out_dir)
    runs: list[Run] = []
    for view, group in groupby(networks, key=lambda settings: settings.view):
        decoded = read_training_data(images, view, report.out_dir, progress=progress)

        def make(settings: NetworkSettings, decoded: TrainingData = decoded) -> Run:
            recipe = Recipe(data=data, network=[settings], report=report)
            return _train_run(decoded, recipe, progress)

        runs += make_each(group, make, progress, name=lambda one: one.name)
        del decoded, make  # frees the pixels before those of another size are decoded
    return runs


def check_networks(networks: Sequence[NetworkSettings]) -> None:
    """Refuse what can't be done, before any image is decoded.

    Raises
    ------
    NetworkError
        The images are too small for a network.
    RecipeError
        TensorBoard is asked for and not installed.
    BackboneError
        Keras doesn't run on TensorFlow.
    """
    if networks:
        need_tensorflow("training a network")
    for settings in networks:
        check_size(settings.network)
        check_tensorboard(settings)


def train(
    data: str | Path | DataSettings,
    network: str | NetworkSettings,
    *,
    out_dir: str | Path = ReportSettings().out_dir,
    progress: Progress = SILENT,
    **values: Any,
) -> Run:
    """Train a network from scratch, and write a run of the result.

    Parameters
    ----------
    data : str, Path or DataSettings
        The image folder, or all that can be said about it.
    network : str or NetworkSettings
        A name from the table of networks, or all settings.
    out_dir : str or Path
        Folder of the runs.
    progress : Progress
    values
        Other settings by name: ``epochs=10``.

    Returns
    -------
    Run

    Raises
    ------
    DataError, NetworkError, RunError
    SettingsError
        A value is not allowed.

    Examples
    --------
    >>> featx.train("data", "basenet", epochs=10)
    """
    if not isinstance(data, DataSettings):
        data = DataSettings(path=Path(data))
    settings = chosen_settings(network, NetworkSettings, values, function="train")
    report = ReportSettings(out_dir=Path(out_dir))
    (run,) = run_train(data, [settings], report=report, progress=progress)
    return run


def _train_run(images: TrainingData, recipe: Recipe, progress: Progress) -> Run:
    """Train, score and write a run, unless there is one with the same inputs."""
    (settings,) = recipe.network
    fingerprint = fingerprint_of(
        Kind.NETWORK,
        PIXELS_VERSION,
        DEALING_VERSION,
        images.split.fingerprint,
        _settings(settings),
    )

    logs = recipe.report.out_dir / TENSORBOARD / fingerprint

    def make(folder: Path) -> RunContents:
        task = partial(progress.task, unit="epochs")
        name = settings.name
        fitted = fit_network(
            images,
            settings,
            folder,
            tensorboard=logs if settings.tensorboard else None,
            on_epoch=task(f"training {name}"),
            on_pretraining=task(f"pre-training {name}")
            if settings.pretrain
            else ignore,
        )
        return run_contents(
            recipe,
            images.split,
            f"{images.split.images.name}-{settings.name}{settings.view.suffix}",
            _describe(images, settings, fitted),
            metrics=fitted.metrics,
            probabilities=fitted.probabilities,
            model=fitted.model,
            history=fitted.history,
            pretraining=fitted.pretraining.history if fitted.pretraining else {},
            cross_validation=fitted.cross_validation,
            pictures=_pictures(images, settings, fitted),
        )

    return make_run(
        recipe.report.out_dir, Kind.NETWORK, fingerprint, make, progress=progress
    )


def _pictures(
    images: TrainingData, settings: NetworkSettings, fitted: FittedNetwork
) -> dict[str, bytes]:
    """Draw what needs the pixels."""
    split, pixels = images.split, images.pixels
    return {
        **augmented_pictures(split, pixels, settings.augmentation, settings.seed),
        **reconstructed_pictures(split, pixels, fitted.pretraining),
    }


def _describe(
    images: TrainingData, settings: NetworkSettings, fitted: FittedNetwork
) -> dict[str, Any]:
    """Return what `run.json` holds on how the run was made."""
    return {
        "backbone": f"{settings.name}{settings.view.suffix}",
        "weights": WEIGHTS,
        "head": WEIGHTS,
        "parameters": fitted.metrics["parameters"],
        "layers": list_layers(fitted.model),
        "settings": _settings(settings),
        "seed": settings.seed,
        "timings": fitted.timings,
        "notes": list(images.split.notes),
    }


def _settings(settings: NetworkSettings) -> dict[str, Any]:
    """Return all settings, with the network's own where none were given.

    Those of a pre-training are left out where there is none: they change nothing.
    """
    without = set() if settings.pretrain else {"pretrain", "pretrain_epochs"}
    return {
        **settings.model_dump(mode="json", exclude=without),
        **settings.network.choices,
    }
