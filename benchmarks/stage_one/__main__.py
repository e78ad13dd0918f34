"""Stage one beside what a user would otherwise run: python -m benchmarks.stage_one.

Measures, by turns and in one run, images per second: of featx's model alone; of featx
from JPEG files to committed rows; of Keras' `image_dataset_from_directory` and
`model.predict`; of a plain PyTorch loop where there is one; and the rate of the
machine's own matrix products, which is what a model alone can reach at most. Writes
stage-one.json, stage-one.md and stage-one.png.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.machine import describe_machine, versions
from benchmarks.photos import copy_photos, draw_photos
from benchmarks.stage_one.figure import stage_one_figure
from benchmarks.stage_one.measuring import Plan, measure
from benchmarks.stage_one.results import markdown, summarise
from featx.atomic import write_atomically

BACKBONES = ("efficientnetlite0", "mobilenetv2-0.35", "resnet50", "inceptionv3")
NAME = "stage-one"
BEGIN, END = "<!-- stage-one: begin -->\n", "<!-- stage-one: end -->\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure, write and print."""
    asked = _parse(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        if asked.data:
            copy_photos(asked.data, folder, asked.images)
        else:
            draw_photos(folder, asked.images)
        sizes = [path.stat().st_size for path in folder.rglob("*.*")]
        plan = Plan(
            folder,
            len(sizes),
            asked.repeats,
            asked.minutes,
            asked.seconds,
            asked.image_size,
            asked.torch_python,
        )
        measured = {name: summarise(measure(name, plan)) for name in asked.backbones}
    source = "given" if asked.data else "drawn"
    images = {"count": len(sizes), "mean_kb": mean(sizes) / 1000, "source": source}
    results = _results(measured, images)
    write(results, asked.out)
    if asked.readme:
        show_in(asked.readme, markdown(results))
    print(markdown(results))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stage_one", description=__doc__
    )
    add = parser.add_argument
    add("--images", type=int, default=2000, help="how many files (%(default)s)")
    add("--data", type=Path, help="take JPEG files from here, don't draw them")
    add("--repeats", type=int, default=3, help="at least, a backbone (%(default)s)")
    add("--minutes", type=float, default=1.5, help="at least, a backbone (%(default)s)")
    add("--seconds", type=float, default=4.0, help="a turn, model alone (%(default)s)")
    add("--backbones", nargs="+", default=BACKBONES, help="which (%(default)s)")
    add("--image-size", type=int, help="in pixels; default: each backbone's own")
    add("--torch-python", default=sys.executable, help="an interpreter with PyTorch")
    add("--out", type=Path, default=Path("reports/benchmarks"), help="(%(default)s)")
    add("--readme", type=Path, help="a file to show the tables in, between its marks")
    return parser.parse_args(arguments)


def _results(measured: dict[str, Any], images: dict[str, Any]) -> dict[str, Any]:
    of_torch = [one["torch"].get("versions", {}) for one in measured.values()]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine(),
        "versions": {**versions(), **{k: v for t in of_torch for k, v in t.items()}},
        "images": images,
        "backbones": measured,
    }


def write(results: dict[str, Any], folder: Path) -> None:
    """Write JSON, Markdown and figure."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2) + "\n"
    write_atomically(folder / f"{NAME}.json", text.encode())
    write_atomically(folder / f"{NAME}.md", markdown(results).encode())
    write_atomically(folder / f"{NAME}.png", stage_one_figure(results))


def show_in(document: Path, tables: str) -> None:
    """Put the tables between a document's marks.

    Raises
    ------
    ValueError
        It has no such marks.
    """
    before, begin, rest = document.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{document}: no lines {BEGIN.strip()} and {END.strip()}")
    write_atomically(document, f"{before}{begin}{tables}{end}{after}".encode())


if __name__ == "__main__":
    main()
