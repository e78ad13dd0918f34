"""A softmax layer, trained by Keras in mini-batches."""

from dataclasses import dataclass

from featx.heads.layers import Dense, Floats
from featx.heads.linear import LinearHead
from featx.heads.network import Network
from featx.heads.rows import Rows
from featx.heads.training import NetworkTraining
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class SoftmaxHead(NetworkTraining, LinearHead):
    """Keras' Dense layer with softmax on standardised embeddings.

    Trained by AdamW on mini-batches, with early stopping on held-out rows and then
    again on all rows (see `NetworkTraining`).

    Parameters
    ----------
    epochs, batch_size, learning_rate, weight_decay, patience, validation_share
        See `NetworkTraining`.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value per epoch.
    """

    def _fit_affine(
        self, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> None:
        network = Network(rows.width, len(self.classes_))
        (dense,) = self._train(network, rows, y, weight, groups)
        assert isinstance(dense, Dense)
        self.coef_, self.intercept_ = dense.kernel.T.copy(), dense.bias
