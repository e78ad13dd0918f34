"""Training a network from scratch so often as is asked for, and scoring it honestly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.intervals import mean_interval
from featx.evaluation.metrics import evaluate as score
from featx.networks.build import build_network, measure_channels
from featx.networks.data import TrainingData
from featx.networks.settings import NetworkSettings
from featx.networks.table import find_network
from featx.networks.train import Schedule, predict_rows, train_network
from featx.progress import Update, ignore
from featx.splits import hold_out
from featx.training.checkpoints import History, Log, as_history

VALIDATION_SHARE = 0.1
"""Of the training part: held out to watch the training by. It chooses nothing."""

WEIGHTS = "from scratch"

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class FittedNetwork:
    """A network that was trained on the training part, and how it did.

    Attributes
    ----------
    model : keras.Model
        From uint8 images to probabilities; of several repeats the first.
    history : dict
        Its training curves.
    probabilities : ndarray of float64, shape (n_test, n_classes)
        What it says of the test part.
    metrics : dict
        The content of `metrics.json`.
    timings : dict of str to float
        Seconds, of trainings those of their epochs.
    """

    model: Any
    history: History
    probabilities: NDArray[np.float64]
    metrics: dict[str, Any]
    timings: dict[str, float]


def fit_network(
    data: TrainingData,
    settings: NetworkSettings,
    folder: Path,
    *,
    on_epoch: Update = ignore,
) -> FittedNetwork:
    """Train a network on the training part and score it on the test part.

    A tenth of the training part, stratified and by content, is held out of training;
    its accuracy is `val_accuracy`. Cross-validation trains a network for each fold,
    so `cv_accuracy` is None unless folds are asked for. Each repeat has another seed
    of weights, order, augmentation and held-out part; the first one is kept, whatever
    the others reach.

    Parameters
    ----------
    data : TrainingData
    settings : NetworkSettings
    folder : Path
        Where the state is kept: the same training goes on from what is there.
    on_epoch : callable
        Told how many epochs are done, of all that will be trained; before the first
        and after each.

    Raises
    ------
    NetworkError
        The images are too small, the loss is no number, the memory runs out, or the
        state can't be written.
    DataError
        There are too few training images for the folds.
    """
    trainer = _Trainer(data, settings, folder, on_epoch)
    inner = trainer.cross_validate() if settings.folds else None
    in_folds = trainer.seconds
    first = trainer.repeat(settings.seed)
    fitted = trainer.seconds
    seeds = range(settings.seed + 1, settings.seed + settings.repeats)
    others = [trainer.repeat(seed).accuracies for seed in seeds]
    timings = {"decoding": data.seconds, "fit": fitted - in_folds}
    metrics = _metrics(data, settings, first, inner)
    if inner:
        timings["cross_validation"] = in_folds
    if others:
        timings["other_repeats"] = trainer.seconds - fitted
        metrics["repeats"] = _spread([first.accuracies, *others], settings.seed)
    return FittedNetwork(
        first.model,
        first.history,
        first.probabilities,
        metrics,
        {name: round(seconds, 3) for name, seconds in timings.items()},
    )


@dataclass(frozen=True)
class _Outcome:
    """One trained network, and what it says of images it hasn't learned from."""

    model: Any
    history: History
    probabilities: NDArray[np.float64]
    accuracies: dict[str, float]
    held_out_hits: NDArray[np.bool_]


@dataclass
class _Trainer:
    """Trains networks of one kind on rows of one data set; counts them."""

    data: TrainingData
    settings: NetworkSettings
    folder: Path
    on_epoch: Update
    seconds: float = 0.0
    _done: int = 0

    def repeat(self, seed: int) -> _Outcome:
        """Train a network on all but the held-out part and ask it."""
        data, labels = self.data, self.data.images.labels
        train, held_out = hold_out(
            labels[data.split.train],
            data.split.groups[data.split.train],
            share=VALIDATION_SHARE,
            seed=seed,
        )
        train, held_out = data.split.train[train], data.split.train[held_out]
        model, log = self.train(train, held_out, seed)
        probabilities = self.predict(model, data.split.test)
        hits = np.zeros(0, dtype=bool)
        accuracies = {}
        if len(held_out):
            hits = self.predict(model, held_out).argmax(axis=1) == labels[held_out]
            accuracies["val_accuracy"] = float(hits.mean())
        right = probabilities.argmax(axis=1) == labels[data.split.test]
        accuracies["accuracy"] = float(right.mean())
        history = as_history(log.rows)
        return _Outcome(model, history, probabilities, accuracies, hits)

    def cross_validate(self) -> CrossValidation:
        """Train a network for each fold, on the others; the test part stays out."""
        rows, settings = self.data.split.train, self.settings
        assert settings.folds is not None

        def fit_rows(train: Rows, _labels: Any, _groups: Any) -> _Classifier:
            model, _ = self.train(train, np.arange(0), settings.seed)
            return _Classifier(lambda rows: self.predict(model, rows))

        return cross_validate(
            fit_rows,
            rows,
            self.data.images.labels[rows],
            self.data.split.groups[rows],
            folds=settings.folds,
            seed=settings.seed,
        )

    def train(self, train: Rows, held_out: Rows, seed: int) -> tuple[Any, Log]:
        """Train a network on some rows; return it without augmentation."""
        data, settings = self.data, self.settings
        build = partial(
            build_network,
            find_network(settings.name),
            settings.side,
            len(data.split.images.classes),
            channels=measure_channels(data.images.pixels, train),
            seed=seed,
        )
        model = build(augment=settings.augmented)
        schedule = Schedule(
            settings.epochs, settings.batch_size, settings.learning_rate, seed
        )
        log = train_network(
            *(model, data.images, train, held_out, schedule),
            self.folder / str(self._done),
            on_epoch=self._tell,
        )
        self._done += 1
        self.seconds += log.seconds
        if settings.augmented:
            # Keras' random layers are at work wherever nobody says that it isn't
            # training: `model(images)` for one, and what Keras exports.
            weights = model.get_weights()
            model = build(augment=False)
            model.set_weights(weights)
        return model, log

    def predict(self, model: Any, rows: Rows) -> NDArray[np.float64]:
        """Return probabilities of some rows, shape (len(rows), n_classes)."""
        size = self.settings.batch_size
        return predict_rows(model, self.data.images, rows, batch_size=size)

    def _tell(self, epochs: int) -> None:
        trainings = self.settings.repeats + (self.settings.folds or 0)
        each = self.settings.epochs
        self.on_epoch(self._done * each + epochs, trainings * each)


@dataclass(frozen=True)
class _Classifier:
    """What `cross_validate` asks for classes; its X are rows of the data."""

    probabilities: Callable[[Rows], NDArray[np.float64]]

    def predict(self, rows: Rows) -> NDArray[np.intp]:
        codes: NDArray[np.intp] = self.probabilities(rows).argmax(axis=1)
        return codes


def _metrics(
    data: TrainingData,
    settings: NetworkSettings,
    outcome: _Outcome,
    inner: CrossValidation | None,
) -> dict[str, Any]:
    """Return the content of `metrics.json`, without the repeats."""
    labels = data.images.labels[data.split.test]
    classes = data.split.images.classes
    scores = score(labels, outcome.probabilities, classes, seed=settings.seed)
    hits = outcome.held_out_hits
    if len(hits):
        interval = mean_interval(hits, seed=settings.seed)
        scores["intervals"]["val_accuracy"] = interval
    if inner:
        scores["intervals"]["cv_accuracy"] = inner.interval
    return {
        "cv_accuracy": inner.accuracy if inner else None,
        "cv_accuracy_std": inner.std if inner else None,
        "val_accuracy": outcome.accuracies.get("val_accuracy"),
        **scores,
        "n_train": len(data.split.train),
        "n_val": len(hits),
        "parameters": int(outcome.model.count_params()),
        "weights": WEIGHTS,
    }


def _spread(accuracies: Sequence[dict[str, float]], seed: int) -> dict[str, Any]:
    """Return what all repeats reached, with mean and standard deviation."""
    spread: dict[str, Any] = {"seeds": [seed + i for i in range(len(accuracies))]}
    for name in accuracies[0]:
        values = [one[name] for one in accuracies]
        mean, std = float(np.mean(values)), float(np.std(values))
        spread[name] = {"mean": mean, "std": std, "values": values}
    return spread
