"""What the machine is said to have."""

import pytest

from featx import hardware as machine


def test_cores_and_memory_are_there():
    assert machine.usable_cores() >= 1
    assert machine.available_memory() > 1 << 20


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
