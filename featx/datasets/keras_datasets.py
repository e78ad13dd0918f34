"""Writing a public data set as an image folder: `train/<class>/`, `test/<class>/`."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError, nearest
from featx.frameworks import import_keras, keras_home, socket_timeout
from featx.progress import SILENT, Progress

_TORONTO = "https://www.cs.toronto.edu/~kriz"


_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set of `keras.datasets`.

    Attributes
    ----------
    name : str
        Keras' name of its module.
    classes : tuple of str
        By label.
    files : Mapping
        Where Keras looks below its folder `datasets`, and what belongs there.
    """

    name: str
    classes: tuple[str, ...]
    files: Mapping[str, str]


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"


_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""


_FASHION = "t-shirt trouser pullover dress coat sandal shirt sneaker bag ankle_boot"


_FASHION_FILES = (
    *("train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"),
    *("t10k-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"),
)


_ROWS = (
    PublicSet(
        "cifar10",
        tuple(_CIFAR10.split()),
        {"cifar-10-batches-py-target_archive": f"{_TORONTO}/cifar-10-python.tar.gz"},
    ),
    PublicSet(
        "cifar100",
        tuple(_CIFAR100.split()),
        {"cifar-100-python-target_archive": f"{_TORONTO}/cifar-100-python.tar.gz"},
    ),
    PublicSet(
        "mnist",
        tuple("0123456789"),
        {"mnist.npz": f"{_GOOGLE}/mnist.npz"},
    ),
    PublicSet(
        "fashion_mnist",
        tuple(_FASHION.split()),
        {f"fashion-mnist/{name}": f"{_GOOGLE}/{name}" for name in _FASHION_FILES},
    ),
)


PUBLIC_SETS: Mapping[str, PublicSet] = MappingProxyType(
    {row.name: row for row in _ROWS}
)


def find_public_set(name: str) -> PublicSet:
    """Return a data set's row.

    Raises
    ------
    DataError
        There is no such data set.
    """
    try:
        return PUBLIC_SETS[name.lower()]
    except KeyError:
        known = ", ".join(PUBLIC_SETS)
        raise DataError(
            f"no public data set '{name}'"
            f"{nearest(name, PUBLIC_SETS) or f'; there are {known}'}"
        ) from None


TIMEOUT_S = 30.0

Part = tuple[NDArray[np.uint8], NDArray[Any]]
"""Pixels, shape (n, height, width) or (n, height, width, 3), and labels, (n,) or
(n, 1)."""

Load = Callable[[PublicSet], tuple[Part, Part]]
"""From a row to its training and its test part, as Keras returns them."""


@dataclass(frozen=True)
class Written:
    """What was written."""

    folder: Path
    classes: tuple[str, ...]
    n_train: int
    n_test: int


def load_with_keras(row: PublicSet) -> tuple[Part, Part]:
    """Load a data set with Keras, which fetches it the first time.

    Raises
    ------
    Exception
        Whatever Keras raises where it can't.
    """
    import_keras()
    module = import_module(f"keras.datasets.{row.name}")
    with contextlib.redirect_stdout(sys.stderr), socket_timeout(TIMEOUT_S):
        parts: tuple[Part, Part] = module.load_data()
    return parts


def write_public_data(
    name: str,
    folder: Path,
    *,
    classes: int | None = None,
    per_class: int | None = None,
    seed: int = 0,
    load: Load = load_with_keras,
    progress: Progress = SILENT,
) -> Written:
    """Write a public data set as PNG files, or a part of it.

    The folder appears whole or not at all.

    Parameters
    ----------
    name : str
        A name of the table of public data sets.
    folder : Path
        To make.
    classes : int, optional
        The first so many, in the order of the labels.
    per_class : int, optional
        At most so many images of a class in each part, drawn at random.
    seed : int
        Of that draw.
    load : callable
        Brings the data.

    Raises
    ------
    DataError
        There is no such data set or number of classes, the folder is there already,
        or the data can neither be found nor fetched.
    OSError
        It can't be written.
    """
    row = find_public_set(name)
    names = row.classes[:classes]
    if classes is not None and not 2 <= classes <= len(row.classes):
        raise DataError(
            f"{row.name} has {len(row.classes)} classes, not {classes}; take 2 to"
            f" {len(row.classes)}"
        )
    if folder.exists():
        raise DataError(f"{folder} is there already; remove it or choose another --out")
    parts = dict(zip(("train", "test"), _load(row, load), strict=True))
    rng = np.random.default_rng(seed)
    labels = {part: found[1].reshape(-1) for part, found in parts.items()}
    chosen = {
        part: _choose(codes, len(names), per_class, rng)
        for part, codes in labels.items()
    }
    update = progress.images(f"writing {row.name}")
    done, total = 0, sum(map(len, chosen.values()))
    with _folder_whole(folder) as aside:
        for part, rows in chosen.items():
            for index in rows:
                label = names[int(labels[part][index])]
                _write(aside / part / label / f"{index:05}.png", parts[part][0][index])
                done += 1
                update(done, total)
    return Written(folder, names, len(chosen["train"]), len(chosen["test"]))


def _load(row: PublicSet, load: Load) -> tuple[Part, Part]:
    """Load a data set, or say which file to put where."""
    try:
        return load(row)
    except Exception as error:  # noqa: BLE001  Keras raises a bare Exception here
        lines = str(error).rpartition(" -- ")[2].strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
    folder = keras_home() / "datasets"
    files = ", ".join(f"{url} as {folder / name}" for name, url in row.files.items())
    raise DataError(
        f"{row.name} is not on this machine and could not be fetched ({reason}): put"
        f" {files}"
    )


def _choose(
    labels: NDArray[Any],
    n_classes: int,
    per_class: int | None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Return the rows to write, rising."""
    if per_class is None:
        return np.flatnonzero(labels < n_classes)
    rows = [np.flatnonzero(labels == code) for code in range(n_classes)]
    drawn = [rng.permutation(of_class)[:per_class] for of_class in rows]
    return np.sort(np.concatenate(drawn))


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@contextlib.contextmanager
def _folder_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder aside that takes its place at the end; a failed one goes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=folder.parent))
    try:
        yield aside
        aside.chmod(0o755)  # mkdtemp makes it private
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
