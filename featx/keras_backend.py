"""Which of Keras' backends featx runs on, decided before any of them is imported."""

import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from featx.errors import BackboneError
from featx.hardware import has_nvidia_gpu

BACKENDS = ("tensorflow", "jax", "torch")
"""Keras' backends that featx runs on, the preferred one first."""

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}

_TORCH_CUDA = re.compile(r"^cuda\b[^=]*= *'", re.MULTILINE)


def keras_backend() -> str:
    """Return the backend of Keras that featx runs on.

    It is, in this order, the one that Keras has been imported with; the environment
    variable ``KERAS_BACKEND``; ``backend`` in Keras' ``keras.json``, unless that is
    ``tensorflow``, which Keras writes there by itself, or isn't installed; one that is
    installed. Of several that are installed TensorFlow comes first, but where there is
    an NVIDIA GPU the first that was installed with support for it.

    Raises
    ------
    BackboneError
        The backend that is asked for is unknown to featx or isn't installed, or none
        is installed.
    """
    imported = getattr(sys.modules.get("keras"), "backend", None)
    if imported is not None:
        return _known(imported.backend(), "Keras is imported with the backend ")
    stated = os.environ.get("KERAS_BACKEND")
    if stated:
        return _installed_one(stated)
    configured = _configured()
    if configured not in {None, "tensorflow"}:
        _known(configured, f"{_keras_json()}: backend ")
        if find_spec(configured):
            return configured
    return _preferred()


def missing_backend(name: str) -> str | None:
    """Say why Keras doesn't run on a backend here, and how to change that.

    Returns
    -------
    str or None
        None where it does.
    """
    if not find_spec(name):
        return f"{TITLES[name]} isn't installed; pip install 'featx[{name}]'"
    used = keras_backend()
    if used != name:
        return f"Keras runs on {TITLES[used]} here; set KERAS_BACKEND={name}"
    return None


def keras_home() -> Path:
    """Return Keras' folder: ``$KERAS_HOME``, by default ``~/.keras``."""
    return Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser().absolute()


def _known(name: object, what: str) -> str:
    if name not in BACKENDS:
        raise BackboneError(
            f"{what}'{name}', featx runs on {', '.join(BACKENDS[:-1])} or"
            f" {BACKENDS[-1]}: set KERAS_BACKEND to one of them"
        )
    return str(name)


def _installed_one(stated: str) -> str:
    _known(stated, "KERAS_BACKEND is ")
    if not find_spec(stated):
        raise BackboneError(
            f"KERAS_BACKEND is '{stated}', but {TITLES[stated]} isn't installed: pip"
            f" install 'featx[{stated}]', or unset KERAS_BACKEND"
        )
    return stated


def _keras_json() -> Path:
    return keras_home() / "keras.json"


def _configured() -> str | None:
    """Return the backend in Keras' configuration; Keras ignores a damaged file, too."""
    try:
        content = json.loads(_keras_json().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    backend = content.get("backend") if isinstance(content, dict) else None
    return backend if isinstance(backend, str) else None


def _preferred() -> str:
    """Return the backend that suits the machine, of those that are installed."""
    installed = [name for name in BACKENDS if find_spec(name)]
    if not installed:
        extras = ", ".join(f"'featx[{name}]'" for name in BACKENDS[1:])
        raise BackboneError(
            "none of Keras' backends is installed: install one, for example pip"
            f" install 'featx[tensorflow]' (or {extras})"
        )
    if len(installed) > 1 and has_nvidia_gpu():
        return next(filter(_supports_nvidia, installed), installed[0])
    return installed[0]


def _supports_nvidia(name: str) -> bool:
    """Tell whether an installed backend was installed to run on NVIDIA's GPUs."""
    if name == "torch":
        return _torch_has_cuda()
    if name == "jax":
        return any(re.fullmatch(r"jax-cuda\d+-plugin", one) for one in _distributions())
    is_linux = platform.system() == "Linux"  # TensorFlow finds a GPU nowhere else
    return is_linux and any(one.startswith("nvidia-cudnn") for one in _distributions())


def _distributions() -> Iterator[str]:
    for one in distributions():
        if one.name:  # a broken installation has none
            yield one.name.lower().replace("_", "-")


def _torch_has_cuda() -> bool:
    """Read what PyTorch was built for, which takes seconds to import."""
    spec = find_spec("torch")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        version = Path(folder) / "version.py"
        if version.is_file():
            text = version.read_text(encoding="utf-8")
            return _TORCH_CUDA.search(text) is not None
    return False
