"""A multilayer perceptron, trained by Keras in mini-batches."""

from dataclasses import dataclass

from featx.heads.hidden import parse_hidden
from featx.heads.layers import Dense, Floats, Layer
from featx.heads.network import Network
from featx.heads.rows import Rows
from featx.heads.training import NetworkHead


@dataclass(kw_only=True, eq=False, repr=False)
class MLPHead(NetworkHead):
    """Dense layers with relu on standardised embeddings, then softmax.

    Trained as `SoftmaxHead` is.

    Parameters
    ----------
    hidden : str
        The layers between embedding and classes, comma-separated, such as
        ``768,bn,dropout0.25,512,dropout0.25``: a number of units (Dense with ReLU),
        ``bn`` (BatchNormalization) or ``dropoutRATE``; a number of units comes first.
    epochs, batch_size, learning_rate, weight_decay, patience, validation_share
        See `NetworkTraining`.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    history_ : dict
        `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`: one value per epoch.
    """

    hidden: str = "128"

    def _network(self, width: int) -> Network:
        return Network(width, len(self.classes_), parse_hidden(self.hidden))

    def _scaled_rows(self, X: Floats) -> Rows:
        rows = Rows(X)
        self.mean_, self.scale_ = rows.mean, rows.scale
        return rows

    def _scaled(self, X: Floats) -> Floats:
        scaled: Floats = (X - self.mean_) / self.scale_
        return scaled

    def _scores(self) -> list[Layer]:
        first, *others = self.layers_
        assert isinstance(first, Dense)
        return [first.after_scaling(self.mean_, self.scale_), *others]
