"""The recipes of CONTRIBUTING.md are true."""

import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.docs.conftest import ROOT, blocks, read_page


@pytest.mark.slow
def test_a_head_that_is_added_as_described_passes_the_conformance_tests(tmp_path):
    module, row = blocks("CONTRIBUTING.md", "python")
    for folder in ("featx", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "fixtures")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "featx" / "heads" / "centroid.py").write_text(module)
    table = tmp_path / "featx" / "heads" / "table.py"
    before, marker, after = table.read_text("utf-8").partition("_ROWS = (\n")
    table.write_text(f"{before}{marker}{row.rstrip()},\n{after}")
    words = ["-q", "tests/heads/test_conformance.py", "-k", "centroid"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_the_design_lists_the_layers_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    layers = [set(row.split(" | ")) for row in contract["layers"]]
    _, _, table = read_page("docs/design.md").partition("| package | contains |\n|---|")
    rows = re.findall(r"^\| (`.*?) \|", table.partition("\n\n")[0], re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == layers
