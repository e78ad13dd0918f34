"""The page of one run: its header and a list of sections, in one file of its own."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from featx.errors import ImageError, RunError
from featx.evaluation.metrics import BY_KEY
from featx.reports.numbers import moment, show, show_interval
from featx.reports.run import (
    augmentation,
    classes,
    confidence,
    confusion,
    explain,
    gain,
    layers,
    learning_curve,
    mistakes,
    origin,
    prediction_sets,
    pretraining,
    scores,
    training,
    unlike,
)
from featx.reports.run.gain import recommend, signed_points, signed_range
from featx.reports.run.section import RunPage
from featx.reports.writing import PAGE, newer_than, render, replace_file
from featx.runs.files import METRICS_FILE, RUN_FILE
from featx.runs.run import Run

SECTIONS = (
    explain.SECTION,
    gain.SECTION,
    scores.SECTION,
    confusion.SECTION,
    classes.SECTION,
    learning_curve.SECTION,
    training.SECTION,
    pretraining.SECTION,
    augmentation.SECTION,
    layers.SECTION,
    confidence.SECTION,
    prediction_sets.SECTION,
    mistakes.SECTION,
    unlike.SECTION,
    origin.SECTION,
)
"""The sections of the page, from top to bottom."""


def render_run(run: Run, runs: Iterable[Run] = ()) -> Path:
    """Draw a run's figures and write its page into its folder.

    Parameters
    ----------
    run : Run
    runs : iterable of Run
        What else there is, to compare a fine-tuned run with.

    Returns
    -------
    Path
        The page, `index.html`; written last, so that its figures are there.

    Raises
    ------
    RunError
        A file of the run is damaged, or the folder can't be written.
    """
    page = RunPage(run)
    try:
        html = render(
            "run.html.j2",
            run=run,
            created=moment(run.info.created),
            cards=_cards(run),
            advice=recommend(run, runs),
            parent=_parent_link(run),
            sections=[(section, section.render(page)) for section in SECTIONS],
        )
    except (ImageError, OSError, ValueError) as error:
        raise RunError(
            f"{run.path}: incomplete ({type(error).__name__}: {error}); make it again"
        ) from error
    for name, content in page.figures.items():
        replace_file(run.path / name, content)
    replace_file(run.path / PAGE, html)
    return run.path / PAGE


def is_current(run: Run, runs: Iterable[Run] = ()) -> bool:
    """Return whether the run's page was written by this featx and after the run.

    That of a fine-tuned run also after the others of the same data, which it names.
    """
    sources = [run.path / RUN_FILE, run.path / METRICS_FILE]
    if run.finetuned:
        alike = [r for r in runs if r.data_fingerprint == run.data_fingerprint]
        sources += [one.path / RUN_FILE for one in alike]
    return newer_than(run.path / PAGE, sources)


def _cards(run: Run) -> list[dict[str, str]]:
    """List the numbers at the top of the page, the most important one first."""
    metrics, found = run.metrics, run.metrics.finetune
    cards = [
        {
            "label": metric.brief,
            "value": show(metrics, metric.key),
            "extra": "",
            "interval": show_interval(metrics, metric.key),
        }
        for metric in metrics.measured
        if metric.brief
    ]
    cards.sort(key=lambda card: card["label"] != BY_KEY["accuracy"].brief)
    if found is not None:
        card = {
            "label": "Gain over the head",
            "value": signed_points(found.gain),
            "extra": " points",
            "interval": signed_range(found.gain_interval),
        }
        cards.insert(1, card)
    return cards


def _parent_link(run: Run) -> str:
    """Return the relative address of the page of the head that was fine-tuned."""
    parent = Path(run.info.parent or "")
    # Links go to names only: the entry could hold any path.
    if str(parent) != parent.name or not (run.path.parent / parent / PAGE).is_file():
        return ""
    return f"../{quote(parent.name)}/{PAGE}"
