"""A run: its settings, scores, predictions, training curves and model."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.spec import Spec
from featx.errors import RunError
from featx.evaluation.conformal import SetRule
from featx.evaluation.familiarity import Familiarity
from featx.images.sources import View
from featx.runs.cv_predictions import CvPredictions, read_cv_predictions
from featx.runs.familiarity import read_familiarity
from featx.runs.files import PRETRAINING_FILE, RUN_FILE
from featx.runs.frames import import_pandas
from featx.runs.info import Kind, RunInfo
from featx.runs.metrics import Metrics
from featx.runs.models import load_head, load_model
from featx.runs.predictions import (
    HeldOut,
    RunPredictions,
    read_held_out,
    read_history,
    read_predictions,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from featx.heads.base import Head


@dataclass(frozen=True)
class Run:
    """A run folder that was read.

    Attributes
    ----------
    path : Path
        The folder.
    info : RunInfo
        `run.json`: settings, data, versions, seed, timings.
    metrics : Metrics
        `metrics.json`: scores on the test split, `cv_accuracy`, intervals.
    trust : bool
        Whether its head may be loaded from a pickle, which can run code.
    """

    path: Path
    info: RunInfo
    metrics: Metrics
    trust: bool = False

    def __repr__(self) -> str:
        return f"Run('{self.path}', {self.title}, accuracy {self.metrics.accuracy:.3f})"

    def _repr_html_(self) -> str:
        """Return a table of the scores, for notebooks."""
        rows = "".join(
            f"<tr><td>{metric.label}</td><td>{self.metrics[metric.key]:.3f}</td></tr>"
            for metric in self.metrics.measured
        )
        return (
            f"<p><b>Run</b> {escape(self.name)}: {escape(self.title)}</p>"
            f"<table><tr><th>metric</th><th>value</th></tr>{rows}</table>"
        )

    def metrics_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of all scores, with their 95% intervals.

        Raises
        ------
        FeatxError
            pandas is not installed.
        """
        pandas, metrics = import_pandas(), self.metrics
        found = [metric.key for metric in metrics.measured]
        missing = (None, None)
        rows = [(metrics[key], *metrics.intervals.get(key, missing)) for key in found]
        index = pandas.Index(found, name="metric")
        return pandas.DataFrame(rows, index, ["value", "low", "high"], dtype=float)

    def per_class_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of precision, recall, F1 and support by class.

        Raises
        ------
        FeatxError
            pandas is not installed.
        """
        pandas = import_pandas()
        rows = [self.metrics.per_class[name].as_dict() for name in self.classes]
        return pandas.DataFrame(rows, pandas.Index(self.classes, name="class"))

    def predictions_frame(self) -> "DataFrame":
        """Return a pandas DataFrame of the predictions, one row per test image.

        Raises
        ------
        FeatxError
            pandas is not installed.
        RunError
            `predictions.csv` is missing or damaged.
        """
        found = self.predictions()
        probabilities = zip(self.classes, found.probabilities.T, strict=True)
        return import_pandas().DataFrame(
            {
                "path": found.paths,
                "label": found.labels,
                "predicted": found.predicted,
                "confidence": found.confidence,
                **{f"p_{name}": column for name, column in probabilities},
            }
        )

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def head(self) -> str:
        """The head's name; ``from scratch`` for a network."""
        return self.info.head

    @property
    def backbone(self) -> str:
        """The backbone's name, several joined by ``+``; for a network its own."""
        return self.info.backbone

    @property
    def from_scratch(self) -> bool:
        """Whether it is a network of its own, not a head on a frozen backbone."""
        return self.info.kind is Kind.NETWORK

    @property
    def finetuned(self) -> bool:
        """Whether it is a head that was trained on together with its backbones."""
        return self.info.kind is Kind.FINETUNE

    @property
    def has_model(self) -> bool:
        """Whether it is a Keras model from images on, not a head on embeddings."""
        return self.from_scratch or self.finetuned

    @property
    def views(self) -> list[View]:
        """How its model is shown images, one view for each input.

        Raises
        ------
        RunError
            Another version of featx says it in another way.
        """
        settings = self.info.settings
        try:
            if self.from_scratch:
                side, resize = settings["image_size"], settings.resize
                return [View(side, resize=resize)]
            specs = [Spec.from_dict(spec) for spec in self.info.embedding]
        except KeyError as error:
            raise RunError(
                f"{self.path}: {RUN_FILE} has no {error}; another version of featx"
                " made it, make it again"
            ) from error
        return list(dict.fromkeys(spec.view for spec in specs if not spec.flip))

    @property
    def short_title(self) -> str:
        """What was trained, in a word or two: ``svm``, ``svm, fine-tuned``."""
        name = self.backbone if self.from_scratch else self.head
        return f"{name}, fine-tuned" if self.finetuned else name

    @property
    def title(self) -> str:
        """What it is, in a few words: ``svm on resnet50``."""
        if self.from_scratch:
            return f"{self.backbone}, trained from scratch"
        title = f"{self.head} on {self.backbone}"
        return f"{title}, fine-tuned" if self.finetuned else title

    @property
    def data_name(self) -> str:
        """The data folder's name."""
        return self.info.data.name

    @property
    def data_fingerprint(self) -> str:
        """Differs between data sets, and between splits of one."""
        return self.info.data.fingerprint

    @property
    def random_weights(self) -> bool:
        """Whether the backbone was never trained, so that scores mean little."""
        return self.info.weights == "random"

    @property
    def seconds(self) -> float:
        """Seconds that the run took, without the embeddings."""
        return sum(self.info.timings.values())

    @property
    def cv_settings(self) -> tuple[int, int, int] | None:
        """Folds, repeats and seed of the cross-validation; None without one.

        Only accuracies that were measured alike can be compared: each repeat cuts other
        folds, and with more folds there is more to learn from in each.
        """
        if self.metrics.cv_accuracy is None:
            return None
        given = self.info.settings
        # A network's repeats are trainings of their own, not of the folds.
        repeats = 1 if self.from_scratch else given.repeats
        return given.folds or 5, repeats, given.seed

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of all columns."""
        return self.metrics.classes

    def predictions(self) -> RunPredictions:
        """Read `predictions.csv`.

        Raises
        ------
        RunError
            The file is missing or not as featx writes it.
        """
        return read_predictions(self.path, len(self.classes), self.metrics.n_test)

    def held_out(self) -> HeldOut | None:
        """Return which training images the run got right without having seen them.

        Returns
        -------
        HeldOut or None
            Of all training images where the run was cross-validated, in the first
            repeat, of those held out where it was fine-tuned. None for networks that
            were not cross-validated, and for runs of featx 0.2 and older.

        Raises
        ------
        RunError
            `held_out.csv` or `cv_predictions.h5` is not as featx writes it.
        """
        found = self.cv_predictions()
        if found is None:
            return read_held_out(self.path)
        return HeldOut(found.paths, found.groups, found.correct[0])

    def cv_predictions(self) -> CvPredictions | None:
        """Read `cv_predictions.h5`: what it predicted for training images, held out.

        Returns
        -------
        CvPredictions or None
            Of all training images. None where the run was not cross-validated, and for
            runs of featx 0.2 and older.

        Raises
        ------
        RunError
            The file is missing though `run.json` names it, or not as featx writes it.
        """
        return read_cv_predictions(
            self.path,
            self.info.cv_predictions_sha256,
            n_images=self.metrics.n_train,
            n_classes=len(self.classes),
        )

    def set_rule(self, coverage: float) -> SetRule:
        """Return which classes belong into prediction sets of this coverage.

        Parameters
        ----------
        coverage : float
            Share of the images whose set should contain the true class, between 0
            and 1. See `calibrate_sets` for what is guaranteed.

        Raises
        ------
        RunError
            The run has no `cv_predictions.h5`, or a damaged one.
        """
        found = self.cv_predictions()
        if found is None:
            raise RunError(f"{self.path}: {self._why_no_sets}")
        return found.set_rule(coverage)

    @property
    def _why_no_sets(self) -> str:
        """Why there is nothing to calibrate prediction sets with."""
        lacks = "no prediction sets, since it has no probabilities of held-out images"
        if self.finetuned:
            return f"{lacks}; use {self.info.parent}, from which it was fine-tuned"
        if self.from_scratch:
            return f"{lacks}; train it with --cross-validate"
        return f"{lacks}; fit again with this featx"

    def familiarity(self) -> Familiarity | None:
        """Read `familiarity.safetensors`: how far images are from the training images.

        Returns
        -------
        Familiarity or None
            None for Keras models from images on, and for runs of featx 0.2 and older.

        Raises
        ------
        RunError
            The file is missing though `run.json` names it, or not as featx writes it.
        """
        return read_familiarity(
            self.path, self.info.familiarity_sha256, n_test=self.metrics.n_test
        )

    def history(self) -> dict[str, NDArray[np.float64]]:
        """Read the training curves: column name to one value per epoch.

        Returns
        -------
        dict
            Empty for a head that isn't trained by epochs.

        Raises
        ------
        RunError
            The file is not as featx writes it.
        """
        return read_history(self.path)

    def pretraining(self) -> dict[str, NDArray[np.float64]]:
        """Read the curves of the pre-training: column name to one value per epoch.

        Returns
        -------
        dict
            `epoch`, `loss` and `val_loss`, the mean squared error of reconstructed
            pixels from 0 to 1; empty without pre-training.

        Raises
        ------
        RunError
            The file is not as featx writes it.
        """
        return read_history(self.path, PRETRAINING_FILE)

    def load_head(self) -> "Head":
        """Load the head from `head.safetensors`, which holds arrays and no code.

        Runs of featx 0.2 and older have `head.joblib` instead, a pickle, which can run
        code. It is loaded only if the run was read with ``trust=True``.

        Raises
        ------
        RunError
            The file is missing, damaged, a pickle that isn't trusted, or needs other
            versions of the libraries.
        """
        return load_head(self)

    def load_model(self) -> Any:
        """Load `model.keras`, with Keras' safe mode on.

        Returns
        -------
        keras.Model
            From uint8 (N, side, side, 3), RGB, to probabilities.

        Raises
        ------
        RunError
            The file is missing, damaged, or of another version of Keras.
        """
        return load_model(self)
