"""Stage one: from a data folder to cached embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter, ValidationError

from featx.addresses import Address
from featx.embeddings.cache.last_extracted import FILE, recall, register, remember
from featx.embeddings.cluster import RayCluster, on_ray
from featx.embeddings.dataset import Embeddings, embed, find_extractors, title_of
from featx.embeddings.extract import Extraction
from featx.embeddings.extract import extract as extract_rows
from featx.embeddings.memo import is_damaged
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import RecipeError
from featx.images.decode_ahead import Decoders
from featx.images.image_set import ImageSet
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.progress import SILENT, Progress

_ENTRY = TypeAdapter(list[ExtractSettings])


@dataclass(frozen=True)
class Extracted:
    """What stage one found and did."""

    images: ImageSet
    extractions: list[Extraction]


def run_extract(
    data: DataSettings,
    extract: Sequence[ExtractSettings],
    *,
    cache: CacheSettings = CacheSettings(),
    retry: bool = False,
    ray: str | None = None,
    progress: Progress = SILENT,
) -> Extracted:
    """Run stage one: commit all embeddings of a data folder, and remember which.

    Parameters
    ----------
    retry : bool
        Whether quarantined images are tried again.
    ray : str, optional
        Address of a Ray cluster whose machines compute; empty for the one that runs on
        this machine. By default this machine computes.

    Raises
    ------
    AddressError, DataError, BackboneError, WeightsError, CacheError
    """
    images = read_images(data)
    extractors = find_extractors(extract, cache.folder)
    register(cache.folder, data.path)
    with on_ray(ray) as cluster:
        extractions = extract_rows(
            _source(images, cluster, progress),
            extractors,
            # The workers' own folder is another one.
            cache.folder.absolute() if cluster else cache.folder,
            batch_size=cache.batch_size,
            engine=cache.engine,
            decoders=Decoders(cache.decode_in, cache.decoders),
            retry=retry,
            cluster=cluster,
            update=progress.images(title_of(extractors)),
        )
    if not remember(
        cache.folder, data.path, [e.model_dump(mode="json") for e in extract]
    ):
        progress.note(
            f"{cache.folder}: not writable, so `featx fit` can't know what was"
            " extracted last; give it the same --backbone and options"
        )
    return Extracted(images, extractions)


def _source(
    images: ImageSet, cluster: RayCluster | None, progress: Progress
) -> ImageFiles:
    """Return the image files, which are read by those who compute."""
    if cluster is None:
        return ImageFiles(images.files, images.digests)
    files = replace(images, root=images.root.resolve()).files
    update = progress.images(f"reading images on {cluster}")
    return ImageFiles(files, cluster.digest(files, update))


def last_extracted(cache_dir: Address, data: DataSettings) -> list[ExtractSettings]:
    """Return what was last extracted for a data folder; empty if nothing was.

    Also empty where the entry is damaged, or of a version with other settings.
    """
    try:
        return _ENTRY.validate_python(recall(cache_dir, data.path))
    except ValidationError:
        return []


def _nothing_extracted(cache_dir: Address, data: Address) -> RecipeError:
    """Return the error where it isn't known what to take."""
    way_on = "; run `featx extract` first, or give --backbone"
    if is_damaged(cache_dir / FILE) or recall(cache_dir, data):
        return RecipeError(
            f"{cache_dir / FILE}: damaged, or of another version of featx, so it isn't"
            f" known what was last extracted for {data}{way_on}"
        )
    return RecipeError(
        f"{data}: nothing was extracted for it into {cache_dir} yet{way_on}"
    )


def find_embeddings(
    data: DataSettings,
    *,
    extract: Sequence[ExtractSettings] = (),
    cache: CacheSettings = CacheSettings(),
    check: Callable[[Sequence[ExtractSettings]], None] = lambda _: None,
    memory: int | None = None,
    progress: Progress = SILENT,
) -> tuple[Embeddings, list[ExtractSettings]]:
    """Return a data folder's embeddings, and which they are.

    Those that the cache lacks are computed. Without `extract`, those last extracted
    for this data are taken.

    Parameters
    ----------
    check : callable
        Called before they are computed; refuses those that are of no use.
    memory : int, optional
        Bytes from which on they lie in a file; see `embed`.

    Raises
    ------
    RecipeError
        `extract` is empty and nothing was extracted for this data yet.
    DataError, BackboneError, WeightsError, CacheError
    """
    images = read_images(data)
    remembered = last_extracted(cache.folder, data)
    chosen = list(extract) or remembered
    if not chosen:
        raise _nothing_extracted(cache.folder, data.path)
    check(chosen)
    register(cache.folder, data.path)
    embeddings = embed(
        images,
        chosen,
        cache_dir=cache.folder,
        batch_size=cache.batch_size,
        engine=cache.engine,
        decoders=Decoders(cache.decode_in, cache.decoders),
        memory=memory,
        progress=progress,
    )
    if isinstance(embeddings.views, np.memmap):
        progress.note(
            f"embeddings of {embeddings.views.nbytes / 1e9:.1f} GB are kept in a"
            " temporary file; heads learn from them in portions"
        )
    if not remembered:
        # `featx cache prune` keeps the rows of the folders that are remembered.
        remember(cache.folder, data.path, [e.model_dump(mode="json") for e in chosen])
    return embeddings, chosen
