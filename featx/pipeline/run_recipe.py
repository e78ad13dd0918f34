"""Run recipes: heads, networks, fine-tuning and the report."""

from dataclasses import dataclass

from featx.pipeline.finetune import run_finetune
from featx.pipeline.fit import run_fit
from featx.pipeline.recipe import Recipe
from featx.pipeline.report import Report, report
from featx.pipeline.train import run_train
from featx.progress import SILENT, Progress
from featx.runs.ranking import best_run
from featx.runs.run import Run


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


def run_recipe(recipe: Recipe, *, progress: Progress = SILENT) -> RecipeResult:
    """Run a recipe: extract and fit, train, fine-tune the best head, report.

    Raises
    ------
    FeatxError
        As the steps raise it.
    """
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
