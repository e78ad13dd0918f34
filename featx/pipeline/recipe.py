"""Recipes: a TOML file that says a whole task; and featx.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import RecipeError, nearest
from featx.finetune.settings import FinetuneSettings
from featx.heads.settings import HeadSettings
from featx.images.layouts.options import DataSettings
from featx.pipeline.fit import run_fit
from featx.pipeline.report import Report, report
from featx.progress import SILENT, Progress
from featx.runs.ranking import best_run
from featx.runs.run import Run
from featx.runs.settings import ReportSettings
from featx.settings import Settings, first_error, rename_fields

PROJECT_FILE = "featx.toml"

T = TypeVar("T", bound=Settings)


class Recipe(Settings):
    """All settings of a task, stage by stage."""

    data: DataSettings = DataSettings()
    cache: CacheSettings = CacheSettings()
    extract: Annotated[list[ExtractSettings], Field(min_length=1)]
    head: Annotated[list[HeadSettings], Field(min_length=1)]
    finetune: FinetuneSettings | None = None
    report: ReportSettings = ReportSettings()


class Project(Settings):
    """What `featx.toml` may say: where the data is, and how its labels are read."""

    data: DataSettings


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        The file is missing, is no TOML, or says something unknown or impossible;
        the message names file, key and the nearest right key.
    """
    return _validated(Recipe, path)


def default_data(folder: Path = Path()) -> DataSettings:
    """Return the data that is meant where none is named.

    `data` in `featx.toml`, a path or a table like a recipe's, else the folder `data`.

    Raises
    ------
    RecipeError
        `featx.toml` says something unknown or impossible.
    """
    path = folder / PROJECT_FILE
    return _validated(Project, path).data if path.is_file() else DataSettings()


def _validated(kind: type[T], path: Path) -> T:
    content = _read(path)
    if kind is Project and isinstance(content.get("data"), str):
        content["data"] = {"path": content["data"]}
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_first(kind, error)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            f"{path}: can't be read ({error.strerror}); name a recipe's TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not TOML ({error})") from error


def _first(kind: type[Settings], error: ValidationError) -> str:
    """Say in one line what is wrong first, and how to fix it."""
    where, problem, message = first_error(error)
    key = ".".join(where)
    if problem == "extra_forbidden":
        known = sorted(_model_at(kind, where[:-1]).model_fields)
        near = nearest(where[-1], known) or f"; known here: {', '.join(known)}"
        return f"unknown key '{key}'{near}"
    if problem == "missing":
        return f"'{key}' is missing"
    if "`" in message:
        holder = _model_at(kind, where)
        return rename_fields(message, holder, lambda name: f"'{key}.{name}'")
    return f"'{key}': {message[0].lower()}{message[1:]}"


def _model_at(kind: type[Settings], keys: list[str]) -> type[Settings]:
    """Return the settings that stand at a path of keys."""
    for key in keys:
        inner: Any = kind.model_fields[key].annotation
        kind = inner.__args__[0] if hasattr(inner, "__args__") else inner
    return kind


@dataclass(frozen=True)
class RecipeResult:
    """What a recipe made: the heads' runs, and the best one's fine-tuned, if asked."""

    runs: list[Run]
    finetuned: Run | None
    report: Report


def run_recipe(recipe: Recipe, *, progress: Progress = SILENT) -> RecipeResult:
    """Run a recipe whole: extract, fit, fine-tune the best head if asked, report.

    Raises
    ------
    FeatxError
        Whatever any stage raises.
    """
    runs = run_fit(
        recipe.data,
        recipe.head,
        extract=recipe.extract,
        cache=recipe.cache,
        report=recipe.report,
        progress=progress,
    )
    finetuned = None
    if recipe.finetune:
        # Late: it takes what only this stage needs.
        from featx.pipeline.finetune import run_finetune

        own = {item.weights for item in recipe.extract} - {"imagenet", "random"}
        finetuned = run_finetune(
            best_run(runs),
            recipe.finetune,
            weights=[Path(path) for path in own],
            cache=recipe.cache,
            report=recipe.report,
            progress=progress,
        )
    rendered = report(out_dir=recipe.report.out_dir, progress=progress)
    return RecipeResult(runs, finetuned, rendered)
