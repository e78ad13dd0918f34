"""What this machine has: cores, memory, arithmetic."""

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

LARGE_PRODUCT = 2**30
"""Multiply-adds of a matrix product from which on it is worth several threads.

The threads of a BLAS wait for each other at the end of each product, spinning. Where
other processes want the cores too, that costs a time slice of the scheduler or more,
about 20 ms a product. Two threads instead of one took, for float32 products of rows of
1280 features on two shared cores, as they were / beside two more busy processes:

- 10 million multiply-adds: up to 85 times / 65 times as long,
- 0.5 billion: 2.3 / 1.4,
- 1.6 billion: 1.0 / 0.9,
- 5 billion: 0.7 / 0.7.

One thread needs about 60 ms for a product of this size. `benchmarks/threads.py`
measures whole heads.
"""

_CGROUP = Path("/sys/fs/cgroup")
_CPU_INFO = Path("/proc/cpuinfo")
_NVIDIA = Path("/dev/nvidiactl")
_AMD = Path("/dev/kfd")

# As Linux names them; oneDNN computes in bfloat16 with either.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def usable_cores() -> int:
    """Return how many processors this process may use.

    Both its affinity and its container's share of processor time count (control
    groups, versions 1 and 2); half a processor counts as one.
    """
    import joblib

    return int(joblib.cpu_count())


@contextlib.contextmanager
def blas_threads(multiply_adds: int) -> Iterator[None]:
    """Let NumPy and SciPy compute in one thread, or in many if it is worth it.

    The limit holds for the whole process until the context is left. It never raises
    the number of threads that was set before, by ``OPENBLAS_NUM_THREADS`` for
    example.

    Parameters
    ----------
    multiply_adds : int
        Size of the largest matrix product inside; one of `LARGE_PRODUCT` or more may
        use as many threads as there are usable cores.
    """
    pools = _blas_pools()
    threads = usable_cores() if multiply_adds >= LARGE_PRODUCT else 1
    with pools.limit(limits=min([threads, *(p["num_threads"] for p in pools.info())])):
        yield


@cache
def _blas_pools() -> Any:
    """Return the thread pools of NumPy's and SciPy's BLAS; finding them takes 20 ms."""
    import scipy.linalg  # noqa: F401  loads SciPy's own BLAS
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


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
    return not _BFLOAT16_FLAGS.isdisjoint(processor_flags())


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def processor_flags() -> list[str]:
    """Return what Linux says that the processor can do; empty on other systems."""
    return _cpu_info().get("flags", "").split()


def has_nvidia_gpu() -> bool:
    """Tell whether there is an NVIDIA GPU that this process may use."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in {"", "-1"}:
        return False
    return _NVIDIA.exists() or shutil.which("nvidia-smi") is not None


def may_have_gpu() -> bool:
    """Tell, without a framework, whether one could find a GPU here."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return has_nvidia_gpu() or _AMD.exists()


def machine_kind() -> str:
    """Describe what decides how fast something is here: processor, cores, GPU."""
    words = [processor(), f"{usable_cores()} cores"]
    words += ["bfloat16"] if has_bfloat16() else []
    words += ["NVIDIA GPU"] if has_nvidia_gpu() else []
    return ", ".join(words)


def _cpu_info() -> dict[str, str]:
    """Return what Linux says of the first processor."""
    if not _CPU_INFO.is_file():
        return {}
    lines = [line.partition(":") for line in _CPU_INFO.read_text().splitlines()]
    return {name.strip(): value.strip() for name, _, value in reversed(lines)}
