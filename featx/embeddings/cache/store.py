"""The embedding cache of one spec: part files, looked up by content."""

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, make_folder, reaching, rename
from featx.atomic import check_writable, remove_leftovers, write_atomically
from featx.embeddings.cache.parts import (
    DamagedPartError,
    PartError,
    UnusablePartError,
    at_hand,
    check_width,
    choose_small,
    common_width,
    read_blocks,
    read_keys,
    read_part,
    write_part,
)
from featx.embeddings.cache.quarantine import Quarantine, Unreadable
from featx.embeddings.memo import read_memo
from featx.embeddings.spec import Spec
from featx.errors import CacheError, CacheWriteError
from featx.keras_backend import BACKENDS
from featx.locks import FolderLock, updating
from featx.provenance import provenance
from featx.scratch import EMBEDDINGS, allocate, folder_for_scratch

SPEC_FILE = "spec.json"
LOCK_FILE = "lock"
QUARANTINE_FILE = "quarantine.csv"

MERGE_BYTES = 1 << 25
"""Parts are merged up to about this size, so that a merge takes little memory."""

LEAST_ROOM = 1 << 16
"""Free bytes that must be there before work begins."""

Keys = NDArray[np.uint8]
Rows = NDArray[np.float32]
Written = TypeVar("Written")


class EmbeddingCache:
    """Embeddings of one spec, on disk.

    Any number of processes may read and add at once. Parts never change; only
    `merge` and `prune` remove some, alone, after writing elsewhere what is to stay.

    Parameters
    ----------
    root : Path or UPath
        The cache folder, of all specs.
    spec : Spec

    Attributes
    ----------
    folder : Path or UPath
        Of this spec.
    lock : FolderLock
        Held shared to read and add, alone to take away.
    notes : list of str
        What was set aside, one line each.
    """

    def __init__(self, root: Address, spec: Spec) -> None:
        self.root = root
        self.spec = spec
        self.folder = root / spec.folder_name
        self.lock = FolderLock(self.folder / LOCK_FILE)
        self.quarantine = Quarantine(self.folder / QUARANTINE_FILE, root)
        self.notes: list[str] = []

    def parts(self) -> list[Address]:
        """Return the parts' paths, oldest first."""
        with reaching(self.folder):
            found: list[Address] = list(self.folder.glob("part-*.h5"))
        return sorted(found, key=lambda path: path.name)

    def contains(self, keys: Keys) -> NDArray[np.bool_]:
        """Return which images have an embedding.

        Parameters
        ----------
        keys : ndarray of uint8, shape (n, 32)

        Returns
        -------
        ndarray of bool, shape (n,)

        Raises
        ------
        CacheError
            A newer featx wrote a part, or the system doesn't let it be read.
        """
        wanted = _rows_by_key(keys)
        found = np.zeros(len(keys), dtype=bool)
        with self.lock.shared():
            for _, names in self.keys_by_part(self.set_aside):
                for key in names:
                    if key in wanted:
                        found[wanted[key]] = True
        return found

    def read(
        self, keys: Keys, *, memory: int | None = None
    ) -> tuple[Rows, NDArray[np.bool_]]:
        """Read embeddings, checking their checksums.

        Parameters
        ----------
        keys : ndarray of uint8, shape (n, 32)
        memory : int, optional
            Bytes from which on the rows lie in a file; see `allocate`.

        Returns
        -------
        rows : ndarray of float32, shape (n, d)
            Zeros where there is no embedding; d is 0 where there is none at all.
        found : ndarray of bool, shape (n,)

        Raises
        ------
        CacheError
            As `contains`.
        """
        wanted = _rows_by_key(keys)
        found = np.zeros(len(keys), dtype=bool)
        with self.lock.shared():
            width = common_width(self.parts())
            rows = allocate(
                (len(keys), width),
                np.float32,
                folder_for_scratch(self.folder.parent),
                EMBEDDINGS,
                memory=memory,
            )
            for path, names in self.keys_by_part(self.set_aside):
                if wanted.keys().isdisjoint(names):
                    continue
                try:
                    for where, block in read_blocks(path):
                        check_width(path, block, width)
                        for offset, key in enumerate(names[where]):
                            targets = wanted.get(key)
                            if targets is not None:
                                rows[targets] = block[offset]
                                found[targets] = True
                except DamagedPartError as error:
                    self.set_aside(path, error)
        return rows, found

    def add(self, keys: Keys, rows: Rows, engine: str = "") -> Address:
        """Commit embeddings as a new part.

        Parameters
        ----------
        keys : ndarray of uint8, shape (n, 32)
        rows : ndarray of float32, shape (n, d)
        engine : str
            What computed them.

        Raises
        ------
        CacheError
            The folder can't be written to: no permission, or the disk is full. Or these
            are no rows to keep: of another type or shape, or not finite.
        """
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        return self._commit(
            lambda: write_part(self.folder, now, keys, rows, self._provenance(engine))
        )

    def add_unreadable(self, lines: Collection[Unreadable]) -> None:
        """List images that can't be read.

        Raises
        ------
        CacheError
            The folder can't be written to.
        """
        self._commit(lambda: self.quarantine.add(lines))

    def _commit(self, write: Callable[[], Written]) -> Written:
        """Write to the folder with its spec, while nothing is taken away there."""

        def once() -> Written:
            make_folder(self.folder)
            with self.lock.shared():
                self._write_spec()
                return write()

        with self.reporting_failures():
            try:
                return once()
            except FileNotFoundError:
                # The folder was pruned away while this waited for the lock.
                return once()

    def merge(self) -> None:
        """Merge small part files and remove what killed processes left.

        Only when no other process uses the folder; otherwise nothing happens, as
        after any failure: a later merge does it.
        """
        with contextlib.suppress(OSError, CacheError), self.lock.alone() as alone:
            if not alone:
                return
            # Writers hold the shared lock: what is unfinished now has no owner.
            remove_leftovers(self.folder)
            group = choose_small(self.parts(), MERGE_BYTES)
            if len(group) > 1:
                self.rewrite(group)

    def rewrite(
        self, group: Sequence[Address], wanted: Collection[bytes] | None = None
    ) -> None:
        """Put the rows of some parts into one, each content once, and remove these.

        Only for a caller that holds the lock alone. A kill loses nothing: the new part
        file is there before any old one goes.

        Parameters
        ----------
        wanted : collection of bytes, optional
            Keys of the rows that stay; all stay by default.

        Raises
        ------
        DamagedPartError
            One of them can't be read; all stay as they are.
        OSError
            The new part can't be written; all stay as they are.
        """
        keys: list[Keys] = []
        rows: list[Rows] = []
        engines: set[str] = set()
        for path in group:
            own_keys, own_rows, computed_by = read_part(path, self.spec.id)
            keys.append(own_keys)
            rows.append(own_rows)
            engines.update(computed_by.split(", ") if computed_by else ())
            check_width(path, rows[-1], rows[0].shape[1])
        all_keys, all_rows = np.concatenate(keys), np.concatenate(rows)
        last = {key: i for i, key in enumerate(split_keys(all_keys))}
        kept = sorted(i for key, i in last.items() if wanted is None or key in wanted)
        whole = None
        if kept:
            stamp = group[-1].stem.removeprefix("part-").split("-")[0]
            made_by = self._provenance(", ".join(sorted(engines)))
            whole = write_part(
                self.folder, stamp, all_keys[kept], all_rows[kept], made_by
            )
        for old in group:
            if old != whole:  # the same content has the same name
                old.unlink(missing_ok=True)

    def link_parts(self, root: Path) -> None:
        """Make the parts readable below another root, as links where there can be any.

        For what is computed where this cache can't be written to.
        """
        folder = root / self.spec.folder_name
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            for part in self.parts():
                (folder / part.name).symlink_to(at_hand(part).absolute())

    def check_writable(self) -> None:
        """Check that the folder can be written to and has room, without making it.

        Raises
        ------
        CacheError
            It can't.
        """
        with self.reporting_failures():
            check_writable(self.folder, room=LEAST_ROOM)

    @contextlib.contextmanager
    def writable(self, facts: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Make the folder with its spec, and turn failures to write into CacheError.

        Parameters
        ----------
        facts : mapping, optional
            Kept beside the spec in `spec.json`; they decide no value.
        """
        with self.reporting_failures():
            make_folder(self.folder)
            self._write_spec(facts)
            yield

    def _write_spec(self, facts: Mapping[str, Any] | None = None) -> None:
        path = self.folder / SPEC_FILE
        if path.exists() and not facts:
            return
        with updating(self.root):
            content = {**read_memo(path), **self.spec.as_dict(), **(facts or {})}
            text = json.dumps(content, indent=2) + "\n"
            write_atomically(path, text.encode())

    @contextlib.contextmanager
    def reporting_failures(self) -> Iterator[None]:
        """Turn failures to write into CacheError."""
        try:
            yield
        except OSError as error:
            raise CacheWriteError(
                f"{self.folder}: can't write ({error.strerror or error})",
                "what was committed is kept: fix that, or choose another --cache-dir",
            ) from error

    def _provenance(self, engine: str) -> Mapping[str, Any]:
        written = provenance(("featx", "keras", *BACKENDS))
        return {
            "spec": self.spec.id,
            "created": written["created"],
            **written["versions"],
            **({"engine": engine} if engine else {}),
        }

    def keys_by_part(
        self, on_damage: Callable[[Address, PartError], None]
    ) -> Iterator[tuple[Address, list[bytes]]]:
        """Yield each part with the keys of its rows.

        Parameters
        ----------
        on_damage : callable
            Called with each part that can't be read and why, like `set_aside`.
        """
        for path in self.parts():
            try:
                names = split_keys(read_keys(path, self.spec.id))
            except PartError as error:
                on_damage(path, error)
            else:
                yield path, names

    def note_damage(self, _: Address, error: PartError) -> None:
        """Note a part file that can't be used, and leave it where it is."""
        aside = isinstance(error, DamagedPartError)
        hint = "; `featx cache verify` sets it aside" if aside else ""
        self.notes.append(f"{error}{hint}")

    def set_aside(self, path: Address, error: PartError) -> None:
        """Rename a damaged part file, so that no later look-up reads it.

        Raises
        ------
        UnusablePartError
            It isn't damaged.
        """
        if isinstance(error, UnusablePartError):
            raise error
        aside = path.with_name(f"damaged-{path.name}")
        note = f"{error}; its images are computed again"
        with contextlib.suppress(OSError):
            rename(path, aside.name)
            note = f"{error}; set aside as {aside.name}, its images are computed again"
        if note not in self.notes:
            self.notes.append(note)


def split_keys(keys: Keys) -> list[bytes]:
    """Return keys, shape (n, 32), as byte strings."""
    whole = keys.tobytes()
    return [whole[i : i + 32] for i in range(0, len(whole), 32)]


def _rows_by_key(keys: Keys) -> dict[bytes, list[int]]:
    rows: dict[bytes, list[int]] = {}
    for row, key in enumerate(split_keys(keys)):
        rows.setdefault(key, []).append(row)
    return rows
