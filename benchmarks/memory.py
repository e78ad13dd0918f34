"""Peak memory of featx extract, for few images and many: python -m benchmarks.memory.

The files are drawn JPEGs of 45 kB, repeated with an ending of their own, so that each
has its own digest; the backbone is a small one, for what grows with the images is not
the model. Prints a Markdown table; the last column is to the first line's peak.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.photos import CLASSES, draw_photos

DRAWN = 50


def repeat_photos(drawn: list[bytes], folder: Path, count: int) -> None:
    """Write files that show the same few pictures and have bytes of their own."""
    for number in range(count):
        path = folder / f"class-{number % CLASSES}" / f"{number:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Decoders stop at the end of the image.
        path.write_bytes(drawn[number % len(drawn)] + number.to_bytes(8, "big"))


def extract(folder: Path, cache: Path, asked: argparse.Namespace) -> float:
    """Run the command, and return its peak resident memory in MB.

    Raises
    ------
    RuntimeError
        It failed.
    """
    command = [sys.executable, "-m", "featx", "extract", str(folder)]
    command += ["--backbone", asked.backbone, "--image-size", str(asked.image_size)]
    command += ["--weights", "random", "--cache-dir", str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"featx extract ended with {process.returncode}")
    # Kilobytes on Linux, bytes on macOS.
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__
    )
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 20000])
    parser.add_argument("--backbone", default="mobilenet-0.25")
    parser.add_argument("--image-size", type=int, default=64)
    asked = parser.parse_args(arguments)
    print("| images | peak memory, MB | seconds | times the first |")
    print("|---|---|---|---|")
    first = None
    with tempfile.TemporaryDirectory() as place:
        photos = draw_photos(Path(place) / "drawn", DRAWN).rglob("*.jpg")
        drawn = [path.read_bytes() for path in sorted(photos)]
        for count in asked.images:
            folder, cache = (Path(place) / f"{name}-{count}" for name in "dc")
            repeat_photos(drawn, folder, count)
            start = time.perf_counter()
            peak = extract(folder, cache, asked)
            seconds = time.perf_counter() - start
            first = first or peak
            print(f"| {count} | {peak:.0f} | {seconds:.0f} | {peak / first:.2f} |")


if __name__ == "__main__":
    main()
