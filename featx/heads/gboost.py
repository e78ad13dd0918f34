"""Gradient-boosted trees by XGBoost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer
from featx.heads.trees import Trees
from featx.splits import Labels, hold_out

MAX_TREES = 12_000
"""200 classes in 300 rounds would be 60,000 trees, and take minutes a fit."""

SMALL = 1_000_000
"""Numbers in the embeddings up to which one thread grows the trees."""


@dataclass(kw_only=True, eq=False, repr=False)
class GradientBoostingHead(Head):
    """XGBoost's classifier, stopped early on rows that are held out.

    Parameters
    ----------
    rounds : int
        At most so many boosting rounds. Each grows a tree per class; with many classes
        there are fewer rounds, so that there are 12,000 trees at most.
    learning_rate : float, optional
        By default 0.1, and up to 0.3 where there are fewer rounds.
    max_depth : int
    feature_share : float
        Share of the features that each tree may use: embeddings are wide and
        redundant.
    row_share : float
        Share of the rows that each tree sees.
    patience : int
        Rounds without a lower validation loss before boosting stops.
    validation_share : float
        Share of the rows that is held out to measure the validation loss on.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    history_ : dict
        `epoch` (the round), `loss` and `val_loss`: one value a round.
    """

    rounds: int = 300
    learning_rate: float | None = None
    max_depth: int = 3
    feature_share: float = 0.1
    row_share: float = 0.8
    patience: int = 20
    validation_share: float = 0.15

    @property
    def has_gradients(self) -> bool:
        """Whether scores change smoothly with the embeddings: they do not."""
        return False

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from xgboost import XGBClassifier

        train, held_out = hold_out(
            y, groups, share=self.validation_share, seed=self.random_state
        )
        watched = [(X[train], y[train])]
        if len(held_out):
            watched.append((X[held_out], y[held_out]))
        rounds = min(self.rounds, max(1, MAX_TREES // len(self.classes_)))
        rate = self.learning_rate
        if rate is None:
            rate = float(np.clip(30 / rounds, 0.1, 0.3))
        self.model_ = XGBClassifier(
            n_estimators=rounds,
            learning_rate=rate,
            max_depth=self.max_depth,
            colsample_bytree=self.feature_share,
            subsample=self.row_share,
            max_bin=64,
            # With many classes a row's hessian starts at 1 / n_classes: XGBoost's
            # default of 1 would allow no leaf for a class of a few images.
            min_child_weight=0.1,
            tree_method="hist",
            early_stopping_rounds=self.patience,
            eval_metric="logloss" if len(self.classes_) == 2 else "mlogloss",
            random_state=self.random_state,
            # Threads wait for each other at every node. On small data they gain
            # nothing, and on a busy machine they took 400 times as long.
            n_jobs=None if X.size > SMALL else 1,
        )
        self.model_.fit(
            X[train], y[train], sample_weight=weight[train], eval_set=watched, verbose=0
        )
        names = ["loss", "val_loss"][: len(watched)]
        results = self.model_.evals_result().values()
        curves = {
            n: next(iter(r.values())) for n, r in zip(names, results, strict=True)
        }
        rounds = len(curves["loss"])
        self.history_ = {"epoch": [float(i + 1) for i in range(rounds)], **curves}

    def get_learned(self) -> dict[str, Any]:
        """Return the trees in XGBoost's UBJSON, as an array of bytes."""
        trees = self.model_.get_booster().save_raw("ubj")
        return {**super().get_learned(), "model_": np.frombuffer(trees, np.uint8)}

    def set_learned(self, learned: Mapping[str, Any]) -> None:
        """Load the trees from an array of bytes."""
        from xgboost import XGBClassifier

        model = XGBClassifier()
        model.load_model(bytearray(learned["model_"]))
        super().set_learned({**learned, "model_": model})

    def _logits(self, X: Floats) -> Floats:
        margins: Floats = self.model_.predict(X, output_margin=True)
        if margins.ndim > 1:
            return margins
        return np.stack([np.zeros_like(margins), margins], axis=1)  # of two classes

    def _layers(self) -> list[Layer]:
        booster = self.model_.get_booster()
        classes = len(self.classes_)
        columns = 1 if classes == 2 else classes
        trees = Trees.of_booster(booster[: booster.best_iteration + 1], columns)
        # What the trees add to, however this version of XGBoost stores it.
        origin = np.zeros((1, self.n_features_in_), np.float32)
        start = self._logits(origin).astype(np.float64)[0]
        start[-columns:] -= trees(origin)[0]
        kernel = np.eye(classes)[-columns:]
        return [trees, Dense(kernel, start).softened(self.temperature_)]
