"""How much of a GPU machine stage one uses: python -m benchmarks.gpu.

Measures, in one run, images per second: of decoding by threads and processes; of
featx's model with images on the device and in the machine's memory, beside what matrix
products of the same precision allow; from JPEG files to committed rows; and of PyTorch,
compiled and with a DataLoader, by turns. Then it times the program's start. Writes
gpu.json and gpu.md after each backbone, so that a run that is cut off leaves what it
has. Four backbones in one precision take about eight minutes on 16 cores with an H100.

It needs neither TensorFlow nor a network. On a machine without a GPU it measures the
CPU, which tests it.
"""

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.gpu.measuring import (
    Clock,
    Photos,
    Plan,
    fastest,
    measure_all,
    measure_command,
    measure_decoding,
)
from benchmarks.gpu.results import markdown, summarise
from benchmarks.machine import describe_gpu, describe_machine
from benchmarks.photos import draw_photos, multiply_photos
from featx.atomic import write_atomically
from featx.hardware import usable_cores

BACKBONES = ("resnet50", "inceptionv3", "mobilenetv2", "efficientnetlite0")
PRECISIONS = ("bfloat16", "float32")
NAME = "gpu"
DRAWN = 1000
"""Files that differ in more than a few bytes."""


def main(arguments: list[str] | None = None) -> None:
    """Measure, write and print."""
    asked = _parse(arguments)
    plan, clock = _plan(asked), Clock(asked.minutes)
    with tempfile.TemporaryDirectory() as place:
        folder = draw_photos(Path(place) / "photos", min(DRAWN, asked.images))
        decoding = measure_decoding(folder, plan)
        # A pass can't need more than decoding gives.
        most = max(map(fastest, decoding["sides"].values())) * plan.pass_seconds
        files = multiply_photos(folder, min(asked.images, int(most)))
        sizes = [path.stat().st_size for path in files]
        results: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": describe_machine(),
            "gpu": describe_gpu(),
            "device": "",
            "versions": {},
            "images": {"count": len(files), "mean_kb": mean(sizes) / 1000},
            "repeats": plan.repeats,
            "decoding": decoding,
            "backbones": [],
        }
        write(results, asked.out)
        for one in measure_all(Photos(folder, len(files)), plan, decoding, clock):
            _add(results, summarise(one, decoding))
            write(results, asked.out)
        for one in results["backbones"]:
            if "skipped" not in one and not clock.is_over:
                one["command"] = measure_command(one, folder)
                write(results, asked.out)
    print(markdown(results))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__
    )
    add = parser.add_argument
    add("--backbones", nargs="+", default=BACKBONES, help="which (%(default)s)")
    add("--precisions", nargs="+", default=PRECISIONS, help="which (%(default)s)")
    add("--minutes", type=float, default=8, help="to begin things in (%(default)s)")
    add("--images", type=int, default=40_000, help="files at most (%(default)s)")
    add("--repeats", type=int, default=2, help="turns of each (%(default)s)")
    add("--seconds", type=float, default=1, help="a turn alone (%(default)s)")
    add("--pass-seconds", type=float, default=3, help="a pass, about (%(default)s)")
    add("--image-size", type=int, help="in pixels; default: each backbone's own")
    add("--batch-size", type=int, help="default: what featx chooses")
    add("--workers", type=int, default=usable_cores(), help="PyTorch's (%(default)s)")
    add("--torch-python", default=sys.executable, help="an interpreter with PyTorch")
    add("--out", type=Path, default=Path("reports/benchmarks"), help="(%(default)s)")
    return parser.parse_args(arguments)


def _plan(asked: argparse.Namespace) -> Plan:
    return Plan(
        tuple(asked.backbones),
        tuple(asked.precisions),
        asked.repeats,
        asked.seconds,
        asked.pass_seconds,
        asked.minutes,
        asked.image_size,
        asked.batch_size,
        asked.workers,
        asked.torch_python,
    )


def _add(results: dict[str, Any], one: dict[str, Any]) -> None:
    """Add what was measured of a backbone; versions and device are of all."""
    results["backbones"].append(one)
    results["device"] = one.get("device", results["device"])
    for of in (one.get("torch", {}), one):
        results["versions"] |= of.pop("versions", {})


def write(results: dict[str, Any], folder: Path) -> None:
    """Write JSON and Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=2) + "\n"
    write_atomically(folder / f"{NAME}.json", text.encode())
    write_atomically(folder / f"{NAME}.md", markdown(results).encode())


if __name__ == "__main__":
    main()
