"""The public data sets that Keras fetches, and what their labels mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx.errors import DataError, nearest

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
