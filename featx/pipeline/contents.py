"""The contents that run folders share: data, recipe, command, augmented images."""

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import RecipeError
from featx.evaluation.cross_validation import CrossValidation
from featx.figures.augmentation import augmented_figure
from featx.figures.reconstructions import reconstructions_figure
from featx.figures.style import png
from featx.images.image_set import Split
from featx.networks.autoencoder import Pretraining
from featx.pipeline.command import plain_command
from featx.pipeline.recipe import Recipe, recipe_text
from featx.runs.cv_predictions import CvPredictions
from featx.runs.files import AUGMENTED_FILE, RECONSTRUCTIONS_FILE
from featx.runs.predictions import HeldOut
from featx.runs.write import RunContents
from featx.training.augmentation import Augmentation
from featx.training.augmentation_layers import augmented_samples
from featx.training.settings import TrainingSettings

TENSORBOARD = "tensorboard"
"""The folder beside the runs where logs go."""

DRAWN, DRAWN_COPIES = 5, 6
"""Images, and copies of each, in the figure of augmented images."""


def run_contents(
    recipe: Recipe,
    split: Split,
    name: str,
    info: dict[str, Any],
    *,
    kept: Recipe | None = None,
    held_out: tuple[NDArray[np.intp], NDArray[np.bool_]] | None = None,
    cross_validation: CrossValidation | None = None,
    **results: Any,
) -> RunContents:
    """Return the contents of a run folder.

    Parameters
    ----------
    recipe : Recipe
        Of this run only.
    split : Split
        The images that it was trained and tested on.
    name : str
        Of the run.
    info : dict
        For `run.json`, beside data and command.
    kept : Recipe, optional
        The recipe to keep in the folder, where it is not the given one.
    held_out : tuple of ndarray, optional
        Rows of training images, and whether the run was right about them unseen.
    cross_validation : CrossValidation, optional
        Of the training images.
    results
        Metrics, probabilities and what else `RunContents` takes.
    """
    images = split.images
    data = {
        "name": images.name,
        "root": str(images.root.resolve()),
        "fingerprint": split.fingerprint,
        "content": split.content_fingerprint,
        "labels": split.labels_fingerprint,
        "layout": images.layout,
        "settings": recipe.data.model_dump(mode="json"),
    }
    if held_out is not None:
        rows, right = held_out
        paths = tuple(images.paths[row] for row in rows)
        results["held_out"] = HeldOut(paths, split.groups[rows], right)
    if cross_validation is not None:
        train = split.train
        results["cv_predictions"] = CvPredictions.of(
            cross_validation,
            tuple(images.paths[row] for row in train),
            split.groups[train],
            images.labels[train],
        )
    command = plain_command(recipe, parent=info.get("parent", ""))
    return RunContents(
        name=name,
        info={"data": data, "command": command or "", **info},
        paths=[images.paths[row] for row in split.test],
        labels=images.labels[split.test],
        recipe=recipe_text(kept or recipe),
        **results,
    )


def check_tensorboard(settings: TrainingSettings) -> None:
    """Refuse to write logs for TensorBoard where it isn't installed.

    Raises
    ------
    RecipeError
    """
    if settings.tensorboard and find_spec("tensorboard") is None:
        raise RecipeError(
            "--tensorboard: TensorBoard is not installed; pip install tensorboard"
        )


def augmented_pictures(
    split: Split, pixels: NDArray[np.uint8], wanted: Augmentation, seed: int
) -> dict[str, bytes]:
    """Draw some training images beside their augmented copies, if there are any.

    Parameters
    ----------
    split : Split
    pixels : ndarray of uint8, shape (n, height, width, 3)
        Of all its images.
    wanted : Augmentation
    seed : int
    """
    if not wanted.changes:
        return {}
    images = split.images
    rng = np.random.default_rng(seed)
    rows = rng.choice(split.train, size=min(DRAWN, len(split.train)), replace=False)
    copies = augmented_samples(wanted, pixels[rows], DRAWN_COPIES, seed)
    labels = [images.classes[code] for code in images.labels[rows]]
    summary = f"{images.name}, {wanted.name}: {wanted.summary}"
    figure = augmented_figure(pixels[rows], copies, labels, summary)
    return {AUGMENTED_FILE: png(figure)}


def reconstructed_pictures(
    split: Split, pixels: NDArray[np.uint8], found: Pretraining | None
) -> dict[str, bytes]:
    """Draw some images beside their reconstructions, if there was pre-training.

    Parameters
    ----------
    split : Split
    pixels : ndarray of uint8, shape (n, side, side, 3)
        Of all its images.
    found : Pretraining or None
    """
    if found is None:
        return {}
    which = "held out" if "val_loss" in found.history else "trained on"
    figure = reconstructions_figure(
        pixels[found.shown],
        found.reconstructions,
        f"{split.images.name}, images {which}",
    )
    return {RECONSTRUCTIONS_FILE: png(figure)}
