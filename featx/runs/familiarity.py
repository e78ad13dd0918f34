"""The file of a run that tells which images are unlike its training images.

See `docs/formats.md`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.errors import RunError
from featx.evaluation.familiarity import Familiarity
from featx.runs.files import FAMILIARITY_FILE, check_sha256, damaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "featx-familiarity"
VERSION = 1


def familiarity_bytes(found: Familiarity) -> bytes:
    """Return the content of `familiarity.safetensors`."""
    from safetensors.numpy import save

    arrays: dict[str, NDArray[Any]] = {
        "rows": found.rows,
        "distances": found.distances,
        "test": found.test,
    }
    facts = {
        "format": FORMAT,
        "version": str(VERSION),
        "map_shape": json.dumps(found.map_shape),
    }
    content: bytes = save(arrays, facts)
    return content


def read_familiarity(folder: Path, sha256: str, *, n_test: int) -> Familiarity | None:
    """Read `familiarity.safetensors` of a run folder; None where the run has none.

    Parameters
    ----------
    folder : Path
    sha256 : str
        As `run.json` says; empty for a run without the file.
    n_test : int
        As `metrics.json` says.

    Raises
    ------
    RunError
        The file is missing, or not as featx writes it.
    """
    from safetensors import SafetensorError, safe_open

    if not sha256:
        return None
    path = folder / FAMILIARITY_FILE
    try:
        check_sha256(path, sha256)
        with safe_open(path, framework="numpy") as file:
            facts = file.metadata() or {}
            if facts.get("format") != FORMAT:
                raise damaged(path, f"not of format {FORMAT}")
            if int(facts["version"]) > VERSION:
                raise RunError(f"{path}: written by a newer featx; upgrade to read it")
            shape = json.loads(facts["map_shape"])
            found = Familiarity(
                rows=file.get_tensor("rows"),
                distances=file.get_tensor("distances"),
                map_shape=None if shape is None else tuple(shape),
                test=file.get_tensor("test"),
            )
        _check(found, n_test)
    except FileNotFoundError:
        raise damaged(path, "missing") from None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise damaged(path, error) from error
    return found


def _check(found: Familiarity, n_test: int) -> None:
    """Check that arrays have the types and shapes that fit together.

    Raises
    ------
    ValueError
    """
    m = len(found.rows)
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {
        "rows": (np.int8, (m, found.rows.shape[-1])),
        "distances": (np.float32, (m,)),
        "test": (np.float32, (n_test,)),
    }
    for name, (dtype, shape) in expected.items():
        array = getattr(found, name)
        if array.dtype != dtype or array.shape != shape or not m:
            raise ValueError(f"'{name}' has shape {array.shape}, type {array.dtype}")
