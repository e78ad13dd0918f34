"""What this machine has: cores, memory, arithmetic."""

import os
import platform
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_CPU_INFO = Path("/proc/cpuinfo")

# As Linux names them; oneDNN computes in bfloat16 with either.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def usable_cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Return how many bytes may be taken before the machine, or its container, swaps.

    In a container with a limit of its own (control groups, version 2) what is left of
    that may be less.
    """
    import psutil

    available = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no such limit
        return available
    return min(available, max(0, limit - used))


def has_bfloat16() -> bool:
    """Tell whether the CPU has instructions for bfloat16 that oneDNN uses."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    for line in _CPU_INFO.read_text().splitlines():
        if line.startswith("flags"):
            return not _BFLOAT16_FLAGS.isdisjoint(line.split())
    return False
