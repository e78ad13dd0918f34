"""When images were done, and the rate at which they were once all was under way.

Only the standard library is needed: PyTorch's side runs on an interpreter of its own.
"""

import time

BEGINNING = 1 / 3
"""Share of the images that starting counts for: processes, threads, full queues."""


class Watch:
    """Notes when how many images were done, from when it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._times: list[tuple[float, int]] = []

    def __call__(self, done: int, total: int = 0) -> None:  # noqa: ARG002  a progress
        """Note that so many are done."""
        if done:
            self._times.append((time.perf_counter() - self._start, done))

    def result(self) -> dict[str, float]:
        """Stop; return the images, the seconds, and the steady rate.

        Returns
        -------
        dict
            `images` and `seconds`, `first`: when the first ones were done, and
            `steady`: images per second after the first third of them, to the end.
        """
        seconds = time.perf_counter() - self._start
        images = self._times[-1][1]
        begin, before = next(
            (when, done) for when, done in self._times if done >= BEGINNING * images
        )
        whole = images / seconds
        left = images - before
        return {
            "images": images,
            "seconds": seconds,
            "first": self._times[0][0],
            "steady": left / (seconds - begin) if left else whole,
        }
