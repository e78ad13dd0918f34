"""`featx finetune`: fine-tune a head together with its backbone."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand, SettingsOptions
from featx.cli.completion import complete_unfreeze
from featx.cli.progress import TerminalProgress
from featx.cli.show import (
    accuracy_cells,
    decimals,
    say_sentences,
    score_cells,
    show_notes,
    show_repeats,
    show_table,
    summary,
)
from featx.cli.terminal import say, say_json, visible

if TYPE_CHECKING:
    from featx.embeddings.settings import CacheSettings
    from featx.finetuning.settings import FinetuneSettings
    from featx.runs.run import Run
    from featx.runs.settings import ReportSettings


NOTHING = "nothing of the fine-tuning was kept: the backbone is as it was"


@click.command(cls=SettingsCommand, epilog=options.augmentation_help())
@options.optional_run
@SettingsOptions(
    "settings",
    "featx.finetuning.settings:FinetuneSettings",
    completers={"unfreeze": complete_unfreeze},
)
@options.own_weights
@options.trust
@options.cache_dir
@options.report
@options.as_json
def finetune(
    run: str | None,
    settings: "FinetuneSettings",
    weights: tuple[Path, ...],
    trust: bool,
    cache: "CacheSettings",
    report: "ReportSettings",
    as_json: bool,
) -> Next:
    """Fine-tune the head of a run together with its backbone.

    RUN is a run's folder or name; by default the best head. The head is joined to its
    backbone as Keras layers, and the joined model is checked to give the head's
    probabilities. It is trained without some of the training images first; these choose
    how much of the change in the weights to keep, which may be nothing. Then it is
    trained on all training images. A run with the same settings is not made again, and
    one that was interrupted continues.
    """
    from featx.pipeline.finetune import run_finetune
    from featx.runs.find import find_run

    with TerminalProgress() as progress:
        parent = find_run(report.out_dir, run, trust=trust, note=progress.note)
        tuned = run_finetune(
            parent,
            settings,
            weights=weights,
            cache=cache,
            report=report,
            progress=progress,
        )
    show_notes(tuned.info["notes"])
    if as_json:
        say_json([summary(tuned)])
    else:
        show_finetuned(tuned, parent)
    return Next("report")


def show_finetuned(run: "Run", parent: "Run") -> None:
    """Print what fine-tuning brought over the head that it started from."""
    from featx.reports.numbers import counted, percent
    from featx.reports.run.gain import (
        explain_frozen_outputs,
        explain_joined_model,
        recommend,
    )
    from featx.runs.read import list_runs

    metrics, found = run.metrics, run.metrics.finetune
    assert found is not None  # else `read_run` would have refused the run
    say_sentences(explain_joined_model(found.graft))
    done = NOTHING
    if found.epochs:
        done = f"fine-tuned for {counted(found.epochs, 'epoch')}"
        if found.share is not None and found.share < 1:
            done += f", {percent(found.share, 0)} of the change in the weights kept"
    parts = f" in {found.trials} parts" if found.trials > 1 else ""
    title = (
        f"{visible(run.data_name)}: {metrics.n_train} training images,"
        f" {metrics.n_val} held out{parts} to choose, {metrics.n_test} test images\n"
        f"{done}"
    )
    before = found.parent
    rows = [
        [
            parent.name,
            decimals(before.val_accuracy),
            *accuracy_cells(before.accuracy, before.interval),
        ],
        [
            run.name,
            decimals(metrics.val_accuracy),
            *score_cells(metrics, "accuracy"),
        ],
        [
            "gain",
            f"{found.val_gain:+.3f}",
            f"{found.gain:+.3f}",
            " to ".join(f"{end:+.3f}" for end in found.gain_interval),
        ],
    ]
    columns = ["run", "held out", "test acc", "95%"]
    show_table(title, columns, rows, whole=1, drop=["95%"])
    if metrics.repeats is not None:
        show_repeats(metrics.repeats)
    # Others that can't be read are for other commands to name.
    advice = recommend(run, list_runs(run.path.parent, note=lambda _: None))
    said = [explain_frozen_outputs(found.boundary)]
    if advice:
        said.append(f"{advice.reason} {advice.advice}")
    say_sentences(*said)
    say(run.path)
