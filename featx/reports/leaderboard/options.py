"""What runs of one data set differ in: the options that are not the default."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from featx.embeddings.backbones.table import BACKBONES
from featx.embeddings.cache.inventory import options_of
from featx.embeddings.spec import Spec
from featx.errors import NetworkError
from featx.finetuning.settings import usual_copies
from featx.networks.table import NETWORKS, parse_parts
from featx.reports.settings import SETTINGS_OF
from featx.runs.run import Run
from featx.settings import cli_options


@dataclass(frozen=True)
class RunOptions:
    """Options of several runs, such as ``tune`` and ``folds 3``.

    Attributes
    ----------
    own : list of list of str
        Those of each run that some other run does not have.
    shared : list of str
        Those that all runs have.
    """

    own: list[list[str]]
    shared: list[str]


def options_of_runs(runs: Sequence[Run]) -> RunOptions:
    """Return which options runs have that are not the default."""
    each = [list(dict.fromkeys([*_embedded(run), *_set(run)])) for run in runs]
    shared = [word for word in each[0] if all(word in words for words in each)]
    own = [[word for word in words if word not in shared] for words in each]
    return RunOptions(own, shared)


def _set(run: Run) -> Iterator[str]:
    """Yield the settings of the head, network or fine-tuning."""
    kind = SETTINGS_OF[run.info.kind]
    options, own = cli_options(kind), {}
    if run.from_scratch:
        yield "from scratch"
        own = _of_network(run)
    if run.finetuned and run.info.settings.copies is not None:
        own = {"copies": _usual_copies(run)}
    for name, field in kind.model_fields.items():
        default = own.get(name, field.get_default(call_default_factory=True))
        value = run.info.settings.get(name, default)
        if name == "augment" and isinstance(value, bool):  # in runs of 0.2 and before
            value = "coursework" if value else "none"
        if field.is_required() or value == default:
            continue
        if options[name].pairs:  # the parameters of a head, by name
            yield from (_word(key, one) for key, one in value.items())
        else:
            yield _word(options[name].name, value)


def _of_network(run: Run) -> dict[str, Any]:
    """Return a network's own choices, by the names of the settings."""
    row = NETWORKS.get(run.backbone)
    if row is None:
        return {}
    return row.with_parts(parse_parts(run.info.settings.parts or "")).choices


def _usual_copies(run: Run) -> int | None:
    """Return how many copies were made unless another number was asked for."""
    settings = run.info.settings
    try:
        return usual_copies(
            str(settings.get("augment", "none")),
            max(1, run.metrics.n_train),
            cached=settings.get("cached", True),
            unfreeze=settings.get("unfreeze", ""),
        )
    except NetworkError:  # words of another version of featx
        return None


def _word(option: str, value: Any) -> str:
    if isinstance(value, bool):
        return option if value else f"no-{option}"
    return f"{option} {value:g}" if isinstance(value, float) else f"{option} {value}"


def _embedded(run: Run) -> Iterator[str]:
    """Yield the options of the embeddings."""
    for content in run.info.embedding:
        try:
            spec = Spec.from_dict(content)
        except KeyError:  # of another version of featx
            continue
        row = BACKBONES.get(spec.backbone)
        # Where a backbone has several sizes, the run's name has them.
        is_named = spec.backbone not in run.backbone.split("+")
        if row and spec.image_size != row.image_size and not is_named:
            yield f"{spec.image_size} pixels"
        for word in options_of(spec):
            yield "random weights" if word == "random" else word
