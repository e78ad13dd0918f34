"""Training a head's network with TensorFlow: a graph for each epoch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_tensorflow
from featx.heads.layers import Floats
from featx.heads.trainers.base import Trainer


class TensorFlowTrainer(Trainer):
    """An epoch is one graph; see `Trainer`.

    Tracing it takes as long as many epochs, so it is traced once, for any number of
    rows.
    """

    def __init__(self, *parameters: Any) -> None:
        super().__init__(*parameters)
        self._tf = tf = import_tensorflow()
        rows = tf.TensorSpec((None, self.network.width), tf.float32)
        labels, weights, order, edges = (
            tf.TensorSpec((None,), dtype)
            for dtype in (tf.int32, tf.float32, tf.int32, tf.int32)
        )
        self._epoch_graph: Any = tf.function(
            self._take_steps, input_signature=[rows, labels, weights, order, edges]
        )
        self._score_graph: Any = tf.function(
            self._predict, input_signature=[rows, labels]
        )

    def _begin(self) -> None:
        """See `Trainer`; the variables are the state."""

    def _load(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32], weights: Any
    ) -> None:
        tf = self._tf
        self._data = (tf.constant(rows), tf.constant(labels), tf.constant(weights))

    def _epoch(self, order: NDArray[np.int32], steps: int) -> tuple[float, float]:
        sizes = [0, *map(len, np.array_split(order, steps))]
        edges = np.cumsum(sizes).astype(np.int32)
        tf = self._tf
        loss, right = self._epoch_graph(
            *self._data, tf.constant(order), tf.constant(edges)
        )
        return float(loss), float(right)

    def _score(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> tuple[Floats, Floats]:
        tf = self._tf
        losses, hits = self._score_graph(tf.constant(rows), tf.constant(labels))
        return losses.numpy(), hits.numpy()

    def _release(self) -> None:
        del self._data

    def _predict(self, rows: Any, labels: Any) -> tuple[Any, Any]:
        return self._compare(self._model(rows, training=False), labels)

    def _compare(self, logits: Any, labels: Any) -> tuple[Any, Any]:
        tf = self._tf
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.argmax(logits, axis=1, output_type=tf.int32) == labels
        return losses, tf.cast(hits, tf.float32)

    def _take_steps(
        self, rows: Any, labels: Any, weights: Any, order: Any, edges: Any
    ) -> tuple[Any, Any]:
        """Take one step per batch; return the sums of losses and hits meanwhile."""
        tf = self._tf
        variables = self._model.trainable_variables
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for step in tf.range(tf.shape(edges)[0] - 1):
            chosen = order[edges[step] : edges[step + 1]]
            with tf.GradientTape() as tape:
                logits = self._model(tf.gather(rows, chosen), training=True)
                losses, hits = self._compare(logits, tf.gather(labels, chosen))
                weighted = tf.reduce_mean(losses * tf.gather(weights, chosen))
            self._optimizer.apply(tape.gradient(weighted, variables), variables)
            loss += tf.reduce_sum(losses)
            right += tf.reduce_sum(hits)
        return loss, right
