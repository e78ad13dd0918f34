"""Training a model by epochs, so that a kill loses one epoch at most."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from featx.frameworks import import_keras
from featx.training.batches import Batches
from featx.training.checkpoints import Checkpoints, OnEpoch
from featx.training.epochs import CROSS_ENTROPY, plain, run_epochs
from featx.training.log import EpochLog
from featx.training.optimizers import make_optimizer
from featx.training.schedule import best_epoch, is_over, learning_rate
from featx.training.settings import TrainingSettings

if TYPE_CHECKING:
    import keras


WORST = {"val_loss": math.inf, "val_accuracy": -math.inf}
"""Of a model before its first epoch where any epoch counts as progress."""


@dataclass(frozen=True)
class Trainee:
    """What a training must know of a model.

    Attributes
    ----------
    last : keras.Layer or None
        That gives probabilities, by a softmax; None of an autoencoder, which is to
        give its own images, from 0 to 1.
    sharing : sequence of keras.Model
        Other models that share its layers.
    rates : mapping of int to float
        Factor of the learning rate for a weight, by its `id`.
    """

    last: "keras.Layer | None"
    sharing: "Sequence[keras.Model]" = ()
    rates: Mapping[int, float] = field(default_factory=dict)


def soften(last: "keras.Layer", temperature: float) -> None:
    """Divide the scores that a last layer takes the softmax of by a temperature."""
    last.set_weights([array / temperature for array in last.get_weights()])


def assign(weights: Sequence[Any], values: Sequence[NDArray[Any]]) -> None:
    """Give weights of a model their values."""
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)


@dataclass(frozen=True)
class Training:
    """Trains a model in place; an interrupted training goes on.

    Attributes
    ----------
    trainee : Trainee
    settings : TrainingSettings
    folder : Path
        Where the state is kept.
    on_epoch : callable
        Called with the number of finished epochs, at the start and after each.
    tensorboard : Path, optional
        Where logs for TensorBoard go.
    on_pace : callable, optional
        Called after a few steps with the seconds that an epoch will take.
    """

    trainee: Trainee
    settings: TrainingSettings
    folder: Path
    on_epoch: OnEpoch = lambda _: None
    tensorboard: Path | None = None
    on_pace: Callable[[float], None] | None = None

    def validated(
        self,
        model: "keras.Model",
        batches: Batches,
        validation: Batches,
        *,
        or_untrained: bool = True,
    ) -> EpochLog:
        """Train a model, validate each epoch, and leave the model at its best one.

        Parameters
        ----------
        model : keras.Model
            It ends in the trainee's last layer.
        batches, validation : Batches
            One-hot, with weights; of an autoencoder without labels.
        or_untrained : bool
            Whether the model may stay as it is, if no epoch makes progress.

        Returns
        -------
        EpochLog
            Of all epochs; the model has the weights of `best_epoch`.

        Raises
        ------
        NetworkError
            The loss became NaN or infinite, memory ran out, or the state can't be
            written.
        """
        checkpoints = Checkpoints.open(self.folder, self.on_epoch)
        settings, log = self.settings, checkpoints.log
        # A training that goes on starts from the same, so no file needs to keep it.
        weights = model.trainable_weights
        start = [weight.numpy() for weight in weights]

        def watched() -> list[float]:
            return log.validation(settings.monitor)

        def after() -> set[int]:
            model.stop_training = is_over(settings, watched())
            return {best_epoch(settings, watched())}

        with self._compiled(model):
            if not log.start and not or_untrained:
                log.start = dict(WORST)
            if not log.start:
                found = model.evaluate(
                    validation.dataset(), verbose=0, return_dict=True
                )
                log.start = {
                    f"val_{name}": value for name, value in plain(found).items()
                }
            over = is_over(settings, watched())
            run_epochs(
                model,
                batches,
                checkpoints,
                epochs=len(log.rows) if over else settings.epochs,
                validation=validation,
                rate=lambda epoch: learning_rate(settings, epoch, watched()),
                after=after,
                tensorboard=self.tensorboard,
                on_pace=self.on_pace,
            )
            best = best_epoch(settings, watched())
            if best:
                checkpoints.load(model, best)
            else:
                assign(weights, start)
        return log

    def from_scratch(
        self, model: "keras.Model", batches: Batches, validation: Batches | None
    ) -> EpochLog:
        """Train a model that is of no use yet: any epoch is better than none.

        Parameters
        ----------
        model : keras.Model
        batches : Batches
        validation : Batches or None
            Without it the model is that of the last epoch.

        The other parameters and errors are those of `validated`.
        """
        if validation is not None:
            return self.validated(model, batches, validation, or_untrained=False)
        return self.all_epochs(model, batches)

    def all_epochs(
        self, model: "keras.Model", batches: Batches, validation: Batches | None = None
    ) -> EpochLog:
        """Train a model for all epochs; nothing that is measured changes the rates.

        See `at_rates` for parameters and errors.
        """
        settings = self.settings
        rates = [learning_rate(settings, one, [0]) for one in range(settings.epochs)]
        return self.at_rates(model, batches, rates, validation)

    def at_rates(
        self,
        model: "keras.Model",
        batches: Batches,
        rates: Sequence[float],
        validation: Batches | None = None,
    ) -> EpochLog:
        """Train a model at these learning rates, one per epoch, all of them.

        Parameters
        ----------
        model : keras.Model
        batches : Batches
        rates : sequence of float
        validation : Batches, optional
            Measured after each epoch; chooses nothing.

        The errors are those of `validated`.
        """
        checkpoints = Checkpoints.open(self.folder, self.on_epoch)
        with self._compiled(model):
            run_epochs(
                model,
                batches,
                checkpoints,
                epochs=len(rates),
                validation=validation,
                rate=lambda epoch: rates[epoch],
                tensorboard=self.tensorboard,
                on_pace=self.on_pace,
            )
        return checkpoints.log

    @contextlib.contextmanager
    def _compiled(self, model: "keras.Model") -> Iterator[None]:
        """Compile a model to be trained on logits; restore its softmax afterwards."""
        trainee, settings = self.trainee, self.settings
        last = trainee.last
        objective = _reconstruction() if last is None else _classification(model)
        linear = contextlib.nullcontext() if last is None else _without_softmax(last)
        try:
            with linear:
                model.compile(
                    optimizer=make_optimizer(
                        settings.optimizer,
                        weight_decay=settings.weight_decay,
                        rates=trainee.rates,
                    ),
                    jit_compile=False,
                    **objective,
                )
                # A checkpoint has its weights as well, and may be loaded before any
                # step.
                model.optimizer.build(model.trainable_variables)
                yield
        finally:
            for one in (model, *trainee.sharing):
                # Functions traced without the softmax must not be used again.
                one.predict_function = one.test_function = one.train_function = None


def _classification(model: "keras.Model") -> dict[str, Any]:
    """Return loss and metrics of a model that gives logits."""
    keras = import_keras()
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")]
    if model.losses:
        # Epochs are chosen without what large weights cost.
        entropy = keras.metrics.CategoricalCrossentropy
        metrics.append(entropy(name=CROSS_ENTROPY, from_logits=True))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    return {"loss": loss, "weighted_metrics": metrics}


def _reconstruction() -> dict[str, Any]:
    return {"loss": import_keras().losses.MeanSquaredError()}


@contextlib.contextmanager
def _without_softmax(last: "keras.Layer") -> Iterator[None]:
    softmax, last.activation = last.activation, import_keras().activations.linear
    try:
        yield
    finally:
        last.activation = softmax
