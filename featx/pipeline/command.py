"""The command that makes a run again, where a single command can."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.project import read_project
from featx.pipeline.recipe import Recipe
from featx.settings import CliOption, Settings, cli_options, write_pair

_NAMED_FIRST: Mapping[type[Settings], Collection[str]] = {
    DataSettings: {"path"},
    ExtractSettings: {"backbone", "image_size", "resize"},
}
"""Fields that stand before the options: DATA, and NAME@SIZE:RESIZE of each backbone."""


def plain_command(recipe: Recipe, *, parent: str = "") -> str | None:
    """Return the command that makes the same as a recipe of one run.

    Parameters
    ----------
    recipe : Recipe
        Of one head, which may be fine-tuned, or of one network.
    parent : str
        Name of the run that fine-tuning starts from.

    Returns
    -------
    str or None
        None where no command can: embeddings that differ in more than
        backbone, image size and resizing, parameters of a head that TOML can't hold,
        several values for one option.
    """
    words: list[str] | None
    if recipe.finetune:
        words = _options(
            [*recipe.finetune, recipe.cache, recipe.report],
            without={CacheSettings: {"batch_size", "engine", "decoders", "decode_in"}},
        )
        start = ["finetune", parent]
        for path in recipe.own_weights:
            start += ["--weights", str(path)]
    elif recipe.head:
        words = _options(
            [*recipe.head, recipe.data, *recipe.extract, recipe.cache, recipe.report]
        )
        start = ["fit", str(recipe.data.path), *_backbones(recipe.extract)]
    else:
        words = _options([*recipe.network, recipe.data, recipe.report])
        start = ["train", str(recipe.data.path)]
    return None if words is None else shlex.join(["featx", *start, *words])


def embedding_options(extract: Sequence[ExtractSettings]) -> list[str] | None:
    """Return the options that choose some embeddings, None where no options do."""
    words = _options(extract)
    return None if words is None else [*_backbones(extract), *words]


def _backbones(extract: Sequence[ExtractSettings]) -> list[str]:
    return [word for one in extract for word in ("--backbone", one.short)]


def _options(
    settings: Iterable[Settings],
    without: Mapping[type[Settings], Collection[str]] = _NAMED_FIRST,
) -> list[str] | None:
    """Return the options that make some settings, None where no options do."""
    values: dict[str, Any] = {}
    words: dict[str, list[str]] = {}
    project = read_project()
    for one in settings:
        options = cli_options(type(one))
        changed = set(one.model_dump(exclude_defaults=True))
        if changed - options.keys():
            return None
        # What featx.toml states would hold instead of a default.
        changed |= project.values(type(one)).keys()
        for name, option in options.items():
            if name in without.get(type(one), ()):
                continue
            value = getattr(one, name)
            if values.setdefault(option.name, value) != value:
                return None
            if name in changed:
                found = _words(option, value)
                if found is None:
                    return None
                words[option.name] = found
    return [word for option in words.values() for word in option]


def _words(option: CliOption, value: Any) -> list[str] | None:
    if option.pairs:
        pairs = [write_pair(name, one) for name, one in value.items()]
        if None in pairs:
            return None
        return [word for pair in pairs for word in (f"--{option.name}", str(pair))]
    if isinstance(value, bool):
        return [f"--{option.name}" if value else f"--no-{option.name}"]
    return [f"--{option.name}", str(value)]
