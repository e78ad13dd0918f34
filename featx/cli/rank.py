"""`featx rank`: which embeddings suit some images, by a sample of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand, SettingsOptions, make_settings
from featx.cli.completion import complete_layer
from featx.cli.progress import TerminalProgress
from featx.cli.show import MISSING, accuracy_cells, show_notes, show_table
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.embeddings.settings import CacheSettings, ExtractSettings
    from featx.images.layouts.options import DataSettings
    from featx.pipeline.project import Project
    from featx.pipeline.rank import Ranked, Ranking
    from featx.settings import CliOption

TRIED = {
    "backbone": "all whose weights are on this machine, but very slow ones",
    "image_size": "the backbone's own, and a larger one",
    "resize": "squash",
    "flip": "both",
}
"""What tells candidates apart, and which are ranked where the option isn't given.
`featx.toml` has no say: it holds a choice, which is what is to be made here."""


class CandidateOptions(SettingsOptions):
    """The candidates: the options of `featx extract`, with all that is here by default.

    What `featx.toml` states beside `TRIED` holds for each of them.
    """

    @property
    def options(self) -> "dict[str, CliOption]":
        """The options, by the names of their fields."""
        found = super().options
        words = {name: replace(found[name], none_means=TRIED[name]) for name in TRIED}
        return {**found, **words}

    def make(self, given: Mapping[str, Any], project: "Callable[[], Project]") -> Any:
        """Make the settings of each candidate."""
        from featx.pipeline.project import combinations
        from featx.pipeline.rank import backbones_here, vary

        values = self.values(given)
        stated = self.stated(values, project)
        stated = {name: stated[name] for name in stated if name not in TRIED}
        if "backbone" not in values:
            weights = values.get("weights", stated.get("weights", "imagenet"))
            if weights not in {"imagenet", "random"}:
                raise click.UsageError("--weights FILE needs --backbone")
            values["backbone"] = backbones_here()
        made: list[Any] = [
            make_settings(self.kind, one)
            for one in combinations(self.kind, stated, values)
        ]
        return vary(made, sizes="image_size" not in values, views="flip" not in values)


candidates = CandidateOptions(
    "candidates",
    options.EXTRACT,
    optional=True,
    helps={
        "backbone": "Frozen network to rank; `featx backbones` lists them.",
        "flip": "Rank only embeddings with the flipped images as well, or only those"
        " without.",
    },
    completers={"layer": complete_layer},
)
data = options.DataOptions(
    "data",
    options.DATA,
    carried=True,
    helps={
        "seed": "Seed of the split into training and test images, of the sample and of"
        " the folds."
    },
)


@click.command(cls=SettingsCommand)
@data
@click.option(
    "--images",
    type=click.IntRange(min=2),
    help="How many different training images to draw, all if there are fewer; without"
    " it 500, or five of each class.",
)
@candidates
@options.cache
@options.as_json
def rank(
    data: "DataSettings",
    images: int | None,
    candidates: "list[ExtractSettings]",
    cache: "CacheSettings",
    as_json: bool,
) -> Next:
    """Rank backbones, sizes and views by a sample of DATA.

    DATA is the image folder, an archive or address of it; by default the one that
    featx.toml names, else data/.
    Each candidate embeds the sample, which no test image is in. It is ranked by the
    cross-validated accuracy of lda on it; knn and LogME are second opinions. time and
    disk are what `featx extract` would need for all images beside those that are in the
    cache. What was computed for the sample stays there.
    """
    from featx.pipeline.rank import run_rank

    with TerminalProgress() as progress:
        ranking = run_rank(
            data, candidates, sample=images, cache=cache, progress=progress
        )
    show_notes(ranking.notes)
    if as_json:
        say_json(ranking.as_dict())
    else:
        _show(ranking)
    progress.check()
    return Next("extract", _options_for_extract(ranking.recommended))


def _options_for_extract(chosen: "Ranked") -> tuple[str, ...]:
    from featx.pipeline.command import embedding_options

    return tuple(embedding_options([chosen.extract]) or ())


COLUMNS = ("embedding", "lda", "lda 95%", "knn", "knn 95%", "LogME", "time", "disk")
GOOD, RECOMMENDED = "*", "**"


def _show(ranking: "Ranking") -> None:
    from featx.reports.numbers import counted

    recommended = ranking.recommended
    rows = []
    for one, is_good in zip(ranking.candidates, ranking.as_good, strict=True):
        mark = RECOMMENDED if one is recommended else GOOD if is_good else ""
        rows.append([*_cells(one), mark])
    images, classes = ranking.images, len(ranking.images.classes)
    title = f"{counted(len(images), 'training image')}, {classes:,} classes"
    drop = ["knn 95%", "LogME", "disk", "lda 95%", "knn"]
    show_table(title, [*COLUMNS, ""], rows, whole=1, drop=drop)
    say(
        f"{GOOD} as good as the first within chance (lda, 95%, paired by image)",
        f"{RECOMMENDED} the quickest of these from here: {recommended.name}",
    )


def _cells(one: "Ranked") -> list[str]:
    from featx.reports.numbers import duration, file_size

    seconds = MISSING if one.seconds is None else duration(one.seconds, rough=True)
    return [
        one.name,
        *accuracy_cells(one.lda.accuracy, one.lda.interval),
        *accuracy_cells(one.knn.accuracy, one.knn.interval),
        f"{one.logme:.3f}",
        seconds if one.lacking else "done",
        file_size(one.size) if one.lacking else "",
    ]
