"""A softmax layer trained by Keras in mini-batches."""

from typing import Any

import numpy as np

from featx.frameworks import import_keras, import_tensorflow
from featx.heads.base import Codes, Floats
from featx.heads.linear import LinearHead, fit_temperature
from featx.images import hold_out


class SoftmaxHead(LinearHead):
    """Keras' Dense layer with softmax on standardised embeddings.

    AdamW on mini-batches; training stops when the cross-entropy on a held-out part
    hasn't fallen for `patience` epochs. The layer is then trained anew on all rows
    for as many epochs as were best: with few images a class, none can be spared. The
    held-out scores of the best epoch give the temperature: weight decay leaves a
    layer less sure than it could be.

    Parameters
    ----------
    epochs : int
        Bound on the passes over the training rows.
    batch_size : int
    learning_rate : float
    weight_decay : float
        AdamW's; decoupled, so that the loss stays the plain cross-entropy.
    patience : int
        Epochs without a lower validation loss before training stops.
    validation_share : float
        Share of the rows that is held out to watch.
    class_weight : "balanced", dict or None
    random_state : int
        Seed of weights, batches and the held-out part.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value an epoch.
    """

    def __init__(
        self,
        *,
        epochs: int = 200,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 2.0,
        patience: int = 10,
        validation_share: float = 0.15,
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_share = validation_share
        self.class_weight = class_weight
        self.random_state = random_state

    def _fit_affine(
        self, Z: Floats, y: Codes, weight: Floats, groups: Codes | None
    ) -> None:
        train, held_out = hold_out(
            y, groups, share=self.validation_share, seed=self.random_state
        )
        epochs = self.epochs
        if len(held_out):
            trainer = _Trainer(self, Z[train], y[train], weight[train])
            epochs, logits = self._watch(trainer, Z[held_out], y[held_out])
            self.temperature_ = fit_temperature(logits, y[held_out], weight[held_out])
        trainer = _Trainer(self, Z, y, weight)
        curve = [trainer.train() for _ in range(epochs)]
        if not self.history_:
            self.history_ = _columns([(i, *c) for i, c in enumerate(curve, start=1)])
        kernel, bias = trainer.layer.get_weights()
        self.coef_, self.intercept_ = kernel.T.copy(), bias

    def _watch(self, trainer: "_Trainer", Z: Floats, y: Codes) -> tuple[int, Floats]:
        """Train until the held-out loss stops falling.

        Returns
        -------
        epoch : int
            The best one.
        logits : ndarray, shape (n_held_out, n_classes)
            The held-out rows' scores at that epoch.
        """
        rows: list[tuple[float, ...]] = []
        best, best_epoch = np.inf, 1
        best_logits: Floats = np.zeros((0, 0))
        for epoch in range(1, self.epochs + 1):
            trained = trainer.train()
            loss, accuracy, logits = trainer.measure(Z, y)
            rows.append((epoch, *trained, loss, accuracy))
            if loss < best:
                best, best_epoch, best_logits = loss, epoch, logits
            elif epoch - best_epoch >= self.patience:
                break
        self.history_ = _columns(rows)
        return best_epoch, best_logits


def _columns(rows: list[tuple[float, ...]]) -> dict[str, list[float]]:
    names = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    return {
        name: [float(value) for value in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=False)
    }


class _Trainer:
    """Trains one Dense layer, an epoch a call.

    An epoch is one graph: Keras' own loop spends a tenth of a second on each, fifty
    times what the arithmetic of a layer on embeddings takes.
    """

    def __init__(self, head: SoftmaxHead, Z: Floats, y: Codes, weight: Floats) -> None:
        keras = import_keras()
        self._tf = tf = import_tensorflow()
        self.layer = keras.layers.Dense(
            len(head.classes_),
            kernel_initializer=keras.initializers.GlorotUniform(head.random_state),
            dtype="float32",
        )
        self.layer.build((None, Z.shape[1]))
        self._optimizer = keras.optimizers.AdamW(
            head.learning_rate, weight_decay=head.weight_decay
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias"])
        self._optimizer.build(self.layer.trainable_variables)
        self._rows = tf.constant(Z, tf.float32)
        self._labels = tf.constant(y, tf.int32)
        self._weights = tf.constant(weight, tf.float32)
        self._batch_size = head.batch_size
        self._rng = np.random.default_rng(head.random_state)
        self._epoch: Any = tf.function(self._epoch_graph)
        self._scores: Any = tf.function(self._scores_graph)

    def train(self) -> tuple[float, float]:
        """Train for an epoch, in a new order; return loss and accuracy over it."""
        tf = self._tf
        order = self._rng.permutation(len(self._rows))
        loss, accuracy = self._epoch(tf.constant(order, tf.int32))
        return float(loss), float(accuracy)

    def measure(self, Z: Floats, y: Codes) -> tuple[float, float, Floats]:
        """Return loss, accuracy and scores on other rows."""
        tf = self._tf
        scores = self._scores(tf.constant(Z, tf.float32), tf.constant(y, tf.int32))
        losses, hits, logits = (values.numpy() for values in scores)
        return float(losses.mean()), float(hits.mean()), logits

    def _scores_graph(self, rows: Any, labels: Any) -> tuple[Any, Any, Any]:
        """Return each row's loss, whether it is right, and its scores."""
        tf = self._tf
        logits = self.layer(rows)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return losses, tf.cast(hits, tf.float32), logits

    def _epoch_graph(self, order: Any) -> tuple[Any, Any]:
        """Take one step a batch; return the mean loss and accuracy on the way."""
        tf = self._tf
        variables = self.layer.trainable_variables
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, len(self._rows), self._batch_size):
            chosen = order[start : start + self._batch_size]
            labels = tf.gather(self._labels, chosen)
            weights = tf.gather(self._weights, chosen)
            with tf.GradientTape() as tape:
                losses, hits, _ = self._scores_graph(
                    tf.gather(self._rows, chosen), labels
                )
                weighted = tf.reduce_mean(losses * weights)
            self._optimizer.apply(tape.gradient(weighted, variables), variables)
            loss += tf.reduce_sum(losses)
            right += tf.reduce_sum(hits)
        return loss / len(self._rows), right / len(self._rows)
