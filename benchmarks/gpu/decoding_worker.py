"""Decoding by turns: files to pixels, as stage one does it, with no model.

Processes that decode import this module again: it imports no framework.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.arithmetic import timed
from benchmarks.turns import serve
from featx.errors import ImageError
from featx.images.decode_ahead import Decoders, decode_ahead
from featx.images.decoding_processes import CHUNK, SLOTS
from featx.images.digests import digest_files
from featx.images.sources import ImageFiles, View

MOST = 200_000
"""Images that may be decoded in a turn; it ends by the clock."""

SETTLED = 1.0
"""Seconds after the first image until all decoders are taken to have started."""


class DecodingWorker:
    """Decodes the files of a folder, over and over."""

    def open(self, folder: str) -> dict[str, Any]:
        """Find the files and their digests."""
        self._files = sorted(Path(folder).rglob("*.jpg"))
        self._source = ImageFiles(self._files)
        return {"images": len(self._files)}

    def hashing(self, seconds: float) -> dict[str, float]:
        """Read files and compute their digests only, which comes before all else."""
        spent, passes = 0.0, 0
        while spent < seconds:
            spent += timed(lambda: digest_files(self._files))
            passes += 1
        return {"images": passes * len(self._files), "seconds": spent}

    def decode(
        self, where: str, count: int, side: int, seconds: float
    ) -> dict[str, float]:
        """Read, hash, decode and resize files with some threads or processes.

        Returns
        -------
        dict
            How many `images` in how many `seconds`, when all decoders are at work, and
            when the `first` image was there.

        Raises
        ------
        ImageError
            A file can't be decoded.
        """
        views = frozenset([View(side)])
        items = [(row % len(self._files), views) for row in range(MOST)]
        start = time.perf_counter()
        with decode_ahead(self._source, items, Decoders(where, count)) as shown:
            _checked(next(shown))
            first = time.perf_counter()
            # What was under way when the clock starts is as much as when it stops.
            settled = first + min(SETTLED, seconds)
            under_way = 2 * count * CHUNK * SLOTS if where == "processes" else count
            for done, one in enumerate(shown):
                _checked(one)
                if done >= under_way and time.perf_counter() >= settled:
                    break
            begin = end = time.perf_counter()
            images = 0
            for one in shown:
                _checked(one)
                images += 1
                end = time.perf_counter()
                if end - begin >= seconds:
                    break
        return {"images": images, "seconds": end - begin, "first": first - start}


def _checked(shown) -> None:
    if isinstance(shown[1], ImageError):
        raise shown[1]


if __name__ == "__main__":
    serve(DecodingWorker())
