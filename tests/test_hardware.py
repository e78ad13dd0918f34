"""What the machine is said to have."""

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from featx import hardware as machine


def test_cores_and_memory_are_there():
    assert machine.usable_cores() >= 1
    assert machine.available_memory() > 1 << 20


def blas():
    """Return the numbers of threads of all BLAS libraries that are loaded."""
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}


def test_small_products_get_one_thread_and_large_ones_as_many_as_before():
    machine.usable_cores()
    with machine.blas_threads(1):  # loads SciPy's library where nothing else has
        pass
    before = blas()
    with machine.blas_threads(machine.LARGE_PRODUCT - 1):
        assert blas() == {1}
        with machine.blas_threads(machine.LARGE_PRODUCT):
            assert blas() == {1}  # never more than there were
    assert blas() == before
    with machine.blas_threads(machine.LARGE_PRODUCT):
        assert max(blas()) <= machine.usable_cores()
        assert blas() == {min(machine.usable_cores(), *before)}


def test_large_products_get_no_more_threads_than_a_container_has(monkeypatch):
    with machine.blas_threads(1):
        pass
    monkeypatch.setattr(machine, "usable_cores", lambda: 2)
    with threadpool_limits(8, user_api="blas"):
        with machine.blas_threads(machine.LARGE_PRODUCT):
            assert blas() == {2}
        assert blas() == {8}


def test_threads_are_restored_after_an_error():
    before = blas()
    with pytest.raises(ZeroDivisionError), machine.blas_threads(1):
        raise ZeroDivisionError
    assert blas() == before


def test_limiting_threads_imports_no_framework():
    script = (
        "import sys\n"
        "from featx.hardware import blas_threads\n"
        "with blas_threads(1): pass\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'xgboost'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_usable_cores_can_be_limited():
    script = "from featx.hardware import usable_cores\nprint(usable_cores())\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"LOKY_MAX_CPU_COUNT": "1"},
        check=True,
        capture_output=True,
    )
    assert int(done.stdout) == 1


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [("max", "5", None), ("1000", "400", 600), ("10", "20", 0)],
)
def test_a_containers_limit_counts(tmp_path, monkeypatch, limit, used, expected):
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text(used)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    found = machine.available_memory()
    assert found == expected if expected is not None else found > 1 << 20


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16", True), ("fpu avx2", False)],
)
def test_bfloat16_is_read_off_the_flags(tmp_path, monkeypatch, flags, expected):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(machine, "_CPU_INFO", info)
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    assert machine.has_bfloat16() is expected
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert not machine.has_bfloat16()
