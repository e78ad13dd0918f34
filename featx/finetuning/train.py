"""Training a joined model by epochs, so that a kill loses one epoch at most."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from featx.finetuning.joined_model import JoinedModel
from featx.finetuning.schedule import best_epoch, is_over, learning_rate
from featx.finetuning.settings import FinetuneSettings
from featx.frameworks import import_keras
from featx.heads.layers import HEAD_LAYER
from featx.training.batches import Batches
from featx.training.checkpoints import Checkpoints, OnEpoch
from featx.training.epochs import run_epochs
from featx.training.log import EpochLog
from featx.training.optimizers import layer_rates, make_optimizer

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Training:
    """Trains a joined model in place; an interrupted training goes on.

    Attributes
    ----------
    joined : JoinedModel
    settings : FinetuneSettings
    folder : Path
        Where the state is kept.
    on_epoch : callable
        Called with the number of finished epochs, at the start and after each.
    tensorboard : Path, optional
        Where logs for TensorBoard go.
    """

    joined: JoinedModel
    settings: FinetuneSettings
    folder: Path
    on_epoch: OnEpoch = lambda _: None
    tensorboard: Path | None = None

    def validated(
        self, model: "keras.Model", batches: Batches, validation: Batches
    ) -> EpochLog:
        """Train a model, validate each epoch, and leave the model at its best one.

        Parameters
        ----------
        model : keras.Model
            `joined.above`, `joined.view`, or a model that ends in one of them.
        batches, validation : Batches
            One-hot, with weights.

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

        def watched() -> list[float]:
            return log.validation(settings.monitor)

        def after() -> set[int]:
            model.stop_training = is_over(settings, watched())
            return {best_epoch(settings, watched())}

        with self._compiled(model):
            if not log.start:
                loss, accuracy = model.evaluate(validation.dataset(), verbose=0)
                log.start = {"val_loss": float(loss), "val_accuracy": float(accuracy)}
                checkpoints.save(model)
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
            )
            checkpoints.load(model, best_epoch(settings, watched()))
        return log

    def at_rates(
        self, model: "keras.Model", batches: Batches, rates: Sequence[float]
    ) -> EpochLog:
        """Train a model at these learning rates, one per epoch, unvalidated.

        The other parameters and errors are those of `validated`.
        """
        checkpoints = Checkpoints.open(self.folder, self.on_epoch)
        with self._compiled(model):
            run_epochs(
                model,
                batches,
                checkpoints,
                epochs=len(rates),
                rate=lambda epoch: rates[epoch],
                tensorboard=self.tensorboard,
            )
        return checkpoints.log

    @contextlib.contextmanager
    def _compiled(self, model: "keras.Model") -> Iterator[None]:
        """Compile a model to be trained on logits; restore its softmax afterwards."""
        keras, joined, settings = import_keras(), self.joined, self.settings
        last = joined.head.get_layer(HEAD_LAYER)
        softmax, last.activation = last.activation, keras.activations.linear
        rates = layer_rates(
            joined.bases,
            backbone_rate=settings.backbone_rate,
            depth_decay=settings.depth_decay,
        )
        try:
            model.compile(
                optimizer=make_optimizer(
                    settings.optimizer, weight_decay=settings.weight_decay, rates=rates
                ),
                loss=keras.losses.CategoricalCrossentropy(from_logits=True),
                weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
                jit_compile=False,
            )
            # The first checkpoint, before the first step, has its weights as well.
            model.optimizer.build(model.trainable_variables)
            yield
        finally:
            last.activation = softmax
            for one in (model, joined.model, joined.view, joined.above):
                # Functions traced without the softmax must not be used again.
                one.predict_function = one.test_function = one.train_function = None
