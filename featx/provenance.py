"""When something was written, by which versions, and of which inputs."""

import hashlib
import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def provenance(packages: Sequence[str]) -> dict[str, Any]:
    """Return when something is written, `created`, and by which `versions`.

    Packages that aren't installed are left out.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            **{name: found for name in packages if (found := _version(name))},
        },
    }


def _version(package: str) -> str | None:
    """Return the version of a package; None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def fingerprint_of(*inputs: Any) -> str:
    """Return what runs whose inputs could differ in any number don't share.

    Parameters
    ----------
    inputs
        What JSON can say. The version of featx is always among them.
    """
    text = json.dumps([version("featx"), *inputs])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
