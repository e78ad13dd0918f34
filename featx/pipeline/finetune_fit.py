"""Fine-tuning, chosen on a validation part and then done on all training images."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.embeddings import KerasExtractor
from featx.errors import DataError, RecipeError
from featx.finetune.course import Course
from featx.finetune.distilling import Distilled, distil
from featx.finetune.graft import Graft, graft
from featx.finetune.handing import Change, hand_on, mirrored
from featx.finetune.optimizers import layer_rates, make_optimizer
from featx.finetune.samples import Mixing, Samples
from featx.finetune.training import Log, Recipe, train_as_before, train_watched
from featx.finetune.unfreezing import ALL
from featx.frameworks import import_keras
from featx.heads import ViewsHead, fit_views
from featx.images import hold_out
from featx.networks.augmentation import (
    Augmentation,
    augment_layers,
    find_augmentation,
    mixing,
)
from featx.networks.training import CURVES
from featx.pipeline.embedding import Embeddings
from featx.pipeline.head_choice import head_parameters
from featx.pipeline.listener import SILENT, Listener, Update
from featx.pipeline.pixels import allocate
from featx.pipeline.settings import FinetuneSettings, HeadSettings

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


@dataclass(frozen=True)
class Choice:
    """What the validation part said.

    Attributes
    ----------
    history : dict of str to list of float
        One value an epoch; `phase` is 0 in the warm-up of the head.
    warmup_rates, rates : list of float
        The learning rate of each epoch that is worth it.
    held_out : ndarray of int
        Rows of the validation part.
    head_probabilities, probabilities : ndarray of float64
        What the head says of them, and the model at its best epoch.
    seconds_handing : float or None
        One pass of the images through the frozen layers, where that was done once.
    """

    history: dict[str, list[float]]
    warmup_rates: list[float]
    rates: list[float]
    held_out: Rows
    head_probabilities: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    seconds_handing: float | None


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
    listener : Listener
    """

    material: Material
    settings: FinetuneSettings
    folder: Path
    scratch_dir: Path
    tensorboard: Path | None = None
    listener: Listener = SILENT

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
            embeddings.groups[embeddings.train],
            share=self.settings.validation,
            seed=self.settings.seed,
        )
        train, held_out = embeddings.train[train], embeddings.train[held_out]
        if not len(held_out):
            raise DataError(
                f"{embeddings.images.root}: too few training images to hold some out"
            )
        head = self._fit_head(train)
        joined, _ = self.graft(head, train)
        logs = []
        handed: list[float] = []
        for phase, course in self._phases(head):
            joined.warm_up(on=phase == 0)
            trained, samples, seconds = self._samples(joined, train)
            _, watched, _ = self._samples(joined, held_out, learn=False)
            name = "warm-up" if phase == 0 else "fine-tuning"
            told = self.listener.epochs(f"{name}, held-out part watched")
            log = train_watched(
                *(joined, trained, samples, watched, course),
                self._recipe(joined, phase),
                self.folder / f"choice-{phase}",
                on_epoch=_telling(told, course.epochs),
            )
            logs.append((phase, course, log))
            handed += [] if seconds is None else [seconds]
        rates = {phase: _rates(course, log) for phase, course, log in logs}
        return Choice(
            history=_history(logs),
            warmup_rates=rates.get(0, []),
            rates=rates[1],
            held_out=held_out,
            head_probabilities=ViewsHead(head).predict_proba(embeddings.views[held_out]),
            probabilities=self.predict(joined, held_out),
            seconds_handing=handed[-1] if handed else None,
        )

    def train(self, choice: Choice) -> Graft:
        """Train the grafted head of all training images as long as was worth it.

        Returns
        -------
        Graft
            In float32, whatever it was trained in.
        """
        rows = self.material.embeddings.train
        joined, _ = self.graft(self.material.head, rows)
        for phase, rates in ((0, choice.warmup_rates), (1, choice.rates)):
            if not rates:
                continue
            joined.warm_up(on=phase == 0)
            trained, samples, _ = self._samples(joined, rows)
            told = self.listener.epochs("fine-tuning on all training images")
            train_as_before(
                *(joined, trained, samples, rates, self._recipe(joined, phase)),
                self.folder / f"final-{phase}",
                on_epoch=_telling(told, len(rates)),
            )
        if not self.settings.mixed_precision:
            return joined
        weights = joined.model.get_weights()
        exact, _ = self.graft(self.material.head, rows, policy="float32")
        exact.model.set_weights(weights)
        return exact

    def graft(
        self, head: "Head", rows: Rows, *, policy: str | None = None
    ) -> tuple[Graft, Distilled | None]:
        """Put a head behind the backbones; one without Keras layers is distilled.

        Parameters
        ----------
        rows : ndarray of int
            What the head was fitted on.
        policy : str, optional
            Keras' dtype policy; that of the training by default.
        """
        distilled = None
        if not head.has_keras_layers:
            views = self.material.embeddings.views[rows]
            distilled = distil(
                head,
                views.reshape(-1, views.shape[2]),
                self.material.embeddings.groups[rows].repeat(views.shape[1]),
                seed=self.settings.seed,
            )
        mixed = "mixed_bfloat16" if self.settings.mixed_precision else "float32"
        joined = graft(
            self.material.extractors,
            (distilled or head).to_keras,
            unfrozen=self.settings.unfreeze,
            policy=policy or mixed,
        )
        return joined, distilled

    def predict(self, joined: Graft, rows: Rows) -> NDArray[np.float64]:
        """Return the probabilities of some rows, shape (len(rows), n_classes)."""
        size = self.settings.batch_size
        found = [
            joined.model.predict_on_batch([p[rows[i : i + size]] for p in self._pixels])
            for i in range(0, len(rows), size)
        ]
        probabilities = np.concatenate(found).astype(np.float64)
        normal: NDArray[np.float64] = probabilities / probabilities.sum(1, keepdims=True)
        return normal

    @property
    def _pixels(self) -> tuple[NDArray[np.uint8], ...]:
        return self.material.pixels

    def _fit_head(self, rows: Rows) -> "Head":
        embeddings, settings = self.material.embeddings, self.material.head_settings
        return fit_views(
            settings.name,
            embeddings.views[rows],
            embeddings.images.labels[rows],
            embeddings.groups[rows],
            seed=settings.seed,
            class_weight=settings.class_weight,
            tune=settings.tune,
            calibrate=True,
            parameters=head_parameters(settings, embeddings),
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

    def _recipe(self, joined: Graft, phase: int) -> Recipe:
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
            mixing=None if phase == 0 else self._mixing(),
            tensorboard=None if logs is None else logs / f"phase-{phase}",
        )

    def _samples(
        self, joined: Graft, rows: Rows, *, learn: bool = True
    ) -> tuple[Any, Samples, float | None]:
        """Return the model that is trained, what it takes of rows, and the seconds
        that the frozen layers took."""
        labels = self.material.embeddings.images.labels[rows]
        weight = compute_sample_weight(self.settings.class_weight, labels)
        images = Samples(self._pixels, rows, labels, weight)
        if not learn:
            changes: list[Change | None] = [None]
        else:
            changes = [mirrored if flip else None for flip in joined.flips]
            changes += self._augmented_copies()
        if self._is_cached:
            told = self.listener.images("through the frozen layers")
            handed = hand_on(
                *(joined, images, changes, self._allocate),
                batch_size=self.settings.batch_size,
                update=told,
            )
            return joined.above, handed.samples, handed.seconds
        return self._augmenting(joined) if learn else joined.view, images, None

    @property
    def _augmentation(self) -> Augmentation:
        return find_augmentation(self.settings.augment)

    @property
    def _is_cached(self) -> bool:
        """Whether the frozen layers run once: nothing random is below them, or all
        that is random was drawn before."""
        settings = self.settings
        still = settings.augment == "none" or settings.copies > 0
        return settings.cached and still and settings.unfreeze != ALL

    def _augmented_copies(self) -> list[Change]:
        """Return so many random changes of the training images as were asked for."""
        settings = self.settings
        if settings.augment == "none":
            return []
        return [
            _drawn(self._augmentation, settings.seed + number)
            for number in range(settings.copies)
        ]

    def _augmenting(self, joined: Graft) -> Any:
        """Return the model with what is random in training put before it."""
        wanted = self._augmentation
        if True in joined.flips:
            wanted = replace(wanted, flip=True)
        keras = import_keras()
        changed = []
        for tensor in joined.view.inputs:
            x = keras.ops.cast(tensor, "float32")
            for layer in augment_layers(wanted, self.settings.seed):
                x = layer(x)
            changed.append(keras.ops.cast(keras.ops.round(x), "uint8"))
        return keras.Model(joined.view.inputs, joined.view(changed))

    def _mixing(self) -> Mixing | None:
        mixes = mixing(self._augmentation, self.settings.seed)
        if mixes is not None and self._is_cached:
            raise RecipeError(
                f"--augment {self.settings.augment} mixes images, which copies that are"
                " made once can't be; take --copies 0 or --augment medium"
            )
        if mixes is not None and len(self._pixels) > 1:
            raise RecipeError(
                f"--augment {self.settings.augment} mixes images of one size, this run"
                f" takes {len(self._pixels)}; take --augment medium"
            )
        return mixes

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        return allocate(shape, dtype, self.scratch_dir)


def _drawn(augmentation: Augmentation, seed: int) -> Change:
    """Return what augments uint8 images once, another way each batch."""
    layers = augment_layers(augmentation, seed)

    def change(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        x: Any = images.astype(np.float32)
        for layer in layers:
            x = layer(x, training=True)
        return np.rint(x).astype(np.uint8)

    return change


def _telling(told: Update, epochs: int) -> Callable[[int], None]:
    told(0, epochs)
    return lambda done: told(done, epochs)


def _rates(course: Course, log: Log) -> list[float]:
    """Return the learning rates of the epochs that were worth it."""
    best = course.best(log.watched(course.monitor))
    return [row["learning_rate"] for row in log.rows[:best]]


def _history(logs: list[tuple[int, Course, Log]]) -> dict[str, list[float]]:
    """Return one value an epoch, the epochs counted through all phases."""
    rows = [
        {**row, "phase": float(phase)} for phase, _, log in logs for row in log.rows
    ]
    columns = [*CURVES, "learning_rate", "seconds"]
    return {
        "epoch": [float(place) for place in range(1, len(rows) + 1)],
        **{name: [row[name] for row in rows] for name in ("phase", *columns)},
    }
