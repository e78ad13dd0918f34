"""Files of the same content: copies, leaks between the splits, contradictions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.images.image_set import ImageSet


@dataclass(frozen=True)
class Duplicates:
    """Groups of files with the same bytes, the contradicting ones first.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Rows of the image set, group after group; sorted within a group.
    starts : ndarray of int64, shape (n_groups + 1,)
        Where each group begins in `rows`; the last is `m`.
    conflicting : ndarray of bool, shape (n_groups,)
        Whether a group's files have different labels.
    across : ndarray of bool, shape (n_groups,)
        Whether some are in the training split and some in the test split.
    tested : ndarray of bool, shape (n_groups,)
        Whether some are in the test split.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    conflicting: NDArray[np.bool_]
    across: NDArray[np.bool_]
    tested: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.conflicting)

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[group] for group in range(len(self)))

    def __getitem__(self, group: int) -> NDArray[np.int64]:
        """Return the rows of one group."""
        if not 0 <= group < len(self):
            raise IndexError(group)
        return self.rows[self.starts[group] : self.starts[group + 1]]


def find_duplicates(
    images: ImageSet, keys: NDArray[np.uint8], readable: NDArray[np.bool_]
) -> Duplicates:
    """Group the files that have the same content.

    Parameters
    ----------
    keys : ndarray of uint8, shape (n, 32)
        The files' digests.
    readable : ndarray of bool, shape (n,)
        The others are passed over: all empty files are alike.
    """
    rows, lengths = _group(keys, np.flatnonzero(readable))
    if not len(lengths):
        return _arrange(rows, lengths, *np.zeros((3, 0), bool))
    starts = np.cumsum(lengths) - lengths
    is_test = images.is_test
    tests = np.zeros(len(images), bool) if is_test is None else is_test
    labels = images.labels[rows]
    conflicting = np.minimum.reduceat(labels, starts) != np.maximum.reduceat(
        labels, starts
    )
    tested = np.logical_or.reduceat(tests[rows], starts)
    across = tested & ~np.logical_and.reduceat(tests[rows], starts)
    return _arrange(rows, lengths, conflicting, across, tested)


def _group(
    keys: NDArray[np.uint8], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that are not alone with their content, and groups' lengths."""
    # Four numbers sort ten times faster than 32 bytes do.
    words = np.ascontiguousarray(keys[rows]).view(np.uint64)
    order = np.lexsort(words.T)  # stable, so rows ascend within a group
    words = words[order]
    first = np.ones(len(order), bool)
    first[1:] = (words[1:] != words[:-1]).any(axis=1)
    lengths = np.diff(np.append(np.flatnonzero(first), len(order)))
    several = np.repeat(lengths > 1, lengths)
    return rows[order[several]], lengths[lengths > 1]


def _arrange(
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    conflicting: NDArray[np.bool_],
    across: NDArray[np.bool_],
    tested: NDArray[np.bool_],
) -> Duplicates:
    """Put what must be fixed first: conflicting labels, then leaks."""
    starts = np.cumsum(lengths) - lengths
    order = np.lexsort((rows[starts], ~across, ~conflicting))
    lengths = lengths[order]
    ends = np.cumsum(lengths)
    within = np.arange(len(rows)) - np.repeat(ends - lengths, lengths)
    return Duplicates(
        rows=rows[np.repeat(starts[order], lengths) + within],
        starts=np.append(0, ends),
        conflicting=conflicting[order],
        across=across[order],
        tested=tested[order],
    )
