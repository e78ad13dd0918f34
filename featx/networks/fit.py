"""Train a network from scratch, once or repeatedly, and score it on the test split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError
from featx.evaluation.calibration import log_of
from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.intervals import hits_interval
from featx.evaluation.metrics import evaluate as score
from featx.frameworks import import_keras
from featx.networks.build import build_network, measure_channels
from featx.networks.data import TrainingData
from featx.networks.settings import NetworkSettings
from featx.networks.table import find_network
from featx.progress import Update, ignore
from featx.splits import hold_out
from featx.training.batches import Batches, Samples
from featx.training.checkpoints import Checkpoints
from featx.training.epochs import run_epochs
from featx.training.log import EpochLog, History, as_history
from featx.training.predict import predict

if TYPE_CHECKING:
    import keras

VALIDATION_SHARE = 0.1
"""Of the train split: held out to follow the training. It chooses nothing."""

WEIGHTS = "from scratch"

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class FittedNetwork:
    """A network trained on the train split, with its scores.

    Attributes
    ----------
    model : keras.Model
        From uint8 images to probabilities; with repeats, the first.
    history : dict
        Its training curves.
    probabilities : ndarray of float64, shape (n_test, n_classes)
        Of the test images.
    metrics : dict
        The content of `metrics.json`.
    timings : dict of str to float
        In seconds; of trainings, the sum over their epochs.
    """

    model: "keras.Model"
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
    """Train a network on the train split and score it on the test split.

    A tenth of the training images, stratified and grouped by content, is held out; the
    accuracy on it is `val_accuracy`. Cross-validation trains one more network per fold,
    so `cv_accuracy` is None unless `folds` is set. Each repeat has another seed for
    weights, order, augmentation and held-out images; the first network is kept,
    whatever the others score.

    Parameters
    ----------
    data : TrainingData
    settings : NetworkSettings
    folder : Path
        Where the state is kept; an interrupted training goes on from there.
    on_epoch : callable
        Called with the number of finished epochs and of all epochs that there will be,
        at the start and after each.

    Raises
    ------
    NetworkError
        The images are too small, the loss became NaN or infinite, memory ran out, or
        the state can't be written.
    DataError
        There are too few training images for the folds.
    """
    trainings = _Trainings(data, settings, folder, on_epoch)
    inner = trainings.cross_validate() if settings.folds else None
    in_folds = trainings.seconds
    first = trainings.repeat(settings.seed)
    fitted, metrics = trainings.seconds, first.metrics
    seeds = range(settings.seed, settings.seed + settings.repeats)
    others = [trainings.repeat(seed).metrics for seed in seeds[1:]]
    timings = {"decoding": data.seconds, "fit": fitted - in_folds}
    if inner:
        timings["cross_validation"] = in_folds
        metrics |= {
            "cv_accuracy": inner.accuracy,
            "cv_accuracy_std": inner.std,
            "cv_log_loss": inner.log_loss,
        }
        metrics["intervals"]["cv_accuracy"] = inner.interval
    if others:
        timings["other_repeats"] = trainings.seconds - fitted
        metrics["repeats"] = {"seeds": list(seeds), **_spread([metrics, *others])}
    rounded = {name: round(seconds, 3) for name, seconds in timings.items()}
    return replace(first, metrics=metrics, timings=rounded)


def train_once(
    model: "keras.Model",
    samples: Samples,
    held_out: Samples,
    settings: NetworkSettings,
    folder: Path,
    *,
    seed: int = 0,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> EpochLog:
    """Train a network in place, with Adam.

    Parameters
    ----------
    model : keras.Model
        From `build_network`.
    samples, held_out : Samples
        To train on, and to measure after each epoch; there may be none of the latter.
    settings : NetworkSettings
    folder : Path
        Where the state is kept; an interrupted training goes on from the last epoch
        that was finished.
    seed : int
        Of the order of the samples, dropout and augmentation.
    on_epoch : callable
        Called with the number of finished epochs, at the start and after each.

    Returns
    -------
    EpochLog
        Of all epochs. Loss and accuracy are means over the epoch, with dropout and
        augmentation active.

    Raises
    ------
    NetworkError
        The loss became NaN or infinite, memory ran out, or the state can't be written.
    """
    model.compile(
        optimizer=import_keras().optimizers.Adam(settings.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # On a CPU, XLA is slower; and the same everywhere gives the same results.
        jit_compile=False,
    )
    # Checkpoints hold its weights as well.
    model.optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints.open(folder, on_epoch)
    size = settings.batch_size
    try:
        run_epochs(
            model,
            Batches(samples, size, seed=seed),
            checkpoints,
            epochs=settings.epochs,
            validation=Batches(held_out, size) if len(held_out) else None,
        )
    except NetworkError as error:
        raise NetworkError(f"{model.name}: {error}") from None
    return checkpoints.log


@dataclass
class _Trainings:
    """The trainings of one network on one data set, counted."""

    data: TrainingData
    settings: NetworkSettings
    folder: Path
    on_epoch: Update
    seconds: float = 0.0
    _done: int = 0

    def repeat(self, seed: int) -> FittedNetwork:
        """Train a network on all but the held-out images and score it."""
        split, labels = self.data.split, self.data.labels
        train, held_out = hold_out(
            labels[split.train],
            split.groups[split.train],
            share=VALIDATION_SHARE,
            seed=seed,
        )
        train, held_out = split.train[train], split.train[held_out]
        model, log = self.train(train, held_out, seed)
        probabilities = self.predict(model, split.test)
        classes = split.images.classes
        scores = score(
            labels[split.test],
            probabilities,
            classes,
            groups=split.groups[split.test],
            seed=seed,
        )
        val_accuracy = None
        if len(held_out):
            hits = self.predict(model, held_out).argmax(axis=1) == labels[held_out]
            val_accuracy = float(hits.mean())
            scores["intervals"]["val_accuracy"] = hits_interval(
                hits, split.groups[held_out]
            )
        metrics = {
            "cv_accuracy": None,
            "cv_accuracy_std": None,
            "val_accuracy": val_accuracy,
            **scores,
            "n_train": len(split.train),
            "n_val": len(held_out),
            "parameters": int(model.count_params()),
            "weights": WEIGHTS,
        }
        return FittedNetwork(model, as_history(log.rows), probabilities, metrics, {})

    def cross_validate(self) -> CrossValidation:
        """Train a network for each fold on the other folds, without the test split."""
        rows, settings = self.data.split.train, self.settings
        assert settings.folds is not None

        def fit_rows(train: Rows, _labels: Any, _groups: Any) -> SimpleNamespace:
            model, _ = self.train(train, np.arange(0), settings.seed)
            # What takes the place of rows of features is where they are in the data.
            return SimpleNamespace(
                classes_=np.arange(len(self.data.split.images.classes)),
                logits=lambda rows: log_of(self.predict(model, rows))[:, None],
            )

        return cross_validate(
            fit_rows,
            rows,
            self.data.labels[rows],
            self.data.split.groups[rows],
            folds=settings.folds,
            seed=settings.seed,
        )

    def train(
        self, train: Rows, held_out: Rows, seed: int
    ) -> "tuple[keras.Model, EpochLog]":
        """Train a network on some rows; return it without augmentation."""
        data, settings = self.data, self.settings
        build = partial(
            build_network,
            find_network(settings.name),
            settings.side,
            len(data.split.images.classes),
            channels=measure_channels(data.pixels, train),
            seed=seed,
        )
        model = build(augment=settings.augmented)
        log = train_once(
            model,
            self._samples(train),
            self._samples(held_out),
            settings,
            self.folder / str(self._done),
            seed=seed,
            on_epoch=self._report,
        )
        self._done += 1
        self.seconds += log.seconds
        if settings.augmented:
            # Keras' random layers are active unless a caller passes training=False,
            # in `model(images)` and in what Keras exports.
            weights = model.get_weights()
            model = build(augment=False)
            model.set_weights(weights)
        return model, log

    def predict(self, model: "keras.Model", rows: Rows) -> NDArray[np.float64]:
        """Return probabilities of some rows, shape (len(rows), n_classes)."""
        size = self.settings.batch_size
        return predict(model, self._samples(rows), batch_size=size)

    def _samples(self, rows: Rows) -> Samples:
        return Samples((self.data.pixels,), rows, self.data.labels[rows])

    def _report(self, epochs: int) -> None:
        trainings = self.settings.repeats + (self.settings.folds or 0)
        each = self.settings.epochs
        self.on_epoch(self._done * each + epochs, trainings * each)


def _spread(metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the accuracies of all repeats, with mean and sample deviation."""
    spread = {}
    for name in ("val_accuracy", "accuracy"):
        values = [one[name] for one in metrics]
        if None not in values:  # there may be no validation split
            mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
            spread[name] = {"mean": mean, "std": std, "values": values}
    return spread
