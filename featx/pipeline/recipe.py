"""Recipes: TOML files that hold all settings of a task."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import RecipeError
from featx.finetuning.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.networks.settings import NetworkSettings
from featx.pipeline.toml_file import describe_error, read_toml
from featx.runs.settings import ReportSettings
from featx.settings import Settings


class Recipe(Settings):
    """All settings of a task: heads on embeddings, networks from scratch, or both.

    Own weights files of the backbones are given where the embeddings are: as `weights`
    of `[[extract]]`.
    """

    data: DataSettings = DataSettings()
    """The images."""

    cache: CacheSettings = CacheSettings()
    """The cache of embeddings."""

    extract: list[ExtractSettings] = Field(default_factory=list)
    """Embeddings; several are concatenated."""

    head: list[HeadSettings] = Field(default_factory=list)
    """Heads to fit on the embeddings."""

    network: list[NetworkSettings] = Field(default_factory=list)
    """Networks to train from scratch."""

    finetune: list[FinetuneSettings] = Field(default_factory=list)
    """Ways to fine-tune the best head with its backbones, each on its own."""

    report: ReportSettings = ReportSettings()
    """The folder of runs and reports."""

    @property
    def own_weights(self) -> list[Path]:
        """Weights files of the user's own that the backbones have."""
        named = dict.fromkeys(one.weights for one in self.extract)
        return [Path(name) for name in named if name not in ("imagenet", "random")]

    @field_validator("finetune", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        """Take a single table as well, as recipes of 0.2 and before have it."""
        return [given] if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _makes_a_run(self) -> Self:
        """Refuse recipes in which something needed is missing."""
        if self.head and not self.extract:
            raise ValueError("`extract` is missing: heads are fitted on embeddings")
        if (self.extract or self.finetune) and not self.head:
            raise ValueError("`head` is missing: name a head to fit, or all")
        if not self.head and not self.network:
            raise ValueError("`extract` and `head`, or `network`, are missing")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        The file is missing or not TOML, or a key or value is not allowed; the message
        names file, key and the nearest right key.
    """
    content, _ = read_toml(path)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {describe_error(Recipe, error)}") from None


def recipe_text(
    recipe: Recipe,
    *,
    header: Iterable[str] | None = None,
    comments: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Write a recipe as TOML: the data, and the settings that differ from the defaults.

    The text is empty where TOML can't hold a value: a parameter of a head such as None,
    or a path that is not UTF-8.

    Parameters
    ----------
    recipe : Recipe
    header : iterable of str, optional
        Paragraphs of a comment at its top; by default what it makes and how to run it.
    comments : mapping of str to str
        Comments above sections, by their names.
    """
    parts = [_comment(_header(recipe) if header is None else header)]
    content = recipe.model_dump(mode="json", exclude_defaults=True)
    data = {"path": str(recipe.data.path), **content.pop("data", {})}
    for name, value in {"data": data, **content}.items():
        if name in comments:
            parts.append(_comment([comments[name]]).rstrip("\n"))
        for table in value if isinstance(value, list) else [value]:
            try:
                part = tomli_w.dumps({name: table})
                part.encode()
            except (TypeError, UnicodeEncodeError):
                return ""
            if isinstance(value, list):
                part = part.replace(f"[{name}]", f"[[{name}]]", 1)
            parts.append(part)
    return "\n".join(parts)


def _comment(lines: Iterable[str]) -> str:
    """Write paragraphs as a comment of lines that are not too long."""
    # A name can hold a control character or a lone surrogate; a comment can't.
    plain = (re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", _escape, text) for text in lines)
    wrapped = (line for text in plain for line in textwrap.wrap(text, 86) or [""])
    return "".join(f"# {line}".rstrip() + "\n" for line in wrapped)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _header(recipe: Recipe) -> list[str]:
    made = [one.name for one in recipe.network]
    if recipe.head:
        backbones = "+".join(one.short for one in recipe.extract)
        made += [f"{one.name} on {backbones}" for one in recipe.head]
    tuned = ", fine-tuned" if recipe.finetune else ""
    return [
        f"Makes {' and '.join(made)}{tuned}.",
        "",
        "featx run recipe.toml",
        "",
        "Run it in the folder in which the run was made: relative paths start there.",
    ]


def settings_of(extractors: Iterable[KerasExtractor]) -> list[ExtractSettings]:
    """Return the settings that some extractors are made from.

    Parameters
    ----------
    extractors : iterable of KerasExtractor
        Those of the flipped views may be among them.
    """
    extractors = list(extractors)
    flip = any(one.flip for one in extractors)
    chosen = []
    for one in extractors:
        if one.flip:
            continue
        spec = {**one.spec.as_dict(), "flip": flip}
        if one.weights.kind == "file":
            spec["weights"] = str(one.weights.path)
        known = {key: spec[key] for key in ExtractSettings.model_fields if key in spec}
        chosen.append(ExtractSettings.model_validate(known))
    return chosen
