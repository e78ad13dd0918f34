"""The memory that decoders share: a few large images may not fill it together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_longlong
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

MAX_BYTES = 2**30
"""What decoding one image may take, and all that are decoded at the same time."""

TOO_LARGE = f"over {MAX_BYTES / 1e9:.1f} GB, which is no image; remove it"


class Account(NamedTuple):
    """How many bytes are taken, and what tells that this has changed.

    Threads of a process share one, or several processes that `shared_account` is given
    to.
    """

    taken: Any
    """Has the number of bytes as `value`."""
    changed: Any
    """A condition."""


class Budget:
    """Bytes that decoders share.

    Parameters
    ----------
    total : int
        In bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.account = Account(c_longlong(0), threading.Condition())

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, and hold them during the block.

        What asks for more than there is waits until nobody holds any.
        """
        taken, changed = self.account
        with changed:
            changed.wait_for(
                lambda: not taken.value or taken.value + size <= self.total
            )
            taken.value += size
        try:
            yield
        finally:
            with changed:
                taken.value -= size
                changed.notify_all()


def shared_account(context: "BaseContext") -> Account:
    """Return an account for the budgets of several processes, to hand to each."""
    return Account(context.RawValue(c_longlong, 0), context.Condition())


DECODING = Budget(MAX_BYTES)
