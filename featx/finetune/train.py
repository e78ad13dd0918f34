"""Training a graft, epoch by epoch, so that a kill loses one epoch at most."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import NetworkError
from featx.finetune.joined_model import Graft
from featx.frameworks import import_keras, import_tensorflow
from featx.heads.table import HEAD_LAYER
from featx.training.augmentation_layers import Mixing
from featx.training.batches import Samples
from featx.training.checkpoints import Log
from featx.training.epochs import Draw, run_epochs
from featx.training.schedule import Course

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, but for its course.

    Attributes
    ----------
    n_classes, batch_size : int
    make_optimizer : callable
        Returns a new one.
    label_smoothing : float
        Share of each label that is given to all classes alike.
    seed : int
        Of the order of the rows, another one each epoch.
    mixing : Mixing, optional
        Mixes a batch's images and labels.
    tensorboard : Path, optional
        Where logs for TensorBoard go.
    """

    n_classes: int
    batch_size: int
    make_optimizer: Callable[[], Any]
    label_smoothing: float = 0.0
    seed: int = 0
    mixing: Mixing | None = None
    tensorboard: Path | None = None


def train_watched(
    graft: Graft,
    trained: "keras.Model",
    samples: Samples,
    held_out: Samples,
    course: Course,
    recipe: Recipe,
    folder: Path,
    *,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Log:
    """Train a model in place, watch it, and leave it at its best epoch.

    Parameters
    ----------
    graft : Graft
    trained : keras.Model
        `graft.above`, `graft.view`, or what ends in one of them.
    samples, held_out : Samples
        To learn from, and to watch.
    course : Course
    recipe : Recipe
    folder : Path
        Where the state is kept; a training that was interrupted goes on from the last
        epoch that was finished.
    on_epoch : callable
        Told how many epochs are done, at the start and after each.

    Returns
    -------
    Log
        ``course.best`` of it tells how many epochs are in the model.

    Raises
    ------
    NetworkError
        The loss is no number any more, or the memory is too small.
    """
    log = Log.open(folder)
    with _trainable(graft, trained, recipe):
        watched = held_out.batches(recipe.n_classes, recipe.batch_size)
        if not log.start:
            loss, accuracy = trained.evaluate(watched, verbose=0)
            log.start = {"val_loss": float(loss), "val_accuracy": float(accuracy)}
            log.keep(trained, {0})

        def rate(epoch: int) -> float:
            return course.rate(epoch, log.watched(course.monitor)[: epoch + 1])

        def after() -> None:
            so_far = log.watched(course.monitor)
            log.keep(trained, {len(log.rows), course.best(so_far)})
            trained.stop_training = course.is_over(so_far)
            on_epoch(len(log.rows))

        on_epoch(len(log.rows))
        if not course.is_over(log.watched(course.monitor)):
            _fit(trained, samples, watched, course.epochs, rate, after, log, recipe)
        log.load(trained, course.best(log.watched(course.monitor)))
    return log


def train_as_before(
    graft: Graft,
    trained: "keras.Model",
    samples: Samples,
    rates: Sequence[float],
    recipe: Recipe,
    folder: Path,
    *,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Log:
    """Train a model in place with these learning rates, one an epoch, unwatched.

    The other parameters and errors are those of `train_watched`.
    """
    log = Log.open(folder)
    if not rates:
        return log

    def after() -> None:
        log.keep(trained, {len(log.rows)})
        on_epoch(len(log.rows))

    on_epoch(len(log.rows))
    with _trainable(graft, trained, recipe):
        _fit(
            *(trained, samples, None, len(rates), lambda epoch: rates[epoch]),
            *(after, log, recipe),
        )
    return log


@contextlib.contextmanager
def _trainable(graft: Graft, model: "keras.Model", recipe: Recipe) -> Iterator[None]:
    """Compile a model to be trained on its scores; give it its softmax back after."""
    keras = import_keras()
    last = graft.head.get_layer(HEAD_LAYER)
    softmax, last.activation = last.activation, keras.activations.linear
    try:
        model.compile(
            optimizer=recipe.make_optimizer(),
            loss=keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,
        )
        # Its weights are kept with the model's, from before the first step on.
        model.optimizer.build(model.trainable_variables)
        yield
    finally:
        last.activation = softmax
        for one in (model, graft.model, graft.view, graft.above):
            # What was traced without it must not be found again.
            one.predict_function = one.test_function = one.train_function = None


def _fit(
    model: "keras.Model",
    samples: Samples,
    watched: Any,
    epochs: int,
    rate: Callable[[int], float],
    after: Callable[[], None],
    log: Log,
    recipe: Recipe,
) -> None:
    """Train from where the log ends; `after` is called when an epoch is in it."""
    tf = import_tensorflow()

    def batches(draw: Draw) -> Any:
        return samples.batches(
            recipe.n_classes,
            recipe.batch_size,
            order=lambda: draw().permutation(len(samples)),
            mixing=recipe.mixing,
        )

    try:
        run_epochs(
            model,
            batches,
            log,
            epochs=epochs,
            seed=recipe.seed,
            watched=watched,
            rate=rate,
            after=after,
            states=recipe.mixing.states if recipe.mixing else (),
            tensorboard=recipe.tensorboard,
        )
    except tf.errors.ResourceExhaustedError:
        raise NetworkError(
            "not enough memory to fine-tune; take a smaller --batch-size"
        ) from None
