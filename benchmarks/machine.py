"""Where and with what it was measured, and who else was at work meanwhile."""

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from featx.hardware import has_nvidia_gpu, processor, processor_flags, usable_cores

TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
PACKAGES = ("featx", "tensorflow", "keras", "numpy", "opencv-python-headless")

GPU_FACTS = {
    "name": "name",
    "driver": "driver_version",
    "memory": "memory.total",
    "power_limit": "power.limit",
    "most_clock": "clocks.max.sm",
}
"""What is told of a GPU, and what nvidia-smi calls it."""


def describe_machine() -> dict[str, Any]:
    """Return the processor, its cores and what it can, and the memory."""
    flags = processor_flags()
    return {
        "cpu": processor(),
        "cores": usable_cores(),
        "flags": [flag for flag in TELLING_FLAGS if flag in flags],
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def describe_gpu() -> dict[str, str] | None:
    """Return the name of the GPU that is used, its driver and limits, if there is one.

    They are what ``nvidia-smi`` says of the first that ``CUDA_VISIBLE_DEVICES`` names.
    """
    program = shutil.which("nvidia-smi")
    if not program or not has_nvidia_gpu():
        return None
    one = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    asked = [
        *(program, f"--id={one}", "--format=csv,noheader"),
        f"--query-gpu={','.join(GPU_FACTS.values())}",
    ]
    try:
        told = subprocess.run(
            asked, check=False, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    values = [word.strip() for word in told.stdout.partition("\n")[0].split(",")]
    if told.returncode or len(values) != len(GPU_FACTS):
        return None
    return dict(zip(GPU_FACTS, values, strict=True))


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of Python and of those of the packages that are here."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return {"python": platform.python_version(), **found}


class Bystanders:
    """Tells how much of the processors others took since it was made.

    Parameters
    ----------
    pids : sequence of int
        Our own processes; their children are ours, too.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._own = [psutil.Process(pid) for pid in pids]
        self._total, self._ours = self._spent()

    def share(self) -> float:
        """Return the others' share, from 0 to 1; a hypervisor's steal is theirs."""
        total, ours = self._spent()
        busy = (total - self._total) - (ours - self._ours)
        machine = sum(psutil.cpu_times()) - self._whole
        return round(min(max(busy / max(machine, 1e-9), 0.0), 1.0), 3)

    def _spent(self) -> tuple[float, float]:
        """Return the processors' seconds at work: all, and ours."""
        times = psutil.cpu_times()
        if not hasattr(self, "_whole"):
            self._whole = sum(times)
        idle = times.idle + getattr(times, "iowait", 0.0)
        # The guests' time is within the user's.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        ours = sum(sum(process.cpu_times()[:4]) for process in self._own)
        return sum(times) - guests - idle, ours
