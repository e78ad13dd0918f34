"""Stage two: fit heads, score them on the test split, and write their runs."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache as kept_result
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from featx.embeddings.dataset import Embeddings
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.embeddings.spec import Spec
from featx.evaluation.cross_validation import CrossValidation, cross_validate
from featx.evaluation.familiarity import Familiarity
from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.metrics import evaluate as score
from featx.hardware import available_memory, may_have_gpu, usable_cores
from featx.heads.file import count_numbers
from featx.heads.linear import LinearHead
from featx.heads.settings import GROUPS, HeadSettings
from featx.heads.table import find_head, make_head
from featx.heads.views import ViewsHead, fit_views
from featx.images.layouts.options import DataSettings
from featx.pipeline.contents import run_contents
from featx.pipeline.extract import find_embeddings
from featx.pipeline.learning_curve import (
    extra_fits,
    find_fingerprint,
    find_learning_curve,
)
from featx.pipeline.recipe import Recipe
from featx.pipeline.several import make_each
from featx.progress import SILENT, Progress, Update, ignore, timed
from featx.runs.info import Kind
from featx.runs.metrics import Metrics
from featx.runs.run import Run
from featx.runs.settings import ReportSettings
from featx.runs.write import RunContents, check_reports, make_run
from featx.settings import chosen_settings
from featx.splits import DEALING_VERSION

if TYPE_CHECKING:
    from featx.heads.base import Head

LONG = 2**22
"""Numbers in the embeddings from which on it pays to start processes."""

COPIES = 2
"""Of the embeddings, that fitting a fold may take."""

RANDOM_NOTE = (
    "the backbone's weights are random, not trained on ImageNet: the scores show that"
    " the flow works, not what it can reach"
)


@dataclass(frozen=True)
class FittedHead:
    """A head that was fitted on the train split, and how it did inside it.

    Attributes
    ----------
    head : Head
        With scikit-learn's `predict` and `predict_proba`, of single views; labels are
        codes into `classes`.
    classes : tuple of str
    settings : HeadSettings
    cross_validation : CrossValidation
        On the train split only.
    timings : dict of str to float
        Seconds.
    learning_curve : LearningCurve or None
        On the train split only; None where it wasn't asked for.
    """

    head: "Head"
    classes: tuple[str, ...]
    settings: HeadSettings
    cross_validation: CrossValidation
    timings: dict[str, float]
    learning_curve: LearningCurve | None = None

    def __repr__(self) -> str:
        accuracy = self.cross_validation.accuracy
        classes = len(self.classes)
        return f"FittedHead({self.settings.name}, {classes} classes, cv {accuracy:.3f})"


@dataclass(frozen=True)
class _TrainingViews:
    """The views of training images, which are copied only as they are asked for."""

    embeddings: Embeddings

    def __getitem__(self, places: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return views by the places of the images among the training ones."""
        return self.embeddings.take(self.embeddings.train[places])


def fit(
    embeddings: Embeddings,
    head: str | HeadSettings,
    *,
    jobs: int | None = None,
    on_fold: Update = ignore,
    **values: Any,
) -> FittedHead:
    """Fit a head on the train split and cross-validate it there.

    Parameters
    ----------
    embeddings : Embeddings
    head : str or HeadSettings
        A name from the table of heads, or its settings.
    jobs : int, optional
        Processes that fit folds side by side; fewer where the memory is short. By
        default as many as there are cores where fits are long, and one where there is a
        GPU, which a process takes whole.
    on_fold : callable
        Called with (done, total) at first and after each fit: one for each fold, those
        of the learning curve, and the last one on all training images.
    values
        Other settings by name: ``folds=3``, ``tune=True``.

    Raises
    ------
    SettingsError
        There is no such head, or a value is not allowed.
    HeadError
        The head, or one of its parameters, doesn't fit these embeddings.
    DataError
        There are too few training images for the folds.
    """
    settings = chosen_settings(head, HeadSettings, values, function="fit")
    rows = embeddings.train
    views, y = _TrainingViews(embeddings), embeddings.images.labels[rows]
    groups = embeddings.split.groups[rows]
    fit_rows: Callable[..., ViewsHead] = partial(
        fit_views,
        settings.name,
        **settings.fit_options(embeddings.map_shape, embeddings.rows_are),
    )
    data = (views, y, groups)
    in_folds = settings.folds * settings.repeats
    fits = in_folds + extra_fits(settings, data) + 1
    on_fold(0, fits)
    timings: dict[str, float] = {}
    with timed(timings, "cross_validation"):
        cross_validation = cross_validate(
            fit_rows,
            *data,
            folds=settings.folds,
            repeats=settings.repeats,
            seed=settings.seed,
            n_classes=len(embeddings.images.classes),
            weight=compute_sample_weight(settings.class_weight, y),
            jobs=_jobs_that_fit(jobs, embeddings),
            on_fold=lambda done, _: on_fold(done, fits),
        )
    curve = find_learning_curve(
        settings,
        fit_rows,
        data,
        cross_validation,
        timings,
        lambda done, _: on_fold(in_folds + done, fits),
    )
    with timed(timings, "fit"):
        fitted = fit_rows(views[:], y, groups).head
    on_fold(fits, fits)
    fitted.temperature_ = cross_validation.temperature
    classes = embeddings.images.classes
    return FittedHead(fitted, classes, settings, cross_validation, timings, curve)


def _jobs_that_fit(jobs: int | None, embeddings: Embeddings) -> int:
    """Return how many folds are fitted at a time: each takes a copy or two.

    Embeddings that the memory doesn't hold lie in a file without a name, which no other
    process can open.
    """
    views = embeddings.views
    if isinstance(views, np.memmap):
        return 1
    if jobs is None:
        is_long = views.size >= LONG and not may_have_gpu()
        jobs = usable_cores() if is_long else 1
    return max(1, min(jobs, available_memory() // (COPIES * views.nbytes)))


def evaluate(fitted: FittedHead, embeddings: Embeddings) -> Metrics:
    """Score a fitted head on the test split: the content of `metrics.json`.

    Returns
    -------
    Metrics
        `cv_accuracy` and the scores on the test split, with 95% intervals;
        ``metrics["f1_macro"]`` is one of them.
    """
    probabilities = _predict(fitted, embeddings)
    return Metrics.model_validate(_score(fitted, embeddings, probabilities))


def _predict(fitted: FittedHead, embeddings: Embeddings) -> NDArray[np.float64]:
    """Return the probabilities of the test images: the mean over their views."""
    return ViewsHead(fitted.head).predict_proba(embeddings.take(embeddings.test))


def _score(
    fitted: FittedHead, embeddings: Embeddings, probabilities: NDArray[np.float64]
) -> dict[str, Any]:
    inner = fitted.cross_validation
    labels = embeddings.images.labels[embeddings.test]
    scores = score(
        labels,
        probabilities,
        fitted.classes,
        groups=embeddings.split.groups[embeddings.test],
        seed=fitted.settings.seed,
    )
    scores["intervals"]["cv_accuracy"] = inner.interval
    curve = fitted.learning_curve
    return {
        **inner.as_metrics(),
        **scores,
        "n_train": len(embeddings.train),
        "weights": embeddings.weights,
        **({} if curve is None else {"learning_curve": asdict(curve)}),
    }


def fit_run(
    embeddings: Embeddings,
    recipe: Recipe,
    *,
    familiarity: Callable[[], Familiarity] | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Run:
    """Fit, score and write a run, unless the very same was fitted before.

    Parameters
    ----------
    embeddings : Embeddings
    recipe : Recipe
        Of these embeddings and of one head.
    familiarity : callable, optional
        Returns that of these embeddings, which several heads share; it is computed
        otherwise.
    jobs : int, optional
        See `fit`.
    progress : Progress

    Raises
    ------
    HeadError, DataError, RunError
    """
    (settings,) = recipe.head
    fingerprint = find_fingerprint(
        settings,
        recipe.report.out_dir,
        embeddings.split.fingerprint,
        [spec.id for spec in embeddings.specs],
        DEALING_VERSION,
        # Those of the first version have fingerprints without a number.
        *{find_head(settings.name).version} - {1},
    )

    def make(_state: Path) -> RunContents:
        update = progress.task(f"fitting {settings.name}", "fits")
        fitted = fit(embeddings, settings, jobs=jobs, on_fold=update)
        probabilities = _predict(fitted, embeddings)
        mark = "-random" if embeddings.weights == "random" else ""
        return run_contents(
            recipe,
            embeddings.split,
            f"{embeddings.images.name}-{embeddings.backbone}{mark}-{settings.name}",
            _describe(embeddings, fitted),
            metrics=_score(fitted, embeddings, probabilities),
            probabilities=probabilities,
            head=fitted.head,
            history=fitted.head.history_,
            cross_validation=fitted.cross_validation,
            familiarity=familiarity() if familiarity else _familiarity(embeddings),
            kept=_with_precision(recipe, embeddings.specs),
        )

    return make_run(
        recipe.report.out_dir, Kind.HEAD, fingerprint, make, progress=progress
    )


def _familiarity(embeddings: Embeddings) -> Familiarity:
    """Measure how far training and test images are from the training images."""
    return Familiarity.learn(
        embeddings.views,
        embeddings.train,
        embeddings.test,
        embeddings.split.groups,
        map_shape=embeddings.map_shape,
    )


def _describe(embeddings: Embeddings, fitted: FittedHead) -> dict[str, Any]:
    """Return what `run.json` holds on how the head was made."""
    settings = fitted.settings
    random = [RANDOM_NOTE] if embeddings.weights == "random" else []
    return {
        "backbone": embeddings.backbone,
        "weights": embeddings.weights,
        "embedding": [spec.as_dict() for spec in embeddings.specs],
        "head": settings.name,
        "linear": isinstance(fitted.head, LinearHead),
        "parameters": count_numbers(fitted.head),
        "settings": {
            **settings.model_dump(mode="json"),
            "head_parameters": fitted.head.get_params() | fitted.head.chosen_,
        },
        "seed": settings.seed,
        "timings": fitted.timings,
        "notes": [*random, *embeddings.notes],
    }


def _with_precision(recipe: Recipe, specs: Sequence[Spec]) -> Recipe:
    """Write the precision that was chosen for ``auto``: it may be another next time."""
    precisions = [spec.precision for spec in specs if not spec.flip]
    extract = [
        one.model_copy(update={"precision": precision})
        for one, precision in zip(
            dict.fromkeys(recipe.extract), precisions, strict=True
        )
    ]
    return recipe.model_copy(update={"extract": extract})


def run_fit(
    data: DataSettings,
    heads: Sequence[HeadSettings],
    *,
    extract: Sequence[ExtractSettings] = (),
    cache: CacheSettings = CacheSettings(),
    report: ReportSettings = ReportSettings(),
    memory: int | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> list[Run]:
    """Run stage two: fit heads on embeddings, computing those that the cache lacks.

    Without `extract`, the embeddings last extracted for this data are taken. Of several
    heads, one that fails is reported as `Progress.failed`, and the others are fitted.

    Raises
    ------
    RecipeError
        `extract` is empty and nothing was extracted for this data yet.
    DataError, BackboneError, WeightsError, CacheError, HeadError, RunError
    """
    check_reports(report.out_dir, may_have_it=True)
    embeddings, chosen = find_embeddings(
        data,
        extract=extract,
        cache=cache,
        check=partial(_check_heads, heads),
        memory=memory,
        progress=progress,
    )

    familiarity = kept_result(partial(_familiarity, embeddings))

    def make(head: HeadSettings) -> Run:
        recipe = Recipe(
            data=data, cache=cache, extract=chosen, head=[head], report=report
        )
        return fit_run(
            embeddings, recipe, familiarity=familiarity, jobs=jobs, progress=progress
        )

    return make_each(
        _each(heads, embeddings, progress), make, progress, name=lambda one: one.name
    )


def _check_heads(
    heads: Sequence[HeadSettings], extract: Sequence[ExtractSettings]
) -> None:
    """Refuse heads that don't fit embeddings, before these are computed.

    Raises
    ------
    HeadError
        A parameter is unknown, or a head for maps gets none.
    """
    kinds = dict.fromkeys(extract)
    rows_are = f"{extract[0].pooling} pooling"
    if len(kinds) > 1:
        rows_are = f"{len(kinds)} embeddings side by side"
    are_maps = len(kinds) == 1 and extract[0].pooling == "none"
    for head in heads:
        if head.name not in GROUPS:
            # The shape of the maps is known later; any will do here.
            options = head.fit_options((1, 1, 1) if are_maps else None, rows_are)
            make_head(head.name, **options["parameters"])


def _each(
    heads: Sequence[HeadSettings], embeddings: Embeddings, progress: Progress
) -> list[HeadSettings]:
    """Return one setting per head, and note what is left out of several."""
    each: list[HeadSettings] = []
    _, views, width = embeddings.views.shape
    rows, maps = len(embeddings.train) * views, embeddings.map_shape is not None
    for named in heads:
        fitting, left_out = named.each(width, maps=maps, rows=rows)
        each += fitting
        for reason in dict.fromkeys(left_out.values()):
            names = [name for name in left_out if left_out[name] == reason]
            progress.note(
                f"{reason} for {', '.join(names)} to be tried by default; name one to"
                " fit it"
            )
    return each
