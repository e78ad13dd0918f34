"""Section: training images beside what augmentation made of them."""

from typing import Any

from featx.reports.pictures import picture
from featx.reports.run.section import RunPage, Section
from featx.runs.files import AUGMENTED_FILE

TEMPLATE = """\
{{ figure(picture) }}
<p class="hint">Images are changed at random,
{% if copies %}
once, into {{ copies }} {{ "copy" if copies == 1 else "copies" }} each,
{% else %}
differently in each epoch,
{% endif %}
and in training only: images that are held out or tested stay as they are. Where
training blends two images into one, those drawn here are blended with each other.</p>
"""


def _content(page: RunPage) -> dict[str, Any] | None:
    run = page.run
    path = run.path / AUGMENTED_FILE  # drawn when the run was made
    if not path.is_file():
        return None
    kind = run.info.settings.augment
    alt = (
        "Some training images, each with copies beside it as training changed them"
        f"{f' (augmentation {kind})' if kind else ''}."
    )
    return {
        "picture": picture(path.read_bytes(), alt, link=path.name, photo=True),
        "copies": run.info.settings.copies,
    }


SECTION = Section("What it was trained on", TEMPLATE, _content)
