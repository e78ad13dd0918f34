"""The interface of all heads: scikit-learn's, with probabilities and groups."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.errors import HeadError
from featx.hardware import blas_threads
from featx.heads.layers import Floats, Layer, apply_in_keras
from featx.heads.scaling import softmax
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class Head(ClassifierMixin, BaseEstimator):
    """A classifier on embeddings.

    A subclass is a dataclass: its fields are its parameters, as scikit-learn wants
    them. It learns in `_fit` and predicts in `_logits`.

    Parameters
    ----------
    class_weight : "balanced", dict or None
        Weight of each class; balanced: rare classes count as much as frequent ones.
    random_state : int
        Seed of all that is drawn in `fit`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels seen, sorted: the order of the columns of `predict_proba`.
    n_features_in_ : int
        Width of the embeddings.
    temperature_ : float
        By which scores are divided before the softmax. 1 after `fit`: whoever has
        scores of images that were held out, as `featx.fit` has, sets it to the result
        of `fit_temperature`. It changes confidences only, never which class of a view
        is the most probable.
    chosen_ : dict of str to Any
        Parameters that were left to the head, and what it chose by the training rows.
    history_ : dict of str to list of float
        One value per epoch or round; empty for heads that have none.
    """

    class_weight: Any = None
    random_state: int = 0

    temperature_ = 1.0  # of heads that were written before all had one

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the head on embeddings.

        Parameters
        ----------
        X : array-like of float, shape (n, d)
        y : array-like, shape (n,)
            Labels of any type that can be sorted.
        groups : array-like of int, shape (n,), optional
            Rows of one group, such as copies of one picture, stay on one side of every
            split that the head makes of these rows.

        Raises
        ------
        ValueError
            There are fewer than two classes, or X and y differ in length.
        """
        rows, labels = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes, got one class")
        weight = compute_sample_weight(self.class_weight, labels)
        self.history_: dict[str, list[float]] = {}
        self.chosen_: dict[str, Any] = {}
        self.temperature_ = 1.0
        groups = np.arange(len(rows)) if groups is None else np.asarray(groups)
        check_consistent_length(rows, groups)
        group_codes = np.unique(groups, return_inverse=True)[1]
        with blas_threads(self._multiply_adds(rows)):
            self._fit(rows, codes, weight.astype(rows.dtype), group_codes)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities, shape (n, n_classes), columns as in `classes_`."""
        return softmax(self.logits(X).astype(np.float64) / self.temperature_)

    def logits(self, X: ArrayLike) -> Floats:
        """Return the scores before temperature and softmax, shape (n, n_classes)."""
        check_is_fitted(self, "classes_")
        rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        with blas_threads(self._multiply_adds(rows)):
            return self._logits(rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable labels, shape (n,)."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def to_keras(self, embedding: Any) -> Any:
        """Return the head's probabilities as Keras layers behind an embedding.

        The layers are Keras' own, so that a saved model loads without featx. Each
        call makes new ones; the last is named `HEAD_LAYER`.

        Parameters
        ----------
        embedding : keras.KerasTensor, shape (None, d)

        Returns
        -------
        keras.KerasTensor, shape (None, n_classes)
            Columns as in `classes_`. They agree with `predict_proba` within 1e-4, or
            1e-3 where scores run into the hundreds: float32 has no more digits.

        Raises
        ------
        HeadError
            The head has no Keras layers, or was fitted on another width.
        """
        check_is_fitted(self, "classes_")
        layers = self._layers()
        if tuple(embedding.shape[1:]) != (self.n_features_in_,):
            raise HeadError(
                f"{type(self).__name__} was fitted on embeddings of width"
                f" {self.n_features_in_}, got a tensor of shape {embedding.shape}"
            )
        return apply_in_keras(layers, embedding)

    @property
    def has_gradients(self) -> bool:
        """Whether scores change smoothly with the embeddings, as training needs it."""
        return True

    @property
    def has_keras_layers(self) -> bool:
        """Whether the head can become Keras layers (`to_keras`)."""
        check_is_fitted(self, "classes_")
        try:
            self._layers()
        except HeadError:
            return False
        return True

    @property
    def can_be_trained_further(self) -> bool:
        """Whether training can go on from the head's Keras layers."""
        return self.has_gradients and self.has_keras_layers

    def get_learned(self) -> dict[str, Any]:
        """Return what was learned, by attribute: numbers, arrays, lists of layers.

        With the parameters (`get_params`) it is all that predicting needs. A head that
        holds something else turns it into an array here, and back in `set_learned`.
        """
        check_is_fitted(self, "classes_")
        parameters = self.get_params()
        return {k: value for k, value in vars(self).items() if k not in parameters}

    def set_learned(self, learned: Mapping[str, Any]) -> None:
        """Take what `get_learned` returned."""
        for name, value in learned.items():
            setattr(self, name, value)

    def _multiply_adds(self, X: Floats) -> int:
        """Return the size of the largest matrix product on these rows, about."""
        return int(X.size) * len(self.classes_)

    @abstractmethod
    def _layers(self) -> list[Layer]:
        """Return the layers from embeddings to probabilities, as arrays.

        Raises
        ------
        HeadError
            The head can't be written as layers.
        """

    @abstractmethod
    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        """Learn from labels that are codes from 0 on, and the weight of each row."""

    @abstractmethod
    def _logits(self, X: Floats) -> Floats:
        """Return scores whose softmax is the probabilities, shape (n, n_classes)."""
