"""Train a network from scratch, once or repeatedly, and score it on the test split."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.errors import NetworkError
from featx.evaluation.calibration import log_of, temperature_of
from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.intervals import hits_interval
from featx.evaluation.metrics import evaluate as score
from featx.networks.autoencoder import Pretraining, pretrain
from featx.networks.build import LAST, build_network, measure_channels
from featx.networks.data import TrainingData
from featx.networks.settings import NetworkSettings
from featx.progress import Update, ignore
from featx.splits import hold_out
from featx.training.augmentation import Augmentation
from featx.training.batches import Batches, Samples, labelled_batches
from featx.training.checkpoints import OnEpoch
from featx.training.log import EpochLog, History, as_history
from featx.training.predict import predict
from featx.training.repeats import spread
from featx.training.schedule import best_epoch
from featx.training.train import Trainee, Training, soften

if TYPE_CHECKING:
    import keras

WEIGHTS = "from scratch"

PRETRAINING = "pretraining"
"""Folder of its state, within that of the training."""

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
    pretraining : Pretraining or None
        How its convolutions were pre-trained.
    cross_validation : CrossValidation or None
        Inside the train split, where folds were asked for.
    """

    model: "keras.Model"
    history: History
    probabilities: NDArray[np.float64]
    metrics: dict[str, Any]
    timings: dict[str, float]
    pretraining: Pretraining | None = None
    cross_validation: CrossValidation | None = None


def fit_network(
    data: TrainingData,
    settings: NetworkSettings,
    folder: Path,
    *,
    tensorboard: Path | None = None,
    on_epoch: Update = ignore,
    on_pretraining: Update = ignore,
) -> FittedNetwork:
    """Train a network on the train split and score it on the test split.

    A share of the training images, stratified and grouped by content, is held out. It
    chooses the epoch whose weights are kept, and the temperature of the probabilities;
    the accuracy on it is `val_accuracy`. Cross-validation does the same with one more
    network per fold, so `cv_accuracy` is None unless `folds` is set. Each repeat has
    another seed for weights, order, augmentation and held-out images; the first network
    is kept, whatever the others score.

    Parameters
    ----------
    data : TrainingData
    settings : NetworkSettings
    folder : Path
        Where the state is kept; an interrupted training goes on from there.
    tensorboard : Path, optional
        Where logs for TensorBoard go.
    on_epoch : callable
        Called with the number of finished epochs and of all epochs that there can be,
        at the start and after each.
    on_pretraining : callable
        The same for the epochs of pre-training.

    Raises
    ------
    NetworkError
        The images are too small, the loss became NaN or infinite, memory ran out, or
        the state can't be written.
    DataError
        There are too few training images for the folds.
    """
    trainings = _Trainings(
        data,
        settings,
        folder,
        tensorboard,
        _Counter(on_epoch, settings, settings.epochs),
        _Counter(on_pretraining, settings, settings.pretrain_epochs),
    )
    inner = trainings.cross_validate() if settings.folds else None
    in_folds = trainings.seconds
    first = trainings.repeat(settings.seed)
    fitted, metrics = trainings.seconds, first.metrics
    seeds = range(settings.seed, settings.seed + settings.repeats)
    others = [trainings.repeat(seed).metrics for seed in seeds[1:]]
    trainings.finish()
    timings = {"decoding": data.seconds, **first.timings}
    if inner:
        timings["cross_validation"] = in_folds
        metrics |= inner.as_metrics()
        metrics["intervals"]["cv_accuracy"] = inner.interval
    if others:
        timings["other_repeats"] = trainings.seconds - fitted
        metrics["repeats"] = {"seeds": list(seeds), **spread([metrics, *others])}
    rounded = {name: round(seconds, 3) for name, seconds in timings.items()}
    return replace(first, metrics=metrics, timings=rounded, cross_validation=inner)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network trained on some rows, without augmentation and calibrated.

    Attributes
    ----------
    model : keras.Model
    log : EpochLog
    best_epoch : int or None
        The epoch whose weights it has, from 1 on; None for the last, unchosen.
    held_out : ndarray of int
        The rows that chose its epoch and its temperature; there may be none.
    probabilities : ndarray of float64, shape (len(held_out), n_classes)
    pretraining : Pretraining or None
        On the same rows, before.
    """

    model: "keras.Model"
    log: EpochLog
    best_epoch: int | None
    held_out: Rows
    probabilities: NDArray[np.float64]
    pretraining: Pretraining | None = None

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that the epochs took, by step."""
        first = (
            {"pretraining": self.pretraining.log.seconds} if self.pretraining else {}
        )
        return {**first, "fit": self.log.seconds}


@dataclass
class NetworkTraining:
    """Trains networks on some rows of the data, each as its settings say.

    Attributes
    ----------
    data : TrainingData
    settings : NetworkSettings
    """

    data: TrainingData
    settings: NetworkSettings

    def train(
        self,
        rows: Rows,
        folder: Path,
        *,
        seed: int,
        tensorboard: Path | None = None,
        on_epoch: OnEpoch = lambda _: None,
        on_pretraining: OnEpoch = lambda _: None,
    ) -> TrainedNetwork:
        """Train a network on some rows, of which it holds out a share.

        Parameters
        ----------
        rows : ndarray of int
        folder : Path
            Where the state is kept; an interrupted training goes on from the last epoch
            that was finished.
        seed : int
            Of weights, held-out images, order, dropout and augmentation.
        tensorboard : Path, optional
        on_epoch : callable
            Called with the number of finished epochs, at the start and after each.
        on_pretraining : callable
            The same for pre-training.

        Raises
        ------
        NetworkError
            The loss became NaN or infinite, memory ran out, or the state can't be
            written.
        """
        settings, pretraining = self.settings, None
        train, held_out = self._hold_out(rows, seed)
        channels = measure_channels(self.data.pixels, train)
        build = partial(
            build_network,
            settings.network,
            len(self.data.split.images.classes),
            channels=channels,
            seed=seed,
        )
        try:
            if settings.pretrain:
                pretraining = pretrain(
                    self.data.pixels,
                    (train, held_out),
                    settings,
                    folder / PRETRAINING,
                    channels=channels,
                    seed=seed,
                    tensorboard=tensorboard and tensorboard / PRETRAINING,
                    on_epoch=on_pretraining,
                )
            model = build(augmentation=settings.augmentation, policy=settings.policy)
            if pretraining:
                pretraining.start(model)
            log = Training(
                Trainee(model.get_layer(LAST)), settings, folder, on_epoch, tensorboard
            ).from_scratch(
                model,
                self._batches(train, seed, settings.augmentation),
                self._batches(held_out, seed) if len(held_out) else None,
            )
        except NetworkError as error:
            raise NetworkError(f"{settings.name}: {error}") from None
        # Built anew without an optimizer, in float32, and without random layers: Keras'
        # are active unless a caller passes training=False, in `model(images)` and in
        # what Keras exports.
        weights = model.get_weights()
        model = build()
        model.set_weights(weights)
        trained = self._calibrated(model, log, held_out)
        return replace(trained, pretraining=pretraining)

    def predict(self, model: "keras.Model", rows: Rows) -> NDArray[np.float64]:
        """Return probabilities of some rows, shape (len(rows), n_classes)."""
        samples = Samples((self.data.pixels,), rows)
        return predict(model, samples, batch_size=self.settings.batch_size)

    def _hold_out(self, rows: Rows, seed: int) -> tuple[Rows, Rows]:
        train, held_out = hold_out(
            self.data.labels[rows],
            self.data.split.groups[rows],
            share=self.settings.validation,
            seed=seed,
        )
        return rows[train], rows[held_out]

    def _batches(
        self, rows: Rows, seed: int, augmentation: Augmentation | None = None
    ) -> Batches:
        settings, labels = self.settings, self.data.labels[rows]
        weight = compute_sample_weight(settings.class_weight, labels)
        return labelled_batches(
            Samples((self.data.pixels,), rows, labels, weight),
            settings,
            len(self.data.split.images.classes),
            seed=seed,
            augmentation=augmentation,
        )

    def _calibrated(
        self, model: "keras.Model", log: EpochLog, held_out: Rows
    ) -> TrainedNetwork:
        """Fold the temperature that fits held-out images best into the last layer."""
        n_classes = len(self.data.split.images.classes)
        if not len(held_out):
            return TrainedNetwork(model, log, None, held_out, np.empty((0, n_classes)))
        temperature = temperature_of(
            self.predict(model, held_out),
            self.data.labels[held_out],
            self.settings.class_weight,
        )
        soften(model.get_layer(LAST), temperature)
        best = best_epoch(self.settings, log.validation(self.settings.monitor))
        return TrainedNetwork(model, log, best, held_out, self.predict(model, held_out))


@dataclass
class _Counter:
    """Counts the epochs of all trainings of a network, for a task of the progress."""

    update: Update
    settings: NetworkSettings
    epochs: int
    _told: int = 0

    @property
    def _most(self) -> int:
        return (self.settings.repeats + (self.settings.folds or 0)) * self.epochs

    def of(self, training: int) -> OnEpoch:
        """Return what one of the trainings, counted from 0, reports its epochs to."""

        def report(epochs: int) -> None:
            self._told = training * self.epochs + epochs
            self.update(self._told, self._most)

        return report

    def finish(self) -> None:
        """Report that no epoch is left: trainings may have stopped early."""
        if self._told < self._most:
            self.update(self._most, self._most)


@dataclass
class _Trainings:
    """The trainings of one network on one data set, counted."""

    data: TrainingData
    settings: NetworkSettings
    folder: Path
    tensorboard: Path | None
    epochs: _Counter
    pretrained: _Counter
    seconds: float = 0.0
    _done: int = 0

    def repeat(self, seed: int) -> FittedNetwork:
        """Train a network on all but the held-out images and score it."""
        split, labels = self.data.split, self.data.labels
        trained = self._train(split.train, seed)
        model, held_out = trained.model, trained.held_out
        probabilities = self._training.predict(model, split.test)
        scores = score(
            labels[split.test],
            probabilities,
            split.images.classes,
            groups=split.groups[split.test],
            seed=seed,
        )
        val_accuracy = None
        if len(held_out):
            hits = trained.probabilities.argmax(axis=1) == labels[held_out]
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
            "best_epoch": trained.best_epoch,
            "weights": WEIGHTS,
        }
        history = as_history(trained.log.rows, self.settings.columns)
        return FittedNetwork(
            model,
            history,
            probabilities,
            metrics,
            trained.timings,
            trained.pretraining,
        )

    def cross_validate(self) -> CrossValidation:
        """Train a network for each fold on the other folds, without the test split."""
        rows, settings = self.data.split.train, self.settings
        assert settings.folds is not None

        def fit_rows(
            train: Rows, _labels: Any, _groups: Any, *, seed: int
        ) -> SimpleNamespace:
            model = self._train(train, seed).model
            # What takes the place of rows of features is where they are in the data.
            return SimpleNamespace(
                classes_=np.arange(len(self.data.split.images.classes)),
                logits=lambda rows: log_of(self._training.predict(model, rows))[
                    :, None
                ],
            )

        return cross_validate(
            fit_rows,
            rows,
            self.data.labels[rows],
            self.data.split.groups[rows],
            folds=settings.folds,
            seed=settings.seed,
            n_classes=len(self.data.split.images.classes),
        )

    def finish(self) -> None:
        """Report that no epoch is left."""
        self.epochs.finish()
        if self.settings.pretrain:
            self.pretrained.finish()

    @property
    def _training(self) -> NetworkTraining:
        return NetworkTraining(self.data, self.settings)

    def _train(self, rows: Rows, seed: int) -> TrainedNetwork:
        name = str(self._done)
        trained = self._training.train(
            rows,
            self.folder / name,
            seed=seed,
            tensorboard=self.tensorboard and self.tensorboard / name,
            on_epoch=self.epochs.of(self._done),
            on_pretraining=self.pretrained.of(self._done),
        )
        self._done += 1
        self.seconds += sum(trained.timings.values())
        return trained
