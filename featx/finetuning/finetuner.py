"""Fine-tuning: choose on held-out images how far to go, then train on all images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.finetuning.choice import (
    MAIN,
    SHARES,
    WARMUP,
    Choice,
    Rows,
    Trial,
    average,
    choose,
)
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
from featx.splits import hold_out, inner_folds
from featx.training.batches import Batches, Samples, labelled_batches
from featx.training.log import EpochLog
from featx.training.predict import normal
from featx.training.schedule import best_epoch
from featx.training.train import Training, assign

if TYPE_CHECKING:
    from featx.heads.base import Head

WARMUP_EPOCHS, WARMUP_RATE = 3, 1e-3
"""For a distilled head, which only approximates the one that was fitted."""

LONG = 60.0
"""Seconds from which on a user is told how long the training may take."""

FOLDS, MANY = 3, 2000
"""As many parts are held out in turn to choose, unless there are many images: of these
a fifth, once, is enough, and `FOLDS` trainings would take long."""

FIFTH = 0.2


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
            # Copies are augmented by the seed.
            _frozen=None if self.copies else self._frozen,
        )

    @property
    def copies(self) -> int:
        """How many augmented copies of each image are made beforehand."""
        return self._preparation.copies

    def choose(self) -> Choice:
        """Train on some of the images, and choose by the others how far to go.

        The head is fitted again without the images held out: the one that has seen all
        training images is perfect on them.

        Raises
        ------
        DataError
            There are too few training images to hold any out.
        BackboneError, HeadError, NetworkError
        """
        folds = self._folds()
        trials = [self._try(place, folds) for place in range(len(folds))]
        choice = choose(trials, self.start.embeddings.images.labels, self.settings)
        frozen = self._frozen
        if frozen is None:
            return choice
        return replace(
            choice,
            frozen_seconds=frozen.seconds,
            frozen_share=trials[0].samples / len(frozen.arrays[0]),
        )

    def _try(self, place: int, folds: Sequence[tuple[Rows, Rows]]) -> Trial:
        """Train on one fold, and predict the images that it holds out."""
        settings, (train, held_out) = self.settings, folds[place]
        head = self._fit_head(train)
        joined = self.join(head, train)
        # The frozen layers are the same in all that follows, and so are their outputs.
        frozen = self._frozen_outputs(joined)
        inputs = self._preparation.for_training(joined, train, frozen)
        validation = self._preparation.for_validation(joined, held_out, frozen)
        part = f", part {place + 1} of {len(folds)}" if len(folds) > 1 else ""
        weights = joined.above.trainable_weights
        before: list[NDArray[Any]] = []
        logs: dict[int, EpochLog] = {}
        rates: dict[int, list[float]] = {}
        for phase, chosen in self._phases(head).items():
            joined.backbones.warm_up(on=phase == WARMUP)
            name = "warm-up" if phase == WARMUP else "fine-tuning"
            title = f"{name} with validation{part}"
            training = self._training(joined, chosen, f"{name}-{place}", title)
            if phase == MAIN:
                before = [weight.numpy() for weight in weights]
                if not place:
                    say = partial(self._say_how_long, folds=folds)
                    training = replace(training, on_pace=say)
            logs[phase], rates[phase] = _train_validated(
                training,
                chosen,
                inputs.model,
                self._batches(inputs.samples, training=True),
                self._batches(validation.samples),
            )
        after = [weight.numpy() for weight in weights]
        views = {}
        for share in SHARES if settings.choose == "average" else (1.0,):
            assign(weights, average(before, after, share))
            views[share] = self._predict_views(joined, held_out, frozen)
        known = self.start.embeddings.views[held_out]
        return Trial(
            logs=logs,
            rates=rates,
            held_out=held_out,
            head_probabilities=ViewsHead(head).predict_proba(known),
            views=views,
            samples=len(inputs.samples) + len(validation.samples),
        )

    def train(self, choice: Choice) -> JoinedModel:
        """Train on all training images as chosen, and keep as much as was chosen.

        The temperature, fitted to validation images, is part of the last layer.

        Returns
        -------
        JoinedModel
            In float32, also after training in mixed precision.
        """
        rows = self.start.embeddings.train
        joined = self.join(self.start.head, rows)
        weights = joined.above.trainable_weights
        phases = {phase: rates for phase, rates in choice.rates.items() if rates}
        if phases:
            frozen = self._frozen_outputs(joined)
            inputs = self._preparation.for_training(joined, rows, frozen)
        for phase, rates in phases.items():
            joined.backbones.warm_up(on=phase == WARMUP)
            before = [weight.numpy() for weight in weights]
            settings = self.settings.model_copy(update={"epochs": len(rates)})
            title = "fine-tuning on all training images"
            training = self._training(joined, settings, f"final-{phase}", title)
            batches = self._batches(inputs.samples, training=True)
            training.at_rates(inputs.model, batches, rates)
            if phase == MAIN:
                after = [weight.numpy() for weight in weights]
                assign(weights, average(before, after, choice.share))
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

    def _predict_views(
        self, joined: JoinedModel, rows: Rows, frozen: FrozenOutputs | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities of each view, shape (n_views, n, n_classes)."""
        images, size = self._preparation.images(rows), self.settings.batch_size
        if frozen is None:
            return joined.predict_views(images, batch_size=size)
        outputs = frozen.samples(images, turns=len(joined.backbones.flips))
        found = joined.predict_frozen(outputs, batch_size=size)
        return found.reshape(-1, len(rows), found.shape[1])

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

    def _say_how_long(
        self, epoch: float, *, folds: Sequence[tuple[Rows, Rows]]
    ) -> None:
        """Note how long the training may take, where that is more than a minute.

        Parameters
        ----------
        epoch : float
            Seconds of an epoch without the images held out.
        folds : sequence of (training rows, held-out rows)
        """
        epochs = self.settings.epochs
        growth = len(self.start.embeddings.train) / len(folds[0][0])
        total = epoch * epochs * (len(folds) + growth)
        if total >= LONG:
            upto = "up to " * (self.settings.choose == "epoch")
            parts = f" for each of {len(folds)} parts" * (len(folds) > 1)
            self.progress.note(
                f"training may take {_minutes(total)}: an epoch about"
                f" {_minutes(epoch)}, {upto}{epochs} of them{parts} to choose, and as"
                " many on all images; fewer --epochs, or less to --unfreeze, take less"
            )

    def _folds(self) -> list[tuple[Rows, Rows]]:
        """Return the rows to train on and to hold out, once or each part in turn."""
        embeddings, settings = self.start.embeddings, self.settings
        rows = embeddings.train
        known = embeddings.images.labels[rows], embeddings.split.groups[rows]
        share = settings.validation
        in_turn = share is None and settings.choose == "average" and len(rows) <= MANY
        if in_turn:
            folds = inner_folds(*known, folds=FOLDS, seed=settings.seed)
        else:
            folds = [hold_out(*known, share=share or FIFTH, seed=settings.seed)]
        folds = [(rows[train], rows[held]) for train, held in folds if len(held)]
        if not folds:
            raise DataError(
                f"{embeddings.images.root}: too few training images to hold any out and"
                f" choose by them; add images{' or raise --validation' * bool(share)}"
            )
        return folds

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


def _train_validated(
    training: Training,
    settings: FinetuneSettings,
    model: Any,
    batches: Batches,
    validation: Batches,
) -> tuple[EpochLog, list[float]]:
    """Train for all epochs or up to the best one; return their log and rates."""
    if settings.choose == "average":
        log = training.all_epochs(model, batches, validation)
        last = len(log.rows)
    else:
        log = training.validated(model, batches, validation)
        last = best_epoch(settings, log.validation(settings.monitor))
    return log, [row["learning_rate"] for row in log.rows[:last]]


def _minutes(seconds: float) -> str:
    """Write a duration roughly: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
