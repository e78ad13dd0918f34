"""Section: the training curves of a model that is trained by epochs."""

from typing import Any

from featx import plots
from featx.figures.training_curves import best_epoch, warmup_epochs
from featx.reports.run.section import RunPage, Section

TEMPLATE = """\
{{ figure(picture) }}
{% if best and run.from_scratch %}
<p class="hint">Validation is on the training images that were held out.
{% if run.metrics.best_epoch is none %}
The epoch with the least loss there is marked; the network is that of the last one.
{% else %}
The epoch that was best there is marked, and the network is the one after it.
{% endif %}
Dropout and augmentation, where it has them, affect the training curve only.</p>
{% elif run.finetuned %}
{% set found = run.metrics.finetune %}
<p class="hint">
{% if found.trials > 1 %}
These curves are the mean of {{ found.trials }} trainings, each validated on the
training images that were held out of it; before means the head itself.
{% else %}
These curves are of the training that was validated: validation is on the training
images that were held out, before means the head itself.
{% endif %}
{% if found.share is not none %}
All epochs were trained, and none was chosen.
{% elif found.epochs %}
The model was then trained on all training images, with the same learning rates up to
the epoch that is marked
{%- if warmup %}; epochs are counted through the warm-up{% endif %}.
{% else %}
No epoch with the backbone unfrozen was better there than none, so none is marked.
{% endif %}</p>
{% elif best %}
<p class="hint">The best epoch, {{ best }}, is the one with the least loss on the
validation images.</p>
{% endif %}
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    history = page.run.history()
    if not len(history.get("epoch", ())):
        return None
    best = best_epoch(history)
    return {
        "picture": page.draw(
            "curves",
            plots.training_curves(page.run),
            "Loss and accuracy over the epochs, for training and validation.",
        ),
        "best": "" if best is None else f"{history['epoch'][best]:.0f}",
        "warmup": warmup_epochs(history),
    }


SECTION = Section("Training", TEMPLATE, _content)
