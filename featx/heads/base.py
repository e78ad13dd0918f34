"""The interface of all heads: scikit-learn's, with probabilities and groups."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.errors import HeadError
from featx.hardware import blas_threads

if TYPE_CHECKING:
    from featx.heads.layers import Layer

Floats = NDArray[np.floating]
Codes = NDArray[np.intp]


class Head(ClassifierMixin, BaseEstimator):
    """A classifier on embeddings.

    Subclasses store their parameters in `__init__`, among them `class_weight` and
    `random_state`, learn in `_fit` and answer in `_probabilities`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels seen, sorted: the order of the columns of `predict_proba`.
    n_features_in_ : int
        Width of the embeddings.
    history_ : dict of str to list of float
        One value per epoch or round; empty for heads that have none.
    """

    class_weight: Any
    random_state: int

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Learn from embeddings.

        Parameters
        ----------
        X : array-like of float, shape (n, d)
        y : array-like, shape (n,)
            Labels of any kind that sorts.
        groups : array-like of int, shape (n,), optional
            Rows of one group (the same picture twice, say) never fall on both
            sides of a split that the head makes inside.

        Raises
        ------
        ValueError
            Fewer than two classes, or X and y don't fit together.
        """
        rows, labels = validate_data(self, X, y, dtype=[np.float32, np.float64])
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes, got one class")
        weight = compute_sample_weight(self.class_weight, labels)
        self.history_: dict[str, list[float]] = {}
        group_codes = None
        if groups is not None:
            check_consistent_length(rows, groups)
            group_codes = np.unique(np.asarray(groups), return_inverse=True)[1]
        with blas_threads(self._multiply_adds(rows)):
            self._fit(rows, codes, weight.astype(rows.dtype), group_codes)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities, shape (n, n_classes), columns as in `classes_`."""
        check_is_fitted(self, "classes_")
        rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        with blas_threads(self._multiply_adds(rows)):
            found = np.asarray(self._probabilities(rows), dtype=np.float64)
        probabilities: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable labels, shape (n,)."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def to_keras(self, embedding: Any) -> Any:
        """Return the head's probabilities as Keras layers behind an embedding.

        The layers are Keras' own, so that a saved model loads without featx. Each
        call makes new ones; the last is named `featx.heads.HEAD_LAYER`.

        Parameters
        ----------
        embedding : keras.KerasTensor, shape (None, d)

        Returns
        -------
        keras.KerasTensor, shape (None, n_classes)
            Columns as in `classes_`; those of `predict_proba` within 1e-4, or 1e-3
            where scores run into the hundreds: float32 has no more digits.

        Raises
        ------
        HeadError
            The head has no Keras layers, or was fitted on another width.
        """
        from featx.heads.layers import apply_in_keras

        check_is_fitted(self, "classes_")
        layers = self._layers()
        if tuple(embedding.shape[1:]) != (self.n_features_in_,):
            raise HeadError(
                f"{type(self).__name__}: fitted on {self.n_features_in_} numbers an"
                f" image, can't go behind a tensor of shape {embedding.shape}"
            )
        return apply_in_keras(layers, embedding)

    @property
    def has_keras_layers(self) -> bool:
        """Whether `to_keras` can be asked for."""
        check_is_fitted(self, "classes_")
        try:
            self._layers()
        except HeadError:
            return False
        return True

    def scores(self, X: ArrayLike) -> Floats:
        """Return what the last layer's softmax is taken of, shape (n, n_classes).

        Raises
        ------
        HeadError
            The head has no Keras layers.
        """
        from featx.heads.layers import apply_layers

        check_is_fitted(self, "classes_")
        layers = self._layers()
        rows = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        with blas_threads(self._multiply_adds(rows)):
            return apply_layers(layers, rows)

    def _multiply_adds(self, X: Floats) -> int:
        """Return the size of the largest matrix product on these rows, about."""
        return int(X.size) * len(self.classes_)

    @abstractmethod
    def _layers(self) -> "list[Layer]":
        """Return the layers from embeddings to probabilities, as arrays.

        Raises
        ------
        HeadError
            The head has none.
        """

    @abstractmethod
    def _fit(self, X: Floats, y: Codes, weight: Floats, groups: Codes | None) -> None:
        """Learn; `y` are codes from 0 on, `weight` is the weight of each row."""

    @abstractmethod
    def _probabilities(self, X: Floats) -> Floats:
        """Return probabilities up to rounding, shape (n, n_classes)."""
