"""Gradient-boosted trees, grown by XGBoost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.hardware import has_nvidia_gpu, usable_cores
from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer, apply_layers
from featx.heads.table import HEADS
from featx.heads.trees import Trees
from featx.splits import Labels

MAX_TREES = 12_000
"""1000 classes in 200 rounds would be 200,000 trees, and take an hour a fit."""

TOGETHER = 2
"""Rounds that use the same features."""

FEW = 32
"""Features that a round may use at least, if there are so many."""

BINS = 16
"""Thresholds that a tree may choose from for each feature, about. More take longer and
gain nothing."""

SMALL = 1_000_000
"""Numbers that a round sees up to which one thread grows its trees."""


@dataclass(kw_only=True, eq=False, repr=False)
class GradientBoostingHead(Head):
    """Boosted trees, a few rounds at a time on features drawn at random.

    XGBoost counts all features that it is given at every node, also those that a tree
    may not use. So each few rounds are given a twentieth of the features, and go on
    from the scores so far. The number of rounds is fixed: of few images none can be
    spared to choose it, and rounds too many cost little accuracy.

    Parameters
    ----------
    rounds : int
        Boosting rounds. Each grows a tree per class; with many classes there are fewer
        rounds, so that there are 12,000 trees at most.
    learning_rate : float, optional
        By default 0.05, and up to 0.3 where there are fewer rounds.
    max_depth : int
    feature_share : float
        Share of the features that two rounds may use, 32 features at least: embeddings
        are wide and redundant.
    row_share : float
        Share of the rows that each tree sees.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    layers_ : list of Layer
        From embeddings to scores, as arrays.
    history_ : dict
        `epoch` (the round) and `loss`, that of the training rows: one value a round.
    """

    rounds: int = 200
    learning_rate: float | None = None
    max_depth: int = 2
    feature_share: float = 0.05
    row_share: float = 0.8

    @property
    def has_gradients(self) -> bool:
        """Whether scores change smoothly with the embeddings: they do not."""
        return False

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from threadpoolctl import threadpool_limits

        columns = _columns(len(self.classes_))
        rounds = min(self.rounds, max(1, MAX_TREES // columns))
        width = X.shape[1]
        size = max(round(self.feature_share * width), min(FEW, width))
        settings = self._settings(columns, rounds, len(X) * size)
        # XGBoost reads data in as many threads as there are, whatever `nthread` is.
        with threadpool_limits(settings["nthread"], user_api="openmp"):
            trees, losses = self._grow(X, y, weight, size, settings, rounds)
        self.layers_ = _to_scores(trees, len(self.classes_))
        numbers = [float(i + 1) for i in range(rounds)]
        self.history_ = {"epoch": numbers, "loss": losses}

    def _grow(
        self,
        X: Floats,
        y: Labels,
        weight: Floats,
        size: int,
        settings: Mapping[str, Any],
        rounds: int,
    ) -> tuple[Trees, list[float]]:
        """Return the trees, and the loss after each round.

        Parameters
        ----------
        size : int
            Features that a round may use.
        settings : dict
            XGBoost's parameters.
        rounds : int
        """
        from xgboost import QuantileDMatrix, train

        columns = _columns(len(self.classes_))
        scores = np.zeros((len(X), columns), np.float32)
        parts: list[Trees] = []
        losses: list[float] = []
        drawn = _feature_sets(X.shape[1], size, self.random_state)
        for start in range(0, rounds, TOGETHER):
            features = next(drawn)
            data = QuantileDMatrix(
                X[:, features].astype(np.float32, copy=False),
                y,
                weight=weight,
                base_margin=scores if columns > 1 else scores.ravel(),
                max_bin=BINS,
                nthread=settings["nthread"],
            )
            curves: dict[str, Any] = {}
            booster = train(
                {**settings, "seed": self.random_state + start},
                data,
                min(TOGETHER, rounds - start),
                evals=[(data, "rows")],
                evals_result=curves,
                verbose_eval=False,
            )
            losses += map(float, curves["rows"][settings["eval_metric"]])
            scores = booster.predict(data, output_margin=True).reshape(scores.shape)
            trees = Trees.of_booster(booster, columns, depth=self.max_depth)
            parts.append(trees.of_features(features))
        return Trees.joined(parts), losses

    def _settings(self, columns: int, rounds: int, numbers: int) -> dict[str, Any]:
        """Return XGBoost's parameters; numbers: how many a round sees."""
        rate = self.learning_rate
        if rate is None:
            rate = float(np.clip(10 / rounds, 0.05, 0.3))
        objective = {"objective": "binary:logistic", "eval_metric": "logloss"}
        if columns > 1:
            objective = {"objective": "multi:softprob", "eval_metric": "mlogloss"}
            objective["num_class"] = str(columns)
        return {
            **objective,
            "learning_rate": rate,
            "max_depth": self.max_depth,
            "subsample": self.row_share,
            "max_bin": BINS,
            # With many classes a row's hessian starts at 1 / n_classes: XGBoost's
            # default of 1 would allow no leaf for a class of a few images.
            "min_child_weight": 0.1,
            "tree_method": "hist",
            "device": _device(numbers),
            # Threads wait for each other at every node. On small data they gain
            # nothing, and on a busy machine they took 400 times as long.
            "nthread": usable_cores() if numbers > SMALL else 1,
        }

    def set_learned(self, learned: Mapping[str, Any]) -> None:
        """Take what `get_learned` returned, or the booster of an older head."""
        super().set_learned(learned)
        if "model_" in learned:
            from xgboost import Booster

            booster = Booster()
            booster.load_model(bytearray(learned["model_"]))
            self._read_booster(booster)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take a pickle's content; until 0.2 they held XGBoost's classifier."""
        super().__setstate__(state)
        for name in HEADS["gboost"].former:
            self.__dict__.pop(name, None)
        if "model_" in vars(self):
            self._read_booster(self.model_.get_booster())

    def _read_booster(self, booster: Any) -> None:
        """Learn the layers of a booster of all features; it isn't kept."""
        self.__dict__.pop("model_")
        n_classes = len(self.classes_)
        if booster.attr("best_iteration") is not None:  # stopped early
            booster = booster[: booster.best_iteration + 1]
        trees = Trees.of_booster(booster, _columns(n_classes))
        # What the trees add to, however that version of XGBoost stored it.
        origin = np.zeros((1, self.n_features_in_), np.float32)
        scores = booster.inplace_predict(origin, predict_type="margin").reshape(1, -1)
        start = (scores.astype(np.float64) - trees(origin))[0].astype(np.float32)
        self.layers_ = _to_scores(trees, n_classes, start)

    def _logits(self, X: Floats) -> Floats:
        return apply_layers(self.layers_, X)

    def _layers(self) -> list[Layer]:
        trees, dense = self.layers_
        assert isinstance(dense, Dense)
        return [trees, dense.softened(self.temperature_)]


def _columns(n_classes: int) -> int:
    """Return how many scores the trees give: two classes share one."""
    return 1 if n_classes == 2 else n_classes


def _device(numbers: int) -> str:
    """Return where XGBoost grows trees on rows of so many numbers."""
    from xgboost import build_info

    on_gpu = numbers > SMALL and has_nvidia_gpu() and build_info()["USE_CUDA"]
    return "cuda" if on_gpu else "cpu"


def _feature_sets(width: int, size: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """Yield sets of about so many features, each feature as often as others."""
    rng = np.random.default_rng(seed)
    while True:
        yield from np.array_split(rng.permutation(width), round(width / size))


def _to_scores(
    trees: Trees, n_classes: int, start: Floats | None = None
) -> list[Layer]:
    """Return the layers from embeddings to a score for each class.

    Parameters
    ----------
    start : ndarray, shape (columns,), optional
        What the trees add to.
    """
    kernel = np.eye(n_classes, dtype=np.float32)[-trees.columns :]
    bias = np.zeros(n_classes, np.float32)
    if start is not None:
        bias[-trees.columns :] = start
    return [trees, Dense(kernel, bias)]
