"""Stage one on many machines, by Ray.

Ray Data hands parts of the data to workers, one for each GPU, or for each machine
without; restarts, retries and placement are its business. A worker commits to the
shared cache, as any process does that runs `featx extract`; only counts come back.
"""

import contextlib
import logging
import os
import pickle
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from featx.addresses import Address
from featx.embeddings.backbones.extractor import Extractor
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.compute import Computation, SpecQueue
from featx.embeddings.engines.choice import choose_engine, choose_precision
from featx.embeddings.spec import Spec
from featx.errors import AddressError, FeatxError, ImageError, first_line
from featx.images.decode_ahead import USUAL, Decoders
from featx.images.digests import DIGEST_SIZE, Digests, digest_files
from featx.images.sources import ImageFiles
from featx.progress import Update, ignore

LOGGER = logging.getLogger(__name__)

MOST = 1000
"""Images of a part of the data: what is computed again where a worker dies."""

PARTS_PER_WORKER = 8
"""At least so many parts per worker, so that none waits for long for the last one."""

SAMPLED = 200
"""Images of which a worker takes those that can be read to compare engines."""

ANSWER_SECONDS = 10
"""How long a cluster may take to answer at its address."""

MOST_PORT = 65535

INSTALL = '--ray: Ray is not installed; pip install "featx[ray]"'


class _Part(NamedTuple):
    """Some images for a worker."""

    rows: tuple[int, ...]
    """Of the source that they are from."""
    images: ImageFiles
    wanted: tuple[frozenset[int], ...]
    """For each extractor, which of these images to embed, by their number here."""


class _Answer(NamedTuple):
    """What became of a part."""

    computed: tuple[int, ...]
    failed: dict[int, tuple[str, bool]]
    """Reason, and whether it lasts, by row of the source."""
    notes: tuple[str, ...]


class RayCluster:
    """A cluster of Ray that this process is connected to.

    Parameters
    ----------
    address : str
        Of its head, ``host:port`` or ``ray://host:port``; empty for the cluster that
        runs on this machine, or a new one where none does.

    Raises
    ------
    AddressError
        Ray isn't installed, or the cluster can't be reached.
    """

    def __init__(self, address: str = "") -> None:
        # Ray's own processes write lines to stderr that help nobody here.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        try:
            import ray
            import ray.data
        except ImportError:
            raise AddressError(INSTALL) from None
        self._ray = ray
        _check_answers(address)
        try:
            ray.init(
                address=address or None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                ignore_reinit_error=True,
            )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise _unreachable(address or "on this machine", error) from error
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self.gpus = int(ray.cluster_resources().get("GPU", 0))
        alive = [node for node in ray.nodes() if node["Alive"]]
        self.machines = sum(1 for one in alive if one["Resources"].get("CPU", 0))
        self.workers = max(1, self.gpus or self.machines)

    def close(self) -> None:
        """Disconnect; a cluster that was started for this process ends."""
        self._ray.shutdown()

    def __str__(self) -> str:
        count, what = (self.gpus, "GPU") if self.gpus else (self.machines, "machine")
        return f"{count} {what}{'' if count == 1 else 's'}"

    def digest(self, files: Sequence[Address], update: Update = ignore) -> Digests:
        """Return the digests of files that the workers read.

        The parameters are those of `digest_files`.
        """
        keys = np.zeros((len(files), DIGEST_SIZE), np.uint8)
        unreadable: dict[int, str] = {}
        rows = range(len(files))
        size = self._part_size(len(files))
        parts = [list(rows[i : i + size]) for i in range(0, len(files), size)]
        sent = [(part, [files[row] for row in part]) for part in parts]
        done = 0
        update(0, len(files))
        for part, digests in self._map(_digest, sent, num_cpus=1):
            keys[part] = digests.keys
            unreadable.update(
                {part[row]: why for row, why in digests.unreadable.items()}
            )
            done += len(part)
            update(done, len(files))
        return Digests(keys, dict(sorted(unreadable.items())))

    def choose_precision(
        self, extractor: Extractor, source: ImageFiles, cache_dir: Address
    ) -> tuple[Extractor, str | None]:
        """Have a worker choose the precision of an extractor that leaves it open."""
        sample, count = _sample(source), len(source.files)
        task = self._ray.remote(num_gpus=min(self.gpus, 1))(choose_precision)
        with _own_errors():
            chosen: tuple[Extractor, str | None] = self._ray.get(
                task.remote(extractor, sample, cache_dir, count=count)
            )
        return chosen

    def compute(
        self,
        source: ImageFiles,
        queues: Sequence[SpecQueue],
        update: Update,
        decoders: Decoders = USUAL,
    ) -> Computation:
        """Have the workers embed and commit what the queues want.

        The parameters are those of `Computation`; so are the errors of its `run`.
        """
        done = Computation(source, queues, update, decoders)
        rows = sorted(frozenset().union(*(queue.rows for queue in queues)))
        make = _WorkerSettings(
            extractors=[queue.extractor for queue in queues],
            cache_dir=queues[0].cache.root,
            batch_size=queues[0].batch_size,
            sample=_sample(source),
            counts=[len(queue.rows) for queue in queues],
            decoders=decoders,
        )
        LOGGER.debug("%d images, %d workers", len(rows), self.workers)
        start, total = time.perf_counter(), len(rows)
        counted = 0
        update(0, total)
        for part, answer in self._map(
            _Worker,
            self._parts(source, queues, rows),
            fn_constructor_args=(make,),
            concurrency=self.workers,
            num_cpus=1,
            num_gpus=1 if self.gpus else 0,
        ):
            for queue, computed in zip(queues, answer.computed, strict=True):
                queue.computed += computed
                queue.notes += [n for n in answer.notes if n not in queue.notes]
            for row, (reason, lasting) in answer.failed.items():
                done.failed[row] = ImageError(reason, lasting=lasting)
            counted += len(part)
            update(counted, total)
        done.seconds = time.perf_counter() - start
        return done

    def _part_size(self, count: int) -> int:
        return max(1, min(MOST, count // (PARTS_PER_WORKER * self.workers)))

    def _parts(
        self, source: ImageFiles, queues: Sequence[SpecQueue], rows: Sequence[int]
    ) -> Iterator[_Part]:
        size = self._part_size(len(rows))
        for start in range(0, len(rows), size):
            own = rows[start : start + size]
            wanted = [
                frozenset(n for n, row in enumerate(own) if row in queue.rows)
                for queue in queues
            ]
            yield _Part(tuple(own), source.select(own), tuple(wanted))

    def _map(
        self, function: Callable[..., Any], parts: Any, **options: Any
    ) -> Iterator[tuple[Any, Any]]:
        """Yield what a function or actor makes of each part, as parts are done."""
        # Ray Data takes apart what it knows, as tuples; bytes stay whole.
        items = [{"part": pickle.dumps(part)} for part in parts]
        dataset = self._ray.data.from_items(items, override_num_blocks=len(items))
        with _own_errors():
            for row in dataset.map(function, **options).iter_rows():
                yield pickle.loads(row["done"])


def _check_answers(address: str) -> None:
    """Check that something listens at an address; Ray would try for minutes.

    Raises
    ------
    AddressError
        Nothing does, or it is no address.
    """
    if not address:
        return
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not (separator and port.isdecimal() and int(port) <= MOST_PORT):
        raise AddressError(
            f"--ray {address}: no address like 10.0.0.1:6379; write DATA before --ray"
        )
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, UnicodeError) as error:  # the latter for a name of no host
        raise _unreachable(address, error) from error


def _unreachable(where: str, error: Exception) -> AddressError:
    reason = getattr(error, "strerror", None) or first_line(error)
    return AddressError(
        f"--ray {where}: no cluster can be reached ({reason[:1].lower()}{reason[1:]});"
        " `ray start --head` starts one and prints its address"
    )


@contextlib.contextmanager
def on_ray(address: str | None) -> Iterator[RayCluster | None]:
    """Connect to a cluster while the block runs; yield None without an address."""
    if address is None:
        yield None
        return
    cluster = RayCluster(address)
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
    """Raise featx's own errors as the worker raised them."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, FeatxError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from None
        raise AddressError(f"--ray: {first_line(error)}") from error


def _sample(source: ImageFiles) -> ImageFiles:
    """Return the first images, by which engines are compared."""
    return source.select(range(min(SAMPLED, len(source.files))))


def _digest(row: dict[str, Any]) -> dict[str, Any]:
    part, files = pickle.loads(row["part"])
    return {"done": pickle.dumps((part, digest_files(files)))}


@dataclass(frozen=True)
class _WorkerSettings:
    """What a worker is made with."""

    extractors: Sequence[Extractor]
    cache_dir: Address
    batch_size: int | None
    sample: ImageFiles
    counts: Sequence[int]
    decoders: Decoders


class _Worker:
    """Embeds and commits parts of the data; it keeps its models."""

    def __init__(self, settings: _WorkerSettings) -> None:
        self._settings = settings
        self._notes: list[str] = []
        self._open = [
            _Opened(self._choose(extractor, count))
            for extractor, count in zip(
                settings.extractors, settings.counts, strict=True
            )
        ]

    def _choose(self, extractor: Extractor, count: int) -> Extractor:
        """Choose the engine that is the fastest on this machine."""
        sample = self._settings.sample
        chosen, note = choose_engine(
            extractor,
            sample,
            range(len(sample.files)),
            self._settings.cache_dir,
            count=count,
        )
        self._notes += [note] if note else []
        return chosen

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part: _Part = pickle.loads(row["part"])
        settings = self._settings
        queues = [
            SpecQueue(
                opened,
                EmbeddingCache(settings.cache_dir, opened.spec),
                wanted,
                settings.batch_size,
            )
            for opened, wanted in zip(self._open, part.wanted, strict=True)
        ]
        todo = [queue for queue in queues if queue.rows]
        done = Computation(part.images, todo, ignore, settings.decoders)
        done.run()
        answer = _Answer(
            tuple(queue.computed for queue in queues),
            {
                part.rows[row]: (str(error), error.lasting)
                for row, error in done.failed.items()
            },
            (*self._notes, *(note for queue in todo for note in queue.notes)),
        )
        return {"done": pickle.dumps((part.rows, answer))}


@dataclass
class _Opened:
    """An extractor whose engine stays open from part to part."""

    extractor: Extractor
    _engine: Any = field(default=None, init=False)

    @property
    def spec(self) -> Spec:
        """What decides the values."""
        return self.extractor.spec

    @property
    def dim(self) -> int:
        """Numbers in a row."""
        return self.extractor.dim

    def flipped(self) -> Extractor:
        """Return the extractor of the flipped view."""
        return self.extractor.flipped()

    def open(self) -> Any:
        """Return the engine; it is loaded once."""
        if self._engine is None:
            self._engine = self.extractor.open()
        return self._engine
