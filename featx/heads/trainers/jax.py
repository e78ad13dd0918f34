"""Training a head's network with JAX: the steps of a size are one compiled loop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_jax
from featx.heads.layers import Floats
from featx.heads.trainers.base import Trainer


class JaxTrainer(Trainer):
    """The steps of an epoch are two compiled loops, one for each size; see `Trainer`.

    Compiling takes as long as thousands of epochs. Rows are filled up to a power of two
    and the number of steps is open, so that other rows seldom compile anything again.
    """

    def __init__(self, *parameters: Any) -> None:
        super().__init__(*parameters)
        self._jax = jax = import_jax()
        self._compiled_steps = jax.jit(self._take_steps, static_argnums=0)
        self._compiled_score = jax.jit(self._predict)

    def _begin(self) -> None:
        self._state = tuple(
            [variable.value for variable in variables] for variables in self._variables
        )

    def _load(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32], weights: Any
    ) -> None:
        filled = map(_filled_up, (rows, labels, weights))
        self._data = tuple(map(self._jax.numpy.asarray, filled))

    @property
    def _variables(self) -> tuple[list[Any], ...]:
        """What an epoch changes."""
        model = self._model
        trained, others = model.trainable_variables, model.non_trainable_variables
        return (trained, others, self._optimizer.variables)

    def _epoch(self, order: NDArray[np.int32], steps: int) -> tuple[float, float]:
        short, longer = divmod(len(order), steps)
        loops = [(short + 1, 0, longer), (short, longer * (short + 1), steps - longer)]
        done, order = (self._state, 0.0, 0.0), _filled_up(order)
        with self._jax.default_matmul_precision("highest"):
            for size, begin, count in loops:
                if count:
                    done = self._compiled_steps(
                        size, done, self._data, order, begin, count
                    )
        self._state, loss, right = done
        return float(loss), float(right)

    def _score(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> tuple[Floats, Floats]:
        with self._jax.default_matmul_precision("highest"):
            losses, hits = self._compiled_score(
                self._state, _filled_up(rows), _filled_up(labels)
            )
        return np.asarray(losses)[: len(rows)], np.asarray(hits)[: len(rows)]

    def _release(self) -> None:
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        del self._data, self._state

    def _predict(self, state: Any, rows: Any, labels: Any) -> tuple[Any, Any]:
        trained, others, _ = state
        logits, _ = self._model.stateless_call(trained, others, rows, training=False)
        return self._compare(logits, labels)

    def _compare(self, logits: Any, labels: Any) -> tuple[Any, Any]:
        jax = self._jax
        scores = jax.nn.log_softmax(logits)
        losses = -jax.numpy.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
        return losses, (logits.argmax(axis=1) == labels).astype("float32")

    def _take_steps(
        self, size: int, done: Any, data: Any, order: Any, begin: Any, count: Any
    ) -> Any:
        """Take some steps of one size.

        Parameters
        ----------
        size : int
            Rows per step.
        done : tuple
            State, sum of losses and sum of hits so far.
        data : tuple of array
            All rows with labels and weights.
        order : array of int
        begin : int
            Where in `order` the first of these steps begins.
        count : int
            How many steps to take.

        Returns
        -------
        tuple
            As `done`.
        """
        jax = self._jax
        rows, labels, weights = data

        def loss_of(trained: Any, others: Any, chosen: Any) -> tuple[Any, Any]:
            logits, others = self._model.stateless_call(
                trained, others, rows[chosen], training=True
            )
            losses, hits = self._compare(logits, labels[chosen])
            weighted = (losses * weights[chosen]).mean()
            return weighted, (others, losses.sum(), hits.sum())

        gradient_of = jax.value_and_grad(loss_of, has_aux=True)

        def step(number: Any, done: Any) -> Any:
            (trained, others, optimizer), loss, right = done
            start = begin + number * size
            chosen = jax.lax.dynamic_slice_in_dim(order, start, size)
            (_, (others, more, hits)), gradients = gradient_of(trained, others, chosen)
            trained, optimizer = self._optimizer.stateless_apply(
                optimizer, gradients, trained
            )
            return (trained, others, optimizer), loss + more, right + hits

        return jax.lax.fori_loop(0, count, step, done)


def _filled_up(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows with zeros after them, up to a power of two."""
    count = 1 << (len(rows) - 1).bit_length()
    return np.pad(rows, [(0, count - len(rows))] + [(0, 0)] * (rows.ndim - 1))
