"""Fine-tuning: choose the epochs on a validation split, then train on all images."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.evaluation.calibration import temperature_of
from featx.finetuning.distill import distil
from featx.finetuning.inputs import FrozenOutputs, InputPreparation, StartingPoint
from featx.finetuning.joined_model import (
    Backbones,
    JoinedModel,
    build_backbones,
    put_head_on,
)
from featx.finetuning.settings import FinetuneSettings
from featx.heads.layers import apply_in_keras
from featx.heads.views import ViewsHead, fit_views
from featx.progress import SILENT, Progress
from featx.splits import hold_out
from featx.training.batches import Batches, Samples, labelled_batches
from featx.training.log import CURVES, EpochLog, History, as_history
from featx.training.predict import normal
from featx.training.schedule import best_epoch
from featx.training.train import Training

if TYPE_CHECKING:
    from featx.heads.base import Head

WARMUP_EPOCHS, WARMUP_RATE = 3, 1e-3
"""For a distilled head, which only approximates the one that was fitted."""

LONG = 60.0
"""Seconds from which on a user is told how long the training may take."""

WARMUP, MAIN = 0, 1
"""Phases: the head alone, then the unfrozen layers as well."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Choice:
    """The outcome of training with a validation split.

    Attributes
    ----------
    history : dict of str to list of float
        One value per epoch; `phase` is 0 in the warm-up of the head.
    rates : dict of int to list of float
        By phase, the learning rates of the epochs up to the best one.
    held_out : ndarray of int
        Rows of the validation split.
    head_probabilities, probabilities : ndarray of float64
        Of the head and of the model at its best epoch, on those rows.
    temperature : float
        By which to divide the scores of the trained model; see `fit_temperature`.
    frozen_seconds : float or None
        Time to compute the frozen layers' outputs; None if every epoch does so.
    frozen_share : float
        How many of these outputs an epoch takes.
    """

    history: History
    rates: dict[int, list[float]]
    held_out: Rows
    head_probabilities: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    temperature: float
    frozen_seconds: float | None
    frozen_share: float


@dataclass
class Finetuner:
    """Fine-tunes models from one starting point with the same settings.

    Attributes
    ----------
    start : StartingPoint
    settings : FinetuneSettings
    folder : Path
        Where the state of an interrupted training is kept.
    scratch_dir : Path
        Where arrays go that don't fit into memory.
    tensorboard : Path or None
    progress : Progress
    backbones : Backbones, optional
        Built for the settings in float32, and not trained yet.
    """

    start: StartingPoint
    settings: FinetuneSettings
    folder: Path
    scratch_dir: Path
    tensorboard: Path | None = None
    progress: Progress = SILENT
    backbones: Backbones | None = None
    _policy: str = "float32"
    _frozen: FrozenOutputs | None = None

    def with_seed(self, seed: int) -> "Finetuner":
        """Return a tuner of the same backbones that draws with another seed."""
        name = f"seed-{seed}"
        return replace(
            self,
            settings=self.settings.model_copy(update={"seed": seed}),
            folder=self.folder / name,
            tensorboard=self.tensorboard and self.tensorboard / name,
        )

    def choose(self) -> Choice:
        """Hold out a validation split, train on the rest, and find the best epoch.

        The head is fitted again without the validation split: the one that has seen all
        training images is perfect on them.

        Raises
        ------
        DataError
            There are too few training images for a validation split.
        BackboneError, HeadError, NetworkError
        """
        train, held_out = self._hold_out()
        head = self._fit_head(train)
        joined = self.join(head, train)
        # The frozen layers are the same in all that follows, and so are their outputs.
        frozen = self._frozen_outputs(joined)
        inputs = self._preparation.for_training(joined, train, frozen)
        validation = self._preparation.for_validation(joined, held_out, frozen)
        logs: dict[int, EpochLog] = {}
        rates: dict[int, list[float]] = {}
        for phase, settings in self._phases(head).items():
            joined.backbones.warm_up(on=phase == WARMUP)
            name = "warm-up" if phase == WARMUP else "fine-tuning"
            title = f"{name} with validation"
            training = self._training(joined, settings, f"choice-{phase}", title)
            if phase == MAIN:
                growth = len(self.start.embeddings.train) / len(train)
                say = partial(self._say_how_long, growth=growth)
                training = replace(training, on_pace=say)
            log = logs[phase] = training.validated(
                inputs.model,
                self._batches(inputs.samples, training=True),
                self._batches(validation.samples),
            )
            best = best_epoch(settings, log.validation(settings.monitor))
            rates[phase] = [row["learning_rate"] for row in log.rows[:best]]
        views = self.start.embeddings.views[held_out]
        predicted = self._predict_views(joined, held_out)
        epoch_rows = len(inputs.samples) + len(validation.samples)
        return Choice(
            history=_join_histories(logs),
            rates=rates,
            held_out=held_out,
            head_probabilities=ViewsHead(head).predict_proba(views),
            probabilities=normal(predicted.mean(axis=0)),
            temperature=temperature_of(
                normal(predicted[0]),  # of the original view
                self.start.embeddings.images.labels[held_out],
                self.settings.class_weight,
            ),
            frozen_seconds=None if frozen is None else frozen.seconds,
            frozen_share=epoch_rows / len(frozen.arrays[0]) if frozen else 0.0,
        )

    def train(self, choice: Choice) -> JoinedModel:
        """Train on all training images, for the epochs and at the rates chosen.

        The temperature, fitted to validation images, is part of the last layer.

        Returns
        -------
        JoinedModel
            In float32, also after training in mixed precision.
        """
        rows = self.start.embeddings.train
        joined = self.join(self.start.head, rows)
        phases = {phase: rates for phase, rates in choice.rates.items() if rates}
        if phases:
            frozen = self._frozen_outputs(joined)
            inputs = self._preparation.for_training(joined, rows, frozen)
        for phase, rates in phases.items():
            joined.backbones.warm_up(on=phase == WARMUP)
            settings = self.settings.model_copy(update={"epochs": len(rates)})
            title = "fine-tuning on all training images"
            training = self._training(joined, settings, f"final-{phase}", title)
            batches = self._batches(inputs.samples, training=True)
            training.at_rates(inputs.model, batches, rates)
        if self.settings.mixed_precision:
            weights = joined.model.get_weights()
            joined = self.join(self.start.head, rows, policy="float32")
            joined.model.set_weights(weights)
        if phases:
            joined.soften(choice.temperature)
        return joined

    def join(
        self, head: "Head", rows: Rows, *, policy: str | None = None
    ) -> JoinedModel:
        """Put a head on the backbones; one that has no gradients is distilled.

        Parameters
        ----------
        head : Head
        rows : ndarray of int
            The rows that the head was fitted on.
        policy : str, optional
            Keras' dtype policy; that of the training by default.

        Returns
        -------
        JoinedModel
            On the backbones of the one before, which is not to be used any more, if
            they are of the same policy. Their weights are those before any training.
        """
        to_keras = head.to_keras
        if not head.can_be_trained_further:
            views = self.start.embeddings.views[rows]
            distilled = distil(
                head, views.reshape(-1, views.shape[2]), seed=self.settings.seed
            )
            to_keras = partial(apply_in_keras, [distilled])
        mixed = "mixed_bfloat16" if self.settings.mixed_precision else "float32"
        backbones = self._untrained(policy or mixed)
        return put_head_on(backbones, to_keras, seed=self.settings.seed)

    def _untrained(self, policy: str) -> Backbones:
        """Return the backbones, as they were before any training."""
        if self.backbones is None or policy != self._policy:
            self.backbones, self._policy = None, policy  # the memory is needed
            self.backbones = build_backbones(
                self.start.extractors, unfrozen=self.settings.unfreeze, policy=policy
            )
        self.backbones.rewind()
        return self.backbones

    def predict(self, joined: JoinedModel, rows: Rows) -> NDArray[np.float64]:
        """Return the probabilities of some rows, shape (len(rows), n_classes)."""
        return normal(self._predict_views(joined, rows).mean(axis=0))

    def _predict_views(self, joined: JoinedModel, rows: Rows) -> NDArray[np.float32]:
        images = Samples(self.start.pixels, rows)
        return joined.predict_views(images, batch_size=self.settings.batch_size)

    def _frozen_outputs(self, joined: JoinedModel) -> FrozenOutputs | None:
        """Return what the frozen layers compute, from the first call on."""
        if self._frozen is None:
            self._frozen = self._preparation.run_frozen(joined.backbones)
        return self._frozen

    @property
    def _preparation(self) -> InputPreparation:
        return InputPreparation(
            self.start, self.settings, self.scratch_dir, self.progress
        )

    def _batches(self, samples: Samples, *, training: bool = False) -> Batches:
        return labelled_batches(
            samples,
            self.settings,
            len(self.start.embeddings.images.classes),
            seed=self.settings.seed,
            augmentation=self.settings.augmentation if training else None,
        )

    def _training(
        self, joined: JoinedModel, settings: FinetuneSettings, name: str, title: str
    ) -> Training:
        update = self.progress.task(title, "epochs")
        return Training(
            joined.trainee(settings),
            settings,
            self.folder / name,
            on_epoch=lambda done: update(done, settings.epochs),
            tensorboard=self.tensorboard and self.tensorboard / name,
        )

    def _say_how_long(self, epoch: float, *, growth: float) -> None:
        """Note how long the training may take, where that is more than a minute.

        Parameters
        ----------
        epoch : float
            Seconds of an epoch without the images held out.
        growth : float
            How many times as many images the final training has.
        """
        epochs = self.settings.epochs
        total = epoch * epochs * (1 + growth)
        if total >= LONG:
            self.progress.note(
                f"training may take {_minutes(total)}: an epoch about"
                f" {_minutes(epoch)}, up to {epochs} of them to choose how many, and as"
                " many on all images; fewer --epochs, or less to --unfreeze, take less"
            )

    def _hold_out(self) -> tuple[Rows, Rows]:
        embeddings = self.start.embeddings
        train, held_out = hold_out(
            embeddings.images.labels[embeddings.train],
            embeddings.split.groups[embeddings.train],
            share=self.settings.validation,
            seed=self.settings.seed,
        )
        if not len(held_out):
            raise DataError(
                f"{embeddings.images.root}: too few training images to hold out a"
                " validation split; add images or raise --validation"
            )
        return embeddings.train[train], embeddings.train[held_out]

    def _fit_head(self, rows: Rows) -> "Head":
        embeddings, settings = self.start.embeddings, self.start.head_settings
        head = fit_views(
            settings.name,
            embeddings.views[rows],
            embeddings.images.labels[rows],
            embeddings.split.groups[rows],
            **settings.fit_options(embeddings.map_shape, embeddings.rows_are),
        ).head
        head.temperature_ = self.start.head.temperature_
        return head

    def _phases(self, head: "Head") -> dict[int, FinetuneSettings]:
        """Return the settings of each phase, in order."""
        settings = self.settings
        warmup = settings.warmup_epochs
        if warmup is None:
            warmup = 0 if head.can_be_trained_further else WARMUP_EPOCHS
        if not warmup:
            return {MAIN: settings}
        first = settings.model_copy(
            update={
                "epochs": warmup,
                "learning_rate": max(WARMUP_RATE, settings.learning_rate),
                "schedule": "constant",
                "patience": warmup,
            }
        )
        return {WARMUP: first, MAIN: settings}


def _join_histories(logs: dict[int, EpochLog]) -> History:
    """Return columns of one value per epoch, counting through all phases."""
    rows = [
        {**row, "phase": float(phase)}
        for phase, log in logs.items()
        for row in log.rows
    ]
    return as_history(rows, ("phase", *CURVES, "learning_rate", "seconds"))


def _minutes(seconds: float) -> str:
    """Write a duration roughly: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
