"""Run recipes: heads, networks, fine-tuning and the report."""

from dataclasses import dataclass

from featx.embeddings.backbones.weights import check_own_weights
from featx.embeddings.dataset import find_extractors
from featx.pipeline.extract import last_extracted
from featx.pipeline.finetune import check_finetuning, run_finetune
from featx.pipeline.fit import run_fit
from featx.pipeline.recipe import Recipe
from featx.pipeline.report import Report, report
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
    finetuned : Run or None
        The best head, fine-tuned.
    report : Report
    """

    heads: list[Run]
    networks: list[Run]
    finetuned: Run | None
    report: Report

    @property
    def runs(self) -> list[Run]:
        """All runs, in the order in which they were made."""
        tuned = [self.finetuned] if self.finetuned else []
        return [*self.heads, *self.networks, *tuned]


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
        check_finetuning(recipe.finetune, find_extractors(chosen, folder))


def run_recipe(recipe: Recipe, *, progress: Progress = SILENT) -> RecipeResult:
    """Run a recipe: extract and fit, train, fine-tune the best head, report.

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
    finetuned = None
    if recipe.finetune:
        finetuned = run_finetune(
            best_run(heads),
            recipe.finetune,
            weights=recipe.own_weights,
            cache=recipe.cache,
            report=recipe.report,
            progress=progress,
        )
    rendered = report(out_dir=recipe.report.out_dir, progress=progress)
    return RecipeResult(heads, networks, finetuned, rendered)
