"""Fine-tuning, chosen on a validation part and then done on all training images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.dataset import Embeddings
from featx.errors import DataError
from featx.finetune.choice import Choice, join_histories, worthwhile_rates
from featx.finetune.distill import distil
from featx.finetune.inputs import Preparation
from featx.finetune.joined_model import Graft, graft
from featx.finetune.settings import FinetuneSettings
from featx.finetune.train import Recipe, train_as_before, train_watched
from featx.heads.layers import graft as graft_layers
from featx.heads.settings import HeadSettings
from featx.heads.views import ViewsHead, fit_views
from featx.progress import SILENT, Progress, Update
from featx.splits import hold_out
from featx.training.augmentation_layers import mixing
from featx.training.batches import Samples
from featx.training.optimizers import layer_rates, make_optimizer
from featx.training.predict import ask
from featx.training.schedule import Course

if TYPE_CHECKING:
    from featx.heads.base import Head

WARMUP_EPOCHS, WARMUP_RATE = 3, 1e-3
"""Of a head that is only like the one that was fitted."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Material:
    """All that a fine-tuning starts from.

    Attributes
    ----------
    embeddings : Embeddings
    extractors : tuple of KerasExtractor
        Of the embeddings, in float32.
    pixels : tuple of ndarray of uint8, each (n, side, side, 3)
        The images, row for row with the embeddings, at each size.
    head : Head
        Fitted on the whole training part.
    head_settings : HeadSettings
    """

    embeddings: Embeddings
    extractors: tuple[KerasExtractor, ...]
    pixels: tuple[NDArray[np.uint8], ...]
    head: "Head"
    head_settings: HeadSettings


@dataclass
class Finetuner:
    """Fine-tunes models on one material by the same settings.

    Attributes
    ----------
    material : Material
    settings : FinetuneSettings
    folder : Path
        Where the state of an interrupted training lies.
    scratch_dir : Path
        Where arrays go that don't fit into the memory.
    tensorboard : Path or None
    progress : Progress
    """

    material: Material
    settings: FinetuneSettings
    folder: Path
    scratch_dir: Path
    tensorboard: Path | None = None
    progress: Progress = SILENT

    def choose(self) -> Choice:
        """Cut off a validation part, train on the rest, and see what it is worth.

        The head is fitted anew without the validation part: one that has seen all
        training images is perfect on them.

        Raises
        ------
        DataError
            There are too few training images for a validation part.
        BackboneError, HeadError, NetworkError
        """
        embeddings = self.material.embeddings
        labels = embeddings.images.labels
        train, held_out = hold_out(
            labels[embeddings.train],
            embeddings.split.groups[embeddings.train],
            share=self.settings.validation,
            seed=self.settings.seed,
        )
        train, held_out = embeddings.train[train], embeddings.train[held_out]
        if not len(held_out):
            raise DataError(
                f"{embeddings.images.root}: too few training images to hold some out"
            )
        head = self._fit_head(train)
        joined = self.graft(head, train)
        # What is frozen in both phases hands on the same in both.
        prepared = self._preparation.to_learn(joined, train)
        watched = self._preparation.to_watch(joined, held_out)
        logs = []
        for phase, course in self._phases(head):
            joined.warm_up(on=phase == 0)
            name = "warm-up" if phase == 0 else "fine-tuning"
            told = self.progress.epochs(f"{name}, held-out part watched")
            log = train_watched(
                *(joined, prepared.model, prepared.samples, watched.samples, course),
                self._recipe(joined, f"choice-{phase}"),
                self.folder / f"choice-{phase}",
                on_epoch=_telling(told, course.epochs),
            )
            logs.append((phase, course, log))
        rates = {phase: worthwhile_rates(course, log) for phase, course, log in logs}
        return Choice(
            history=join_histories([(phase, log) for phase, _, log in logs]),
            warmup_rates=rates.get(0, []),
            rates=rates[1],
            held_out=held_out,
            head_probabilities=ViewsHead(head).predict_proba(
                embeddings.views[held_out]
            ),
            probabilities=self.predict(joined, held_out),
            seconds_handing=(
                prepared.seconds + watched.seconds
                if self._preparation.is_cached
                else None
            ),
        )

    def train(self, choice: Choice) -> Graft:
        """Train the grafted head of all training images as long as was worth it.

        Returns
        -------
        Graft
            In float32, whatever it was trained in.
        """
        rows = self.material.embeddings.train
        joined = self.graft(self.material.head, rows)
        courses = ((0, choice.warmup_rates), (1, choice.rates))
        worthwhile = [(phase, rates) for phase, rates in courses if rates]
        if worthwhile:
            prepared = self._preparation.to_learn(joined, rows)
        for phase, rates in worthwhile:
            joined.warm_up(on=phase == 0)
            told = self.progress.epochs("fine-tuning on all training images")
            train_as_before(
                *(joined, prepared.model, prepared.samples, rates),
                self._recipe(joined, f"final-{phase}"),
                self.folder / f"final-{phase}",
                on_epoch=_telling(told, len(rates)),
            )
        if not self.settings.mixed_precision:
            return joined
        weights = joined.model.get_weights()
        exact = self.graft(self.material.head, rows, policy="float32")
        exact.model.set_weights(weights)
        return exact

    def graft(self, head: "Head", rows: Rows, *, policy: str | None = None) -> Graft:
        """Put a head behind the backbones; one without Keras layers is distilled.

        Parameters
        ----------
        rows : ndarray of int
            What the head was fitted on.
        policy : str, optional
            Keras' dtype policy; that of the training by default.
        """
        to_keras = head.to_keras
        if not head.has_keras_layers:
            views = self.material.embeddings.views[rows]
            distilled = distil(
                head, views.reshape(-1, views.shape[2]), seed=self.settings.seed
            )
            to_keras = partial(graft_layers, [distilled])
        mixed = "mixed_bfloat16" if self.settings.mixed_precision else "float32"
        return graft(
            self.material.extractors,
            to_keras,
            unfrozen=self.settings.unfreeze,
            policy=policy or mixed,
            seed=self.settings.seed,
        )

    def predict(self, joined: Graft, rows: Rows) -> NDArray[np.float64]:
        """Return the probabilities of some rows, shape (len(rows), n_classes)."""
        images = Samples(self.material.pixels, rows, rows, np.ones(len(rows)))
        return ask(joined.model, images, batch_size=self.settings.batch_size)

    @property
    def _preparation(self) -> Preparation:
        material = self.material
        return Preparation(
            material.pixels,
            material.embeddings.images.labels,
            self.settings,
            self.scratch_dir,
            self.progress,
        )

    def _fit_head(self, rows: Rows) -> "Head":
        embeddings, settings = self.material.embeddings, self.material.head_settings
        return fit_views(
            settings.name,
            embeddings.views[rows],
            embeddings.images.labels[rows],
            embeddings.split.groups[rows],
            seed=settings.seed,
            class_weight=settings.class_weight,
            tune=settings.tune,
            calibrate=True,
            parameters=settings.parameters_for(
                embeddings.map_shape, embeddings.rows_are
            ),
        ).head

    def _phases(self, head: "Head") -> list[tuple[int, Course]]:
        settings = self.settings
        warmup = settings.warmup_epochs
        if warmup is None:
            warmup = 0 if head.has_keras_layers else WARMUP_EPOCHS
        course = Course(
            **{
                name: getattr(settings, name)
                for name in Course.__dataclass_fields__
                if name in FinetuneSettings.model_fields
            }
        )
        phases = [(1, course)]
        if warmup:
            rate = max(WARMUP_RATE, settings.learning_rate)
            first = replace(
                course,
                epochs=warmup,
                learning_rate=rate,
                schedule="constant",
                patience=warmup,
            )
            phases.insert(0, (0, first))
        return phases

    def _recipe(self, joined: Graft, name: str) -> Recipe:
        settings = self.settings
        rates = layer_rates(
            joined.bases,
            backbone_rate=settings.backbone_rate,
            depth_decay=settings.depth_decay,
        )
        logs = self.tensorboard
        return Recipe(
            n_classes=len(self.material.embeddings.images.classes),
            batch_size=settings.batch_size,
            make_optimizer=lambda: make_optimizer(
                settings.optimizer, weight_decay=settings.weight_decay, rates=rates
            ),
            label_smoothing=settings.label_smoothing,
            seed=settings.seed,
            mixing=mixing(settings.augmentation, settings.seed),
            tensorboard=None if logs is None else logs / name,
        )


def _telling(told: Update, epochs: int) -> Callable[[int], None]:
    return lambda done: told(done, epochs)
