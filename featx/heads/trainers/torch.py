"""Training a head's network with PyTorch: a plain loop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.frameworks import import_torch
from featx.heads.layers import Floats
from featx.heads.trainers.base import Trainer


class TorchTrainer(Trainer):
    """Each step is computed operation by operation; see `Trainer`."""

    def __init__(self, *parameters: Any) -> None:
        super().__init__(*parameters)
        self._torch = import_torch()
        self._device = self._model.trainable_variables[0].value.device

    def _begin(self) -> None:
        """See `Trainer`; the variables are the state."""

    def _load(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32], weights: Any
    ) -> None:
        self._data = tuple(self._tensors(rows, labels.astype(np.int64), weights))

    def _tensors(self, *arrays: Any) -> list[Any]:
        return [self._torch.tensor(one, device=self._device) for one in arrays]

    def _epoch(self, order: NDArray[np.int32], steps: int) -> tuple[float, float]:
        torch = self._torch
        rows, labels, weights = self._data
        variables = self._model.trainable_variables
        totals = torch.zeros(2, device=self._device)
        for chosen in self._tensors(*np.array_split(order, steps)):
            self._model.zero_grad()
            logits = self._model(rows[chosen], training=True)
            losses, hits = self._compare(logits, labels[chosen])
            (losses * weights[chosen]).mean().backward()
            gradients = [variable.value.grad for variable in variables]
            with torch.no_grad():
                self._optimizer.apply(gradients, variables)
                totals += torch.stack([losses.sum(), hits.sum()])
        loss, right = totals.tolist()
        return loss, right

    def _score(
        self, rows: NDArray[np.float32], labels: NDArray[np.int32]
    ) -> tuple[Floats, Floats]:
        tensor, expected = self._tensors(rows, labels.astype(np.int64))
        with self._torch.inference_mode():
            logits = self._model(tensor, training=False)
            losses, hits = self._compare(logits, expected)
        return losses.cpu().numpy(), hits.cpu().numpy()

    def _release(self) -> None:
        del self._data

    def _compare(self, logits: Any, labels: Any) -> tuple[Any, Any]:
        losses = self._torch.nn.functional.cross_entropy(
            logits, labels, reduction="none"
        )
        return losses, (logits.argmax(dim=1) == labels).float()
