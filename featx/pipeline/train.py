"""Networks from scratch, whole: decode, split, train, score, write the run."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from featx.images.decoding import PIXELS_VERSION
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.networks.build import check_size
from featx.networks.data import TrainingData, read_training_data
from featx.networks.fit import WEIGHTS, FittedNetwork, fit_network
from featx.networks.settings import NetworkSettings
from featx.networks.table import find_network
from featx.progress import SILENT, Progress
from featx.provenance import fingerprint_of
from featx.runs.info import Kind
from featx.runs.run import Run
from featx.runs.settings import ReportSettings
from featx.runs.write import RunContents, claim_reports, make_run


def run_train(
    data: DataSettings,
    networks: Sequence[NetworkSettings],
    *,
    report: ReportSettings = ReportSettings(),
    progress: Progress = SILENT,
) -> list[Run]:
    """Train networks from scratch and write a run of each.

    Images are decoded once for networks of one size that follow each other. A run
    whose inputs were the same is not trained again; one that was interrupted goes on.

    Raises
    ------
    DataError
        The folder can't be read or split.
    NetworkError
        Images too small, a learning rate too high, too little memory.
    RunError
        The run, or pixels that don't fit into the memory, can't be written.
    """
    reports_dir = report.out_dir
    for settings in networks:
        check_size(find_network(settings.name), settings.side)
    images = read_images(data)
    claim_reports(reports_dir)
    source = ImageFiles(images.files, images.digests)
    decoded: tuple[int, TrainingData] | None = None
    runs: list[Run] = []
    for settings in networks:
        side = settings.side
        if decoded is None or decoded[0] != side:
            decoded = None  # first let go of the other size's pixels
            decoded = (
                side,
                read_training_data(
                    images, source, side, reports_dir, progress=progress
                ),
            )
        runs.append(_train_run(decoded[1], settings, data, reports_dir, progress))
    return runs


def _train_run(
    images: TrainingData,
    settings: NetworkSettings,
    data: DataSettings,
    reports_dir: Path,
    progress: Progress,
) -> Run:
    """Train, score and write a run, unless the very same was trained before."""
    fingerprint = _fingerprint(images, settings)
    split, test = images.split, images.split.test

    def make(folder: Path) -> RunContents:
        update = progress.epochs(settings.name)
        fitted = fit_network(images, settings, folder, on_epoch=update)
        return RunContents(
            name=f"{split.images.name}-{settings.name}",
            info={
                **_describe(images, settings, fitted),
                "command": _command(data, settings, reports_dir),
                "fingerprint": fingerprint,
            },
            metrics=fitted.metrics,
            paths=[split.images.paths[row] for row in test],
            labels=split.images.labels[test],
            probabilities=fitted.probabilities,
            model=fitted.model,
            history=fitted.history,
        )

    return make_run(reports_dir, Kind.NETWORK, fingerprint, make, progress=progress)


def _describe(
    images: TrainingData, settings: NetworkSettings, fitted: FittedNetwork
) -> dict[str, Any]:
    """Return what `run.json` says of how the run was made."""
    split = images.split
    return {
        "kind": Kind.NETWORK,
        "data": {
            "name": split.images.name,
            "root": str(split.images.root.resolve()),
            "fingerprint": split.fingerprint,
            "layout": split.images.layout,
        },
        "backbone": settings.name,
        "weights": WEIGHTS,
        "head": WEIGHTS,
        "parameters": fitted.metrics["parameters"],
        "settings": _settings(settings),
        "seed": settings.seed,
        "timings": fitted.timings,
        "notes": list(split.notes),
    }


def _settings(settings: NetworkSettings) -> dict[str, Any]:
    """Return all settings, those that the network chose among them."""
    return {
        **settings.model_dump(mode="json"),
        "image_size": settings.side,
        "augment": settings.augmented,
    }


def _fingerprint(images: TrainingData, settings: NetworkSettings) -> str:
    """Tell apart two trainings that could differ in any number."""
    return fingerprint_of(
        Kind.NETWORK, PIXELS_VERSION, images.split.fingerprint, _settings(settings)
    )


def _command(data: DataSettings, settings: NetworkSettings, reports_dir: Path) -> str:
    """Return the command that makes this run again."""
    words = ["featx", "train", str(data.path), "--network", settings.name]
    options = {
        "--labels": data.labels,
        "--path-column": data.path_column,
        "--label-column": data.label_column,
        "--train-list": data.train_list,
        "--test-list": data.test_list,
        "--test-size": data.test_size,
        **_given(settings),
        "--out-dir": None if str(reports_dir) == "reports" else reports_dir,
    }
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    if settings.augment is not None:
        words.append("--augment" if settings.augment else "--no-augment")
    return shlex.join(words)


def _given(settings: NetworkSettings) -> dict[str, Any]:
    """Return the options of a network that are not as they are by default."""
    names = ("image_size", "epochs", "batch_size", "learning_rate")
    values = settings.model_dump(exclude_defaults=True)
    return {
        f"--{name.replace('_', '-')}": values.get(name)
        for name in (*names, "folds", "repeats", "seed")
    }
