"""featx: from a folder of labelled images to a classifier you can trust.

::

    images = featx.read_images("data")
    embeddings = featx.embed(images, "mobilenetv2")
    fitted = featx.fit(embeddings, "lda")
    print(featx.evaluate(fitted, embeddings)["accuracy"])
"""

import importlib as _importlib
import sys as _sys
import types as _types
import typing as _typing
from importlib.metadata import version as _version

if _typing.TYPE_CHECKING:
    from featx import plots
    from featx.embeddings.backbones.extractor import find_extractor
    from featx.embeddings.dataset import Embeddings, embed
    from featx.embeddings.embedder import Embedder
    from featx.embeddings.settings import CacheSettings, ExtractSettings
    from featx.errors import (
        BackboneError,
        CacheError,
        DataError,
        ExportError,
        FeatxError,
        HeadError,
        ImageError,
        NetworkError,
        RecipeError,
        RunError,
        WeightsError,
    )
    from featx.evaluation.cross_validation import CrossValidation
    from featx.finetune.settings import FinetuneSettings
    from featx.heads.settings import HeadSettings
    from featx.images.image_set import ImageSet
    from featx.images.layouts.options import DataSettings
    from featx.images.layouts.read import read_images
    from featx.networks.settings import NetworkSettings
    from featx.pipeline.fit import FittedHead, evaluate, fit
    from featx.pipeline.report import Report, report
    from featx.runs.info import Kind, RunInfo
    from featx.runs.metrics import Metrics
    from featx.runs.ranking import leaderboard_frame
    from featx.runs.run import Run, list_runs, read_run
    from featx.runs.settings import ReportSettings

__version__ = _version("featx")

_HOMES = {
    "featx.embeddings.backbones.extractor": ("find_extractor",),
    "featx.embeddings.dataset": (
        "Embeddings",
        "embed",
    ),
    "featx.embeddings.embedder": ("Embedder",),
    "featx.embeddings.settings": (
        "CacheSettings",
        "ExtractSettings",
    ),
    "featx.errors": (
        "BackboneError",
        "CacheError",
        "DataError",
        "ExportError",
        "FeatxError",
        "HeadError",
        "ImageError",
        "NetworkError",
        "RecipeError",
        "RunError",
        "WeightsError",
    ),
    "featx.evaluation.cross_validation": ("CrossValidation",),
    "featx.finetune.settings": ("FinetuneSettings",),
    "featx.heads.settings": ("HeadSettings",),
    "featx.images.image_set": ("ImageSet",),
    "featx.images.layouts.options": ("DataSettings",),
    "featx.images.layouts.read": ("read_images",),
    "featx.networks.settings": ("NetworkSettings",),
    "featx.pipeline.fit": (
        "FittedHead",
        "evaluate",
        "fit",
    ),
    "featx.pipeline.report": (
        "Report",
        "report",
    ),
    "featx.runs.info": (
        "Kind",
        "RunInfo",
    ),
    "featx.runs.metrics": ("Metrics",),
    "featx.runs.ranking": ("leaderboard_frame",),
    "featx.runs.run": (
        "Run",
        "list_runs",
        "read_run",
    ),
    "featx.runs.settings": ("ReportSettings",),
}
"""The module of each public name; it is imported when the name is used."""

_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BackboneError",
    "CacheError",
    "CacheSettings",
    "CrossValidation",
    "DataError",
    "DataSettings",
    "Embedder",
    "Embeddings",
    "ExportError",
    "ExtractSettings",
    "FeatxError",
    "FinetuneSettings",
    "FittedHead",
    "HeadError",
    "HeadSettings",
    "ImageError",
    "ImageSet",
    "Kind",
    "Metrics",
    "NetworkError",
    "NetworkSettings",
    "RecipeError",
    "Report",
    "ReportSettings",
    "Run",
    "RunError",
    "RunInfo",
    "WeightsError",
    "embed",
    "evaluate",
    "find_extractor",
    "fit",
    "leaderboard_frame",
    "list_runs",
    "plots",
    "read_images",
    "read_run",
    "report",
]


def __getattr__(name: str) -> _typing.Any:
    """Import a public name on first use: `featx --help` needs none of them."""
    if name == "plots":
        return _importlib.import_module("featx.plots")
    if name not in _MODULES:
        raise AttributeError(f"module 'featx' has no attribute '{name}'")
    return getattr(_importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return ["__version__", *__all__]


class _Api(_types.ModuleType):
    """The module `featx`, in which public functions may be named as packages are.

    Importing `featx.predict.predictions`, say, makes Python set the package as
    `featx.predict`, where the function of this name has to stay.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _MODULES or not isinstance(value, _types.ModuleType):
            super().__setattr__(name, value)


_sys.modules[__name__].__class__ = _Api
