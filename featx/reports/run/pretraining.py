"""Section: how the convolutions of a network from scratch were pre-trained."""

from typing import Any

from featx import plots
from featx.reports.pictures import picture
from featx.reports.run.section import RunPage, Section
from featx.runs.files import RECONSTRUCTIONS_FILE

TEMPLATE = """\
<p>Before the training above, the convolutions were trained alone, as the encoder of an
autoencoder: a decoder behind them learned to give back the training images, without
their labels. The network started with the weights that the convolutions had then; the
decoder is not kept.</p>
{{ figure(curve) }}
<p class="hint">The loss is the mean squared error of pixels from 0 to 1.
{% if watched %}
Validation is on the training images that were held out, as for the network itself. The
epoch with the least loss there is marked, and its weights are those taken.
{% else %}
No image was held out, so the weights are those of the last epoch.
{% endif %}</p>
{% if images %}
{{ figure(images) }}
<p class="hint">Above, some of the images that were
{{ "held out" if watched else "trained on" }}; below, what the decoder made of their
maps. Details that are missing there are not in the maps, or the decoder has not
learned to read them. Maps that reconstruct images well need not tell classes apart:
only a run without pre-training shows what it was worth.</p>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    history = page.run.pretraining()
    if not len(history.get("epoch", ())):
        return None
    watched = "val_loss" in history
    curve = page.draw(
        "pretraining",
        plots.pretraining_curve(page.run),
        "Loss of the reconstruction over the epochs"
        f"{', for training and validation' if watched else ''}.",
    )
    path = page.run.path / RECONSTRUCTIONS_FILE  # drawn when the run was made
    alt = "Some images, and below each its reconstruction by the autoencoder."
    images = (
        picture(path.read_bytes(), alt, link=path.name, photo=True)
        if path.is_file()
        else None
    )
    return {"curve": curve, "watched": watched, "images": images}


SECTION = Section("Pre-training", TEMPLATE, _content)
