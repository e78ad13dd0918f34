"""Writing the data sets of Keras and scikit-learn as image folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.atomic import atomic_folder, check_writable
from featx.datasets.settings import DatasetSettings
from featx.errors import DataError
from featx.frameworks import fetch_failure, import_keras, keras_downloads
from featx.keras_backend import keras_home
from featx.progress import SILENT, Progress

_TORONTO = "https://www.cs.toronto.edu/~kriz"
_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A data set of `keras.datasets`, or the digits of `sklearn.datasets`.

    Attributes
    ----------
    name : str
        Keras' name for its module, or ``digits``.
    classes : tuple of str
        By label.
    files : Mapping
        Path below Keras' folder `datasets`, and the URL of what belongs there. Empty
        for what is installed with scikit-learn.
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
    PublicSet("digits", tuple("0123456789"), {}),
)

PUBLIC_SETS: Mapping[str, PublicSet] = MappingProxyType(
    {row.name: row for row in _ROWS}
)

TIMEOUT_S = 30.0

LoadedSplit = tuple[NDArray[np.uint8], NDArray[Any]]
"""Pixels, shape (n, height, width) or (n, height, width, 3), and labels, (n,) or
(n, 1)."""


@dataclass(frozen=True)
class WrittenDataset:
    """The folder of a data set that was written.

    Attributes
    ----------
    folder : Path
    classes : tuple of str
    n_train, n_test : int
        Images; `n_test` is 0 where the set has no test split of its own.
    """

    folder: Path
    classes: tuple[str, ...]
    n_train: int
    n_test: int


def load_with_keras(row: PublicSet) -> tuple[LoadedSplit, LoadedSplit]:
    """Load a data set with Keras, which fetches it the first time.

    Raises
    ------
    Exception
        Whatever Keras raises where it can't.
    """
    import_keras()
    module = import_module(f"keras.datasets.{row.name}")
    with keras_downloads(TIMEOUT_S):
        splits: tuple[LoadedSplit, LoadedSplit] = module.load_data()
    return splits


def load_digits() -> LoadedSplit:
    """Load scikit-learn's digits: 1,797 of 8 x 8 pixels, written by 43 people.

    References
    ----------
    .. [1] Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
       Learning Repository, 1998; scikit-learn has its test images.
    """
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    grey = np.rint(images * (255 / 16)).astype(np.uint8)
    return grey.reshape(-1, 8, 8), labels


def write_public_set(
    name: str, settings: DatasetSettings, *, progress: Progress = SILENT
) -> WrittenDataset:
    """Write a public data set as PNG files, or some of it.

    The folder appears whole or not at all.

    Parameters
    ----------
    name : str
        A name of the table of public data sets.
    settings : DatasetSettings
        The folder is by default ``data/NAME``; it must not exist.

    Raises
    ------
    DataError
        There is no such number of classes, the folder exists already, or the data is
        neither on this machine nor can be fetched.
    OSError
        It can't be written.
    """
    from PIL import Image

    row = PUBLIC_SETS[name]
    names = row.classes[: settings.classes]
    if settings.classes is not None and settings.classes > len(names):
        raise DataError(
            f"{name} has {len(names)} classes, not {settings.classes}; take 2 to"
            f" {len(names)}"
        )
    folder = settings.out or Path("data", name)
    if folder.exists():
        raise DataError(f"{folder} exists already; remove it or choose another --out")
    check_writable(folder)  # before anything is fetched
    loaded = _load(row)
    rng = np.random.default_rng(settings.seed)
    chosen = {
        split: _choose(codes.reshape(-1), len(names), settings.per_class, rng)
        for split, (_, codes) in loaded.items()
    }
    update = progress.images(f"writing {name}")
    done, total = 0, sum(map(len, chosen.values()))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder, durable=False) as aside:
        for split, rows in chosen.items():
            pixels, codes = loaded[split]
            for index in rows:
                label = names[int(codes.reshape(-1)[index])]
                path = aside / split / label / f"{index:05}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels[index]).save(path)
                done += 1
                update(done, total)
    n_test = len(chosen.get("test", ()))
    return WrittenDataset(folder, names, total - n_test, n_test)


def _load(row: PublicSet) -> dict[str, LoadedSplit]:
    """Load a data set by the folders of its splits, or say which file to put where."""
    if not row.files:
        return {"": load_digits()}
    try:
        return dict(zip(("train", "test"), load_with_keras(row), strict=True))
    except Exception as error:  # noqa: BLE001  Keras raises a bare Exception here
        reason = fetch_failure(error)
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
    """Return the rows to write, ascending."""
    if per_class is None:
        return np.flatnonzero(labels < n_classes)
    rows = [np.flatnonzero(labels == code) for code in range(n_classes)]
    drawn = [rng.permutation(of_class)[:per_class] for of_class in rows]
    return np.sort(np.concatenate(drawn))
