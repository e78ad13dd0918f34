"""Every error that featx raises on purpose.

::

    FeatxError              the user can fix it: what, where and how, in one line
    ├── AddressError        an address of files or machines that can't be reached
    ├── DataError           the image folder, its labels or its files
    │   └── ImageError      one file that can't be decoded
    ├── BackboneError       an unknown backbone, layer or size
    │   └── WeightsError    pretrained weights that are not there
    ├── CacheError          the embedding cache can't be read or written
    │   └── CacheWriteError no permission to write to it, or no room
    ├── HeadError           a head that doesn't fit the embeddings or labels
    ├── NetworkError        a network that isn't there, or can't learn from the images
    ├── ExportError         a model that can't be exported, or a file of it is wrong
    ├── RunError            a run folder that is missing or incomplete
    ├── RecipeError         a recipe or featx.toml that says something unknown
    └── SettingsError       a value that a function of the Python API doesn't allow

Errors of the libraries are turned into these where featx calls the library, so that
the command line has one kind to show.
"""

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class FeatxError(Exception):
    """Base of all errors that a user can fix."""


class AddressError(FeatxError):
    """An address can't be reached: a package, permission or network is missing."""


class DataError(FeatxError):
    """The image folder, its labels or its files are not usable as they are."""


class ImageError(DataError):
    """One image file can't be read or decoded; the message is the reason.

    Parameters
    ----------
    reason : str
        In a few words, with what to do.
    lasting : bool
        Whether the content is at fault, so that trying again would not help.
    """

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


class BackboneError(FeatxError):
    """The backbone, layer or image size doesn't exist."""


class WeightsError(BackboneError):
    """Pretrained weights are neither on this machine nor to be fetched."""


class CacheError(FeatxError):
    """The embedding cache can't be read or written."""


class CacheWriteError(CacheError):
    """The embedding cache can't be written to; what it holds can be read.

    Parameters
    ----------
    reason : str
        Which folder, and why.
    advice : str
    """

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason}; {advice}")
        self.reason = reason


class HeadError(FeatxError):
    """The head doesn't exist or doesn't fit the embeddings."""


class NetworkError(FeatxError):
    """The network doesn't exist, or can't be trained on images of this size."""


class ExportError(FeatxError):
    """A model can't be exported, or its file doesn't answer as the run does."""


class RunError(FeatxError):
    """A run folder is missing, incomplete or not one of featx's."""


class RecipeError(FeatxError):
    """A recipe or settings file says something that featx doesn't know."""


class SettingsError(FeatxError):
    """A function of the Python API was given a setting that it doesn't allow."""


def nearest(name: str, known: "Iterable[str]", *, count: int = 3) -> str:
    """Return the end of an error about an unknown name: the nearest known ones.

    Returns
    -------
    str
        ``"; did you mean 'a', 'b' or 'c'?"``, empty where nothing is near.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), list(by_lower), n=count, cutoff=0.5)
    if not matches and name:  # a part of a long name is not close to it
        matches = [known for known in by_lower if name.lower() in known][:count]
    if not matches:
        return ""
    *before, last = (f"'{by_lower[match]}'" for match in matches)
    either = f"{', '.join(before)} or " if before else ""
    return f"; did you mean {either}{last}?"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or else its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
