"""Any classifier of scikit-learn as a head, named by its import path."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

import numpy as np

from featx.errors import HeadError, first_line, nearest
from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer
from featx.heads.scaling import learn_scaling
from featx.splits import Labels

PACKAGE = "sklearn"

LEAST_PROBABILITY = 1e-4
"""Smaller probabilities are raised to it: a forest says 0 where none of a hundred trees
has a class, which is no proof."""

EXAMPLE = "sklearn.ensemble.ExtraTreesClassifier"


@dataclass(kw_only=True, eq=False, repr=False)
class ScikitLearnHead(Head):
    """A classifier of scikit-learn on standardised embeddings.

    Classifiers that take no negative numbers get rows divided by their deviations. The
    scores are those of `decision_function` where there is one with a column for each
    class, else the logarithms of the probabilities. Linear ones become Keras layers.

    Parameters
    ----------
    estimator : str
        The import path of a classifier below `sklearn`.
    parameters : dict, optional
        Its parameters that differ from its defaults.
    class_weight : "balanced", dict or None
        Goes to the classifier as weights of the rows, or of the classes if it takes
        those only.
    random_state : int
        Goes to the classifier if it draws anything.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,)
    model_ : sklearn classifier
        Its classes are codes from 0 on.
    """

    estimator: str = EXAMPLE
    parameters: dict[str, Any] | None = None

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from sklearn.utils import get_tags

        model, options = self._prepared(y, weight)
        self.mean_, self.scale_ = learn_scaling(X)
        try:
            if get_tags(model).input_tags.positive_only:
                self.mean_ = np.zeros_like(self.mean_)
            self.model_ = model.fit(self._scaled(X), y, **options)
        except Exception as error:  # each has errors of its own
            raise ValueError(first_line(error)) from error

    def _prepared(self, y: Labels, weight: Floats) -> tuple[Any, dict[str, Floats]]:
        """Return the unfitted classifier, and what else its `fit` gets."""
        from sklearn.utils.validation import has_fit_parameter

        given = self.parameters or {}
        model = classifier(self.estimator)().set_params(**given)
        known = model.get_params()
        if "random_state" in known and "random_state" not in given:
            model.set_params(random_state=self.random_state)
        if self.class_weight is None:
            return model, {}
        if has_fit_parameter(model, "sample_weight"):
            return model, {"sample_weight": weight}
        if "class_weight" not in known:
            raise ValueError("takes no weights of classes or rows")
        codes, rows = np.unique(y, return_index=True)
        of_class = zip(codes.tolist(), weight[rows].tolist(), strict=True)
        return model.set_params(class_weight=dict(of_class)), {}

    def _scaled(self, X: Floats) -> Floats:
        scaled: Floats = (X - self.mean_) / self.scale_
        return scaled

    def _logits(self, X: Floats) -> Floats:
        try:
            return self._scores(self._scaled(X))
        except Exception as error:
            raise HeadError(f"head '{self.estimator}': {first_line(error)}") from error

    def _scores(self, Z: Floats) -> Floats:
        if hasattr(self.model_, "decision_function"):
            scores = np.asarray(self.model_.decision_function(Z))
            if scores.ndim == 1:  # of the second of two classes
                return np.stack([np.zeros_like(scores), scores], axis=1)
            if scores.shape[1] == len(self.classes_):
                return scores
        # Some give no numbers for rows that are far from all others.
        found = np.fmax(self.model_.predict_proba(Z), LEAST_PROBABILITY)
        logs: Floats = np.log(found)
        return logs

    def get_learned(self) -> dict[str, Any]:
        """Return the classifier in skops' format, as an array of bytes."""
        from featx.heads.stored_estimators import estimator_bytes

        stored = estimator_bytes(self.model_)
        return {**super().get_learned(), "model_": np.frombuffer(stored, np.uint8)}

    def set_learned(self, learned: Mapping[str, Any]) -> None:
        """Load the classifier from an array of bytes.

        Raises
        ------
        HeadError
            It isn't the one that the parameters name, or holds more than a classifier.
        """
        from featx.heads.stored_estimators import read_estimator

        model = read_estimator(
            learned["model_"].tobytes(),
            classifier(self.estimator),
            width=int(learned["n_features_in_"]),
        )
        super().set_learned({**learned, "model_": model})

    def _layers(self) -> list[Layer]:
        from sklearn.linear_model._base import LinearClassifierMixin

        if not isinstance(self.model_, LinearClassifierMixin):
            raise HeadError(f"{self.estimator}: is not linear")
        kernel = np.atleast_2d(self.model_.coef_).T
        bias = np.atleast_1d(self.model_.intercept_)
        if kernel.shape[1] == 1:  # two classes share one column
            kernel = np.hstack([np.zeros_like(kernel), kernel])
            bias = np.concatenate([[0], bias])
        dense = Dense(kernel, np.broadcast_to(bias, len(self.classes_)))
        return [
            dense.after_scaling(self.mean_, self.scale_).softened(self.temperature_)
        ]


def is_path(name: str) -> bool:
    """Return whether a head's name is an import path below `sklearn`."""
    return name.startswith(f"{PACKAGE}.")


@cache
def classifier(path: str) -> Any:
    """Return the class that an import path below `sklearn` names.

    Raises
    ------
    HeadError
        There is none, it is no classifier, or it can't be made without arguments.
    """
    module, _, name = path.rpartition(".")
    found = None
    if is_path(path):
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            found = None
    if found is None:
        raise HeadError(f"no head '{path}'{nearest(path, classifier_paths())}")
    if not _is_classifier(found):
        raise HeadError(
            f"head '{path}': is no classifier of scikit-learn; one is, for example,"
            f" {EXAMPLE}"
        )
    if needed := _needed(found):
        raise HeadError(
            f"head '{path}': can't be made without arguments ({', '.join(needed)});"
            " choose a classifier that is complete by itself"
        )
    return found


def short_path(path: str) -> str:
    """Return the public import path of a classifier.

    Raises
    ------
    HeadError
        See `classifier`.
    """
    kind = classifier(path)
    module, _, _ = f"{kind.__module__}.".partition("._")
    short = f"{module.rstrip('.')}.{kind.__name__}"
    try:
        return short if classifier(short) is kind else path
    except HeadError:  # a module of its own that isn't private
        return path


@cache
def classifier_paths() -> tuple[str, ...]:
    """Return the public import paths of scikit-learn's classifiers, sorted."""
    from sklearn.utils import all_estimators

    paths = set()
    for name, kind in all_estimators("classifier"):
        if not _needed(kind):
            public, _, _ = kind.__module__.partition("._")
            paths.add(f"{public}.{name}")
    return tuple(sorted(paths))


def _needed(kind: Any) -> list[str]:
    """Return the names of a class's parameters that have no default."""
    parameters = signature(kind).parameters.values()
    return [one.name for one in parameters if one.default is Parameter.empty]


def _is_classifier(found: Any) -> bool:
    from sklearn.base import BaseEstimator, ClassifierMixin

    return (
        isinstance(found, type)
        and issubclass(found, ClassifierMixin)
        and issubclass(found, BaseEstimator)
        and found.__module__.startswith(f"{PACKAGE}.")
    )
