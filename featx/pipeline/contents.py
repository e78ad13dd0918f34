"""The contents that all run folders share: data, recipe and command."""

from typing import Any

from featx.images.image_set import Split
from featx.pipeline.command import plain_command
from featx.pipeline.recipe import Recipe, recipe_text
from featx.runs.write import RunContents


def run_contents(
    recipe: Recipe,
    split: Split,
    name: str,
    info: dict[str, Any],
    *,
    kept: Recipe | None = None,
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
    command = plain_command(recipe, parent=info.get("parent", ""))
    return RunContents(
        name=name,
        info={"data": data, "command": command or "", **info},
        paths=[images.paths[row] for row in split.test],
        labels=images.labels[split.test],
        recipe=recipe_text(kept or recipe),
        **results,
    )
