"""`featx finetune`: stage three."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import (
    cache_dir_option,
    checked,
    json_option,
    out_dir_option,
    own_weights_option,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table, summary
from featx.training.augmentation import AUGMENTATIONS, OPTIONS

if TYPE_CHECKING:
    from featx.runs.run import Run

POSITIVE = click.FloatRange(0, min_open=True)
COUNT = click.IntRange(1)


def _augmentation_help() -> str:
    """List what `--augment` takes for the command's help."""
    presets = [f"{row.name:<12} {row.summary}" for row in AUGMENTATIONS.values()]
    words = ", ".join(f"{name}{option.usual:g}" for name, option in OPTIONS.items())
    fill = click.formatting.wrap_text
    return "\n".join(
        [
            "\b",
            "Augmentations:",
            *(fill(row, 76, subsequent_indent=" " * 13) for row in presets),
            "",
            "\b",
            *fill(
                "Or words, alone or after one of these, parted by commas, with the"
                f" usual number where there is none behind: {words}. 0 turns one off.",
                76,
            ).splitlines(),
        ]
    )


@click.command(epilog=_augmentation_help())
@click.argument("run", required=False)
@click.option(
    "--preset",
    type=click.Choice(["rmsprop-100", "adam-10"]),
    help="The settings of one of the courseworks; other options override them.",
)
@click.option(
    "--unfreeze",
    metavar="none|all|BLOCK|N%",
    help="What is trained of the backbone: a block or layer and all after it, like"
    " mixed9, conv5, block_16, block5, or the last N% of the layers; of several"
    " backbones, in those that have it.  [20%]",
)
@click.option("--epochs", type=COUNT, help="At most.  [10]")
@click.option(
    "--warmup-epochs",
    type=click.IntRange(0),
    help="Of the head alone, before.  [0; 3 for a head that was distilled]",
)
@click.option("--batch-size", type=COUNT, help="Images a step.  [32]")
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "adamw", "rmsprop", "sgd"]),
    help="Keras'; sgd with a momentum of 0.9.  [adam]",
)
@click.option("--learning-rate", type=POSITIVE, help="Of the head.  [1e-4]")
@click.option(
    "--backbone-rate", type=POSITIVE, help="The backbone's rate, times that.  [0.3]"
)
@click.option(
    "--depth-decay",
    type=click.FloatRange(0, 1, min_open=True),
    help="The same of the trained layer nearest to the images, times that.  [0.3]",
)
@click.option(
    "--weight-decay", type=click.FloatRange(0), help="Decoupled.  [none; adamw: 0.004]"
)
@click.option(
    "--schedule",
    type=click.Choice(["constant", "cosine", "plateau"]),
    help="How the rate falls.  [cosine]",
)
@click.option(
    "--factor",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="plateau: what the rate is multiplied by.  [0.2]",
)
@click.option(
    "--plateau-patience", type=COUNT, help="plateau: epochs without progress.  [3]"
)
@click.option("--least-rate", type=click.FloatRange(0), help="Not below.  [1e-7]")
@click.option(
    "--monitor",
    type=click.Choice(["loss", "accuracy"]),
    help="What of the validation part decides.  [loss]",
)
@click.option("--patience", type=COUNT, help="Epochs without progress, then stop.  [5]")
@click.option("--min-delta", type=click.FloatRange(0), help="Progress is more.  [0]")
@click.option(
    "--label-smoothing",
    type=click.FloatRange(0, 1, max_open=True),
    help="Share of each label that all classes get.  [0]",
)
@click.option(
    "--class-weight",
    type=click.Choice(["balanced"]),
    help="Rare classes count as much as frequent ones.  [all images alike]",
)
@click.option(
    "--augment",
    metavar="none|light|medium|strong|WORDS",
    help="Change the training images at random, each epoch anew; words like"
    " light,rotation20,mixup as listed below.  [none]",
)
@click.option(
    "--copies",
    type=click.IntRange(0),
    help="Make so many augmented copies once, and cache what the frozen layers make"
    " of them.  [0: each epoch anew]",
)
@click.option(
    "--cached/--no-cached",
    default=None,
    help="Compute once what the frozen layers hand on, where nothing is random"
    " below them.  [cached]",
)
@click.option(
    "--mixed-precision/--no-mixed-precision",
    default=None,
    help="Train the backbone in bfloat16.  [float32]",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Share of the training images that chooses the epochs.  [0.2]",
)
@click.option(
    "--tensorboard/--no-tensorboard",
    default=None,
    help="Write logs below the reports folder, in tensorboard/.",
)
@click.option("--seed", type=int, help="Of the validation part and training.  [0]")
@own_weights_option
@cache_dir_option
@out_dir_option
@json_option
def finetune(
    run: str | None,
    preset: str | None,
    weights: tuple[Path, ...],
    cache_dir: Path,
    out_dir: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Fine-tune a RUN's head with its backbone; by default the best run's.

    The head becomes Keras layers behind its backbone, which is checked to give the
    head's probabilities. A validation part chooses how many epochs are worth it; then
    the model is trained on all training images for as long. A run that is there
    already is not made again, one that was interrupted goes on.

    Load only runs that you trust: a run's head.joblib is a pickle, and a pickle can
    run code.
    """
    from featx.finetune.settings import FinetuneSettings
    from featx.pipeline.finetune import run_finetune
    from featx.runs.find import find_best, find_run

    chosen = {name: value for name, value in given.items() if value is not None}
    settings = checked(FinetuneSettings, preset=preset, **chosen)
    with TerminalProgress() as progress:
        parent = (
            find_run(out_dir, run) if run else find_best(out_dir, note=progress.note)
        )
        tuned = run_finetune(
            *(parent, settings, cache_dir, out_dir),
            weights=weights,
            progress=progress,
        )
    show_notes(tuned.info["notes"])
    if as_json:
        show_json([summary(tuned)])
        return
    show_finetuned(tuned, parent)


def show_finetuned(run: "Run", parent: "Run") -> None:
    """Print what fine-tuning brought over the head that it started from."""
    from featx.reports.gain import explain_boundary, explain_graft, recommend

    metrics, found = run.metrics, run.metrics["finetune"]
    _say(explain_graft(found["graft"]))
    title = (
        f"{run.data_name}: {metrics['n_train']} training images, {metrics['n_val']} of"
        f" them held out to choose, {metrics['n_test']} test images"
    )
    before = found["parent"]
    rows = [
        [
            parent.title,
            f"{before['val_accuracy']:.3f}",
            f"{before['accuracy']:.3f}",
            "–".join(f"{end:.3f}" for end in before["interval"]),
        ],
        [
            f"fine-tuned, {found['epochs']} epoch{'' if found['epochs'] == 1 else 's'}",
            f"{metrics['val_accuracy']:.3f}",
            f"{metrics['accuracy']:.3f}",
            "–".join(f"{end:.3f}" for end in metrics["intervals"]["accuracy"]),
        ],
        [
            "gain",
            f"{found['val_gain']:+.3f}",
            f"{found['gain']:+.3f}",
            " to ".join(f"{end:+.3f}" for end in found["gain_interval"]),
        ],
    ]
    show_table(title, ["", "held out", "test acc", "95%"], rows)
    advice = recommend(run)
    said = [explain_boundary(found["boundary"])]
    if advice:
        said.append(f"{advice.reason} {advice.advice}")
    _say(*said)
    click.echo(run.path)


def _say(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        click.echo(click.formatting.wrap_text(sentence, 79))
