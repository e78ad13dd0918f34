"""The whole flow, top to bottom: images, embeddings, heads, report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featx.embeddings import (
    Extraction,
    KerasExtractor,
    find_extractor,
    recall,
    remember,
)
from featx.errors import RecipeError, RunError
from featx.images import ImageSet, read_images
from featx.pipeline.embedding import Embeddings, embed, extract_all
from featx.pipeline.fitting import fit_run
from featx.pipeline.head_choice import fitting_heads
from featx.pipeline.listener import SILENT, Listener
from featx.pipeline.recipe import Recipe
from featx.pipeline.run_choice import find_run
from featx.pipeline.settings import DataSettings, ExtractSettings, HeadSettings
from featx.reports import is_current, render_leaderboard, render_run
from featx.runs import Run, best_run, list_runs


@dataclass(frozen=True)
class Extracted:
    """What stage one found and did."""

    images: ImageSet
    extractions: list[Extraction]


@dataclass(frozen=True)
class Report:
    """What was rendered: the leaderboard's page, and each run's."""

    page: Path
    runs: list[Run]


def run_extract(
    data: DataSettings,
    wanted: Sequence[ExtractSettings],
    cache_dir: Path,
    *,
    batch_size: int | None = None,
    retry: bool = False,
    listener: Listener = SILENT,
) -> Extracted:
    """Run stage one: commit all embeddings of a data folder, and remember which.

    Raises
    ------
    DataError, BackboneError, WeightsError, CacheError
    """
    images, flip = read_images(data.path, data.layout), _flip(wanted)
    extractions = extract_all(
        images,
        _find(wanted, cache_dir),
        cache_dir,
        flip=flip,
        batch_size=batch_size,
        retry=retry,
        listener=listener,
    )
    remember(cache_dir, data.path, [w.model_dump(mode="json") for w in wanted])
    return Extracted(images, extractions)


def find_embeddings(
    data: DataSettings,
    cache_dir: Path,
    *,
    wanted: Sequence[ExtractSettings] = (),
    batch_size: int | None = None,
    listener: Listener = SILENT,
) -> tuple[Embeddings, list[ExtractSettings]]:
    """Return a data folder's embeddings, and which they are.

    Those that the cache lacks are computed. Without `wanted`, those last extracted
    for this data are taken.

    Raises
    ------
    RecipeError
        Nothing is wanted and nothing was extracted for this data.
    DataError, BackboneError, WeightsError, CacheError
    """
    images = read_images(data.path, data.layout)
    chosen = list(wanted) or _last(cache_dir, data.path)
    flip = _flip(chosen)
    embeddings = embed(
        images,
        list(_find(chosen, cache_dir)),
        flip=flip,
        cache_dir=cache_dir,
        test_size=data.test_size,
        seed=data.seed,
        batch_size=batch_size,
        listener=listener,
    )
    if not recall(cache_dir, data.path):
        # `featx cache prune` keeps what it knows of.
        remember(cache_dir, data.path, [w.model_dump(mode="json") for w in chosen])
    return embeddings, chosen


def run_fit(
    data: DataSettings,
    heads: Sequence[HeadSettings],
    cache_dir: Path,
    reports_dir: Path,
    *,
    wanted: Sequence[ExtractSettings] = (),
    batch_size: int | None = None,
    listener: Listener = SILENT,
) -> list[Run]:
    """Run stage two: fit heads on embeddings, computing those that the cache lacks.

    Without `wanted`, the embeddings last extracted for this data are taken.

    Raises
    ------
    RecipeError
        Nothing is wanted and nothing was extracted for this data.
    DataError, BackboneError, WeightsError, CacheError, HeadError, RunError
    """
    embeddings, chosen = find_embeddings(
        data, cache_dir, wanted=wanted, batch_size=batch_size, listener=listener
    )
    runs: list[Run] = []
    for head in _each(heads, embeddings, listener):
        run, fresh = fit_run(
            embeddings,
            head,
            reports_dir,
            data=data,
            extracted=chosen,
            on_fold=listener.folds(head.name),
        )
        listener.run(run, fresh=fresh)
        runs.append(run)
    return runs


def run_report(
    reports_dir: Path,
    named: Sequence[str] = (),
    *,
    listener: Listener = SILENT,
) -> Report:
    """Render runs and the leaderboard over all runs.

    Parameters
    ----------
    named : sequence of str
        Runs to render, by folder or by name; all whose page is not up to date
        where none is named.

    Raises
    ------
    RunError
        There is no run, or a named one is missing.
    """
    runs = list_runs(reports_dir)
    todo = [find_run(reports_dir, name) for name in named]
    if not named:
        todo = [run for run in runs if not is_current(run)]
    if not runs and not todo:
        raise RunError(f"{reports_dir}: no runs yet; `featx fit --head all` makes some")
    for done, run in enumerate(todo, start=1):
        render_run(run)
        listener.pages(done, len(todo))
    reports_dir.mkdir(parents=True, exist_ok=True)
    page = render_leaderboard(reports_dir, runs)
    return Report(page, todo if named else runs)


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made: the heads' runs, and the best one's fine-tuned, if asked."""

    runs: list[Run]
    finetuned: Run | None
    report: Report


def run_recipe(recipe: Recipe, *, listener: Listener = SILENT) -> RecipeResult:
    """Run a recipe whole: extract, fit, fine-tune the best head if asked, report.

    Raises
    ------
    FeatxError
        Whatever any stage raises.
    """
    cache_dir, reports_dir = recipe.cache.folder, recipe.report.out_dir
    runs = run_fit(
        recipe.data,
        recipe.head,
        cache_dir,
        reports_dir,
        wanted=recipe.extract,
        batch_size=recipe.cache.batch_size,
        listener=listener,
    )
    finetuned = None
    if recipe.finetune:
        # Late: it takes what only this stage needs.
        from featx.pipeline.finetuning.run import run_finetune

        own = {item.weights for item in recipe.extract} - {"imagenet", "random"}
        finetuned = run_finetune(
            *(best_run(runs), recipe.finetune, cache_dir, reports_dir),
            weights=[Path(path) for path in own],
            listener=listener,
        )
    report = run_report(reports_dir, listener=listener)
    return RecipeResult(runs, finetuned, report)


def _each(
    heads: Sequence[HeadSettings], embeddings: Embeddings, listener: Listener
) -> list[HeadSettings]:
    """Return one setting per head, and say what ``all`` leaves out."""
    each = []
    for named in heads:
        fitting, left_out = fitting_heads(named, embeddings)
        each += fitting
        if left_out:
            listener.note(
                f"rows of {embeddings.views.shape[2]} numbers are too wide for"
                f" {', '.join(left_out)} to be tried unasked; name one to fit it"
            )
    return each


def _find(wanted: Sequence[ExtractSettings], cache_dir: Path) -> list[KerasExtractor]:
    return [
        find_extractor(
            item.backbone,
            image_size=item.image_size,
            pooling=item.pooling,
            layer=item.layer,
            weights=item.weights,
            precision=item.precision,
            cache_dir=cache_dir,
        )
        for item in dict.fromkeys(wanted)
    ]


def _flip(wanted: Sequence[ExtractSettings]) -> bool:
    """Tell whether the mirrored view is wanted: of all embeddings or of none.

    Raises
    ------
    RecipeError
        Of some only: the two views would differ in width.
    """
    flips = {item.flip for item in wanted}
    if len(flips) > 1:
        raise RecipeError("extract.flip: true for some backbones only; set it for all")
    return flips.pop()


def _last(cache_dir: Path, data: Path) -> list[ExtractSettings]:
    remembered = recall(cache_dir, data)
    if not remembered:
        raise RecipeError(
            f"{data}: nothing was extracted for it into {cache_dir} yet; run"
            " `featx extract --backbone NAME` first, or give --backbone"
        )
    return [ExtractSettings.model_validate(item) for item in remembered]
