"""Decoding and resizing JPEG files, several ways: python benchmarks/decoding.py FOLDER.

Prints the median images/s over the repeats, interleaved, with a thread per processor,
and how far each way's decoded pixels are from Pillow's.
"""

import argparse
import io
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from featx.frameworks import import_tensorflow
from featx.images.decoding import decode, decode_full

SIDE = 224


def pillow(content: bytes):
    """Decode with Pillow."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def opencv(content: bytes):
    """Decode with OpenCV alone."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)


def tensorflow(content: bytes):
    """Decode with TensorFlow."""
    return import_tensorflow().io.decode_jpeg(content, channels=3).numpy()


def resized(decoder):
    """Return what decodes and squashes to a square."""
    return lambda content: cv2.resize(decoder(content), (SIDE, SIDE))


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    contents = [path.read_bytes() for path in sorted(asked.folder.rglob("*.jpg"))]
    size = statistics.mean(map(len, contents)) / 1000
    print(f"{len(contents)} files of {size:.0f} kB, {os.cpu_count()} threads\n")
    full = {
        "featx": decode_full,
        "opencv": opencv,
        "pillow": pillow,
        "tensorflow": tensorflow,
    }
    ways = {name: resized(decoder) for name, decoder in full.items()}
    ways["featx"] = lambda content: decode(content, (SIDE, SIDE))
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in range(asked.repeats):
            for name, way in ways.items():
                start = time.perf_counter()
                list(pool.map(way, contents))
                rates[name].append(len(contents) / (time.perf_counter() - start))
    print("| decoder | images/s | largest difference to Pillow |")
    print("|---|---|---|")
    for name, decoder in full.items():
        apart = max(
            np.abs(decoder(c).astype(int) - pillow(c)).max() for c in contents[:50]
        )
        print(f"| {name} | {statistics.median(rates[name]):.0f} | {apart} |")


if __name__ == "__main__":
    main()
