"""Test images as tables of a run's page show them."""

from collections.abc import Iterable

from featx.images.packed.find import data_path
from featx.reports.pictures import thumbnail
from featx.runs.predictions import RunPredictions
from featx.runs.run import Run


def shown_images(
    run: Run, predictions: RunPredictions, rows: Iterable[int]
) -> list[dict[str, str]]:
    """Return what the template's `image_table` shows of some test images.

    Parameters
    ----------
    run : Run
    predictions : RunPredictions
        Its own.
    rows : iterable of int
        Places of the images among the predictions.

    Returns
    -------
    list of dict
        `path` relative to the data folder; the classes `true` and `predicted`;
        `picture`, a small JPEG as a data URI, empty where the file can't be read.
    """
    root = data_path(run.info.data.root)
    return [
        {
            "path": predictions.paths[i],
            "true": predictions.labels[i],
            "predicted": predictions.predicted[i],
            "picture": thumbnail(root, predictions.paths[i]),
        }
        for i in rows
    ]
