"""The memory that decoders share: a few large images may not fill it together."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

MAX_BYTES = 2**30
"""What decoding one image may take, and all that are decoded at the same time."""


class Budget:
    """Bytes that the threads of a process share.

    Parameters
    ----------
    total : int
        In bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, and hold them during the block.

        What asks for more than there is waits until nobody holds any.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._taken += size
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self.total


DECODING = Budget(MAX_BYTES)
