"""Run recipes: heads, networks, fine-tuning and the report."""

from dataclasses import dataclass

from featx.embeddings.backbones.weights import check_own_weights
from featx.embeddings.dataset import find_extractors
from featx.finetuning.settings import FinetuneSettings
from featx.pipeline.extract import last_extracted
from featx.pipeline.finetune import check_finetuning, run_finetune
from featx.pipeline.fit import run_fit
from featx.pipeline.recipe import Recipe
from featx.pipeline.report import Report, report
from featx.pipeline.several import make_each
from featx.pipeline.train import check_networks, run_train
from featx.progress import SILENT, Progress
from featx.runs.ranking import best_run
from featx.runs.run import Run
from featx.runs.write import check_reports


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made.

    Attributes
    ----------
    heads, networks : list of Run
    finetuned : list of Run
        The best head, fine-tuned in each of the ways that the recipe names.
    report : Report
    """

    heads: list[Run]
    networks: list[Run]
    finetuned: list[Run]
    report: Report

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order in which they were made."""
        return [*self.heads, *self.networks, *self.finetuned]


def _check(recipe: Recipe) -> None:
    """Refuse what later steps can't do, before the first one begins.

    Raises
    ------
    FeatxError
        As the steps raise it.
    """
    check_reports(recipe.report.out_dir)
    check_networks(recipe.network)
    if recipe.finetune:
        check_own_weights(recipe.own_weights)
        folder = recipe.cache.folder
        chosen = recipe.extract or last_extracted(folder, recipe.data)
        extractors = find_extractors(chosen, folder)
        for settings in recipe.finetune:
            check_finetuning(settings, extractors)


def run_recipe(recipe: Recipe, *, progress: Progress = SILENT) -> RecipeResult:
    """Run a recipe: extract and fit, train, fine-tune the best head, report.

    Of several ways to fine-tune, one that fails is reported as `Progress.failed`, and
    the others go on, as those of several heads or networks do.

    Raises
    ------
    FeatxError
        As the steps raise it.
    """
    _check(recipe)
    heads: list[Run] = []
    if recipe.head:
        heads = run_fit(
            recipe.data,
            recipe.head,
            extract=recipe.extract,
            cache=recipe.cache,
            report=recipe.report,
            progress=progress,
        )
    networks: list[Run] = []
    if recipe.network:
        networks = run_train(
            recipe.data, recipe.network, report=recipe.report, progress=progress
        )
    finetuned: list[Run] = []
    if recipe.finetune:
        finetuned = _finetune_each(best_run(heads), recipe, progress)
    rendered = report(out_dir=recipe.report.out_dir, progress=progress)
    return RecipeResult(heads, networks, finetuned, rendered)


def _finetune_each(parent: Run, recipe: Recipe, progress: Progress) -> list[Run]:
    """Fine-tune a head in each of the ways that a recipe names."""

    def make(settings: FinetuneSettings) -> Run:
        return run_finetune(
            parent,
            settings,
            weights=recipe.own_weights,
            cache=recipe.cache,
            report=recipe.report,
            progress=progress,
        )

    return make_each(
        recipe.finetune,
        make,
        progress,
        name=lambda one: f"fine-tuning from {one.unfreeze}",
    )
